//! Thresholds from validation records, parts of the test records, metrics on records that trained, and small budgets of labels,
//! as users ask for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::store::Cell;
use serde_json::Value;

/// What a network said of a record and a class.
struct Said {
    record: String,
    class: String,
    probability: f64,
    label: bool,
}

fn said(bench: &Workbench, view: &str, run: &str) -> Vec<Said> {
    let sql = format!("SELECT record_id, class, probability, label FROM {view} WHERE run_id = '{run}'");
    let row = |row: Vec<Cell>| match &row[..] {
        [Cell::Text(record), Cell::Text(class), Cell::Real(probability), Cell::Integer(label)] => {
            Said { record: record.clone(), class: class.clone(), probability: *probability, label: *label == 1 }
        }
        other => panic!("{other:?}"),
    };
    bench.ask(&sql).into_iter().map(row).collect()
}

fn texts(bench: &Workbench, sql: &str) -> Vec<String> {
    bench.ask(sql).into_iter().flatten().map(|cell| cell.to_string()).collect()
}

fn compared(bench: &Workbench, arguments: &[&str]) -> Vec<Value> {
    let said = bench.run(&[&["compare", "--format", "json"], arguments].concat()).ok();
    serde_json::from_str(&said).unwrap()
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    assert!(!values.is_empty());
    values.iter().sum::<f64>() / values.len() as f64
}

#[track_caller]
fn close(found: &Value, expected: f64) {
    assert!((found.as_f64().unwrap() - expected).abs() < 1e-12, "{found} is not {expected}");
}

