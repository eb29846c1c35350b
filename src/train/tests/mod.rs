//! What training promises: the same bits again, frozen blocks that hold still, the best epoch's copy.

use std::path::Path;
use std::sync::Arc;

use crate::tensor::Cpu;

use super::*;
use crate::Result;
use crate::data::{Dataset, Datasets, Pick, Record, Signals, Split, Subset};
use crate::ecg::superclass;
use crate::manifest::{
    self, Architecture, EarlyStopping, Fusion, Manifest, Optimizer, Schedule, StoppingFrom, StoppingMetric, Target,
};
use crate::nn::{Network, Role};
use crate::ops::Backend;

mod controls;
#[cfg(feature = "cuda")]
mod cuda;
mod donors;
mod micro_batches;
mod resume;
mod scaling;
mod timeline;
mod trained;
mod windows;

const MANIFEST: &str = r#"
name = "small"
[sources.ptbxl]
kind = "ptb-xl"
path = "somewhere"
features = "features.csv"
[signal]
leads = ["I", "II"]
duration = 0.64
[mixes.all]
parts = [{ source = "ptbxl" }]
[architectures.inception]
kind = "inception1d"
depth = 3
filters = 2
bottleneck = 2
kernel = 12
head = 6
[freezes.probe]
steps = [{ blocks = ["*"] }]
[freezes.gradual]
steps = [{ blocks = ["block1", "block2"], epochs = 2 }, { blocks = ["block1"], epochs = 1 }]
[regression]
epochs = 4
batch_size = 8
[transfer]
source = "ptbxl"
classes = ["NORM", "MI"]
epochs = 4
batch_size = 8
[trials]
"#;

struct Silent;
impl Watch for Silent {
    fn epoch(&mut self, _: usize, _: usize, _: &str) {}
    fn stopped(&self) -> bool {
        false
    }
}

