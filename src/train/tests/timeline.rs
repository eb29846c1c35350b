//! What waits for improvement waits for what is planned.

use super::*;
use crate::manifest::Freeze;

/// The small manifest with a transfer of so many epochs and a freeze `late` of `frozen`.
fn late(epochs: usize, frozen: usize, stopping: &str) -> Manifest {
    let text = MANIFEST.replace(
        "classes = [\"NORM\", \"MI\"]\nepochs = 4",
        &format!(
            "classes = [\"NORM\", \"MI\"]\nepochs = {epochs}\nearly_stopping = {{ {stopping} }}\n\
         optimizer = {{ learning_rate = 0.01 }}"
        ),
    );
    parse(&format!("{text}[freezes.late]\nsteps = [{{ blocks = [\"*\"], epochs = {frozen} }}]\n"))
}

fn of(manifest: &Manifest, donor: &Network<Cpu>, freeze: &Freeze) -> Outcome {
    let (datasets, split) = records(40);
    let graft =
        Graft { donors: std::slice::from_ref(donor), backbones: 1, fusion: Fusion::Concat, freeze: Some(freeze) };
    transferred(&Cpu::default(), manifest, &graft, (&split, &datasets), &mut Silent).unwrap().outcome
}

fn trained_epochs(outcome: &Outcome) -> usize {
    outcome.epochs.iter().map(|value| value.epoch).max().unwrap()
}

#[test]
fn no_stop_comes_before_the_last_thaw() {
    let donor = regress(MANIFEST).network;
    let manifest = late(40, 15, "patience = 3");
    let outcome = of(&manifest, &donor, &manifest.freezes["late"]);
    // Frozen alone it would have ended long before.
    let probe = of(&manifest, &donor, &manifest.freezes["probe"]);
    assert!(trained_epochs(&probe) < 15, "{}", trained_epochs(&probe));
    assert!(trained_epochs(&outcome) >= 18, "{}", trained_epochs(&outcome));
    assert_eq!((outcome.last_step, probe.last_step), (Some(16), None));
    let before = outcome.best_epoch < 16;
    assert_eq!((outcome.frozen_at_best(), probe.frozen_at_best()), (Some(before), None));
    let note = format!("kept epoch {} lies before epoch 16, from which everything trains", outcome.best_epoch);
    assert_eq!(outcome.notes.contains(&note), before, "{:?}", outcome.notes);
    // Up to the thaw, which changes nothing before it, all is the same.
    let first = |outcome: &Outcome| -> Vec<EpochValue> {
        outcome.epochs.iter().filter(|value| value.epoch <= trained_epochs(&probe)).cloned().collect()
    };
    assert_eq!(first(&outcome), probe.epochs);
}

#[test]
fn where_it_is_asked_for_only_epochs_after_the_last_change_are_kept() {
    let donor = regress(MANIFEST).network;
    let manifest = late(24, 15, "patience = 3, metric = \"loss\", from = \"last-step\"");
    let outcome = of(&manifest, &donor, &manifest.freezes["late"]);
    assert!(outcome.best_epoch >= 16 && outcome.frozen_at_best() == Some(false), "{}", outcome.best_epoch);
    assert!(outcome.notes.is_empty(), "{:?}", outcome.notes);
    let loss = |epoch: usize| {
        let found = |v: &&EpochValue| (v.epoch, v.split, &*v.metric) == (epoch, Subset::Validation, "loss");
        outcome.epochs.iter().find(found).unwrap().value
    };
    assert!((16..=trained_epochs(&outcome)).all(|epoch| loss(outcome.best_epoch) <= loss(epoch)));
    // Patience counts from the best of those.
    let last = trained_epochs(&outcome);
    assert!(last == outcome.best_epoch + 3 || last == 24, "{last}");
}

