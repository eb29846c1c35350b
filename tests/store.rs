//! What is written is found again, once, whole, by whoever asks.

use std::time::Duration;

use crate::workbench::Workbench;
use chrono::Utc;
use ecgraft::data::{PartOfMix, Subset, TargetOfPart};
use ecgraft::metrics::{MedianScore, RegressionMetrics};
use ecgraft::plan::{Plan, Stage, StageKind, TaskKind};
use ecgraft::store::{
    Cell, Claim, EpochValue, Finish, MeasuredValue, Outcome, Prediction, RegressionScore, Score, StageStatus, Store,
    Weights,
};

const LEASE: Duration = Duration::from_secs(30);

fn plan() -> Plan {
    let mut manifest = crate::example::manifest("study");
    manifest.trials.seed = vec![0, 1];
    crate::example::plan(&[manifest])
}

fn order(plan: &Plan) -> Vec<String> {
    plan.stages.iter().map(|stage| stage.id.clone()).collect()
}

fn outcome(stage: &Stage) -> Outcome {
    let mut outcome =
        Outcome { best_epoch: 2, wall_s: 1.5, notes: vec!["two records left out".into()], ..Outcome::default() };
    outcome.epochs = vec![
        EpochValue { epoch: 1, split: Subset::Validation, metric: "loss".into(), value: 0.5 },
        EpochValue { epoch: 2, split: Subset::Validation, metric: "loss".into(), value: 0.25 },
    ];
    match &stage.kind {
        StageKind::Regression { targets, .. } => {
            let metrics = RegressionMetrics { mae: 3.0, rmse: 4.0, r2: Some(0.5), pearson_r: None };
            let target = targets.list()[0];
            let of = TargetOfPart { target, known: 98, mean: Some(91.5), sd: Some(8.0), range: Some([70.0, 120.0]) };
            let part = PartOfMix {
                source: "simulated".into(),
                filter: String::new(),
                epochs: 1..=usize::MAX,
                offered: 200,
                records: [80, 10, 10],
                patients: 99,
                targets: vec![of.clone()],
            };
            let other = PartOfMix {
                source: "ptbxl".into(),
                filter: "folds 1, 2; qrs < 120".into(),
                epochs: 3..=7,
                records: [1, 0, 0],
                targets: vec![TargetOfPart { sd: None, ..of }],
                ..part.clone()
            };
            outcome.composition = vec![part, other];
            let of_median = MedianScore { median: 90.0, mae: 6.0, rmse: 8.0, r2: Some(-0.1), gain: Some((1.5, 4.5)) };
            let (target_name, unit) = (target.name(), target.unit());
            outcome.regression = vec![RegressionScore {
                target: target_name,
                unit,
                split: Subset::Test,
                records: 20,
                metrics,
                of_median,
            }];
            // The ids of two sources may be the same.
            let value = |source: &str, patient: &str, truth, measured| MeasuredValue {
                target: target.name(),
                source: source.into(),
                record_id: "12".into(),
                patient: patient.into(),
                truth,
                measured,
            };
            outcome.measured = vec![value("simulated", "s12", 90.0, 92.5), value("ptbxl", "7", 110.0, 104.25)];
        }
        _ => {
            let score =
                |metric: &'static str, class, value| Score { split: Subset::Test, metric: metric.into(), class, value };
            outcome.scores = vec![
                score("macro_auc", None, Some(0.75)),
                score("accuracy", None, Some(0.5)),
                score("macro_f1", None, Some(0.25)),
                score("records", None, Some(41.0)),
                score("positives", Some("MI"), Some(7.0)),
                score("auc", Some("MI"), Some(0.75)),
                score("positives", Some("HYP"), Some(0.0)),
                score("auc", Some("HYP"), None),
            ];
            outcome.predictions = vec![Prediction {
                record_id: "17".into(),
                patient: "5".into(),
                class: "MI",
                probability: 0.5,
                label: true,
            }];
        }
    }
    outcome
}

