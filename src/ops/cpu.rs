//! Reading CPU tensors without a copy, and the choice of the instruction set.

use std::sync::OnceLock;

use dfdx::prelude::{Cpu, HasShape};

use super::{Flat, Tensor3};

/// Values of an activation on the CPU, (batch, channels, length), row-major.
pub(super) fn view(tensor: &Tensor3<Cpu>) -> &[f32] {
    let (batch, channels, length) = *tensor.shape();
    let count = batch * channels * length;
    if count == 0 {
        return &[];
    }
    slice_from(&tensor[[0, 0, 0]], count)
}

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
    // SAFETY: both callers pass the first element of a tensor of `count` elements. Every tensor
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
