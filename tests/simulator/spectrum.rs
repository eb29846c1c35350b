//! The share of a record's power that lies between 15 and 40 Hz, in leads II and V5: of real records, and of simulated ones.

use std::f64::consts::TAU;
use std::path::PathBuf;

use ecgraft::data::load;
use ecgraft::data::signal::prepare;
use ecgraft::data::simulator::Model;
use ecgraft::ecg::Lead;
use ecgraft::manifest::Signal;
use ecgraft::source::{DataPath, PtbXl, Simulator};

use crate::workbench::sample;

/// II, then V5: 10 s at 100 Hz.
fn signal() -> Signal {
    Signal::recorded(vec![Lead::II, Lead::V5], 100.0, 10.0)
}

/// Of the power from 0.5 to 40 Hz of 10 s at 100 Hz, the share from 15 Hz on: by the squares of the discrete Fourier
/// transform, without a window, every 0.1 Hz.
fn share(samples: &[f32]) -> f64 {
    let mut turn: Vec<[f64; 2]> = (0..1000).map(|step| (TAU * f64::from(step) / 1000.0).sin_cos().into()).collect();
    turn.iter_mut().for_each(|pair| pair.swap(0, 1));
    let power = |tenths: usize| {
        let mut sum = [0.0; 2];
        for (at, value) in samples.iter().enumerate() {
            let [cosine, sine] = turn[at * tenths % 1000];
            sum[0] += f64::from(*value) * cosine;
            sum[1] += f64::from(*value) * sine;
        }
        sum[0] * sum[0] + sum[1] * sum[1]
    };
    let [all, high] = [5, 150].map(|low| (low..=400).map(power).sum::<f64>());
    high / all
}

/// The means over records, each (II then V5, 1000 samples).
fn means(records: impl Iterator<Item = Vec<f32>>) -> [f64; 2] {
    let (mut sums, mut count) = ([0.0; 2], 0.0);
    for record in records {
        for (sum, lead) in sums.iter_mut().zip(record.chunks(1000)) {
            *sum += share(lead);
        }
        count += 1.0;
    }
    sums.map(|sum| sum / count)
}

fn simulated(simulator: &Simulator) -> [f64; 2] {
    means((0..simulator.records).map(|index| prepare(&simulator.simulate(index).1, &signal()).unwrap()))
}

#[track_caller]
fn lie_in([ii, v5]: [f64; 2], ranges: [[f64; 2]; 2]) {
    let [of_ii, of_v5] = ranges;
    assert!(of_ii[0] <= ii && ii <= of_ii[1] && of_v5[0] <= v5 && v5 <= of_v5[1], "II {ii}, V5 {v5}");
}

/// PTB-XL's.
const REAL: [[f64; 2]; 2] = [[0.17, 0.22], [0.23, 0.29]];

#[test]
fn share_of_tones_is_that_of_their_powers() {
    let tones = |at: usize| {
        let second = at as f64 / 100.0;
        ((TAU * 5.0 * second).sin() + 2.0 * (TAU * 20.0 * second).sin() + 3.0 * (TAU * 45.0 * second).sin()) as f32
    };
    let samples: Vec<f32> = (0..1000).map(tones).collect();
    assert!((share(&samples) - 0.8).abs() < 1e-6);
}

#[test]
fn real_records_have_more_than_the_simple_model_and_the_detailed_one_as_much() {
    let folder = sample();
    let source = PtbXl::at(DataPath { written: folder.display().to_string(), resolved: Ok(folder) });
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("simulator-spectrum");
    let real = load("real", &source, &signal(), &cache).unwrap();
    lie_in(means((0..real.records.len()).map(|index| real.signal(index).unwrap().to_vec())), REAL);

    let detailed = Simulator { model: Some(Model::Detailed), ..Simulator::new(300, 21) };
    lie_in(simulated(&detailed), REAL);
    lie_in(simulated(&Simulator::new(300, 21)), [[0.08, 0.11], [0.10, 0.13]]);
}
