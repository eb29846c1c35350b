//! Signals in NumPy, HDF5, MATLAB and text files, against NumPy, h5py and SciPy: see `tests/fixtures/signals/make.py`.

use std::fs;
use std::path::{Path, PathBuf};

use ecgraft::Result;
use ecgraft::ecg::{Lead, Voltage};
use ecgraft::source::signals::{Axis, Layout, Place, files, is_there, look, read};
use ecgraft::source::{Found, OtherLeads, Reading, Request};

use super::{Folder, refused};

const FIXTURES: &str = "tests/fixtures/signals";

const ORDER: [Lead; 3] = [Lead::V1, Lead::II, Lead::AVR];

fn layout() -> Layout {
    Layout { sampling_rate: Some(500.0), order: Some(ORDER.into()), ..Layout::default() }
}

fn place(path: impl AsRef<Path>, entry: Option<usize>) -> Place {
    Place { path: path.as_ref().into(), entry }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(FIXTURES).join(name)
}

/// Everything in a file of millivolts.
fn whole(place: &Place, layout: &Layout) -> Result<Found> {
    let reading = Reading { unit: Some(Voltage::Millivolt), ..Reading::default() };
    read(place, layout, &Request::all(&reading))
}

#[test]
fn files_are_what_their_libraries_read() {
    let text = fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(expected.len(), 26);
    for (name, expected) in expected {
        let is_for_many = ["many", "packed", "new"].iter().any(|start| name.starts_with(start));
        let place = place(fixture(&name), is_for_many.then_some(2));
        assert!(is_there(&place));
        assert_eq!(files(&place), [fixture(&name)]);
        let found = whole(&place, &layout()).unwrap();
        assert_eq!((found.raw.sampling_rate, found.gain), (500.0, 1.0), "{name}");
        assert_eq!(found.raw.leads, ORDER, "{name}");
        let expected: Vec<Vec<f64>> = serde_json::from_value(expected).unwrap();
        for (own, theirs) in found.raw.signals.iter().zip(&expected) {
            let theirs: Vec<f32> = theirs.iter().map(|&value| value as f32).collect();
            assert_eq!(*own, theirs, "{name}");
        }
    }
}

/// An HDF5 file stays open between its records; one that is written anew is opened anew.
#[test]
fn a_file_that_changed_is_read_again() {
    let text = fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let folder = Folder::new();
    for name in ["many.hdf5", "new.h5", "many.hdf5"] {
        folder.write("it.h5", fs::read(fixture(name)).unwrap());
        let found = whole(&place(folder.path("it.h5"), Some(2)), &layout()).unwrap();
        let first = f64::from(found.raw.signals[0][0]);
        assert_eq!(first, f64::from(expected[name][0][0].as_f64().unwrap() as f32), "{name}");
        // Another entry of the same file, and another array of none.
        assert!(whole(&place(folder.path("it.h5"), Some(3)), &layout()).is_ok());
        refused(whole(&place(folder.path("it.h5"), Some(4)), &layout()), &["there is no record 4"]);
        let other = Layout { array: Some("none".into()), ..layout() };
        refused(whole(&place(folder.path("it.h5"), Some(0)), &other), &["there is no array `none`"]);
    }
}

