//! What the store says is proved again from what it keeps, and one changed value is found, whichever it is.

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::store::Cell;

/// Three experiments: several labels, one label, and grafts of all kinds.
fn studied(name: &str) -> Workbench {
    let bench = Workbench::new(name);
    let multi = tiny("multi", &sample(), "");
    bench.write("experiments/multi.toml", &multi);
    bench.write("experiments/single.toml", &tiny("single", &sample(), "").replace("\"multi\"", "\"single\""));
    let grafts = multi
        .replace("name = \"multi\"", "name = \"grafts\"")
        .replace("{ source = \"simulated\", share = 0.5 }, ", "")
        .replace("share = 0.5", "from_epoch = 1, until_epoch = 9")
        .replace("records = 60\n", "")
        .replace("[regression]\n", "[regression]\ntargets = [\"hr\", [\"hr\", \"qrs\"]]\n")
        .replace(
            "[[\"hr\"]]",
            "[[[\"hr\", \"qrs\"]], [\"hr\", \"classification\"]]\nfusion = [\"gate\"]\nmatched_scratch = true",
        );
    bench.write("experiments/grafts.toml", &grafts);
    bench.run(&["run"]).ok();
    bench
}

fn store(bench: &Workbench) -> rusqlite::Connection {
    rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).unwrap()
}

