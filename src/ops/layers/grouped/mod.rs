//! 1-D convolution of groups of channels (cross-correlation, as in PyTorch), padded to `same`: one output for each `stride`
//! samples, the last for what is left. Output channels of a group see the input channels of that group alone.
//!
//! Zeros that the windows need beyond the record, (outputs - 1) stride + taps - length of them, are half before it and half
//! behind it, the odd one behind: TensorFlow's `SAME`, and with a stride of 1 PyTorch's `padding="same"`.

use crate::Result;
use crate::ops::Backend;
use crate::ops::layers::conv1d;
use crate::ops::layers::norm::{self, Normalizer};
use crate::tensor::{
    Done, Flat, Normalized, Param, Shape3, Statistics, Trace, Var, View, WantedGradients, device_error,
};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Records.
    pub batch: usize,
    /// Input channels, of all groups.
    pub input: usize,
    /// Output channels, of all groups.
    pub output: usize,
    /// Input length.
    pub length: usize,
    /// Taps.
    pub kernel: usize,
    /// Step between outputs.
    pub stride: usize,
    /// Groups of channels.
    pub groups: usize,
}

impl Sizes {
    /// Output length: length / stride, rounded up.
    pub fn output_length(&self) -> usize {
        self.length.div_ceil(self.stride)
    }

    /// (batch, output length, output).
    pub fn output_shape(&self) -> Shape3 {
        (self.batch, self.output_length(), self.output)
    }

    /// One group as a convolution of its own with as many zeros on both sides: where the odd one is to be behind, the input
    /// is one sample longer, which is 0.
    fn of_group(&self) -> conv1d::Sizes {
        let reach = (self.output_length() - 1) * self.stride + self.kernel;
        let zeros = reach.saturating_sub(self.length);
        conv1d::Sizes {
            batch: self.batch,
            input: self.input / self.groups,
            output: self.output / self.groups,
            length: self.length + zeros % 2,
            kernel: self.kernel,
            stride: self.stride,
            padding: zeros / 2,
        }
    }
}

/// The convolution on a device.
pub trait Kernel: norm::Kernel {
    /// y from x and w (output, input of a group, taps), and its moments if they are wanted.
    fn grouped(
        &self,
        sizes: Sizes,
        x: View<'_, Self>,
        w: &Flat<Self>,
        moments: bool,
    ) -> Done<(Self::Buffer, Option<Self::Moments>), Self>;
    /// Adds to the gradients that are wanted: of the input and, in `wanted.params`, of w, gamma and beta. `gy` is of what
    /// readers see of y; `y` is given where that is through a batch norm.
    fn grouped_gradient(
        &self,
        sizes: Sizes,
        x: View<'_, Self>,
        w: &Flat<Self>,
        y: Option<Normalized<'_, Self>>,
        gy: &Self::Buffer,
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
}

/// Convolves `x` (batch, length, channels) with `weight` (out, channels of a group, taps), then normalises.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code, never of its input.
pub fn grouped<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    weight: &Param<D>,
    (stride, groups): (usize, usize),
    by: Option<Normalizer<'_, D>>,
) -> Result<Var<D>> {
    let (batch, length, input) = x.dims();
    let &[output, channels, kernel] = weight.shape.as_slice() else {
        panic!("a convolution's weight is (out, in, taps)")
    };
    assert!(
        channels * groups == input && output.is_multiple_of(groups) && stride > 0 && length > 0,
        "grouped: {:?} by {:?} in {groups} groups",
        x.dims(),
        weight.shape
    );
    let sizes = Sizes { batch, input, output, length, kernel, stride, groups };
    let device = x.device.clone();
    let of_batch = by.as_ref().is_some_and(|by| by.mode.statistics == Statistics::Batch);
    let (values, moments) = device.grouped(sizes, x.view(), &weight.value, of_batch).map_err(device_error)?;
    let found = (values, moments, sizes.output_shape());
    conv1d::normalised(trace, (x, weight), found, by, move |x, w, y, gy, wanted| {
        device.grouped_gradient(sizes, x, w, y, gy, wanted)
    })
}
