//! `ecgraft compare` on a small study, as a user asks it; and what is put together of runs made by hand.

use std::collections::HashMap;

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::compare::{
    Delta, Key, Pivot, Selection, Shape, SignificanceTest, Sort, TestResults, compare, usual_metrics,
};
use ecgraft::manifest::Labels;
use ecgraft::metrics::{NamedMetric, Predictions};
use ecgraft::report::Format;
use ecgraft::report::format::{Markdown, Table, Typst};
use ecgraft::store::{Run, StageStatus, Store, TestPredictions};

/// Two experiments, with several labels and with one, and everything that is asked of them.
#[test]
fn a_study_is_compared_in_many_ways() {
    let bench = Workbench::new("compare");
    let single = tiny("single", &sample(), "").replace("labels = \"multi\"", "labels = \"single\"");
    bench.write("experiments/multi.toml", &tiny("multi", &sample(), ""));
    bench.write("experiments/single.toml", &single);
    bench.run(&["run"]).ok();

    // What is stored of records is what the metrics are of.
    let store = Store::open_read_only(&bench.results()).unwrap();
    let stages: Vec<String> = store.runs().unwrap().into_iter().map(|run| run.stage_id).collect();
    let sets = store.predictions(&stages).unwrap();
    assert_eq!(sets.len(), 2, "several labels and one");
    assert_eq!(sets.iter().map(|set| set.stages.len()).sum::<usize>(), 12);
    for set in &sets {
        assert!(set.patients_known);
        // Records with several classes are not tested on where each has one.
        let patients = if set.labels == Labels::Multi { 70 } else { 42 };
        assert_eq!(set.patients.iter().collect::<std::collections::HashSet<_>>().len(), patients);
        for (stage, probabilities) in &set.stages {
            let found = Predictions::of_network(set.labels, set.classes.len(), probabilities, &set.truth).unwrap();
            let value = |metric: &str| NamedMetric::parse(metric).value(&found, &set.classes);
            let score = |metric: &str, class: &str| {
                let sql = format!(
                    "SELECT value FROM scores WHERE stage_id = '{stage}' AND split = 'test' AND metric = '{metric}'
                     AND ifnull(class, '') = '{class}' LIMIT 1"
                );
                bench.number(&sql)
            };
            for metric in ["macro_auc", "accuracy", "macro_f1"] {
                assert_eq!(value(metric).unwrap(), score(metric, ""));
            }
            for class in &set.classes {
                if let Some(auc) = value(&format!("auc:{class}")) {
                    assert_eq!(auc, score("auc", class));
                }
            }
            assert!((value("brier").unwrap() - score("brier", "")).abs() < 1e-12);
        }
    }
    assert_eq!(bench.number("SELECT count(*) FROM predictions WHERE patient IS NULL"), 0.0);

    let ask = |arguments: &[&str]| bench.run(&[&["compare"], arguments].concat());
    let usual = ask(&["multi"]).ok();
    assert!(usual.contains("2000 bootstrap resamples of the patients") && usual.contains("70 patients"), "{usual}");
    assert!(usual.contains("Holm's method for all 2 differences shown"), "{usual}");
    assert_eq!(ask(&["multi"]).ok(), usual, "chance is of a fixed seed");
    assert!(!usual.contains('\u{1b}'), "no colours where it is piped");
    let both = ask(&[]).ok();
    assert!(both.contains("all 4 differences shown"), "{both}");
    let quick = ask(&["multi", "--test", "t"]).ok();
    assert!(quick.contains("of the paired t test") && !quick.contains("patients."), "{quick}");
    let delong = ask(&["single", "--test", "delong", "--metric", "auc:STTC", "--only", "freeze=none"]).ok();
    assert!(delong.contains("DeLong's test") && delong.contains("Δ AUC STTC") && !delong.contains("probe"), "{delong}");
    let mcnemar = ask(&["single", "--test", "mcnemar", "--metric", "accuracy"]).ok();
    assert!(mcnemar.contains("McNemar's test (mid-p)"), "{mcnemar}");
    ask(&["multi", "--test", "mcnemar", "--metric", "subset_accuracy"]).ok();
    ask(&["multi", "--test", "mcnemar", "--metric", "accuracy"]).users_fault(&["subset_accuracy"]);
    let wilcoxon = ask(&["single", "--test", "wilcoxon", "--metric", "brier,ece"]).ok();
    assert!(wilcoxon.contains("Wilcoxon") && wilcoxon.contains("calibration error"), "{wilcoxon}");
    let ranks = ask(&["--ranks", "--test", "t"]).ok();
    assert!(ranks.contains("over 2 data sets") && ranks.contains("half probe"), "{ranks}");
    let pivot = ask(&["multi", "--rows", "graft", "--columns", "freeze", "--format", "markdown"]).ok();
    assert!(pivot.contains("| graft | freeze — | freeze none | freeze probe |"), "{pivot}");
    let typst = ask(&["multi", "--format", "typst", "--intervals"]).ok();
    assert!(typst.contains("table.header([architecture]"), "{typst}");
    let grafts = ask(&["multi", "--metric", "mae:hr", "--sort", "mae:hr"]).ok();
    assert!(grafts.contains("MAE of hr") && !grafts.contains('Δ'), "{grafts}");

    // All that was compared, for machines.
    let csv = ask(&["multi", "--format", "csv", "--metric", "recall:MI"]).ok();
    let head = csv.lines().next().unwrap();
    assert!(head.contains("test_recall_MI_high,test_recall_MI_unmeasurable,delta_recall_MI,delta_low"), "{head}");
    let json: serde_json::Value = serde_json::from_str(&ask(&["multi", "--format", "json"]).ok()).unwrap();
    let grafted = json.as_array().unwrap().iter().find(|row| row["freeze"] == "none").unwrap();
    let number = |name: &str| grafted[name].as_f64().unwrap();
    assert!(number("delta_low") <= number("delta_macro_auc") && number("delta_macro_auc") <= number("delta_high"));
    assert!(number("delta_p") <= number("delta_p_holm") && number("delta_p_holm") <= 1.0);
    assert!(number("test_macro_auc_low") < number("test_macro_auc_mean"));

    for (arguments, says) in [
        (vec!["--metric", "macro_acu"], vec!["no metric is called `macro_acu`", "macro_auc", "mae:hr"]),
        (vec!["--only", "colour=red"], vec!["`colour`", "architecture", "seed"]),
        (vec!["--only", "freeze"], vec!["KEY=VALUE"]),
        (vec!["--only", "label_fraction=ten"], vec!["`ten` is not a share"]),
        (vec!["--only", "seed=x"], vec!["`x` is not a seed"]),
        (vec!["--sort", "size"], vec!["`size`", "difference"]),
        (vec!["--test", "delong", "--metric", "accuracy"], vec!["macro_auc or auc:CLASS"]),
        (vec!["--rows", "graft"], vec!["--columns"]),
        (vec!["--rows", "graft", "--columns", "graft"], vec!["graft cannot be in --rows and in --columns"]),
        (vec!["--by", "size"], vec!["label_fraction"]),
        (vec!["--resamples", "1"], vec!["20"]),
    ] {
        ask(&arguments).users_fault(&says);
    }
}

