//! Weights as safetensors, with PyTorch's names, and what proves them.
//!
//! Equal weights and metadata give equal bytes: tensors and metadata are in the order of their names. The metadata
//! hold two checksums. `weights_sha256`, which the store keeps too, is the SHA-256 of all tensors, each as the line
//! `NAME F32 SHAPE` (such as `head.0.weight F32 128x64`, and a line feed) and then its values as they are in the file.
//! `metadata_sha256` is that of the other metadata as compact JSON. So no bit of a file can change unseen.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::Result;
use crate::durable;
use crate::error::Error;
use crate::nn::Network;
use crate::ops::Backend;
use crate::seed::{hex, sha256_hex};

/// The stage that a checkpoint is of, in its metadata.
pub const STAGE: &str = "stage_id";
/// The checksum of the tensors, in the metadata.
const WEIGHTS: &str = "weights_sha256";
/// The checksum of the other metadata.
pub(crate) const METADATA: &str = "metadata_sha256";
/// Before the header comes its length; the values begin at a multiple of this.
const ALIGNMENT: usize = 8;

/// Shape and values of tensors, by name.
pub(crate) type Tensors<'a> = BTreeMap<&'a str, (&'a [usize], &'a [u8])>;

/// A checkpoint that was read and is whole: what it says of itself is so, and all its values are finite.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    bytes: Vec<u8>,
    metadata: BTreeMap<String, String>,
}

/// Writes all values of `net` to `path` and syncs them; gives the checksum of the tensors. It is made whole, but not
/// beside its place: that is for the caller, who names a file of its own and then puts it in its place.
///
/// # Errors
/// A user error where a value is not finite, and where the file cannot be written.
pub fn save<D: Backend>(net: &mut Network<D>, metadata: &BTreeMap<String, String>, path: &Path) -> Result<String> {
    let mut values: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    net.visit(|place, param| {
        let bytes = param.to_vec().iter().flat_map(|value| value.to_le_bytes()).collect();
        values.push((place.name.to_owned(), param.shape.clone(), bytes));
    });
    let tensors = values.iter().map(|(name, shape, bytes)| (name.as_str(), (&shape[..], &bytes[..])));
    let tensors: Tensors<'_> = tensors.collect();
    if let Some(name) = not_finite(&tensors) {
        let advice = "training diverged; lower optimizer.learning_rate, or look for extreme values in the data";
        return Err(Error::user(format!("{name} has a weight that is not a finite number: {advice}")));
    }
    let sha256 = digest(&tensors);
    let written = durable::write_unfinished(path, |file| write(file, metadata, &sha256, &tensors));
    written.map_err(|error| Error::user(format!("cannot write the checkpoint {}: {error}", path.display())))?;
    Ok(sha256)
}

/// Reads all values of `net` from `path`, of whichever stage.
///
/// # Errors
/// A user error where the file cannot be read, is not whole, or is not of this architecture.
pub fn load<D: Backend>(net: &mut Network<D>, path: &Path) -> Result<()> {
    Checkpoint::read(path)?.fill(net)
}

impl Checkpoint {
    /// Reads `path` and checks all that it says of itself.
    ///
    /// # Errors
    /// A user error where it cannot be read or is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |why: String| Error::user(format!("{} {why}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let (length, header_json) =
            SafeTensors::read_metadata(&bytes).map_err(|error| wrong(format!("is not a whole checkpoint: {error}")))?;
        let metadata: BTreeMap<String, String> =
            header_json.metadata().clone().unwrap_or_default().into_iter().collect();
        let checkpoint = Self { path: path.to_owned(), bytes, metadata };
        let tensors = checkpoint.file()?;
        let views = tensors.tensors();
        if let Some((name, view)) = views.iter().find(|(_, view)| view.dtype() != Dtype::F32) {
            return Err(wrong(format!("is not a checkpoint of ecgraft: {name} is {:?}", view.dtype())));
        }
        let tensors: Tensors<'_> =
            views.iter().map(|(name, view)| (name.as_str(), (view.shape(), view.data()))).collect();
        let said = |key: &str| checkpoint.metadata.get(key).map_or("", String::as_str);
        let metadata = checkpoint.metadata.iter().filter(|(key, _)| *key != METADATA);
        let metadata: BTreeMap<String, String> = metadata.map(|(key, value)| (key.clone(), value.clone())).collect();
        let is_whole = said(WEIGHTS) == digest(&tensors)
            && said(METADATA) == digest_of_metadata(&metadata)
            && checkpoint.bytes.get(8..8 + length) == Some(&header(&checkpoint.metadata, &tensors));
        if !is_whole {
            return Err(wrong("is damaged: it is not what was saved, by its checksums".into()));
        }
        if let Some(name) = not_finite(&tensors) {
            return Err(wrong(format!("cannot be used: {name} has a value that is not a finite number")));
        }
        Ok(checkpoint)
    }

    /// What it says of itself beside its values.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Checks that it is what the store says stage `id` ended with.
    ///
    /// # Errors
    /// A user error where it is another stage's, or another training's.
    pub fn is_of(&self, id: &str, weights_sha256: Option<&str>) -> Result<()> {
        let path = self.path.display();
        let said = |key: &str| self.metadata.get(key).map(String::as_str);
        if said(STAGE) != Some(id) {
            let whose = said(STAGE).unwrap_or("unknown");
            return Err(Error::user(format!("{path} is another stage's: of {whose}, not {id}")));
        }
        if weights_sha256.is_none() || said(WEIGHTS) != weights_sha256 {
            return Err(Error::user(format!("{path} holds other weights than the store has a checksum of")));
        }
        Ok(())
    }

    /// Copies its values into `net`.
    ///
    /// # Errors
    /// A user error where it is of another architecture.
    pub fn fill<D: Backend>(&self, net: &mut Network<D>) -> Result<()> {
        let file = self.file()?;
        let mut problem = None;
        net.visit(|at, param| match file.tensor(at.name) {
            Ok(tensor) if tensor.shape() == param.shape => {
                let values: Vec<f32> = floats(tensor.data()).collect();
                param.value.copy_from(&values);
            }
            Ok(tensor) => problem = Some(format!("{} has shape {:?}, not {:?}", at.name, tensor.shape(), param.shape)),
            Err(_) => problem = Some(format!("{} is missing", at.name)),
        });
        match problem {
            Some(problem) => {
                Err(Error::user(format!("{} does not fit the architecture: {problem}", self.path.display())))
            }
            None => Ok(()),
        }
    }

    fn file(&self) -> Result<SafeTensors<'_>> {
        let file = SafeTensors::deserialize(&self.bytes);
        file.map_err(|error| Error::user(format!("{} is not a whole checkpoint: {error}", self.path.display())))
    }
}

