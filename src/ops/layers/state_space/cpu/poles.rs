//! The kernels of a vector of channels from their parameters, and gradients of kernels back to these.
//!
//! A kernel is a sum of powers w^l, w = exp(dt A). With l = 32 m + j these are w^(32 m) w^j: 32 small powers and one large
//! one for each 32 samples, made by repeated multiplication in f64, so that the rest is sums of products in f32.

use crate::ops::cpu::simd::Simd;
use crate::ops::layers::state_space::Weights;

/// Samples that share a large power.
const TOGETHER: usize = 32;
/// Of these, those whose sums are in registers at once.
const TILE: usize = 8;

/// A complex number.
#[derive(Clone, Copy, Debug, Default)]
struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    fn of(re: f64, im: f64) -> Self {
        Self { re, im }
    }

    fn exp(self) -> Self {
        let (sin, cos) = self.im.sin_cos();
        let size = self.re.exp();
        Self::of(size * cos, size * sin)
    }

    #[inline(always)]
    fn times(self, b: Self) -> Self {
        Self::of(self.re * b.re - self.im * b.im, self.re * b.im + self.im * b.re)
    }

    #[inline(always)]
    fn plus(self, b: Self) -> Self {
        Self::of(self.re + b.re, self.im + b.im)
    }

    fn scaled(self, f: f64) -> Self {
        Self::of(f * self.re, f * self.im)
    }

    fn over(self, b: Self) -> Self {
        let size = b.re * b.re + b.im * b.im;
        self.times(Self::of(b.re / size, -b.im / size))
    }
}

/// A channel's pole and what follows from it.
#[derive(Clone, Copy, Debug)]
struct Pole {
    dt: f64,
    /// A.
    a: Complex,
    /// exp(dt A).
    w: Complex,
    /// (exp(dt A) - 1) / A.
    held: Complex,
}

/// How many of what the parameters describe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub channels: usize,
    pub states: usize,
    pub directions: usize,
}

impl Sizes {
    pub(super) fn of(weights: &Weights<&[f32]>) -> Self {
        let channels = weights.log_dt.len();
        let states = weights.a_imag.len() / channels.max(1);
        Self { channels, states, directions: weights.c.len() / (2 * weights.a_imag.len()).max(1) }
    }

    fn pole(&self, weights: &Weights<&[f32]>, channel: usize, state: usize) -> Pole {
        let at = channel * self.states + state;
        let dt = f64::from(weights.log_dt[channel]).exp();
        let a = Complex::of(-f64::from(weights.log_a_real[at]).exp(), f64::from(weights.a_imag[at]));
        let w = a.scaled(dt).exp();
        Pole { dt, a, w, held: w.plus(Complex::of(-1.0, 0.0)).over(a) }
    }

    fn c_at(&self, direction: usize, channel: usize, state: usize) -> usize {
        2 * ((direction * self.channels + channel) * self.states + state)
    }

    fn c(&self, weights: &Weights<&[f32]>, direction: usize, channel: usize, state: usize) -> Complex {
        let at = self.c_at(direction, channel, state);
        Complex::of(f64::from(weights.c[at]), f64::from(weights.c[at + 1]))
    }
}

/// Powers of the poles of a vector of channels. Tables have for each state a line of all channels.
pub(super) struct Powers<'a, S: Simd> {
    sizes: Sizes,
    weights: &'a Weights<&'a [f32]>,
    first: usize,
    /// Channels that there are, up to a vector's.
    width: usize,
    /// w^32, and what is multiplied by it from step to step.
    stride: Vec<Complex>,
    /// w^j by tile, state and j: real parts, imaginary parts.
    small: Vec<f32>,
    vectors: std::marker::PhantomData<S>,
}

impl<'a, S: Simd> Powers<'a, S> {
    /// Those of the channels from `first` on.
    #[inline(always)]
    pub(super) fn new(weights: &'a Weights<&'a [f32]>, first: usize) -> Self {
        let sizes = Sizes::of(weights);
        let width = S::LANES.min(sizes.channels - first);
        let mut stride = vec![Complex::default(); sizes.states * S::LANES];
        let mut small = vec![0.0; TOGETHER * sizes.states * 2 * S::LANES];
        for state in 0..sizes.states {
            let mut roots = [Complex::default(); 16];
            for (lane, root) in roots.iter_mut().enumerate().take(width) {
                *root = sizes.pole(weights, first + lane, state).w;
            }
            let mut powers = [Complex::of(1.0, 0.0); 16];
            for j in 0..TOGETHER {
                let at = (j / TILE * sizes.states + state) * TILE + j % TILE;
                let (re, im) = small[at * 2 * S::LANES..][..2 * S::LANES].split_at_mut(S::LANES);
                for lane in 0..S::LANES {
                    re[lane] = powers[lane].re as f32;
                    im[lane] = powers[lane].im as f32;
                    powers[lane] = powers[lane].times(roots[lane]);
                }
            }
            stride[state * S::LANES..][..S::LANES].copy_from_slice(&powers[..S::LANES]);
        }
        Self { sizes, weights, first, width, stride, small, vectors: std::marker::PhantomData }
    }

