//! Losses: value and gradient in one pass, averaged over the batch.

use crate::Result;
use crate::ops::Backend;
use crate::ops::step::sum;
use crate::tensor::upstream::{Rank0, Tensor};
use crate::tensor::{Done, Trace, Var, View, device_error};

mod cpu;
mod nt_xent;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

pub use nt_xent::{Found, found};

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
    /// NT-Xent, the normalised temperature-scaled cross entropy of SimCLR (Chen 2020, equation 1): outputs are those of
    /// two views of each record, the first views of all and then the second ones, and each is to be nearest to the other
    /// view of its record by the cosine; the mean over all views.
    NtXent {
        /// Views: twice the records.
        views: usize,
        /// What similarities are divided by.
        temperature: f64,
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

/// Losses on a device.
pub trait Kernel: sum::Kernel {
    /// The gradient of the loss of outputs, times `share`; `weight` times the loss is added to `sum`.
    fn loss(
        &self,
        outputs: View<'_, Self>,
        loss: &Loss,
        share: f64,
        weight: f64,
        sum: &mut Self::Sum,
    ) -> Done<Self::Buffer, Self>;
}

/// The loss of `outputs` (batch, 1, outputs), or of (batch, length, channels), which are measured one after another: gives a scalar that starts the backward pass, and adds `weight` times
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
    let (batch, length, channels) = outputs.dims();
    let view = View { shape: (batch, 1, length * channels), ..outputs.view() };
    let gradient = device.loss(view, loss, share, weight, sum).map_err(device_error)?;
    if trace.wants(&[outputs.traced]) {
        trace.start(outputs, gradient);
    }
    // Gradients start from `gradient`; dfdx wants a tensor to begin with, whatever its value.
    device.try_tensor_from_vec(vec![0.0], ()).map_err(device_error)
}
