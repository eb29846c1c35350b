//! Networks that learn from signals alone, and what else than a backbone is grafted.

use super::resume::goes_on;
use super::*;
use crate::nn::{ARCHITECTURES, HIDDEN};

/// What is learned without labels.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Alone {
    Masked,
    Contrastive,
}

const BOTH: [Alone; 2] = [Alone::Masked, Alone::Contrastive];

fn learn<D: Backend>(
    device: &D,
    alone: Alone,
    manifest: &Manifest,
    (split, datasets): (&Split, &Datasets),
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let (signal, architecture) = (&manifest.signal, architecture(manifest));
    let randomness = match alone {
        Alone::Masked => Randomness::masked(3),
        Alone::Contrastive => Randomness::contrastive(3),
    };
    let training = Training { device, signal, architecture, randomness, split, datasets };
    match alone {
        Alone::Masked => masked(&training, &manifest.masked, watch),
        Alone::Contrastive => contrastive(&training, &manifest.contrastive, watch),
    }
}

fn learned(alone: Alone, text: &str, count: usize) -> Trained<Cpu> {
    let manifest = parse(text);
    let (datasets, split) = records_of(count, manifest.signal.length());
    learn(&Cpu::default(), alone, &manifest, (&split, &datasets), &mut Silent).unwrap()
}

/// Patches of 4 samples and views of 32.
fn small(more: &str) -> String {
    let tables = format!("[masked]\npatch = 40.0\nwhole_leads = 0.3\n{more}[contrastive]\ntemperature = 0.2\n{more}");
    MANIFEST.replace("[transfer]", &format!("{tables}[transfer]"))
}

fn score(outcome: &Outcome, metric: &str) -> f64 {
    let is_asked = |score: &&Score| score.split == Subset::Test && score.metric == metric;
    outcome.scores.iter().find(is_asked).and_then(|score| score.value).unwrap()
}

#[test]
fn who_learns_alone_has_the_same_bits_on_any_number_of_threads_and_goes_on() {
    for alone in BOTH {
        let augmented = small("augment = [\"gaussian-noise\", \"time-shift\"]\n");
        let windowed = super::windows::windowed(&augmented, "");
        for (name, text) in [("plain", small("")), ("augmented", augmented), ("windowed", windowed)] {
            // Tiles are looked at in more batches than are trained in an epoch.
            let most = if alone == Alone::Contrastive && name == "windowed" { 16 } else { 6 };
            let manifest = parse(&text);
            let (datasets, split) = records_of(40, manifest.signal.length());
            goes_on(&format!("{alone:?} {name}"), most, &|watch| {
                learn(&Cpu::default(), alone, &manifest, (&split, &datasets), watch)
            });
        }
    }
}

#[test]
fn what_is_masked_is_given_better_than_by_its_mean() {
    for loss in ["mae", "mse"] {
        let more = format!("loss = \"{loss}\"\nepochs = 25\noptimizer = {{ kind = \"adam\", learning_rate = 0.01 }}\n");
        let text = MANIFEST.replace("[transfer]", &format!("[masked]\nshare = 0.4\npatch = 40.0\n{more}[transfer]"));
        let Trained { outcome, .. } = learned(Alone::Masked, &text, 240);
        let (r2, rmse) = (score(&outcome, "r2"), score(&outcome, "rmse"));
        // Sines have a standard deviation of 0.7.
        assert!(r2 > 0.2 && rmse < 0.62, "{loss}: R2 {r2}, RMSE {rmse}");
        assert!(
            outcome.notes.iter().any(|note| note.contains("what is masked of test records")),
            "{:?}",
            outcome.notes
        );
        let of_validation = |epoch: &EpochValue| epoch.split == Subset::Validation && epoch.metric == "loss";
        let losses: Vec<f64> = outcome.epochs.iter().filter(|v| of_validation(v)).map(|value| value.value).collect();
        let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(losses[outcome.best_epoch - 1], best, "the epoch with the lowest validation loss is kept");
    }
}

