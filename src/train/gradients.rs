//! What happens to gradients before the optimiser has them: the pull of L2-SP, then clipping.

use crate::Result;
use crate::manifest::L2Sp;
use crate::nn::{Network, Place, Role};
use crate::ops::Backend;
use crate::tensor::upstream::Storage;
use crate::tensor::{Flat, Gradients, Param, device_error};

/// Goes through the parameters that are being trained, each with its number among all parameters,
/// until `f` fails.
pub(super) fn each_trained<D: Backend>(
    net: &mut Network<D>,
    mut f: impl FnMut(usize, Place<'_>, &mut Param<D>) -> Result<()>,
) -> Result<()> {
    let mut outcome = Ok(());
    let mut number = 0;
    net.visit(|place, param| {
        if place.role == Role::Parameter {
            if param.trainable && outcome.is_ok() {
                outcome = f(number, place, param);
            }
            number += 1;
        }
    });
    outcome
}

/// L2-SP (Li, Grandvalet and Davoine 2018): the penalty
/// alpha / 2 |w - w0|^2 over the weights of grafted backbones, w0 being what was grafted, and
/// beta / 2 |w|^2 over those of the head.
///
/// As in the authors' experiments, weights are the matrices and kernels of layers; vectors (biases,
/// scales and shifts of norms) and running statistics are not among them.
#[derive(Debug)]
pub(super) struct StartingPoint<D: Storage<f32>> {
    strengths: L2Sp,
    /// By the number of the parameter; none in the head, and where nothing pulls.
    weights: Vec<Option<Flat<D>>>,
}

impl<D: Backend> StartingPoint<D> {
    /// Where `net`, just grafted, is now.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub(super) fn of(net: &Network<D>, strengths: L2Sp) -> Result<Self> {
        let mut weights = Vec::new();
        net.copied()?.visit(|place, param| {
            if place.role == Role::Parameter {
                let grafted = place.backbone.is_some() && is_weight(param);
                weights.push(grafted.then(|| param.value.clone()));
            }
        });
        Ok(Self { strengths, weights })
    }

    /// Adds the penalty's gradient to that of every parameter that is being trained.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn pull(&self, device: &D, net: &mut Network<D>, gradients: &mut Gradients<D>) -> Result<()> {
        let L2Sp { alpha, beta } = self.strengths;
        each_trained(net, |number, place, param| {
            let strength = if place.backbone.is_some() { alpha } else { beta };
            if strength == 0.0 || !is_weight(param) {
                return Ok(());
            }
            let gradient = gradients.get_or_alloc_mut(&param.value).map_err(device_error)?;
            let origin = self.weights[number].as_ref();
            device.pull(gradient, strength as f32, &param.value, origin).map_err(device_error)
        })
    }
}

/// Whether it is a matrix or kernel, not a bias, scale or shift.
fn is_weight<D: Backend>(param: &Param<D>) -> bool {
    param.shape.len() > 1
}

/// Scales all gradients of what is being trained by min(1, most / (norm + 1e-6)), where norm is the L2
/// norm of all of them together, which is added to `norms`. As `torch.nn.utils.clip_grad_norm_` does.
///
/// # Errors
/// Where the device fails.
pub(super) fn clip<D: Backend>(
    device: &D,
    net: &mut Network<D>,
    gradients: &mut Gradients<D>,
    most: f64,
    norms: &mut D::Sum,
) -> Result<()> {
    let mut clip = D::Clip::default();
    each_trained(net, |_, _, param| {
        let gradient = gradients.get_or_alloc_mut(&param.value).map_err(device_error)?;
        device.measure(&mut clip, gradient).map_err(device_error)
    })?;
    if !device.settle(&mut clip, most, norms).map_err(device_error)? {
        return Ok(());
    }
    each_trained(net, |_, _, param| {
        let gradient = gradients.get_or_alloc_mut(&param.value).map_err(device_error)?;
        device.shrink(&clip, gradient).map_err(device_error)
    })
}

#[cfg(test)]
mod tests {
    use crate::tensor::Cpu;

    use super::*;
    use crate::manifest::{Architecture, Fusion};
    use crate::nn::Hold;
    use crate::ops::gradient_check::{Reference, assert_close, reference, values};

