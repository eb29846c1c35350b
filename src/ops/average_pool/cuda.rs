//! The operation's kernels on the GPU.

use dfdx::prelude::Cuda;

use super::*;

impl Kernel for Cuda {
    fn average_pool(&self, size: usize, x: Seen<'_, Self>) -> Done<Self::Buffer, Self> {
        todo!()
    }
    fn average_pool_gradient(
        &self,
        size: usize,
        shape: Shape3,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self> {
        todo!()
    }
}