fn parse(text: &str) -> Manifest {
    manifest::parse(Path::new("small.toml"), text, &|_| None).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn values_of(dataset: &mut Dataset) -> &mut Vec<f32> {
    let Signals::Memory(values) = &mut dataset.signals else { panic!("records of tests are in memory") };
    values
}

/// Sines whose frequency is the heart rate; records of the second class are upside down in lead II.
fn records(count: usize) -> (Datasets, Split) {
    records_of(count, 64)
}

fn records_of(count: usize, length: usize) -> (Datasets, Split) {
    let mut dataset = Dataset {
        source: "ptbxl".into(),
        data_set: "ptb-xl".into(),
        fingerprint: "f".into(),
        records: Vec::new(),
        leads: 2,
        length,
        signals: Signals::Memory(Vec::new()),
        samples: Vec::new(),
        notes: Vec::new(),
        told: Vec::new(),
        warnings: Vec::new(),
        left_out: Vec::new(),
    };
    for i in 0..count {
        let hr = 60.0 + 60.0 * ((i * 7919) % count) as f32 / count as f32;
        let second = i % 3 == 0;
        dataset.records.push(Record {
            id: i.to_string(),
            patient: i.to_string(),
            fold: Some(1),
            measurements: [(Target::HR, hr)].into_iter().collect(),
            labels: [if second { superclass::MI } else { superclass::NORM }].into_iter().collect(),
            ..Record::default()
        });
        let sine = |sample: usize| (sample as f32 * hr / 200.0 + i as f32).sin();
        let signals = values_of(&mut dataset);
        signals.extend((0..length).map(sine));
        signals.extend((0..length).map(|sample| if second { -sine(sample) } else { sine(sample) }));
    }
    let source: Arc<str> = "ptbxl".into();
    let picks = |range: std::ops::Range<usize>| range.map(|record| Pick { source: source.clone(), record }).collect();
    let split = Split {
        train: picks(0..count / 2),
        validation: picks(count / 2..count * 3 / 4),
        test: picks(count * 3 / 4..count),
        ..Split::default()
    };
    (Datasets::from([("ptbxl".into(), Arc::new(dataset))]), split)
}

fn architecture(manifest: &Manifest) -> &Architecture {
    &manifest.architectures["inception"]
}

/// Trains the regression stage of `targets` on some records.
fn regressed<D: Backend>(
    device: &D,
    manifest: &Manifest,
    targets: &[Target],
    (split, datasets): (&Split, &Datasets),
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let (signal, architecture, randomness) =
        (&manifest.signal, architecture(manifest), Randomness::regression(targets, 3));
    let training = Training { device, signal, architecture, randomness, split, datasets };
    regression(&training, &manifest.regression, targets, watch)
}

/// Trains the transfer stage on some records.
fn transferred<D: Backend>(
    device: &D,
    manifest: &Manifest,
    graft: &Graft<'_, D>,
    (split, datasets): (&Split, &Datasets),
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let (signal, architecture, randomness) = (&manifest.signal, architecture(manifest), Randomness::transfer(3));
    let training = Training { device, signal, architecture, randomness, split, datasets };
    transfer(&training, &manifest.transfer, graft, watch)
}

fn randomness() -> Randomness {
    Randomness::transfer(3)
}

fn regress(text: &str) -> Trained<Cpu> {
    regress_as(&parse(text))
}

fn regress_as(manifest: &Manifest) -> Trained<Cpu> {
    regress_on(manifest, 40)
}

fn regress_on(manifest: &Manifest, count: usize) -> Trained<Cpu> {
    let (datasets, split) = records_of(count, manifest.signal.length());
    regressed(&Cpu::default(), manifest, &[Target::HR], (&split, &datasets), &mut Silent).unwrap()
}

/// A rate that explodes after a few epochs, so that the last epoch is not the best one.
fn exploding(epochs: usize) -> Manifest {
    let mut manifest = parse(MANIFEST);
    manifest.regression.epochs = epochs;
    manifest.regression.optimizer =
        Optimizer::Sgd { learning_rate: 0.02, weight_decay: 0.0, momentum: 0.0, nesterov: false };
    manifest.regression.schedule = Schedule::Exponential { gamma: 2.5, warmup_epochs: 0.0 };
    manifest
}

fn classify(text: &str, donors: &[Network<Cpu>], freeze: Option<&str>) -> Trained<Cpu> {
    classify_fused(text, donors, Fusion::Concat, freeze)
}

fn classify_fused(text: &str, donors: &[Network<Cpu>], fusion: Fusion, freeze: Option<&str>) -> Trained<Cpu> {
    classify_of(40, text, donors, fusion, freeze)
}

fn classify_of(
    count: usize,
    text: &str,
    donors: &[Network<Cpu>],
    fusion: Fusion,
    freeze: Option<&str>,
) -> Trained<Cpu> {
    let manifest = parse(text);
    let (datasets, split) = records_of(count, manifest.signal.length());
    let graft =
        Graft { donors, backbones: donors.len().max(1), fusion, freeze: freeze.map(|name| &manifest.freezes[name]) };
    transferred(&Cpu::default(), &manifest, &graft, (&split, &datasets), &mut Silent).unwrap()
}

/// All values by name, those of one block only where asked.
fn values(net: &mut Network<Cpu>, block: Option<&str>) -> Vec<(String, Vec<f32>)> {
    let mut all = Vec::new();
    net.visit(|place, param| {
        if block.is_none_or(|block| block == place.block) {
            all.push((place.name.to_owned(), param.to_vec()));
        }
    });
    all
}

#[test]
fn the_same_stage_gives_the_same_bits_on_any_number_of_threads() {
    for text in [MANIFEST, &controls::controlled()] {
        the_same_bits_on_any_number_of_threads(text);
    }
}

fn the_same_bits_on_any_number_of_threads(text: &str) {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut regressed = regress(text);
            let mut classified = classify(text, std::slice::from_ref(&regressed.network), Some("gradual"));
            let curves = [regressed.outcome.epochs, classified.outcome.epochs];
            (
                values(&mut regressed.network, None),
                values(&mut classified.network, None),
                curves,
                classified.outcome.predictions,
            )
        })
    };
    let one = with(1);
    assert!(one == with(1), "a second time");
    assert!(one == with(3), "three threads");
}