    /// Where the powers of a tile and a state begin.
    #[inline(always)]
    fn small(&self, tile: usize, state: usize) -> &[f32] {
        &self.small[(tile * self.sizes.states + state) * TILE * 2 * S::LANES..][..TILE * 2 * S::LANES]
    }

    /// The kernels of all directions, each `length` lines of channels.
    #[inline(always)]
    pub(super) fn kernels(&self, length: usize) -> Vec<f32> {
        let (states, lanes) = (self.sizes.states, S::LANES);
        let mut kernels = vec![0.0; self.sizes.directions * length.next_multiple_of(TOGETHER) * lanes];
        for (direction, kernel) in kernels.chunks_exact_mut(length.next_multiple_of(TOGETHER) * lanes).enumerate() {
            let mut large = vec![Complex::default(); states * lanes];
            for state in 0..states {
                for lane in 0..self.width {
                    let pole = self.sizes.pole(self.weights, self.first + lane, state);
                    let c = self.sizes.c(self.weights, direction, self.first + lane, state);
                    large[state * lanes + lane] = c.times(pole.held).scaled(2.0);
                }
            }
            let mut scale = vec![0.0; 2 * states * lanes];
            for kernel in kernel.chunks_exact_mut(TOGETHER * lanes) {
                for ((scale, large), stride) in scale
                    .chunks_exact_mut(2 * lanes)
                    .zip(large.chunks_exact_mut(lanes))
                    .zip(self.stride.chunks_exact(lanes))
                {
                    for lane in 0..lanes {
                        scale[lane] = large[lane].re as f32;
                        scale[lanes + lane] = large[lane].im as f32;
                        large[lane] = large[lane].times(stride[lane]);
                    }
                }
                for (tile, kernel) in kernel.chunks_exact_mut(TILE * lanes).enumerate() {
                    self.sums(tile, &scale, kernel);
                }
            }
        }
        kernels
    }

    /// Real parts of the sums over states of `scale` times the small powers of a tile.
    #[inline(always)]
    fn sums(&self, tile: usize, scale: &[f32], to: &mut [f32]) {
        let mut sums = [S::splat(0.0); TILE];
        for (state, scale) in scale.chunks_exact(2 * S::LANES).enumerate() {
            let (re, im) = (S::load(scale), S::load(&scale[S::LANES..]));
            let powers = self.small(tile, state);
            for (j, sum) in sums.iter_mut().enumerate() {
                let power = &powers[j * 2 * S::LANES..][..2 * S::LANES];
                *sum = S::neg_mul_add(im, S::load(&power[S::LANES..]), S::mul_add(re, S::load(power), *sum));
            }
        }
        for (j, &sum) in sums.iter().enumerate() {
            S::store(sum, &mut to[j * S::LANES..]);
        }
    }

    /// Gradients of the parameters of these channels, from those of the kernels (see [`Self::kernels`]).
    #[inline(always)]
    pub(super) fn gradients(&self, kernels: &[f32], length: usize) -> Gradients {
        let (Sizes { states, directions, .. }, lanes) = (self.sizes, S::LANES);
        // By direction, state and lane: sums of the gradient times w^l, and times l w^l.
        let mut sums = vec![[Complex::default(); 2]; directions * states * lanes];
        let padded = length.next_multiple_of(TOGETHER) * lanes;
        for (kernel, sums) in kernels.chunks_exact(padded).zip(sums.chunks_exact_mut(states * lanes)) {
            let mut large = vec![Complex::of(1.0, 0.0); states * lanes];
            for (block, kernel) in kernel.chunks_exact(TOGETHER * lanes).enumerate() {
                let start = (block * TOGETHER) as f64;
                for state in 0..states {
                    let [plain, ramp] = self.moments(state, kernel);
                    for lane in 0..lanes {
                        let at = state * lanes + lane;
                        let part = |of: &[f32; 32]| Complex::of(f64::from(of[lane]), f64::from(of[lanes + lane]));
                        let (plain, ramp) = (part(&plain), part(&ramp));
                        let sum = &mut sums[at];
                        sum[0] = sum[0].plus(large[at].times(plain));
                        sum[1] = sum[1].plus(large[at].times(ramp.plus(plain.scaled(start))));
                        large[at] = large[at].times(self.stride[at]);
                    }
                }
            }
        }
        self.to_parameters(&sums)
    }