fn finish() -> Finish {
    Finish {
        device: "cpu".into(),
        version: "0.0.0".into(),
        checkpoint: Some("checkpoints/x.safetensors".into()),
        started_at: Utc::now(),
        weights: None,
    }
}

/// Trains all there is without training.
fn finish_all(store: &mut Store, plan: &Plan) {
    store.want(&order(plan)).unwrap();
    loop {
        match store.claim("w", LEASE).unwrap() {
            Claim::Stage(id) => {
                let stage = plan.stages.iter().find(|stage| stage.id == id).unwrap();
                store.finish(&id, "w", &outcome(stage), &finish()).unwrap();
            }
            Claim::Finished => return,
            Claim::Wait => panic!("nobody else is at work"),
        }
    }
}

fn text(value: &str) -> Cell {
    Cell::Text(value.into())
}

#[test]
fn findings_are_in_the_views() {
    let folder = Workbench::new("views");
    let plan = plan();
    let mut store = Store::open(&folder.results()).unwrap();
    store.register(&plan).unwrap();
    store.register(&plan).unwrap();
    finish_all(&mut store, &plan);
    store.register(&plan).unwrap();

    let runs = store.runs().unwrap();
    assert_eq!(runs.len(), plan.trials.len());
    for (run, trial) in runs.iter().zip(&plan.trials) {
        assert_eq!((&run.run_id, run.seed, &run.stage_id), (&trial.run_id, trial.seed, &plan.stages[trial.stage].id));
        assert_eq!(
            (run.status, run.test_macro_auc, run.test_accuracy, run.test_macro_f1),
            (StageStatus::Done, Some(0.75), Some(0.5), Some(0.25))
        );
        assert_eq!(
            (run.graft.as_str(), run.mix.as_deref(), run.freeze.as_deref()),
            ("qrs", Some("synthetic"), Some("none"))
        );
        assert_eq!(run.manifest_sha256, plan.experiments[0].sha256);
        assert!(run.finished_at.as_ref().unwrap().ends_with('Z'), "UTC");
    }

    let detail = store.run(&runs[0].run_id[..6]).unwrap();
    assert_eq!(detail.manifest_text, plan.experiments[0].text);
    assert_eq!(
        detail.stages.iter().map(|stage| stage.row.kind).collect::<Vec<_>>(),
        [TaskKind::Regression, TaskKind::Transfer]
    );
    assert_eq!(
        (detail.stages[0].measured[0].mae, detail.stages[0].row.notes.as_slice()),
        (3.0, &["two records left out".to_owned()][..])
    );
    assert!(
        detail
            .scores
            .iter()
            .any(|score| score.class.as_deref() == Some("HYP") && score.metric == "auc" && score.value.is_none())
    );

    let tested = &store.test_sets().unwrap()["study"];
    assert_eq!(tested.records, 41);
    let classes: Vec<_> =
        tested.classes.iter().map(|class| (class.name.as_str(), class.positives, class.has_auc)).collect();
    assert_eq!(classes, [("MI", 7, true), ("HYP", 0, false)]);

    // Two seeds: a regression and a transfer each, two epochs each.
    assert_eq!(
        folder.ask("SELECT count(*), count(DISTINCT run_id), count(DISTINCT stage_id) FROM epochs"),
        [[8, 2, 4].map(Cell::Integer).to_vec()]
    );
    assert_eq!(
        folder.ask("SELECT DISTINCT target, split, mae, rmse, r2 FROM regression"),
        [[text("qrs"), text("test"), Cell::Real(3.0), Cell::Real(4.0), Cell::Real(0.5)].to_vec()]
    );
    let values = folder.ask(
        "SELECT architecture, mix, seed, target, record_id, patient, truth, measured, source FROM regression_predictions
         ORDER BY seed, truth",
    );
    let value = |seed, patient, truth, measured, source| {
        let names = [text(&runs[0].architecture), text("synthetic"), Cell::Integer(seed), text("qrs"), text("12")];
        let rest = [text(patient), Cell::Real(truth), Cell::Real(measured), text(source)];
        names.into_iter().chain(rest).collect::<Vec<_>>()
    };
    let of_seed = |seed| [value(seed, "s12", 90.0, 92.5, "simulated"), value(seed, "7", 110.0, 104.25, "ptbxl")];
    assert_eq!(values, [of_seed(0), of_seed(1)].concat());
    assert_eq!(
        folder.ask(
            "SELECT DISTINCT mix, target, part, source, filter, from_epoch, until_epoch, offered, train, validation, test,
                    patients, known, mean, sd, lowest, highest FROM composition ORDER BY part"
        ),
        [
            vec![
                text("synthetic"),
                text("qrs"),
                Cell::Integer(1),
                text("simulated"),
                Cell::Null,
                Cell::Integer(1),
                Cell::Null,
                Cell::Integer(200),
                Cell::Integer(80),
                Cell::Integer(10),
                Cell::Integer(10),
                Cell::Integer(99),
                Cell::Integer(98),
                Cell::Real(91.5),
                Cell::Real(8.0),
                Cell::Real(70.0),
                Cell::Real(120.0)
            ],
            vec![
                text("synthetic"),
                text("qrs"),
                Cell::Integer(2),
                text("ptbxl"),
                text("folds 1, 2; qrs < 120"),
                Cell::Integer(3),
                Cell::Integer(7),
                Cell::Integer(200),
                Cell::Integer(1),
                Cell::Integer(0),
                Cell::Integer(0),
                Cell::Integer(99),
                Cell::Integer(98),
                Cell::Real(91.5),
                Cell::Null,
                Cell::Real(70.0),
                Cell::Real(120.0)
            ],
        ]
    );
    let parts = &detail.stages[0].composition;
    assert_eq!(
        (parts.len(), &*parts[0].source, [parts[0].train, parts[0].validation, parts[0].test], parts[0].patients),
        (2, "simulated", [80, 10, 10], 99)
    );
    assert_eq!((parts[0].until_epoch, parts[1].until_epoch, parts[1].from_epoch), (None, Some(7), 3));
    let [of] = &parts[1].targets[..] else { panic!("one target") };
    assert_eq!((&*of.target, of.known, of.mean, of.sd), ("qrs", 98, Some(91.5), None));
    assert_eq!((of.lowest, of.highest), (Some(70.0), Some(120.0)));
    assert_eq!(
        folder.ask("SELECT DISTINCT record_id, class, probability, label FROM predictions"),
        [[text("17"), text("MI"), Cell::Real(0.5), Cell::Integer(1)].to_vec()]
    );
    assert_eq!(
        folder.ask("SELECT count(*) FROM stages WHERE status = 'done' AND settings LIKE '%\"numeric_version\"%'"),
        [[Cell::Integer(4)].to_vec()]
    );
}