#[test]
fn frozen_blocks_hold_still_bit_for_bit() {
    let mut donor = regress(MANIFEST).network;
    // How many epochs each block is frozen.
    for (freeze, frozen) in [("probe", [99, 99, 99]), ("gradual", [3, 2, 0])] {
        let mut after = classify(MANIFEST, std::slice::from_ref(&donor), Some(freeze));
        for (block, frozen) in ["block1", "block2", "block3"].into_iter().zip(frozen) {
            let same = values(&mut donor, Some(block)) == values(&mut after.network, Some(block));
            assert_eq!(same, after.outcome.best_epoch <= frozen, "{freeze} {block}");
        }
    }
    // The last step has no end.
    let held = MANIFEST.replace("blocks = [\"block1\"], epochs = 1", "blocks = [\"block1\"]");
    let mut after = classify(&held, std::slice::from_ref(&donor), Some("gradual")).network;
    assert_eq!(values(&mut donor, Some("block1")), values(&mut after, Some("block1")));
    assert_ne!(values(&mut donor, Some("block3")), values(&mut after, Some("block3")));
}

#[test]
fn cached_features_change_nothing() {
    let donor = regress(MANIFEST).network;
    let mut cached = classify(MANIFEST, std::slice::from_ref(&donor), Some("probe"));
    // An augmentation that changes nothing keeps features from being cached.
    let uncached = MANIFEST.replace("[transfer]", "[transfer]\naugment = [{ kind = \"lead-dropout\", p = 0.0 }]");
    let mut every_time = classify(&uncached, std::slice::from_ref(&donor), Some("probe"));
    assert_eq!(values(&mut cached.network, None), values(&mut every_time.network, None));
    assert_eq!(cached.outcome.epochs, every_time.outcome.epochs);
    assert!(cached.outcome.scores.iter().any(|score| score.split == Subset::Train));
    assert_eq!(cached.outcome.scores, every_time.outcome.scores);
}

#[test]
fn the_best_epoch_is_kept_and_not_the_last() {
    let long = regress_as(&exploding(8));
    let best = long.outcome.best_epoch;
    assert!(best < 8, "{best}");
    let loss = |epoch| {
        long.outcome
            .epochs
            .iter()
            .find(|v| v.epoch == epoch && v.split == Subset::Validation && v.metric == "mae")
            .unwrap()
            .value
    };
    assert!((1..=8).all(|epoch| loss(best) <= loss(epoch)));
    let kept = long.outcome.regression.iter().find(|score| score.split == Subset::Validation).unwrap().metrics.mae;
    assert!((kept - loss(best)).abs() < 1e-9, "the weights measured at the end are those of epoch {best}");
    // Trained only so far, the network is the same.
    let mut short = regress_as(&exploding(best));
    let mut network = long.network;
    assert_eq!(values(&mut network, None), values(&mut short.network, None));
}

#[test]
fn records_train_in_their_epochs_only() {
    let manifest = parse(MANIFEST);
    let with = |epochs: [std::ops::RangeInclusive<usize>; 2], noise: f32| {
        let (mut datasets, mut split) = records(40);
        split.epochs = (0..split.train.len()).map(|example| epochs[usize::from(example >= 10)].clone()).collect();
        // Whatever the signals of the second half are ...
        let mut changed = Dataset::clone(&datasets["ptbxl"]);
        split.train[10..].iter().for_each(|pick| values_of(&mut changed)[pick.record * 128] += noise);
        datasets.insert("ptbxl".into(), Arc::new(changed));
        let device = Cpu::default();
        let mut trained = regressed(&device, &manifest, &[Target::HR], (&split, &datasets), &mut Silent).unwrap();
        (values(&mut trained.network, None), trained.outcome.epochs)
    };
    // ... they change nothing before their epoch, and something from it on.
    let losses = |curves: &[EpochValue]| -> Vec<f64> {
        curves
            .iter()
            .filter(|value| value.split == Subset::Train && value.metric == "loss")
            .map(|value| value.value)
            .collect()
    };
    let late = || [1..=usize::MAX, 3..=usize::MAX];
    let (quiet, loud) = (with(late(), 0.0), with(late(), 2.0));
    let (quiet, loud) = (losses(&quiet.1), losses(&loud.1));
    assert_eq!((quiet.len(), &quiet[..2]), (4, &loud[..2]));
    assert_ne!(quiet[2..], loud[2..]);
    assert_eq!(with([1..=4, 5..=9], 0.0), with([1..=4, 5..=9], 2.0), "they never come");
    let early = || [1..=usize::MAX, 1..=2];
    assert_ne!(with(early(), 0.0).1, with(early(), 2.0).1);
    // Epochs that are all epochs are no curriculum.
    let (datasets, split) = records(40);
    let mut plain = regressed(&Cpu::default(), &manifest, &[Target::HR], (&split, &datasets), &mut Silent).unwrap();
    let all = with([1..=4, 1..=usize::MAX], 0.0);
    assert_eq!(all, (values(&mut plain.network, None), plain.outcome.epochs));
}

