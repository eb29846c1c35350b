//! The operation's kernels on the GPU.

use dfdx::prelude::Cuda;

use super::*;

impl Kernel for Cuda {
    fn linear(&self, x: Seen<'_, Self>, w: &Flat<Self>, bias: &Flat<Self>, relu: bool) -> Done<Self::Buffer, Self> {
        todo!()
    }
    fn linear_gradient(
        &self,
        x: Seen<'_, Self>,
        w: &Flat<Self>,
        y: Option<&Self::Buffer>,
        gy: &Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self> {
        todo!()
    }
}
