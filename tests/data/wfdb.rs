//! WFDB records, against wfdb-python: see `tests/fixtures/wfdb/make.py`.

use std::fs;
use std::path::Path;

use ecgraft::ecg::Lead;
use ecgraft::source::wfdb::read;

use super::{Folder, refused};

const FIXTURES: &str = "tests/fixtures/wfdb";

#[test]
fn records_are_what_wfdb_python_reads() {
    let text = fs::read_to_string(Path::new(FIXTURES).join("expected.json")).unwrap();
    let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(expected.len(), 6);
    for (name, expected) in expected {
        let raw = read(&Path::new(FIXTURES).join(&name)).unwrap();
        assert_eq!(raw.sampling_rate, expected["rate"].as_f64().unwrap(), "{name}");
        let leads =
            expected["leads"].as_array().unwrap().iter().map(|lead| Lead::parse(lead.as_str().unwrap()).unwrap());
        assert_eq!(raw.leads, leads.collect::<Vec<_>>(), "{name}");
        let signals = expected["mv"].as_array().unwrap();
        assert_eq!(raw.signals.len(), signals.len(), "{name}");
        for ((own, theirs), lead) in raw.signals.iter().zip(signals).zip(&raw.leads) {
            let theirs: Vec<f64> = theirs.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
            assert_eq!(own.len(), theirs.len(), "{name} {lead:?}");
            for (own, theirs) in own.iter().zip(theirs) {
                assert!((f64::from(*own) - theirs).abs() <= 1e-7 * theirs.abs(), "{name} {lead:?}: {own} {theirs}");
            }
        }
    }
}

/// A fixture in a folder of its own, with `old` in the header become `new`.
fn edited(name: &str, old: &str, new: &str) -> Folder {
    let folder = Folder::new();
    for entry in fs::read_dir(FIXTURES).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "dat") {
            fs::copy(&path, folder.0.join(path.file_name().unwrap())).unwrap();
        }
    }
    let header = fs::read_to_string(Path::new(FIXTURES).join(format!("{name}.hea"))).unwrap();
    assert!(header.contains(old), "{header}");
    folder.write(&format!("{name}.hea"), header.replacen(old, new, 1));
    folder
}

/// What is said of a fixture with an edited header.
#[track_caller]
fn refused_header(name: &str, old: &str, new: &str, parts: &[&str]) {
    let folder = edited(name, old, new);
    refused(read(&folder.path(name)), &[&[&*format!("{name}.")], parts].concat());
}

/// What is said of a fixture with an edited signal file.
#[track_caller]
fn refused_signal(name: &str, edit: impl FnOnce(&mut Vec<u8>), parts: &[&str]) {
    let folder = edited(name, "", "");
    let path = folder.path(&format!("{name}.dat"));
    let mut bytes = fs::read(&path).unwrap();
    edit(&mut bytes);
    fs::write(&path, bytes).unwrap();
    refused(read(&folder.path(name)), &[&[&*format!("{name}.dat")], parts].concat());
}

#[test]
fn missing_files_are_named() {
    refused(read("tests/fixtures/wfdb/gone".as_ref()), &["gone.hea", "no such file"]);
    let folder = edited("plain16", "", "");
    fs::remove_file(folder.path("plain16.dat")).unwrap();
    refused(read(&folder.path("plain16")), &["plain16.dat", "no such file"]);
}

#[test]
fn a_signal_file_must_be_as_long_as_promised() {
    // 20 samples of 3 leads; 61 bytes fewer leave 29 whole samples: 9 of each lead, and I and II once more.
    refused_signal("plain16", |bytes| bytes.truncate(59), &["ends at sample 9 of lead V1", "120 bytes, there are 59"]);
    refused_signal("plain16", |bytes| bytes.clear(), &["ends at sample 0 of lead I;", "there are 0"]);
    refused_signal("plain16", |bytes| bytes.extend([0, 0]), &["122 bytes", "leads I, II, V1", "which are 120"]);
    refused_signal("odd212", |bytes| bytes.truncate(30), &["ends at sample 6 of lead V1"]);
    refused_signal("odd212", |bytes| bytes.extend([0, 0]), &["34 bytes", "which are 32"]);
    refused_header("plain16", "500 20", "500 21", &["ends at sample 20 of lead I"]);
    refused_header("plain16", "500 20", "500 19", &["leads I, II, V1", "which are 114"]);
    refused_header("plain16", "500 20", "500 18446744073709551615", &["samples"]);
}