/// Writes all of a checkpoint.
fn write(
    file: &mut impl Write,
    metadata: &BTreeMap<String, String>,
    sha256: &str,
    tensors: &Tensors<'_>,
) -> std::io::Result<()> {
    let mut metadata = metadata.clone();
    metadata.insert(WEIGHTS.into(), sha256.to_owned());
    metadata.insert(METADATA.into(), digest_of_metadata(&metadata));
    let header = header(&metadata, tensors);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    tensors.values().try_for_each(|(_, bytes)| file.write_all(bytes))
}

/// The SHA-256 of tensors, see the module.
pub(crate) fn digest(tensors: &Tensors<'_>) -> String {
    let mut hash = Sha256::new();
    for (name, (shape, bytes)) in tensors {
        let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
        hash.update(format!("{name} F32 {}\n", shape.join("x")));
        hash.update(bytes);
    }
    hex(&hash.finalize())
}

pub(crate) fn digest_of_metadata(metadata: &BTreeMap<String, String>) -> String {
    sha256_hex(json!(metadata).to_string().as_bytes())
}

/// The header, its keys in order, filled up with spaces.
fn header(metadata: &BTreeMap<String, String>, tensors: &Tensors<'_>) -> Vec<u8> {
    let mut end = 0;
    let mut header = serde_json::Map::from_iter([("__metadata__".to_owned(), json!(metadata))]);
    for (name, (shape, bytes)) in tensors {
        let start = end;
        end += bytes.len();
        header.insert((*name).to_owned(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    header
}

/// The name of the first tensor with a value that is not finite.
pub(crate) fn not_finite<'a>(tensors: &Tensors<'a>) -> Option<&'a str> {
    // Without a branch for each value: those that are not finite have all bits of the exponent set.
    let is_finite = |bytes: &[u8]| {
        let exponents = bytes.as_chunks::<4>().0.iter().map(|value| u32::from_le_bytes(*value) & 0x7f80_0000);
        exponents.fold(0, u32::max) < 0x7f80_0000
    };
    tensors.iter().find(|(_, (_, bytes))| !is_finite(bytes)).map(|(name, _)| *name)
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole_but_not_finite_or_not_the_stages_is_refused() {
        let folder = std::env::temp_dir().join(format!("ecgraft-proof-{}", std::process::id()));
        let path = folder.join("a");
        let read = |values: [f32; 3]| {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let tensors = Tensors::from([("head.0.weight", (&[3, 1][..], &bytes[..]))]);
            let metadata = BTreeMap::from([(STAGE.to_owned(), "one".to_owned())]);
            durable::write_with(&path, |file| write(file, &metadata, &digest(&tensors), &tensors)).unwrap();
            Checkpoint::read(&path)
        };
        // By hand: printf 'head.0.weight F32 3x1\n\0\0\200\077\0\0\0\300\0\0\0\0' | sha256sum
        let sha256 = "5045ce39fee9fa03946b0a15fc6dff66e45c3150e1d90a791ef4b4cd07b0c9f2";
        let checkpoint = read([1.0, -2.0, 0.0]).unwrap();
        checkpoint.is_of("one", Some(sha256)).unwrap();
        for (id, sha256, says) in [
            ("other", Some(sha256), "another stage's: of one, not other"),
            ("one", Some("0"), "other weights"),
            ("one", None, "other weights"),
        ] {
            let message = checkpoint.is_of(id, sha256).unwrap_err().message;
            assert!(message.contains(says), "{message}");
        }
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let message = read([1.0, wrong, 0.0]).unwrap_err().message;
            assert!(message.contains("head.0.weight has a value that is not a finite number"), "{message}");
        }
        read([f32::MAX, f32::MIN_POSITIVE, -0.0]).unwrap();
        let _ = std::fs::remove_dir_all(folder);
    }
}
