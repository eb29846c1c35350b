//! Optimisers: moments of our named parameters, and who is moved by what.

use crate::tensor::ParamMemory;
use crate::tensor::upstream::Storage;

use crate::Result;
use crate::manifest::Optimizer as Settings;
use crate::nn::Network;
use crate::ops::Backend;
use crate::ops::step::update::{ParamUpdate, Rule};
use crate::tensor::{Done, Gradients, Param, device_error};

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
    rule: Rule,
    moments: Vec<Option<Moments<D>>>,
}

impl<D: Backend> Optimizer<D> {
    /// With fresh moments.
    pub fn new(settings: &Settings) -> Self {
        let rule = match *settings {
            Settings::Adam { weight_decay, betas, .. } => Rule::Adam { betas, decay: weight_decay },
            Settings::Adamw { weight_decay, betas, .. } => Rule::Adamw { betas, decay: weight_decay },
            Settings::Sgd { weight_decay, momentum, nesterov, .. } => {
                Rule::Sgd { momentum, nesterov, decay: weight_decay }
            }
            Settings::Rmsprop { weight_decay, alpha, momentum, .. } => {
                Rule::Rmsprop { alpha, momentum, decay: weight_decay }
            }
        };
        Self { rule, moments: Vec::new() }
    }

    /// Moves every trainable parameter; `rate` gives the learning rate of a block.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn step(
        &mut self,
        device: &D,
        net: &mut Network<D>,
        gradients: &mut Gradients<D>,
        rate: &dyn Fn(&str) -> f64,
    ) -> Result<()> {
        let Self { rule, moments } = self;
        let mut queue = D::Queue::default();
        each_trained(net, |slot, place, param| {
            let update = prepared(device, moments, slot, param, gradients)?;
            let update = ParamUpdate { rate: rate(place.block), ..update };
            device.update(&mut queue, rule, update).map_err(device_error)
        })?;
        device.flush(queue, rule).map_err(device_error)
    }

    /// How often each parameter was updated; none for one that never was.
    pub(super) fn updates(&self) -> Vec<Option<i32>> {
        self.moments.iter().map(|moments| moments.as_ref().map(|moments| moments.updates)).collect()
    }

    /// Both moments of the parameter `slot`, on the host, where it has any.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn moments(&self, device: &D, slot: usize) -> Result<Option<[Vec<f32>; 2]>> {
        let Some(Some(moments)) = self.moments.get(slot) else { return Ok(None) };
        let read = |memory| device.read(memory).map_err(device_error);
        Ok(Some([read(&moments.first)?, read(&moments.second)?]))
    }

    /// Gives a parameter the moments that it had after so many updates.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn restore(&mut self, device: &D, slot: usize, updates: i32, moments: [Vec<f32>; 2]) -> Result<()> {
        let memory = |values: Vec<f32>| -> Done<ParamMemory<D>, D> {
            let mut memory = zeros(device, values.len())?;
            device.write(&mut memory, values)?;
            Ok(memory)
        };
        let [first, second] = moments.map(|values| memory(values).map_err(device_error));
        if self.moments.len() <= slot {
            self.moments.resize_with(slot + 1, || None);
        }
        self.moments[slot] = Some(Moments { first: first?, second: second?, updates });
        Ok(())
    }
}

/// The next update of the parameter `slot`, at a rate of 0; it has fresh moments where it had none.
fn prepared<'a, D: Backend>(
    device: &D,
    moments: &'a mut Vec<Option<Moments<D>>>,
    slot: usize,
    param: &'a mut Param<D>,
    gradients: &'a mut Gradients<D>,
) -> Result<ParamUpdate<'a, D>> {
    let zeros = || zeros(device, param.shape.iter().product()).map_err(device_error);
    if moments.len() <= slot {
        moments.resize_with(slot + 1, || None);
    }
    let Moments { first, second, updates } = match &mut moments[slot] {
        Some(moments) => moments,
        empty => empty.insert(Moments { first: zeros()?, second: zeros()?, updates: 0 }),
    };
    *updates += 1;
    let gradient = gradients.get_or_alloc_mut(&param.value).map_err(device_error)?;
    Ok(ParamUpdate { value: &mut param.value, gradient, first, second, updates: *updates, rate: 0.0 })
}

fn zeros<D: Backend>(device: &D, len: usize) -> Done<ParamMemory<D>, D> {
    let mut zeros = <D as Storage<f32>>::try_alloc_len(device, len)?;
    device.try_fill_with_zeros(&mut zeros)?;
    Ok(zeros)
}

#[cfg(test)]
mod tests {
    use crate::tensor::Cpu;

    use super::*;
    use crate::ops::gradient_check::{assert_close, reference, values};
    use crate::ops::step::update::Kernel as _;

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
            let mut optimizer = Optimizer::<Cpu>::new(&settings);
            let rates = tensor("rates").1;
            for (step, (gradient, expected)) in all_gradients.chunks_exact(count).zip(expected).enumerate() {
                let mut gradients = Gradients::leaky();
                gradients.get_or_alloc_mut(&param.value).unwrap().copy_from_slice(gradient);
                let rate = settings.learning_rate() * f64::from(rates[step]);
                let Optimizer { rule, moments } = &mut optimizer;
                let update = prepared(&device, moments, 0, &mut param, &mut gradients).unwrap();
                device.update(&mut (), rule, ParamUpdate { rate, ..update }).unwrap();
                assert_close(&format!("{name}, step {step}"), &param.to_vec(), expected, 2e-6);
            }
        }
    }
}
