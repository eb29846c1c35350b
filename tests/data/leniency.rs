//! What is not used is not checked, and what is only called otherwise is read.

use std::fs;
use std::path::Path;

use ecgraft::data::Dataset;
use ecgraft::ecg::{Lead, Voltage};
use ecgraft::manifest::Signal;
use ecgraft::source::{DeepfakeEcg, PtbXl, Reading, Unreadable};

use super::{Folder, data_path, fresh, refused, signal};

const LEADS: [&str; 4] = ["I", "II", "III", "V6"];

/// One record of 10 s at 100 Hz: I, II, III = II - I, V6.
fn samples() -> [Vec<i16>; 4] {
    let wave = |height: f64, shift: f64| -> Vec<i16> {
        (0..1000).map(|i| (height * (f64::from(i) * 0.0628 + shift).sin()).round() as i16 + i as i16 % 7).collect()
    };
    let (one, two) = (wave(500.0, 0.0), wave(700.0, 0.4));
    let three = one.iter().zip(&two).map(|(one, two)| two - one).collect();
    [one, two, three, wave(900.0, 1.0)]
}

/// A folder with that record, changed, and names, gains and checksums as `line` writes them: from the name, the first
/// sample and the sum.
fn record(change: impl FnOnce(&mut [Vec<i16>; 4]), line: impl Fn(&str, i16, i16) -> String) -> Folder {
    let mut signals = samples();
    change(&mut signals);
    let folder = Folder::new();
    let mut header = String::from("1_lr 4 100 1000\n");
    for (name, samples) in LEADS.iter().zip(&signals) {
        let sum = samples.iter().fold(0i16, |sum, sample| sum.wrapping_add(*sample));
        header.push_str(&line(name, samples[0], sum));
    }
    let frames = (0..1000).flat_map(|frame| signals.iter().map(move |signal| signal[frame]).collect::<Vec<_>>());
    folder.write("1_lr.hea", header);
    folder.write("1_lr.dat", frames.flat_map(i16::to_le_bytes).collect::<Vec<_>>());
    folder.write(
        "ptbxl_database.csv",
        "ecg_id,patient_id,scp_codes,strat_fold,filename_lr\n1,1,{'NORM': 100.0},1,1_lr\n",
    );
    folder.write("scp_statements.csv", ",diagnostic,diagnostic_class\nNORM,1.0,NORM\n");
    folder
}

fn usual(name: &str, first: i16, sum: i16) -> String {
    format!("1_lr.dat 16 1000(0)/mV 16 0 {first} {sum} 0 {name}\n")
}

fn source(folder: &Path, reading: Reading) -> PtbXl {
    PtbXl { reading, ..PtbXl::at(data_path(folder)) }
}

fn read(folder: &Folder, signal: &Signal) -> ecgraft::Result<Dataset> {
    fresh(&source(&folder.0, Reading::default()), signal)
}

fn limb(duration: f64) -> Signal {
    signal(&[Lead::I, Lead::II], 100.0, duration)
}

#[test]
fn leads_and_time_that_are_not_used_are_not_checked() {
    let whole = read(&record(|_| {}, usual), &limb(5.0)).unwrap();
    // A sample of V6 at 9 s is missing.
    let gap = record(|signals| signals[3][900] = i16::MIN, usual);
    assert_eq!(read(&gap, &limb(5.0)).unwrap().all_signals().unwrap(), whole.all_signals().unwrap());
    assert_eq!(read(&gap, &limb(10.0)).unwrap().records.len(), 1);
    let chest = signal(&[Lead::V6], 100.0, 10.0);
    refused(read(&gap, &chest), &["record 1: ", "1_lr.dat: lead V6: sample 900 (at 9.000 s) is missing"]);
    // One of lead II at 9 s: too late for 5 s, in time for 10.
    let gap = record(|signals| signals[1][900] = i16::MIN, usual);
    assert_eq!(read(&gap, &limb(5.0)).unwrap().all_signals().unwrap(), whole.all_signals().unwrap());
    assert_eq!(read(&gap, &limb(9.0)).unwrap().all_signals().unwrap().len(), 1800);
    refused(read(&gap, &limb(9.01)), &["lead II: sample 900"]);
    // A filter sees the record up to there.
    let mut filtered = limb(5.0);
    filtered.bandpass = Some([0.5, 40.0]);
    assert!(read(&gap, &filtered).unwrap().all_signals().unwrap().iter().all(|value| value.is_finite()));
    // A lead that another is computed from is used.
    let folder = record(|signals| signals[1][20] = i16::MIN, usual);
    refused(read(&folder, &signal(&[Lead::AVF], 100.0, 5.0)), &["lead II: sample 20"]);
    assert!(read(&folder, &signal(&[Lead::III, Lead::I], 100.0, 5.0)).is_ok());
    // A checksum counts where its lead is used.
    let wrong = |name: &str, first: i16, sum: i16| usual(name, first, if name == "V6" { sum ^ 1 } else { sum });
    assert!(read(&record(|_| {}, wrong), &limb(5.0)).is_ok());
    refused(read(&record(|_| {}, wrong), &chest), &["lead V6", "checksum"]);
}

