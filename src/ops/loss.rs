//! Losses: value and gradient in one pass, averaged over the batch.

use dfdx::prelude::{Cpu, Rank0, Tensor};

use super::memory::Buffer;
use super::{Backend, Done, Seen, Trace, Var, device_error, sum};
use crate::Result;

#[cfg(feature = "cuda")]
mod cuda;

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
        /// How much each record counts.
        form: Form,
    },
    /// Binary cross entropy of a sigmoid per class, mean over records and classes, positives weighted.
    BinaryCrossEntropy {
        /// (batch, classes).
        labels: Vec<bool>,
        /// Weight of each class's positives (classes).
        weights: Vec<f32>,
        /// How much each label counts.
        form: Form,
    },
    /// Mean absolute error. Here and below: (batch, outputs); what is not known is NaN and counts for nothing.
    Mae(Vec<f32>),
    /// Mean squared error.
    Mse(Vec<f32>),
    /// Huber (Huber 1964): d^2 / 2 of residuals d up to `delta`, delta (|d| - delta / 2) of larger ones.
    Huber {
        /// (batch).
        truth: Vec<f32>,
        /// Where it turns from a square into a line.
        delta: f64,
    },
}

/// A cross entropy as it is, or one of its kin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// -log p of what is true.
    Plain,
    /// Targets are moved by this share e, from 0 to 1, towards the uniform distribution (Szegedy 2016,
    /// section 7). Of K classes of a softmax, the right one has the target 1 - e + e / K, the others e / K, and
    /// class k's part has its own weight, as in PyTorch's `CrossEntropyLoss`; of a sigmoid, a target t becomes
    /// (1 - e) t + e / 2, the same with K = 2.
    Smoothed(f64),
    /// -(1 - p)^gamma log p of what is true (Lin 2017, equation 5): what is right already counts little.
    Focal(f64),
}

impl Form {
    /// The share that targets are moved by.
    fn smoothing(self) -> f64 {
        if let Form::Smoothed(share) = self { share } else { 0.0 }
    }
}

