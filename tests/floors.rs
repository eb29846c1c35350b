//! What a network must be better than: frozen fresh weights, a constant, and a network of its size.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::store::Cell;

/// The tiny study with more of its trials said; frozen fresh weights stand beside probes, as is the default.
fn trials(more: &str) -> String {
    tiny("floors", &sample(), "").replace("random_probe = false\n", &format!("{more}\n"))
}

fn texts(bench: &Workbench, sql: &str) -> Vec<String> {
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    bench.ask(sql).iter().map(|row| text(&row[0])).collect()
}

/// The values of a checkpoint by name.
fn weights(bench: &Workbench, stage: &str) -> BTreeMap<String, Vec<f32>> {
    let bytes = std::fs::read(bench.results().join("checkpoints").join(format!("{stage}.safetensors"))).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let values = |view: &safetensors::tensor::TensorView<'_>| {
        view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    file.tensors().iter().map(|(name, view)| (name.clone(), values(view))).collect()
}

#[test]
fn frozen_fresh_weights_stand_beside_every_probe() {
    let bench = Workbench::new("random-probe");
    bench.write("experiments/floors.toml", &trials(""));
    let table = bench.run(&["run"]).ok();
    assert!(table.lines().any(|line| line.contains("random") && line.contains("probe")), "{table}");
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE graft = 'random'"), 2.0, "one for each seed");
    // Its blocks hold still, its statistics follow the data, and its head learns.
    let stage = |graft: &str, seed: u64| {
        texts(&bench, &format!("SELECT stage_id FROM runs WHERE graft = '{graft}' AND seed = {seed}")).remove(0)
    };
    let (random, other, scratch) = (
        weights(&bench, &stage("random", 0)),
        weights(&bench, &stage("random", 1)),
        weights(&bench, &stage("scratch", 0)),
    );
    let is_weight = |name: &str| name.starts_with("blocks") && name.ends_with("conv.weight");
    let mut seen = 0;
    for (name, values) in random.iter().filter(|(name, _)| is_weight(name)) {
        assert_ne!(values, &scratch[name], "{name}: from scratch it was trained");
        assert_ne!(values, &other[name], "{name}: another seed has other weights");
        // Of PyTorch's initialisation: within the bound of its fan-in, 1 / sqrt(leads or channels x kernel).
        let fan_in = if name.contains("blocks.0") { 2.0 * 5.0 } else { 4.0 * 3.0 };
        assert!(values.iter().all(|value| f64::from(value.abs()) <= 1.0 / f64::sqrt(fan_in)), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 2);
    let means: Vec<&f32> =
        random.iter().filter(|(name, _)| name.ends_with("running_mean")).flat_map(|(_, values)| values).collect();
    assert!(!means.is_empty() && means.iter().all(|mean| **mean != 0.0));
    bench.run(&["verify"]).ok();
    bench.run(&["audit"]).ok();

    // Where the probes are left out, so is it; and where no freeze holds to the end there is none.
    bench.write("experiments/floors.toml", &trials("exclude = [{ from = [\"hr\"], freeze = \"probe\" }]"));
    assert!(!bench.run(&["plan"]).ok().contains("random"));
    bench
        .write("experiments/floors.toml", &trials("").replace("freeze = [\"none\", \"probe\"]", "freeze = [\"none\"]"));
    assert!(!bench.run(&["plan"]).ok().contains("random"));
}

#[test]
fn a_matched_baseline_draws_what_its_graft_draws() {
    let bench = Workbench::new("matched");
    let study = trials("matched_scratch = true")
        .replace("from = [[\"hr\"]]", "from = [[\"hr\", \"qrs\"]]")
        .replace("[transfer]\n", "[transfer]\noptimizer = { kind = \"adam\", learning_rate = 1e-12 }\n");
    bench.write("experiments/floors.toml", &study);
    bench.run(&["run"]).ok();
    // Hardly anything is learned, so that heads are as they were drawn.
    let stage = |what: &str| texts(&bench, &format!("SELECT stage_id FROM runs WHERE seed = 1 AND {what}")).remove(0);
    let graft = weights(&bench, &stage("graft = 'hr+qrs' AND freeze = 'none'"));
    for matched in ["graft = 'scratch x2'", "graft = 'random x2'"] {
        let matched = weights(&bench, &stage(matched));
        let heads: Vec<&String> =
            graft.keys().filter(|name| name.starts_with("head") && name.ends_with("weight")).collect();
        assert!(!heads.is_empty());
        for name in heads {
            let apart = graft[name].iter().zip(&matched[name]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-6, "{name}: {apart}");
        }
        assert_ne!(graft["backbones.0.blocks.0.conv.weight"], matched["backbones.0.blocks.0.conv.weight"]);
    }
}

#[test]
fn every_table_says_what_the_commonest_class_alone_is_worth() {
    let bench = Workbench::new("majority");
    bench.write("experiments/floors.toml", &trials("label_fraction = [0.5, 1.0]"));
    let table = bench.run(&["run"]).ok();
    assert!(table.contains("majority class: no network"), "{table}");
    // By hand: a class that most training records have is said to be there, of every test record; the AUC of a constant is
    // a half; macro F1 is the mean over the classes.
    let shares = "SELECT p.class, p.value / r.value AS share FROM runs t JOIN score p USING (stage_id) JOIN score r USING (stage_id)
         WHERE t.graft = 'scratch' AND t.seed = 0 AND t.label_fraction = 1 AND p.split = 'train' AND p.metric = 'positives'
           AND r.split = 'train' AND r.metric = 'records' AND r.class = ''";
    let said = format!(
        "WITH share AS ({shares}), test AS (SELECT p.class, p.label, s.share >= 0.5 AS said
             FROM runs t JOIN prediction p USING (stage_id) JOIN share s ON s.class = p.class
             WHERE t.graft = 'scratch' AND t.seed = 0 AND t.label_fraction = 1)"
    );
    let accuracy = bench.number(&format!("{said} SELECT avg(label = said) FROM test"));
    let f1 = bench.number(&format!(
        "{said} SELECT avg(f1) FROM (SELECT class, 2.0 * sum(label AND said) / max(sum(label) + sum(said), 1) AS f1 FROM test GROUP BY class)"
    ));
    let csv = bench.run(&["compare", "--format", "csv"]).ok();
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> =
        csv.lines().filter(|line| line.contains("majority class")).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 2, "one for each share of the labels: {csv}");
    let value = |row: &[&str], column: &str| -> f64 {
        row[head.iter().position(|name| *name == column).unwrap()].parse().unwrap()
    };
    let whole = rows.iter().find(|row| value(row, "label_fraction") == 1.0).unwrap();
    for (column, by_hand) in
        [("test_macro_auc_mean", 0.5), ("test_accuracy_mean", accuracy), ("test_macro_f1_mean", f1), ("seeds", 0.0)]
    {
        assert!((value(whole, column) - by_hand).abs() < 1e-12, "{column}: {} is not {by_hand}", value(whole, column));
    }
    for format in ["markdown", "latex", "typst"] {
        assert!(bench.run(&["compare", "--format", format]).ok().contains("majority class"), "{format}");
    }
    // It is no arm: nothing is compared with it, and no p-value is corrected for it.
    let family = csv.lines().skip(1).filter(|line| !line.contains("scratch") && !line.contains("majority")).count();
    assert!(table.contains(&format!("for all {family} differences shown")), "{table}");
}

