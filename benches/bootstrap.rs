//! How long 10,000 resamples of 2,000 patients take, for the macro AUC of 50 networks of five classes.
//!
//!     cargo bench --bench bootstrap

use std::time::Instant;

use ecgraft::manifest::Labels;
use ecgraft::metrics::{NamedMetric, Predictions};
use ecgraft::seed::stream;
use ecgraft::statistics::bootstrap::{Measure, Patients, resampled};
use rand::RngExt;

const NETWORKS: usize = 50;
const RECORDS: usize = 2000;
const CLASSES: usize = 5;
const RESAMPLES: usize = 10_000;

fn main() {
    let mut random = stream(0, "benchmark", 0);
    let names: Vec<String> = (0..RECORDS).map(|record| record.to_string()).collect();
    // About as frequent as the classes of PTB-XL.
    let of = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4];
    let classes: Vec<usize> = names.iter().map(|_| of[random.random_range(0..of.len())]).collect();
    let truth: Vec<bool> = classes.iter().flat_map(|class| (0..CLASSES).map(move |k| k == *class)).collect();
    let mut scores = || -> Vec<f64> {
        let score = |has: &bool| random.random::<f64>() + if *has { 0.6 } else { 0.0 };
        truth.iter().map(score).collect()
    };
    let networks: Vec<Vec<f64>> = (0..NETWORKS).map(|_| scores()).collect();
    let patients = Patients::new(&names, &truth, CLASSES).expect("sizes fit");
    for metric in ["macro_auc", "accuracy", "macro_f1"].map(NamedMetric::parse) {
        let begun = Instant::now();
        let measure = |scores: &Vec<f64>| {
            let predictions = Predictions::of_scores(Labels::Single, CLASSES, scores, &truth).expect("sizes fit");
            metric.measure(&predictions, &["A", "B", "C", "D", "E"]).expect("it can be resampled")
        };
        let measures: Vec<Box<dyn Measure>> = networks.iter().map(measure).collect();
        let prepared = begun.elapsed();
        let found = resampled(&measures, &patients, RESAMPLES, 0);
        let whole = begun.elapsed();
        let value = measures[0].value().unwrap_or(f64::NAN);
        println!(
            "{metric} {value:.3}: {whole:.2?}, of which {prepared:.2?} to sort; {} values",
            found.len() * RESAMPLES
        );
    }
}
