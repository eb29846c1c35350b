//! What `inspect` proposes for folders that nobody described.

mod known;
mod layout;
mod study;

use std::fs;
use std::path::{Path, PathBuf};

use ecgraft::ecg::{Lead, RawRecord};
use ecgraft::inspect::propose;
use ecgraft::manifest::{Manifest, parse};
use ecgraft::source::wfdb::write::write;

/// An empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ecgraft-inspect-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("records")).unwrap();
    folder
}

/// A record of two leads, 100 Hz.
fn record(folder: &Path, name: &str, seconds: usize) {
    // Another wave for another name, but for a record and its copy.
    let number: String = name.chars().filter(char::is_ascii_digit).collect();
    let period = 16.0 + number.parse::<f32>().unwrap_or_default() / 7.0;
    let wave = |height: f32| (0..100 * seconds).map(|place| height * (place as f32 / period).sin()).collect();
    let raw = RawRecord { sampling_rate: 100.0, leads: vec![Lead::I, Lead::II], signals: vec![wave(0.5), wave(1.0)] };
    write(&folder.join("records"), name, &raw).unwrap();
}

fn manifest(text: &str) -> Manifest {
    parse(Path::new("it.toml"), text, &|_| None).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

#[track_caller]
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|own| own == *line), "no line `{line}` in\n{text}");
    }
}

#[test]
fn a_table_and_headers_beside_it_become_a_source_and_a_study() {
    let folder = folder("table");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/table");
    fs::copy(fixtures.join("codes.csv"), folder.join("codes.csv")).unwrap();
    for number in 0..6 {
        record(&folder, &format!("e{number}"), if number == 5 { 4 } else { 10 });
    }
    let proposal = propose(&folder).unwrap();
    let text = proposal.source();
    has(
        &text,
        &[
            "kind = \"table\"",
            "signals = \"records/{exam}.hea\"",
            "id = \"exam\"",
            "patient = \"patient\"",
            "age = \"age\"",
            "sex = \"gender\"",
            "measurements.qt = { value = \"qt_s\", unit = \"s\" } # median 0.4: s",
            "labels = { flags = [\"AF\", \"RBBB\"] }",
            "# seen: of 6 records that were read: 100 Hz in 6; 10 s in 5, 4 s in 1",
            "# odd: lengths differ: signal.duration must not be above the shortest",
        ],
    );
    let study = manifest(&proposal.study());
    let listing = study.used_sources().iter().find_map(|name| study.source(name)?.list(100.0).ok());
    assert_eq!(listing.unwrap().records.len(), 6);
    assert_eq!((study.signal.duration, study.signal.sampling_rate), (4.0, 100.0));
    // A file that goes is missed.
    fs::remove_file(folder.join("records/e3.hea")).unwrap();
    let text = propose(&folder.join("codes.csv")).unwrap().source();
    assert!(text.contains("# odd: 1 of the first 6 rows name no file that is there"), "{text}");
    assert!(text.contains("# odd: 1 of 6 records that were tried cannot be read; record e3: "), "{text}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn headers_alone_have_their_comments_for_columns() {
    let folder = folder("headers");
    for (number, codes) in ["426783006", "164889003,426783006", "426783006"].into_iter().enumerate() {
        record(&folder, &format!("A{number}"), 10);
        let path = folder.join(format!("records/A{number}.hea"));
        let header = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{header}#Age: {}\n#Sex: Female\n#Dx: {codes}\n", 50 + number)).unwrap();
    }
    let proposal = propose(&folder).unwrap();
    has(
        &proposal.source(),
        &[
            "signals = \"{record}.hea\"",
            "age = \"Age\"",
            "sex = \"Sex\"",
            "labels = { column = \"Dx\", form = \",\", vocabulary = \"snomed\" }",
            "# seen: 3 records of 3 patients; age known of 3, sex of 3",
            "# seen: 2 labels, such as SR 3, AFIB 1; 0 records have none",
        ],
    );
    assert!(proposal.study().contains("classes = [\"SR\", \"AFIB\"]"));
    manifest(&proposal.study());
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn numbers_for_what_is_missing_and_boundaries_are_found() {
    let folder = folder("mimic");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/table");
    fs::copy(fixtures.join("machine_measurements.csv"), folder.join("machine_measurements.csv")).unwrap();
    let text = propose(&folder.join("machine_measurements.csv")).unwrap().source();
    has(&text, &["missing = [29999, 32767, 65535]", "# odd: 29999 looks like a missing value: 1 in p_onset"]);
    for part in ["measurements.hr = \"60000 / rr_interval\" # ", "measurements.pr = \"qrs_onset - p_onset\" # "] {
        assert!(text.contains(part), "{text}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn where_there_is_nothing_it_is_told() {
    let folder = folder("nothing");
    let told = propose(&folder).unwrap_err().message;
    assert!(told.contains("there is no table with a row for each record"), "{told}");
    assert!(propose(&folder.join("none")).unwrap_err().message.contains("there is no such file"));
    fs::write(folder.join("notes.csv"), "a,b\n1,2\n").unwrap();
    assert!(propose(&folder).is_err());
    fs::remove_dir_all(&folder).unwrap();
}
