//! Random numbers of the usual distributions.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Normal with mean 0 and standard deviation 1.
pub fn standard(random: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(random)
}

/// Normal.
pub fn normal(random: &mut ChaCha8Rng, mean: f64, sd: f64) -> f64 {
    mean + sd * standard(random)
}

/// Normal, drawn again until it is in `low` to `high`.
pub fn truncated(random: &mut ChaCha8Rng, mean: f64, sd: f64, [low, high]: [f64; 2]) -> f64 {
    loop {
        let value = normal(random, mean, sd);
        if (low..=high).contains(&value) {
            return value;
        }
    }
}

/// Log-normal, at most `highest`.
pub fn log_normal(random: &mut ChaCha8Rng, median: f64, sigma: f64, highest: f64) -> f64 {
    (median * (sigma * standard(random)).exp()).min(highest)
}

/// Uniform.
pub fn uniform(random: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * random.random::<f64>()
}
