//! Optimisers, and what is done to a parameter's gradient, in its own memory, before they have it. Every value is
//! worked on alone, or summed in a fixed order: the number of threads changes no bit.
//!
//! A device may work on each parameter when it is given, or on all of them when the last one has been.

use dfdx::optim::{AdamConfig, Momentum, SgdConfig, WeightDecay};
use dfdx::prelude::{Cpu, Storage};
use rayon::prelude::*;

use super::cpu::flat;
use super::{Done, Flat, sum};

#[cfg(feature = "cuda")]
mod cuda;

/// Added to a root before something is divided by it, as in PyTorch's optimisers.
const EPS: f64 = 1e-8;
/// Added to a norm before something is divided by it, as in PyTorch's `clip_grad_norm_`.
const EPS_OF_NORM: f64 = 1e-6;

/// How parameters move: as by PyTorch's optimiser of the name, in f32 arithmetic. `decay` is added to gradients as
/// that of the penalty decay / 2 |w|^2, but by AdamW.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// Decay of the two moments.
        betas: [f64; 2],
        /// See above.
        decay: f64,
    },
    /// Adam whose weights decay on their own, by rate x decay (Loshchilov and Hutter 2019).
    Adamw {
        /// Decay of the two moments.
        betas: [f64; 2],
        /// See above.
        decay: f64,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// 0 is none.
        momentum: f64,
        /// Nesterov's form of it.
        nesterov: bool,
        /// See above.
        decay: f64,
    },
    /// RMSprop (Hinton 2012).
    Rmsprop {
        /// Decay of the mean of squared gradients.
        alpha: f64,
        /// 0 is none.
        momentum: f64,
        /// See above.
        decay: f64,
    },
}

/// One parameter and what moves it.
#[derive(Debug)]
pub struct Move<'a, D: Storage<f32>> {
    /// What moves.
    pub value: &'a mut Flat<D>,
    /// Is of no use afterwards.
    pub gradient: &'a mut D::Vec,
    /// The first moment, or the velocity of momentum.
    pub first: &'a mut D::Vec,
    /// The mean of squared gradients.
    pub second: &'a mut D::Vec,
    /// How often it was moved, this time counted.
    pub updates: i32,
    /// The learning rate.
    pub rate: f64,
}

/// Changes of gradients and parameters on a device.
pub trait Kernel: sum::Kernel {
    /// Gradients that are clipped together.
    type Clip: Default;
    /// Takes a gradient up among them.
    fn measure(&self, clip: &mut Self::Clip, gradient: &mut Self::Vec) -> Done<(), Self>;
    /// Adds their norm to `norms`; gives whether each must be shrunk yet by [`Kernel::shrink`], to keep the norm of
    /// all of them below `most`.
    fn settle(&self, clip: &mut Self::Clip, most: f64, norms: &mut Self::Sum) -> Done<bool, Self>;
    /// Shrinks one of them.
    fn shrink(&self, clip: &Self::Clip, gradient: &mut Self::Vec) -> Done<(), Self>;

    /// Takes the values of a parameter up, to be weighed with others.
    fn weigh(&self, clip: &mut Self::Clip, values: &Flat<Self>) -> Done<(), Self>;
    /// The L2 norm of all of them together: finite where all of them are.
    fn norm(&self, clip: Self::Clip) -> Done<f64, Self>;

    /// gradient += strength (weights - origin), the gradient of strength / 2 |weights - origin|^2; no origin is 0.
    fn pull(
        &self,
        gradient: &mut Self::Vec,
        strength: f32,
        weights: &Flat<Self>,
        origin: Option<&Flat<Self>>,
    ) -> Done<(), Self>;

