//! Optimisers: dfdx's update kernels on our named parameters.

use dfdx::optim::{AdamConfig, Momentum, SgdConfig, WeightDecay};
use dfdx::prelude::Storage;

use crate::Result;
use crate::manifest::Optimizer as Settings;
use crate::nn::{Network, Role};
use crate::ops::{Backend, Done, Gradients, device_error};

/// Moments of one parameter, and how often it was updated.
#[derive(Debug)]
struct Moments<D: Storage<f32>> {
    first: D::Vec,
    second: D::Vec,
    updates: i32,
}

/// An optimiser and its memory. A parameter that was frozen starts with fresh moments.
#[derive(Debug)]
pub struct Optimizer<D: Storage<f32>> {
    settings: Settings,
    moments: Vec<Option<Moments<D>>>,
}

impl<D: Backend> Optimizer<D> {
    /// With fresh moments.
    pub fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), moments: Vec::new() }
    }

    /// Moves every trainable parameter; `scale` gives the learning-rate factor of a block.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn step(
        &mut self,
        device: &D,
        net: &mut Network<D>,
        gradients: &mut Gradients<D>,
        factor: f64,
        scale: &dyn Fn(&str) -> f64,
    ) -> Result<()> {
        let mut index = 0;
        let mut outcome = Ok(());
        net.visit(|place, param| {
            if place.role != Role::Parameter {
                return;
            }
            let slot = index;
            index += 1;
            if self.moments.len() <= slot {
                self.moments.push(None);
            }
            if !param.trainable || outcome.is_err() {
                return;
            }
            let rate = self.settings.learning_rate() * factor * scale(place.block);
            outcome = self.update(device, slot, param, gradients, rate);
        });
        outcome
    }

    fn update(
        &mut self,
        device: &D,
        slot: usize,
        param: &mut crate::ops::Param<D>,
        gradients: &mut Gradients<D>,
        rate: f64,
    ) -> Result<()> {
        let zeros = || -> Done<<D as Storage<f32>>::Vec, D> {
            let mut zeros = <D as Storage<f32>>::try_alloc_len(device, param.shape.iter().product())?;
            device.try_fill_with_zeros(&mut zeros)?;
            Ok(zeros)
        };
        let moments = match &mut self.moments[slot] {
            Some(moments) => moments,
            empty => empty.insert(Moments {
                first: zeros().map_err(device_error)?,
                second: zeros().map_err(device_error)?,
                updates: 0,
            }),
        };
        moments.updates += 1;
        let gradient = gradients.get_or_alloc_mut(&param.value).map_err(device_error)?;
        match self.settings {
            Settings::Adam { weight_decay, betas, .. } => {
                AdamConfig { lr: rate, betas, eps: 1e-8, weight_decay: decay(weight_decay, WeightDecay::L2) }
                    .try_update(moments.updates, &mut param.value, &mut moments.first, &mut moments.second, gradient)
            }
            Settings::Adamw { weight_decay, betas, .. } => {
                AdamConfig { lr: rate, betas, eps: 1e-8, weight_decay: decay(weight_decay, WeightDecay::Decoupled) }
                    .try_update(moments.updates, &mut param.value, &mut moments.first, &mut moments.second, gradient)
            }
            Settings::Sgd { weight_decay, momentum, nesterov, .. } => {
                let momentum = (momentum > 0.0).then_some(if nesterov {
                    Momentum::Nesterov(momentum)
                } else {
                    Momentum::Classic(momentum)
                });
                SgdConfig { lr: rate, momentum, weight_decay: decay(weight_decay, WeightDecay::L2) }.try_update(
                    &mut param.value,
                    &mut moments.first,
                    gradient,
                )
            }
        }
        .map_err(device_error)
    }
}

fn decay(factor: f64, kind: fn(f64) -> WeightDecay) -> Option<WeightDecay> {
    (factor > 0.0).then(|| kind(factor))
}
