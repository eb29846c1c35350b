//! The operation's kernels on the GPU.

use dfdx::prelude::Cuda;

use super::*;

impl Kernel for Cuda {
    type Places = ();
    fn max_pool(&self, window: Window, x: Seen<'_, Self>) -> Done<Self::Buffer, Self> {
        todo!()
    }
    fn max_pool_gradient(
        &self,
        window: Window,
        x: Seen<'_, Self>,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self> {
        todo!()
    }
    fn concat_pool(&self, x: Seen<'_, Self>) -> Done<(Self::Buffer, Self::Places), Self> {
        todo!()
    }
    fn concat_pool_gradient(
        &self,
        shape: Shape3,
        places: &Self::Places,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self> {
        todo!()
    }
}
