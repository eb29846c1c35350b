//! Features of several networks into one: their average, plain or weighted.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Gradient, Trace, Var, View, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// Averages of features on a device. Features are (batch, 1, parts x width), one part after another;
/// scores are (batch, 1, parts), and part i weighs softmax(scores)_i.
pub trait Kernel: DeviceStorage {
    /// sum_i softmax(scores)_i x_i, (batch, 1, width).
    fn gated(&self, x: View<'_, Self>, scores: View<'_, Self>) -> Done<Self::Buffer, Self>;
    /// Adds to the gradient of the features.
    fn gated_gradient(&self, scores: View<'_, Self>, gy: &Self::Buffer, gx: &mut Gradient<Self>) -> Done<(), Self>;
    /// Adds to the gradient of the scores.
    fn score_gradient(
        &self,
        x: View<'_, Self>,
        scores: View<'_, Self>,
        gy: &Self::Buffer,
        gscores: &mut Gradient<Self>,
    ) -> Done<(), Self>;
}

/// The average of the `parts` parts of `x` (batch, 1, parts x width), weighted by the softmax of `scores`
/// (batch, 1, parts): the mixture of experts of Jacobs 1991, eq. 1.
///
/// # Errors
/// Where the device fails.
pub fn gated<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, scores: &Var<D>) -> Result<Var<D>> {
    let device = x.device.clone();
    let values = device.gated(x.view(), scores.view()).map_err(device_error)?;
    let shape = (x.shape.0, 1, x.shape.2 / scores.shape.2);
    let y = Var::new(&device, values, shape, None, trace.wants(&[x.traced, scores.traced]));
    if y.traced {
        let (features, weights) = (x.clone(), scores.clone());
        trace.record_each(&y, &[x, scores], move |gy, number, gx| match number {
            0 => device.gated_gradient(weights.view(), gy, gx),
            _ => device.score_gradient(features.view(), weights.view(), gy, gx),
        });
    }
    Ok(y)
}

/// The average of the `parts` parts of `x` (batch, 1, parts x width).
///
/// # Errors
/// Where the device fails.
pub fn mean<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, parts: usize) -> Result<Var<D>> {
    let batch = x.shape.0;
    let scores = Var::input(&x.device, vec![0.0; batch * parts], (batch, 1, parts))?;
    gated(trace, x, &scores)
}
