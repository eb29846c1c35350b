//! Studies made by chance, of which the truth is known.
#![allow(dead_code)]

pub mod arms;
pub mod classes;
pub mod clusters;

use ecgraft::manifest::Labels;
use ecgraft::metrics::{NamedMetric, Predictions};
use ecgraft::statistics::bootstrap::Measure;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

pub fn normal(random: &mut impl Rng) -> f64 {
    StandardNormal.sample(random)
}

/// Of what `of` says, in per cent.
pub fn share<T>(studies: &[T], of: impl Fn(&T) -> bool) -> f64 {
    100.0 * studies.iter().filter(|study| of(study)).count() as f64 / studies.len() as f64
}

pub fn has((low, high): (f64, f64), value: f64) -> bool {
    low <= value && value <= high
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// The metric called so, to be resampled; classes are called by their places.
pub fn measure(
    metric: &str,
    labels: Labels,
    classes: usize,
    scores: &[f64],
    truth: &[bool],
) -> Option<Box<dyn Measure>> {
    let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    NamedMetric::parse(metric).measure(&Predictions::of_scores(labels, classes, scores, truth)?, &names)
}