#[test]
fn a_stage_has_one_worker_and_waits_for_its_inputs() {
    let folder = Workbench::new("claims");
    let plan = plan();
    let order = order(&plan);
    let (mut one, mut other) = (Store::open(&folder.results()).unwrap(), Store::open(&folder.results()).unwrap());
    one.register(&plan).unwrap();
    one.want(&order).unwrap();
    other.want(&order).unwrap();
    let regressions: Vec<&Stage> = plan.stages.iter().filter(|stage| stage.inputs().is_empty()).collect();
    assert_eq!(regressions.len(), 2);
    assert_eq!(one.claim("a", LEASE).unwrap(), Claim::Stage(regressions[0].id.clone()));
    assert_eq!(other.claim("b", LEASE).unwrap(), Claim::Stage(regressions[1].id.clone()));
    assert_eq!(other.claim("c", LEASE).unwrap(), Claim::Wait, "the transfers wait");

    // Given back, it is as it was; who does not hold it writes nothing.
    one.release(&regressions[0].id, "a").unwrap();
    one.finish(&regressions[0].id, "a", &outcome(regressions[0]), &finish()).unwrap();
    assert_eq!(one.statuses().unwrap()[&regressions[0].id], StageStatus::Pending);
    assert_eq!(folder.ask("SELECT count(*) FROM regression"), [[Cell::Integer(0)].to_vec()]);

    // A silent worker's stage is another's; its late findings are dropped, not written twice.
    let why = |_: &str, _: u32| "no reason".to_owned();
    let lease = Duration::from_millis(20);
    assert_eq!(one.claim("a", LEASE).unwrap(), Claim::Stage(regressions[0].id.clone()));
    for _ in 0..4 {
        assert!(other.renew(&regressions[1].id, "b", LEASE).unwrap());
        assert!(one.release_lost(LEASE, |_| false, why, |_| None).unwrap().is_empty());
        let lost = other.release_lost(lease, |_| false, why, |_| None).unwrap();
        assert!(lost.iter().all(|lost| lost.stage == regressions[0].id && lost.times == 1 && !lost.failed), "{lost:?}");
        std::thread::sleep(lease / 2);
    }
    assert_eq!(other.claim("b", LEASE).unwrap(), Claim::Stage(regressions[0].id.clone()));
    assert!(!one.renew(&regressions[0].id, "a", LEASE).unwrap());
    assert!(other.finish(&regressions[0].id, "b", &outcome(regressions[0]), &finish()).unwrap());
    assert!(!one.finish(&regressions[0].id, "a", &outcome(regressions[0]), &finish()).unwrap());
    assert_eq!(folder.ask("SELECT count(*) FROM regression"), [[Cell::Integer(1)].to_vec()]);

    // A dead worker's stage is free at once; the second time it fails, and those behind it come first.
    let lost = other.release_lost(LEASE, |worker| worker == "b", why, |_| None).unwrap();
    assert_eq!((lost.len(), &lost[0].stage, lost[0].failed), (1, &regressions[1].id, false));
    assert_eq!(one.statuses().unwrap()[&regressions[1].id], StageStatus::Pending);
    let Claim::Stage(next) = one.claim("a", LEASE).unwrap() else { panic!("there is work") };
    let transfer = plan.stages.iter().find(|stage| stage.id == next).unwrap();
    assert!(!transfer.inputs().is_empty(), "what no worker was lost with");
    assert_eq!(one.claim("b", LEASE).unwrap(), Claim::Stage(regressions[1].id.clone()));
    let lost =
        other.release_lost(LEASE, |worker| worker == "b", |_, times| format!("{times} times"), |_| None).unwrap();
    assert!(lost[0].failed && lost[0].times == 2);
    assert_eq!(
        folder.ask("SELECT error, lost FROM stages WHERE status = 'failed'"),
        [[text("2 times"), Cell::Integer(2)].to_vec()]
    );
    one.retry_failed(&order).unwrap();
    assert_eq!(one.claim("b", LEASE).unwrap(), Claim::Stage(regressions[1].id.clone()));
    one.finish(&regressions[1].id, "b", &outcome(regressions[1]), &finish()).unwrap();
    assert_eq!(folder.ask("SELECT sum(lost) FROM stages"), [[Cell::Integer(0)].to_vec()]);
}