    /// Sums over 32 samples of the gradient times w^j, and times j w^j.
    #[inline(always)]
    fn moments(&self, state: usize, kernel: &[f32]) -> [[f32; 32]; 2] {
        let mut sums = [S::splat(0.0); 4];
        for (tile, kernel) in kernel.chunks_exact(TILE * S::LANES).enumerate() {
            let powers = self.small(tile, state);
            for j in 0..TILE {
                let g = S::load(&kernel[j * S::LANES..]);
                let ramp = S::mul(g, S::splat((tile * TILE + j) as f32));
                let power = &powers[j * 2 * S::LANES..][..2 * S::LANES];
                let (re, im) = (S::load(power), S::load(&power[S::LANES..]));
                sums[0] = S::mul_add(g, re, sums[0]);
                sums[1] = S::mul_add(g, im, sums[1]);
                sums[2] = S::mul_add(ramp, re, sums[2]);
                sums[3] = S::mul_add(ramp, im, sums[3]);
            }
        }
        let mut found = [[0f32; 32]; 2];
        for (found, sums) in found.iter_mut().zip(sums.chunks_exact(2)) {
            S::store(sums[0], found);
            S::store(sums[1], &mut found[S::LANES..]);
        }
        found
    }

    /// With G the sum of the gradient times w^l and R that times l w^l, dL = 2 Re(G d(C E) + C E R d(dt A)), where
    /// E = (exp(dt A) - 1) / A.
    fn to_parameters(&self, sums: &[[Complex; 2]]) -> Gradients {
        let (Sizes { states, directions, .. }, lanes) =
            (self.sizes, sums.len() / self.sizes.states / self.sizes.directions);
        let mut found = Gradients::new(self.sizes, self.first, self.width);
        for lane in 0..self.width {
            let mut of_dt = 0.0;
            for state in 0..states {
                let Pole { dt, a, w, held } = self.sizes.pole(self.weights, self.first + lane, state);
                // E changes by this with A while dt holds still.
                let slope = w.scaled(dt).plus(held.scaled(-1.0)).over(a);
                let mut of_a = Complex::default();
                for direction in 0..directions {
                    let [plain, ramp] = sums[(direction * states + state) * lanes + lane];
                    let c = self.sizes.c(self.weights, direction, self.first + lane, state);
                    let of_c = held.times(plain);
                    found.c[direction].extend([2.0 * of_c.re, -2.0 * of_c.im]);
                    let (by_c, through) = (c.times(plain), c.times(held).times(ramp));
                    of_a = of_a.plus(by_c.times(slope)).plus(through.scaled(dt));
                    of_dt += by_c.times(w).plus(a.times(through)).re;
                }
                found.log_a_real.push(2.0 * of_a.re * a.re);
                found.a_imag.push(-2.0 * of_a.im);
            }
            let dt = f64::from(self.weights.log_dt[self.first + lane]).exp();
            found.log_dt.push(2.0 * of_dt * dt);
        }
        found
    }
}

/// Gradients of some channels' parameters, channel by channel.
#[derive(Debug)]
pub(super) struct Gradients {
    sizes: Sizes,
    first: usize,
    width: usize,
    log_dt: Vec<f64>,
    log_a_real: Vec<f64>,
    a_imag: Vec<f64>,
    /// By direction.
    c: Vec<Vec<f64>>,
}

impl Gradients {
    fn new(sizes: Sizes, first: usize, width: usize) -> Self {
        let [log_dt, log_a_real, a_imag] = [const { Vec::new() }; 3];
        Self { sizes, first, width, log_dt, log_a_real, a_imag, c: vec![Vec::new(); sizes.directions] }
    }

    /// Adds them to those that are wanted, in the order of [`Weights`]'s fields.
    pub(super) fn add_to(&self, wanted: &mut [Option<Vec<f32>>]) {
        let Self { sizes, first, .. } = self;
        let mut add = |number: usize, start: usize, values: &[f64]| {
            if let Some(Some(wanted)) = wanted.get_mut(number) {
                wanted[start..].iter_mut().zip(values).for_each(|(wanted, value)| *wanted += *value as f32);
            }
        };
        add(0, *first, &self.log_dt);
        add(1, first * sizes.states, &self.log_a_real);
        add(2, first * sizes.states, &self.a_imag);
        for (direction, c) in self.c.iter().enumerate() {
            debug_assert_eq!(c.len(), 2 * self.width * sizes.states);
            add(3, sizes.c_at(direction, *first, 0), c);
        }
    }
}
