//! Checkpoints by their checksums.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use crate::seed::{hex, sha256_hex};

/// What the checkpoint of a stage is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weights {
    /// It has the checksum that the store keeps.
    Proved,
    /// It is whole and of this stage, and the store keeps no checksum of it.
    Unproved,
    /// It is not there.
    Gone,
}

/// Looks at the checkpoint of `stage`, of which the store says that its tensors have this SHA-256.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub(super) fn check(path: &Path, stage: &str, sha256: Option<&str>) -> Result<Weights, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Weights::Gone),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let whole = |error| format!("is not a whole checkpoint: {error}");
    let file = SafeTensors::deserialize(&bytes).map_err(whole)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(whole)?;
    let metadata: BTreeMap<String, String> = header.metadata().clone().unwrap_or_default().into_iter().collect();
    match metadata.get("stage_id") {
        Some(of) if of == stage => {}
        Some(of) => return Err(format!("is that of stage {of}")),
        None => return Err("does not say of which stage it is".into()),
    }
    check_metadata(&metadata)?;
    let found = sha256_of(&file)?;
    match sha256 {
        Some(kept) if kept == found => Ok(Weights::Proved),
        Some(kept) => Err(format!("has tensors of SHA-256 {found}, and the store says {kept}")),
        None => Ok(Weights::Unproved),
    }
}

/// The SHA-256 of all tensors in the order of their names: each as the line `NAME F32 SHAPE` and its values.
fn sha256_of(file: &SafeTensors<'_>) -> Result<String, String> {
    let tensors: BTreeMap<String, _> = file.tensors().into_iter().collect();
    let mut hash = Sha256::new();
    for (name, tensor) in tensors {
        if tensor.dtype() != Dtype::F32 {
            return Err(format!("has {name} as {:?}", tensor.dtype()));
        }
        let is_finite = |value: &[u8; 4]| f32::from_le_bytes(*value).is_finite();
        if !tensor.data().as_chunks::<4>().0.iter().all(is_finite) {
            return Err(format!("has weights in {name} that are not finite"));
        }
        let shape: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
        hash.update(format!("{name} F32 {}\n", shape.join("x")));
        hash.update(tensor.data());
    }
    Ok(hex(&hash.finalize()))
}

/// That the metadata have the checksum that they say, where they say one.
fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), String> {
    const CHECKSUM: &str = "metadata_sha256";
    let Some(said) = metadata.get(CHECKSUM) else { return Ok(()) };
    let others: BTreeMap<&String, &String> = metadata.iter().filter(|(key, _)| *key != CHECKSUM).collect();
    let text = serde_json::to_string(&others).map_err(|error| error.to_string())?;
    if *said == sha256_hex(text.as_bytes()) {
        Ok(())
    } else {
        Err("has metadata that are not as they were saved".into())
    }
}
