//! Optimisers, and what is done to a parameter's gradient, in its own memory, before they have it. Every value is
//! worked on alone, or summed in a fixed order: the number of threads changes no bit.
//!
//! A device may work on each parameter when it is given, or on all of them when the last one has been.

use crate::ops::step::sum;
use crate::tensor::upstream::Storage;
use crate::tensor::{Done, Flat};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

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
pub struct ParamUpdate<'a, D: Storage<f32>> {
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
    fn update(&self, queue: &mut Self::Queue, rule: &Rule, one: ParamUpdate<'_, Self>) -> Done<(), Self>;
    /// Makes the moves that wait, which `rule` has put there.
    fn flush(&self, queue: Self::Queue, rule: &Rule) -> Done<(), Self>;
}
