//! Losses: value and gradient in one pass, averaged over the batch.

use dfdx::prelude::{Cpu, Rank0, Tensor};

use super::memory::Buffer;
use super::{Backend, Done, Lend, Seen, Trace, Var, device_error};
use crate::Result;

/// A loss with what it is measured against.
#[derive(Clone, Debug)]
pub enum Loss {
    /// Softmax cross entropy: the class of each record, and a weight per class (the mean is weighted,
    /// as PyTorch's is).
    CrossEntropy {
        /// (batch).
        classes: Vec<usize>,
        /// (classes).
        weights: Vec<f32>,
    },
    /// Binary cross entropy of a sigmoid per class, mean over records and classes, positives weighted.
    BinaryCrossEntropy {
        /// (batch, classes).
        labels: Vec<bool>,
        /// Weight of each class's positives (classes).
        weights: Vec<f32>,
    },
    /// Mean absolute error.
    Mae(Vec<f32>),
    /// Mean squared error.
    Mse(Vec<f32>),
    /// Huber with delta 1 (Huber 1964).
    Huber(Vec<f32>),
}

impl Loss {
    /// The loss of `outputs` (batch, outputs), row-major, and its gradient.
    pub fn of(&self, outputs: &[f32]) -> (f64, Vec<f32>) {
        let mut gradient = vec![0f32; outputs.len()];
        let value = match self {
            Loss::CrossEntropy { classes, weights } => {
                let total: f64 = classes.iter().map(|&class| f64::from(weights[class])).sum();
                let width = weights.len();
                let mut sum = 0.0;
                for ((row, gradient), &class) in
                    outputs.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).zip(classes)
                {
                    let share = f64::from(weights[class]) / total;
                    let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                    let log_sum = row.iter().map(|&z| (f64::from(z) - top).exp()).sum::<f64>().ln() + top;
                    for (k, (gradient, &z)) in gradient.iter_mut().zip(row).enumerate() {
                        let probability = (f64::from(z) - log_sum).exp();
                        *gradient = (share * (probability - f64::from(u8::from(k == class)))) as f32;
                    }
                    sum += share * (log_sum - f64::from(row[class]));
                }
                sum
            }
            Loss::BinaryCrossEntropy { labels, weights } => {
                let share = 1.0 / labels.len() as f64;
                let mut sum = 0.0;
                for (i, ((&z, gradient), &label)) in outputs.iter().zip(&mut gradient).zip(labels).enumerate() {
                    let z = f64::from(z);
                    let weight = if label { f64::from(weights[i % weights.len()]) } else { 1.0 };
                    // softplus(-z) for positives, softplus(z) for negatives, without overflow
                    let signed = if label { -z } else { z };
                    sum += share * weight * (signed.max(0.0) + (-signed.abs()).exp().ln_1p());
                    let sigmoid = 1.0 / (1.0 + (-z).exp());
                    *gradient = (share * weight * (sigmoid - f64::from(u8::from(label)))) as f32;
                }
                sum
            }
            Loss::Mae(truth) => {
                residuals(outputs, truth, &mut gradient, |d| (d.abs(), if d == 0.0 { 0.0 } else { d.signum() }))
            }
            Loss::Mse(truth) => residuals(outputs, truth, &mut gradient, |d| (d * d, 2.0 * d)),
            Loss::Huber(truth) => residuals(outputs, truth, &mut gradient, |d| {
                if d.abs() <= 1.0 { (0.5 * d * d, d) } else { (d.abs() - 0.5, d.signum()) }
            }),
        };
        (value, gradient)
    }
}

/// The mean of f over the residuals, and its gradient.
fn residuals(outputs: &[f32], truth: &[f32], gradient: &mut [f32], f: impl Fn(f64) -> (f64, f64)) -> f64 {
    let share = 1.0 / truth.len() as f64;
    let mut sum = 0.0;
    for ((&y, &t), gradient) in outputs.iter().zip(truth).zip(gradient) {
        let (value, slope) = f(f64::from(y) - f64::from(t));
        sum += share * value;
        *gradient = (share * slope) as f32;
    }
    sum
}

/// Losses on a device.
pub trait Kernel: Lend {
    /// The loss of outputs and its gradient.
    fn loss(&self, outputs: Seen<'_, Self>, loss: &Loss) -> Done<(f64, Self::Buffer), Self>;
}

/// The loss of `outputs` (batch, 1, outputs): a scalar that starts the backward pass, and its value.
///
/// # Errors
/// Where the device fails.
pub fn loss<D: Backend>(trace: &mut Trace<D>, outputs: &Var<D>, loss: &Loss) -> Result<(Tensor<Rank0, f32, D>, f64)> {
    let device = outputs.device.clone();
    let (value, gradient) = device.loss(outputs.seen(), loss).map_err(device_error)?;
    if trace.wants(&[outputs.traced]) {
        trace.start(outputs, gradient);
    }
    Ok((device.try_tensor_from_vec(vec![value as f32], ()).map_err(device_error)?, value))
}

impl Kernel for Cpu {
    fn loss(&self, outputs: Seen<'_, Cpu>, loss: &Loss) -> Done<(f64, Buffer), Cpu> {
        debug_assert!(outputs.norm.is_none() && outputs.shape.1 == 1);
        let (value, gradient) = loss.of(outputs.values);
        Ok((value, gradient.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_match_finite_differences() {
        let outputs = [0.3f32, -1.2, 2.0, 0.1, 0.9, -0.4];
        let truth = vec![0.1f32, 0.4, -2.0, 0.3, 0.7, 1.9];
        for loss in [
            Loss::CrossEntropy { classes: vec![2, 0], weights: vec![0.5, 1.0, 2.0] },
            Loss::BinaryCrossEntropy {
                labels: vec![true, false, true, false, false, true],
                weights: vec![1.0, 2.0, 0.5],
            },
            Loss::Mae(truth.clone()),
            Loss::Mse(truth.clone()),
            Loss::Huber(truth),
        ] {
            let (_, gradient) = loss.of(&outputs);
            for i in 0..outputs.len() {
                let at = |step: f32| {
                    let mut moved = outputs;
                    moved[i] += step;
                    loss.of(&moved).0
                };
                let difference = (at(1e-2) - at(-1e-2)) / f64::from(outputs[i] + 1e-2 - (outputs[i] - 1e-2));
                assert!(
                    (difference - f64::from(gradient[i])).abs() < 1e-4,
                    "{loss:?} {i}: {difference} and {}",
                    gradient[i]
                );
            }
        }
    }

    #[test]
    fn large_outputs_do_not_overflow() {
        let (value, gradient) =
            Loss::BinaryCrossEntropy { labels: vec![true, false], weights: vec![1.0, 1.0] }.of(&[-500.0, 500.0]);
        assert!((value - 500.0).abs() < 1e-9 && gradient.iter().all(|g| g.is_finite()));
        let (value, _) = Loss::CrossEntropy { classes: vec![1], weights: vec![1.0, 1.0] }.of(&[1000.0, 0.0]);
        assert!((value - 1000.0).abs() < 1e-9);
    }
}