    /// Moves that wait to be made together.
    type Queue: Default;
    /// Moves a parameter, now or when the queue is flushed; all it is given stays where it is until then.
    fn update(&self, queue: &mut Self::Queue, rule: &Rule, one: Move<'_, Self>) -> Done<(), Self>;
    /// Makes the moves that wait, which `rule` has put there.
    fn flush(&self, queue: Self::Queue, rule: &Rule) -> Done<(), Self>;
}

/// Values that are worked on in one go.
const PIECE: usize = 1 << 14;

/// The norm of all gradients, and what they are multiplied by.
#[derive(Debug, Default)]
pub struct Clip {
    squares: f64,
    factor: f32,
}

impl Kernel for Cpu {
    type Clip = Clip;

    fn measure(&self, clip: &mut Clip, gradient: &mut <Cpu as Storage<f32>>::Vec) -> Done<(), Cpu> {
        clip.squares += sum_of_squares(gradient);
        Ok(())
    }

    fn weigh(&self, clip: &mut Clip, values: &Flat<Cpu>) -> Done<(), Cpu> {
        clip.squares += sum_of_squares(flat(values));
        Ok(())
    }

    fn norm(&self, clip: Clip) -> Done<f64, Cpu> {
        Ok(clip.squares.sqrt())
    }

    fn settle(&self, clip: &mut Clip, most: f64, norms: &mut f64) -> Done<bool, Cpu> {
        let norm = clip.squares.sqrt();
        let factor = most / (norm + EPS_OF_NORM);
        clip.factor = factor as f32;
        *norms += norm;
        Ok(factor < 1.0)
    }

    fn shrink(&self, clip: &Clip, gradient: &mut <Cpu as Storage<f32>>::Vec) -> Done<(), Cpu> {
        let shrink = |piece: &mut [f32]| piece.iter_mut().for_each(|value| *value *= clip.factor);
        gradient.par_chunks_mut(PIECE).for_each(shrink);
        Ok(())
    }

    fn pull(
        &self,
        gradient: &mut <Cpu as Storage<f32>>::Vec,
        strength: f32,
        weights: &Flat<Cpu>,
        origin: Option<&Flat<Cpu>>,
    ) -> Done<(), Cpu> {
        let pieces = gradient.par_chunks_mut(PIECE).zip(flat(weights).par_chunks(PIECE));
        match origin {
            None => pieces.for_each(|(gradient, weights)| {
                gradient.iter_mut().zip(weights).for_each(|(g, w)| *g += strength * w);
            }),
            Some(origin) => pieces.zip(flat(origin).par_chunks(PIECE)).for_each(|((gradient, weights), origin)| {
                let values = gradient.iter_mut().zip(weights).zip(origin);
                values.for_each(|((g, w), origin)| *g += strength * (w - origin));
            }),
        }
        Ok(())
    }

    type Queue = ();

    fn update(&self, (): &mut (), rule: &Rule, one: Move<'_, Cpu>) -> Done<(), Cpu> {
        let Move { value, gradient, first, second, updates, rate } = one;
        match *rule {
            Rule::Adam { betas, decay } => {
                let weight_decay = decaying(decay, WeightDecay::L2);
                let adam = AdamConfig { lr: rate, betas, eps: EPS, weight_decay };
                adam.try_update(updates, value, first, second, gradient)
            }
            Rule::Adamw { betas, decay } => {
                let weight_decay = decaying(decay, WeightDecay::Decoupled);
                let adam = AdamConfig { lr: rate, betas, eps: EPS, weight_decay };
                adam.try_update(updates, value, first, second, gradient)
            }
            Rule::Sgd { momentum, nesterov, decay } => {
                let kind = if nesterov { Momentum::Nesterov } else { Momentum::Classic };
                let momentum = (momentum > 0.0).then(|| kind(momentum));
                let weight_decay = decaying(decay, WeightDecay::L2);
                SgdConfig { lr: rate, momentum, weight_decay }.try_update(value, first, gradient)
            }
            Rule::Rmsprop { alpha, momentum, decay } => {
                if decay > 0.0 {
                    self.pull(gradient, decay as f32, value, None)?;
                }
                divide_by_rms(gradient, second, alpha);
                let momentum = (momentum > 0.0).then_some(Momentum::Classic(momentum));
                SgdConfig { lr: rate, momentum, weight_decay: None }.try_update(value, first, gradient)
            }
        }
    }