#[test]
fn the_last_pair_of_12_bit_samples_may_be_whole() {
    let folder = edited("odd212", "", "");
    let mut bytes = fs::read(folder.path("odd212.dat")).unwrap();
    bytes.push(0);
    folder.write("odd212.dat", bytes);
    let whole = read(&folder.path("odd212")).unwrap();
    assert_eq!(whole.signals, read("tests/fixtures/wfdb/odd212".as_ref()).unwrap().signals);
}

#[test]
fn samples_without_a_number_are_counted_from_the_file() {
    let folder = edited("plain16", "500 20", "500");
    let counted = read(&folder.path("plain16")).unwrap();
    assert_eq!(counted.signals, read("tests/fixtures/wfdb/plain16".as_ref()).unwrap().signals);
}

#[test]
fn sums_and_first_samples_must_agree() {
    // Byte 3 x 2 x 7 + 4 is in sample 7 of the third lead.
    refused_signal("plain16", |bytes| bytes[46] ^= 1, &["lead V1", "checksum is 62155"]);
    refused_signal("even212", |bytes| bytes[20] ^= 1, &["lead V6", "checksum is 65390"]);
    refused_header("plain16", "4536 42639", "4536 42640", &["lead II", "add up to 42639", "checksum is 42640"]);
    refused_header("plain16", "4536 42639", "4537 42639", &["lead II", "first sample is 4536", "says 4537"]);
    // The same sum, modulo 65536.
    assert!(read(&edited("plain16", "4536 42639", "4536 -22897").path("plain16")).is_ok());
}

#[test]
fn a_gap_is_named() {
    refused_signal(
        "plain16",
        |bytes| bytes[3 * 2 * 5 + 2..][..2].copy_from_slice(&[0x00, 0x80]),
        &["lead II", "sample 5 (at 0.010 s) is missing", "-32768"],
    );
    // Samples 6 and 7 of all are sample 3 of both leads: bytes 9 to 11.
    refused_signal(
        "even212",
        |bytes| {
            bytes[10] = bytes[10] & 0x0f | 0x80;
            bytes[11] = 0;
        },
        &["lead V6", "sample 3 (at 0.030 s) is missing", "-2048"],
    );
}

#[test]
fn headers_that_cannot_be_meant_are_refused() {
    refused_header("plain16", "plain16 3", "plain16/2 3", &["plain16.hea: line 1", "2 segments"]);
    refused_header("plain16", "dat 16", "dat 17", &["line 2", "format 17 is not supported"]);
    refused_header("plain16", "plain16 3", "plain16 4", &["line 1 promises 4 signals, but 3"]);
    refused_header("plain16", "dat 16", "dat 24", &["differ in format or byte offset"]);
    refused_header("plain16", "dat 16", "dat 16x2", &["ends at sample 15 of lead I;"]);
    refused_header("plain16", "dat 16", "dat 16:20", &["lead I", "late by 20 samples"]);
    refused_header("plain16", "dat 16", "dat 16x18446744073709551615", &["more samples than there can be"]);
    refused_header("plain16", "dat 16", "dat 16+2", &["differ in format or byte offset"]);
    refused_header("plain16", "/mV", "/mmHg", &["lead I", "`mmHg`"]);
    refused_header("plain16", "0 II", "0 I", &["two signals are lead I"]);
    let folder = edited("two", "", "");
    let header = fs::read_to_string(folder.path("two.hea")).unwrap();
    let lines: Vec<_> = header.lines().collect();
    folder.write("two.hea", [lines[0], lines[1], lines[3], lines[2]].join("\n"));
    refused(read(&folder.path("two")), &["two.hea", "signals of two_16.dat are not described one after another"]);
}

#[test]
fn a_record_without_standard_leads_says_what_it_has() {
    let folder = edited("even212", "0 I\n", "0 MLII\n");
    let header = fs::read_to_string(folder.path("even212.hea")).unwrap().replace("0 V6", "0 resp");
    folder.write("even212.hea", header);
    refused(read(&folder.path("even212")), &["even212.hea", "`MLII`, `resp`"]);
}
