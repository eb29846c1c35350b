//! The operation's kernels on the GPU.

use dfdx::prelude::Cuda;

use super::*;

impl Kernel for Cuda {
    type Moments = ();
    fn moments(&self, values: &Self::Buffer, shape: Shape3) -> Done<Self::Moments, Self> {
        todo!()
    }
    fn norm_of_batch(
        &self,
        moments: Self::Moments,
        gamma: &Flat<Self>,
        beta: &Flat<Self>,
        running: [&mut Flat<Self>; 2],
        relu: bool,
    ) -> Done<Norm<Self>, Self> {
        todo!()
    }
    fn norm_of_running(
        &self,
        gamma: &Flat<Self>,
        beta: &Flat<Self>,
        running: [&Flat<Self>; 2],
        relu: bool,
    ) -> Done<Norm<Self>, Self> {
        todo!()
    }
    fn norm_gradient(
        &self,
        y: Normalized<'_, Self>,
        shape: Shape3,
        gy: &Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self> {
        todo!()
    }
    fn written(&self, x: Seen<'_, Self>) -> Done<Vec<f32>, Self> {
        todo!()
    }
}
