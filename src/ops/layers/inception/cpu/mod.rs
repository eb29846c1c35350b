//! The block on the CPU.

use super::{Beside, Input, Kernel, Output, Sizes, Weights};
use crate::ops::cpu::Isa;
use crate::ops::layers::norm;
use crate::tensor::{Cpu, Done, Flat, Normalized, View, WantedGradients};

pub(in crate::ops::layers::inception) mod backward;
pub(in crate::ops::layers::inception) mod forward;
pub(in crate::ops::layers::inception) mod window;

impl Kernel for Cpu {
    fn inception(
        &self,
        sizes: &Sizes,
        x: View<'_, Cpu>,
        weights: &Weights<Flat<Cpu>>,
        beside: Beside,
    ) -> Done<Output<Cpu>, Cpu> {
        Ok(forward::forward(isa(sizes), sizes, x, weights, beside))
    }

    fn inception_gradient(
        &self,
        sizes: &Sizes,
        input: Input<'_, Cpu>,
        weights: &Weights<Flat<Cpu>>,
        y: Option<Normalized<'_, Cpu>>,
        mut gy: Self::Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        let WantedGradients { x: mut gx, params: gparams } = wanted;
        let Some((of_norm, gparams)) = gparams.split_at_mut_checked(2) else { return Ok(()) };
        let back = norm::Back::new(y, (sizes.batch, sizes.length, sizes.output()), &gy, of_norm);
        // Each record's gradient is read before that of its input is written: one memory, warm, will do.
        let flowing = match &mut gx {
            Some(gx) if gx.fresh && gx.values.len() == gy.len() => {
                std::mem::swap(&mut gx.values, &mut gy);
                None
            }
            _ => Some(&*gy),
        };
        let z = y.map(|y| &**y.values);
        backward::gradient(
            isa(sizes),
            sizes,
            input,
            weights,
            backward::Flowing { back: &back, z, g: flowing },
            WantedGradients { x: gx, params: gparams },
        );
        Ok(())
    }
}

fn isa(sizes: &Sizes) -> super::cpu::Isa {
    super::cpu::Isa::suiting(sizes.bottleneck.max(sizes.filters))
}
