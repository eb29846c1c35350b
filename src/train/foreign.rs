//! Weights from elsewhere: tensors of a safetensors file into a network, by name and shape.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::declare::nearest;
use crate::manifest::WeightsFile;
use crate::nn::{Network, Role, is_of_hidden};
use crate::ops::Backend;
use crate::{Error, Result};

/// Most tensors that a message lists.
const LISTED: usize = 12;

/// Copies what `weights` says of a file's `content` into the backbone of `network`, and into the hidden layer of its head if
/// `hidden`. Gives what of the file is of no use, in sentences.
///
/// # Errors
/// A user error that lists what is missing, what has another shape and what is left over; and where the file is no
/// safetensors, two of its tensors have one name here, or a value is not finite.
pub fn fill<D: Backend>(
    network: &mut Network<D>,
    weights: &WeightsFile,
    content: &[u8],
    hidden: bool,
) -> Result<Vec<String>> {
    let path = weights.path.resolved()?;
    let wrong = |why: String| Error::user(format!("{}: {why}", path.display()));
    let file =
        SafeTensors::deserialize(content).map_err(|error| wrong(format!("no whole safetensors file: {error}")))?;
    let mut theirs = by_own_name(weights, &file).map_err(wrong)?;
    let mut lacking = Lacking::default();
    network.visit(|place, param| {
        if place.backbone.is_none() && !(hidden && is_of_hidden(place.name)) {
            return;
        }
        match theirs.remove(place.name) {
            // The scales of norms have the shape they have in PyTorch; of a value alone the brackets do not count.
            Some((name, tensor)) if tensor.shape() == param.shape => match numbers(&tensor) {
                Ok(values) if values.iter().all(|value| value.is_finite()) => {
                    let is_variance = place.role == Role::Statistic && place.name.ends_with("running_var");
                    if is_variance && values.iter().any(|value| *value < 0.0) {
                        lacking.wrong.push(format!("{name} is a variance, and has values below 0"));
                    }
                    param.value.copy_from(&values);
                }
                Ok(_) => {
                    lacking.wrong.push(format!("{name} has a value that is not a finite number of single precision"))
                }
                Err(why) => lacking.wrong.push(format!("{name} {why}")),
            },
            Some((name, tensor)) => {
                let own = if name == place.name { String::new() } else { format!(" ({name})") };
                lacking.wrong.push(format!(
                    "{}{own} is {}, not {}",
                    place.name,
                    shape(tensor.shape()),
                    shape(&param.shape)
                ));
            }
            None => lacking.missing.push((place.name.to_owned(), param.shape.clone())),
        }
    });
    if lacking.missing.is_empty() && lacking.wrong.is_empty() {
        return Ok(of_no_use(&theirs));
    }
    Err(wrong(format!("does not fit architecture `{}`: {}", weights.architecture, lacking.text(&theirs))))
}

/// Tensors by what they are called here, each with its name in the file.
type Theirs<'f> = BTreeMap<String, (String, TensorView<'f>)>;

fn by_own_name<'f>(weights: &WeightsFile, file: &'f SafeTensors<'_>) -> std::result::Result<Theirs<'f>, String> {
    let mut all = Theirs::new();
    let mut tensors = file.tensors();
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, tensor) in tensors {
        let Some(own) = weights.own_name(&name)? else { continue };
        if let Some((other, _)) = all.insert(own.clone(), (name.clone(), tensor)) {
            return Err(format!("{other} and {name} would both be {own}; change `names`"));
        }
    }
    if all.is_empty() {
        return Err(format!("none of its {} tensors has a name that begins with `{}`", file.len(), weights.prefix));
    }
    Ok(all)
}

/// What does not fit.
#[derive(Default)]
struct Lacking {
    /// Names and shapes of what the file has not.
    missing: Vec<(String, Vec<usize>)>,
    /// What is of another shape, or cannot be used, in words.
    wrong: Vec<String>,
}

impl Lacking {
    fn text(&self, left_over: &Theirs<'_>) -> String {
        let missing = self.missing.iter().map(|(name, own)| {
            let hint = likely(name, own, left_over).map_or_else(String::new, |near| format!(" (is it {near}?)"));
            format!("{name} {}{hint}", shape(own))
        });
        let left = left_over.values().map(|(name, tensor)| format!("{name} {}", shape(tensor.shape())));
        let parts = [
            ("missing: ", missing.collect::<Vec<_>>()),
            ("wrong: ", self.wrong.clone()),
            ("left over: ", left.collect()),
        ];
        let told = parts.into_iter().filter(|(_, list)| !list.is_empty());
        let told: Vec<String> = told.map(|(what, list)| format!("{what}{}", listed(&list))).collect();
        format!("{}; say in `prefix` and `names` what tensors are called here", told.join("; "))
    }
}

/// The tensor that a missing one may be: of those of its shape the nearest by name, or the only one; else the nearest of all.
fn likely(name: &str, own: &[usize], left_over: &Theirs<'_>) -> Option<String> {
    let of_shape = |any: bool| {
        let fit = left_over.values().filter(move |(_, tensor)| any || tensor.shape() == own);
        fit.map(|(name, _)| name.as_str()).collect::<Vec<&str>>()
    };
    let alike = of_shape(false);
    let only = if let [only] = alike[..] { Some(only) } else { None };
    nearest(name, &alike).or(only).or_else(|| nearest(name, &of_shape(true))).map(str::to_owned)
}

fn of_no_use(left_over: &Theirs<'_>) -> Vec<String> {
    if left_over.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = left_over.values().map(|(name, _)| name.clone()).collect();
    vec![format!("{} tensors of the file are of no use here: {}", names.len(), listed(&names))]
}

fn listed(all: &[String]) -> String {
    let more = all.len().saturating_sub(LISTED);
    let list = all[..all.len() - more].join(", ");
    if more == 0 { list } else { format!("{list} and {more} more") }
}

/// `4x12x5`, `one value`
fn shape(of: &[usize]) -> String {
    if of.is_empty() { "one value".into() } else { of.iter().map(usize::to_string).collect::<Vec<_>>().join("x") }
}

/// Values in single precision.
fn numbers(tensor: &TensorView<'_>) -> std::result::Result<Vec<f32>, String> {
    let data = tensor.data();
    Ok(match tensor.dtype() {
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F64 => data.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
        Dtype::BF16 => {
            let wide = |bytes: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
            data.as_chunks::<2>().0.iter().map(wide).collect()
        }
        Dtype::F16 => data.as_chunks::<2>().0.iter().map(|bytes| half(u16::from_le_bytes(*bytes))).collect(),
        other => return Err(format!("is {other:?}; numbers of half, single or double precision can be used")),
    })
}

/// The value of IEEE 754's binary16.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// The content of a file of weights.
///
/// # Errors
/// A user error where it cannot be read.
pub fn read(weights: &WeightsFile) -> Result<Vec<u8>> {
    let path: &Path = weights.path.resolved()?;
    std::fs::read(path).map_err(|error| Error::user(format!("{} cannot be read: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_those_of_ieee_754() {
        // numpy.array([...], dtype=numpy.uint16).view(numpy.float16)
        for (bits, value) in [
            (0x0000, 0.0f32),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:04x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
