//! The pull of L2-SP towards the weights that were grafted, added to the gradients before they are clipped.

use super::gradients::each_trained;
use crate::Result;
use crate::manifest::L2Sp;
use crate::nn::{HIDDEN, Network, Place, Role};
use crate::ops::Backend;
use crate::tensor::upstream::Storage;
use crate::tensor::{Flat, Gradients, Param, device_error};

/// L2-SP (Li, Grandvalet and Davoine 2018): the penalty
/// alpha / 2 |w - w0|^2 over the weights of grafted backbones, w0 being what was grafted, and
/// beta / 2 |w|^2 over those of the head.
///
/// As in the authors' experiments, weights are the matrices and kernels of layers; vectors (biases,
/// scales and shifts of norms) and running statistics are not among them.
#[derive(Debug)]
pub(super) struct L2SpAnchor<D: Storage<f32>> {
    strengths: L2Sp,
    /// By the number of the parameter; none in the head, and where nothing pulls.
    weights: Vec<Option<Flat<D>>>,
}

impl<D: Backend> L2SpAnchor<D> {
    /// Where `net`, just grafted, is now.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub(super) fn from_grafted(net: &Network<D>, strengths: L2Sp) -> Result<Self> {
        let mut weights = Vec::new();
        net.copied()?.visit(|place, param| {
            if place.role == Role::Parameter {
                let grafted = is_grafted(&place) && is_weight(param);
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
            let strength = if is_grafted(&place) { alpha } else { beta };
            if strength == 0.0 || !is_weight(param) {
                return Ok(());
            }
            let gradient = gradients.get_or_alloc_mut(&param.value).map_err(device_error)?;
            let origin = self.weights[number].as_ref();
            device.pull(gradient, strength as f32, &param.value, origin).map_err(device_error)
        })
    }
}

/// Whether it is of what was grafted.
fn is_grafted(place: &Place<'_>) -> bool {
    place.backbone.is_some() || place.block == HIDDEN
}

/// Whether it is a matrix or kernel, not a bias, scale or shift.
fn is_weight<D: Backend>(param: &Param<D>) -> bool {
    param.shape.len() > 1
}

#[cfg(test)]
mod tests {
    use super::super::gradients::tests::{each, network, tensor};
    use super::*;
    use crate::ops::gradient_check::{assert_close, reference};
    use crate::tensor::Cpu;

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
        let anchor = L2SpAnchor::from_grafted(&net, L2Sp { alpha: 0.3, beta: 0.7 }).unwrap();
        net.visit(|place, param| {
            if place.name == kernel {
                set(param, "l2_sp.weights");
            } else {
                let moved: Vec<f32> = param.to_vec().iter().map(|w| w + 1.0).collect();
                param.value.copy_from(&moved);
            }
        });
        each(&mut net, &mut gradients, |_, _, gradient| gradient.fill(0.25));
        anchor.pull(&Cpu::default(), &mut net, &mut gradients).unwrap();
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