#[test]
fn what_files_say_of_themselves() {
    for (name, format, arrays, entries) in [
        ("sph.h5", "HDF5", &["ecg (3, 20) f2"][..], Some(1)),
        ("many.hdf5", "HDF5", &["exam_id (4,) i8", "tracings (4, 20, 3) f4"], Some(4)),
        ("new.h5", "HDF5", &["a/b/x (4, 20, 3) i2"], Some(4)),
        ("stored.npz", "NumPy", &["fs () f8", "signal (3, 20) f4"], Some(1)),
        ("many_channel.npy", "NumPy", &[" (4, 1, 20, 3) f4"], Some(4)),
        ("level4.mat", "MATLAB 4", &["val (3, 20) i2"], Some(1)),
        ("cpsc.mat", "MATLAB 5", &["ECG/age (1, 1) i8", "ECG/data (3, 20) f8"], Some(1)),
        ("named.csv", "CSV", &[" (20, 4) f8"], Some(1)),
    ] {
        let seen = look(&fixture(name), &Layout::default()).unwrap();
        let shape = |shape: &[usize]| match shape {
            [] => "()".into(),
            [one] => format!("({one},)"),
            sides => format!("({})", sides.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        };
        let mut own: Vec<String> =
            seen.arrays.iter().map(|array| format!("{} {} {}", array.name, shape(&array.shape), array.of)).collect();
        own.sort();
        // SciPy chooses the type of small whole numbers.
        let own: Vec<String> = own.into_iter().map(|text| text.replace("(1, 1) u1", "(1, 1) i8")).collect();
        assert_eq!(
            (seen.format, own.as_slice(), seen.entries),
            (format, &*arrays.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>(), entries)
        );
    }
    assert_eq!(look(&fixture("named.csv"), &Layout::default()).unwrap().leads, ["time", "V1", "II", "aVR"]);
}

#[test]
fn what_nobody_says_is_asked_for() {
    let sph = place(fixture("sph.h5"), None);
    let reading = Reading::default();
    refused(read(&sph, &layout(), &Request::all(&reading)), &["sph.h5", "which unit", "`unit`"]);
    refused(whole(&sph, &Layout { sampling_rate: None, ..layout() }), &["sph.h5", "`sampling_rate`"]);
    refused(whole(&sph, &Layout { order: None, ..layout() }), &["sph.h5", "does not name its leads", "`order ="]);
    let two = Layout { order: Some(vec![Lead::I, Lead::II]), ..layout() };
    refused(whole(&sph, &two), &["sph.h5", "3 rows and 20 columns", "2 leads"]);
    let as_columns = Layout { leads_are: Some(Axis::Columns), ..layout() };
    refused(whole(&sph, &as_columns), &["sph.h5", "3 leads as columns"]);
    refused(whole(&sph, &Layout { array: Some("egc".into()), ..layout() }), &["sph.h5", "`egc`", "`ecg` (3, 20)"]);
    let twice = Layout { order: Some(vec![Lead::I, Lead::II, Lead::I]), ..layout() };
    refused(whole(&sph, &twice), &["sph.h5", "lead I is there twice"]);
    refused(whole(&place(fixture("many.npy"), None), &layout()), &["many.npy", "more than one record"]);
    refused(whole(&place(fixture("many.npy"), Some(4)), &layout()), &["many.npy", "no record 4", "holds 4"]);
    refused(whole(&place(fixture("gone.npy"), None), &layout()), &["gone.npy", "no such file"]);
    refused(whole(&place("tests/fixtures/signals/make.py", None), &layout()), &["make.py", "no format", ".npy"]);
}

#[test]
fn only_what_is_used_must_be_numbers() {
    let folder = Folder::new();
    let mut text = String::from("I,II,V1,note\n");
    for sample in 0..10 {
        // II ends after 6 samples, V1 has a gap at once.
        let (second, chest) = if sample < 6 { ("0.5", "") } else { ("nan", "1") };
        text += &format!("{sample},{second},{chest},words\n");
    }
    folder.write("a.csv", text);
    let file = place(folder.path("a.csv"), None);
    let reading = Reading { unit: Some(Voltage::Microvolt), ..Reading::default() };
    let part = |leads: &[Lead], seconds| {
        let request = Request { leads: Some(leads), seconds, others: OtherLeads::All, reading: &reading };
        read(&file, &layout(), &request)
    };
    let found = part(&[Lead::I], None).unwrap();
    assert_eq!((found.raw.signals[0].len(), found.raw.signals[0][3], found.gain), (10, 0.003, 1000.0));
    assert!(found.others.is_empty());
    let found = part(&[Lead::II], Some(0.01)).unwrap();
    assert_eq!(found.raw.signals[0].len(), 6);
    assert_eq!(found.others.iter().map(|(lead, own)| (*lead, own.len())).collect::<Vec<_>>(), [(Lead::I, 6)]);
    refused(part(&[Lead::II], None), &["a.csv", "lead II", "sample 6 (at 0.012 s)"]);
    refused(part(&[Lead::V1], Some(0.01)), &["a.csv", "lead V1", "sample 0"]);
    refused(part(&[Lead::V2], None), &["a.csv", "no lead V2", "I, II, V1"]);
}

#[test]
fn damaged_files_are_refused_whatever_is_cut() {
    let folder = Folder::new();
    for name in ["one_1.npy", "packed.npz", "sph.h5", "many.hdf5", "level4.mat", "cpsc.mat", "stored.npz"] {
        let bytes = fs::read(fixture(name)).unwrap();
        let many = ["packed", "many"].iter().any(|start| name.starts_with(start));
        let place = place(folder.path(name), many.then_some(3));
        for length in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
            folder.write(name, &bytes[..length]);
            // A cut may be in what nobody reads; what is read is then whole.
            match whole(&place, &layout()) {
                Ok(found) => assert_eq!(found.raw.signals[0].len(), 20, "{name} {length}"),
                Err(error) => assert!(error.message.contains(name), "{}", error.message),
            }
        }
    }
    let shape = |name: &str, shape: &str, parts: &[&str]| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend([0; 80]);
        folder.write(name, bytes);
        refused(whole(&place(folder.path(name), None), &layout()), parts);
    };
    shape("a.npy", "(3, 20)", &["a.npy", "240 bytes", "cut off"]);
    shape("a.npy", "(3, 4611686018427387904)", &["a.npy", "absurd"]);
    shape("a.npy", "(3, 1000000000000)", &["a.npy", "cut off"]);
    shape("a.npy", "(0, 3)", &["a.npy", "empty"]);
    folder.write("b.csv", "1,2,3\n4,5\n");
    refused(whole(&place(folder.path("b.csv"), None), &layout()), &["b.csv:2", "2 fields", "3"]);
    folder.write("b.csv", "1,2,3\n4,x,6\n");
    refused(whole(&place(folder.path("b.csv"), None), &layout()), &["b.csv:2", "column 2", "`x`"]);
}
