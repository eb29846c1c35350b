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