/// The one text that the store answers.
fn text(bench: &Workbench, sql: &str) -> Option<String> {
    match bench.ask(sql).first().and_then(|row| row.first()) {
        Some(Cell::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Where every stage has a checksum of its weights: those of which none was kept get one from the file.
fn keep_checksums(bench: &Workbench) {
    let ids = bench.ask("SELECT stage_id FROM stages WHERE weights_sha256 IS NULL");
    for id in ids {
        let [Cell::Text(id)] = &id[..] else { panic!("{id:?}") };
        let set = |sha256: &str| {
            store(bench).execute("UPDATE stage SET weights_sha256 = ?2 WHERE stage_id = ?1", [id, sha256]).unwrap()
        };
        set("unknown");
        let said = bench.run(&["verify"]).err;
        let (_, rest) = said.split_once("has tensors of SHA-256 ").unwrap_or_else(|| panic!("{said}"));
        set(&rest[..64]);
    }
}

#[test]
fn what_a_run_leaves_behind_is_proved() {
    let bench = studied("verify");
    let said = bench.run(&["verify"]).ok();
    let count = |sql: &str| bench.number(sql);
    let stages = count("SELECT count(*) FROM stages");
    assert!(said.contains(&format!("{stages} of {stages} stages are done")), "{said}");
    let (runs, inputs) = (count("SELECT count(*) FROM runs"), count("SELECT count(*) FROM stage_input"));
    let ids = format!("{stages} stage ids from their settings, {runs} run ids, {inputs} inputs");
    assert!(said.contains(&ids), "{said}");
    let scores = count("SELECT count(*) FROM score WHERE split = 'test'");
    let predictions = count("SELECT count(*) FROM prediction");
    let line = format!("{scores} test scores of classifiers from {predictions} probabilities");
    assert!(said.contains(&line), "no {line}: {said}");
    // Records and four errors, and what the median is worth beside them.
    let errors = (5.0 + 5.0) * count("SELECT count(*) FROM regression WHERE split = 'test'");
    let measured = count("SELECT count(*) FROM regression_predictions");
    assert!(said.contains(&format!("{errors} test scores of regressions from {measured} measured values")), "{said}");
    let by_source = 7.0 * count("SELECT count(*) FROM source_scores WHERE split = 'test'");
    assert!(said.contains(&format!("{by_source} test scores of regressions by source")), "{said}");
    assert!(said.contains(&format!("all curves, scores and predictions of {stages} stages")), "{said}");
    assert!(by_source > 0.0 && !said.contains("not verified"), "{said}");
    assert!(scores > 500.0 && measured > 50.0, "{said}");

    keep_checksums(&bench);
    let said = bench.run(&["verify"]).ok();
    assert!(said.contains(&format!("{stages} checkpoints by their checksums")), "{said}");
    let one = bench.run(&["verify", "mul*"]).ok();
    assert!(one.contains("8 of 8 stages are done") && one.contains("6 run ids"), "{one}");
    bench.run(&["verify", "mul"]).users_fault(&["`mul`", "did you mean `multi`?"]);

    // Weights may be deleted; that is told, and no fault.
    std::fs::remove_dir_all(bench.results().join("checkpoints")).unwrap();
    let said = bench.run(&["verify"]).ok();
    assert!(said.contains(&format!("{stages} checkpoints that are not there any more")), "{said}");
}

/// A change, and what is said of it.
type Change = (&'static str, &'static [&'static str]);

/// One of everything that can be proved.
const CHANGES: &[Change] = &[
    // What no prediction is kept of.
    (
        "UPDATE epoch SET value = value + 1e-15 WHERE (stage_id, epoch, split, metric) =
         (SELECT stage_id, epoch, split, metric FROM epoch WHERE value < 1 LIMIT 1)",
        &["curves, scores, predictions or compositions are not those it found"],
    ),
    ("UPDATE score SET value = 0.5 WHERE split = 'train' AND metric = 'macro_auc'", &["not those it found"]),
    ("UPDATE regression_score SET mae = mae + 1 WHERE split = 'train'", &["not those it found"]),
    // Of validation records predictions are kept.
    (
        "UPDATE score SET value = 0.5 WHERE split = 'validation' AND metric = 'macro_auc'",
        &["validation macro_auc is stored as 0.5"],
    ),
    ("UPDATE validation_record SET patient = 'nobody' WHERE number = 0", &["not those it found"]),
    (
        "UPDATE validation_record SET labels = '00000'",
        &["validation ", "more disagree"],
    ),
    (
        "UPDATE epoch SET value = 0.25 WHERE split = 'validation' AND metric = 'macro_auc'",
        &["its learning curve has a validation macro_auc of 0.25 in the kept epoch"],
    ),
    ("DELETE FROM validation", &["not those it found"]),
    ("UPDATE mix_part SET train = train + 1 WHERE part = 1", &["not those it found"]),
    ("UPDATE source_score SET bias = bias + 1e-9 WHERE split = 'validation'", &["not those it found"]),
    // The last bit of one of a network's numbers from 0.5 to 1, and one that no network's number has.
    (
        "UPDATE prediction SET probability = probability + 5.9604644775390625e-08 WHERE (stage_id, record_id, class) =
         (SELECT stage_id, record_id, class FROM prediction WHERE probability BETWEEN 0.5 AND 0.6 LIMIT 1)",
        &["test "],
    ),
    ("UPDATE prediction SET probability = probability + 1e-15 WHERE class = 'MI'", &["is not one of a network"]),
    (
        "UPDATE prediction SET label = 1 - label WHERE (stage_id, record_id, class) = (SELECT stage_id, record_id, class FROM prediction LIMIT 1)",
        &["test "],
    ),
    (
        "DELETE FROM prediction WHERE (stage_id, record_id, class) = (SELECT stage_id, record_id, class FROM prediction LIMIT 1)",
        &["has predictions of 4 classes"],
    ),
    (
        "UPDATE score SET value = value + 1e-9 WHERE split = 'test' AND metric = 'auc' AND class = 'MI'",
        &["test auc of MI is stored as"],
    ),
    (
        "UPDATE score SET value = NULL WHERE split = 'test' AND metric = 'macro_f1'",
        &["test macro_f1 is stored as none"],
    ),
    (
        "UPDATE score SET value = 3 WHERE split = 'test' AND metric = 'tp' AND class = 'CD'",
        &["test tp of CD is stored as 3"],
    ),
    (
        "UPDATE score SET value = value + 1 WHERE split = 'test' AND metric = 'confusion:MI' AND class = 'CD'",
        &["test confusion:MI of CD is stored as"],
    ),
    ("DELETE FROM score WHERE split = 'test' AND metric = 'brier'", &["test brier is not stored"]),
    ("UPDATE score SET metric = 'brjer' WHERE split = 'test' AND metric = 'brier'", &["brier", "more disagree"]),
    (
        "UPDATE regression_prediction SET measured = measured + 1e-6 WHERE target = 'hr'",
        &["test mae of hr is stored as"],
    ),
    ("UPDATE regression_prediction SET target = 'qt' WHERE target = 'qrs'", &["qrs"]),
    ("UPDATE regression_score SET r2 = r2 - 1e-9 WHERE split = 'test'", &["test r2 of"]),
    (
        "UPDATE regression_score SET records = records + 1 WHERE split = 'test' AND target = 'qrs'",
        &["test records of qrs is stored as"],
    ),
    ("UPDATE source_score SET bias = bias + 1e-9 WHERE split = 'test'", &["test bias of", "within"]),
    ("UPDATE source_score SET sd = NULL WHERE split = 'test' AND target = 'hr'", &["test sd of hr within", "stored as none"]),
    ("UPDATE source_score SET rmse = rmse * 1.000001 WHERE split = 'test'", &["test rmse of", "within"]),
    ("UPDATE source_score SET records = records + 1 WHERE split = 'test'", &["test records of", "within"]),
    ("UPDATE source_score SET source = 'elsewhere ' || source WHERE split = 'test'", &["within elsewhere"]),
    (
        "DELETE FROM source_score WHERE split = 'test' AND (stage_id, target, source) = (SELECT stage_id, target, source
         FROM source_score WHERE split = 'test' AND target = 'qrs' LIMIT 1)",
        &["was measured of test records of", "no test score of it is stored"],
    ),
    ("DELETE FROM regression_prediction", &["cannot be had from what it measured"]),
    (
        "UPDATE stage SET settings = replace(settings, '\"batch_size\":', '\"batch_size\":1') WHERE kind = 'transfer'",
        &["its stored settings are those of stage"],
    ),
    (
        "UPDATE stage SET settings = replace(settings, '\"fingerprint\":\"', '\"fingerprint\":\"0') WHERE kind = 'regression'",
        &["its stored settings are those of stage"],
    ),
    (
        "UPDATE stage SET settings = replace(settings, '\"learning_rate\":0.0', '\"learning_rate\":0.1') WHERE kind = 'classification'",
        &["its stored settings are those of stage"],
    ),
    (
        "UPDATE stage SET settings = replace(settings, '\"gate\"', '\"mean\"')",
        &["its stored settings are those of stage"],
    ),
    (
        "UPDATE stage SET settings = replace(settings, '\"numeric_version\"', '\"numeric_versjon\"') WHERE kind = 'transfer'",
        &["no numeric_version"],
    ),
    ("UPDATE stage SET settings = substr(settings, 2)", &["its settings are no JSON"]),
    ("UPDATE stage SET seed = 7 WHERE kind = 'transfer'", &["its seed is stored as 7"]),
    (
        "UPDATE stage SET kind = 'classification' WHERE kind = 'regression'",
        &["its kind is stored as \"classification\""],
    ),
    ("UPDATE stage SET status = 'pending' WHERE kind = 'regression'", &["which it is grafted from, is not"]),
    ("DELETE FROM stage_input", &["it is stored as grafted from nothing"]),
    ("UPDATE trial SET experiment = 'multj' WHERE experiment = 'multi'", &["it is not that of multj and stage"]),
    ("UPDATE trial SET label_fraction = 0.5", &["its label_fraction is stored as 0.5"]),
    ("UPDATE trial SET seed = 5", &["its seed is stored as 5"]),
];

#[test]
fn one_changed_value_is_found_whichever_it_is() {
    let bench = studied("verify-changed");
    let path = bench.results().join("ecgraft.sqlite");
    store(&bench).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let whole = std::fs::read(&path).unwrap();
    for (sql, says) in CHANGES {
        let changed = {
            let store = store(&bench);
            store.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
            store.execute(sql, []).unwrap()
        };
        assert!(changed > 0, "{sql}");
        let said = bench.run(&["verify"]);
        assert_eq!(said.code, Some(1), "{sql}\n{}{}", said.out, said.err);
        for piece in *says {
            assert!(said.err.contains(piece), "{sql}: {piece:?} is not in {}", said.err);
        }
        for beside in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(bench.results().join(format!("ecgraft.sqlite{beside}")));
        }
        std::fs::write(&path, &whole).unwrap();
    }
    bench.run(&["verify"]).ok();
}

#[test]
fn a_changed_byte_of_a_checkpoint_is_found() {
    let bench = studied("verify-bytes");
    keep_checksums(&bench);
    bench.run(&["verify"]).ok();
    let checkpoint = text(&bench, "SELECT checkpoint FROM stages WHERE kind = 'regression' LIMIT 1").unwrap();
    let other = text(&bench, "SELECT checkpoint FROM stages WHERE kind = 'transfer' LIMIT 1").unwrap();
    let path = bench.results().join(&checkpoint);
    let whole = std::fs::read(&path).unwrap();
    let header = usize::try_from(u64::from_le_bytes(whole[..8].try_into().unwrap())).unwrap() + 8;
    let values = [header, (header + whole.len()) / 2, whole.len() - 1];
    for place in values.into_iter().chain([0, 7]) {
        for bit in [0, 6] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            std::fs::write(&path, bytes).unwrap();
            let said = bench.run(&["verify"]);
            assert_eq!(said.code, Some(1), "byte {place}: {}", said.out);
            assert!(said.err.contains(&checkpoint), "{}", said.err);
        }
    }
    for (bytes, says) in [
        (std::fs::read(bench.results().join(&other)).unwrap(), "is that of stage"),
        (whole[..whole.len() - 1].to_vec(), "is not a whole checkpoint"),
        (Vec::new(), "is not a whole checkpoint"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let said = bench.run(&["verify"]);
        assert_eq!(said.code, Some(1), "{}", said.out);
        assert!(said.err.contains(says), "{}", said.err);
    }
    std::fs::write(&path, whole).unwrap();
    bench.run(&["verify"]).ok();
}
