//! Vectors of f32 in the widest form the machine has, chosen at run time.
//!
//! Kernels are written once over [`Simd`] as `#[inline(always)]` functions and started through
//! [`dispatch!`], which puts them into a function compiled for the instruction set found.

/// A vector of f32. Only to be used below [`dispatch!`], which proves that the machine has it.
pub(super) trait Simd: Copy {
    /// The register.
    type V: Copy;
    /// Its number of values.
    const LANES: usize;
    /// Output channels that a convolution tile holds in registers.
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
    /// Asks for the cache line of `x[at]`, which need not exist, before it is read.
    #[inline(always)]
    fn prefetch(x: &[f32], at: usize) {
        let _ = (x, at);
    }
    /// A square of [`Self::LANES`] rows, `from_row` apart, into its transpose with rows `to_row` apart.
    #[inline(always)]
    fn transpose(from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
        for column in 0..Self::LANES {
            for row in 0..Self::LANES {
                to[column * to_row + row] = from[row * from_row + column];
            }
        }
    }
    /// The sum of all values, in a fixed order.
    fn sum(v: Self::V) -> f32;
}

/// Eight plain floats; the compiler makes of them what the target has.
#[derive(Clone, Copy)]
pub(super) struct Portable;

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
    fn sum(v: [f32; 4]) -> f32 {
        (v[0] + v[1]) + (v[2] + v[3])
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    //! SAFETY of every block here: the intrinsics need AVX2 + FMA (or AVX-512F); the types are used
    //! only inside functions that [`super::dispatch!`] enters after the features were detected, and
    //! being `inline(always)` they are compiled there. Loads and stores are unaligned ones on slices
    //! whose length the line before has checked.
    use std::arch::x86_64::*;

    use super::Simd;

    #[derive(Clone, Copy)]
    pub(in crate::ops) struct Avx2;

    impl Simd for Avx2 {
        type V = __m256;
        const LANES: usize = 8;
        const ROWS: usize = 4;
        #[inline(always)]
        fn splat(x: f32) -> __m256 {
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        fn load(x: &[f32]) -> __m256 {
            let x = &x[..8];
            unsafe { _mm256_loadu_ps(x.as_ptr()) }
        }
        #[inline(always)]
        fn store(v: __m256, to: &mut [f32]) {
            let to = &mut to[..8];
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), v) }
        }
        #[inline(always)]
        fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        fn sub(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        fn mul(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        fn neg_mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fnmadd_ps(a, b, c) }
        }
        #[inline(always)]
        fn sum(v: __m256) -> f32 {
            let mut x = [0f32; 8];
            Self::store(v, &mut x);
            ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]))
        }
    }

    #[derive(Clone, Copy)]
    pub(in crate::ops) struct Avx512;

    impl Simd for Avx512 {
        type V = __m512;
        const LANES: usize = 16;
        const ROWS: usize = 8;
        #[inline(always)]
        fn prefetch(x: &[f32], at: usize) {
            // A hint about an address; nothing is read through it.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(x.as_ptr().wrapping_add(at).cast()) }
        }
        #[inline(always)]
        fn splat(x: f32) -> __m512 {
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        fn load(x: &[f32]) -> __m512 {
            let x = &x[..16];
            unsafe { _mm512_loadu_ps(x.as_ptr()) }
        }
        #[inline(always)]
        fn store(v: __m512, to: &mut [f32]) {
            let to = &mut to[..16];
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), v) }
        }
        #[inline(always)]
        fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        fn sub(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        fn mul(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        fn neg_mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fnmadd_ps(a, b, c) }
        }
        #[inline(always)]
        fn transpose(from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
            let zero = Self::splat(0.0);
            let (mut rows, mut pairs, mut fours) = ([zero; 16], [zero; 16], [zero; 16]);
            for (i, row) in rows.iter_mut().enumerate() {
                *row = Self::load(&from[i * from_row..]);
            }
            // Pairs of rows, then of pairs, within the four 128-bit lanes; then the lanes.
            for i in 0..8 {
                let (a, b) = (rows[2 * i], rows[2 * i + 1]);
                unsafe {
                    pairs[2 * i] = _mm512_unpacklo_ps(a, b);
                    pairs[2 * i + 1] = _mm512_unpackhi_ps(a, b);
                }
            }
            for group in 0..4 {
                for half in 0..2 {
                    unsafe {
                        let a = _mm512_castps_pd(pairs[group * 4 + half]);
                        let b = _mm512_castps_pd(pairs[group * 4 + half + 2]);
                        fours[group * 4 + half * 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                        fours[group * 4 + half * 2 + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
                    }
                }
            }
            for column in 0..4 {
                let (a, b, c, d) = (fours[column], fours[4 + column], fours[8 + column], fours[12 + column]);
                let columns = unsafe {
                    let (ab, cd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d));
                    let (ab_odd, cd_odd) = (_mm512_shuffle_f32x4::<0xdd>(a, b), _mm512_shuffle_f32x4::<0xdd>(c, d));
                    [
                        _mm512_shuffle_f32x4::<0x88>(ab, cd),
                        _mm512_shuffle_f32x4::<0x88>(ab_odd, cd_odd),
                        _mm512_shuffle_f32x4::<0xdd>(ab, cd),
                        _mm512_shuffle_f32x4::<0xdd>(ab_odd, cd_odd),
                    ]
                };
                for (lane, &values) in columns.iter().enumerate() {
                    Self::store(values, &mut to[(lane * 4 + column) * to_row..]);
                }
            }
        }
        #[inline(always)]
        fn sum(v: __m512) -> f32 {
            let mut x = [0f32; 16];
            Self::store(v, &mut x);
            for half in [8, 4, 2, 1] {
                for i in 0..half {
                    x[i] += x[i + half];
                }
            }
            x[0]
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

/// `dispatch!(isa => function(arguments: types))` runs `function::<S>` compiled for `isa`.
macro_rules! dispatch {
    ($isa:expr => $function:ident($($name:ident: $kind:ty),* $(,)?)) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,fma")]
        #[allow(clippy::too_many_arguments)]
        fn avx512($($name: $kind),*) {
            $function::<$crate::ops::simd::Avx512>($($name),*)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        #[allow(clippy::too_many_arguments)]
        fn avx2($($name: $kind),*) {
            $function::<$crate::ops::simd::Avx2>($($name),*)
        }
        match $isa {
            // SAFETY: `Isa` has these values only where `Isa::available` detected the features.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            $crate::ops::cpu::Isa::Avx512 => unsafe { avx512($($name),*) },
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            $crate::ops::cpu::Isa::Avx2 => unsafe { avx2($($name),*) },
            $crate::ops::cpu::Isa::Portable => $function::<$crate::ops::simd::Portable>($($name),*),
        }
    }};
}
pub(super) use dispatch;
