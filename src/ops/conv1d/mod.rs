//! 1-D convolution (cross-correlation, as in PyTorch): y\[b,o,m\] = sum over c, k of
//! w\[o,c,k\] x\[b,c,stride m + k - padding\].

use dfdx::prelude::{Cpu, TensorFromVec};

use super::cpu::{Isa, flat, view};
use super::{Backend, Done, Flat, Lend, Param, Shape3, Tensor3, Trace, Var, device_error, dims, with_gradients};
use crate::Result;

mod kernel;
mod spectral;
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

    /// (batch, output, output length).
    pub fn output_shape(&self) -> Shape3 {
        (self.batch, self.output, self.output_length())
    }
}

/// The convolution on a device. Gradients are added to what the buffers hold.
pub trait Kernel: Lend {
    /// y from x and w (output, input, taps).
    fn conv1d(&self, sizes: Sizes, x: &Tensor3<Self>, w: &Flat<Self>) -> Done<Tensor3<Self>, Self>;
    /// Adds to the input's gradient.
    fn conv1d_input_gradient(
        &self,
        sizes: Sizes,
        w: &Flat<Self>,
        gy: &Self::Buffer,
        gx: &mut Self::Buffer,
    ) -> Done<(), Self>;
    /// Adds to the weights' gradient.
    fn conv1d_weight_gradient(
        &self,
        sizes: Sizes,
        x: &Tensor3<Self>,
        gy: &Self::Buffer,
        gw: &mut Self::Buffer,
    ) -> Done<(), Self>;
}

/// Convolves `x` (batch, channels, length) with `weight` (out, channels, taps).
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
    stride: usize,
    padding: usize,
) -> Result<Var<D>> {
    let (batch, input, length) = dims(&x.value);
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
    let device = x.value.device().clone();
    let y = device.conv1d(sizes, &x.value, &weight.value).map_err(device_error)?;
    let (x_wanted, w_wanted) = (x.traced, weight.trainable);
    let traced = trace.wants(&[x_wanted, w_wanted]);
    if traced {
        let (x, w, ghost) = (x.value.clone(), weight.value.clone(), y.ghost());
        trace.record(move |grads| {
            with_gradients!(D, grads, ghost, gy, gx = &x, x_wanted, gw = &w, w_wanted => {
                if let Some(gx) = &mut gx {
                    device.conv1d_input_gradient(sizes, &w, &gy, gx)?;
                }
                if let Some(gw) = &mut gw {
                    device.conv1d_weight_gradient(sizes, &x, &gy, gw)?;
                }
                Ok(())
            })
        });
    }
    Ok(Var { value: y, traced })
}

impl Kernel for Cpu {
    fn conv1d(&self, sizes: Sizes, x: &Tensor3<Cpu>, w: &Flat<Cpu>) -> Done<Tensor3<Cpu>, Cpu> {
        let forward = if spectral::suits(sizes) { spectral::forward } else { kernel::forward };
        self.try_tensor_from_vec(forward(Isa::best(), sizes, view(x), flat(w)), sizes.output_shape())
    }

    fn conv1d_input_gradient(&self, sizes: Sizes, w: &Flat<Cpu>, gy: &Vec<f32>, gx: &mut Vec<f32>) -> Done<(), Cpu> {
        let gradient = if spectral::suits(sizes) { spectral::input_gradient } else { kernel::input_gradient };
        gradient(Isa::best(), sizes, flat(w), gy, gx);
        Ok(())
    }

    fn conv1d_weight_gradient(
        &self,
        sizes: Sizes,
        x: &Tensor3<Cpu>,
        gy: &Vec<f32>,
        gw: &mut Vec<f32>,
    ) -> Done<(), Cpu> {
        let gradient = if spectral::suits(sizes) { spectral::weights } else { kernel::weights };
        gradient(Isa::best(), sizes, view(x), gy, gw);
        Ok(())
    }
}
