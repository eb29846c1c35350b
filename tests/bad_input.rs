//! What is wrong is told in one message that names it; what is right goes on.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workbench::{Workbench, sample, tiny};

/// A copy of some of the bundled records: a few of each fold.
fn small_copy(bench: &Workbench, name: &str) -> PathBuf {
    let (from, to) = (sample(), bench.path.join(name));
    let database = fs::read_to_string(from.join("ptbxl_database.csv")).unwrap();
    let mut rows = csv::Reader::from_reader(database.as_bytes());
    let headers = rows.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (fold, file) = (column("strat_fold"), column("filename_lr"));
    let mut per_fold = [0; 11];
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&headers).unwrap();
    for row in rows.records().map(Result::unwrap) {
        let fold: usize = row[fold].parse::<f64>().unwrap() as usize;
        per_fold[fold] += 1;
        if per_fold[fold] > 12 {
            continue;
        }
        for extension in ["hea", "dat"] {
            let file = format!("{}.{extension}", &row[file]);
            fs::create_dir_all(to.join(&file).parent().unwrap()).unwrap();
            fs::copy(from.join(&file), to.join(&file)).unwrap();
        }
        writer.write_record(&row).unwrap();
    }
    fs::write(to.join("ptbxl_database.csv"), writer.into_inner().unwrap()).unwrap();
    fs::copy(from.join("scp_statements.csv"), to.join("scp_statements.csv")).unwrap();
    fs::create_dir_all(to.join("features")).unwrap();
    fs::copy(from.join("features/ecgdeli_features.csv"), to.join("features/ecgdeli_features.csv")).unwrap();
    to
}

/// The first record of fold 1: its name, and where its files are.
fn victim(data: &Path) -> (String, PathBuf) {
    let mut rows = csv::Reader::from_path(data.join("ptbxl_database.csv")).unwrap();
    let headers = rows.headers().unwrap().clone();
    let row = rows.records().next().unwrap().unwrap();
    let value = |name: &str| row[headers.iter().position(|header| header == name).unwrap()].to_owned();
    (value("ecg_id"), data.join(value("filename_lr")))
}

/// Runs a sound study beside one with `manifest`: the fault is told in `says`, the sound one is done.
#[track_caller]
fn faulty_beside_sound(bench: &Workbench, manifest: &str, says: &[&str]) {
    bench.write("experiments/a-faulty.toml", manifest);
    bench.write("experiments/sound.toml", &tiny("sound", &sample(), ""));
    let said = bench.run(&["run"]);
    assert!(said.out.contains("scratch"), "the sound study's table: {}\n{}", said.out, said.err);
    said.users_fault(says);
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE experiment = 'sound' AND status = 'done'"), 6.0);
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE experiment = 'faulty' AND status = 'done'"), 0.0);
    assert_eq!(bench.number("SELECT count(*) FROM stages WHERE status = 'running'"), 0.0);
    let unfinished = "stage_id IN (SELECT stage_id FROM stages WHERE status <> 'done')";
    for view in ["epochs", "scores", "regression"] {
        assert_eq!(
            bench.number(&format!("SELECT count(*) FROM {view} WHERE {unfinished}")),
            0.0,
            "half-written rows in {view}"
        );
    }
}

#[test]
fn a_signal_that_disagrees_with_its_header() {
    let bench = Workbench::new("short-signal");
    let data = small_copy(&bench, "data");
    let (id, files) = victim(&data);
    let signal = fs::read(files.with_extension("dat")).unwrap();
    fs::write(files.with_extension("dat"), &signal[..signal.len() - 100]).unwrap();
    faulty_beside_sound(&bench, &tiny("faulty", &data, ""), &[&id, ".dat"]);
    // Mended, the same command does the rest.
    fs::write(files.with_extension("dat"), signal).unwrap();
    bench.run(&["run"]).ok();
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE experiment = 'faulty' AND status = 'done'"), 6.0);
}

#[test]
fn a_changed_sample() {
    let bench = Workbench::new("checksum");
    let data = small_copy(&bench, "data");
    let (id, files) = victim(&data);
    let mut signal = fs::read(files.with_extension("dat")).unwrap();
    // In lead I, which is used: 12 leads of 2 bytes come in turn.
    signal[4992] ^= 1;
    fs::write(files.with_extension("dat"), signal).unwrap();
    faulty_beside_sound(&bench, &tiny("faulty", &data, ""), &[&id, "checksum"]);
}

#[test]
fn a_missing_sample() {
    let bench = Workbench::new("nan");
    let data = small_copy(&bench, "data");
    let (id, files) = victim(&data);
    // -32768 is WFDB's "no sample". It is lead V2's; the checksum is made to fit.
    let mut signal = fs::read(files.with_extension("dat")).unwrap();
    let place = 24 * 100 + 2 * 7;
    let before = i16::from_le_bytes([signal[place], signal[place + 1]]);
    signal[place..place + 2].copy_from_slice(&i16::MIN.to_le_bytes());
    fs::write(files.with_extension("dat"), signal).unwrap();
    let header = fs::read_to_string(files.with_extension("hea")).unwrap();
    let mut lines: Vec<String> = header.lines().map(str::to_owned).collect();
    let mut fields: Vec<String> = lines[8].split_whitespace().map(str::to_owned).collect();
    let checksum = fields[6].parse::<i32>().unwrap() as i16;
    fields[6] = checksum.wrapping_sub(before).wrapping_add(i16::MIN).to_string();
    lines[8] = fields.join(" ");
    fs::write(files.with_extension("hea"), lines.join("\n") + "\n").unwrap();
    faulty_beside_sound(&bench, &tiny("faulty", &data, ""), &[&id, "V2", "100"]);
}

