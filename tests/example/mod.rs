//! A small experiment built by hand, for tests that do not go through the manifest language.
#![allow(dead_code, clippy::too_many_lines)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use ecgraft::ecg::{Lead, superclass};
use ecgraft::manifest::*;
use ecgraft::nn::{CnnConfig, Inception1dConfig};
use ecgraft::plan::{Fingerprints, Overlaps, Plan, expand};
use ecgraft::source::{DataPath, PtbXl, Simulator};

/// Two mixes (one half of the transfer's own data), two architectures, three freezes; one trial:
/// `qrs` from `synthetic` on `cnn`, `none`, all labels, seed 0.
pub fn manifest(name: &str) -> Manifest {
    let adam = Optimizer::Adam { learning_rate: 0.001, weight_decay: 0.0, betas: [0.9, 0.999] };
    let data = |written: &str| DataPath { written: written.into(), resolved: Ok(PathBuf::from(written)) };
    let text = format!("name = {name:?}");
    let transfer = Transfer {
        targets: Vec::new(),
        source: "ptbxl".into(),
        task: Task::Superclass,
        labels: Labels::Single,
        condition: None,
        classes: superclass::ALL.map(Into::into).to_vec(),
        train_folds: (1..=8).collect(),
        validation_folds: vec![9],
        test_folds: vec![10],
        epochs: 30,
        batch_size: 32,
        loss: TransferLoss::CrossEntropy,
        label_smoothing: 0.0,
        optimizer: adam.clone(),
        schedule: Schedule::Constant { warmup_epochs: 0.0 },
        gradient_clipping: None,
        early_stopping: None,
        class_weights: ClassWeights::None,
        augment: vec![],
        evaluate_on: vec![],
        graft: GraftedPart::Backbone,
        budget: Budget::Train,
    };
    let regression = Regression {
        targets: Target::BUILT_IN.map(Targets::from).to_vec(),
        epochs: 20,
        batch_size: 32,
        loss: RegressionLoss::Mae,
        optimizer: adam.clone(),
        schedule: Schedule::Exponential { gamma: 0.99, warmup_epochs: 0.0 },
        gradient_clipping: None,
        early_stopping: Some(EarlyStopping { patience: 5, metric: StoppingMetric::Loss, from: StoppingFrom::Start }),
        validation_share: 0.1,
        test_share: 0.1,
        augment: vec![],
        evaluate_on: vec![],
    };
    Manifest {
        path: format!("{name}.toml").into(),
        sha256: ecgraft::seed::sha256_hex(text.as_bytes()),
        text,
        name: name.into(),
        variants: Vec::new(),
        variant: None,
        fold: None,
        search: None,
        is_candidate: false,
        description: "Does it help?".into(),
        allow_overlap: None,
        sources: BTreeMap::from([
            ("simulated".into(), Simulator::new(200, 7).into()),
            (
                "ptbxl".into(),
                PtbXl { features: Some(data("/data/12sl.csv").into()), ..PtbXl::at(data("/data/ptb-xl")) }.into(),
            ),
        ]),
        signal: Signal {
            bandpass: Some([0.5, 40.0]),
            normalize: Normalize::ZScore,
            ..Signal::recorded(vec![Lead::I, Lead::II], 100.0, 10.0)
        },
        mixes: BTreeMap::from([
            ("synthetic".into(), Mix { records: None, parts: vec![part("simulated", None, None)] }),
            (
                "half-real".into(),
                Mix {
                    records: Some(100),
                    parts: vec![part("simulated", Some(0.5), None), part("ptbxl", Some(0.5), Some(vec![1, 2]))],
                },
            ),
        ]),
        architectures: BTreeMap::from([
            ("cnn".into(), Architecture::Cnn(CnnConfig::default())),
            ("inception".into(), Architecture::Inception1d(Inception1dConfig::default())),
        ]),
        freezes: BTreeMap::from([
            ("none".into(), Freeze::default()),
            ("probe".into(), freeze(&["*"], None)),
            ("gradual".into(), freeze(&["block1", "block2"], Some(8))),
        ]),
        regression: regression.clone(),
        masked: Masked { training: regression.clone(), masking: Masking::default() },
        contrastive: Contrastive { training: regression, views: Views::default() },
        weights: BTreeMap::new(),
        transfer: transfer.clone(),
        classification: Pretraining { training: transfer, validation_share: 0.1, test_share: 0.1 },
        compute: Compute { precision: Precision::Tf32 },
        comparisons: Comparisons::default(),
        trials: Trials {
            mix: vec!["synthetic".into()],
            architecture: vec!["cnn".into()],
            from: vec![vec![Target::QRS.into()]],
            fusion: vec![Fusion::Concat],
            freeze: vec!["none".into()],
            label_fraction: vec![1.0],
            variant: Vec::new(),
            fold: Vec::new(),
            seed: vec![0],
            scratch: false,
            matched_scratch: false,
            random_probe: false,
            exclude: vec![],
        },
    }
}

/// One part of a mix.
pub fn part(source: &str, share: Option<f64>, folds: Option<Vec<u8>>) -> MixPart {
    MixPart { source: source.into(), share, folds, ..MixPart::default() }
}

/// A freeze of one step.
pub fn freeze(blocks: &[&str], epochs: Option<usize>) -> Freeze {
    let blocks = blocks.iter().map(|block| block.to_string()).collect();
    Freeze { steps: vec![FreezeStep { blocks, epochs }], ..Freeze::default() }
}

/// Owned strings.
pub fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|item| item.to_string()).collect()
}

/// Stand-ins for content hashes, by kind of source: what a source is called or where it lies is not in them.
pub fn fingerprints(manifests: &[Manifest]) -> Fingerprints {
    let mut all = Fingerprints::new();
    for manifest in manifests {
        for name in manifest.used_sources() {
            let source = &manifest.sources[&name];
            let made_from = source.made_from().unwrap_or_default();
            // Without the version of the code that makes the records.
            let settings = made_from.split_whitespace().take(2);
            let content = std::iter::once(source.kind().name()).chain(settings).collect::<Vec<_>>().join("-");
            all.insert((manifest.name.clone(), name), content);
        }
    }
    all
}

/// The plan of these manifests.
pub fn plan(manifests: &[Manifest]) -> Plan {
    expand(manifests.to_vec(), &fingerprints(manifests), &Overlaps::new()).unwrap()
}
