//! Optimisers: dfdx's update kernels on our named parameters. Each moves as PyTorch's optimiser of its name
//! does, in f32 arithmetic.

use dfdx::optim::{AdamConfig, Momentum, SgdConfig, WeightDecay};
use dfdx::prelude::Storage;

use crate::Result;
use crate::manifest::Optimizer as Settings;
use crate::nn::Network;
use crate::ops::update::EPS;
use crate::ops::{Backend, Done, Gradients, Param, device_error};

use super::gradients::each_trained;

/// Moments of one parameter, and how often it was updated.
#[derive(Debug)]
struct Moments<D: Storage<f32>> {
    first: D::Vec,
    second: D::Vec,
    updates: i32,
}

/// An optimiser and its memory. A parameter has fresh moments when it is first trained, and keeps them while it is
/// frozen.
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
        each_trained(net, |slot, place, param| {
            if self.moments.len() <= slot {
                self.moments.resize_with(slot + 1, || None);
            }
            let rate = self.settings.learning_rate() * factor * scale(place.block);
            self.update(device, slot, param, gradients, rate)
        })
    }

    fn update(
        &mut self,
        device: &D,
        slot: usize,
        param: &mut Param<D>,
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
                AdamConfig { lr: rate, betas, eps: EPS, weight_decay: decay(weight_decay, WeightDecay::L2) }.try_update(
                    moments.updates,
                    &mut param.value,
                    &mut moments.first,
                    &mut moments.second,
                    gradient,
                )
            }
            Settings::Adamw { weight_decay, betas, .. } => {
                AdamConfig { lr: rate, betas, eps: EPS, weight_decay: decay(weight_decay, WeightDecay::Decoupled) }
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
            Settings::Rmsprop { weight_decay, alpha, momentum, .. } => {
                if weight_decay > 0.0 {
                    device.pull(gradient, weight_decay as f32, &param.value, None).map_err(device_error)?;
                }
                device.divide_by_rms(gradient, &mut moments.second, alpha).map_err(device_error)?;
                let momentum = (momentum > 0.0).then_some(Momentum::Classic(momentum));
                SgdConfig { lr: rate, momentum, weight_decay: None }.try_update(
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

#[cfg(test)]
mod tests {
    use dfdx::prelude::Cpu;

    use super::*;
    use crate::ops::gradient_check::{assert_close, reference, values};

    #[test]
    fn every_optimizer_moves_as_pytorchs() {
        let adam = |weight_decay, betas| Settings::Adam { learning_rate: 0.05, weight_decay, betas };
        let sgd =
            |weight_decay, momentum, nesterov| Settings::Sgd { learning_rate: 0.1, weight_decay, momentum, nesterov };
        let rmsprop =
            |weight_decay, alpha, momentum| Settings::Rmsprop { learning_rate: 0.02, weight_decay, alpha, momentum };
        let (device, reference) = (Cpu::default(), reference("training"));
        let tensor = |name: &str| values(&reference, &format!("optim.{name}"));
        let (shape, all_gradients) = tensor("gradients");
        let count = shape[1];
        for (name, settings) in [
            ("adam", adam(0.0, [0.9, 0.999])),
            ("adam_decay", adam(0.1, [0.8, 0.95])),
            ("adamw", Settings::Adamw { learning_rate: 0.05, weight_decay: 0.3, betas: [0.9, 0.999] }),
            ("sgd", sgd(0.0, 0.0, false)),
            ("sgd_decay", sgd(0.2, 0.0, false)),
            ("sgd_momentum", sgd(0.2, 0.9, false)),
            ("sgd_nesterov", sgd(0.2, 0.9, true)),
            ("rmsprop", rmsprop(0.0, 0.99, 0.0)),
            ("rmsprop_momentum", rmsprop(0.2, 0.9, 0.8)),
        ] {
            let expected = tensor(&format!("{name}.weights")).1;
            let mut expected = expected.chunks_exact(count);
            let mut param = Param::new(&device, vec![count], expected.next().unwrap().to_vec()).unwrap();
            let mut optimizer = Optimizer::<Cpu> { moments: vec![None], ..Optimizer::new(&settings) };
            let rates = tensor("rates").1;
            for (step, (gradient, expected)) in all_gradients.chunks_exact(count).zip(expected).enumerate() {
                let mut gradients = Gradients::leaky();
                gradients.get_or_alloc_mut(&param.value).unwrap().copy_from_slice(gradient);
                let rate = settings.learning_rate() * f64::from(rates[step]);
                optimizer.update(&device, 0, &mut param, &mut gradients, rate).unwrap();
                assert_close(&format!("{name}, step {step}"), &param.to_vec(), expected, 2e-6);
            }
        }
    }
}