#[test]
fn a_filter_of_nothing_is_told_with_the_nearest_name() {
    let bench = Workbench::new("filters");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), ""));
    bench.run(&["run"]).ok();
    for (arguments, says) in [
        (&["compare", "--only", "freeze=nonee"][..], &["freeze=nonee", "did you mean `none`?", "none, probe"][..]),
        (&["compare", "--only", "freeze=none,prob"], &["freeze=prob", "did you mean `probe`?"]),
        (&["compare", "--only", "architecture=tin"], &["architecture=tin", "did you mean `tiny`?"]),
        (&["compare", "--only", "graft=q*"], &["graft=q*", "hr, scratch"]),
        (&["compare", "--only", "mix=haf"], &["mix=haf", "did you mean `half`?", "half, none"]),
        (&["compare", "--only", "label_fraction=0.1"], &["label_fraction=0.1", "there are 100%"]),
        (&["compare", "--only", "seed=0,7"], &["seed=7", "there are 0, 1"]),
        (&["compare", "--only", "graft=scratch", "--only", "mix=half"], &["no run has all of graft=scratch, mix=half"]),
        (&["compare", "--only", "frieze=none"], &["`frieze`", "did you mean `freeze`?"]),
        (&["compare", "tinny"], &["`tinny`", "did you mean `tiny`?"]),
        (&["compare", "--metric", "macro_acu"], &["`macro_acu`", "did you mean `macro_auc`?", "brier"]),
        (&["compare", "--sort", "differance"], &["`differance`", "did you mean `difference`?", "label_fraction"]),
        (&["compare", "--by", "grafts"], &["`grafts`", "did you mean `graft`?"]),
        (&["compare", "--rows", "mixx", "--columns", "freeze"], &["`mixx`", "did you mean `mix`?"]),
        (&["report", "tin"], &["`tin`", "did you mean `tiny`?"]),
        (&["runs", "--experiment", "tinny*"], &["`tinny*`", "did you mean `tiny`?"]),
    ] {
        bench.run(arguments).users_fault(says);
    }
    // Names and globs of what there is, done or not, are no fault.
    for only in ["freeze=*", "freeze=—", "graft=h*", "label_fraction=100%", "seed=1", "mix=none"] {
        bench.run(&["compare", "--only", only]).ok();
    }
    // Statuses are words that cannot be mistaken: that there are none such is an answer, and said.
    let said = bench.run(&["runs", "--status", "failed", "--format", "json"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "[]\n"));
    assert!(said.err.contains("no run is failed; there are 6 done"), "{}", said.err);
}

