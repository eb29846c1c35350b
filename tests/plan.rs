//! What is trained, and what is shared.

use std::collections::{BTreeMap, BTreeSet};

use crate::example::{fingerprints, freeze, manifest, plan, strings};
use ecgraft::ecg::Lead;
use ecgraft::manifest::*;
use ecgraft::nn::CnnConfig;
use ecgraft::plan::{Overlap, Overlaps, Plan, SharedPeople, StageKind, expand, id_of_run, id_of_settings};
use ecgraft::source::{DataPath, PtbXl, Simulator};
use serde_json::json;

fn window(join: Join) -> Window {
    Window { length: 2.5, train: TrainWindow::Random, test: TestWindows::Tile, stride: 1.25, join }
}

/// A manifest whose trials touch everything it defines.
fn full(name: &str) -> Manifest {
    let mut full = manifest(name);
    full.trials = Trials {
        mix: strings(&["synthetic", "half-real"]),
        architecture: strings(&["cnn", "inception"]),
        from: vec![vec![Target::QRS.into()], vec![Target::HR.into(), Target::QRS.into()]],
        fusion: vec![Fusion::Concat],
        freeze: strings(&["none", "probe", "gradual"]),
        label_fraction: vec![0.1, 1.0],
        variant: Vec::new(),
        fold: Vec::new(),
        seed: vec![0, 1],
        scratch: true,
        matched_scratch: false,
        random_probe: false,
        exclude: vec![],
    };
    full
}

fn regressions(plan: &Plan) -> usize {
    plan.stages.iter().filter(|stage| matches!(stage.kind, StageKind::Regression { .. })).count()
}

fn condition(text: &str) -> Option<Condition> {
    Some(Condition::parse(text).unwrap())
}

/// Stage ids by label; within one manifest a label means one stage.
fn ids(plan: &Plan) -> BTreeMap<String, String> {
    let ids: BTreeMap<_, _> = plan.stages.iter().map(|stage| (stage.describe(plan), stage.id.clone())).collect();
    assert_eq!(ids.len(), plan.stages.len());
    ids
}

#[test]
fn a_grid_shares_its_regressions() {
    let mut grid = manifest("grid");
    grid.trials.from = vec![vec![Target::QRS.into()], Target::BUILT_IN.map(Donor::from).to_vec()];
    grid.trials.freeze = strings(&["none", "probe", "gradual"]);
    grid.trials.label_fraction = vec![0.1, 1.0];
    let plan = plan(&[grid]);
    assert_eq!(plan.trials.len(), 3 * 2 * 2);
    assert_eq!(regressions(&plan), 4);
    assert_eq!(plan.stages.len(), 4 + 12);

    // Inputs come first, and the first trial does not wait for regressions it does not need.
    let mut seen = BTreeSet::new();
    for (index, stage) in plan.stages.iter().enumerate() {
        assert!(stage.inputs().iter().all(|input| seen.contains(input)));
        seen.insert(index);
    }
    assert_eq!(plan.stages[0].describe(&plan), "qrs on synthetic, cnn, seed 0");
    assert_eq!(plan.stages[1].describe(&plan), "cnn, qrs from synthetic, freeze none, 10% labels, seed 0");
    assert_eq!(plan.trials[0].stage, 1);
    let last = plan.stages.last().unwrap();
    let grafted: Vec<_> = last.inputs().iter().map(|&index| plan.stages[index].describe(&plan)).collect();
    assert_eq!(
        grafted,
        ["hr", "pr", "qt", "qrs"].map(|target| format!("{target} on synthetic, cnn, seed 0")),
        "in the order of the graft"
    );
}

#[test]
fn baselines_are_not_repeated_over_mix_graft_and_freeze() {
    let plan = plan(&[full("full")]);
    let scratch: Vec<_> = plan.trials.iter().filter(|trial| trial.graft.is_empty()).collect();
    assert_eq!(scratch.len(), 2 * 2 * 2, "architectures, fractions, seeds");
    assert!(scratch.iter().all(|trial| trial.mix.is_none() && trial.freeze.is_none()));
    assert_eq!(scratch[0].graft_label(), "scratch");
    assert_eq!(plan.stages[scratch[0].stage].describe(&plan), "cnn from scratch, 10% labels, seed 0");
    assert_eq!(plan.trials.len(), 8 + 2 * 2 * 2 * 3 * 2 * 2);
    assert_eq!(regressions(&plan), 2 * 2 * 2 * 2, "mixes, architectures, targets, seeds");
}