    /// A network of three blocks, the first of them frozen.
    fn network() -> Network<Cpu> {
        let (architecture, mut random) = (Architecture::at_defaults("cnn").unwrap(), crate::seed::stream(0, "init", 0));
        let mut net =
            Network::new(&Cpu::default(), &architecture, (2, 16), (1, Fusion::Concat), 5, &mut random).unwrap();
        net.hold(|block| Hold { frozen: block == "block1", ..Hold::default() });
        net
    }

    fn tensor(reference: &Reference, name: &str) -> Vec<f32> {
        values(reference, name).1
    }

    /// Goes through all parameters, each with its gradient.
    fn each(
        net: &mut Network<Cpu>,
        gradients: &mut Gradients<Cpu>,
        mut f: impl FnMut(Place<'_>, &mut Param<Cpu>, &mut [f32]),
    ) {
        net.visit(|place, param| {
            if place.role == Role::Parameter {
                let gradient = gradients.get_or_alloc_mut(&param.value).unwrap();
                f(place, param, gradient);
            }
        });
    }

    #[test]
    fn clipping_is_pytorchs_and_counts_trained_parameters_alone() {
        let reference = reference("training");
        let norm = tensor(&reference, "clip.norm")[0];
        for limit in [0.5, 100.0] {
            let (mut net, mut gradients) = (network(), Gradients::leaky());
            each(&mut net, &mut gradients, |place, _, gradient| match place.name {
                "head.3.weight" => gradient[..12].copy_from_slice(&tensor(&reference, "clip.a")),
                "head.7.bias" => gradient.copy_from_slice(&tensor(&reference, "clip.b")),
                _ if place.block == "block1" => gradient.fill(1e3),
                _ => {}
            });
            let mut found = 0.0;
            clip(&Cpu::default(), &mut net, &mut gradients, limit, &mut found).unwrap();
            assert!((found as f32 - norm).abs() < 1e-6 * norm, "{found} {norm}");
            each(&mut net, &mut gradients, |place, _, gradient| {
                let clipped = |name: &str| tensor(&reference, &format!("clip.{limit:?}.{name}"));
                match place.name {
                    "head.3.weight" => assert_close("a", &gradient[..12], &clipped("a"), 1e-6),
                    "head.7.bias" => assert_close("b", gradient, &clipped("b"), 1e-6),
                    _ if place.block == "block1" => assert!(gradient.iter().all(|g| *g == 1e3)),
                    _ => assert!(gradient.iter().all(|g| *g == 0.0)),
                }
            });
        }
    }

    #[test]
    fn the_pull_is_the_gradient_of_the_penalty() {
        let reference = reference("training");
        let (mut net, mut gradients) = (network(), Gradients::leaky());
        let set = |param: &mut Param<Cpu>, name: &str| {
            let mut all = param.to_vec();
            all[..12].copy_from_slice(&tensor(&reference, name));
            param.value.copy_from(&all);
        };
        let kernel = "blocks.1.conv.weight";
        net.visit(|place, param| {
            if place.name == kernel {
                set(param, "l2_sp.origin");
            }
        });
        let start = StartingPoint::of(&net, L2Sp { alpha: 0.3, beta: 0.7 }).unwrap();
        net.visit(|place, param| {
            if place.name == kernel {
                set(param, "l2_sp.weights");
            } else {
                let moved: Vec<f32> = param.to_vec().iter().map(|w| w + 1.0).collect();
                param.value.copy_from(&moved);
            }
        });
        each(&mut net, &mut gradients, |_, _, gradient| gradient.fill(0.25));
        start.pull(&Cpu::default(), &mut net, &mut gradients).unwrap();
        let mut seen = [0; 4];
        each(&mut net, &mut gradients, |place, param, gradient| {
            let added: Vec<f32> = gradient.iter().map(|g| g - 0.25).collect();
            let (case, expected) = if place.block == "block1" || param.shape.len() == 1 {
                (0, vec![0.0; added.len()])
            } else if place.name == kernel {
                // Where nothing was moved, nothing pulls.
                let mut expected = tensor(&reference, "l2_sp.gradient");
                expected.resize(added.len(), 0.0);
                (1, expected)
            } else if place.backbone.is_some() {
                (2, vec![0.3; added.len()])
            } else {
                (3, param.to_vec().iter().map(|w| 0.7 * w).collect())
            };
            assert_close(place.name, &added, &expected, 1e-5);
            seen[case] += 1;
        });
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    }
}
