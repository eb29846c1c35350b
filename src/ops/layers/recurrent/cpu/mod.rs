//! The layer on the CPU: each thread takes some records through all time steps.

use std::borrow::Cow;

use super::{Kernel, Sizes, Weights};
use crate::ops::cpu::Isa;
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, DeviceStorage, Done, Flat, View, WantedGradients};

pub(in crate::ops::layers::recurrent) mod activation;
pub(in crate::ops::layers::recurrent) mod backward;
pub(in crate::ops::layers::recurrent) mod cell;
pub(in crate::ops::layers::recurrent) mod forward;
pub(in crate::ops::layers::recurrent) mod product;
pub(in crate::ops::layers::recurrent) mod weights;

/// The input as readers see it.
fn read<'a>(device: &Cpu, x: View<'a, Cpu>) -> Done<Cow<'a, [f32]>, Cpu> {
    Ok(match x.norm {
        None => Cow::Borrowed(x.values),
        Some(_) => Cow::Owned(device.read_view(x)?),
    })
}

impl Kernel for Cpu {
    /// For each direction rows of (batch, length), see `cell::Layout`; of a plain layer none.
    type Kept = Vec<Buffer>;

    fn recurrent(
        &self,
        sizes: &Sizes,
        x: View<'_, Cpu>,
        weights: &[Weights<Flat<Cpu>>],
        keep: bool,
    ) -> Done<(Buffer, Option<Vec<Buffer>>), Cpu> {
        Ok(forward::forward(Isa::best(), sizes, &read(self, x)?, weights, keep))
    }

    fn recurrent_gradient(
        &self,
        sizes: &Sizes,
        x: View<'_, Cpu>,
        weights: &[Weights<Flat<Cpu>>],
        (y, kept): (&Buffer, Vec<Buffer>),
        gy: &Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        backward::gradient(Isa::best(), sizes, &read(self, x)?, weights, (y, gy), kept, wanted);
        Ok(())
    }
}