#[test]
fn weights_are_put_in_their_place_with_the_row_or_not_at_all() {
    let folder = Workbench::new("weights");
    let plan = plan();
    let mut store = Store::open(&folder.results()).unwrap();
    store.register(&plan).unwrap();
    store.want(&order(&plan)).unwrap();
    let Claim::Stage(id) = store.claim("a", LEASE).unwrap() else { panic!("there is work") };
    let outcome = outcome(plan.stages.iter().find(|stage| stage.id == id).unwrap());
    let path = folder.write("results/checkpoints/x.safetensors", "old");
    let weights = || {
        let unfinished = folder.write("results/checkpoints/.x@me@1.tmp", "new");
        Some(Weights { sha256: "abc".into(), unfinished, path: path.clone() })
    };
    // A worker that lost its claim overwrites nothing.
    assert!(!store.finish(&id, "b", &outcome, &Finish { weights: weights(), ..finish() }).unwrap());
    let files = || std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), files()), ("old", 1));
    // Nor does the row say what is not so.
    let nowhere = Weights { path: folder.path.join("nowhere/x"), ..weights().unwrap() };
    let error = store.finish(&id, "a", &outcome, &Finish { weights: Some(nowhere), ..finish() }).unwrap_err();
    assert!(error.message.contains("cannot write the checkpoint"), "{error}");
    assert_eq!((store.statuses().unwrap()[&id], files()), (StageStatus::Running, 1));
    assert_eq!(folder.ask("SELECT count(*) FROM regression"), [[Cell::Integer(0)].to_vec()]);
    assert!(store.finish(&id, "a", &outcome, &Finish { weights: weights(), ..finish() }).unwrap());
    assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), files()), ("new", 1));
    assert_eq!(store.checksums().unwrap()[&id].as_deref(), Some("abc"));
}