fn run(graft: &str, freeze: Option<&str>, seed: u64, auc: f64) -> Run {
    Run {
        run_id: format!("{graft}{freeze:?}{seed}"),
        experiment: "study".into(),
        architecture: "cnn".into(),
        mix: freeze.map(|_| "real".into()),
        graft: graft.into(),
        freeze: freeze.map(Into::into),
        label_fraction: if seed >= 10 { 1.0 } else { 0.1 },
        variant: None,
        fold: None,
        seed: seed % 10,
        device: None,
        status: StageStatus::Done,
        error: None,
        started_at: None,
        finished_at: None,
        wall_s: None,
        test_macro_auc: Some(auc),
        test_accuracy: Some(0.5),
        test_macro_f1: Some(0.5),
        manifest_sha256: String::new(),
        data_fingerprint: "f".into(),
        version: None,
        stage_id: format!("{graft}{freeze:?}{seed}"),
        allow_overlap: None,
        frozen_at_best: None,
        test_errors: Vec::new(),
    }
}

/// At 10 % of the labels scratch has 0.80 and 0.82, none 0.84 and 0.88, probe 0.78 and 0.80; at 100 % 0.1 more (written
/// with seeds from 10).
fn runs() -> Vec<Run> {
    let mut runs = Vec::new();
    for more in [0, 10] {
        let auc = |auc: f64| auc + more as f64 / 100.0;
        runs.push(run("qrs", Some("none"), more, auc(0.84)));
        runs.push(run("qrs", Some("none"), more + 1, auc(0.88)));
        runs.push(run("qrs", Some("probe"), more, auc(0.78)));
        runs.push(run("qrs", Some("probe"), more + 1, auc(0.80)));
        runs.push(run("scratch", None, more, auc(0.80)));
        runs.push(run("scratch", None, more + 1, auc(0.82)));
    }
    runs
}

