//! Scaling by the training records.

use super::*;

#[test]
fn statistics_of_train_z_score_come_from_training_records_alone() {
    let text = MANIFEST.replace("duration = 0.64", "duration = 0.64\nnormalize = \"train-z-score\"");
    let manifest = parse(&text);
    let (mut datasets, split) = records(40);
    let run = |datasets: &Datasets| {
        let mut trained =
            regressed(&Cpu::default(), &manifest, &[Target::HR], (&split, datasets), &mut Silent).unwrap();
        (trained.metadata["lead_mean"].clone(), values(&mut trained.network, None))
    };
    let before = run(&datasets);
    let mut changed = Dataset::clone(&datasets["ptbxl"]);
    for pick in &split.test {
        values_of(&mut changed)[pick.record * 128..][..128].fill(1000.0);
    }
    datasets.insert("ptbxl".into(), Arc::new(changed));
    assert_eq!(before, run(&datasets), "test records decide nothing");
}

/// The small manifest with another normalisation.
fn scaled(normalize: &str) -> Manifest {
    parse(&MANIFEST.replace("duration = 0.64", &format!("duration = 0.64\nnormalize = \"{normalize}\"")))
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(',').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn one_mean_and_deviation_of_all_samples_or_of_each_lead() {
    // Lead I is 1 and 3 in turn, lead II is 10 and 30; what follows the first half of each record is padding.
    let (mut datasets, split) = records(40);
    let mut changed = Dataset::clone(&datasets["ptbxl"]);
    changed.samples = vec![32; 40];
    for (place, value) in values_of(&mut changed).iter_mut().enumerate() {
        let (sample, lead) = (place % 64, place / 64 % 2);
        *value = if sample >= 32 { 0.0 } else { [[1.0, 3.0], [10.0, 30.0]][lead][sample % 2] };
    }
    datasets.insert("ptbxl".into(), Arc::new(changed));
    // numpy: a = [1, 3, 10, 30]; a.mean(), 1 / a.std()
    let all = (11.0, 0.087_204_144_039_4);
    for (normalize, means, inverses) in
        [("train-z-score", [2.0, 20.0], [1.0, 0.1]), ("global-z-score", [all.0; 2], [all.1; 2])]
    {
        let trained =
            regressed(&Cpu::default(), &scaled(normalize), &[Target::HR], (&split, &datasets), &mut Silent).unwrap();
        let near = |name: &str, expected: [f64; 2]| {
            let found = numbers(&trained.metadata[name]);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6 * b), "{normalize}: {name} {found:?}");
        };
        near("lead_mean", means);
        near("lead_inverse_sd", inverses);
    }
}

#[test]
fn what_pads_a_record_is_zero_to_the_network() {
    let manifest = scaled("global-z-score");
    let with = |scale: f32, offset: f32| {
        let (mut datasets, split) = records(40);
        let mut changed = Dataset::clone(&datasets["ptbxl"]);
        changed.samples = vec![40; 40];
        for (place, value) in values_of(&mut changed).iter_mut().enumerate() {
            let (sample, record) = (place % 64, place / 128);
            // As many below as above the offset.
            let run = [1, 2, 4, 5][record % 4];
            let level = if sample / run % 2 == 0 { 1.0 } else { -1.0 };
            *value = if sample < 40 { level * scale + offset } else { 0.0 };
        }
        datasets.insert("ptbxl".into(), Arc::new(changed));
        let trained = regressed(&Cpu::default(), &manifest, &[Target::HR], (&split, &datasets), &mut Silent).unwrap();
        (trained.metadata["lead_mean"].clone(), trained.outcome.epochs, trained.outcome.measured)
    };
    let (zero, plain) = (with(1.0, 0.0), with(4.0, 16.0));
    assert_eq!([&*zero.0, &*plain.0], ["0,0", "16,16"]);
    assert!(
        (zero.1, zero.2) == (plain.1, plain.2),
        "scale and offset are taken off what was recorded, and off nothing else"
    );
}
