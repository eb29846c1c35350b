//! What cannot be measured is said and not printed, in every format: from one patient, one seed, or what does not vary.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::workbench::{Workbench, sample, tiny};
use rusqlite::Connection;
use serde_json::Value;

/// The bundled records, of which so many patients of the test fold have MI: what others have is made NORM.
fn with_mi_patients(bench: &Workbench, wanted: usize) -> PathBuf {
    let data = bench.path.join(format!("with-{wanted}"));
    std::fs::create_dir_all(&data).unwrap();
    for name in ["records100", "features", "scp_statements.csv"] {
        std::os::unix::fs::symlink(sample().join(name), data.join(name)).unwrap();
    }
    let mut statements = csv::Reader::from_path(sample().join("scp_statements.csv")).unwrap();
    let head = statements.headers().unwrap().clone();
    let class = head.iter().position(|name| name == "diagnostic_class").unwrap();
    let of_mi: Vec<String> = statements
        .records()
        .map(Result::unwrap)
        .filter(|row| &row[class] == "MI")
        .map(|row| row[0].to_owned())
        .collect();
    let mut table = csv::Reader::from_path(sample().join("ptbxl_database.csv")).unwrap();
    let head = table.headers().unwrap().clone();
    let at = |name: &str| head.iter().position(|known| known == name).unwrap();
    let (codes, fold, patient) = (at("scp_codes"), at("strat_fold"), at("patient_id"));
    let mut written = csv::Writer::from_path(data.join("ptbxl_database.csv")).unwrap();
    written.write_record(&head).unwrap();
    let mut kept = BTreeSet::new();
    for row in table.records().map(Result::unwrap) {
        let mut row: Vec<String> = row.iter().map(str::to_owned).collect();
        if row[fold] == "10" && of_mi.iter().any(|code| row[codes].contains(&format!("'{code}'"))) {
            if kept.len() < wanted {
                kept.insert(row[patient].clone());
            }
            if !kept.contains(&row[patient]) {
                row[codes] = "{'NORM': 100.0, 'SR': 0.0}".to_owned();
            }
        }
        written.write_record(&row).unwrap();
    }
    written.flush().unwrap();
    data
}

/// A study with two seeds of three arms, tested on so many patients with MI.
fn study(bench: &Workbench, patients: usize) {
    let data = with_mi_patients(bench, patients);
    bench.write("experiments/study.toml", &tiny("study", &data, ""));
    bench.run(&["run"]).ok();
}

/// The arms that are compared with the baseline, as JSON has them.
fn compared(bench: &Workbench, arguments: &[&str]) -> Vec<Value> {
    let text = bench.run(&[&["compare", "--format", "json"], arguments].concat()).ok();
    let arms: Vec<Value> = serde_json::from_str(&text).unwrap();
    // Three arms, and what is no network.
    assert_eq!(arms.len(), 3 + 1);
    arms.into_iter().filter(|arm| arm["graft"] != "scratch" && arm["graft"] != "majority class").collect()
}

/// In one line, as tables for people wrap theirs.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn one_patient_with_a_class_has_no_interval_and_no_p_in_any_format() {
    let bench = Workbench::new("one-patient");
    study(&bench, 1);
    for test in ["bootstrap", "t", "wilcoxon", "delong"] {
        for arm in compared(&bench, &["--test", test]) {
            assert!(arm["delta_macro_auc"].is_number(), "{test}: the difference itself is known");
            for name in ["delta_low", "delta_high", "delta_p", "delta_p_holm", "test_macro_auc_low"] {
                assert!(arm[name].is_null(), "{test}: {name} is {}", arm[name]);
            }
            assert_eq!(arm["delta_unmeasurable"], "it rests on 1 patient with MI", "{test}");
            assert_eq!(arm["test_macro_auc_unmeasurable"], "it rests on 1 patient with MI", "{test}");
            assert_eq!(arm["delta_fewest_patients"], 1);
        }
    }
    for (format, sign) in [("table", "‡"), ("markdown", "‡"), ("typst", "‡"), ("latex", "^\\ddagger")] {
        let text = bench.run(&["compare", "--format", format]).ok();
        assert!(line(&text).contains("no interval and no p, as it rests on 1 patient with MI."), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("probe") && line.contains(sign)).count(), 1, "{text}");
        assert!(!text.contains('†') && !text.contains("dagger$ &") && !text.contains(", 0."), "{format}: {text}");
    }
    let csv = bench.run(&["compare", "--format", "csv"]).ok();
    assert!(csv.lines().nth(2).unwrap().ends_with(",2,,,1,it rests on 1 patient with MI"), "{csv}");
    bench.run(&["report", "-o", "page.html"]).ok();
    let page = std::fs::read_to_string(bench.path.join("page.html")).unwrap();
    assert!(page.contains("‡: no interval and no p, as it rests on 1 patient with MI."));
    assert!(page.contains("Without a bar: no interval, as it rests on 1 patient with MI."));

    // What does not rest on that patient alone is measured.
    for metric in ["accuracy", "auc:NORM", "brier"] {
        for arm in compared(&bench, &["--metric", metric]) {
            assert!(arm["delta_p"].is_number() && arm["delta_unmeasurable"].is_null(), "{metric}: {arm}");
        }
    }
    for arm in compared(&bench, &["--metric", "auc:MI"]) {
        assert_eq!(arm["delta_unmeasurable"], "it rests on 1 patient with MI");
    }
}