#[test]
fn views_of_a_record_are_found_more_often_than_by_chance() {
    let more = "epochs = 20\nbatch_size = 16\noptimizer = { kind = \"adam\", learning_rate = 0.01 }\n";
    let text = MANIFEST.replace("[transfer]", &format!("[contrastive]\nwindow = 0.5\n{more}[transfer]"));
    let Trained { outcome, .. } = learned(Alone::Contrastive, &text, 160);
    let (found, chance) = (score(&outcome, "top1"), score(&outcome, "top1_by_chance"));
    // Batches of 16, 16 and 8 records: 1 of 31 others, and 1 of 15.
    assert!((chance - (0.8 / 31.0 + 0.2 / 15.0)).abs() < 1e-6, "{chance}");
    assert!(found > 5.0 * chance, "{found} of {chance}");
}

#[test]
fn every_architecture_learns_alone_and_is_grafted() {
    for kind in ARCHITECTURES.known {
        let (start, end) = (MANIFEST.find("[architectures").unwrap(), MANIFEST.find("[freezes.probe]").unwrap());
        let text =
            format!("{}[architectures.inception]\nkind = {:?}\n{}", &MANIFEST[..start], kind.name, &MANIFEST[end..]);
        let text = text.replace("0.64", "2.56").replace("epochs = 4", "epochs = 1");
        let text = text.replace("[transfer]", "[contrastive]\nwindow = 1.28\n[transfer]");
        for alone in BOTH {
            let Trained { network, outcome, .. } = learned(alone, &text, 40);
            assert!(score(&outcome, "loss").is_finite(), "{}: {alone:?}", kind.name);
            classify(&text, &[network], Some("probe"));
        }
    }
}

#[test]
fn a_hidden_layer_is_carried_and_held_by_its_name_alone() {
    let hidden = |steps: &str| {
        let text = MANIFEST.replace("[transfer]", "[transfer]\ngraft = \"hidden\"") + "from = [[\"hr\"]]\n";
        text.replace("[freezes.gradual]", &format!("[freezes.all]\n{steps}\n[freezes.gradual]"))
    };
    let mut donor = regress(MANIFEST).network;
    let of_donor: Vec<_> =
        values(&mut donor, Some("head")).into_iter().filter(|(name, _)| crate::nn::is_of_hidden(name)).collect();
    assert_eq!(of_donor.len(), 10);
    let after = |steps: &str, freeze: &str| {
        let mut network = classify(&hidden(steps), std::slice::from_ref(&donor), Some(freeze)).network;
        let outputs = values(&mut network, Some("head"));
        assert!(outputs.iter().all(|(name, _)| name.starts_with("head.7")), "{outputs:?}");
        (values(&mut network, Some(HIDDEN)), values(&mut network, Some("block1")))
    };
    let (held, _) = after("steps = [{ blocks = [\"hidden\"] }]", "all");
    assert_eq!(held, of_donor, "frozen to the end, norms and all");
    let first = values(&mut donor.copied().unwrap(), Some("block1"));
    let (moved, block) = after("steps = [{ blocks = [\"*\"] }]", "all");
    assert_eq!(block, first);
    assert!(moved.iter().zip(&of_donor).all(|(one, other)| one != other), "`*` is the backbone");
    let pulled = "l2_sp = { alpha = 1000.0, beta = 0.0 }\nlearning_rate_scale = { hidden = 0.0 }";
    let (scaled, _) = after(pulled, "all");
    let weight = |all: &[(String, Vec<f32>)]| all.iter().find(|(name, _)| name == "head.3.weight").unwrap().1.clone();
    assert_eq!(weight(&scaled), weight(&of_donor), "a rate of its own");
    // Without it the head is fresh.
    let mut fresh = classify(MANIFEST, std::slice::from_ref(&donor), Some("probe")).network;
    assert!(values(&mut fresh, Some(HIDDEN)).is_empty());
}
