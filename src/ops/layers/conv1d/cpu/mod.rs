//! The convolution on the CPU: with the fewest operations that pay for their transforms.

use super::{Kernel, Sizes};
use crate::ops::cpu::Isa;
use crate::ops::layers::norm;
use crate::tensor::{Cpu, Done, Flat, Normalized, View, WantedGradients, flat};

pub(in crate::ops) mod batch;
pub(in crate::ops) mod direct;
pub(in crate::ops::layers::conv1d) mod long;
pub(in crate::ops) mod spectral;
pub(in crate::ops::layers::conv1d) mod toom;

/// Records whose weight gradients one piece of work adds up; pieces are added in their order.
pub(in crate::ops) const PIECE: usize = 4;

/// How the CPU convolves: with the fewest operations that pay for their transforms.
pub(in crate::ops::layers::conv1d) enum Method {
    /// The sum as it is written.
    Direct,
    /// Short kernels.
    Toom(toom::Toom),
    /// Long kernels.
    Spectra(spectral::Bank),
}

impl Method {
    pub(in crate::ops::layers::conv1d) fn choose(isa: Isa, sizes: Sizes) -> Self {
        let toom = toom::Toom::new(isa, sizes).filter(toom::Toom::pays).map(Method::Toom);
        toom.or_else(|| long::bank(isa, sizes).map(Method::Spectra)).unwrap_or(Method::Direct)
    }
}

impl Kernel for Cpu {
    fn conv1d(
        &self,
        sizes: Sizes,
        x: View<'_, Cpu>,
        w: &Flat<Cpu>,
        moments: bool,
    ) -> Done<(Self::Buffer, Option<Self::Moments>), Cpu> {
        let (isa, w) = (Isa::suiting(sizes.output), super::cpu::flat(w));
        Ok(match Method::choose(isa, sizes) {
            Method::Direct => direct::forward(isa, sizes, x, w, moments),
            Method::Toom(toom) => toom.forward(x, w, moments),
            Method::Spectra(bank) => long::forward(isa, sizes, &bank, x, w, moments),
        })
    }

    fn conv1d_gradient(
        &self,
        sizes: Sizes,
        x: View<'_, Cpu>,
        w: &Flat<Cpu>,
        y: Option<Normalized<'_, Cpu>>,
        gy: &Self::Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        let Some((gw, rest)) = gparams.split_at_mut_checked(1) else { return Ok(()) };
        let back = norm::Back::new(y, sizes.output_shape(), gy, rest);
        let (isa, w) = (Isa::suiting(sizes.output), super::cpu::flat(w));
        let flowing = batch::Flowing { back: &back, z: y.map_or(&**gy, |y| &**y.values), g: gy };
        match Method::choose(isa, sizes) {
            Method::Direct => direct::gradient(isa, sizes, x, w, flowing, gx, gw[0].as_mut()),
            Method::Toom(toom) => toom.gradient(x, w, flowing, gx, gw[0].as_mut()),
            Method::Spectra(bank) => {
                long::gradient(isa, sizes, &bank, x, w, flowing, WantedGradients { x: gx, params: gw })
            }
        }
        Ok(())
    }
}