#[test]
fn exclude_leaves_out_what_agrees_with_all_its_keys() {
    let left = |exclude: Exclude| {
        let mut manifest = full("full");
        manifest.trials.exclude = vec![exclude];
        let plan = plan(&[manifest]);
        let scratch = plan.trials.iter().filter(|trial| trial.graft.is_empty()).count();
        (plan.trials.len() - scratch, scratch)
    };
    let name = |name: &str| Some(name.to_string());
    assert_eq!(left(Exclude { seed: Some(7), ..Exclude::default() }), (96, 8));
    assert_eq!(left(Exclude { freeze: name("gradual"), ..Exclude::default() }), (64, 8));
    assert_eq!(left(Exclude { mix: name("synthetic"), ..Exclude::default() }), (48, 8));
    assert_eq!(left(Exclude { from: Some(vec![Target::QRS.into()]), ..Exclude::default() }), (48, 8));
    assert_eq!(left(Exclude { architecture: name("cnn"), ..Exclude::default() }), (48, 4));
    assert_eq!(left(Exclude { architecture: name("cnn"), freeze: name("probe"), ..Exclude::default() }), (80, 8));
    assert_eq!(left(Exclude { label_fraction: Some(0.1), seed: Some(1), ..Exclude::default() }), (72, 6));
}

