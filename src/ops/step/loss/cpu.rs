//! Losses on the CPU: value and gradient in one pass, in f64.

use super::{Form, Kernel, Loss, nt_xent};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Done, View};

impl Loss {
    /// The loss of `outputs` (batch, outputs), row-major, and its gradient.
    pub fn evaluate(&self, outputs: &[f32]) -> (f64, Vec<f32>) {
        let mut gradient = vec![0f32; outputs.len()];
        let value = match self {
            Loss::CrossEntropy { classes, weights, form } => {
                let total: f64 = classes.iter().map(|&class| f64::from(weights[class])).sum();
                let width = weights.len();
                let rows = outputs.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).zip(classes);
                rows.map(|((row, gradient), &class)| softmax_row(row, class, weights, *form, total, gradient)).sum()
            }
            Loss::BinaryCrossEntropy { labels, weights, form } => {
                let share = 1.0 / labels.len() as f64;
                let mut sum = 0.0;
                for (i, ((&z, gradient), &label)) in outputs.iter().zip(&mut gradient).zip(labels).enumerate() {
                    let weight = f64::from(weights[i % weights.len()]);
                    let (value, slope) = sigmoid_output(f64::from(z), label, share * weight, share, *form);
                    sum += value;
                    *gradient = slope as f32;
                }
                sum
            }
            Loss::Mae(truth) => {
                residuals(outputs, truth, &mut gradient, |d| (d.abs(), if d == 0.0 { 0.0 } else { d.signum() }))
            }
            Loss::Mse(truth) => residuals(outputs, truth, &mut gradient, |d| (d * d, 2.0 * d)),
            Loss::Huber { truth, delta } => residuals(outputs, truth, &mut gradient, |d| {
                if d.abs() <= *delta { (0.5 * d * d, d) } else { (delta * (d.abs() - 0.5 * delta), delta * d.signum()) }
            }),
            Loss::NtXent { views, temperature } => nt_xent::evaluate(outputs, *views, *temperature, &mut gradient),
        };
        (value, gradient)
    }
}

/// The part of one record, of `class`, in a softmax loss whose weights sum up to `total`, and its gradient.
fn softmax_row(row: &[f32], class: usize, weights: &[f32], form: Form, total: f64, gradient: &mut [f32]) -> f64 {
    let weight = f64::from(weights[class]);
    let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let log_sum = row.iter().map(|&z| (f64::from(z) - top).exp()).sum::<f64>().ln() + top;
    let probability = |k: usize| (f64::from(row[k]) - log_sum).exp();
    if let Form::Focal(gamma) = form {
        let others = (0..row.len()).filter(|&k| k != class).map(probability).sum();
        let (value, slope) = focal(f64::from(row[class]) - log_sum, others, gamma);
        let share = weight / total;
        for (k, gradient) in gradient.iter_mut().enumerate() {
            let move_of = if k == class { others } else { -probability(k) };
            *gradient = (share * slope * move_of) as f32;
        }
        return share * value;
    }
    let (moved, classes) = (form.smoothing(), row.len() as f64);
    let target = |k: usize| {
        let own = if k == class { (1.0 - moved) * weight } else { 0.0 };
        own + moved / classes * f64::from(weights[k])
    };
    let mass: f64 = (0..row.len()).map(target).sum();
    let (share, whole) = (mass / total, if mass > 0.0 { mass } else { 1.0 });
    let mut mean = 0.0;
    for (k, (gradient, &z)) in gradient.iter_mut().zip(row).enumerate() {
        let target = target(k) / whole;
        *gradient = (share * (probability(k) - target)) as f32;
        mean += target * f64::from(z);
    }
    share * (log_sum - mean)
}

/// The part of one output `z` of a sigmoid in the loss, and its slope; a positive counts `positive`, a
/// negative `negative`.
fn sigmoid_output(z: f64, label: bool, positive: f64, negative: f64, form: Form) -> (f64, f64) {
    // -log sigmoid(-x), without overflow.
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    if let Form::Focal(gamma) = form {
        let (sign, weight) = if label { (1.0, positive) } else { (-1.0, negative) };
        let others = sigmoid(-sign * z);
        let (value, slope) = focal(-softplus(-sign * z), others, gamma);
        return (weight * value, sign * weight * slope * others);
    }
    let moved = form.smoothing();
    let target = (1.0 - moved) * f64::from(u8::from(label)) + moved / 2.0;
    let (positive, negative) = (positive * target, negative * (1.0 - target));
    let p = sigmoid(z);
    (positive * softplus(-z) + negative * softplus(z), positive * (p - 1.0) + negative * p)
}

/// The focal loss -q^gamma log p of a probability p, with q = 1 - p, and p times its derivative in p.
fn focal(log_p: f64, q: f64, gamma: f64) -> (f64, f64) {
    // Near 1, q knows p better than log p does.
    let log_p = if q < 0.5 { (-q).ln_1p() } else { log_p };
    let power = q.powf(gamma);
    let ratio = if q > 0.0 { log_p / q } else { -1.0 };
    (-power * log_p, power * (gamma * (1.0 - q) * ratio - 1.0))
}

/// The mean of f over the residuals of what is known, and its gradient.
fn residuals(outputs: &[f32], truth: &[f32], gradient: &mut [f32], f: impl Fn(f64) -> (f64, f64)) -> f64 {
    let known = truth.iter().filter(|t| !t.is_nan()).count();
    let share = 1.0 / known.max(1) as f64;
    let mut sum = 0.0;
    for ((&y, &t), gradient) in outputs.iter().zip(truth).zip(gradient).filter(|((_, t), _)| !t.is_nan()) {
        let (value, slope) = f(f64::from(y) - f64::from(t));
        sum += share * value;
        *gradient = (share * slope) as f32;
    }
    sum
}

impl Kernel for Cpu {
    fn loss(&self, outputs: View<'_, Cpu>, loss: &Loss, share: f64, weight: f64, sum: &mut f64) -> Done<Buffer, Cpu> {
        debug_assert!(outputs.norm.is_none() && outputs.shape.1 == 1);
        let (value, mut gradient) = loss.evaluate(outputs.values);
        if share != 1.0 {
            gradient.iter_mut().for_each(|g| *g = (share * f64::from(*g)) as f32);
        }
        *sum += value * weight;
        Ok(gradient.into())
    }
}