#[test]
fn every_optimizer_schedule_and_loss_learns() {
    let error =
        |outcome: &Outcome| outcome.regression.iter().find(|score| score.split == Subset::Test).unwrap().metrics.mae;
    for optimizer in [
        "{ kind = \"adam\", learning_rate = 0.01 }",
        "{ kind = \"adamw\", learning_rate = 0.01, weight_decay = 0.01 }",
        "{ kind = \"sgd\", learning_rate = 0.02, momentum = 0.9, nesterov = true }",
        "{ kind = \"rmsprop\", learning_rate = 0.003 }",
    ] {
        for schedule in
            ["{ kind = \"constant\" }", "{ kind = \"cosine\", warmup_epochs = 2.0 }", "{ kind = \"one-cycle\" }"]
        {
            for loss in ["mae", "mse", "huber"] {
                let text = MANIFEST.replace(
                    "[regression]\nepochs = 4",
                    &format!(
                        "[regression]\nepochs = 30\nloss = \"{loss}\"\noptimizer = {optimizer}\nschedule = {schedule}"
                    ),
                );
                let mae =
                    error(&regress_on(&parse(&text.replace("kernel = 12", "kernel = 12\ndropout = 0.0")), 160).outcome);
                assert!(mae < 9.0, "{optimizer} {schedule} {loss}: {mae} bpm; the mean alone gives 15");
            }
        }
    }
}

#[test]
fn several_networks_are_grafted_side_by_side() {
    let (mut first, mut second) =
        (regress(MANIFEST).network, regress(&MANIFEST.replace("epochs = 4", "epochs = 2")).network);
    let mut both = classify(MANIFEST, &[first.clone(), second.clone()], Some("probe")).network;
    assert_eq!(both.backbones().len(), 2);
    let mut grafted = [Vec::new(), Vec::new()];
    both.visit(|place, param| {
        if let Some(number) = place.backbone {
            grafted[number].push(param.to_vec());
        }
    });
    for (donor, grafted) in [&mut first, &mut second].into_iter().zip(grafted) {
        let mut own = Vec::new();
        donor.visit(|place, param| {
            if place.backbone.is_some() {
                own.push(param.to_vec());
            }
        });
        assert_eq!(own, grafted);
    }
}