fn selection() -> Selection {
    Selection { experiments: vec!["study".into()], ..Selection::default() }
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

#[test]
fn runs_of_a_seed_are_averaged_first() {
    let found = compare(&runs(), &Selection { by: vec![Key::Graft, Key::LabelFraction], ..selection() });
    let arms = &found.experiments[0].arms;
    assert_eq!(arms.len(), 4);
    let grafted = &arms[1];
    assert_eq!((grafted.graft.as_str(), grafted.seeds.done, grafted.distinct_seeds), ("qrs", 4, 2));
    // Seed 0: (0.84 + 0.78) / 2 = 0.81, seed 1: (0.88 + 0.80) / 2 = 0.84; less 0.80 and 0.82.
    let spread = grafted.metrics[0].as_ref().unwrap().spread;
    assert_eq!(spread.n, 2);
    close(spread.mean, 0.825);
    close(spread.sd.unwrap(), 0.03 / 2f64.sqrt());
    let difference = grafted.delta.difference().unwrap();
    assert_eq!(difference.pairs, 2);
    close(difference.mean, (0.01 + 0.02) / 2.0);
    let text = Table::default().write(&found);
    assert!(text.contains("2 (4 runs)") && text.contains("averaged first"), "{text}");
}

#[test]
fn conditions_leave_baselines_to_compare_with() {
    let only = vec!["freeze=no*".parse().unwrap(), "label_fraction=10%".parse().unwrap()];
    let found = compare(&runs(), &Selection { only, ..selection() });
    let arms = &found.experiments[0].arms;
    assert_eq!(arms.len(), 1);
    close(arms[0].delta.difference().unwrap().mean, 0.05);
    assert_eq!(found.family, 1);
    let seed = compare(&runs(), &Selection { only: vec!["seed=1".parse().unwrap()], ..selection() });
    assert!(seed.experiments[0].arms.iter().all(|arm| arm.distinct_seeds == 1));
}

#[test]
fn rows_are_sorted_best_first_and_errors_least_first() {
    let order = |sort: Sort, metrics: Vec<NamedMetric>, values: HashMap<String, f64>| -> Vec<String> {
        let values = [(metrics[0].clone(), values)].into();
        let by = vec![Key::Freeze];
        let found = compare(&runs(), &Selection { sort: Some(sort), metrics, values, by, ..selection() });
        found.experiments[0].arms.iter().map(|arm| arm.freeze.clone().unwrap_or_default()).collect()
    };
    assert_eq!(order(Sort::Metric(0), usual_metrics(), HashMap::new()), ["none", "", "probe"]);
    assert_eq!(order(Sort::Difference, usual_metrics(), HashMap::new()), ["none", "probe", ""], "no difference: last");
    let brier = runs().iter().map(|run| (run.stage_id.clone(), run.test_macro_auc.unwrap())).collect();
    assert_eq!(order(Sort::Metric(0), vec![NamedMetric::parse("brier")], brier), ["probe", "", "none"]);
}

#[test]
fn a_pivot_has_a_cell_for_each_pair_and_marks_the_best_of_a_column() {
    let shaped = |differences: bool| {
        let pivot = Some(Pivot { rows: vec![Key::Freeze], columns: vec![Key::LabelFraction], differences });
        let by = vec![Key::Freeze, Key::LabelFraction];
        compare(&runs(), &Selection { by, shape: Shape { pivot, ..Shape::default() }, ..selection() })
    };
    let means = Markdown.write(&shaped(false));
    assert!(means.contains("| freeze | labels 10% | labels 100% |"), "{means}");
    assert!(means.contains("| none | **0.860 ± 0.028** | **0.960 ± 0.028** |"), "{means}");
    assert!(means.contains("| — | 0.810 ± 0.014 | 0.910 ± 0.014 |"), "{means}");
    // 0.04 and 0.06: 0.05 -+ 12.7062 (0.0141421 / 1.41421) = 0.05 -+ 0.127062.
    let differences = Table::default().write(&shaped(true));
    assert!(differences.contains("+0.050 [-0.077, 0.177]*") && differences.contains("baseline"), "{differences}");
    assert!(differences.contains("highest difference of its column"), "{differences}");
    for columns in [40, 60, 80] {
        let table = Table { columns: Some(columns), colour: false }.write(&shaped(true));
        assert!(table.lines().all(|line| line.chars().count() <= columns), "{columns}\n{table}");
    }
    let typst = Typst.write(&shaped(false));
    assert!(typst.contains("[*0.860 ± 0.028*]") && typst.contains("[none]"), "{typst}");
}

#[test]
fn colours_are_only_where_they_are_asked_for() {
    let mut runs = runs();
    // A difference that is all but certain: 0.060 and 0.0601.
    runs[0].test_macro_auc = Some(0.8601);
    let found = compare(&runs, &Selection { by: vec![Key::Freeze, Key::LabelFraction], ..selection() });
    let plain = Table::default().write(&found);
    let coloured = Table { columns: None, colour: true }.write(&found);
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}["), "{coloured:?}");
    let mut bare = coloured;
    for code in ["\u{1b}[1m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[0m"] {
        bare = bare.replace(code, "");
    }
    assert_eq!(bare, plain);
}

/// Records of forty patients, of which one network tells the class and the other hardly.
#[test]
fn records_and_seeds_are_in_the_interval() {
    let truth: Vec<bool> = (0..80).map(|at| (at / 2) % 2 == at % 2).collect();
    let names: Vec<String> = (0..40).map(|record| format!("record {record}")).collect();
    let stage = |run: &Run| {
        let strength = if run.graft == "scratch" { 0.05 } else { 0.35 };
        let score = |at: usize| {
            let noise = ((at / 2 * 7 + run.seed as usize * 3) % 11) as f64 / 11.0 - 0.5;
            let own = 0.5 + 0.5 * noise + if truth[at / 2 * 2] { strength } else { -strength } / 2.0;
            if at.is_multiple_of(2) { own } else { 1.0 - own }
        };
        (run.stage_id.clone(), (0..80).map(score).collect())
    };
    let runs: Vec<Run> = runs().into_iter().filter(|run| run.label_fraction == 0.1).collect();
    let mut set = TestPredictions {
        labels: Labels::Single,
        classes: vec!["A".into(), "B".into()],
        records: names.clone(),
        patients: names,
        patients_known: true,
        facts: Vec::new(),
        stages: runs.iter().map(stage).collect(),
        truth: truth.clone(),
        numbers: None,
    };
    let mut runs = runs;
    for (run, (_, probabilities)) in runs.iter_mut().zip(&set.stages) {
        let found = Predictions::of_network(Labels::Single, 2, probabilities, &truth).unwrap();
        let value = |metric: &str| NamedMetric::parse(metric).value(&found, &set.classes);
        (run.test_macro_auc, run.test_accuracy, run.test_macro_f1) =
            (value("macro_auc"), value("accuracy"), value("macro_f1"));
    }
    let asked = |test: SignificanceTest, set: &TestPredictions, resamples: usize, metric: &str| {
        let metrics = vec![NamedMetric::parse(metric)];
        let test_results = TestResults::new(vec![set.clone()], &metrics, resamples);
        compare(&runs, &Selection { test, test_results, metrics, ..selection() })
    };
    for test in [SignificanceTest::Bootstrap, SignificanceTest::DeLong] {
        let found = asked(test, &set, if test == SignificanceTest::Bootstrap { 500 } else { 0 }, "macro_auc");
        let arm = &found.experiments[0].arms[1];
        let Delta::Paired(difference) = &arm.delta else { panic!("{test:?}: {:?}", arm.delta) };
        let (low, high) = difference.interval().unwrap();
        assert!(
            low < difference.mean && difference.mean < high && difference.p().unwrap() < 0.05,
            "{test:?} {difference:?}"
        );
        assert!(arm.holm.unwrap() >= difference.p().unwrap());
    }
    let found = asked(SignificanceTest::McNemar, &set, 0, "accuracy");
    assert!(found.experiments[0].arms[1].delta.difference().unwrap().p().unwrap() <= 1.0);
    // The same patient for every two records: the interval is of fewer, and the text says so.
    let alone = asked(SignificanceTest::Bootstrap, &set, 500, "macro_auc");
    set.patients = (0..40).map(|record| format!("patient {}", record / 4)).collect();
    let text = Table::default().write(&asked(SignificanceTest::Bootstrap, &set, 500, "macro_auc"));
    assert!(text.contains("The test records are of 10 patients."), "{text}");
    assert!(!Table::default().write(&alone).contains("patients."));
    set.patients_known = false;
    let text = Table::default().write(&asked(SignificanceTest::Bootstrap, &set, 500, "macro_auc"));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("each counts as a patient of its own"), "{text}");
}
