//! A regression as the last stage: trained from any donor, kept, proved, compared as NumPy and SciPy have it, and never with
//! what classifies.

use std::collections::{BTreeMap, HashMap};

use ecgraft::compare::{Selection, SignificanceTest, TestResults, compare, usual_metrics_of};
use ecgraft::ecg::Measurement;
use ecgraft::manifest::Labels;
use ecgraft::metrics::regression_metrics;
use ecgraft::report::Format;
use ecgraft::report::format::{Latex, Markdown, Table, Typst};
use ecgraft::store::{Run, StageStatus, TestPredictions};
use serde_json::Value;

use crate::workbench::{Workbench, sample, tiny};

/// A study of seconds whose last stage measures the QRS duration.
fn study(name: &str, from: &str, more: &str) -> String {
    tiny(name, &sample(), more)
        .replace("labels = \"multi\"\n", "labels = \"multi\"\ntargets = [\"qrs\"]\n")
        .replace(
            "parts = [{ source = \"simulated\", share = 0.5 }, { source = \"ptbxl\", share = 0.5 }]",
            "parts = [{ source = \"ptbxl\" }]",
        )
        .replace("from = [[\"hr\"]]", &format!("from = {from}"))
}

#[test]
fn a_regression_is_the_last_stage_from_any_donor() {
    let bench = Workbench::new("measuring");
    let more = "early_stopping = { patience = 2 }\n[comparisons]\nprimary = [{ name = \
                \"classified first\", arm = { graft = \"classification\", freeze = \"none\", label_fraction = 1.0 }, against = \"scratch\" }]\n";
    let text = study("measure", r#"[["hr"], ["classification"], ["masked"]]"#, more)
        .replace("random_probe = false\n", "label_fraction = [0.5, 1.0]\nmatched_scratch = true\n");
    bench.write("m.toml", &text);
    bench.run(&["check", "m.toml"]).ok();
    let said = bench.run(&["run", "m.toml", "--jobs", "2"]);
    assert!(
        said.err.contains("from half, freeze none, 100% labels, seed 0") && said.err.contains(" ms"),
        "{}",
        said.err
    );
    let table = said.ok();
    assert!(
        table.contains("measure: primary comparisons, as planned") && table.contains("Δ MAE of qrs, ms"),
        "{table}"
    );
    assert!(table.contains("Below 0 the arm is better"), "{table}");
    assert!(table.lines().any(|line| line.contains("median") && line.contains("no network")), "{table}");
    let done = bench.number("SELECT count(*) FROM runs WHERE status = 'done'");
    assert_eq!(done, bench.number("SELECT count(*) FROM runs"));
    assert_eq!(bench.number("SELECT count(*) FROM score JOIN stage USING (stage_id) WHERE kind = 'transfer'"), 0.0);
    let again = bench.run(&["run", "m.toml"]);
    assert!(!again.err.contains("done    "), "nothing is trained again: {}", again.err);

    // The kept epoch is that of the lowest mean absolute error of the validation records.
    let kept = "SELECT count(*) FROM stage s JOIN epoch e ON e.stage_id = s.stage_id AND e.epoch = s.best_epoch
                WHERE s.kind = 'transfer' AND e.split = 'validation' AND e.metric = 'mae'";
    assert_eq!(bench.number(kept), done);
    let lower = "(SELECT min(o.value) FROM epoch o WHERE o.stage_id = s.stage_id AND o.split = 'validation' AND o.metric = 'mae')";
    assert_eq!(bench.number(&format!("{kept} AND e.value > {lower}")), 0.0);
    // Half of the labels are half of the training records; all of the test records are measured.
    let records = |fraction: f64, split: &str| {
        bench.number(&format!(
            "SELECT avg(g.records) FROM runs r JOIN regression_score g USING (stage_id) WHERE r.label_fraction = {fraction} AND g.split = '{split}'"
        ))
    };
    assert!((records(0.5, "train") / records(1.0, "train") - 0.5).abs() < 0.02);
    assert_eq!(records(0.5, "test"), records(1.0, "test"));

    // What the tables say, from what was measured record by record.
    let json: Vec<BTreeMap<String, Value>> =
        serde_json::from_str(&bench.run(&["compare", "--format", "json"]).ok()).unwrap();
    let error = |graft: &str, freeze: &str| {
        bench.number(&format!(
            "SELECT avg(mae) FROM (SELECT avg(abs(p.measured - p.truth)) AS mae FROM runs r JOIN regression_predictions p USING (stage_id)
             WHERE r.graft = '{graft}' AND coalesce(r.freeze, '') = '{freeze}' AND r.label_fraction = 1.0 GROUP BY r.seed)"
        ))
    };
    for (graft, freeze) in
        [("hr", "none"), ("classification", "none"), ("classification", "probe"), ("masked", "probe")]
    {
        let is_it = |arm: &&BTreeMap<String, Value>| {
            arm["graft"] == graft && arm["freeze"] == freeze && arm["label_fraction"] == 1.0
        };
        let arm = json.iter().find(is_it).unwrap();
        let (own, scratch) = (error(graft, freeze), error("scratch", ""));
        assert!((arm["test_mae_qrs_mean"].as_f64().unwrap() - own).abs() < 1e-9, "{arm:?}");
        assert!((arm["delta_mae_qrs"].as_f64().unwrap() - (own - scratch)).abs() < 1e-9, "{arm:?}");
        assert!(arm["delta_low"].as_f64().unwrap() < arm["delta_high"].as_f64().unwrap());
    }
    bench.run(&["compare", "--format", "latex"]).ok();
    let against =
        bench.run(&["compare", "--against", "graft", "--only", "label_fraction=1", "--only", "freeze=none"]).ok();
    assert!(against.contains("every two of graft") && against.contains("test MAE of qrs, ms"), "{against}");
    let other = bench.run(&["compare", "--baseline", "graft=hr", "--metric", "rmse,train:mae,pearson_r"]).ok();
    assert!(other.contains("Δ RMSE of qrs, ms vs hr") && other.contains("train MAE of qrs, ms"), "{other}");
    let of_donor = bench.run(&["compare", "--metric", "mae:hr"]).ok();
    assert!(of_donor.contains("MAE of hr"), "{of_donor}");
    let by_sex = bench.run(&["compare", "--by", "graft,sex"]).ok();
    assert!(by_sex.contains("measure: by sex") && by_sex.contains("female"), "{by_sex}");
    for (arguments, says) in [
        (["--metric", "macro_auc"], "`macro_auc` is no metric of a last stage that measures qrs; there are mae:qrs"),
        (["--test", "delong"], "--test delong is of macro_auc or auc:CLASS, not of mae:qrs"),
        (["--thresholds", "f1"], "none of the metrics is of decisions"),
        (["--by", "class"], "mae:qrs is not of classes"),
    ] {
        bench.run(&[&["compare"][..], &arguments].concat()).users_fault(&[says]);
    }
    let verified = bench.run(&["verify"]).ok();
    assert!(verified.contains("test scores of regressions") && verified.contains("verified"), "{verified}");
    let audit = bench.run(&["audit"]).ok();
    assert!(audit.contains(&format!("measure: {done} of {done} done runs proved")), "{audit}");
    let runs = bench.run(&["runs"]).ok();
    assert!(runs.contains(" MAE ") && runs.contains(" ms "), "{runs}");
    let ecgraft::store::Cell::Text(run) = &bench.ask("SELECT run_id FROM runs WHERE graft = 'hr' LIMIT 1")[0][0] else {
        panic!()
    };
    let shown = bench.run(&["show", run]).ok();
    assert!(shown.contains("qrs on 72 test records: MAE") && shown.contains("hr on"), "{shown}");
    for figure in ["forest", "label-efficiency", "learning-curves", "regression-scatter", "bland-altman"] {
        bench.run(&["plot", figure, "--output", &format!("{figure}.svg")]).ok();
    }
    let forest = std::fs::read_to_string(bench.path.join("forest.svg")).unwrap();
    assert!(forest.contains("test MAE of qrs, ms (below 0 is better)"), "{forest}");
    bench.run(&["plot", "roc", "--output", "roc.svg"]).users_fault(&["measures qrs, and tells no classes"]);
}

