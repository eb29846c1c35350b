//! Optimisers on the CPU.

use rayon::prelude::*;

use super::{EPS, EPS_OF_NORM, Kernel, ParamUpdate, Rule};
use crate::tensor::upstream::{AdamConfig, Momentum, SgdConfig, WeightDecay};
use crate::tensor::{Cpu, Done, Flat, ParamMemory, flat};

/// Values that are worked on in one go.
pub(super) const PIECE: usize = 1 << 14;

/// The norm of all gradients, and what they are multiplied by.
#[derive(Debug, Default)]
pub struct Clip {
    pub(super) squares: f64,
    pub(super) factor: f32,
}

impl Kernel for Cpu {
    type Clip = Clip;

    fn measure(&self, clip: &mut Clip, gradient: &mut ParamMemory<Cpu>) -> Done<(), Cpu> {
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

    fn shrink(&self, clip: &Clip, gradient: &mut ParamMemory<Cpu>) -> Done<(), Cpu> {
        let shrink = |piece: &mut [f32]| piece.iter_mut().for_each(|value| *value *= clip.factor);
        gradient.par_chunks_mut(PIECE).for_each(shrink);
        Ok(())
    }

    fn pull(
        &self,
        gradient: &mut ParamMemory<Cpu>,
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

    fn update(&self, (): &mut (), rule: &Rule, one: ParamUpdate<'_, Cpu>) -> Done<(), Cpu> {
        let ParamUpdate { value, gradient, first, second, updates, rate } = one;
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
pub(super) fn divide_by_rms(gradient: &mut [f32], squares: &mut [f32], alpha: f64) {
    let (kept, new, eps) = (alpha as f32, (1.0 - alpha) as f32, EPS as f32);
    let pieces = gradient.par_chunks_mut(PIECE).zip(squares.par_chunks_mut(PIECE));
    pieces.for_each(|(gradient, squares)| {
        for (g, square) in gradient.iter_mut().zip(squares) {
            *square = kept * *square + new * *g * *g;
            *g /= square.sqrt() + eps;
        }
    });
}