#[test]
fn leads_by_other_names() {
    let whole = read(&record(|_| {}, usual), &limb(10.0)).unwrap();
    let named = |name: fn(&str) -> String| move |lead: &str, first: i16, sum: i16| usual(&name(lead), first, sum);
    for name in [
        |lead: &str| format!("Lead {lead}"),
        |lead: &str| format!("MDC_ECG_LEAD_{lead}"),
        |lead: &str| format!("ECG lead {lead}"),
        |lead: &str| format!("ecg_{}", lead.to_lowercase()),
    ] {
        assert_eq!(
            read(&record(|_| {}, named(name)), &limb(10.0)).unwrap().all_signals().unwrap(),
            whole.all_signals().unwrap()
        );
    }
    let channels = record(
        |_| {},
        |name, first, sum| {
            usual(&format!("CH{}", 1 + LEADS.iter().position(|lead| *lead == name).unwrap()), first, sum)
        },
    );
    refused(read(&channels, &limb(10.0)), &["1_lr.hea", "`CH1`, `CH2`", "leads = { NAME = \"I\" }"]);
    let leads = [("CH1".to_owned(), Lead::I), ("ch2".to_owned(), Lead::II)].into();
    let told = source(&channels.0, Reading { leads, ..Reading::default() });
    assert_eq!(fresh(&told, &limb(10.0)).unwrap().all_signals().unwrap(), whole.all_signals().unwrap());
    refused(
        fresh(&told, &signal(&[Lead::V1], 100.0, 10.0)),
        &["no signal is lead V1, nor can it be computed", "`CH4`"],
    );
}

#[test]
fn a_lead_that_is_there_twice() {
    let twice = |name: &str, first: i16, sum: i16| usual(if name == "V6" { "II" } else { name }, first, sum);
    let equal = record(|signals| signals[3] = signals[1].clone(), twice);
    let whole = read(&record(|_| {}, usual), &limb(10.0)).unwrap();
    assert_eq!(read(&equal, &limb(10.0)).unwrap().all_signals().unwrap(), whole.all_signals().unwrap());
    let other = record(
        |signals| {
            signals[3] = signals[1].clone();
            signals[3][77] += 1;
        },
        twice,
    );
    refused(read(&other, &limb(10.0)), &["1_lr.hea: two signals are lead II, and differ from sample 77 on"]);
    assert!(read(&other, &signal(&[Lead::I], 100.0, 10.0)).is_ok());
}

#[test]
fn checksums_that_nobody_computed() {
    let whole = read(&record(|_| {}, usual), &limb(10.0)).unwrap();
    let none = record(|_| {}, |name, _, _| usual(name, 0, 0));
    let read_all = read(&none, &limb(10.0)).unwrap();
    assert_eq!(read_all.all_signals().unwrap(), whole.all_signals().unwrap());
    assert!(read_all.warnings.iter().any(|note| note.contains("0 for every checksum")), "{:?}", read_all.warnings);
    // One that is 0 among others is one.
    let one = record(|_| {}, |name, first, sum| usual(name, first, if name == "II" { 0 } else { sum }));
    refused(read(&one, &limb(10.0)), &["lead II", "checksum is 0"]);
}