#[test]
fn a_kept_epoch_before_the_last_thaw_is_noted() {
    // Its rate explodes: nothing is any good once everything trains.
    let last = "[freezes.last]\nsteps = [{ blocks = [\"*\"], epochs = 4 }, { blocks = [\"block1\"] }]\n";
    let mut manifest = late(12, 4, "patience = 2, metric = \"loss\"");
    manifest.freezes.insert("last".into(), parse(&format!("{MANIFEST}{last}")).freezes["last"].clone());
    manifest.transfer.optimizer =
        Optimizer::Sgd { learning_rate: 0.01, weight_decay: 0.0, momentum: 0.0, nesterov: false };
    manifest.transfer.schedule = Schedule::Exponential { gamma: 5.0, warmup_epochs: 0.0 };
    let donor = regress(MANIFEST).network;
    for (freeze, then) in
        [("late", "from which everything trains"), ("last", "with which the last step of its freeze begins")]
    {
        let outcome = of(&manifest, &donor, &manifest.freezes[freeze]);
        assert!(outcome.best_epoch <= 4, "{}", outcome.best_epoch);
        assert_eq!((outcome.last_step, outcome.frozen_at_best()), (Some(5), Some(true)));
        assert_eq!(outcome.notes, [format!("kept epoch {} lies before epoch 5, {then}", outcome.best_epoch)]);
    }
}

#[test]
fn a_plateau_waits_anew_at_a_thaw() {
    let donor = regress(MANIFEST).network;
    let mut manifest = late(12, 5, "patience = 99");
    manifest.transfer.schedule = Schedule::Plateau { factor: 0.5, patience: 3, warmup_epochs: 0.0 };
    // Nothing ever improves after the first epoch.
    manifest.transfer.optimizer =
        Optimizer::Sgd { learning_rate: 1e-30, weight_decay: 0.0, momentum: 0.0, nesterov: false };
    let rates = |freeze: &str| -> Vec<f64> {
        let outcome = of(&manifest, &donor, &manifest.freezes[freeze]);
        let rates = outcome.epochs.iter().filter(|value| value.metric == "learning_rate");
        rates.map(|value| value.value / 1e-30).collect()
    };
    // Epochs 2 to 5 are four in vain; with a thaw after the fifth they are, but the count begins again.
    assert_eq!(rates("probe"), [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]);
    manifest.freezes.get_mut("late").unwrap().steps[0].epochs = Some(4);
    let late = of(&manifest, &donor, &manifest.freezes["late"]);
    let rates: Vec<f64> = late.epochs.iter().filter(|v| v.metric == "learning_rate").map(|v| v.value / 1e-30).collect();
    assert_eq!(rates, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]);
}

#[test]
fn early_stopping_waits_its_patience() {
    let mut manifest = exploding(20);
    manifest.regression.early_stopping =
        Some(EarlyStopping { patience: 2, metric: StoppingMetric::Loss, from: StoppingFrom::Start });
    let outcome = regress_as(&manifest).outcome;
    let last = outcome.epochs.iter().map(|value| value.epoch).max().unwrap();
    assert_eq!(last, outcome.best_epoch + 2);
}

#[test]
fn early_stopping_waits_for_the_parts_that_come_later() {
    let mut manifest = exploding(30);
    manifest.regression.schedule = Schedule::Exponential { gamma: 1.7, warmup_epochs: 0.0 };
    manifest.regression.early_stopping =
        Some(EarlyStopping { patience: 2, metric: StoppingMetric::Loss, from: StoppingFrom::Start });
    let (datasets, mut split) = records(40);
    let train = |split: &Split| {
        regressed(&Cpu::default(), &manifest, &[Target::HR], (split, &datasets), &mut Silent).unwrap().outcome
    };
    let last = |outcome: &Outcome| outcome.epochs.iter().map(|value| value.epoch).max().unwrap();
    let plain = train(&split);
    assert!(last(&plain) < 9, "{}", last(&plain));
    split.epochs = (0..split.train.len()).map(|example| if example < 15 { 1..=usize::MAX } else { 4..=9 }).collect();
    // The last change is in epoch 10, the first without the second part.
    let staged = train(&split);
    assert_eq!(last(&staged), staged.best_epoch.max(9) + 2);
}