#[test]
fn three_patients_are_measured_with_a_word_and_intervals_keep_to_their_range() {
    let bench = Workbench::new("three-patients");
    study(&bench, 3);
    let text = bench.run(&["compare"]).ok();
    assert!(line(&text).contains("rests on 3 patients with MI: too few to know it well."), "{text}");
    assert!(!text.contains('‡'), "{text}");
    assert!(!bench.run(&["compare", "--metric", "accuracy"]).ok().contains("too few"));
    for metric in ["macro_auc", "auc:MI", "brier", "accuracy"] {
        for test in ["bootstrap", "t", "wilcoxon"] {
            for arm in compared(&bench, &["--metric", metric, "--test", test]) {
                let name = metric.replace(':', "_");
                if arm["delta_unmeasurable"] == "it is the same for all seeds" {
                    // As it comes: so small networks predict no class of few records.
                    continue;
                }
                let number = |of: &str| arm[of].as_f64().unwrap_or_else(|| panic!("{metric}, {test}: {of} of {arm}"));
                // Two seeds: t has one degree of freedom, and would go far beyond. Of several labels Brier's score is to 1.
                assert!(number("delta_low") >= -1.0 && number("delta_high") <= 1.0, "{metric}, {test}: {arm}");
                let (low, high) = (number(&format!("test_{name}_low")), number(&format!("test_{name}_high")));
                assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high), "{metric}, {test}: {arm}");
            }
        }
    }
    one_seed(&bench);
    equal_seeds(&bench);
    far_seeds(&bench);
}

/// The first seed alone: over seeds nothing is known, over records all is.
fn one_seed(bench: &Workbench) {
    for test in ["t", "wilcoxon"] {
        for arm in compared(bench, &["--only", "seed=0", "--test", test]) {
            assert!(arm["delta_p"].is_null() && arm["delta_low"].is_null(), "{test}: {arm}");
            assert_eq!(arm["delta_unmeasurable"], "there is one seed");
        }
    }
    for arm in compared(bench, &["--only", "seed=0"]) {
        assert!(arm["delta_p"].is_number() && arm["delta_low"].is_number(), "{arm}");
    }
    let text = line(&bench.run(&["compare", "--only", "seed=0"]).ok());
    assert!(text.contains("of the records alone where there is one seed"), "{text}");
}

/// Accuracies that differ by 0.125 for both seeds, but for rounding.
fn equal_seeds(bench: &Workbench) {
    let store = Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
    let of_seed = "(SELECT min(seed) FROM trial t WHERE t.stage_id = score.stage_id)";
    let grafted = "stage_id IN (SELECT stage_id FROM stage_input)";
    let sql = format!(
        "UPDATE score SET value = 0.5 + 0.1 * {of_seed} + CASE WHEN {grafted} THEN 0.125 ELSE 0 END
         WHERE split = 'test' AND metric = 'accuracy'"
    );
    assert!(store.execute(&sql, []).unwrap() >= 6);
    drop(store);
    for test in ["t", "wilcoxon"] {
        for arm in compared(bench, &["--metric", "accuracy", "--test", test]) {
            assert!((arm["delta_accuracy"].as_f64().unwrap() - 0.125).abs() < 1e-12, "{arm}");
            for name in ["delta_low", "delta_high", "delta_p", "delta_p_holm"] {
                assert!(arm[name].is_null(), "{test}: {name} is {}", arm[name]);
            }
            assert_eq!(arm["delta_unmeasurable"], "it is the same for all seeds");
        }
    }
    let text = bench.run(&["compare", "--metric", "accuracy", "--test", "t"]).ok();
    assert!(text.contains("+0.125 ‡"), "{text}");
    assert!(line(&text).contains("‡: no interval and no p, as it is the same for all seeds."), "{text}");
}

/// Two seeds, one much better and one much worse than the baseline: t with one degree of freedom knows no ends.
fn far_seeds(bench: &Workbench) {
    let store = Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
    let of_seed = "(SELECT min(seed) FROM trial t WHERE t.stage_id = score.stage_id)";
    let grafted = "stage_id IN (SELECT stage_id FROM stage_input)";
    let sql = format!(
        "UPDATE score SET value = 0.6 + 0.3 * (2 * ({grafted}) - 1) * (2 * {of_seed} - 1)
         WHERE split = 'test' AND metric = 'macro_auc'"
    );
    assert!(store.execute(&sql, []).unwrap() >= 6);
    drop(store);
    // 0 -+ 12.7 (0.849 / 1.414) = -+ 7.6, and 0.6 -+ 12.7 (0.424 / 1.414) = -3.2 to 4.4.
    for test in ["t", "wilcoxon"] {
        for arm in compared(bench, &["--test", test]) {
            let number = |of: &str| arm[of].as_f64().unwrap();
            assert_eq!((number("delta_low"), number("delta_high")), (-1.0, 1.0), "{test}: {arm}");
            assert_eq!((number("test_macro_auc_low"), number("test_macro_auc_high")), (0.0, 1.0), "{test}: {arm}");
        }
    }
    let text = bench.run(&["compare", "--test", "t"]).ok();
    assert!(text.contains("[-1.000, 1.000]"), "{text}");
}
