//! Windows of records: drawn in training, joined in evaluation.

use super::*;
use crate::nn::Pass;
use crate::tensor::Var;

/// Samples of a record, and of a window.
const RECORD: usize = 160;
const LENGTH: usize = 64;

/// `text`, whose records are as long as 160 samples, and are seen in windows of 64.
pub(super) fn windowed(text: &str, more: &str) -> String {
    text.replace("duration = 0.64", &format!("duration = 1.6\nwindow = {{ length = 0.64{more} }}"))
}

fn multi(text: &str) -> String {
    text.replace("[transfer]", "[transfer]\nlabels = \"multi\"")
}

/// The small study's records, changed.
fn changed(change: impl Fn(usize, usize, &mut f32)) -> (Datasets, Split) {
    let (mut datasets, split) = records_of(40, RECORD);
    let mut dataset = Dataset::clone(&datasets["ptbxl"]);
    for (place, value) in values_of(&mut dataset).iter_mut().enumerate() {
        change(place / RECORD / 2, place % RECORD, value);
    }
    datasets.insert("ptbxl".into(), Arc::new(dataset));
    (datasets, split)
}

fn weights(text: &str, (datasets, split): &(Datasets, Split)) -> Vec<(String, Vec<f32>)> {
    let trained = regressed(&Cpu::default(), &parse(text), &[Target::HR], (split, datasets), &mut Silent);
    values(&mut trained.unwrap().network, None)
}

#[test]
fn training_sees_the_window_that_is_said_and_no_more() {
    let last = RECORD - LENGTH;
    for (train, start) in [("first", 0), ("centre", last / 2)] {
        let text = windowed(MANIFEST, &format!(", train = \"{train}\", test = \"{train}\""));
        let expected = weights(&text, &changed(|_, _, _| {}));
        // Whatever is not in the window of any record ...
        let outside = changed(|_, sample, value| {
            if !(start..start + LENGTH).contains(&sample) {
                *value = 1e6;
            }
        });
        assert!(weights(&text, &outside) == expected, "{train}");
        // ... and one sample within.
        let within = changed(|record, sample, value| {
            if record == 3 && sample == start {
                *value += 1.0;
            }
        });
        assert!(weights(&text, &within) != expected, "{train}");
        // Records that are so long are the same stage.
        let mut short = records_of(40, LENGTH);
        let mut dataset = Dataset::clone(&short.0["ptbxl"]);
        let whole = changed(|_, _, _| {});
        let leads = whole.0["ptbxl"].all_signals().unwrap();
        let cut = leads.chunks_exact(RECORD).flat_map(|lead| lead[start..start + LENGTH].to_vec());
        *values_of(&mut dataset) = cut.collect();
        short.0.insert("ptbxl".into(), Arc::new(dataset));
        assert!(weights(MANIFEST, &short) == expected, "{train}");
    }
}

#[test]
fn windows_at_random_are_all_over_the_record_and_not_in_its_padding() {
    let text = windowed(MANIFEST, "");
    let expected = weights(&text, &changed(|_, _, _| {}));
    assert!(expected == weights(&text, &changed(|_, _, _| {})), "the same again");
    // Four epochs of twenty records: somebody's window has the last sample of its record near, and the first.
    for place in [0..30, 130..RECORD] {
        let other = changed(|record, sample, value| {
            if record < 20 && place.contains(&sample) {
                *value += 1.0;
            }
        });
        assert!(weights(&text, &other) != expected, "{place:?}");
    }
    let padded = |with: f32| {
        let (mut datasets, split) = changed(|_, sample, value| {
            if sample >= 100 {
                *value = with;
            }
        });
        let mut dataset = Dataset::clone(&datasets["ptbxl"]);
        dataset.samples = vec![100; 40];
        datasets.insert("ptbxl".into(), Arc::new(dataset));
        weights(&text, &(datasets, split))
    };
    assert!(padded(0.0) == padded(1e6));
}

/// Outputs of `net` on each window of the record, by hand.
fn outputs(net: &mut Network<Cpu>, signal: &[f32], stride: usize) -> Vec<Vec<f64>> {
    let starts = (0..=RECORD - LENGTH).step_by(stride);
    let one = |start: usize| {
        let x = (start..start + LENGTH).flat_map(|sample| [signal[sample], signal[RECORD + sample]]).collect();
        let x = Var::input(&Cpu::default(), x, (1, LENGTH, 2)).unwrap();
        let y = net.forward(&x, &mut Pass::inference()).unwrap().values().unwrap();
        y.into_iter().map(f64::from).collect()
    };
    starts.map(one).collect()
}

fn joined(rows: &[Vec<f64>], column: usize, join: &str) -> f64 {
    let values = rows.iter().map(|row| row[column]);
    match join {
        "mean" => values.sum::<f64>() / rows.len() as f64,
        _ => values.fold(f64::NEG_INFINITY, f64::max),
    }
}

