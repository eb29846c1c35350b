//! The operation's kernels on the GPU.

use dfdx::prelude::Cuda;

use super::*;

impl Kernel for Cuda {
    type Kept = ();
    fn recurrent(
        &self,
        sizes: &Sizes,
        x: Seen<'_, Self>,
        weights: &[Weights<Flat<Self>>],
        keep: bool,
    ) -> Done<(Self::Buffer, Option<Self::Kept>), Self> {
        todo!()
    }
    #[allow(clippy::too_many_arguments)]
    fn recurrent_gradient(
        &self,
        sizes: &Sizes,
        x: Seen<'_, Self>,
        weights: &[Weights<Flat<Self>>],
        y: &Self::Buffer,
        kept: Self::Kept,
        gy: &Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self> {
        todo!()
    }
}