/// How often a record with the class has the higher probability.
fn auc(said: &[&Said]) -> f64 {
    let pairs = said.iter().filter(|a| a.label).flat_map(|a| {
        said.iter().filter(|b| !b.label).map(move |b| match a.probability.total_cmp(&b.probability) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
    });
    mean(pairs)
}

/// Whoever is tested, by record: the sample's `column`.
fn column(column: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(sample().join("ptbxl_database.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let place = reader.headers().unwrap().iter().position(|head| head == column).unwrap();
    reader.records().map(|row| row.unwrap()).map(|row| (row[0].to_owned(), row[place].to_owned())).collect()
}

#[test]
fn a_study_is_asked_for_thresholds_parts_and_train_metrics() {
    let bench = Workbench::new("parts");
    bench.write("experiments/parts.toml", &tiny("parts", &sample(), ""));
    bench.run(&["run"]).ok();
    let scratch = texts(&bench, "SELECT run_id FROM runs WHERE graft = 'scratch' ORDER BY run_id");
    assert_eq!(scratch.len(), 2);
    thresholds(&bench, &scratch);
    by_sex_and_age(&bench, &scratch);
    by_class_and_site(&bench, &scratch);
    train_and_validation(&bench, &scratch);
    every_metric(&bench);
    proved(&bench, &scratch[0]);
}

/// The specificity at the threshold of the highest J on the validation records, by the definition.
fn thresholds(bench: &Workbench, scratch: &[String]) {
    let of_run = |run: &String| {
        let validation = said(bench, "validation_predictions", run);
        let own: Vec<&Said> = validation.iter().filter(|said| said.class == "MI").collect();
        let share = |label: bool, threshold: f64| {
            mean(own.iter().filter(|said| said.label == label).map(|said| f64::from(said.probability >= threshold)))
        };
        let worth = |threshold: f64| share(true, threshold) - share(false, threshold);
        let best = own.iter().map(|said| worth(said.probability)).fold(f64::MIN, f64::max);
        let threshold =
            own.iter().map(|said| said.probability).filter(|at| worth(*at) > best - 1e-12).fold(0.0, f64::max);
        let test = said(bench, "predictions", run);
        let others = test.iter().filter(|said| said.class == "MI" && !said.label);
        mean(others.map(|said| f64::from(said.probability < threshold)))
    };
    let expected = mean(scratch.iter().map(of_run));
    let rows = compared(bench, &["--metric", "specificity:MI,macro_auc", "--thresholds", "youden"]);
    let row = rows.iter().find(|row| row["graft"] == "scratch").unwrap();
    close(&row["test_specificity_MI_mean"], expected);
    let plain = compared(bench, &["--metric", "specificity:MI,macro_auc"]);
    let half = plain.iter().find(|row| row["graft"] == "scratch").unwrap();
    assert_ne!(half["test_specificity_MI_mean"], row["test_specificity_MI_mean"]);
    assert_eq!(half["test_macro_auc_mean"], row["test_macro_auc_mean"]);
    let seeds = compared(bench, &["--metric", "specificity:MI", "--thresholds", "youden", "--test", "t"]);
    assert_eq!(seeds[0]["test_specificity_MI_mean"], rows[0]["test_specificity_MI_mean"]);
    let text = bench.run(&["compare", "--metric", "macro_f1", "--thresholds", "f1"]).ok();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("the highest F1 on the validation records"), "{text}");

    bench.run(&["compare", "--metric", "macro_auc", "--thresholds", "f1"]).users_fault(&["none of the metrics is of"]);
    let both = ["compare", "--metric", "subset_accuracy", "--thresholds", "f1", "--test", "mcnemar"];
    bench.run(&both).users_fault(&["--test mcnemar", "no threshold"]);
}

fn by_sex_and_age(bench: &Workbench, scratch: &[String]) {
    let (sexes, ages) = (column("sex"), column("age"));
    let rows = compared(bench, &["--metric", "auc:NORM", "--by", "sex,age:20", "--resamples", "100"]);
    let tested: BTreeSet<String> =
        said(bench, "predictions", &scratch[0]).into_iter().map(|said| said.record).collect();
    for (part, number) in [("male", "0"), ("female", "1")] {
        let own: BTreeSet<&String> = tested.iter().filter(|record| sexes[*record] == number).collect();
        let of_run = |run: &String| {
            let all = said(bench, "predictions", run);
            auc(&all.iter().filter(|said| said.class == "NORM" && own.contains(&said.record)).collect::<Vec<_>>())
        };
        let of_part: Vec<&Value> = rows.iter().filter(|row| row["part"] == part).collect();
        assert_eq!(of_part.len(), 3, "a row for each arm");
        let row = of_part.iter().find(|row| row["graft"] == "scratch").unwrap();
        assert_eq!(row["records"], own.len());
        close(&row["mean"], mean(scratch.iter().map(of_run)));
        assert!(row["low"].as_f64() < row["mean"].as_f64() && row["mean"].as_f64() < row["high"].as_f64());
        assert!(of_part.iter().filter(|row| row["graft"] != "scratch").all(|row| row["delta"].is_f64()));
    }
    let parts: Vec<&str> =
        rows.iter().filter(|row| row["by"] == "age").map(|row| row["part"].as_str().unwrap()).collect();
    // All above 89 are 90.
    let name = |from: u32| if from == 80 { "80 or more".to_owned() } else { format!("{from} to {}", from + 19) };
    let known: BTreeSet<u32> =
        tested.iter().filter_map(|record| Some(ages[record].parse::<f64>().ok()?.min(90.0) as u32 / 20 * 20)).collect();
    let unknown = tested.iter().any(|record| ages[record].is_empty()).then(|| "not known".to_owned());
    let expected: Vec<String> = known.into_iter().map(name).chain(unknown).collect();
    assert_eq!(parts.iter().step_by(3).copied().collect::<Vec<_>>(), expected);

    // Somebody alone with a class has no number, and the table says so.
    let rare = compared(bench, &["--metric", "macro_auc", "--by", "age:5", "--resamples", "100"]);
    let few: Vec<&Value> = rare.iter().filter(|row| row["fewest_patients"] == 1).collect();
    assert!(
        !few.is_empty()
            && few.iter().all(|row| row["mean"].is_null() && row["delta"].is_null() && row["delta_p"].is_null())
    );
    assert!(few.iter().all(|row| row["unmeasurable"].as_str().unwrap().starts_with("it rests on 1 patient")));
    let text = bench.run(&["compare", "--by", "graft,age:5", "--resamples", "100"]).ok();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["parts: by age", "too few: 1 patient with", "fewer than two patients on a side no number is given"] {
        assert!(text.contains(said), "no {said}: {text}");
    }
    for format in ["markdown", "latex", "typst", "csv"] {
        let text = bench.run(&["compare", "--by", "sex", "--resamples", "100", "--format", format]).ok();
        assert!(text.contains("female"), "{format}: {text}");
    }
}

fn by_class_and_site(bench: &Workbench, scratch: &[String]) {
    let rows = compared(bench, &["--by", "class,graft", "--resamples", "100"]);
    assert_eq!(rows.len(), 5 * 2);
    let all = said(bench, "predictions", &scratch[0]);
    let classes: BTreeSet<&str> = rows.iter().map(|row| row["part"].as_str().unwrap()).collect();
    assert_eq!(classes, all.iter().map(|said| &*said.class).collect());
    let usual = compared(bench, &["--metric", "auc:CD", "--by", "graft", "--resamples", "100"]);
    let own = rows.iter().find(|row| row["part"] == "CD" && row["graft"] == "scratch").unwrap();
    let usual = usual.iter().find(|row| row["graft"] == "scratch").unwrap();
    assert_eq!((&own["metric"], &own["mean"]), (&Value::from("auc:CD"), &usual["test_auc_CD_mean"]));
    assert_eq!((&own["low"], &own["high"]), (&usual["test_auc_CD_low"], &usual["test_auc_CD_high"]));

    // The sites are those of PTB-XL's own table; how many records each has is counted from the file.
    let records: BTreeSet<&str> = all.iter().map(|said| &*said.record).collect();
    let table = std::fs::read_to_string(sample().join("ptbxl_database.csv")).unwrap();
    let place = table.lines().next().unwrap().split(',').position(|name| name == "site").unwrap();
    let mut sites: BTreeMap<String, u64> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        if records.contains(fields[0]) {
            *sites.entry(fields[place].trim_end_matches(".0").to_owned()).or_default() += 1;
        }
    }
    assert_eq!(sites.values().sum::<u64>(), records.len() as u64);
    let rows = compared(bench, &["--by", "site", "--resamples", "100"]);
    let found = rows.iter().map(|row| (row["part"].as_str().unwrap().to_owned(), row["records"].as_u64().unwrap()));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), sites);
    let store = rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
    store.execute("UPDATE patient SET site = NULL", []).unwrap();
    bench.run(&["compare", "--by", "site"]).users_fault(&["--by site", "knows the site of none of the test records"]);
    bench.run(&["compare", "--by", "sexx"]).users_fault(&["`sexx`", "did you mean `sex`?"]);
    bench.run(&["compare", "--by", "age:0"]).users_fault(&["from 1 to 150"]);
    bench.run(&["compare", "--by", "class", "--metric", "accuracy"]).users_fault(&["accuracy is not of classes"]);
    bench.run(&["compare", "--by", "sex", "--metric", "train:macro_auc"]).users_fault(&["--by sex", "train:macro_auc"]);
}

