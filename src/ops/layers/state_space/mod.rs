//! Diagonal state spaces (S4D: Gu, Gupta, Goel and Ré 2022, arXiv 2206.11893): each channel through a linear system of its
//! own with complex states, as one convolution as long as the record, in one direction or both.
//!
//! With dt = exp(log_dt), poles A = -exp(log_a_real) + i a_imag and weights C of a channel's states, held for a step of dt
//! (zero-order hold):
//!
//! - k\[l\] = 2 Re(sum over states of C (exp(dt A) - 1) / A exp(l dt A)), the kernel, of each direction: the directions share
//!   dt and A;
//! - y\[t\] = sum over s up to t of k\[t - s\] x\[s\] + sum over s after t of k'\[s - t - 1\] x\[s\] + D x\[t\], with k' the
//!   kernel of the second direction, if there is one.
//!
//! This is the bidirectional form of the authors' code: the second kernel begins with the sample after t.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Flat, Param, Trace, Var, View, WantedGradients, device_error};

mod cpu;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

#[cfg(test)]
mod tests;

/// The parameters of a layer.
#[derive(Clone, Debug)]
pub struct Weights<T> {
    /// Logarithm of the step (channels).
    pub log_dt: T,
    /// Logarithm of the poles' real parts, which are below 0 (channels, states).
    pub log_a_real: T,
    /// The poles' imaginary parts (channels, states).
    pub a_imag: T,
    /// What each state gives (directions, channels, states, 2): real and imaginary part.
    pub c: T,
    /// The share of the input itself (channels).
    pub d: T,
}

impl<T> Weights<T> {
    /// In the order of the fields.
    fn all(&self) -> [&T; 5] {
        [&self.log_dt, &self.log_a_real, &self.a_imag, &self.c, &self.d]
    }

    fn map<'a, U>(&'a self, mut f: impl FnMut(&'a T) -> U) -> Weights<U> {
        Weights {
            log_dt: f(&self.log_dt),
            log_a_real: f(&self.log_a_real),
            a_imag: f(&self.a_imag),
            c: f(&self.c),
            d: f(&self.d),
        }
    }
}

/// The layer on a device.
pub trait Kernel: DeviceStorage {
    /// What the backward pass needs beside the input.
    type Kept: 'static;
    /// y from x, and what the backward pass needs if `keep`.
    fn state_space(
        &self,
        x: View<'_, Self>,
        weights: &Weights<Flat<Self>>,
        keep: bool,
    ) -> Done<(Self::Buffer, Option<Self::Kept>), Self>;
    /// Adds to the gradients that are wanted: of the input and, in `wanted.params`, of the parameters in the order of the
    /// fields.
    fn state_space_gradient(
        &self,
        x: View<'_, Self>,
        weights: &Weights<Flat<Self>>,
        kept: Self::Kept,
        gy: &Self::Buffer,
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
}

/// The layer on `x` (batch, length, channels): y of the same shape.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code, never of its input.
pub fn state_space<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, weights: &Weights<&Param<D>>) -> Result<Var<D>> {
    let channels = x.dims().2;
    let states = weights.a_imag.shape.last().copied().unwrap_or(0);
    let directions = weights.c.shape[0];
    let (each, poles) = ([channels], [channels, states]);
    let expected: [&[usize]; 5] = [&each, &poles, &poles, &[directions, channels, states, 2], &each];
    let fits = weights.all().iter().zip(expected).all(|(weight, shape)| weight.shape == shape);
    assert!(fits && (1..=2).contains(&directions), "state space: {weights:?} on {channels} channels");
    let device = x.device.clone();
    let flats = weights.map(|param| param.value.clone());
    let params = weights.all().map(|param| *param);
    let wanted: Vec<bool> = params.iter().map(|param| param.trainable).chain([x.traced]).collect();
    let traced = trace.wants(&wanted);
    let (values, kept) = device.state_space(x.view(), &flats, traced).map_err(device_error)?;
    let y = Var::new(&device, values, x.shape, None, traced);
    if let Some(kept) = kept {
        let kept_x = x.clone();
        trace.record(&y, x, &params, move |gy, wanted| {
            device.state_space_gradient(kept_x.view(), &flats, kept, &gy, wanted)
        });
    }
    Ok(y)
}