#[test]
fn a_failed_input_fails_its_runs_and_can_be_tried_again() {
    let folder = Workbench::new("failed");
    let plan = plan();
    let order = order(&plan);
    let mut store = Store::open(&folder.results()).unwrap();
    store.register(&plan).unwrap();
    store.want(&order).unwrap();
    let Claim::Stage(first) = store.claim("w", LEASE).unwrap() else { panic!("there is work") };
    store.fail(&first, "w", "record 12 is noise").unwrap();
    finish_all(&mut store, &plan);
    let runs = store.runs().unwrap();
    assert_eq!(runs.iter().map(|run| run.status).collect::<Vec<_>>(), [StageStatus::Failed, StageStatus::Done]);
    assert!(runs[0].error.as_ref().unwrap().contains("record 12 is noise"));
    store.retry_failed(&order).unwrap();
    assert_eq!(store.runs().unwrap()[0].status, StageStatus::Pending);
    finish_all(&mut store, &plan);
    assert!(store.runs().unwrap().iter().all(|run| run.status == StageStatus::Done));

    // Weights that were deleted: the stage and what it found are forgotten.
    assert_eq!(folder.ask("SELECT count(*) FROM composition"), [[Cell::Integer(4)].to_vec()]);
    store.forget(&first).unwrap();
    assert_eq!(folder.ask("SELECT count(*) FROM composition"), [[Cell::Integer(2)].to_vec()]);
    assert_eq!(folder.ask("SELECT count(*) FROM regression"), [[Cell::Integer(1)].to_vec()]);
    assert_eq!(folder.ask("SELECT count(*) FROM regression_predictions"), [[Cell::Integer(2)].to_vec()]);
    finish_all(&mut store, &plan);
}

#[test]
fn an_edited_manifest_keeps_what_was_trained_and_forgets_what_was_not() {
    let folder = Workbench::new("edited");
    let first = plan();
    let mut store = Store::open(&folder.results()).unwrap();
    store.register(&first).unwrap();
    finish_all(&mut store, &first);
    let mut manifest = crate::example::manifest("study");
    manifest.trials.seed = vec![1, 2];
    let second = crate::example::plan(&[manifest]);
    store.register(&second).unwrap();
    let seeds = |store: &Store| store.runs().unwrap().iter().map(|run| (run.seed, run.status)).collect::<Vec<_>>();
    assert_eq!(seeds(&store), [(1, StageStatus::Done), (2, StageStatus::Pending)]);
    assert_eq!(folder.ask("SELECT seed FROM runs WHERE current = 0"), [[Cell::Integer(0)].to_vec()]);
    store.register(&first).unwrap();
    assert_eq!(seeds(&store), [(0, StageStatus::Done), (1, StageStatus::Done)], "seed 2 was never trained");
}