/// Which stages an edit gives a new id.
#[derive(Clone, Copy, Debug)]
enum Changes {
    Nothing,
    Everything,
    /// Regressions, and what is grafted from them.
    Grafted,
    Transfers,
    /// All transfers, and regressions on this mix.
    TransfersAndMix(&'static str),
    /// Stages whose label has this in it.
    Labelled(&'static str),
}

impl Changes {
    fn includes(self, label: &str) -> bool {
        let transfer = label.contains("labels");
        match self {
            Changes::Nothing => false,
            Changes::Everything => true,
            Changes::Grafted => !label.contains("scratch"),
            Changes::Transfers => transfer,
            Changes::TransfersAndMix(mix) => transfer || label.contains(mix),
            Changes::Labelled(part) => label.contains(part),
        }
    }
}

#[test]
fn an_edit_changes_exactly_the_ids_it_should() {
    use Changes::*;
    type Edit = fn(&mut Manifest);
    let edits: &[(&str, Edit, Changes)] = &[
        ("description", |m| m.description = "Other words".into(), Nothing),
        ("name", |m| m.name = "renamed".into(), Nothing),
        ("manifest path", |m| m.path = "elsewhere.toml".into(), Nothing),
        ("text", |m| m.text.push_str("# a comment"), Nothing),
        ("list of targets", |m| m.regression.targets = vec![Target::HR.into(), Target::QRS.into()], Nothing),
        (
            "source path",
            |m| {
                let path = DataPath { written: "$X".into(), resolved: Ok("/moved".into()) };
                m.sources.insert("ptbxl".into(), PtbXl::at(path).into());
            },
            Nothing,
        ),
        (
            "source name",
            |m| {
                let source = m.sources.remove("simulated").unwrap();
                m.sources.insert("sim".into(), source);
                m.mixes.values_mut().for_each(|mix| mix.parts[0].source = "sim".into());
            },
            Nothing,
        ),
        (
            "a freeze of nothing with adapting batch norms",
            |m| m.freezes.get_mut("none").unwrap().batch_norm = BatchNormMode::Adapt,
            Nothing,
        ),
        ("leads", |m| m.signal.leads = vec![Lead::II, Lead::I], Everything),
        ("sampling rate", |m| m.signal.sampling_rate = 250.0, Everything),
        ("duration", |m| m.signal.duration = 5.0, Everything),
        ("band-pass", |m| m.signal.bandpass = None, Everything),
        ("normalise", |m| m.signal.normalize = Normalize::None, Everything),
        ("normalise alike", |m| m.signal.normalize = Normalize::GlobalZScore, Everything),
        ("windows", |m| m.signal.window = Some(window(Join::Mean)), Everything),
        ("the largest of windows", |m| m.signal.window = Some(window(Join::Max)), Everything),
        ("precision", |m| m.compute.precision = Precision::F32, Everything),
        ("regression epochs", |m| m.regression.epochs = 21, Grafted),
        ("regression batch", |m| m.regression.batch_size = 16, Grafted),
        ("regression loss", |m| m.regression.loss = RegressionLoss::Mse, Grafted),
        ("Huber's delta", |m| m.regression.loss = RegressionLoss::Huber { delta: 2.0 }, Grafted),
        ("regression clipping", |m| m.regression.gradient_clipping = Some(GradientClipping { norm: 1.0 }), Grafted),
        (
            "regression optimiser",
            |m| {
                m.regression.optimizer =
                    Optimizer::Adamw { learning_rate: 0.001, weight_decay: 0.0, betas: [0.9, 0.999] }
            },
            Grafted,
        ),
        (
            "regression schedule",
            |m| m.regression.schedule = Schedule::Exponential { gamma: 0.98, warmup_epochs: 0.0 },
            Grafted,
        ),
        ("regression stopping", |m| m.regression.early_stopping = None, Grafted),
        ("validation share", |m| m.regression.validation_share = 0.2, Grafted),
        ("test share", |m| m.regression.test_share = 0.2, Grafted),
        ("regression augment", |m| m.regression.augment = vec![Augment::LeadDropout { p: 0.1 }], Grafted),
        ("simulator", |m| drop(m.sources.insert("simulated".into(), Simulator::new(200, 8).into())), Grafted),
        ("labels", |m| m.transfer.labels = Labels::Multi, Transfers),
        ("classes", |m| m.transfer.classes.reverse(), Transfers),
        ("train folds", |m| m.transfer.train_folds = vec![1], Transfers),
        ("validation folds", |m| m.transfer.validation_folds = vec![8], TransfersAndMix("half-real")),
        ("test folds", |m| m.transfer.test_folds = vec![8], TransfersAndMix("half-real")),
        ("transfer epochs", |m| m.transfer.epochs = 31, Transfers),
        ("transfer batch", |m| m.transfer.batch_size = 16, Transfers),
        ("transfer schedule", |m| m.transfer.schedule = Schedule::Cosine { warmup_epochs: 1.0 }, Transfers),
        (
            "transfer stopping",
            |m| {
                m.transfer.early_stopping =
                    Some(EarlyStopping { patience: 3, metric: StoppingMetric::MacroAuc, from: StoppingFrom::Start })
            },
            Transfers,
        ),
        ("transfer loss", |m| m.transfer.loss = TransferLoss::Focal { gamma: 2.0 }, Transfers),
        ("label smoothing", |m| m.transfer.label_smoothing = 0.1, Transfers),
        ("transfer clipping", |m| m.transfer.gradient_clipping = Some(GradientClipping { norm: 1.0 }), Transfers),
        ("warm-up", |m| m.transfer.schedule = Schedule::Constant { warmup_epochs: 1.0 }, Transfers),
        ("class weights", |m| m.transfer.class_weights = ClassWeights::Balanced, Transfers),
        ("transfer augment", |m| m.transfer.augment = vec![Augment::GaussianNoise { sd: 0.05 }], Transfers),
        (
            "one architecture",
            |m| {
                let config = CnnConfig { dropout: 0.25, ..CnnConfig::default() };
                m.architectures.insert("cnn".into(), Architecture::Cnn(config));
            },
            Labelled("cnn"),
        ),
        ("one mix", |m| m.mixes.get_mut("half-real").unwrap().records = Some(101), Labelled("half-real")),
        ("a share", |m| m.mixes.get_mut("half-real").unwrap().parts[0].share = Some(0.4), Labelled("half-real")),
        ("folds of a part", |m| m.mixes.get_mut("half-real").unwrap().parts[1].folds = None, Labelled("half-real")),
        (
            "a condition",
            |m| m.mixes.get_mut("half-real").unwrap().parts[1].condition = condition("MI"),
            Labelled("half-real"),
        ),
        ("a limit", |m| m.mixes.get_mut("half-real").unwrap().parts[1].max_records = Some(9), Labelled("half-real")),
        (
            "a last epoch",
            |m| m.mixes.get_mut("half-real").unwrap().parts[1].until_epoch = Some(9),
            Labelled("half-real"),
        ),
        (
            "a first epoch",
            |m| m.mixes.get_mut("half-real").unwrap().parts[1].from_epoch = Some(2),
            Labelled("half-real"),
        ),
        (
            "epochs that are all",
            |m| {
                let part = &mut m.mixes.get_mut("half-real").unwrap().parts[1];
                (part.from_epoch, part.until_epoch) = (Some(1), Some(m.regression.epochs));
            },
            Nothing,
        ),
        ("one freeze", |m| drop(m.freezes.insert("probe".into(), freeze(&["block1"], None))), Labelled("probe")),
        (
            "batch norms of a frozen block",
            |m| m.freezes.get_mut("gradual").unwrap().batch_norm = BatchNormMode::Adapt,
            Labelled("gradual"),
        ),
        (
            "learning-rate scale",
            |m| m.freezes.get_mut("none").unwrap().learning_rate_scale = BTreeMap::from([("block*".into(), 0.1)]),
            Labelled("freeze none"),
        ),
        (
            "L2-SP",
            |m| m.freezes.get_mut("none").unwrap().l2_sp = Some(L2Sp { alpha: 0.01, beta: 0.01 }),
            Labelled("freeze none"),
        ),
    ];
    let before = ids(&plan(&[full("full")]));
    for (what, edit, changes) in edits {
        let mut edited = full("full");
        edit(&mut edited);
        let after = ids(&plan(&[edited]));
        assert_eq!(before.len(), after.len(), "{what}");
        for (label, id) in &before {
            assert_eq!(*id != after[label], changes.includes(label), "{what}: {label}");
        }
    }
    // The data themselves, by content.
    let manifests = [full("full")];
    let mut other = fingerprints(&manifests);
    other.insert(("full".into(), "ptbxl".into()), "ptb-xl, one record less".into());
    let after = ids(&expand(manifests.to_vec(), &other, &Overlaps::new()).unwrap());
    for (label, id) in &before {
        assert_eq!(*id != after[label], TransfersAndMix("half-real").includes(label), "{label}");
    }
}

/// What ids are hashed from, where nothing is used that came after the first version.
#[test]
fn settings_without_later_keys_are_written_as_they_were() {
    let full = full("full");
    let mut regression = serde_json::to_value(&full.regression).unwrap();
    let adam = json!({ "kind": "adam", "learning_rate": 0.001, "weight_decay": 0.0, "betas": [0.9, 0.999] });
    let expected = json!({
        "targets": ["hr", "pr", "qt", "qrs"], "epochs": 20, "batch_size": 32, "loss": "mae", "optimizer": adam,
        "schedule": { "kind": "exponential", "gamma": 0.99 }, "early_stopping": { "patience": 5, "metric": "loss" },
        "validation_share": 0.1, "test_share": 0.1, "augment": [],
    });
    assert_eq!(regression, expected);
    let transfer = serde_json::to_value(&full.transfer).unwrap();
    let expected = json!({
        "source": "ptbxl", "task": "superclass", "labels": "single", "classes": ["NORM", "MI", "STTC", "CD", "HYP"],
        "train_folds": [1, 2, 3, 4, 5, 6, 7, 8], "validation_folds": [9], "test_folds": [10], "epochs": 30,
        "batch_size": 32, "optimizer": adam, "schedule": { "kind": "constant" }, "early_stopping": null,
        "class_weights": "none", "augment": [],
    });
    assert_eq!(transfer, expected);
    let freeze = json!({ "steps": [], "batch_norm": "frozen", "learning_rate_scale": {} });
    assert_eq!(serde_json::to_value(&full.freezes["none"]).unwrap(), freeze);
    // And all of it is read again.
    for (loss, written) in [
        (RegressionLoss::Mse, json!("mse")),
        (RegressionLoss::Huber { delta: 1.0 }, json!("huber")),
        (RegressionLoss::Huber { delta: 0.5 }, json!({ "kind": "huber", "delta": 0.5 })),
    ] {
        regression["loss"] = written;
        let read: Regression = serde_json::from_value(regression.clone()).unwrap();
        assert_eq!(read, Regression { loss, ..full.regression.clone() });
        assert_eq!(serde_json::to_value(&read).unwrap(), regression);
    }
    assert_eq!(serde_json::from_value::<Transfer>(transfer).unwrap(), full.transfer);
}

#[test]
fn all_ids_of_different_work_differ_and_names_do_not_matter() {
    let reference = plan(&[full("full")]);
    let distinct: BTreeSet<_> = reference.stages.iter().map(|stage| &stage.id).collect();
    assert_eq!(distinct.len(), 16 + 96 + 8);
    assert!(distinct.iter().all(|id| id.len() == 20 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    let runs: BTreeSet<_> = reference.trials.iter().map(|trial| &trial.run_id).collect();
    assert_eq!(runs.len(), reference.trials.len());

    // The same work under other names.
    let mut renamed = full("renamed");
    for (old, new) in [("synthetic", "a"), ("half-real", "b")] {
        let mix = renamed.mixes.remove(old).unwrap();
        renamed.mixes.insert(new.into(), mix);
    }
    let cnn = renamed.architectures.remove("cnn").unwrap();
    renamed.architectures.insert("plain".into(), cnn);
    let probe = renamed.freezes.remove("probe").unwrap();
    renamed.freezes.insert("linear".into(), probe);
    renamed.trials.mix = strings(&["b", "a"]);
    renamed.trials.architecture = strings(&["inception", "plain"]);
    renamed.trials.freeze = strings(&["gradual", "linear", "none"]);
    let again = plan(std::slice::from_ref(&renamed));
    assert_eq!(distinct, again.stages.iter().map(|stage| &stage.id).collect());
    assert!(again.trials.iter().all(|trial| !runs.contains(&trial.run_id)), "runs belong to an experiment");

    // Two experiments share all their stages, in whichever order they are read.
    for manifests in [[full("full"), renamed.clone()], [renamed, full("full")]] {
        let both = plan(&manifests);
        assert_eq!(both.stages.len(), reference.stages.len());
        assert_eq!(both.trials.len(), 2 * reference.trials.len());
        assert_eq!(distinct, both.stages.iter().map(|stage| &stage.id).collect());
    }
}

#[test]
fn two_names_of_one_freeze_are_one_trial() {
    let mut twice = manifest("twice");
    twice.freezes.insert("fine-tune".into(), Freeze::default());
    twice.trials.freeze = strings(&["none", "fine-tune"]);
    twice.trials.seed = vec![0, 0];
    let plan = plan(&[twice]);
    assert_eq!(plan.trials.len(), 1);
    assert_eq!(plan.trials[0].freeze, Some("none"));
}

#[test]
fn a_part_is_hashed_by_what_is_written_of_it_and_spaces_do_not_count() {
    let mut part = crate::example::part("ptbxl", Some(0.5), None);
    let json = serde_json::to_value(&part).unwrap();
    // The form of the first versions: ids of their manifests hold.
    assert_eq!(json, serde_json::json!({"source": "ptbxl", "share": 0.5, "folds": null}));
    let with = |text: &str| {
        let mut full = full("full");
        full.mixes.get_mut("half-real").unwrap().parts[1].condition = condition(text);
        ids(&plan(&[full]))
    };
    assert_eq!(with("hr<60 and(MI or CD)"), with(" (hr < 60.0)  and (MI or (CD))"));
    assert_ne!(with("hr < 60 and (MI or CD)"), with("hr < 60 and MI or CD"));
    (part.condition, part.max_records, part.until_epoch) = (condition("sex='male'"), Some(5), Some(3));
    let json = serde_json::to_value(&part).unwrap();
    assert_eq!(
        (&json["where"], &json["max_records"], &json["until_epoch"]),
        (&"sex = \"male\"".into(), &5.into(), &3.into())
    );
    assert_eq!(serde_json::from_value::<MixPart>(json).unwrap(), part);
}

#[test]
fn settings_tell_all_that_an_id_covers() {
    let plan = plan(&[full("full")]);
    let find = |label: &str| plan.stages.iter().find(|stage| stage.describe(&plan) == label).unwrap();
    let regression = find("qrs on half-real, cnn, seed 1").settings(&plan);
    assert_eq!(regression["kind"], "regression");
    assert_eq!(regression["numeric_version"], ecgraft::plan::NUMERIC_VERSION);
    assert_eq!(regression["target"], "qrs");
    assert_eq!(regression["seed"], 1);
    assert_eq!(regression["architecture"]["name"], "cnn");
    assert_eq!(regression["architecture"]["channels"][2], 128);
    assert_eq!(regression["mix"]["name"], "half-real");
    assert_eq!(regression["mix"]["parts"][1]["fingerprint"], "ptb-xl");
    assert_eq!(regression["people"], serde_json::json!({"held_out": {"fingerprint": "ptb-xl", "folds": [9, 10]}}));
    assert_eq!(regression["regression"]["epochs"], 20);
    assert!(regression["regression"]["targets"].is_null());
    assert!(find("hr on synthetic, cnn, seed 0").settings(&plan)["people"].is_null());

    let stage = find("inception, hr+qrs from half-real, freeze gradual, 10% labels, seed 0");
    let transfer = stage.settings(&plan);
    assert_eq!(transfer["kind"], "transfer");
    assert_eq!(transfer["grafts"][1]["stage_id"], *find("qrs on half-real, inception, seed 0").id);
    assert_eq!(transfer["freeze"]["name"], "gradual");
    assert_eq!(transfer["freeze"]["steps"][0]["epochs"], 8);
    assert_eq!(transfer["transfer"]["fingerprint"], "ptb-xl");
    assert_eq!(transfer["label_fraction"], 0.1);
    assert_eq!(stage.data_fingerprint(&plan), "ptb-xl");
    assert_eq!(find("qrs on half-real, cnn, seed 1").data_fingerprint(&plan), "simulator-200-7+ptb-xl");
}

#[test]
fn an_id_is_proved_by_stored_settings_and_any_change_of_them_gives_another() {
    let mut manifest = full("full");
    manifest.trials.from = vec![
        vec![Target::QRS.into()],
        vec![Donor::CLASSIFICATION, Target::HR.into()],
        vec![Donor::Regression(Targets::of(&[Target::HR, Target::QRS]))],
    ];
    manifest.trials.fusion = vec![Fusion::Concat, Fusion::Gate];
    manifest.trials.matched_scratch = true;
    // Nothing is frozen, so that it says nothing; and numbers that few digits do not hold.
    manifest.freezes.get_mut("none").unwrap().batch_norm = BatchNormMode::Adapt;
    manifest.transfer.label_smoothing = 0.1 + 0.2;
    manifest.trials.label_fraction = vec![1.0 / 3.0, 0.07 * 100.0 / 7.0];
    manifest.mixes.get_mut("half-real").unwrap().parts[0].from_epoch = Some(1);
    manifest.mixes.get_mut("half-real").unwrap().parts[1].until_epoch = Some(1000);
    manifest.trials.seed = vec![0, u64::MAX];
    let plan = plan(&[manifest]);
    let mut kinds = BTreeSet::new();
    for stage in &plan.stages {
        let text = stage.settings(&plan).to_string();
        let settings: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(id_of_settings(&settings).as_ref(), Ok(&stage.id), "{text}");
        // Whatever is changed but names is another stage, or none.
        if kinds.insert((
            settings["kind"].to_string(),
            settings["backbones"].to_string(),
            settings["freeze"]["name"].to_string(),
        )) {
            for changed in changes(&settings) {
                assert_ne!(id_of_settings(&changed).as_ref(), Ok(&stage.id), "{changed}");
            }
        }
    }
    assert!(kinds.len() >= 7, "{kinds:?}");
    for trial in &plan.trials {
        let run = id_of_run("full", None, None, &plan.stages[trial.stage].id);
        assert_eq!(run.as_ref(), Some(&trial.run_id));
        assert_ne!(id_of_run("full2", None, None, &plan.stages[trial.stage].id), run);
    }
    assert_eq!(id_of_run("full", None, None, "no id"), None);
}

/// All values that differ from `value` in one leaf. What says nothing stays: names, labels, where data lie, from which epoch
/// on a part trains that trains in all, and what batch norms of frozen blocks do where none is.
fn changes(value: &serde_json::Value) -> Vec<serde_json::Value> {
    use serde_json::Value;
    const SAYS_NOTHING: [&str; 5] = ["name", "label", "source", "from_epoch", "until_epoch"];
    match value {
        Value::Object(object) => object
            .iter()
            .filter(|(key, _)| !SAYS_NOTHING.contains(&key.as_str()))
            .filter(|(key, _)| *key != "batch_norm" || object["steps"] != json!([]))
            .flat_map(|(key, inner)| {
                changes(inner).into_iter().map(move |changed| {
                    let mut object = object.clone();
                    object.insert(key.clone(), changed);
                    Value::Object(object)
                })
            })
            .collect(),
        Value::Array(items) => (0..items.len())
            .flat_map(|place| {
                changes(&items[place]).into_iter().map(move |changed| {
                    let mut items = items.clone();
                    items[place] = changed;
                    Value::Array(items)
                })
            })
            .collect(),
        Value::Number(number) => vec![json!(number.as_f64().unwrap() / 2.0 + 1e9)],
        Value::String(text) => vec![json!(format!("{text}x"))],
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Null => vec![],
    }
}

#[test]
fn what_is_missing_is_named() {
    let manifests = [full("full")];
    let mut known = fingerprints(&manifests);
    known.remove(&("full".into(), "simulated".into()));
    let error = expand(manifests.to_vec(), &known, &Overlaps::new()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.message.contains("full.toml") && error.message.contains("\"simulated\""), "{error}");

    let mut undefined = full("full");
    undefined.trials.freeze = strings(&["thaw"]);
    let error = expand(vec![undefined], &fingerprints(&manifests), &Overlaps::new()).unwrap_err();
    assert!(error.message.contains("freeze \"thaw\""), "{error}");

    let error = expand(vec![full("full"), full("full")], &fingerprints(&manifests), &Overlaps::new()).unwrap_err();
    assert!(error.message.contains("\"full\" is taken"), "{error}");
}

#[test]
fn donors_of_every_form_are_trained_once_and_fusions_are_arms() {
    let mut manifest = manifest("forms");
    let both = Donor::Regression(Targets::of(&[Target::HR, Target::QRS]));
    manifest.regression.targets.push(Targets::of(&[Target::QRS, Target::HR]));
    manifest.mixes.insert("real".into(), Mix { records: None, parts: vec![crate::example::part("ptbxl", None, None)] });
    manifest.trials.mix = strings(&["real"]);
    manifest.trials.from = vec![
        vec![both.clone()],
        vec![Target::HR.into(), Target::QRS.into()],
        vec![Donor::CLASSIFICATION],
        vec![both.clone(), Donor::CLASSIFICATION],
    ];
    let alone = plan(&[manifest.clone()]);
    assert_eq!((regressions(&alone), alone.stages.len(), alone.trials.len()), (3, 3 + 1 + 4, 4));
    let mut fused = manifest.clone();
    fused.trials.fusion = vec![Fusion::Concat, Fusion::Gate, Fusion::Mean];
    let plan = plan(&[fused.clone()]);
    // One network has nothing to fuse.
    let labels: Vec<String> = plan.trials.iter().map(|trial| trial.graft_label()).collect();
    let expected = [
        "hr&qrs",
        "hr+qrs",
        "gate(hr+qrs)",
        "mean(hr+qrs)",
        "classification",
        "hr&qrs+classification",
        "gate(hr&qrs+classification)",
        "mean(hr&qrs+classification)",
    ];
    assert_eq!(labels, expected);
    let run_ids: BTreeSet<&str> = plan.trials.iter().map(|trial| &*trial.run_id).collect();
    assert_eq!(run_ids.len(), 8);
    // Side by side is what it was without a word of fusion.
    assert!(alone.trials.iter().all(|trial| run_ids.contains(&*trial.run_id)));
    // Baselines as large as the grafts of two.
    let mut matched = fused.clone();
    matched.trials.matched_scratch = true;
    let sizes = crate::example::plan(&[matched]).trials.into_iter().filter(|trial| trial.graft.is_empty());
    let sizes: Vec<String> = sizes.map(|trial| trial.graft_label()).collect();
    assert_eq!(sizes, ["scratch x2", "gate(scratch x2)", "mean(scratch x2)"]);
    // None where no graft of that size is left.
    let mut fewer = fused.clone();
    fewer.trials.matched_scratch = true;
    fewer.trials.exclude = vec![
        Exclude { from: Some(vec![Target::HR.into(), Target::QRS.into()]), ..Exclude::default() },
        Exclude { from: Some(vec![both, Donor::CLASSIFICATION]), fusion: Some(Fusion::Mean), ..Exclude::default() },
    ];
    let sizes = crate::example::plan(&[fewer]).trials.into_iter().filter(|trial| trial.graft.is_empty());
    assert_eq!(sizes.map(|trial| trial.graft_label()).collect::<Vec<_>>(), ["scratch x2", "gate(scratch x2)"]);
    fused.trials.exclude = vec![Exclude { fusion: Some(Fusion::Concat), ..Exclude::default() }];
    assert_eq!(expand(vec![fused.clone()], &fingerprints(&[fused]), &Overlaps::new()).unwrap().trials.len(), 6);
}

#[test]
fn a_classifier_to_be_grafted_depends_on_its_own_settings() {
    let mut first = manifest("first");
    first.mixes.insert("real".into(), Mix { records: None, parts: vec![crate::example::part("ptbxl", None, None)] });
    first.trials.mix = strings(&["real"]);
    first.trials.from = vec![vec![Donor::CLASSIFICATION]];
    let donor = |manifest: &Manifest| {
        let plan = plan(std::slice::from_ref(manifest));
        plan.stages.iter().find(|stage| stage.donor() == Some(Donor::CLASSIFICATION)).unwrap().id.clone()
    };
    let changed = |change: &dyn Fn(&mut Manifest)| {
        let mut other = first.clone();
        change(&mut other);
        donor(&other) != donor(&first)
    };
    assert!(changed(&|m| m.classification.training.epochs += 1));
    assert!(changed(&|m| m.classification.training.classes.truncate(2)));
    assert!(changed(&|m| m.classification.test_share = 0.2));
    assert!(!changed(&|m| m.transfer.epochs += 1));
    assert!(!changed(&|m| m.classification.training.train_folds = vec![1]));
    assert!(!changed(&|m| m.regression.epochs += 1));
}

/// The ids of `manifest`'s stages by label, where its sources have these people in common.
fn ids_with(manifest: &Manifest, shared: SharedPeople) -> BTreeMap<String, String> {
    let overlaps = Overlaps::from([(manifest.name.clone(), shared)]);
    let manifests = std::slice::from_ref(manifest);
    ids(&expand(manifests.to_vec(), &fingerprints(manifests), &overlaps).unwrap())
}

fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> BTreeSet<String> {
    before.iter().filter(|(label, id)| after[*label] != **id).map(|(label, _)| label.clone()).collect()
}

#[test]
fn who_is_held_out_is_in_an_id_exactly_where_a_mix_has_people_of_the_transfer() {
    let plain = full("full");
    let before = ids(&plan(std::slice::from_ref(&plain)));
    let pair = |a: &str, b: &str| Overlap { sources: [a.into(), b.into()], people: 1, ..Overlap::default() };
    let shared = SharedPeople { pairs: vec![pair("simulated", "ptbxl")], ..SharedPeople::default() };
    // The second mix draws from the transfer's own source: nothing new.
    let of_mix =
        |mix: &str| -> BTreeSet<String> { before.keys().filter(|label| label.contains(mix)).cloned().collect() };
    let after = ids_with(&plain, shared.clone());
    assert_eq!(changed(&before, &after), of_mix("synthetic"));
    let mut folds = plain.clone();
    folds.transfer.test_folds = vec![8];
    let label = "qrs on synthetic, cnn, seed 0";
    assert_ne!(ids_with(&folds, shared.clone())[label], after[label]);
    assert_eq!(ids_with(&folds, SharedPeople::default())[label], before[label]);

    // Where it is allowed nobody is held out; where nobody would be, it says nothing, and its words never do.
    let mut allowed = plain.clone();
    allowed.allow_overlap = Some("to see what it does".into());
    let free = ids(&plan(std::slice::from_ref(&allowed)));
    assert_eq!(changed(&before, &free), of_mix("half-real"));
    allowed.transfer.test_folds = vec![8];
    let label = "qrs on half-real, cnn, seed 0";
    assert_eq!(ids(&plan(std::slice::from_ref(&allowed)))[label], free[label], "whoever is tested");
    allowed.allow_overlap = Some("other words".into());
    assert_eq!(ids(&plan(std::slice::from_ref(&allowed)))[label], free[label]);
    let plan = expand(vec![allowed.clone()], &fingerprints(&[allowed]), &Overlaps::new()).unwrap();
    let stage = plan.stages.iter().find(|stage| stage.describe(&plan) == label).unwrap();
    assert_eq!(stage.settings(&plan)["people"], json!({"allow_overlap": true}));
    assert!(!plan.holds_out(0, "half-real") && !plan.holds_out(0, "synthetic"));
}

#[test]
fn data_sets_and_sources_that_make_two_people_one_are_in_the_ids() {
    let mut manifest = full("full");
    let before = ids(&plan(std::slice::from_ref(&manifest)));
    // A name of its own for the one collection changes nothing; for one of two of a kind it does.
    let named = |manifest: &mut Manifest, source: &str, name: &str| {
        let source = manifest.sources.get_mut(source).unwrap();
        let mut settings = serde_json::to_value(&*source).unwrap();
        settings["data_set"] = name.into();
        *source = serde_json::from_value(settings).unwrap();
    };
    named(&mut manifest, "ptbxl", "ours");
    assert_eq!(ids(&plan(std::slice::from_ref(&manifest))), before);
    let copy = manifest.sources["ptbxl"].clone();
    manifest.sources.insert("other".into(), copy);
    manifest.mixes.get_mut("half-real").unwrap().parts[0].source = "other".into();
    let mut other = fingerprints(std::slice::from_ref(&manifest));
    other.insert(("full".into(), "other".into()), "another folder".into());
    let of = |manifest: &Manifest| ids(&expand(vec![manifest.clone()], &other, &Overlaps::new()).unwrap());
    let one = of(&manifest);
    named(&mut manifest, "other", "theirs");
    let two = of(&manifest);
    assert!(changed(&one, &two).iter().all(|label| label.contains("half-real")) && !changed(&one, &two).is_empty());
    named(&mut manifest, "other", "theirs, renamed");
    assert_eq!(of(&manifest), two, "names do not count");

    let links = |mix: Option<&str>| SharedPeople {
        linked_through: BTreeMap::from([(mix.map(str::to_owned), vec!["simulated".to_owned()])]),
        ..SharedPeople::default()
    };
    let plain = full("full");
    let transfer = changed(&before, &ids_with(&plain, links(None)));
    assert!(transfer.len() == before.keys().filter(|label| label.contains("labels")).count());
    assert!(transfer.iter().all(|label| label.contains("labels")));
    let mix = changed(&before, &ids_with(&plain, links(Some("synthetic"))));
    assert!(!mix.is_empty() && mix.iter().all(|label| label.contains("synthetic")));
}
