//! 1-D convolution (cross-correlation, as in PyTorch), with or without a batch norm after it:
//! y\[b,m,o\] = sum over c, k of w\[o,c,k\] x\[b,stride m + k - padding,c\].

use dfdx::prelude::Cpu;

use super::cpu::Isa;
use super::norm::{self, Normalized, Normalizer, Statistics};
use super::{Backend, Done, Flat, Gradient, Param, Seen, Shape3, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
mod cuda;

mod batch;
mod direct;
mod long;
pub(super) mod spectral;
#[cfg(test)]
mod tests;
mod toom;

/// Records whose weight gradients one piece of work adds up; pieces are added in their order.
pub(super) const PIECE: usize = 4;

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
        x: Seen<'_, Self>,
        w: &Flat<Self>,
        moments: bool,
    ) -> Done<(Self::Buffer, Option<Self::Moments>), Self>;
    /// Adds to the gradients that are wanted: of the input and, in `lent`, of w, gamma and beta. `gy` is of what
    /// readers see of y; `y` is given where that is through a batch norm.
    #[allow(clippy::too_many_arguments)]
    fn conv1d_gradient(
        &self,
        sizes: Sizes,
        x: Seen<'_, Self>,
        w: &Flat<Self>,
        y: Option<Normalized<'_, Self>>,
        gy: &Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
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
    let (values, moments) = device.conv1d(sizes, x.seen(), &weight.value, of_batch).map_err(device_error)?;
    let mut params = vec![weight];
    let mut norm = None;
    if let Some(mut by) = by {
        params.extend([by.gamma, by.beta]);
        norm = Some(norm::norm(&device, moments, &mut by)?);
    }
    let mut wanted: Vec<bool> = params.iter().map(|param| param.trainable).collect();
    wanted.push(x.traced);
    let traced = trace.wants(&wanted);
    let y = Var::new(&device, values, sizes.output_shape(), norm, traced);
    if traced {
        let (kept_x, kept_y, w) = (x.clone(), y.clone(), weight.value.clone());
        trace.record(&y, x, &params, move |gy, gx, lent| {
            device.conv1d_gradient(sizes, kept_x.seen(), &w, kept_y.normalized(), &gy, gx, lent)
        });
    }
    Ok(y)
}

/// How the CPU convolves: with the fewest operations that pay for their transforms.
enum Method {
    /// The sum as it is written.
    Direct,
    /// Short kernels.
    Toom(toom::Toom),
    /// Long kernels.
    Spectra(spectral::Bank),
}

impl Method {
    fn of(isa: Isa, sizes: Sizes) -> Self {
        let toom = toom::Toom::new(isa, sizes).filter(toom::Toom::pays).map(Method::Toom);
        toom.or_else(|| long::bank(isa, sizes).map(Method::Spectra)).unwrap_or(Method::Direct)
    }
}

impl Kernel for Cpu {
    fn conv1d(
        &self,
        sizes: Sizes,
        x: Seen<'_, Cpu>,
        w: &Flat<Cpu>,
        moments: bool,
    ) -> Done<(Self::Buffer, Option<Self::Moments>), Cpu> {
        let (isa, w) = (Isa::suiting(sizes.output), super::cpu::flat(w));
        Ok(match Method::of(isa, sizes) {
            Method::Direct => direct::forward(isa, sizes, x, w, moments),
            Method::Toom(toom) => toom.forward(x, w, moments),
            Method::Spectra(bank) => long::forward(isa, sizes, &bank, x, w, moments),
        })
    }

    fn conv1d_gradient(
        &self,
        sizes: Sizes,
        x: Seen<'_, Cpu>,
        w: &Flat<Cpu>,
        y: Option<Normalized<'_, Cpu>>,
        gy: &Self::Buffer,
        gx: Option<&mut Gradient<Cpu>>,
        lent: &mut [Option<Vec<f32>>],
    ) -> Done<(), Cpu> {
        let Some((gw, rest)) = lent.split_at_mut_checked(1) else { return Ok(()) };
        let back = norm::Back::new(y, sizes.output_shape(), gy, rest);
        let (isa, w) = (Isa::suiting(sizes.output), super::cpu::flat(w));
        let flowing = batch::Flowing { back: &back, z: y.map_or(&**gy, |y| &**y.values), g: gy };
        match Method::of(isa, sizes) {
            Method::Direct => direct::gradient(isa, sizes, x, w, flowing, gx, gw[0].as_mut()),
            Method::Toom(toom) => toom.gradient(x, w, flowing, gx, gw[0].as_mut()),
            Method::Spectra(bank) => long::gradient(isa, sizes, &bank, x, w, flowing, gx, gw),
        }
        Ok(())
    }
}
