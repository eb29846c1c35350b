//! Vectors of f32 in the widest form the machine has, chosen at run time.
//!
//! Kernels are written once over [`Simd`] as `#[inline(always)]` functions and started through
//! [`dispatch!`], which puts them into a function compiled for the instruction set found.
#![allow(unsafe_code)]

/// A vector of f32. Only to be used below [`dispatch!`], which proves that the machine has it.
pub(in crate::ops) trait Simd: Copy {
    /// The register.
    type V: Copy;
    /// Its number of values.
    const LANES: usize;
    /// Rows that a tile of a matrix product holds in registers.
    const ROWS: usize;
    /// All values `x`.
    fn splat(x: f32) -> Self::V;
    /// The first [`Self::LANES`] of `x`.
    fn load(x: &[f32]) -> Self::V;
    /// Into the first [`Self::LANES`] of `to`.
    fn store(v: Self::V, to: &mut [f32]);
    /// a + b.
    fn add(a: Self::V, b: Self::V) -> Self::V;
    /// a - b.
    fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// a b.
    fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// a b + c.
    fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// c - a b.
    fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// a / b.
    fn div(a: Self::V, b: Self::V) -> Self::V;
    /// 2 to the power of each whole number from -126 to 127.
    fn power_of_two(whole: Self::V) -> Self::V;
    /// The larger; b where one is not a number.
    fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller; b where one is not a number.
    fn min(a: Self::V, b: Self::V) -> Self::V;
    /// x where a > b, else 0.
    fn where_above(a: Self::V, b: Self::V, x: Self::V) -> Self::V;
    /// x where a >= b, else 0.
    fn where_reaching(a: Self::V, b: Self::V, x: Self::V) -> Self::V;
}

/// Four plain floats; the compiler makes of them what the target has.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Portable;

