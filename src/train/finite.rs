//! Networks whose numbers left all bounds: ReLU and max-pool hide it from the loss, so that it is looked for in the
//! weights themselves.

use crate::Result;
use crate::nn::{Network, Role};
use crate::ops::Backend;
use crate::tensor::device_error;

/// What of `net` is not a finite number, in words such as `weight blocks.2.conv.weight`: the first of its weights and
/// running statistics, or nothing. Waits for the device once where all is well.
///
/// # Errors
/// Where the device fails.
pub fn not_finite<D: Backend>(device: &D, net: &mut Network<D>) -> Result<Option<String>> {
    let (mut clip, mut weighed) = (D::Clip::default(), Ok(()));
    net.visit(|_, param| {
        if weighed.is_ok() {
            weighed = device.weigh(&mut clip, &param.value).map_err(device_error);
        }
    });
    weighed?;
    if device.norm(clip).map_err(device_error)?.is_finite() {
        return Ok(None);
    }
    let mut found = None;
    net.visit(|place, param| {
        if found.is_none() && param.to_vec().iter().any(|value| !value.is_finite()) {
            found = Some(in_words(place.role, place.name));
        }
    });
    Ok(found)
}

/// A value of a network as messages name it.
pub(super) fn in_words(role: Role, name: &str) -> String {
    let kind = match role {
        Role::Parameter => "weight",
        Role::Statistic => "running statistic",
    };
    format!("{kind} {name}")
}

#[cfg(test)]
mod tests {
    use crate::tensor::Cpu;

    use super::*;
    use crate::manifest::{Architecture, Fusion};

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        let (architecture, random) =
            (Architecture::at_defaults("cnn").unwrap(), &mut crate::seed::stream(0, "init", 0));
        let device = Cpu::default();
        let mut net = Network::new(&device, &architecture, (2, 64), (1, Fusion::Concat), 5, random).unwrap();
        assert_eq!(not_finite(&device, &mut net).unwrap(), None);
        // The largest numbers are finite, and so is their norm.
        let mut set = |name: &str, value: f32| {
            net.visit(|place, param| {
                if place.name == name {
                    let mut values = param.to_vec();
                    values[1] = value;
                    param.value.copy_from(&values);
                }
            });
            not_finite(&device, &mut net).unwrap()
        };
        assert_eq!(set("blocks.1.conv.weight", f32::MAX), None);
        assert_eq!(set("head.3.weight", f32::NAN).as_deref(), Some("weight head.3.weight"));
        assert_eq!(set("head.3.weight", 0.0), None);
        let statistic = set("blocks.1.bn.running_var", f32::INFINITY);
        assert_eq!(statistic.as_deref(), Some("running statistic blocks.1.bn.running_var"));
    }
}
