//! DeepFake-ECG's layout.

use std::fs;

use ecgraft::Result;
use ecgraft::data::{Dataset, fingerprint, load};
use ecgraft::ecg::{Lead, Measurement};
use ecgraft::manifest::{Normalize, Shorter, Signal};

use super::{Folder, deepfake, fresh, known, refused, signal};

const TRUTH: &str = "patid,avgrrinterval,pr,qrs,qt\n2,800.0,160.0,90.5,380.0\n10,1000,,92,400\n77,900,150,90,390\n";

/// Records 2, 10 and 11, of four rows each; no row for 11, and no file for 77.
fn small() -> Folder {
    let folder = Folder::new();
    folder.write("truth.csv", TRUTH);
    for record in [2, 10, 11] {
        folder.write(&format!("asc/{record}.asc"), rows(record));
    }
    folder
}

fn rows(record: i32) -> String {
    let row = |row: i32| (0..8).map(|lead| (row * 100 - lead - record).to_string()).collect::<Vec<_>>().join(" ");
    (0..4).map(|number| row(number) + "\n").collect()
}

fn read(folder: &Folder) -> Result<Dataset> {
    fresh(&deepfake(&folder.0), &signal(&[Lead::V6, Lead::I], 500.0, 4.0 / 500.0))
}

#[test]
fn a_small_folder() {
    let dataset = read(&small()).unwrap();
    assert_eq!(dataset.records.iter().map(|record| &*record.id).collect::<Vec<_>>(), ["2", "10", "11"]);
    for record in &dataset.records {
        assert_eq!((&record.patient, record.fold, record.labels.is_empty()), (&record.id, None, true));
    }
    assert_eq!(known(&dataset.records[0]), [Some(75.0), Some(160.0), Some(380.0), Some(90.5)]);
    assert_eq!(dataset.records[1].measurement(Measurement::PR), None);
    assert_eq!(known(&dataset.records[2]), [None; 4]);
    // Row by row in microvolts: V6 is the last of eight, 7 below I.
    assert_eq!(dataset.signal(1).unwrap(), [-0.017, 0.083, 0.183, 0.283, -0.010, 0.09, 0.19, 0.29]);
    let expected = [
        "1 of 3 records have no row in truth.csv",
        "1 of 3 rows of truth.csv have no .asc file; they were left out",
        "HR is missing in 1 of 3 records (no regression on HR from them)",
        "PR is missing in 2 of 3 records (no regression on PR from them)",
        "QT is missing in 1 of 3 records (no regression on QT from them)",
        "QRS is missing in 1 of 3 records (no regression on QRS from them)",
    ];
    assert_eq!(dataset.notes, expected);
}

#[test]
fn the_table_may_lie_beside_the_folder_and_forms_may_vary() {
    let folder = small();
    folder.write("truth.csv", "QT,QRS,PR,AvgRRInterval,PatID,more\n380.0,90.5,160.0,800.0,2,x\n");
    folder.write("notes.csv", "what,ever\n1,2\n");
    folder.write("asc/2.asc", format!("  {}\r\n\n", rows(2).trim().replace(' ', "\t").replace('\n', "\r\n")));
    let source = deepfake(&folder.path("asc"));
    let dataset = fresh(&source, &signal(&[Lead::I], 500.0, 4.0 / 500.0)).unwrap();
    assert_eq!(known(&dataset.records[0]), [Some(75.0), Some(160.0), Some(380.0), Some(90.5)]);
    assert_eq!(dataset.signal(0).unwrap(), [-0.002, 0.098, 0.198, 0.298]);
}

#[test]
fn the_table_must_be_one() {
    let folder = small();
    folder.write("other.csv", TRUTH);
    refused(read(&folder), &["several CSV files", "other.csv", "truth.csv"]);
    fs::remove_file(folder.path("other.csv")).unwrap();
    folder.write("truth.csv", TRUTH.replace("qrs", "qsr"));
    refused(read(&folder), &["no ground-truth table", "patid, avgrrinterval, pr, qrs and qt"]);
    fs::remove_file(folder.path("truth.csv")).unwrap();
    refused(fingerprint(&deepfake(&folder.0), &folder.0), &["no ground-truth table"]);
    fs::remove_dir_all(folder.path("asc")).unwrap();
    refused(fingerprint(&deepfake(&folder.0), &folder.0), &["no .asc files"]);
}

