//! Any key as an axis, manifests that include others, and test folds in turn.

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::store::Cell;

/// The tiny study with more of its trials said.
fn trials(name: &str, more: &str) -> String {
    tiny(name, &sample(), "").replace("[trials]\n", &format!("[trials]\n{more}\n"))
}

fn column(bench: &Workbench, sql: &str) -> Vec<String> {
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        Cell::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    bench.ask(sql).iter().map(|row| row.iter().map(text).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_variant_says_keys_otherwise_and_shares_the_stages_that_it_does_not_touch() {
    let bench = Workbench::new("variants");
    let more = "[variants.slow]\n\"transfer.optimizer.learning_rate\" = 1e-4\n\
                [variants.huber.regression]\nloss = { kind = \"huber\", delta = 2.0 }\n\
                [variants.lead-ii]\n\"signal.leads\" = [\"II\"]\n";
    bench.write("experiments/v.toml", &format!("{}{more}", tiny("v", &sample(), "")));
    let table = bench.run(&["run"]).ok();
    assert!(table.contains("variant") && table.contains("lead-ii"), "{table}");
    let settings = |variant: &str, kind: &str, key: &str| {
        column(
            &bench,
            &format!(
                "SELECT DISTINCT json_extract(s.settings, '{key}') FROM trial t JOIN run_stages r USING (run_id)
                 JOIN stage s ON s.stage_id = r.stage_id WHERE t.variant = '{variant}' AND s.kind = '{kind}'"
            ),
        )
    };
    assert_eq!(settings("slow", "transfer", "$.transfer.optimizer.learning_rate"), ["Real(0.0001)"]);
    assert_eq!(settings("huber", "regression", "$.regression.loss.delta"), ["Real(2.0)"]);
    assert_eq!(settings("base", "regression", "$.regression.loss"), ["mae"]);
    assert_eq!(settings("lead-ii", "transfer", "$.signal.leads"), ["[\"II\"]"]);
    // The regressions of `slow` and of the manifest as it stands are the same, and so are the classifiers from scratch
    // of `huber`.
    let stages = |variant: &str, kind: &str, graft: &str| {
        column(
            &bench,
            &format!(
                "SELECT DISTINCT s.stage_id FROM runs t JOIN run_stages r USING (run_id) JOIN stage s ON s.stage_id = r.stage_id
                 WHERE t.variant = '{variant}' AND s.kind = '{kind}' AND (t.graft = 'scratch') = {graft} ORDER BY 1"
            ),
        )
    };
    assert_eq!(stages("slow", "regression", "0"), stages("base", "regression", "0"));
    assert_ne!(stages("slow", "transfer", "0"), stages("base", "transfer", "0"));
    assert_eq!(stages("huber", "transfer", "1"), stages("base", "transfer", "1"));
    assert_ne!(stages("huber", "transfer", "0"), stages("base", "transfer", "0"));
    assert_ne!(stages("lead-ii", "regression", "0"), stages("base", "regression", "0"));
    // Ids of all of it are proved, and people audited, for each variant.
    bench.run(&["verify"]).ok();
    bench.run(&["audit"]).ok();
    let one = bench.run(&["compare", "--only", "variant=slow", "--format", "csv"]).ok();
    assert!(one.lines().skip(1).all(|line| line.contains(",slow,")), "{one}");
    bench.run(&["compare", "--only", "variant=fast"]).users_fault(&["variant=fast", "slow"]);
}

#[test]
fn faults_of_variants_are_told_where_they_stand() {
    let bench = Workbench::new("variant-faults");
    for (more, says) in [
        (
            "[variants.a]\n\"transfer.optimizer.lerning_rate\" = 1.0\n",
            ["unknown key `lerning_rate`", "did you mean `learning_rate`"],
        ),
        ("[variants.a]\n\"trials.seed\" = [1]\n", ["v.toml:", "a variant has the trials of the manifest"]),
        ("[variants.a]\nname = \"b\"\n", ["v.toml:", "`name` is of the manifest"]),
        ("[variants.base]\n\"transfer.epochs\" = 3\n", ["`base` is the manifest as it stands", "another name"]),
        ("[variants.a]\n\"signal.leads\" = [\"XII\"]\n", ["XII", "\"signal.leads\" = [\"XII\"]"]),
        ("[variants]\na = 3\n", ["must be a table", "a = 3"]),
    ] {
        bench.write("experiments/v.toml", &format!("{}{more}", tiny("v", &sample(), "")));
        bench.run(&["check"]).users_fault(&says);
    }
    let named = trials("v", "variant = [\"slwo\"]");
    bench.write("experiments/v.toml", &format!("{named}[variants.slow]\n\"transfer.epochs\" = 3\n"));
    bench.run(&["check"]).users_fault(&["no variant is called `slwo`", "did you mean `slow`?"]);
    bench.write("experiments/v.toml", &trials("v", "fold = [3, 12]"));
    bench.run(&["check"]).users_fault(&["it must be from 1 to 10"]);
}

#[test]
fn an_included_manifest_says_what_the_own_does_not_and_the_store_keeps_both() {
    let bench = Workbench::new("include");
    bench.write("parts/base.toml", &tiny("base", &sample(), ""));
    bench.write(
        "experiments/own.toml",
        "include = \"../parts/base.toml\"\nname = \"own\"\n[transfer]\nepochs = 1\n[trials]\nseed = [5]\n",
    );
    bench.run(&["run"]).ok();
    assert_eq!(column(&bench, "SELECT DISTINCT experiment, seed FROM runs"), ["own 5"]);
    assert_eq!(
        bench.number("SELECT DISTINCT json_extract(settings, '$.transfer.epochs') FROM stage WHERE kind = 'transfer'"),
        1.0
    );
    // The kept text stands for itself, whatever becomes of the files.
    let kept = column(&bench, "SELECT text FROM manifest").remove(0);
    std::fs::remove_dir_all(bench.path.join("parts")).unwrap();
    let path = bench.path.join("experiments/own.toml");
    let again = ecgraft::manifest::parse(&path, &kept, &|_| None).unwrap();
    assert_eq!((again.name.as_str(), again.transfer.epochs, &again.trials.seed[..]), ("own", 1, &[5][..]));
    let missing = bench.run(&["check"]).users_fault(&["base.toml", "cannot be included", "own.toml:1:11"]);
    assert!(missing.contains("include = \"../parts/base.toml\""), "{missing}");

    // A fault in what is included is told with that file and its line.
    let faulty = tiny("base", &sample(), "").replace("[transfer]\n", "[transfer]\nepoks = 3\n");
    bench.write("parts/base.toml", &faulty);
    let line = faulty.lines().position(|line| line.starts_with("epoks")).unwrap() + 1;
    bench.run(&["check"]).users_fault(&[&format!("base.toml:{line}:1"), "unknown key `epoks`"]);
    bench.write("parts/base.toml", "include = \"../experiments/own.toml\"\n");
    bench.run(&["check"]).users_fault(&["is included by itself"]);
}

#[test]
fn test_folds_in_turn_are_pooled_by_their_mean() {
    let bench = Workbench::new("folds");
    bench.write("experiments/f.toml", &trials("f", "fold = [1, 9, 10]"));
    let table = bench.run(&["run"]).ok();
    assert!(table.contains("Folds 1, 9, 10 were tested in turn"), "{table}");
    let folds = column(
        &bench,
        "SELECT DISTINCT t.fold, json_extract(s.settings, '$.transfer.test_folds'), json_extract(s.settings, '$.transfer.validation_folds'),
                json_extract(s.settings, '$.transfer.train_folds') FROM trial t JOIN stage s USING (stage_id) ORDER BY 1",
    );
    assert_eq!(
        folds,
        ["1 [1] [10] [2,3,4,5,6,7,8,9]", "9 [9] [8] [1,2,3,4,5,6,7,10]", "10 [10] [9] [1,2,3,4,5,6,7,8]",]
    );
    // By hand: of each seed the mean over the folds, then their mean.
    let by_hand = bench.number(
        "SELECT avg(auc) FROM (SELECT seed, avg(test_macro_auc) AS auc FROM runs WHERE graft = 'scratch' GROUP BY seed)",
    );
    let csv = bench.run(&["compare", "--format", "csv"]).ok();
    let scratch = csv.lines().find(|line| line.contains(",scratch,")).unwrap();
    let place = csv.lines().next().unwrap().split(',').position(|name| name == "test_macro_auc_mean").unwrap();
    let found: f64 = scratch.split(',').nth(place).unwrap().parse().unwrap();
    assert!((found - by_hand).abs() < 1e-12, "{found} is not {by_hand}");
    // Each fold has other people.
    assert_eq!(bench.number("SELECT max(n) FROM (SELECT count(DISTINCT t.fold) AS n FROM trial t JOIN prediction p USING (stage_id) GROUP BY record_id)"), 1.0);
    let apart = bench.run(&["compare", "--by", "fold,graft", "--format", "csv"]).ok();
    assert_eq!(apart.lines().filter(|line| line.contains(",scratch,")).count(), 3, "{apart}");
    bench.run(&["compare", "--test", "delong"]).users_fault(&["several folds", "--by fold"]);
    bench.run(&["compare", "--test", "delong", "--by", "fold,graft"]).ok();
    bench.run(&["verify"]).ok();
    bench.run(&["audit"]).ok();
}