fn train_and_validation(bench: &Workbench, scratch: &[String]) {
    let of = |split: &str, metric: &str| {
        mean(scratch.iter().map(|run| {
            bench.number(&format!(
                "SELECT value FROM scores WHERE run_id = '{run}' AND split = '{split}' AND metric = '{metric}' AND class IS NULL"
            ))
        }))
    };
    let names = ["train:macro_auc", "train:loss", "train:accuracy", "validation:macro_auc", "train:mae:hr"];
    let rows = compared(bench, &["--metric", &names.join(",")]);
    let row = rows.iter().find(|row| row["graft"] == "scratch").unwrap();
    close(&row["train_macro_auc_mean"], of("train", "macro_auc"));
    close(&row["train_loss_mean"], of("train", "loss"));
    close(&row["validation_macro_auc_mean"], of("validation", "macro_auc"));
    assert!(row["train_mae_hr_mean"].is_null());
    let grafted = rows.iter().find(|row| row["graft"] == "hr").unwrap();
    assert!(grafted["train_mae_hr_mean"].as_f64().unwrap() > 0.0 && grafted["delta_train_macro_auc"].is_f64());
    let table = bench.run(&["compare", "--metric", "train:loss,accuracy"]).ok();
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(table.contains("train loss") && table.contains("train or validation records"), "{table}");
    // The best loss is the lowest.
    let best = compared(bench, &["--metric", "train:loss", "--sort", "train:loss"]);
    let losses: Vec<f64> = best.iter().map(|row| row["train_loss_mean"].as_f64().unwrap()).collect();
    assert!(losses.is_sorted(), "{losses:?}");

    let trained =
        "SELECT records FROM membership m JOIN runs r USING (stage_id) WHERE r.run_id = 'RUN' AND split = 'train'";
    assert_eq!(of("train", "records"), bench.number(&trained.replace("RUN", &scratch[0])));
    let show = bench.run(&["show", &scratch[0]]).ok().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(show.contains("on train records: loss ") && show.contains("on validation records: AUC "), "{show}");
    let errors = bench.number("SELECT count(*) FROM regression WHERE split = 'train'");
    assert_eq!(errors, bench.number("SELECT count(*) FROM regression WHERE split = 'test'"));
    bench.run(&["compare", "--metric", "train:macro_aux"]).users_fault(&["did you mean `train:macro_auc`?"]);
}

/// Every metric that helps name is shown, tested and exported.
fn every_metric(bench: &Workbench) {
    let names: Vec<String> = ecgraft::metrics::NamedMetric::of_classifiers()
        .into_iter()
        .map(|(named, _)| named.to_string().replace("CLASS", "NORM"))
        .chain(["macro_f3", "f0.5:MI", "macro_sensitivity_at_0.8"].map(str::to_owned))
        .collect();
    assert!(names.len() > 25);
    let show = bench.run(&["show", &texts(bench, "SELECT run_id FROM runs LIMIT 1")[0]]).ok();
    for name in &names {
        let rows = compared(bench, &["--metric", name, "--resamples", "50"]);
        let column = format!("test_{}_mean", name.replace(':', "_"));
        assert!(rows.iter().all(|row| row[&column].is_f64()), "{name}: {rows:?}");
        assert!(rows.iter().any(|row| row["delta_pairs"] == 2), "{name}");
    }
    for head in ["AUPRC", "F2", "specificity", "PPV", "NPV", "MCC", "F-max"] {
        assert!(show.contains(head), "no {head} in:\n{show}");
    }
    bench.run(&["compare", "--metric", "macro_f0"]).users_fault(&["no metric is called `macro_f0`"]);
}