#[test]
fn what_measures_and_what_classifies_are_tabled_apart() {
    let bench = Workbench::new("apart");
    let small = |text: String| text.replace("freeze = [\"none\", \"probe\"]", "freeze = [\"none\"]");
    bench.write("m.toml", &small(study("measure", "[[\"hr\"]]", "")));
    bench.write("c.toml", &small(tiny("classify", &sample(), "")));
    bench.run(&["run", "m.toml", "c.toml"]).ok();
    let both = bench.run(&["compare"]).ok();
    let of = |name: &str| bench.run(&["compare", name]).ok();
    assert_eq!(both, format!("{}\n{}", of("classify"), of("measure")));
    assert!(of("classify").contains("macro AUC") && !of("classify").contains("MAE"));
    assert!(of("measure").contains("MAE of qrs") && !of("measure").contains("AUC"));
    for format in ["csv", "json"] {
        let said = "classify and measure are not of one kind";
        bench.run(&["compare", "--format", format]).users_fault(&[said, "name experiments of one kind"]);
    }
    // A metric of one kind leaves the other out, and says so.
    let of_one = bench.run(&["compare", "--metric", "macro_auc"]).ok();
    assert!(of_one.contains("Left out: measure, as `macro_auc` is no metric of a last stage"), "{of_one}");
    let runs = bench.run(&["runs"]).ok();
    assert!(runs.contains("macro AUC or MAE"), "{runs}");
    bench.run(&["report", "--output", "report.html"]).ok();
    let page = std::fs::read_to_string(bench.path.join("report.html")).unwrap();
    for piece in ["macro AUC", "test MAE of qrs, ms", "best arm", "id=\"e1-arms\"", "id=\"e2-arms\""] {
        assert!(page.contains(piece), "{piece}");
    }
}