#[test]
fn a_checkpoint_gives_the_network_back() {
    let mut trained = regress(MANIFEST);
    let folder = std::env::temp_dir().join(format!("ecgraft-checkpoint-{}", std::process::id()));
    let path = folder.join("a.safetensors");
    checkpoint::save(&mut trained.network, &trained.metadata, &path).unwrap();
    let manifest = parse(MANIFEST);
    let mut other = regress(&MANIFEST.replace("epochs = 4", "epochs = 1")).network;
    checkpoint::load(&mut other, &path).unwrap();
    assert_eq!(values(&mut trained.network, None), values(&mut other, None));
    let mut roles = 0;
    other.visit(|place, _| roles += usize::from(place.role == Role::Statistic));
    assert!(roles > 0);
    // Damage is told, not loaded.
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    assert!(checkpoint::load(&mut other, &path).unwrap_err().message.contains("not a whole checkpoint"));
    std::fs::write(&path, bytes).unwrap();
    let mut wide = Network::new(
        &Cpu::default(),
        architecture(&manifest),
        (3, 1000),
        (1, Fusion::Concat),
        1,
        &mut crate::seed::stream(0, "x", 0),
    )
    .unwrap();
    assert!(checkpoint::load(&mut wide, &path).unwrap_err().message.contains("does not fit the architecture"));
    // Numbers out of all bounds are not saved.
    let mut first = None;
    trained.network.visit(|place, param| {
        first.get_or_insert_with(|| {
            param.value.copy_from(&vec![f32::INFINITY; param.shape.iter().product()]);
            format!("{} has a weight that is not a finite number", place.name)
        });
    });
    let refused = checkpoint::save(&mut trained.network, &trained.metadata, &path).unwrap_err();
    assert!(refused.message.contains(&first.unwrap()), "{refused}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn one_network_measures_several_targets_and_passes_over_what_is_not_known() {
    let manifest = parse(&MANIFEST.replace("[regression]\nepochs = 4", "[regression]\nepochs = 30"));
    let (mut datasets, split) = records(160);
    // PR is twice HR and known of two records in three, QT of none.
    let mut dataset = Dataset::clone(&datasets["ptbxl"]);
    for (i, record) in dataset.records.iter_mut().enumerate() {
        let hr = record.measurement(Target::HR);
        record.measurements.set(Target::PR, hr.map(|hr| 2.0 * hr).filter(|_| i % 3 != 0));
    }
    datasets.insert("ptbxl".into(), Arc::new(dataset));
    let targets = [Target::HR, Target::PR];
    let train = |targets: &[Target]| regressed(&Cpu::default(), &manifest, targets, (&split, &datasets), &mut Silent);
    let trained = train(&targets).unwrap();
    let test: Vec<_> = trained.outcome.regression.iter().filter(|score| score.split == Subset::Test).collect();
    assert_eq!(test.iter().map(|score| (score.target, score.records)).collect::<Vec<_>>(), [("hr", 40), ("pr", 26)]);
    assert!(test.iter().all(|score| score.metrics.pearson_r.unwrap() > 0.8), "{test:?}");
    // Each record's value is kept beside its truth, in units: the metrics are of these.
    for score in test {
        let values: Vec<_> = trained.outcome.measured.iter().filter(|value| value.target == score.target).collect();
        let (truth, measured): (Vec<f64>, Vec<f64>) = values.iter().map(|value| (value.truth, value.measured)).unzip();
        assert_eq!(crate::metrics::regression(&truth, &measured).as_ref(), Ok(&score.metrics));
        for value in values {
            let of = datasets[&value.source].records.iter().find(|record| record.id == value.record_id).unwrap();
            let target = targets.into_iter().find(|target| target.name() == value.target).unwrap();
            let truth = of.measurement(target).map(f64::from);
            assert_eq!((&of.patient, truth), (&value.patient, Some(value.truth)));
        }
    }
    assert_eq!(trained.metadata["target"], "hr,pr");
    let curve = |metric| trained.outcome.epochs.iter().filter(|value| value.metric == metric).count();
    assert_eq!([curve("mae_hr"), curve("mae_pr"), curve("mae_qt"), curve("mae")], [30, 30, 0, 0]);
    let error = train(&[Target::HR, Target::QT]).unwrap_err().message;
    assert!(error.contains("no training record of the mix has a known qt"), "{error}");
}

#[test]
fn fused_features_are_as_many_as_of_one_and_gates_learn() {
    let mut other = parse(MANIFEST);
    other.regression.loss = manifest::RegressionLoss::Mse;
    let donors = [regress(MANIFEST).network, regress_as(&other).network];
    let mut sizes = Vec::new();
    for fusion in [Fusion::Concat, Fusion::Mean, Fusion::Gate] {
        let mut net = classify_fused(MANIFEST, &donors, fusion, Some("probe")).network;
        let (mut head, mut gate) = (0, Vec::new());
        net.visit(|place, param| {
            if place.name == "head.3.weight" {
                head = param.shape[1];
            }
            if place.name.starts_with("gate.") {
                assert_eq!((place.block, place.backbone), ("head", None));
                gate.push(param.to_vec());
            }
        });
        sizes.push((head, gate.len()));
        assert!(gate.iter().all(|values| values.iter().any(|value| *value != 0.0)), "the gate was trained");
    }
    assert_eq!(sizes, [(32, 0), (16, 0), (16, 2)]);
    // One network has nothing to fuse: the same bits.
    let one = |fusion| values(&mut classify_fused(MANIFEST, &donors[..1], fusion, Some("gradual")).network, None);
    assert_eq!(one(Fusion::Gate), one(Fusion::Concat));
}
