//! Files of ECG carts, against ecgdatakit and pydicom: see `tests/fixtures/hospital/make.py`.

use std::fs;
use std::path::{Path, PathBuf};

use ecgraft::Result;
use ecgraft::data::Dataset;
use ecgraft::ecg::{Lead, Sex, Voltage};
use ecgraft::source::signals::{Layout, Place, look, read};
use ecgraft::source::{Found, Reading, Request};
use serde_json::Value;

use super::{Folder, fresh, known, refused, signal};

const FIXTURES: &str = "tests/fixtures/hospital";

const FILES: [(&str, &str); 8] = [
    ("aecg.xml", "HL7 aECG"),
    ("explicit.dcm", "DICOM"),
    ("first.scp", "SCP-ECG"),
    ("muse.xml", "GE MUSE XML"),
    ("muse_comma.xml", "GE MUSE XML"),
    ("no_ending", "DICOM"),
    ("plain.scp", "SCP-ECG"),
    ("second.scp", "SCP-ECG"),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(FIXTURES).join(name)
}

fn expected(name: &str) -> Value {
    let text = fs::read_to_string(fixture("expected.json")).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all.as_object().unwrap().len(), FILES.len());
    all[name].take()
}

fn whole(path: &Path, layout: &Layout, reading: &Reading) -> Result<Found> {
    read(&Place { path: path.into(), entry: None }, layout, &Request::all(reading))
}

fn names(found: &Found) -> Vec<&'static str> {
    found.raw.leads.iter().map(|lead| lead.name()).collect()
}

#[test]
fn files_say_what_their_readers_read() {
    for (name, format) in FILES {
        let expected = expected(name);
        let found = whole(&fixture(name), &Layout::default(), &Reading::default()).unwrap();
        assert_eq!(Some(found.raw.sampling_rate), expected["rate"].as_f64(), "{name}");
        assert_eq!(serde_json::json!(names(&found)), expected["names"], "{name}");
        for lead in [Lead::II, Lead::V6] {
            let place = found.raw.leads.iter().position(|own| *own == lead).unwrap();
            let theirs: Vec<f64> = serde_json::from_value(expected["leads"][lead.name()].clone()).unwrap();
            let own = &found.raw.signals[place];
            assert_eq!(own.len(), theirs.len(), "{name}");
            // They are written with seven digits.
            let far = own
                .iter()
                .zip(&theirs)
                .position(|(own, theirs)| (f64::from(*own) - theirs).abs() > 1e-6 * theirs.abs().max(1.0));
            assert_eq!(far, None, "{name} {}", lead.name());
        }
        let seen = look(&fixture(name), &Layout::default()).unwrap();
        assert_eq!((seen.format, seen.sampling_rate, seen.samples), (format, Some(500.0), Some(300)), "{name}");
    }
}