#[test]
fn a_search_folds_and_other_sources_know_what_is_measured() {
    let bench = Workbench::new("measuring-more");
    let more = "evaluate_on = [\"simulated\"]\nloss = { kind = \"huber\", delta = 0.5 }\n";
    let text = study("sought", "[[\"hr\"]]", more)
        .replace("freeze = [\"none\", \"probe\"]", "freeze = [\"none\"]\nfold = [9, 10]");
    let search = "[search]\ntrials = 2\nseeds = [0, 1]\n[search.over]\n\"transfer.batch_size\" = [8, 64]\n";
    bench.write("s.toml", &format!("{text}{search}"));
    let table = bench.run(&["search", "s.toml"]).ok();
    assert!(table.contains("validation MAE of qrs, ms"), "{table}");
    let best = bench.number(
        "SELECT json_extract(s.settings, '$.transfer.batch_size') FROM runs r JOIN stage s USING (stage_id)
         JOIN regression_score v ON v.stage_id = s.stage_id AND v.split = 'validation'
         GROUP BY r.variant ORDER BY avg(v.mae) LIMIT 1",
    );
    assert!(table.contains(&format!("\"transfer.batch_size\" = {best}\n")), "{table}");
    assert_eq!(bench.number("SELECT count(*) FROM regression_score JOIN stage USING (stage_id) WHERE kind = 'transfer' AND split = 'test'"), 0.0);
    bench.run(&["run", "s.toml"]).ok();
    let table = bench.run(&["compare", "sought"]).ok();
    assert!(
        table.contains("Folds 9, 10 were tested in turn") && table.contains("sought: last stages on records"),
        "{table}"
    );
    assert_eq!(bench.number("SELECT count(DISTINCT fold) FROM runs WHERE experiment = 'sought'"), 2.0);
    bench.run(&["verify"]).ok();
}

