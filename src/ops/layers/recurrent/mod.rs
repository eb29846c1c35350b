//! One recurrent layer as one operation over the whole sequence, in one direction or both: plain (Elman 1990), LSTM
//! (Hochreiter and Schmidhuber 1997, with forget gates: Gers 2000) and GRU (Cho 2014), in PyTorch's form.
//!
//! With x the input, h' and c' the state before (zeros at the start), s the logistic function:
//!
//! - rnn: h = tanh(Wx + b + Uh' + d)
//! - lstm: i, f, o = s(Wx + b + Uh' + d) and g = tanh(the same), each with weights of its own; c = f c' + i g;
//!   h = o tanh(c)
//! - gru: r, z = s(Wx + b + Uh' + d); n = tanh(Wx + b + r (Uh' + d)); h = (1 - z) n + z h'
//!
//! Records do not depend on each other: each thread takes some of them through all time steps, so that threads wait for
//! each other once a layer, not once a step, and weights stay in a core's cache. The products with the input are made
//! for many steps at once. For the backward pass are kept: of an lstm its gates and c, of a gru its gates and the part
//! of n that r scales, of a plain layer nothing but h, the output.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Flat, Param, Trace, Var, View, WantedGradients, device_error};

mod cpu;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

#[cfg(test)]
mod tests;

/// What a layer does in a time step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// tanh, no gates.
    Rnn,
    /// Long short-term memory.
    Lstm,
    /// Gated recurrent unit.
    Gru,
}

impl Cell {
    /// Rows of a weight for each hidden unit; in PyTorch's order: i, f, g, o of an lstm and r, z, n of a gru.
    pub fn gates(self) -> usize {
        match self {
            Cell::Rnn => 1,
            Cell::Lstm => 4,
            Cell::Gru => 3,
        }
    }
}

/// The weights of one direction.
#[derive(Debug)]
pub struct Weights<T> {
    /// W: (gates x hidden, inputs).
    pub input: T,
    /// U: (gates x hidden, hidden).
    pub hidden: T,
    /// b: (gates x hidden).
    pub input_bias: T,
    /// d: (gates x hidden).
    pub hidden_bias: T,
}

impl<T> Weights<T> {
    fn each(&self) -> [&T; 4] {
        [&self.input, &self.hidden, &self.input_bias, &self.hidden_bias]
    }
}

/// Sizes of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// What it does in a time step.
    pub cell: Cell,
    /// Records.
    pub batch: usize,
    /// Samples.
    pub length: usize,
    /// Input channels.
    pub input: usize,
    /// Units of each direction.
    pub hidden: usize,
    /// 1, or 2 where the second goes from the last sample to the first.
    pub directions: usize,
}

impl Sizes {
    /// Output channels: units of the first direction, then of the second.
    pub fn output(&self) -> usize {
        self.hidden * self.directions
    }
}

/// The layer on a device.
pub trait Kernel: DeviceStorage {
    /// What the backward pass needs beside input and output.
    type Kept: 'static;
    /// The hidden states of all samples, and what is kept of them if `keep`; `weights` of each direction.
    fn recurrent(
        &self,
        sizes: &Sizes,
        x: View<'_, Self>,
        weights: &[Weights<Flat<Self>>],
        keep: bool,
    ) -> Done<(Self::Buffer, Option<Self::Kept>), Self>;
    /// `forward` is what the forward pass gave: y, and what was kept.
    /// Adds to the gradients that are wanted: of the input and, in `wanted.params`, of each direction's weights.
    fn recurrent_gradient(
        &self,
        sizes: &Sizes,
        x: View<'_, Self>,
        weights: &[Weights<Flat<Self>>],
        forward: (&Self::Buffer, Self::Kept),
        gy: &Self::Buffer,
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
}

/// The layer on `x` (batch, length, channels), starting from zeros: (batch, length, hidden x directions). `weights` are
/// those of the direction from the first sample to the last and, where there are two, of the other.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code, never of its input.
pub fn recurrent<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    cell: Cell,
    weights: &[Weights<&Param<D>>],
) -> Result<Var<D>> {
    let (batch, length, input) = x.dims();
    let hidden = weights[0].hidden.shape[1];
    let sizes = Sizes { cell, batch, length, input, hidden, directions: weights.len() };
    let rows = cell.gates() * hidden;
    let fits = |of: &Weights<&Param<D>>| {
        let [w, u, b, d] = of.each().map(|param| &param.shape[..]);
        w == [rows, input] && u == [rows, hidden] && b == [rows] && d == [rows]
    };
    assert!(weights.len() <= 2 && weights.iter().all(fits), "recurrent: {weights:?} on {input} channels");
    let device = x.device.clone();
    let params: Vec<&Param<D>> = weights.iter().flat_map(|of| of.each().map(|param| *param)).collect();
    let flats: Vec<Weights<Flat<D>>> = weights
        .iter()
        .map(|of| Weights {
            input: of.input.value.clone(),
            hidden: of.hidden.value.clone(),
            input_bias: of.input_bias.value.clone(),
            hidden_bias: of.hidden_bias.value.clone(),
        })
        .collect();
    let wanted: Vec<bool> = params.iter().map(|param| param.trainable).chain([x.traced]).collect();
    let traced = trace.wants(&wanted);
    let (values, kept) = device.recurrent(&sizes, x.view(), &flats, traced).map_err(device_error)?;
    let y = Var::new(&device, values, (batch, length, sizes.output()), None, traced);
    if let Some(kept) = kept {
        let (kept_x, kept_y) = (x.clone(), y.clone());
        trace.record(&y, x, &params, move |gy, wanted| {
            device.recurrent_gradient(&sizes, kept_x.view(), &flats, (&kept_y.values, kept), &gy, wanted)
        });
    }
    Ok(y)
}