/// What it knows beside: by ecgdatakit and pydicom, but for what these do not compute out of a file (`make.py` has it).
#[test]
fn a_folder_of_them_knows_its_people_intervals_and_statements() {
    let dataset = folder(Path::new(FIXTURES)).unwrap();
    assert_eq!(dataset.records.len(), FILES.len());
    for (record, (name, _)) in dataset.records.iter().zip(FILES) {
        let expected = expected(name);
        assert_eq!(record.id, Path::new(name).with_extension("").display().to_string());
        assert_eq!(record.patient, expected["patient"].as_str().unwrap(), "{name}");
        assert_eq!(record.age, expected["age"].as_f64().map(|age| age as f32), "{name}");
        let sex = record.sex.map_or("", |sex| if sex == Sex::Male { "M" } else { "F" });
        assert_eq!(sex, expected["sex"].as_str().unwrap(), "{name}");
        let said = |key: &str| expected[key].as_f64().map(|value| value as f32);
        let hr = said("heart_rate").or(said("rr_interval").map(|rr| 60_000.0 / rr));
        let own = known(record);
        let written: [Option<f32>; 4] = match name {
            "first.scp" => [hr, None, Some(380.0), Some(90.0)],
            "plain.scp" => [hr, Some(160.0), None, Some(90.0)],
            "second.scp" => [hr, Some(160.0), Some(380.0), Some(90.0)],
            "no_ending" => [Some(90.0), said("pr_interval"), said("qt_interval"), said("qrs_duration")],
            _ => [hr, said("pr_interval"), said("qt_interval"), said("qrs_duration")],
        };
        assert_eq!(own, written, "{name}");
        // Lines on an earlier ECG, and on who signed, are no statements.
        let lines = expected["statements"].as_array().unwrap().iter().map(|line| line[0].as_str().unwrap());
        let mut lines: Vec<_> = lines
            .filter(|line| !["When compared", "Premature", "Confirmed by"].iter().any(|start| line.starts_with(start)))
            .map(|line| format!("statement:{line}"))
            .collect();
        lines.sort();
        let all: Vec<_> = record.labels.iter().map(|label| format!("{label:?}")).collect();
        let mut own: Vec<_> = all.iter().filter(|label| label.starts_with("statement:")).cloned().collect();
        own.sort();
        assert_eq!(own, lines, "{name}");
    }
    // Of MUSE's pieces those of lines without doubt.
    let phrases = |place: usize| {
        let all = dataset.records[place].labels.iter().filter(|label| label.vocabulary().name() == "phrase");
        let mut all: Vec<_> = all.map(|label| label.name()).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(phrases(3), ["1st degree A-V block", "Abnormal ECG", "Sinus rhythm"]);
    assert_eq!(phrases(7), ["NORMAL SINUS RHYTHM"]);
}

fn folder(path: &Path) -> Result<Dataset> {
    let settings = serde_json::json!({ "kind": "hospital", "path": { "written": path, "resolved": { "Ok": path } } });
    let source: Box<dyn ecgraft::source::Source> = serde_json::from_value(settings).unwrap();
    fresh(source.as_ref(), &signal(&[Lead::II, Lead::AVF, Lead::V6], 500.0, 0.5))
}

#[test]
fn the_average_beat_is_read_where_it_is_asked_for() {
    for (name, samples) in [("muse.xml", 60), ("aecg.xml", 40), ("explicit.dcm", 40)] {
        let layout = Layout { array: Some("median".into()), ..Layout::default() };
        let found = whole(&fixture(name), &layout, &Reading::default()).unwrap();
        let theirs: Vec<(String, usize)> = serde_json::from_value(expected(name)["median"].clone()).unwrap();
        assert_eq!(theirs.len(), found.raw.leads.len(), "{name}");
        assert!(found.raw.signals.iter().all(|signal| signal.len() == samples) && theirs[0].1 == samples, "{name}");
        let gone = Layout { array: Some("beats".into()), ..Layout::default() };
        refused(whole(&fixture(name), &gone, &Reading::default()), &[name, "`beats`", "`rhythm`", "`median`"]);
    }
}

#[test]
fn what_the_source_says_overrides_steps_and_units() {
    let read = |reading: &Reading| whole(&fixture("muse.xml"), &Layout::default(), reading).unwrap();
    let file = read(&Reading::default());
    assert!((file.gain - 1000.0 / 4.88).abs() < 1e-9);
    let gain = read(&Reading { gain: Some(100.0), ..Reading::default() });
    let unit = read(&Reading { unit: Some(Voltage::Millivolt), ..Reading::default() });
    let [own, by_gain, by_unit] = [&file, &gain, &unit].map(|found| f64::from(found.raw.signals[0][3]));
    let steps = (own * 1000.0 / 4.88).round();
    assert_eq!((by_gain, by_unit), (f64::from((steps / 100.0) as f32), f64::from((steps * 4.88) as f32)));
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    let text = fs::read_to_string(fixture("muse.xml").with_extension("xml"));
    let latin: Vec<u8> = fs::read(fixture("muse.xml")).unwrap();
    assert!(text.is_err(), "the file is in Latin-1");
    let muse: String = latin.iter().copied().map(char::from).collect();
    let aecg = fs::read_to_string(fixture("aecg.xml")).unwrap();
    let folder = Folder::new();
    let told = |name: &str, bytes: &[u8], parts: &[&str]| {
        folder.write(name, bytes);
        let mut all = vec![name];
        all.extend(parts);
        refused(whole(&folder.path(name), &Layout::default(), &Reading::default()), &all);
    };
    let edited = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to).into_bytes()
    };
    told("cut.xml", &latin[..latin.len() / 2], &["no XML that can be read"]);
    told("other.xml", b"<html></html>", &["`html`", "`RestingECG`", "`AnnotatedECG`"]);
    told("sierra.xml", b"<restingecgdata xmlns='x'/>", &["Philips"]);
    told("nothing.xml", b"", &["none of the files"]);
    told("base.xml", &edited(&muse, "<SampleBase>500", "<SampleBase>5"), &["sampling rate is 5 Hz"]);
    told("silent.xml", &edited(&muse, "<SampleBase>500</SampleBase>", ""), &["`sampling_rate`"]);
    told("count.xml", &edited(&muse, "Total>300", "Total>301"), &["lead I", "300 samples", "promises 301"]);
    told("units.xml", &edited(&muse, "MICROVOLTS", "FURLONGS"), &["lead I", "`FURLONGS`", "`unit`"]);
    told("step.xml", &edited(&muse, ">4.88<", "><"), &["lead I", "`gain`"]);
    told("names.xml", &edited(&muse, "<LeadID>", "<LeadID>ch"), &["chI", "`leads = {"]);
    told("digits.xml", &edited(&aecg, "<digits>", "<digits>x "), &["lead I", "`x`"]);
    told("time.xml", &edited(&aecg, "unit=\"s\"/>", "unit=\"d\"/>"), &["time between samples is in `d`"]);
    let dicom = fs::read(fixture("explicit.dcm")).unwrap();
    told("cut.dcm", &dicom[..dicom.len() - 100], &["cut off"]);
    let syntax = dicom.windows(20).position(|window| window.starts_with(b"1.2.840.10008.1.2.1")).unwrap();
    let mut packed = dicom.clone();
    packed[syntax + 18] = b'2';
    told("big.dcm", &packed, &["1.2.840.10008.1.2.2", "explicit VR little endian"]);
    let scp = fs::read(fixture("second.scp")).unwrap();
    told("cut.scp", &scp[..scp.len() - 300], &["section", "cut off"]);
    // One sample of the 300 more: its codes end.
    let at = scp.windows(9).position(|nine| nine == [1, 0, 0, 0, 44, 1, 0, 0, 1]).unwrap();
    let mut longer = scp.clone();
    longer[at + 5] = 255;
    told("longer.scp", &longer, &["lead I", "Huffman codes"]);
}