#[test]
fn units_and_gains_of_the_source() {
    let whole = read(&record(|_| {}, usual), &limb(10.0)).unwrap();
    let in_unit = |unit: &'static str, gain: f64| {
        record(|_| {}, move |name, first, sum| format!("1_lr.dat 16 {gain}(0)/{unit} 16 0 {first} {sum} 0 {name}\n"))
    };
    for (unit, gain) in
        [("microvolts", 1.0), ("\u{b5}V", 1.0), ("uv", 1.0), ("Millivolt", 1000.0), ("V", 1e6), ("nV", 0.001)]
    {
        assert_eq!(
            read(&in_unit(unit, gain), &limb(10.0)).unwrap().all_signals().unwrap(),
            whole.all_signals().unwrap(),
            "{unit}"
        );
    }
    let adu = in_unit("adu", 1.0);
    refused(read(&adu, &limb(10.0)), &["lead I is in `adu`", "`unit` or `gain` in the source"]);
    for reading in [
        Reading { unit: Some(Voltage::Microvolt), ..Reading::default() },
        Reading { gain: Some(1000.0), ..Reading::default() },
        Reading { gain: Some(1.0), unit: Some(Voltage::Microvolt), ..Reading::default() },
    ] {
        assert_eq!(
            fresh(&source(&adu.0, reading), &limb(10.0)).unwrap().all_signals().unwrap(),
            whole.all_signals().unwrap()
        );
    }
    // Other values are other data; leaving records out is not.
    let print = |reading| ecgraft::data::fingerprint(&source(&adu.0, reading), &Folder::new().0).unwrap();
    let plain = print(Reading::default());
    assert_ne!(print(Reading { gain: Some(500.0), ..Reading::default() }), plain);
    assert_eq!(print(Reading { unreadable: Unreadable::LeaveOut, at_most: 0.5, ..Reading::default() }), plain);
}

#[test]
fn rates_that_no_recorder_has() {
    let folder = record(|_| {}, usual);
    let header = fs::read_to_string(folder.path("1_lr.hea")).unwrap();
    for rate in ["2", "1000000"] {
        folder.write("1_lr.hea", header.replace("4 100 1000", &format!("4 {rate} 1000")));
        refused(
            read(&folder, &limb(5.0)),
            &["1_lr.hea", &format!("sampling frequency is {rate} Hz"), "40 to 20000 Hz"],
        );
    }
}

#[test]
fn columns_and_rows_of_deepfake_ecg_that_are_not_used() {
    let folder = Folder::new();
    folder.write("truth.csv", "patid,avgrrinterval,pr,qrs,qt\n1,800,160,90,380\n");
    let rows: Vec<String> = (0..10).map(|row| format!("{row}0 {row}1 5 5 5 5 5 {row}7")).collect();
    let read = |rows: Vec<String>, reading: Reading| {
        folder.write("1.asc", rows.join("\n"));
        let source = DeepfakeEcg { path: data_path(&folder.0), data_set: None, reading };
        fresh(&source, &signal(&[Lead::II, Lead::I], 500.0, 0.01))
    };
    let whole = read(rows.clone(), Reading::default()).unwrap();
    assert_eq!(whole.all_signals().unwrap()[..2], [0.001, 0.011]);
    let with = |row: usize, old: &str, new: &str| {
        let mut rows = rows.clone();
        rows[row] = rows[row].replace(old, new);
        rows
    };
    for rows in [with(2, " 27", " NaN"), with(5, "50 ", "NaN "), with(5, " 57", "")] {
        assert_eq!(read(rows, Reading::default()).unwrap().all_signals().unwrap(), whole.all_signals().unwrap());
    }
    refused(read(with(4, "40 ", "NaN "), Reading::default()), &["1.asc:5", "`NaN`"]);
    let millivolt = |row: usize| format!("{}.{:02}0 0.0{row}1 0 0 0 0 0 0", 0, row);
    let decimal: Vec<String> =
        (0..10).map(|row| millivolt(row).replacen(&format!("{row:02}0"), &format!("0{row}0"), 1)).collect();
    refused(read(decimal.clone(), Reading::default()), &["1.asc:1", "not a whole number of microvolts"]);
    let unit = Reading { unit: Some(Voltage::Millivolt), ..Reading::default() };
    assert_eq!(read(decimal, unit).unwrap().all_signals().unwrap(), whole.all_signals().unwrap());
}
