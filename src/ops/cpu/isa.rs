//! The choice of the instruction set.

use std::sync::OnceLock;

use crate::ops::cpu::simd::{self, Simd};

/// Instruction sets that kernels are compiled for; the best one present is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// The best one this machine has, looked up once.
    pub(in crate::ops) fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Isa::available()[0])
    }

    /// Values in a vector.
    pub(in crate::ops) fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => simd::Avx512::LANES,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => simd::Avx2::LANES,
            Isa::Portable => simd::Portable::LANES,
        }
    }

    /// The best one for vectors of `channels`: not wider than they are, where there is a choice.
    pub(in crate::ops) fn suiting(channels: usize) -> Isa {
        let best = Isa::best();
        #[cfg(target_arch = "x86_64")]
        if channels <= simd::Avx2::LANES && best == Isa::Avx512 && Isa::available().contains(&Isa::Avx2) {
            return Isa::Avx2;
        }
        let _ = channels;
        best
    }

    /// All that this machine has, best first.
    pub(in crate::ops) fn available() -> Vec<Isa> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
                all.push(Isa::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Isa::Avx2);
            }
        }
        all.push(Isa::Portable);
        all
    }
}
