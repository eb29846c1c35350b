//! 1-D convolution (cross-correlation, as in PyTorch), with or without a batch norm after it:
//! y\[b,m,o\] = sum over c, k of w\[o,c,k\] x\[b,stride m + k - padding,c\].

use crate::Result;
use crate::ops::Backend;
use crate::ops::layers::norm::{self, Normalizer};
use crate::tensor::{
    DeviceStorage, Done, Flat, Normalized, Param, Shape3, Statistics, Trace, Var, View, WantedGradients, device_error,
};

pub(in crate::ops) mod cpu;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

#[cfg(test)]
mod tests;

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Records.
    pub batch: usize,
    /// Input channels.
    pub input: usize,
    /// Output channels.
    pub output: usize,
    /// Input length.
    pub length: usize,
    /// Taps.
    pub kernel: usize,
    /// Step between outputs.
    pub stride: usize,
    /// Zeros on each side of the input.
    pub padding: usize,
}

impl Sizes {
    /// Output length: (length + 2 padding - kernel) / stride + 1.
    pub fn output_length(&self) -> usize {
        (self.length + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Whether it has an odd kernel and gives an output for each sample.
    fn keeps_length(&self) -> bool {
        self.stride == 1 && self.kernel % 2 == 1 && self.padding == self.kernel / 2
    }

    /// (batch, output length, output).
    pub fn output_shape(&self) -> Shape3 {
        (self.batch, self.output_length(), self.output)
    }
}

/// The convolution on a device.
pub trait Kernel: norm::Kernel {
    /// y from x and w (output, input, taps), and its moments if they are wanted.
    fn conv1d(
        &self,
        sizes: Sizes,
        x: View<'_, Self>,
        w: &Flat<Self>,
        moments: bool,
    ) -> Done<(Self::Buffer, Option<Self::Moments>), Self>;
    /// Adds to the gradients that are wanted: of the input and, in `wanted.params`, of w, gamma and beta. `gy` is of what
    /// readers see of y; `y` is given where that is through a batch norm.
    fn conv1d_gradient(
        &self,
        sizes: Sizes,
        x: View<'_, Self>,
        w: &Flat<Self>,
        y: Option<Normalized<'_, Self>>,
        gy: &Self::Buffer,
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
}

/// Convolves `x` (batch, length, channels) with `weight` (out, channels, taps), then normalises.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code, never of its input.
pub fn conv1d<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    weight: &Param<D>,
    (stride, padding): (usize, usize),
    by: Option<Normalizer<'_, D>>,
) -> Result<Var<D>> {
    let (batch, length, input) = x.dims();
    let &[output, channels, kernel] = weight.shape.as_slice() else {
        panic!("a convolution's weight is (out, in, taps)")
    };
    assert!(
        channels == input && stride > 0 && length + 2 * padding >= kernel,
        "conv1d: {:?} by {:?}",
        x.dims(),
        weight.shape
    );
    let sizes = Sizes { batch, input, output, length, kernel, stride, padding };
    let device = x.device.clone();
    let of_batch = by.as_ref().is_some_and(|by| by.mode.statistics == Statistics::Batch);
    let (values, moments) = device.conv1d(sizes, x.view(), &weight.value, of_batch).map_err(device_error)?;
    let found = (values, moments, sizes.output_shape());
    normalised(trace, (x, weight), found, by, move |x, w, y, gy, wanted| {
        device.conv1d_gradient(sizes, x, w, y, gy, wanted)
    })
}

/// What a convolution gives: its values, their moments where they are wanted, and their shape.
type Given<D> = (<D as DeviceStorage>::Buffer, Option<<D as norm::Kernel>::Moments>, Shape3);

/// The output of a convolution of a variable by a weight, normalised; `back` adds to the gradients, as [`Kernel`] has it.
pub(super) fn normalised<D: Backend>(
    trace: &mut Trace<D>,
    (x, weight): (&Var<D>, &Param<D>),
    (values, moments, shape): Given<D>,
    by: Option<Normalizer<'_, D>>,
    back: impl FnOnce(View<'_, D>, &Flat<D>, Option<Normalized<'_, D>>, &D::Buffer, WantedGradients<'_, D>) -> Done<(), D>
    + 'static,
) -> Result<Var<D>> {
    let device = &x.device;
    let mut params = vec![weight];
    let mut norm = None;
    if let Some(mut by) = by {
        params.extend([by.gamma, by.beta]);
        norm = Some(norm::norm(device, moments, &mut by)?);
    }
    let mut wanted: Vec<bool> = params.iter().map(|param| param.trainable).collect();
    wanted.push(x.traced);
    let traced = trace.wants(&wanted);
    let y = Var::new(device, values, shape, norm, traced);
    if traced {
        let (kept_x, kept_y, w) = (x.clone(), y.clone(), weight.value.clone());
        trace.record(&y, x, &params, move |gy, wanted| back(kept_x.view(), &w, kept_y.normalized(), &gy, wanted));
    }
    Ok(y)
}