#[test]
fn faults_are_named_by_file_and_line() {
    for (file, content, parts) in [
        (
            "asc/10.asc",
            rows(10).replace("90 ", "NaN "),
            &["record 10", "10.asc:2", "`NaN` is not a whole number"] as &[_],
        ),
        ("asc/10.asc", rows(10).replace("190 ", "19O "), &["10.asc:3", "`19O`"]),
        ("asc/10.asc", rows(10).replace("190 ", "1.5 "), &["10.asc:3", "`1.5`"]),
        ("asc/10.asc", rows(10).replace("190 ", "99999999999 "), &["10.asc:3", "`99999999999`"]),
        ("asc/10.asc", rows(10).replace("190 ", "- "), &["10.asc:3", "`-`"]),
        ("asc/10.asc", rows(10).replace("190 ", ""), &["10.asc:3", "7 numbers; 8 were expected (I II V1"]),
        ("asc/10.asc", rows(10).replace("190 ", "190 1 "), &["10.asc:3", "9 numbers"]),
        ("asc/10.asc", String::from("\n"), &["10.asc", "no samples"]),
        ("more/10.asc", rows(10), &["record 10 is there twice", "asc/10.asc", "more/10.asc"]),
        ("truth.csv", TRUTH.replace("92", "9x"), &["truth.csv:3", "column qrs", "`9x` is not a number"]),
        ("truth.csv", TRUTH.replace("77", "2"), &["truth.csv:4", "column patid", "record 2 is there twice"]),
    ] {
        let folder = small();
        folder.write(file, content);
        refused(read(&folder), parts);
    }
}

/// The small folder, whose last record has two rows of four.
fn uneven() -> Folder {
    let folder = small();
    folder.write("asc/11.asc", rows(11).lines().take(2).collect::<Vec<_>>().join("\n"));
    folder
}

#[test]
fn shorter_records_are_refused_padded_or_left_out() {
    let folder = uneven();
    let source = deepfake(&folder.0);
    let stop = signal(&[Lead::V6, Lead::I], 500.0, 4.0 / 500.0);
    refused(fresh(&source, &stop), &["record 11", "2 samples at 500 Hz", "less than the 0.008 s of `duration`"]);

    let pad = Signal { shorter: Shorter::Pad, ..stop.clone() };
    let dataset = fresh(&source, &pad).unwrap();
    assert_eq!(dataset.signal(1).unwrap(), fresh(&deepfake(&small().0), &stop).unwrap().signal(1).unwrap());
    // V6 is 7 below I.
    assert_eq!(dataset.signal(2).unwrap(), [-0.018, 0.082, 0.0, 0.0, -0.011, 0.089, 0.0, 0.0]);
    // Zeros come after normalisation: two values are 1 below and above their mean.
    let scaled = fresh(&source, &Signal { normalize: Normalize::ZScore, ..pad }).unwrap().signal(2).unwrap();
    let expected = [-1.0, 1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0];
    assert!(scaled.iter().zip(expected).all(|(own, expected)| (own - expected).abs() < 1e-5), "{scaled:?}");

    let leave_out = Signal { shorter: Shorter::LeaveOut, ..stop };
    let cache = Folder::new();
    for _ in 0..2 {
        let dataset = load("it", &source, &leave_out, &cache.0).unwrap();
        assert_eq!(dataset.records.iter().map(|record| &*record.id).collect::<Vec<_>>(), ["2", "10"]);
        assert_eq!(dataset.all_signals().unwrap().len(), 2 * 2 * 4);
        let [left] = &dataset.left_out[..] else { panic!("{:?}", dataset.left_out) };
        assert!(left.id == "11" && left.shorter && left.reason.contains("2 samples at 500 Hz"), "{left:?}");
        let warning = dataset.warnings.last().unwrap();
        assert!(warning.starts_with("1 of 3 records are shorter than signal.duration and are left out"), "{warning}");
    }
    // Whatever else is wrong with a record is not forgiven.
    folder.write("asc/10.asc", format!("x{}", rows(10)));
    refused(load("it", &source, &leave_out, &cache.0), &["record 10"]);
}
