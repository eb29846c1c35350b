//! The parameters that train, and the clipping of their gradients.

use crate::Result;
use crate::nn::{Network, Place, Role};
use crate::ops::Backend;
use crate::tensor::{Gradients, Param, device_error};

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
pub(super) mod tests {
    use super::*;
    use crate::manifest::{Architecture, Fusion};
    use crate::nn::FreezeState;
    use crate::ops::gradient_check::{Reference, assert_close, reference, values};
    use crate::tensor::Cpu;

    /// A network of three blocks, the first of them frozen.
    pub(in crate::train) fn network() -> Network<Cpu> {
        let (architecture, mut random) = (Architecture::at_defaults("cnn").unwrap(), crate::seed::stream(0, "init", 0));
        let mut net =
            Network::new(&Cpu::default(), &architecture, (2, 16), (1, Fusion::Concat), 5, &mut random).unwrap();
        net.freeze(|block| FreezeState { frozen: block == "block1", ..FreezeState::default() });
        net
    }

    pub(in crate::train) fn tensor(reference: &Reference, name: &str) -> Vec<f32> {
        values(reference, name).1
    }

    /// Goes through all parameters, each with its gradient.
    pub(in crate::train) fn each(
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
}