#[test]
fn a_record_is_one_prediction_joined_of_its_windows() {
    let (datasets, split) = records_of(40, RECORD);
    for (labels, join) in [("single", "mean"), ("multi", "mean"), ("multi", "max"), ("single", "max")] {
        // Tiles begin at 0, 32, 64 and 96.
        let text = windowed(MANIFEST, &format!(", stride = 0.32, join = \"{join}\""));
        let manifest = parse(&if labels == "multi" { multi(&text) } else { text });
        let graft = Graft { donors: &[], backbones: 1, fusion: Fusion::Concat, freeze: None };
        let mut trained = transferred(&Cpu::default(), &manifest, &graft, (&split, &datasets), &mut Silent).unwrap();
        let predictions = trained.outcome.predictions;
        assert_eq!(predictions.len(), 2 * split.test.len(), "two classes of each record");
        let elsewhere = Elsewhere {
            device: &Cpu::default(),
            signal: &manifest.signal,
            metadata: &trained.metadata,
            datasets: &datasets,
            picks: &split.test,
        };
        let told = elsewhere.classified(&mut trained.network, &manifest.transfer, &Silent).unwrap();
        assert_eq!(told.predictions, predictions, "also of a source that did not teach it");
        for (pick, row) in split.test.iter().zip(predictions.chunks_exact(2)) {
            let signal = datasets["ptbxl"].signal(pick.record).unwrap();
            let mut probabilities = outputs(&mut trained.network, &signal, 32);
            assert_eq!(probabilities.len(), 4);
            for window in &mut probabilities {
                let powers: Vec<f64> = window.iter().map(|z| z.exp()).collect();
                let total: f64 = powers.iter().sum();
                *window = match labels {
                    "multi" => powers.iter().map(|power| power / (1.0 + power)).collect(),
                    _ => powers.iter().map(|power| power / total).collect(),
                };
            }
            let expected = [0, 1].map(|class| joined(&probabilities, class, join));
            // Classes that exclude each other have 1 together.
            let total = if labels == "single" { expected[0] + expected[1] } else { 1.0 };
            for (prediction, expected) in row.iter().zip(expected) {
                let found = f64::from(prediction.probability);
                assert!((found - expected / total).abs() < 1e-6, "{labels} {join}: {found} {expected}");
            }
        }
    }
}

#[test]
fn a_record_is_one_measurement_joined_of_its_windows_in_its_unit() {
    let (datasets, split) = records_of(40, RECORD);
    for join in ["mean", "max"] {
        let manifest = parse(&windowed(MANIFEST, &format!(", stride = 0.48, join = \"{join}\"")));
        let mut trained =
            regressed(&Cpu::default(), &manifest, &[Target::HR], (&split, &datasets), &mut Silent).unwrap();
        let number = |name: &str| trained.metadata[name].parse::<f64>().unwrap();
        let (mean, sd) = (number("target_mean"), number("target_sd"));
        assert_eq!(trained.outcome.measured.len(), split.test.len());
        for (pick, value) in split.test.iter().zip(&trained.outcome.measured) {
            let signal = datasets["ptbxl"].signal(pick.record).unwrap();
            let mut rows = outputs(&mut trained.network, &signal, 48);
            assert_eq!(rows.len(), 3);
            rows.iter_mut().for_each(|row| row[0] = row[0] * sd + mean);
            let expected = joined(&rows, 0, join);
            assert!((value.measured - expected).abs() < 1e-4, "{join}: {} {expected}", value.measured);
        }
    }
}

#[test]
fn cached_features_of_windows_change_nothing() {
    for more in ["", ", train = \"centre\""] {
        let text = windowed(MANIFEST, more);
        let donor = regress(&text).network;
        let mut cached = classify(&text, std::slice::from_ref(&donor), Some("probe"));
        // An augmentation that changes nothing keeps features from being cached.
        let uncached = text.replace("[transfer]", "[transfer]\naugment = [{ kind = \"lead-dropout\", p = 0.0 }]");
        let mut every_time = classify(&uncached, std::slice::from_ref(&donor), Some("probe"));
        assert_eq!(values(&mut cached.network, None), values(&mut every_time.network, None));
        assert_eq!(cached.outcome.epochs, every_time.outcome.epochs);
        assert_eq!(cached.outcome.predictions, every_time.outcome.predictions);
    }
}

#[test]
fn windows_give_the_same_bits_on_any_number_of_threads() {
    the_same_bits_on_any_number_of_threads(&windowed(MANIFEST, ""));
    the_same_bits_on_any_number_of_threads(&windowed(&controls::controlled(), ", join = \"max\""));
}