#[test]
fn files_of_dicom_may_be_called_by_its_numbers() {
    let folder = Folder::new();
    let bytes = fs::read(fixture("no_ending")).unwrap();
    for name in ["a/1.2.840.1", "a/1.2.840.2"] {
        folder.write(name, &bytes);
    }
    // An index, and a file of something else, are no records.
    folder.write("a/DICOMDIR", &bytes);
    folder.write("a/1.2.840.3", "text");
    let ids: Vec<_> = self::folder(&folder.0).unwrap().records.into_iter().map(|record| record.id).collect();
    assert_eq!(ids, ["a/1.2.840.1", "a/1.2.840.2"]);
    let found = whole(&folder.path("a/1.2.840.1"), &Layout::default(), &Reading::default()).unwrap();
    assert_eq!(found.raw.leads.len(), 12);
}

#[test]
fn a_file_that_cannot_be_read_is_left_out_where_that_is_said() {
    let folder = Folder::new();
    for (name, _) in FILES {
        folder.write(name, fs::read(fixture(name)).unwrap());
    }
    folder.write("zz.xml", "<RestingECG/>");
    refused(self::folder(&folder.0), &["zz", "no signals"]);
    let empty = Folder::new();
    empty.write("notes.txt", "");
    refused(self::folder(&empty.0), &["no files of MUSE XML", ".dcm"]);
}
