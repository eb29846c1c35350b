//! The operation's kernels on the GPU.

use dfdx::prelude::Cuda;

use super::*;

impl Kernel for Cuda {
    type Kept = ();
    fn branch(
        &self,
        x: Seen<'_, Self>,
        weights: &Weights<Flat<Self>>,
        core: Core,
        dropping: Option<Dropping>,
        keep: bool,
    ) -> Done<(Self::Buffer, Option<Self::Kept>), Self> {
        todo!()
    }
    #[allow(clippy::too_many_arguments)]
    fn branch_gradient(
        &self,
        x: Seen<'_, Self>,
        weights: &Weights<Flat<Self>>,
        core: Core,
        dropping: Option<Dropping>,
        kept: Self::Kept,
        gy: Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self> {
        todo!()
    }
    fn layer_norm(&self, x: Seen<'_, Self>, gamma: &Flat<Self>, beta: &Flat<Self>) -> Done<Self::Buffer, Self> {
        todo!()
    }
    fn layer_norm_gradient(
        &self,
        x: Seen<'_, Self>,
        norm: [&Flat<Self>; 2],
        gy: Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self> {
        todo!()
    }
    fn patches(&self, x: Seen<'_, Self>, patch: usize, stem: &Stem<Flat<Self>>) -> Done<Self::Buffer, Self> {
        todo!()
    }
    fn patches_gradient(
        &self,
        x: Seen<'_, Self>,
        patch: usize,
        stem: &Stem<Flat<Self>>,
        gy: &Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self> {
        todo!()
    }
}
