//! Weights as safetensors, with PyTorch's names.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::Result;
use crate::error::Error;
use crate::nn::Network;
use crate::ops::Backend;

/// Writes all values of `net` to `path`: first beside it, then renamed, so that `path` is never half a file.
///
/// # Errors
/// A user error where the file cannot be written.
pub fn save<D: Backend>(net: &mut Network<D>, metadata: &BTreeMap<String, String>, path: &Path) -> Result<()> {
    let mut values: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    net.visit(|place, param| {
        let bytes = param.to_vec().iter().flat_map(|value| value.to_le_bytes()).collect();
        values.push((place.name.to_owned(), param.shape.clone(), bytes));
    });
    let mut views = Vec::new();
    for (name, shape, bytes) in &values {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
            .map_err(|error| Error::internal(format!("{name}: {error}")))?;
        views.push((name.as_str(), view));
    }
    let metadata: HashMap<String, String> = metadata.clone().into_iter().collect();
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|error| Error::internal(format!("{}: {error}", path.display())))?;
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
        std::fs::write(&unfinished, bytes)?;
        std::fs::rename(unfinished, path)
    };
    write().map_err(|error| Error::user(format!("cannot write the checkpoint {}: {error}", path.display())))
}

/// Reads all values of `net` from `path`.
///
/// # Errors
/// A user error where the file cannot be read, or is not a checkpoint of this architecture.
pub fn load<D: Backend>(net: &mut Network<D>, path: &Path) -> Result<()> {
    let place = path.display();
    let bytes =
        std::fs::read(path).map_err(|error| Error::user(format!("cannot read the checkpoint {place}: {error}")))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| Error::user(format!("{place} is not a whole checkpoint: {error}")))?;
    let mut problem = None;
    net.visit(|at, param| match file.tensor(at.name) {
        Ok(tensor) if tensor.shape() == param.shape && tensor.dtype() == Dtype::F32 => {
            let values: Vec<f32> = tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            if values.iter().any(|value| !value.is_finite()) {
                problem = Some(format!("{} is not finite", super::finite::in_words(at.role, at.name)));
            }
            param.value.copy_from(&values);
        }
        Ok(tensor) => problem = Some(format!("{} has shape {:?}, not {:?}", at.name, tensor.shape(), param.shape)),
        Err(_) => problem = Some(format!("{} is missing", at.name)),
    });
    match problem {
        Some(problem) => Err(Error::user(format!("{place} is not the checkpoint of such a network: {problem}"))),
        None => Ok(()),
    }
}