#[test]
fn a_missing_file() {
    let bench = Workbench::new("missing");
    let data = small_copy(&bench, "data");
    let (id, files) = victim(&data);
    fs::remove_file(files.with_extension("hea")).unwrap();
    faulty_beside_sound(&bench, &tiny("faulty", &data, ""), &[&id, ".hea"]);
}

#[test]
fn a_missing_folder_and_a_missing_column() {
    let bench = Workbench::new("column");
    faulty_beside_sound(&bench, &tiny("faulty", Path::new("nowhere"), ""), &["source ptbxl", "nowhere"]);
    let data = small_copy(&bench, "data");
    let features = data.join("features/ecgdeli_features.csv");
    let text = fs::read_to_string(&features).unwrap().replace("RR_Mean_Global", "RR_Median_Global");
    fs::write(&features, text).unwrap();
    let said = bench.run(&["run", "experiments/a-faulty.toml"]);
    said.users_fault(&["nowhere"]);
    bench.write("experiments/a-faulty.toml", &tiny("faulty", &data, ""));
    bench.run(&["run"]).users_fault(&["ecgdeli_features.csv", "RR_Mean_Global"]);
}

#[test]
fn an_unknown_lead() {
    let bench = Workbench::new("lead");
    let manifest = tiny("faulty", &sample(), "").replace("\"V2\"]", "\"V7\"]");
    faulty_beside_sound(&bench, &manifest, &["a-faulty.toml:11:15", "V7"]);
}

#[test]
fn an_empty_fold_and_a_greedy_mix() {
    let bench = Workbench::new("fold");
    let data = small_copy(&bench, "data");
    // No record is in fold 10.
    let database = data.join("ptbxl_database.csv");
    let mut rows = csv::Reader::from_path(&database).unwrap();
    let headers = rows.headers().unwrap().clone();
    let fold = headers.iter().position(|header| header == "strat_fold").unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&headers).unwrap();
    for row in rows.records().map(Result::unwrap) {
        let nine = |(index, value): (usize, &str)| {
            if index == fold && value.starts_with("10") { "9".to_owned() } else { value.to_owned() }
        };
        writer.write_record(row.iter().enumerate().map(nine)).unwrap();
    }
    fs::write(&database, writer.into_inner().unwrap()).unwrap();
    faulty_beside_sound(&bench, &tiny("faulty", &data, ""), &["transfer.test_folds", "fold 10"]);
    let greedy = tiny("faulty", &sample(), "").replace("records = 60", "records = 600");
    bench.write("experiments/a-faulty.toml", &greedy);
    bench.run(&["run"]).users_fault(&["mix half", "300 records of simulated", "there are 40"]);
    // The baselines of the same experiment do not need the mix.
    assert_eq!(
        bench.number("SELECT count(*) FROM runs WHERE experiment = 'faulty' AND graft = 'scratch' AND status = 'done'"),
        2.0
    );
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE experiment = 'faulty' AND graft = 'hr' AND status = 'failed' AND error LIKE '%mix half%'"), 4.0);
}

#[test]
fn a_results_folder_that_cannot_be_written() {
    let bench = Workbench::new("results");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), ""));
    bench.write("taken", "a file");
    bench.run(&["run", "--results", "taken"]).users_fault(&["taken", "--results"]);
    bench.run(&["run", "--results", "taken/below"]).users_fault(&["taken/below", "--results"]);
    let locked = bench.path.join("locked");
    fs::create_dir(&locked).unwrap();
    let mut permissions = fs::metadata(&locked).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&locked, permissions.clone()).unwrap();
    // The administrator may write anywhere.
    if fs::write(locked.join("probe"), "").is_err() {
        bench.run(&["run", "--results", "locked"]).users_fault(&["locked", "--results"]);
    }
    #[allow(clippy::permissions_set_readonly_false)]
    permissions.set_readonly(false);
    fs::set_permissions(&locked, permissions).unwrap();
}

#[test]
fn words_on_the_command_line() {
    let bench = Workbench::new("words");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), ""));
    bench.run(&["run", "--device", "cuda"]).users_fault(&["--device cuda", "built for the CPU alone"]);
    bench.run(&["run", "--device", "gpu"]).users_fault(&["not a device", "cuda:N"]);
    bench.run(&["run", "--threads", "0"]).users_fault(&["start at 1"]);
    bench.run(&["run", "--only", "huge"]).users_fault(&["--only huge", "tiny"]);
    bench.run(&["run", "nowhere"]).users_fault(&["nowhere", "no such file or folder"]);
    bench.run(&["compare"]).users_fault(&["no results yet"]);
    bench.run(&["show", "abc"]).users_fault(&["no results yet"]);
}