#[test]
fn faults_are_told_where_they_stand() {
    let bench = Workbench::new("measuring-faults");
    let whole = study("faulty", "[[\"hr\"]]", "");
    for (more, says) in [
        ("classes = [\"NORM\", \"MI\"]\n", "the last stage either measures `targets` or tells `classes`"),
        ("task = \"rhythm\"\n", "`task` is of classes"),
        ("class_weights = \"balanced\"\n", "`class_weights` is of classes"),
        ("label_smoothing = 0.1\n", "`label_smoothing` is of classes"),
        (
            "loss = \"focal\"\n",
            "this is a loss of classes, and the last stage measures `targets`; known: `mae`, `mse`, `huber`",
        ),
        ("early_stopping = { metric = \"accuracy\" }\n", "`accuracy` is of classes"),
        (
            "[variants.other]\n\"transfer.targets\" = [\"hr\"]\n",
            "the last stage of variant `other` measures other targets",
        ),
        (
            "[comparisons]\nprimary = [{ name = \"a\", arm = { graft = \"hr\" }, against = \"scratch\", metric = \"macro_auc\" }]\n",
            "`macro_auc` is no metric of a last stage that measures qrs",
        ),
        ("[classification]\nloss = \"mae\"\n", "this is a loss of measured numbers, and `classification` classifies"),
    ] {
        bench.write("faulty.toml", &whole.replace("epochs = 2\n\n[trials]", &format!("epochs = 2\n{more}[trials]")));
        let said = bench.run(&["check", "faulty.toml"]).users_fault(&[says]);
        let line = 1 + bench_line(&bench, more);
        assert!(said.contains(&format!("faulty.toml:{line}:")) || more.contains("primary"), "{line}: {said}");
    }
    let other = |text: String, says: &str| {
        bench.write("faulty.toml", &text);
        bench.run(&["check", "faulty.toml"]).users_fault(&[says]);
    };
    other(whole.replace("[\"qrs\"]", "[\"qrz\"]"), "`ptbxl` does not know the target `qrz`; did you mean `qrs`?");
    other(whole.replace("source = \"ptbxl\"\nlabels", "source = \"simulated\"\nlabels"), "which has no folds");
    other(
        tiny("faulty", &sample(), "loss = \"mae\"\n"),
        "this is a loss of measured numbers, and `transfer` classifies; known: `cross-entropy`, `focal`",
    );
    let text = whole.clone() + "[search.over]\n\"transfer.targets\" = [[\"qrs\"], [\"hr\"]]\n";
    bench.write("faulty.toml", &text);
    bench.run(&["search", "faulty.toml"]).users_fault(&["a search varies no `transfer.targets`"]);
}

/// The line, from 0, in which the last line that is not empty of `piece` stands.
fn bench_line(bench: &Workbench, piece: &str) -> usize {
    let text = std::fs::read_to_string(bench.path.join("faulty.toml")).unwrap();
    let first = piece.lines().last().unwrap();
    // A fault of both is told at `targets`, that of a variant at its table.
    let wanted = match first {
        own if own.starts_with("classes") => "targets = ",
        own if own.contains("transfer.targets") => "[variants.other]",
        own => own,
    };
    text.lines().position(|line| line.starts_with(wanted)).unwrap()
}

