//! The operation's kernels on the GPU.

use dfdx::prelude::Cuda;

use super::*;

impl Kernel for Cuda {
    fn gated(&self, x: Seen<'_, Self>, scores: Seen<'_, Self>) -> Done<Self::Buffer, Self> {
        todo!()
    }
    fn gated_gradient(&self, scores: Seen<'_, Self>, gy: &Self::Buffer, gx: &mut Gradient<Self>) -> Done<(), Self> {
        todo!()
    }
    fn score_gradient(
        &self,
        x: Seen<'_, Self>,
        scores: Seen<'_, Self>,
        gy: &Self::Buffer,
        gscores: &mut Gradient<Self>,
    ) -> Done<(), Self> {
        todo!()
    }
}
