//! Every format of WFDB signal files, frames, skews and segments, against wfdb-python: see
//! `tests/fixtures/wfdb/formats/make.py`.

use std::fs;
use std::path::Path;

use ecgraft::ecg::Lead;
use ecgraft::source::signals::{Layout, Place, files, look, read};
use ecgraft::source::{Found, OtherLeads, Reading, Request};

use super::{Folder, refused};

const FIXTURES: &str = "tests/fixtures/wfdb/formats";

fn place(name: &str) -> Place {
    Place { path: Path::new(FIXTURES).join(name), entry: None }
}

/// The first samples of a record's leads.
fn part(name: &str, seconds: Option<f64>, leads: Option<&[Lead]>) -> ecgraft::Result<Found> {
    let reading = Reading::default();
    let request = Request { leads, seconds, others: OtherLeads::None, reading: &reading };
    read(&place(name), &Layout::default(), &request)
}

#[test]
fn records_are_what_wfdb_python_reads() {
    let text = fs::read_to_string(Path::new(FIXTURES).join("expected.json")).unwrap();
    let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(expected.len(), 26);
    for (name, expected) in expected {
        let signals: Vec<Vec<Option<f64>>> = serde_json::from_value(expected["mv"].clone()).unwrap();
        // A signal that is late ends the record before its last frames; others with a gap are no records.
        let missing = signals.iter().flat_map(|signal| signal.iter().position(Option::is_none)).min();
        let end = missing.unwrap_or(signals[0].len());
        let found = match missing {
            Some(_) if name != "skew" => {
                refused(part(&name, None, None), &["fixtures"]);
                part(&name, Some(end as f64 / 500.0), None).unwrap()
            }
            _ => part(&name, None, None).unwrap(),
        };
        assert_eq!(found.raw.sampling_rate, expected["rate"].as_f64().unwrap(), "{name}");
        let leads: Vec<String> = serde_json::from_value(expected["leads"].clone()).unwrap();
        assert_eq!(found.raw.leads.iter().map(|lead| lead.name()).collect::<Vec<_>>(), leads, "{name}");
        for (own, theirs) in found.raw.signals.iter().zip(&signals) {
            assert_eq!(own.len(), end, "{name}");
            for (own, theirs) in own.iter().zip(theirs) {
                let theirs = theirs.unwrap();
                assert!((f64::from(*own) - theirs).abs() <= 1e-6 * theirs.abs(), "{name}: {own} {theirs}");
            }
        }
    }
}

#[test]
fn gaps_between_segments_are_named() {
    refused(part("variable", None, None), &["variable.hea", "4 samples from sample 8 on (0.016 s)"]);
    assert_eq!(part("variable", Some(0.016), None).unwrap().raw.signals[1].len(), 8);
    assert_eq!(part("fixed", Some(0.02), None).unwrap().raw.signals[1].len(), 13);
    refused(part("seg_layout", None, None), &["seg_layout.hea", "`~`"]);
}

#[test]
fn a_segment_must_be_what_the_record_says() {
    let folder = Folder::new();
    for entry in fs::read_dir(FIXTURES).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.0.join(path.file_name().unwrap())).unwrap();
    }
    let reading = Reading::default();
    for (header, parts) in [
        ("r/2 2 500 13\nseg_1 8\nseg_2 4\n", &["r.hea", "segment seg_2 has 5 samples", "4 by this one"][..]),
        ("r/2 2 250 13\nseg_1 8\nseg_2 5\n", &["r.hea", "segment seg_1 has 500 Hz, the record 250 Hz"]),
        ("r/2 2 500 14\nseg_1 8\nseg_3 6\n", &["r.hea", "no lead V1"]),
        ("r/2 2 500 14\nseg_1 8\ngone 6\n", &["gone.hea", "no such file"]),
        ("r/1 2 500 14\nr 14\n", &["r.hea", "segment r is itself of segments"]),
        ("r/1 2 500 14\n~ 14\n", &["r.hea", "nothing was recorded"]),
    ] {
        folder.write("r.hea", header);
        let place = Place { path: folder.path("r"), entry: None };
        refused(read(&place, &Layout::default(), &Request::all(&reading)), parts);
        assert!(files(&place).contains(&folder.path("r.hea")));
    }
}

#[test]
fn what_a_header_says_is_looked_up() {
    let seen = look(&Path::new(FIXTURES).join("variable.hea"), &Layout::default()).unwrap();
    assert_eq!((seen.format, seen.sampling_rate, seen.samples), ("WFDB", Some(500.0), Some(23)));
    assert_eq!(seen.leads, ["I", "V1"]);
    assert_eq!((seen.unit.as_deref(), seen.gain), (Some("mV"), Some(200.0)));
    let named = files(&place("fixed.hea"));
    let names: Vec<_> = named.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["seg_1.dat", "seg_1.hea", "seg_2.dat", "seg_2.hea", "fixed.hea"]);
    let seen = look("tests/fixtures/wfdb/mixed16".as_ref(), &Layout::default()).unwrap();
    assert_eq!(seen.comments, ["Age: 60", "made for a test"]);
}

#[test]
fn a_flac_file_that_is_not_what_its_header_says_is_told() {
    let folder = Folder::new();
    let told = |header: &str, bytes: &[u8], parts: &[&str]| {
        folder.write("r.hea", header);
        folder.write("r.dat", bytes);
        let reading = Reading::default();
        let place = Place { path: folder.path("r"), entry: None };
        refused(read(&place, &Layout::default(), &Request::all(&reading)), parts);
    };
    let bytes = fs::read(Path::new(FIXTURES).join("f516.dat")).unwrap();
    let two = |format: &str, samples: usize| {
        format!("r 2 500 {samples}\nr.dat {format} 200 16 0 0 0 0 I\nr.dat {format} 200 16 0 0 0 0 II\n")
    };
    told(&two("516", 20), b"nothing", &["r.dat", "no FLAC"]);
    told(&two("516", 20), &bytes[..bytes.len() - 20], &["r.dat"]);
    told(&two("516", 21), &bytes, &["r.dat", "ends at sample 20", "promises 21"]);
    told(&two("508", 20), &bytes, &["2 channels of 16 bits", "at most 8"]);
    told("r 1 500 20\nr.dat 516 200 16 0 0 0 0 I\n", &bytes, &["2 channels", "1 signals"]);
    told(&two("516+8", 20), &bytes, &["no byte offset"]);
}