impl Loss {
    /// The loss of `outputs` (batch, outputs), row-major, and its gradient.
    pub fn of(&self, outputs: &[f32]) -> (f64, Vec<f32>) {
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

/// Losses on a device.
pub trait Kernel: sum::Kernel {
    /// The gradient of the loss of outputs, times `share`; `weight` times the loss is added to `sum`.
    fn loss(
        &self,
        outputs: Seen<'_, Self>,
        loss: &Loss,
        share: f64,
        weight: f64,
        sum: &mut Self::Sum,
    ) -> Done<Self::Buffer, Self>;
}

/// The loss of `outputs` (batch, 1, outputs): gives a scalar that starts the backward pass, and adds `weight` times
/// its value to `sum`. Gradients are those of the loss times `share`: 1, but where a batch is worked on in parts.
///
/// # Errors
/// Where the device fails.
pub fn loss<D: Backend>(
    trace: &mut Trace<D>,
    outputs: &Var<D>,
    loss: &Loss,
    share: f64,
    weight: f64,
    sum: &mut D::Sum,
) -> Result<Tensor<Rank0, f32, D>> {
    let device = outputs.device.clone();
    let gradient = device.loss(outputs.seen(), loss, share, weight, sum).map_err(device_error)?;
    if trace.wants(&[outputs.traced]) {
        trace.start(outputs, gradient);
    }
    // Gradients start from `gradient`; dfdx wants a tensor to begin with, whatever its value.
    device.try_tensor_from_vec(vec![0.0], ()).map_err(device_error)
}

impl Kernel for Cpu {
    fn loss(&self, outputs: Seen<'_, Cpu>, loss: &Loss, share: f64, weight: f64, sum: &mut f64) -> Done<Buffer, Cpu> {
        debug_assert!(outputs.norm.is_none() && outputs.shape.1 == 1);
        let (value, mut gradient) = loss.of(outputs.values);
        if share != 1.0 {
            gradient.iter_mut().for_each(|g| *g = (share * f64::from(*g)) as f32);
        }
        *sum += value * weight;
        Ok(gradient.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{assert_close, reference, values};

    const FORMS: [Form; 6] =
        [Form::Plain, Form::Smoothed(0.1), Form::Smoothed(1.0), Form::Focal(0.0), Form::Focal(0.5), Form::Focal(2.0)];

    fn softmax(classes: Vec<usize>, form: Form) -> Loss {
        Loss::CrossEntropy { classes, weights: vec![0.5, 1.0, 2.0], form }
    }

    fn sigmoids(labels: Vec<bool>, form: Form) -> Loss {
        Loss::BinaryCrossEntropy { labels, weights: vec![1.0, 2.0, 0.5], form }
    }

    #[test]
    fn gradients_match_finite_differences() {
        let outputs = [0.3f32, -1.2, 2.0, 0.1, 0.9, -0.4];
        let truth = vec![0.1f32, 0.4, -2.0, 0.3, 0.7, 1.9];
        let mut losses = vec![Loss::Mae(truth.clone()), Loss::Mse(truth.clone())];
        losses.extend([0.5, 1.0, 3.0].map(|delta| Loss::Huber { truth: truth.clone(), delta }));
        for form in FORMS {
            losses.push(softmax(vec![2, 0], form));
            losses.push(sigmoids(vec![true, false, true, false, false, true], form));
        }
        for loss in losses {
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
    fn values_and_gradients_equal_pytorch() {
        let reference = reference("training");
        let tensor = |name: &str| values(&reference, &format!("loss.{name}")).1;
        let (weights, truth) = (tensor("weights"), tensor("truth"));
        let classes: Vec<usize> = tensor("classes").iter().map(|&class| class as usize).collect();
        let labels: Vec<bool> = tensor("labels").iter().map(|&label| label == 1.0).collect();
        let softmax = |form| Loss::CrossEntropy { classes: classes.clone(), weights: weights.clone(), form };
        let sigmoids = |form| Loss::BinaryCrossEntropy { labels: labels.clone(), weights: weights.clone(), form };
        let huber = |delta| Loss::Huber { truth: truth.clone(), delta };
        for (name, outputs, loss) in [
            ("mae", "numbers", Loss::Mae(truth.clone())),
            ("mse", "numbers", Loss::Mse(truth.clone())),
            ("huber", "numbers", huber(1.0)),
            ("huber_narrow", "numbers", huber(0.3)),
            ("softmax", "outputs", softmax(Form::Plain)),
            ("softmax_smoothed", "outputs", softmax(Form::Smoothed(0.1))),
            ("softmax_focal", "outputs", softmax(Form::Focal(2.0))),
            ("softmax_focal_half", "outputs", softmax(Form::Focal(0.5))),
            ("sigmoid", "outputs", sigmoids(Form::Plain)),
            ("sigmoid_smoothed", "outputs", sigmoids(Form::Smoothed(0.1))),
            ("sigmoid_focal", "outputs", sigmoids(Form::Focal(2.0))),
            ("sigmoid_focal_half", "outputs", sigmoids(Form::Focal(0.5))),
        ] {
            let (value, gradient) = loss.of(&tensor(outputs));
            assert_close(name, &[value as f32], &tensor(&format!("{name}.value")), 1e-6);
            assert_close(name, &gradient, &tensor(&format!("{name}.gradient")), 1e-6);
        }
    }

    #[test]
    fn a_form_that_changes_nothing_changes_no_bit() {
        let outputs = [0.3f32, -1.2, 2.0, 0.1, 0.9, -0.4];
        let labels = vec![true, false, true, false, false, true];
        assert_eq!(
            softmax(vec![2, 0], Form::Plain).of(&outputs),
            softmax(vec![2, 0], Form::Smoothed(0.0)).of(&outputs)
        );
        assert_eq!(
            sigmoids(labels.clone(), Form::Plain).of(&outputs),
            sigmoids(labels, Form::Smoothed(0.0)).of(&outputs)
        );
    }

    #[test]
    fn what_is_not_known_counts_for_nothing() {
        let known = Loss::Mse(vec![1.0, -2.0]).of(&[0.5, 0.25]);
        let (value, gradient) = Loss::Mse(vec![f32::NAN, 1.0, -2.0, f32::NAN]).of(&[9.0, 0.5, 0.25, -7.0]);
        assert_eq!((value, gradient), (known.0, vec![0.0, known.1[0], known.1[1], 0.0]));
        assert_eq!(Loss::Mae(vec![f32::NAN]).of(&[3.0]), (0.0, vec![0.0]));
    }

    #[test]
    fn large_outputs_do_not_overflow() {
        for form in FORMS {
            let (value, gradient) = sigmoids(vec![true, false, false], form).of(&[-500.0, 500.0, -500.0]);
            assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{form:?}");
            // Once wholly wrong, once wholly right.
            let (value, gradient) = softmax(vec![1, 0], form).of(&[1000.0, 0.0, 0.0, 1000.0, 0.0, 0.0]);
            assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{form:?}");
        }
        let (value, _) = sigmoids(vec![true, false, false], Form::Plain).of(&[-500.0, 500.0, -500.0]);
        assert!((value - 1000.0 / 3.0).abs() < 1e-9);
        let (value, _) = softmax(vec![1], Form::Plain).of(&[1000.0, 0.0, 0.0]);
        assert!((value - 1000.0).abs() < 1e-9);
    }
}