#[test]
fn questions_read_and_do_not_write() {
    let folder = Workbench::new("query");
    Store::open(&folder.results()).unwrap().register(&plan()).unwrap();
    let store = Store::open_read_only(&folder.results()).unwrap();
    for (sql, says) in [
        ("SELEC 1", "syntax error"),
        ("SELECT height FROM runs", "no such column: height"),
        ("SELECT 1; SELECT 2", "one query at a time"),
        ("DELETE FROM trial", "only read"),
        ("", "query"),
    ] {
        let error = store.query(sql).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{sql}");
        assert!(error.message.contains(says), "{sql}: {error}");
    }
    assert_eq!(store.runs().unwrap().len(), 2);
}

#[test]
fn what_is_not_a_store_is_left_alone() {
    let folder = Workbench::new("foreign");
    let message = |result: ecgraft::Result<Store>| {
        let error = result.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.message
    };
    assert!(message(Store::open_read_only(&folder.results())).contains("no results yet"));
    std::fs::create_dir_all(folder.results()).unwrap();
    let file = folder.results().join("ecgraft.sqlite");
    std::fs::write(
        &file,
        "a letter to a friend, and long enough to be taken for a header of a hundred bytes or so, and a bit more of it",
    )
    .unwrap();
    assert!(message(Store::open(&folder.results())).contains("not an SQLite file"));
    std::fs::remove_file(&file).unwrap();
    let foreign = rusqlite::Connection::open(&file).unwrap();
    foreign.execute_batch("CREATE TABLE letter (text); PRAGMA user_version = 3").unwrap();
    assert!(message(Store::open(&folder.results())).contains("not a store of ecgraft"));
    std::fs::remove_file(&file).unwrap();
    drop(Store::open(&folder.results()).unwrap());
    rusqlite::Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(message(Store::open(&folder.results())).contains("newer ecgraft"));
    assert!(message(Store::open_read_only(&folder.results())).contains("newer ecgraft"));
}

#[test]
fn a_store_of_the_first_version_keeps_what_it_has_and_learns_the_new() {
    let folder = Workbench::new("first-version");
    std::fs::create_dir_all(folder.results()).unwrap();
    let old = rusqlite::Connection::open(folder.results().join("ecgraft.sqlite")).unwrap();
    old.execute_batch(include_str!("../src/store/schema.sql")).unwrap();
    old.execute_batch(
        "PRAGMA application_id = 0x65636772; PRAGMA user_version = 1;
         INSERT INTO manifest VALUES ('sha', 'old', 'old.toml', 'name = \"old\"', '2026-01-01T00:00:00Z');
         INSERT INTO stage (stage_id, kind, architecture, seed, settings, data_fingerprint, status, best_epoch)
             VALUES ('donor', 'regression', 'cnn', 0, '{}', 'f', 'done', 3), ('user', 'transfer', 'cnn', 0, '{}', 'f', 'done', 4);
         INSERT INTO stage_input VALUES ('user', 'donor', 0);
         INSERT INTO trial VALUES ('run', 'old', 'sha', 'cnn', 'real', 'qrs', 'none', 1.0, 0, 'user', 0, 1);
         INSERT INTO score VALUES ('user', 'test', 'macro_auc', '', 0.75);",
    )
    .unwrap();
    drop(old);
    // A classifier to be grafted, which the first version had no word for.
    let mut manifest = crate::example::manifest("new");
    manifest.mixes.insert(
        "real".into(),
        ecgraft::manifest::Mix { records: None, parts: vec![crate::example::part("ptbxl", None, None)] },
    );
    manifest.trials.mix = vec!["real".into()];
    manifest.trials.from = vec![vec![ecgraft::manifest::Donor::CLASSIFICATION]];
    let plan = crate::example::plan(&[manifest]);
    let mut store = Store::open(&folder.results()).unwrap();
    store.register(&plan).unwrap();
    finish_all(&mut store, &plan);
    let rows = store.query("SELECT kind, best_epoch FROM stages ORDER BY kind, best_epoch").unwrap().rows;
    let kinds: Vec<Cell> = rows.iter().map(|row| row[0].clone()).collect();
    assert_eq!(kinds, ["classification", "regression", "transfer", "transfer"].map(text));
    let old = store.query("SELECT graft, test_macro_auc, status FROM runs WHERE run_id = 'run'").unwrap().rows;
    assert_eq!(old, [[text("qrs"), Cell::Real(0.75), text("done")]]);
    let detail = store.run("run").unwrap();
    assert_eq!(
        detail.stages.iter().map(|stage| stage.row.kind).collect::<Vec<_>>(),
        [TaskKind::Regression, TaskKind::Transfer]
    );
    let broken = rusqlite::Connection::open(folder.results().join("ecgraft.sqlite")).unwrap();
    let mut check = broken.prepare("PRAGMA foreign_key_check").unwrap();
    assert!(check.query([]).unwrap().next().unwrap().is_none(), "every reference holds");
}

