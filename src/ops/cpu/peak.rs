//! What a core can do at most: multiply-adds whose numbers never leave the registers.

use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::{Simd, dispatch};

/// Sums at once: each waits for the one before it, and a core works on several.
const SUMS: usize = 12;

/// Runs `rounds` of as many multiply-adds as registers take at once, in vectors of the instruction set that kernels use; how
/// many floating-point operations these are, two for each multiply-add of each lane, and a sum for whoever doubts it.
pub(in crate::ops) fn multiply_adds(rounds: usize) -> (f64, f32) {
    let (isa, mut sum) = (Isa::best(), 0.0);
    let to = &mut sum;
    dispatch!(isa => in_registers(rounds: usize, to: &mut f32));
    ((2 * SUMS * isa.lanes()) as f64 * rounds as f64, sum)
}

#[inline(always)]
fn in_registers<S: Simd>(rounds: usize, to: &mut f32) {
    let (x, w) = (S::splat(std::hint::black_box(0.999)), S::splat(std::hint::black_box(1e-3)));
    let mut sums = [w; SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = S::mul_add(*sum, x, w);
        }
    }
    let mut line = [0f32; 16];
    for sum in sums {
        S::store(sum, &mut line);
        *to += line.iter().sum::<f32>();
    }
}
