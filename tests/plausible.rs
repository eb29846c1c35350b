//! What cannot be is told, with its place and its likely cause; what can be left out is left out and listed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workbench::{Workbench, tiny};
use ecgraft::store::Cell;

const FEATURES: &str = "features/ecgdeli_features.csv";

/// Forty simulated records in PTB-XL's layout; every second ten of them are called infarctions.
fn simulated(bench: &Workbench) -> PathBuf {
    bench.run(&["simulate", "data", "--records", "40", "--seed", "5"]).ok();
    let data = bench.path.join("data");
    fs::rename(data.join("features/simulator_features.csv"), data.join(FEATURES)).unwrap();
    edit(&data.join("scp_statements.csv"), |text| text + "IMI,inferior infarction,1.0,,,MI,IMI,,,,,,\n");
    edit(&data.join("ptbxl_database.csv"), |text| {
        let line = |line: &str| {
            let id = line.split(',').next().and_then(|id| id.parse::<u32>().ok());
            let ill = id.is_some_and(|id| (id - 1) / 10 % 2 == 1);
            if ill { line.replace("'NORM': 100.0", "'IMI': 100.0") } else { line.to_owned() }
        };
        text.lines().map(|one| line(one) + "\n").collect()
    });
    data
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

/// Changes the numbers of the features table: record, then RR, PR, QRS and QT.
fn edit_features(data: &Path, change: impl Fn(&mut [f64])) {
    edit(&data.join(FEATURES), |text| {
        let row = |row: &str| {
            let mut numbers: Vec<f64> = row.split(',').map(|number| number.parse().unwrap()).collect();
            change(&mut numbers);
            numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n"
        };
        let (head, rows) = text.split_once('\n').unwrap();
        format!("{head}\n{}", rows.lines().map(row).collect::<String>())
    });
}

/// A study of PR on the records in `data`; `more` goes to the source.
fn study(bench: &Workbench, data: &Path, more: &str) {
    let text = tiny("it", data, "classes = [\"NORM\", \"MI\"]")
        .replace("from = [[\"hr\"]]", "from = [[\"pr\"]]")
        .replace("seed = [0, 1]", "seed = [0]")
        .replace(FEATURES, &format!("{FEATURES}\"\n{more}\n#\""));
    bench.write("experiments/it.toml", &text);
}

#[test]
fn intervals_in_another_unit() {
    let bench = Workbench::new("unit");
    let data = simulated(&bench);
    study(&bench, &data, "");
    let table = fs::read_to_string(data.join(FEATURES)).unwrap();
    for (factor, says) in [
        (0.001, ["RR of 171 to 3000 ms (HR of 20 to 350 bpm)", "look like seconds: times 1000"]),
        (0.1, ["column RR_Mean_Global", "look like samples at 100 Hz: times 10"]),
        (0.5, ["columns RR_Mean_Global and QT_Int_Global do not fit", "look like samples at 500 Hz: times 2"]),
    ] {
        fs::write(data.join(FEATURES), &table).unwrap();
        edit_features(&data, |row| row[1..].iter_mut().for_each(|value| *value *= factor));
        let said = bench.run(&["run"]).users_fault(&["source ptbxl", "ecgdeli_features.csv: column", says[0], says[1]]);
        assert!(!said.contains("missing in"), "{said}");
    }
    // In the ground truth of DeepFake-ECG's layout.
    let asc = "1 2 3 4 5 6 7 8\n".repeat(5000);
    let mut truth = String::from("patid,avgrrinterval,pr,qrs,qt\n");
    for id in 0..12 {
        bench.write(&format!("fake/{id}.asc"), &asc);
        truth.push_str(&format!("{id},{},0.16,0.09,0.39\n", 0.8 + 0.01 * f64::from(id)));
    }
    bench.write("fake/truth.csv", &truth);
    fs::write(data.join(FEATURES), &table).unwrap();
    study(&bench, &data, "");
    edit(&bench.path.join("experiments/it.toml"), |text| {
        text.replace("kind = \"simulator\"\nrecords = 40\nseed = 1", "kind = \"deepfake-ecg\"\npath = \"../fake\"")
            .replace("records = 60", "records = 20")
    });
    bench.run(&["run"]).users_fault(&[
        "source simulated",
        "truth.csv: column avgrrinterval: 12 of 12",
        "median is 0.855",
        "seconds",
    ]);
}

#[test]
fn a_value_that_cannot_be_is_not_known() {
    let bench = Workbench::new("outside");
    let data = simulated(&bench);
    study(&bench, &data, "");
    // MIMIC-IV-ECG's mark of a missing value, and a P wave of the beat before.
    edit_features(&data, |row| {
        if row[0] == 3.0 {
            row[4] = 29_999.0;
        }
        if row[0] == 4.0 || row[0] == 7.0 {
            row[2] = 700.0;
        }
    });
    let said = bench.run(&["run"]);
    for note in ["QT is outside 150 to 800 ms in 1 of 40 records", "PR is outside 50 to 500 ms in 2 of 40 records"] {
        assert!(said.err.contains(&format!("source ptbxl: {note} and taken as not known")), "{}", said.err);
    }
    said.ok();
    assert_eq!(
        bench.number("SELECT max(highest) < 500 FROM composition WHERE source = 'ptbxl' AND target = 'pr'"),
        1.0
    );
    // It is said of each stage that has learned from them.
    assert_eq!(bench.number("SELECT count(*) FROM stages WHERE notes NOT LIKE '%source ptbxl: PR is outside%'"), 0.0);
}

#[test]
fn pr_of_ecgdeli_ends_at_the_qrs_onset() {
    let bench = Workbench::new("pq");
    let data = simulated(&bench);
    study(&bench, &data, "");
    let of_pr = "SELECT mean FROM composition WHERE source = 'ptbxl' AND target = 'pr'";
    bench.run(&["run"]).ok();
    let right = bench.number(of_pr);
    // As in PTB-XL+: what is called PR ends at the R peak.
    edit_features(&data, |row| row[2] += 110.0);
    edit(&data.join(FEATURES), |text| {
        let row = |(number, row): (usize, &str)| {
            let pr = row.split(',').nth(2).and_then(|pr| pr.parse::<f64>().ok());
            let more = if number == 0 { "PQ_Int_Global".into() } else { (pr.unwrap() - 110.0).to_string() };
            format!("{row},{more}\n")
        };
        text.lines().enumerate().map(row).collect()
    });
    let said = bench.run(&["run"]);
    for part in ["PR is taken from PQ_Int_Global", "PR_Int_Global ends at the R peak", "12sl_features.csv"] {
        assert!(said.err.contains(part), "{}", said.err);
    }
    said.ok();
    let both = bench.ask(&format!("{of_pr} ORDER BY stage_id"));
    assert_eq!(both.len(), 2, "the data are other data");
    for row in both {
        let Cell::Real(mean) = row[0] else { panic!("{row:?}") };
        assert!((mean - right).abs() < 1e-6, "{mean} {right}");
    }
}

#[test]
fn a_mix_of_two_kinds_of_pr_is_told_and_scored_by_source() {
    let bench = Workbench::new("apart");
    let data = simulated(&bench);
    study(&bench, &data, "");
    edit_features(&data, |row| row[2] = 300.0 + row[0]);
    let said = bench.run(&["run"]);
    said.ok();
    let note = "SELECT count(*) FROM stages WHERE kind = 'regression' AND notes LIKE '%mix half: PR is % ms in simulated and % in ptbxl, % standard deviations apart%'";
    assert_eq!(bench.number(note), 1.0);
    let scores = bench.ask("SELECT source, records, bias, sd, mae FROM source_scores WHERE target = 'pr' AND split = 'test' ORDER BY source");
    let sources: Vec<String> = scores.iter().map(|row| row[0].to_string()).collect();
    assert_eq!(sources, ["ptbxl", "simulated"]);
    // They are of the predictions that are kept, and together those of all.
    let again = bench.ask(
        "SELECT source, count(*), avg(measured - truth), NULL, avg(abs(measured - truth)) FROM regression_predictions
         WHERE target = 'pr' GROUP BY source ORDER BY source",
    );
    for (score, again) in scores.iter().zip(&again) {
        assert_eq!(score[..2], again[..2]);
        for column in [2, 4] {
            let (Cell::Real(a), Cell::Real(b)) = (&score[column], &again[column]) else {
                panic!("{score:?} {again:?}")
            };
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
    }
    let pooled =
        "SELECT abs((SELECT mae FROM regression WHERE split = 'test') - sum(records * mae) / sum(records)) < 1e-9
                  FROM source_scores WHERE split = 'test'";
    assert_eq!(bench.number(pooled), 1.0);
    let run = bench.ask("SELECT run_id FROM runs WHERE graft = 'pr' LIMIT 1")[0][0].to_string();
    let shown = bench.run(&["show", &run]).ok();
    for part in ["    of ptbxl, ", "    of simulated, ", "bias "] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn records_that_cannot_be_read() {
    let bench = Workbench::new("left-out");
    let data = simulated(&bench);
    study(&bench, &data, "");
    fs::remove_file(data.join("records100/00000/00003_lr.dat")).unwrap();
    // The record of 4 s.
    let short = data.join("records100/00000/00008_lr");
    let bytes = fs::read(short.with_extension("dat")).unwrap();
    fs::write(short.with_extension("dat"), &bytes[..12 * 2 * 400]).unwrap();
    edit(&short.with_extension("hea"), |text| {
        let line = |line: &str| {
            let mut fields: Vec<&str> = line.split(' ').collect();
            if fields.len() == 4 {
                fields[3] = "400"
            } else {
                fields[6] = "0"
            }
            fields.join(" ") + "\n"
        };
        text.lines().map(line).collect()
    });
    // Otherwise those of 500 Hz would be read.
    fs::remove_dir_all(data.join("records500")).unwrap();

    let said = bench.run(&["run"]).users_fault(&["source ptbxl: record 3: ", "00003_lr.dat: there is no such file"]);
    for part in ["(and 1 more record cannot be read: 8)", "`unreadable = \"leave-out\"` and `at_most = 0.05`"] {
        assert!(said.contains(part), "{said}");
    }
    study(&bench, &data, "unreadable = \"leave-out\"");
    bench.run(&["run"]).users_fault(&[
        "record 3: ",
        "2 of 40 records cannot be read, 5% where `at_most` allows 2%",
        "raise `at_most`",
    ]);
    study(&bench, &data, "unreadable = \"leave-out\"\nat_most = 0.05");
    let said = bench.run(&["run"]);
    assert!(said.err.contains("2 of 40 records cannot be read and are left out; left-out/ptbxl-"), "{}", said.err);
    said.ok();
    assert_eq!(
        bench.number(
            "SELECT count(*) FROM stages WHERE status = 'done' AND notes LIKE '%2 of 40 records cannot be read%'"
        ),
        4.0
    );
    let lists: Vec<PathBuf> =
        fs::read_dir(bench.results().join("left-out")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [list] = &lists[..] else { panic!("{lists:?}") };
    let mut rows = csv::Reader::from_path(list).unwrap();
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert!(&rows[0][0] == "3" && rows[0][1].contains("no such file"), "{rows:?}");
    assert!(&rows[1][0] == "8" && rows[1][1].contains("lasts 4 s"), "{rows:?}");
    // What is kept of a reading is judged again.
    study(&bench, &data, "unreadable = \"leave-out\"\nat_most = 0.03");
    edit(&bench.path.join("experiments/it.toml"), |text| text.replace("seed = [0]", "seed = [5]"));
    bench.run(&["run"]).users_fault(&["record 3: ", "`at_most` allows 3%"]);
}

#[test]
fn a_table_of_statements_with_an_index() {
    let bench = Workbench::new("index");
    let data = simulated(&bench);
    study(&bench, &data, "");
    edit(&data.join("scp_statements.csv"), |text| {
        let row = |(number, row): (usize, &str)| match number {
            0 => format!(",Unnamed: 0{row}\n"),
            _ => format!("{},{row}\n", number - 1),
        };
        text.lines().enumerate().map(row).collect()
    });
    let says = ["scp_statements.csv: none of the 3 SCP codes", "such as IMI", "has values such as `0`", "index=False"];
    bench.run(&["run"]).users_fault(&says);
}

#[test]
fn only_one_of_two_rates_is_there() {
    let bench = Workbench::new("rates");
    let data = simulated(&bench);
    let low = data.join("records100");
    let away = bench.path.join("away");
    study(&bench, &data, "");
    fs::rename(&low, &away).unwrap();
    let said = bench.run(&["run"]);
    for part in ["40 of 40 records have no 100 Hz signals", "500 Hz ones", "resampled to 50 Hz"] {
        assert!(said.err.contains(part), "{}", said.err);
    }
    said.ok();
    assert_eq!(bench.number("SELECT count(*) FROM stages WHERE notes LIKE '%have no 100 Hz signals%'"), 4.0);

    fs::rename(&away, &low).unwrap();
    fs::remove_dir_all(data.join("records500")).unwrap();
    edit(&bench.path.join("experiments/it.toml"), |text| text.replace("sampling_rate = 50", "sampling_rate = 250"));
    let said = bench.run(&["run"]).users_fault(&[
        "signal.sampling_rate is 250 Hz",
        "none of the 40 records",
        "40 have 100 Hz signals",
    ]);
    for part in ["nothing above 50 Hz", "put records500 there", "at most 100"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn gains_are_looked_at_and_overridden() {
    let bench = Workbench::new("gain");
    let data = simulated(&bench);
    for entry in fs::read_dir(data.join("records100/00000")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "hea") {
            edit(&path, |text| text.replace("1000.0(0)/mV", "1(0)/mV"));
        }
    }
    study(&bench, &data, "");
    let said = bench.run(&["run"]);
    for part in ["the median peak-to-peak of lead", "the gain, 1 steps per mV", "`gain = 1000`"] {
        assert!(said.err.contains(part), "{}", said.err);
    }
    said.ok();
    study(&bench, &data, "gain = 1000");
    let said = bench.run(&["run"]);
    assert!(!said.err.contains("peak-to-peak"), "{}", said.err);
    said.ok();
    study(&bench, &data, "gain = 0\nleads = { CH1 = \"V7\" }\nunreadable = \"skip\"\nat_most = 2");
    let says =
        ["`gain` is 0; it must be above 0", "unknown lead `V7`", "`skip`", "`at_most` is 2; it must be from 0 to 1"];
    bench.run(&["check"]).users_fault(&says);
}
