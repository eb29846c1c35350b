//! How long a table of 800,035 rows takes, as many as MIMIC-IV-ECG has: its plan, its listing, and the splits by label fraction.
//!
//! `cargo bench --bench table -- [ROWS]`. The table is made up, in a temporary folder; signals are not read. Peak memory is that of the
//! process up to there.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};

use ecgraft::data::{Dataset, Datasets, Signals, transfer_split};
use ecgraft::manifest;
use ecgraft::results::ResultsFolder;
use ecgraft::run::plan_manifests;

const ROWS: usize = 800_035;
const PATIENTS: u64 = 161_352;
const CODES: [&str; 8] =
    ["426783006", "164889003", "164890007", "59118001", "164909002", "270492004", "426177001", "427084000"];

const MANIFEST: &str = r#"name = "large"
[sources.large]
kind = "table"
path = "records.csv"
signals = "signals.h5"
id = "study_id"
patient = "subject_id"
age = "age"
sex = "sex"
measurements = { hr = "60000 / rr_interval", pr = "qrs_onset - p_onset", qrs = "qrs_end - qrs_onset", qt = "t_end - qrs_onset" }
missing = [29999]
labels = { column = "codes", form = ";", vocabulary = "snomed" }
[architectures.cnn]
kind = "cnn"
[transfer]
source = "large"
labels = "multi"
classes = { AF = ["164889003"], RBBB = ["59118001"], other = "*" }
[trials]
label_fraction = [0.01, 0.1, 1.0]
seed = [0, 1]
"#;

fn main() {
    let rows = env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    let folder = env::temp_dir().join(format!("ecgraft-bench-table-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder");
    fs::write(folder.join("records.csv"), table(rows)).expect("it can be written");
    fs::write(folder.join("large.toml"), MANIFEST).expect("it can be written");
    println!("{rows} rows");
    measure(&folder);
    let _ = fs::remove_dir_all(&folder);
}

fn measure(folder: &Path) {
    let path = folder.join("large.toml");
    let results = folder.join("results");
    for what in ["plan", "plan, a second look"] {
        let start = Instant::now();
        let planned = plan_manifests(std::slice::from_ref(&path), &ResultsFolder::new(&results), None, &mut |_| {})
            .expect("it is sound");
        say(&format!("{what}: {} stages", planned.plan.stages.len()), start);
    }
    let manifest = manifest::load(&[path]).expect("it is sound").remove(0);
    let source = manifest.source("large").expect("it is there");
    let start = Instant::now();
    let listing = source.list(100.0).expect("it can be listed");
    say("records listed", start);
    let dataset = Dataset {
        source: "large".into(),
        data_set: source.data_set(),
        fingerprint: String::new(),
        leads: 1,
        length: 1,
        signals: Signals::Memory(vec![0.0; listing.records.len()]),
        samples: Vec::new(),
        records: listing.records,
        notes: Vec::new(),
        told: Vec::new(),
        warnings: Vec::new(),
        left_out: Vec::new(),
    };
    let datasets = Datasets::from([("large".to_owned(), Arc::new(dataset))]);
    for fraction in &manifest.trials.label_fraction {
        let start = Instant::now();
        let split = transfer_split(&manifest.transfer, &datasets, *fraction, 0).expect("it can be split");
        say(&format!("split, {fraction} of the labels: {} to train", split.train.len()), start);
    }
}

fn say(what: &str, start: Instant) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("not known", str::trim);
    println!("  {what:<48}{:>9.2} s, peak {peak}", start.elapsed().as_secs_f64());
}

/// A table whose numbers follow from the row.
fn table(rows: usize) -> String {
    let mut text = String::from("study_id,subject_id,age,sex,rr_interval,p_onset,qrs_onset,qrs_end,t_end,codes\n");
    for row in 0..rows as u64 {
        // Splitmix64.
        let mut state = row.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut draw = |from: u64, to: u64| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            from + (mixed ^ mixed >> 31) % (to - from)
        };
        let (patient, age, sex, rr) =
            (draw(0, PATIENTS), draw(18, 95), ["M", "F"][draw(0, 2) as usize], draw(500, 1200));
        let p_onset = if draw(0, 100) < 15 { 29_999 } else { draw(30, 60) };
        let qrs_onset = 170 + draw(0, 50);
        let (qrs_end, t_end) = (qrs_onset + draw(70, 150), qrs_onset + draw(330, 470));
        let codes = [draw(0, 8), draw(0, 8)].map(|code| CODES[code as usize]);
        let (id, subject) = (40_000_000 + row, 10_000_000 + patient);
        let _ = writeln!(
            text,
            "{id},{subject},{age},{sex},{rr},{p_onset},{qrs_onset},{qrs_end},{t_end},{};{}",
            codes[0], codes[1]
        );
    }
    text
}
