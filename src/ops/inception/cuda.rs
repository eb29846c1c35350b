//! The operation's kernels on the GPU.

use dfdx::prelude::Cuda;

use super::*;

impl Kernel for Cuda {
    fn inception(
        &self,
        sizes: &Sizes,
        x: Seen<'_, Self>,
        weights: &Weights<Flat<Self>>,
        moments: bool,
    ) -> Done<(Self::Buffer, Option<Self::Moments>), Self> {
        todo!()
    }
    #[allow(clippy::too_many_arguments)]
    fn inception_gradient(
        &self,
        sizes: &Sizes,
        x: Seen<'_, Self>,
        weights: &Weights<Flat<Self>>,
        y: Option<Normalized<'_, Self>>,
        gy: Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self> {
        todo!()
    }
}
