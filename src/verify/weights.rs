//! Checkpoints by their checksums.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};

use crate::train::checkpoint::{METADATA, STAGE, Tensors, digest, digest_of_metadata, not_finite};

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
    match metadata.get(STAGE) {
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

/// The SHA-256 of all tensors, which are finite numbers of single precision.
fn sha256_of(file: &SafeTensors<'_>) -> Result<String, String> {
    let views = file.tensors();
    if let Some((name, view)) = views.iter().find(|(_, view)| view.dtype() != Dtype::F32) {
        return Err(format!("has {name} as {:?}", view.dtype()));
    }
    let tensors: Tensors<'_> = views.iter().map(|(name, view)| (name.as_str(), (view.shape(), view.data()))).collect();
    match not_finite(&tensors) {
        Some(name) => Err(format!("has weights in {name} that are not finite")),
        None => Ok(digest(&tensors)),
    }
}

/// That the metadata have the checksum that they say, where they say one.
fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), String> {
    let Some(said) = metadata.get(METADATA) else { return Ok(()) };
    let mut others = metadata.clone();
    others.remove(METADATA);
    if *said == digest_of_metadata(&others) {
        Ok(())
    } else {
        Err("has metadata that are not as they were saved".into())
    }
}