/// The validation predictions are proved, and a change of one is found.
fn proved(bench: &Workbench, run: &str) {
    let said = bench.run(&["verify"]).ok();
    let scores = bench.number("SELECT count(*) FROM score WHERE split = 'validation'");
    let probabilities = bench.number("SELECT count(*) FROM validation_probability");
    let line = format!(
        "{scores} validation scores of classifiers from {probabilities} probabilities, and the macro AUC of 6 kept epochs"
    );
    assert!(said.contains(&line), "no {line}: {said}");
    assert_eq!(bench.number("SELECT count(*) FROM validation_set"), 1.0, "equal sets are kept once");
    let count = format!("SELECT count(*) FROM validation_predictions WHERE run_id = '{run}'");
    let records = "SELECT 5 * records FROM membership m JOIN runs r USING (stage_id) WHERE r.run_id = 'RUN' AND split = 'validation'";
    assert_eq!(bench.number(&count), bench.number(&records.replace("RUN", run)));
    let store = rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
    let change =
        "UPDATE validation_probability SET probability = probability * 0.5 WHERE place < 40 AND validation_id = 1";
    store.execute_batch(change).unwrap();
    let found = bench.run(&["verify"]);
    assert_eq!(found.code, Some(1));
    assert!(found.err.contains("validation "), "{}", found.err);
}

/// With a budget of all labels validation records are a share too: by patient, nested, and the test is what it was.
#[test]
fn a_label_budget_may_shrink_validation_too() {
    let bench = Workbench::new("budget");
    let small = |name: &str, more: &str| {
        tiny(name, &sample(), "")
            .replace("[transfer]\n", &format!("[transfer]\n{more}"))
            .replace("mix = [\"half\"]\n", "mix = []\nlabel_fraction = [0.25, 0.5, 1.0]\n")
            .replace("from = [[\"hr\"]]\nfreeze = [\"none\", \"probe\"]\n", "")
            .replace("[freezes.none]\n[freezes.probe]\nsteps = [{ blocks = [\"*\"] }]\n", "")
            .replace("seed = [0, 1]", "seed = [0]")
    };
    bench.write("experiments/train.toml", &small("train", ""));
    bench.write("experiments/train-too.toml", &small("train_too", "budget = \"train\"\n"));
    bench.write("experiments/all.toml", &small("all", "budget = \"all\"\n"));
    bench.run(&["run"]).ok();
    assert_eq!(
        texts(&bench, "SELECT stage_id FROM runs WHERE experiment = 'train' ORDER BY stage_id"),
        texts(&bench, "SELECT stage_id FROM runs WHERE experiment = 'train_too' ORDER BY stage_id")
    );
    let members = |experiment: &str, fraction: f64, split: &str, column: &str| -> BTreeSet<String> {
        let sql = format!(
            "SELECT DISTINCT m.{column} FROM runs r JOIN membership s USING (stage_id) JOIN members m USING (record_set)
             WHERE r.experiment = '{experiment}' AND r.label_fraction = {fraction} AND s.split = '{split}'"
        );
        texts(&bench, &sql).into_iter().collect()
    };
    for fraction in [0.25, 0.5, 1.0] {
        for split in ["train", "test"] {
            assert_eq!(members("train", fraction, split, "record_id"), members("all", fraction, split, "record_id"));
        }
        let (all, share) = (
            members("train", fraction, "validation", "record_id"),
            members("all", fraction, "validation", "record_id"),
        );
        assert!((share.len() as f64 - fraction * all.len() as f64).abs() <= 2.0, "{} of {}", share.len(), all.len());
        assert!(share.is_subset(&all));
        let patients = members("all", fraction, "validation", "patient");
        assert!(patients.is_disjoint(&members("all", fraction, "train", "patient")));
    }
    let [quarter, half] = [0.25, 0.5].map(|fraction| members("all", fraction, "validation", "record_id"));
    assert!(quarter.is_subset(&half) && quarter.len() < half.len(), "a smaller share is part of a larger one");
    let notes =
        texts(&bench, "SELECT notes FROM stages s JOIN runs r USING (stage_id) WHERE experiment = 'all'").concat();
    assert!(notes.contains(&format!(
        "{} of {} to validate",
        half.len(),
        members("train", 0.5, "validation", "record_id").len()
    )));
    let said = bench.run(&["verify"]).ok();
    assert!(said.contains("6 of 6 stages are done"), "{said}");
}