impl Simd for Portable {
    type V = [f32; 4];
    const LANES: usize = 4;
    const ROWS: usize = 4;
    #[inline(always)]
    fn splat(x: f32) -> [f32; 4] {
        [x; 4]
    }
    #[inline(always)]
    fn load(x: &[f32]) -> [f32; 4] {
        [x[0], x[1], x[2], x[3]]
    }
    #[inline(always)]
    fn store(v: [f32; 4], to: &mut [f32]) {
        to[..4].copy_from_slice(&v);
    }
    #[inline(always)]
    fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    fn mul_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn neg_mul_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| c[i] - a[i] * b[i])
    }
    #[inline(always)]
    fn div(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] / b[i])
    }
    #[inline(always)]
    fn power_of_two(whole: [f32; 4]) -> [f32; 4] {
        whole.map(|whole| f32::from_bits(((whole as i32 + 127) << 23) as u32))
    }
    #[inline(always)]
    fn max(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn min(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn where_above(a: [f32; 4], b: [f32; 4], x: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| if a[i] > b[i] { x[i] } else { 0.0 })
    }
    #[inline(always)]
    fn where_reaching(a: [f32; 4], b: [f32; 4], x: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| if a[i] >= b[i] { x[i] } else { 0.0 })
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use std::arch::x86_64::*;

    /// Intrinsics of the instruction set that the type stands for.
    macro_rules! detected {
        ($($body:tt)*) => {{
            // SAFETY: the intrinsics need AVX2 + FMA (or AVX-512F); the types are used only inside functions that
            // `dispatch!` enters after the features were detected, and being `inline(always)` they are compiled there.
            // Loads and stores are unaligned ones on slices whose length the line before has checked.
            unsafe { $($body)* }
        }};
    }

    #[derive(Clone, Copy)]
    pub(in crate::ops) struct Avx2;

    impl Simd for Avx2 {
        type V = __m256;
        const LANES: usize = 8;
        const ROWS: usize = 6;
        #[inline(always)]
        fn splat(x: f32) -> __m256 {
            detected!(_mm256_set1_ps(x))
        }
        #[inline(always)]
        fn load(x: &[f32]) -> __m256 {
            let x = &x[..8];
            detected!(_mm256_loadu_ps(x.as_ptr()))
        }
        #[inline(always)]
        fn store(v: __m256, to: &mut [f32]) {
            let to = &mut to[..8];
            detected!(_mm256_storeu_ps(to.as_mut_ptr(), v))
        }
        #[inline(always)]
        fn add(a: __m256, b: __m256) -> __m256 {
            detected!(_mm256_add_ps(a, b))
        }
        #[inline(always)]
        fn sub(a: __m256, b: __m256) -> __m256 {
            detected!(_mm256_sub_ps(a, b))
        }
        #[inline(always)]
        fn mul(a: __m256, b: __m256) -> __m256 {
            detected!(_mm256_mul_ps(a, b))
        }
        #[inline(always)]
        fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            detected!(_mm256_fmadd_ps(a, b, c))
        }
        #[inline(always)]
        fn neg_mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            detected!(_mm256_fnmadd_ps(a, b, c))
        }
        #[inline(always)]
        fn div(a: __m256, b: __m256) -> __m256 {
            detected!(_mm256_div_ps(a, b))
        }
        #[inline(always)]
        fn power_of_two(whole: __m256) -> __m256 {
            detected! {
                let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
            }
        }
        #[inline(always)]
        fn max(a: __m256, b: __m256) -> __m256 {
            detected!(_mm256_max_ps(a, b))
        }
        #[inline(always)]
        fn min(a: __m256, b: __m256) -> __m256 {
            detected!(_mm256_min_ps(a, b))
        }
        #[inline(always)]
        fn where_above(a: __m256, b: __m256, x: __m256) -> __m256 {
            detected!(_mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), x))
        }
        #[inline(always)]
        fn where_reaching(a: __m256, b: __m256, x: __m256) -> __m256 {
            detected!(_mm256_and_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(a, b), x))
        }
    }

    #[derive(Clone, Copy)]
    pub(in crate::ops) struct Avx512;

    impl Simd for Avx512 {
        type V = __m512;
        const LANES: usize = 16;
        const ROWS: usize = 12;
        #[inline(always)]
        fn splat(x: f32) -> __m512 {
            detected!(_mm512_set1_ps(x))
        }
        #[inline(always)]
        fn load(x: &[f32]) -> __m512 {
            let x = &x[..16];
            detected!(_mm512_loadu_ps(x.as_ptr()))
        }
        #[inline(always)]
        fn store(v: __m512, to: &mut [f32]) {
            let to = &mut to[..16];
            detected!(_mm512_storeu_ps(to.as_mut_ptr(), v))
        }
        #[inline(always)]
        fn add(a: __m512, b: __m512) -> __m512 {
            detected!(_mm512_add_ps(a, b))
        }
        #[inline(always)]
        fn sub(a: __m512, b: __m512) -> __m512 {
            detected!(_mm512_sub_ps(a, b))
        }
        #[inline(always)]
        fn mul(a: __m512, b: __m512) -> __m512 {
            detected!(_mm512_mul_ps(a, b))
        }
        #[inline(always)]
        fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            detected!(_mm512_fmadd_ps(a, b, c))
        }
        #[inline(always)]
        fn neg_mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            detected!(_mm512_fnmadd_ps(a, b, c))
        }
        #[inline(always)]
        fn div(a: __m512, b: __m512) -> __m512 {
            detected!(_mm512_div_ps(a, b))
        }
        #[inline(always)]
        fn power_of_two(whole: __m512) -> __m512 {
            detected! {
                let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(whole), _mm512_set1_epi32(127));
                _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
            }
        }
        #[inline(always)]
        fn max(a: __m512, b: __m512) -> __m512 {
            detected!(_mm512_max_ps(a, b))
        }
        #[inline(always)]
        fn min(a: __m512, b: __m512) -> __m512 {
            detected!(_mm512_min_ps(a, b))
        }
        #[inline(always)]
        fn where_above(a: __m512, b: __m512, x: __m512) -> __m512 {
            detected!(_mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), x))
        }
        #[inline(always)]
        fn where_reaching(a: __m512, b: __m512, x: __m512) -> __m512 {
            detected!(_mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(a, b), x))
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(in crate::ops) use x86::{Avx2, Avx512};

/// `dispatch!(isa => function(arguments: types))` runs `function::<S>` compiled for `isa`.
macro_rules! dispatch {
    ($isa:expr => $function:ident($($name:ident: $kind:ty),* $(,)?)) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,fma")]
        #[allow(clippy::too_many_arguments)]
        fn avx512($($name: $kind),*) {
            $function::<$crate::ops::cpu::simd::Avx512>($($name),*)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        #[allow(clippy::too_many_arguments)]
        fn avx2($($name: $kind),*) {
            $function::<$crate::ops::cpu::simd::Avx2>($($name),*)
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            // SAFETY: `Isa` has this value only where `Isa::available` detected the features.
            $crate::ops::cpu::Isa::Avx512 => unsafe { avx512($($name),*) },
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            // SAFETY: as above.
            $crate::ops::cpu::Isa::Avx2 => unsafe { avx2($($name),*) },
            $crate::ops::cpu::Isa::Portable => $function::<$crate::ops::cpu::simd::Portable>($($name),*),
        }
    }};
}
pub(in crate::ops) use dispatch;
