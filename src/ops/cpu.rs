//! Reading CPU tensors without a copy, and the choice of the instruction set.

use std::sync::OnceLock;

use dfdx::prelude::{Cpu, HasShape};

use super::Flat;
use super::simd::Simd;

/// Values of a parameter on the CPU.
pub(super) fn flat(tensor: &Flat<Cpu>) -> &[f32] {
    let (count,) = *tensor.shape();
    if count == 0 {
        return &[];
    }
    slice_from(&tensor[[0]], count)
}

/// The `count` values that start at `first`.
#[allow(unsafe_code)]
fn slice_from(first: &f32, count: usize) -> &[f32] {
    // SAFETY: the caller passes the first element of a tensor of `count` elements. Every parameter
    // that reaches our kernels was made by `try_tensor_from_vec`, so it is contiguous and `first`
    // points at the start of a `Vec<f32>` of exactly `count` elements that lives as long as the
    // borrowed tensor and is not written while it is borrowed: dfdx hands out `&mut` to that
    // memory only through `&mut Tensor`. The reference to one element is used as the address of
    // the allocation; under Tree Borrows a shared reborrow may read its neighbours in the same
    // allocation, under the older Stacked Borrows model the grant would be one element only.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// Instruction sets that kernels are compiled for; the best one present is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// The best one this machine has, looked up once.
    pub(super) fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Isa::available()[0])
    }

    /// Values in a vector.
    pub(super) fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => super::simd::Avx512::LANES,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => super::simd::Avx2::LANES,
            Isa::Portable => super::simd::Portable::LANES,
        }
    }

    /// The best one for vectors of `channels`: not wider than they are, where there is a choice.
    pub(super) fn suiting(channels: usize) -> Isa {
        let best = Isa::best();
        #[cfg(target_arch = "x86_64")]
        if channels <= super::simd::Avx2::LANES && best == Isa::Avx512 && Isa::available().contains(&Isa::Avx2) {
            return Isa::Avx2;
        }
        let _ = channels;
        best
    }

    /// All that this machine has, best first.
    pub(super) fn available() -> Vec<Isa> {
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