/// The networks of the reference as runs of one study, and what they measured.
fn measured(reference: &Value) -> (Vec<Run>, TestPredictions) {
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect::<Vec<_>>();
    let patients: Vec<String> =
        reference["patients"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    let known: Vec<bool> = reference["known"].as_array().unwrap().iter().map(|one| one.as_bool().unwrap()).collect();
    let mut set = TestPredictions {
        labels: Labels::Multi,
        classes: vec!["qrs".into()],
        records: (0..known.len()).map(|record| format!("record {record:03}")).collect(),
        patients,
        patients_known: true,
        facts: Vec::new(),
        truth: known,
        numbers: Some(numbers(&reference["truth"])),
        stages: Vec::new(),
    };
    let mut runs = Vec::new();
    for network in reference["networks"].as_array().unwrap() {
        let (graft, seed) = (network["graft"].as_str().unwrap(), network["seed"].as_u64().unwrap());
        let id = format!("{graft}{seed}");
        set.stages.push((id.clone(), numbers(&network["measured"])));
        let grafted = Some("half".to_owned()).filter(|_| graft != "scratch");
        runs.push(Run {
            run_id: id.clone(),
            experiment: "study".into(),
            architecture: "cnn".into(),
            mix: grafted.clone(),
            graft: graft.into(),
            freeze: grafted.map(|_| "none".into()),
            label_fraction: 1.0,
            variant: None,
            fold: None,
            seed,
            device: None,
            status: StageStatus::Done,
            error: None,
            started_at: None,
            finished_at: None,
            wall_s: None,
            test_macro_auc: None,
            test_accuracy: None,
            test_macro_f1: None,
            manifest_sha256: String::new(),
            data_fingerprint: "f".into(),
            version: None,
            stage_id: id,
            allow_overlap: None,
            frozen_at_best: None,
            test_errors: Vec::new(),
        });
    }
    (runs, set)
}

#[test]
fn differences_of_errors_are_as_numpy_and_scipy_have_them() {
    let reference: Value = serde_json::from_str(include_str!("fixtures/statistics/measured.json")).unwrap();
    let (runs, set) = measured(&reference);
    let targets = vec![Measurement::QRS];
    let numbers = set.numbers.clone().unwrap();
    let known = |values: &[f64]| -> Vec<f64> {
        values.iter().zip(&set.truth).filter(|(_, known)| **known).map(|(value, _)| *value).collect()
    };
    let networks = reference["networks"].as_array().unwrap();
    for metric in regression_metrics() {
        for (network, (_, said)) in networks.iter().zip(&set.stages) {
            let (own, expected) = (metric.compute(&known(&numbers), &known(said)), &network["metrics"][metric.name()]);
            assert!(
                (own.unwrap() - expected.as_f64().unwrap()).abs() < 1e-12,
                "{}: {own:?}, {expected}",
                metric.name()
            );
        }
    }
    for metric in usual_metrics_of(&targets) {
        let value = |network: &Value| network["metrics"][&metric.name].as_f64().unwrap();
        let values: HashMap<String, f64> =
            networks.iter().zip(&set.stages).map(|(network, (stage, _))| (stage.clone(), value(network))).collect();
        let of_stage = |run: &Run| values[&run.stage_id];
        let expected = &reference["differences"][&metric.name];
        for (test, resamples) in [(SignificanceTest::T, 0), (SignificanceTest::Bootstrap, 20_000)] {
            let metrics = vec![metric.clone()];
            let selection = Selection {
                experiments: vec!["study".into()],
                targets: targets.clone(),
                metrics: metrics.clone(),
                values: BTreeMap::from([(metric.clone(), values.clone())]),
                test,
                test_results: TestResults::new(vec![set.clone()], &metrics, resamples),
                ..Selection::default()
            };
            let found = compare(&runs, &selection);
            let arm = found.experiments[0].arms.iter().find(|arm| arm.graft == "classification").unwrap();
            let difference = arm.delta.difference().unwrap();
            assert!((difference.mean - expected["delta"].as_f64().unwrap()).abs() < 1e-9, "{metric}");
            let mean = runs.iter().filter(|run| run.graft == arm.graft).map(of_stage).sum::<f64>() / 4.0;
            assert!((arm.metrics[0].as_ref().unwrap().spread.mean - mean).abs() < 1e-9, "{metric}");
            let (low, high) = difference.interval().unwrap();
            // The bootstrap's resamples are others than the reference's: its standard error is known to a hundredth.
            let (of, tolerance) = match test {
                SignificanceTest::T => (&expected["t"], 1e-9),
                _ => (expected, 0.04 * (high - low) / 2.0),
            };
            for (own, end) in [(low, "low"), (high, "high")] {
                assert!((own - of[end].as_f64().unwrap()).abs() < tolerance, "{metric} by {test:?}: {end} {own}, {of}");
            }
            assert_eq!(difference.support.as_ref().map(|support| support.patients), Some(67));
            let heading = if metric.name == "r2" { "R² of qrs vs scratch" } else { "of qrs, ms vs scratch" };
            for text in [Table::default().write(&found), Markdown.write(&found), Typst.write(&found)] {
                assert!(text.contains(heading), "{text}");
            }
            let text = Latex.write(&found);
            assert!(text.contains(&heading.replace("R²", "R$^2$")), "{text}");
        }
    }
}