#[test]
fn a_store_of_the_first_version_is_read_and_goes_on() {
    let folder = Workbench::new("version-1");
    let plan = plan();
    let path = folder.results().join("ecgraft.sqlite");
    {
        std::fs::create_dir_all(folder.results()).unwrap();
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch(include_str!("../src/store/schema.sql")).unwrap();
        old.execute_batch("PRAGMA application_id = 0x65636772; PRAGMA user_version = 1").unwrap();
        // One regression, finished by the old version.
        old.execute(
            "INSERT INTO stage (stage_id, kind, architecture, mix, target, seed, settings, data_fingerprint, status)
             VALUES (?1, 'regression', 'cnn', 'synthetic', 'qrs', 0, '{}', 'x', 'done')",
            [&plan.stages[0].id],
        )
        .unwrap();
    }
    // Who only reads brings it up to date too.
    let reader = Store::open_read_only(&folder.results()).unwrap();
    assert_eq!(reader.query("SELECT count(*) FROM composition").unwrap().rows, [[Cell::Integer(0)].to_vec()]);
    let values = "SELECT seed, count(*) FROM regression_predictions GROUP BY seed";
    assert!(reader.query(values).unwrap().rows.is_empty());
    let mut store = Store::open(&folder.results()).unwrap();
    store.register(&plan).unwrap();
    finish_all(&mut store, &plan);
    assert_eq!(folder.ask(values), [[Cell::Integer(1), Cell::Integer(2)].to_vec()], "as of the mixes below");
    assert!(store.measured_of(&plan.stages[0].id).unwrap().is_empty());
    assert_eq!(
        folder.ask("SELECT seed, count(*) FROM composition GROUP BY seed"),
        [[Cell::Integer(1), Cell::Integer(2)].to_vec()],
        "of the stage that was done before nothing is known"
    );
    let runs = store.runs().unwrap();
    let parts: Vec<usize> =
        runs.iter().map(|run| store.run(&run.run_id).unwrap().stages[0].composition.len()).collect();
    assert_eq!(parts, [0, 2]);
}

#[test]
fn a_status_that_there_is_not_is_told_and_not_taken_for_another() {
    let folder = Workbench::new("no-such-status");
    let mut store = Store::open(&folder.results()).unwrap();
    store.register(&plan()).unwrap();
    let connection = rusqlite::Connection::open(folder.results().join("ecgraft.sqlite")).unwrap();
    connection.execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE stage SET status = 'dooe'").unwrap();
    for error in [store.statuses().unwrap_err(), store.runs().unwrap_err(), store.stored_stages(None).unwrap_err()] {
        assert!(error.message.contains("`dooe` is none of pending, running, done and failed"), "{error}");
        assert!(error.message.contains("ecgraft.sqlite") && error.message.contains("damaged"), "{error}");
    }
}

#[test]
fn many_may_make_a_store_at_once() {
    for _ in 0..200 {
        let folder = Workbench::new("many-make-a-store");
        let results = folder.path.join("results");
        let together = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        Store::open(&results).map(|_| ())
                    })
                })
                .collect();
            for worker in workers {
                worker.join().unwrap().unwrap();
            }
        });
    }
}