/// The tiny study measures so little that its regressions are hardly better than a constant, if at all.
#[test]
fn regressions_stand_beside_the_median() {
    let bench = Workbench::new("median");
    let study = trials("").replace("[regression]\n", "[regression]\nevaluate_on = [\"ptbxl\"]\n");
    bench.write("experiments/floors.toml", &study);
    bench.run(&["run"]).ok();
    let stage = texts(&bench, "SELECT stage_id FROM stage WHERE kind = 'regression' AND seed = 0").remove(0);
    let own = |what: &str| {
        bench.number(&format!("SELECT {what} FROM regression WHERE stage_id = '{stage}' AND split = 'test'"))
    };
    let by_hand = bench.number(&format!(
        "SELECT avg(abs(truth - (SELECT median FROM median_score WHERE stage_id = '{stage}' AND split = 'test')))
         FROM regression_prediction WHERE stage_id = '{stage}'"
    ));
    assert!((own("median_mae") - by_hand).abs() < 1e-9);
    // The interval is about what is gained.
    let gain = own("median_mae - mae");
    assert!(own("gain_low") < gain && gain < own("gain_high"));
    assert!((own("gain_low + gain_high") / 2.0 - gain).abs() < 1e-9);
    // No other constant errs less on the training records.
    assert_eq!(bench.number("SELECT count(*) FROM median_score WHERE split = 'train' AND r2 > 1e-9"), 0.0);
    assert_eq!(bench.number("SELECT count(DISTINCT split) FROM median_score"), 3.0);

    let word = |mae: f64, median: f64, low: f64| match (mae < median, low > 0.0) {
        (true, true) => "",
        (true, false) => "not told from the median",
        (false, _) => "no better than the median",
    };
    let said = word(own("mae"), own("median_mae"), own("gain_low"));
    assert!(!said.is_empty(), "two epochs have taught it after all: a test of words needs another study");
    let run = texts(&bench, "SELECT run_id FROM runs WHERE graft = 'hr' AND seed = 0").remove(0);
    let shown = bench.run(&["show", &run]).ok();
    let line = shown.lines().find(|line| line.contains("hr on") && line.contains("test records")).unwrap();
    let mae = format!("bpm, has MAE {:.2} bpm, gain {gain:.2} bpm", own("median_mae"));
    assert!(line.contains(&mae) && line.ends_with(said), "{line}");
    let page = bench.results().join("own.html");
    bench.run(&["report", "-o", page.to_str().unwrap()]).ok();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("MAE of the median") && page.contains(said), "{said}");

    // In tables of their errors it has a row, and who does no better is named.
    let csv = bench.run(&["compare", "--metric", "mae:hr", "--format", "csv"]).ok();
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let column = head.iter().position(|name| name.ends_with("mae_hr_mean") || name.ends_with("mae:hr_mean")).unwrap();
    let row: Vec<&str> = csv.lines().find(|line| line.contains("target median")).unwrap().split(',').collect();
    let both = bench.number("SELECT avg(median_mae) FROM regression WHERE split = 'test'");
    assert!((row[column].parse::<f64>().unwrap() - both).abs() < 1e-9, "{csv}");
    let table = bench.run(&["compare", "--metric", "mae:hr"]).ok();
    assert!(table.contains("target median: no network"), "{table}");
    let mean = bench.number("SELECT avg(mae) FROM regression WHERE split = 'test'");
    assert_eq!(table.contains("No better than the median"), mean >= both, "{table}");

    // A table of them, which says the same.
    let table = bench.run(&["compare", "--regressions"]).ok();
    assert!(table.contains("what the networks that are grafted measure") && table.contains("hr (bpm)"), "{table}");
    assert!(table.contains("no better") && table.contains("test macro AUC"), "the arms stand below: {table}");
    let csv = bench.run(&["compare", "--regressions", "--format", "csv"]).ok();
    let [head, row] = [0, 1].map(|line| csv.lines().nth(line).unwrap().split(',').collect::<Vec<_>>());
    let of = |column: &str| -> f64 { row[head.iter().position(|name| *name == column).unwrap()].parse().unwrap() };
    assert!((of("test_mae_mean") - mean).abs() < 1e-9 && (of("median_mae_mean") - both).abs() < 1e-9, "{csv}");
    for split in ["train", "validation"] {
        let mean = bench.number(&format!("SELECT avg(mae) FROM regression WHERE split = '{split}'"));
        assert!((of(&format!("{split}_mae_mean")) - mean).abs() < 1e-9, "{csv}");
    }
    assert_eq!((of("seeds"), csv.lines().count()), (2.0, 2));

    // On another source the median is still that of those who taught it.
    let elsewhere = bench.run(&["compare", "--elsewhere"]).ok();
    assert!(elsewhere.contains("median MAE"), "{elsewhere}");
    let there = bench.number(&format!(
        "SELECT value FROM evaluation WHERE stage_id = '{stage}' AND metric = 'median_mae' AND subject = 'hr'"
    ));
    let by_hand = bench.number(&format!(
        "SELECT avg(abs(truth - (SELECT median FROM median_score WHERE stage_id = '{stage}' AND split = 'train')))
         FROM evaluated_record WHERE stage_id = '{stage}'"
    ));
    assert!((there - by_hand).abs() < 1e-9);
    bench.run(&["verify"]).ok();
    // None of it changes unseen.
    let store = rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
    store.execute("UPDATE median_score SET gain_low = gain_low + 1 WHERE split = 'test'", []).unwrap();
    drop(store);
    let said = bench.run(&["verify"]);
    assert!(said.code == Some(1), "{}", said.err);
    assert!(said.out.contains("gain over the median, low") || said.err.contains("gain over the median, low"));
}