    fn flush(&self, (): (), _: &Rule) -> Done<(), Cpu> {
        Ok(())
    }
}

fn decaying(factor: f64, kind: fn(f64) -> WeightDecay) -> Option<WeightDecay> {
    (factor > 0.0).then(|| kind(factor))
}

/// The sum of the squares, in f64.
fn sum_of_squares(gradient: &[f32]) -> f64 {
    let sum = |piece: &[f32]| {
        let mut lanes = [0f64; 8];
        for values in piece.chunks(lanes.len()) {
            lanes.iter_mut().zip(values).for_each(|(lane, value)| *lane += f64::from(*value).powi(2));
        }
        lanes.iter().sum::<f64>()
    };
    let sums: Vec<f64> = gradient.par_chunks(PIECE).map(sum).collect();
    sums.iter().sum()
}

/// squares = alpha squares + (1 - alpha) gradient^2, then gradient /= sqrt(squares) + [`EPS`].
fn divide_by_rms(gradient: &mut [f32], squares: &mut [f32], alpha: f64) {
    let (kept, new, eps) = (alpha as f32, (1.0 - alpha) as f32, EPS as f32);
    let pieces = gradient.par_chunks_mut(PIECE).zip(squares.par_chunks_mut(PIECE));
    pieces.for_each(|(gradient, squares)| {
        for (g, square) in gradient.iter_mut().zip(squares) {
            *square = kept * *square + new * *g * *g;
            *g /= square.sqrt() + eps;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::param;

    #[test]
    fn several_pieces_give_what_one_value_after_another_gives_on_any_number_of_threads() {
        let device = Cpu::default();
        let len = 2 * PIECE + 77;
        let drawn = |purpose: &str| -> Vec<f32> {
            use rand::RngExt;
            let mut random = crate::seed::stream(1, purpose, 0);
            (0..len).map(|_| random.random::<f32>() - 0.5).collect()
        };
        let (start, weights, origin) = (drawn("gradient"), param(&drawn("weights")), param(&drawn("origin")));
        let all = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut gradient = device.try_alloc_len(len).unwrap();
                let mut squares = device.try_alloc_len(len).unwrap();
                gradient.copy_from_slice(&start);
                let mut clip = Clip::default();
                device.measure(&mut clip, &mut gradient).unwrap();
                let sum = clip.squares;
                device.shrink(&Clip { factor: 0.5, ..clip }, &mut gradient).unwrap();
                device.pull(&mut gradient, 0.1, &weights.value, Some(&origin.value)).unwrap();
                device.pull(&mut gradient, 0.2, &weights.value, None).unwrap();
                divide_by_rms(&mut gradient, &mut squares, 0.75);
                (sum, gradient.to_vec(), squares.to_vec())
            })
        };
        let one = all(1);
        assert!(one == all(3));
        let (sum, gradient, squares) = one;
        let exact: f64 = start.iter().map(|g| f64::from(*g).powi(2)).sum();
        assert!((sum - exact).abs() < 1e-9 * exact, "{sum} {exact}");
        let (weights, origin) = (weights.to_vec(), origin.to_vec());
        for i in 0..len {
            let [g, w, o] = [start[i], weights[i], origin[i]].map(f64::from);
            let pulled = 0.5 * g + 0.1 * (w - o) + 0.2 * w;
            let square = 0.25 * pulled * pulled;
            assert!((f64::from(squares[i]) - square).abs() < 1e-6, "{i}");
            // Where both are near 0, the sign is all that counts.
            let expected = pulled / (square.sqrt() + EPS);
            assert!((f64::from(gradient[i]) - expected).abs() < 1e-3 || pulled.abs() < 1e-4, "{i}: {expected}");
        }
    }
}
