//! Identity: a hash of everything that decides a result, and of nothing else.
//!
//! Settings are hashed as values, not as text: objects by sorted key, numbers by their bits. So an
//! id depends neither on the order of fields nor on how a library prints a number.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Fingerprints, NUMERIC_VERSION, TaskKind};
use crate::manifest::{
    BatchNormMode, Contrastive, Freeze, Fusion, GraftedPart, Manifest, Masked, Mix, MixPart, Pretraining, Regression,
    Target, Targets, Transfer, WeightsFile,
};
use crate::{Error, Result, seed};

/// The first 80 bits of a SHA-256: 20 hexadecimal digits.
pub(super) type Id = [u8; 10];

/// An id as it is written.
pub(super) fn written(id: Id) -> String {
    seed::hex(&id)
}

/// An id from how it is written; `None` for what is none.
pub(super) fn read(text: &str) -> Option<Id> {
    let mut id = Id::default();
    // Both cases would be two ways to write one.
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * id.len() || !text.bytes().all(is_digit) {
        return None;
    }
    for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(id)
}

/// The id of a trial: the experiment's name with its variant and fold, where it has them, and its transfer stage.
pub(super) fn run_id(experiment: &str, variant: Option<&str>, fold: Option<u8>, stage: Id) -> Id {
    let mut hash = Sha256::new();
    hash.update(b"run");
    hash.update(stage);
    hash.update(experiment.as_bytes());
    if variant.is_some() || fold.is_some() {
        // No name has this character.
        hash.update(b"\0");
        feed(&mut hash, &serde_json::json!([variant, fold]));
    }
    shorten(hash)
}

/// A hash under way: what stages have in common is fed once, then cloned for each.
#[derive(Clone)]
pub(super) struct Common(Sha256);

impl Common {
    /// What all stages of a manifest have in common.
    pub(super) fn of(manifest: &Manifest) -> Result<Common> {
        Common::numeric().and(&manifest.signal)?.and(&manifest.compute)
    }

    /// What all stages of this version have in common.
    pub(super) fn numeric() -> Common {
        let mut hash = Sha256::new();
        hash.update(b"stage");
        hash.update(NUMERIC_VERSION.to_le_bytes());
        Common(hash)
    }

    /// The same with `settings` added.
    pub(super) fn and(self, settings: &impl Serialize) -> Result<Common> {
        let value = serde_json::to_value(settings)
            .map_err(|error| Error::internal(format!("settings cannot be written as JSON: {error}")))?;
        Ok(self.value(&value))
    }

    /// The same with settings added that are JSON already.
    pub(super) fn value(mut self, settings: &Value) -> Common {
        self.0.update(digest(settings));
        self
    }

    /// The same with `settings` added where there are any.
    pub(super) fn and_some(self, settings: &Option<impl Serialize>) -> Result<Common> {
        match settings {
            Some(settings) => self.and(settings),
            None => Ok(self),
        }
    }

    /// The same of stages that are not tested, where that is so.
    pub(super) fn untested(self, untested: bool) -> Common {
        if untested { self.value(&Value::from("untested")) } else { self }
    }

    /// The id of one regression stage.
    pub(super) fn regression(&self, targets: &Targets, seed: u64) -> Id {
        let mut hash = self.0.clone();
        match targets.list() {
            [one] => {
                hash.update(b"regression");
                target(&mut hash, *one);
            }
            several => {
                hash.update(b"regression of several");
                hash.update([several.len() as u8]);
                several.iter().for_each(|one| target(&mut hash, *one));
            }
        }
        hash.update(seed.to_le_bytes());
        shorten(hash)
    }

    /// The id of one classifier that is trained on a mix.
    pub(super) fn classification(&self, seed: u64) -> Id {
        let mut hash = self.0.clone();
        hash.update(b"classification");
        hash.update(seed.to_le_bytes());
        shorten(hash)
    }

    /// The id of one network that learns from the signals of a mix alone, as `what` says.
    pub(super) fn self_supervised(&self, what: TaskKind, seed: u64) -> Id {
        let mut hash = self.0.clone();
        hash.update(what.name());
        hash.update(seed.to_le_bytes());
        shorten(hash)
    }

    /// The id of weights from elsewhere.
    pub(super) fn weights(&self) -> Id {
        let mut hash = self.0.clone();
        hash.update(b"weights");
        shorten(hash)
    }

    /// The id of one transfer stage; from scratch `inputs` is empty and `freeze` the default's digest.
    pub(super) fn transfer(
        &self,
        inputs: &[Id],
        (backbones, fusion): (usize, Fusion),
        freeze: [u8; 32],
        label_fraction: f64,
        seed: u64,
    ) -> Id {
        let mut hash = self.0.clone();
        hash.update(b"transfer");
        if backbones > 1 && fusion != Fusion::Concat {
            hash.update(fusion.name());
        }
        if backbones > inputs.len().max(1) {
            hash.update(b"fresh");
            hash.update((backbones as u64).to_le_bytes());
        }
        hash.update((inputs.len() as u64).to_le_bytes());
        for input in inputs {
            hash.update(input);
        }
        hash.update(freeze);
        hash.update(label_fraction.to_bits().to_le_bytes());
        hash.update(seed.to_le_bytes());
        shorten(hash)
    }
}

/// Feeds a target: its number if it is built in, else its name and unit.
fn target(hash: &mut Sha256, target: Target) {
    match target.place() {
        Some(place) => hash.update([place as u8]),
        None => {
            hash.update([u8::MAX]);
            feed(hash, &Value::from(vec![target.name(), target.unit()]));
        }
    }
}

/// The digest of a freeze schedule. What has no effect is left out: batch norms of frozen blocks,
/// where no block is ever frozen.
pub(super) fn freeze_digest(freeze: &Freeze) -> Result<[u8; 32]> {
    let mut freeze = freeze.clone();
    if !freeze.freezes_any() {
        freeze.batch_norm = BatchNormMode::default();
    }
    let value = serde_json::to_value(&freeze)
        .map_err(|error| Error::internal(format!("a freeze cannot be written as JSON: {error}")))?;
    Ok(digest(&value))
}

/// The settings of `[regression]` that decide a network: all but the list of targets, and where it is evaluated.
pub(super) fn regression_settings(manifest: &Manifest) -> Result<Value> {
    without(&manifest.regression, &["targets", "evaluate_on"])
}

/// The settings of `[classification]` that decide a network: all but where the transfer's records come from.
pub(super) fn pretraining_settings(settings: &Pretraining) -> Result<Value> {
    let mut value = without(settings, &[])?;
    value["training"] = without(
        &settings.training,
        &["source", "train_folds", "validation_folds", "test_folds", "where", "evaluate_on", "graft", "budget"],
    )?;
    Ok(value)
}

/// The settings of `[masked]` that decide a network.
pub(super) fn masked_settings(settings: &Masked) -> Result<Value> {
    self_supervised(settings, &settings.training)
}

/// The settings of `[contrastive]` that decide a network.
pub(super) fn contrastive_settings(settings: &Contrastive) -> Result<Value> {
    self_supervised(settings, &settings.training)
}

/// Settings with a training that has neither targets nor a loss of its own.
fn self_supervised(settings: &impl Serialize, training: &Regression) -> Result<Value> {
    let mut value = without(settings, &[])?;
    value["training"] = without(training, &["targets", "loss", "evaluate_on"])?;
    Ok(value)
}

/// What of a file of weights decides a network, with its `fingerprint` for its path; `hidden` says whether its hidden layer
/// is taken too.
pub(super) fn weights_settings(weights: &WeightsFile, fingerprint: &str, hidden: bool) -> Value {
    serde_json::json!({
        "fingerprint": fingerprint,
        "prefix": weights.prefix,
        "names": weights.names,
        "hidden": hidden,
    })
}

/// The settings of `[transfer]` that decide a network, `grafted` or from scratch, which nothing is taken for.
pub(super) fn transfer_settings(settings: &Transfer, grafted: bool) -> Transfer {
    let graft = if grafted { settings.graft } else { GraftedPart::default() };
    Transfer { evaluate_on: Vec::new(), graft, ..settings.clone() }
}

/// Settings as JSON, less some keys.
fn without(settings: &impl Serialize, keys: &[&str]) -> Result<Value> {
    let mut value = serde_json::to_value(settings)
        .map_err(|error| Error::internal(format!("settings cannot be written as JSON: {error}")))?;
    if let Some(object) = value.as_object_mut() {
        keys.iter().for_each(|key| drop(object.remove(*key)));
    }
    Ok(value)
}

/// The fingerprint of a manifest's source.
pub(super) fn fingerprint<'a>(manifest: &Manifest, source: &str, known: &'a Fingerprints) -> Result<&'a str> {
    known.get(&(manifest.scope(), source.to_owned())).map(String::as_str).ok_or_else(|| {
        if source.starts_with("weights:") {
            let path = manifest.path.display();
            return Error::user(format!(
                "{path}: the file of {source} has not been fingerprinted; its stages have no name"
            ));
        }
        let what = manifest.sources.get(source).map_or("undefined", |source| source.kind().name());
        Error::user(format!(
            "{}: the data of the {what} source {source:?} have not been fingerprinted, so that stages which use it \
             cannot be named; give every source that is used a fingerprint",
            manifest.path.display()
        ))
    })
}

/// The mix with fingerprints for names: what of it decides the records of a stage of so many `epochs`.
pub(super) fn anonymous_mix(manifest: &Manifest, mix: &Mix, epochs: usize, known: &Fingerprints) -> Result<Mix> {
    let part = |part: &MixPart| -> Result<MixPart> {
        Ok(MixPart {
            source: fingerprint(manifest, &part.source, known)?.to_owned(),
            // What has no effect is left out.
            from_epoch: part.from_epoch.filter(|from| *from > 1),
            until_epoch: part.until_epoch.filter(|until| *until < epochs),
            ..part.clone()
        })
    };
    Ok(Mix { records: mix.records, parts: mix.parts.iter().map(part).collect::<Result<_>>()? })
}

fn shorten(hash: Sha256) -> Id {
    let full: [u8; 32] = hash.finalize().into();
    let mut id = Id::default();
    id.copy_from_slice(&full[..10]);
    id
}

/// SHA-256 of a JSON value, without ambiguity: every piece has a tag, and a length where it varies.
pub(super) fn digest(value: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    feed(&mut hash, value);
    hash.finalize().into()
}

fn feed(hash: &mut Sha256, value: &Value) {
    fn sized(hash: &mut Sha256, tag: &[u8; 1], length: usize) {
        hash.update(tag);
        hash.update((length as u64).to_le_bytes());
    }
    match value {
        Value::Null => hash.update(b"0"),
        Value::Bool(flag) => hash.update(if *flag { b"t" } else { b"f" }),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => {
                hash.update(b"u");
                hash.update(whole.to_le_bytes());
            }
            (None, Some(whole)) => {
                hash.update(b"i");
                hash.update(whole.to_le_bytes());
            }
            (None, None) => {
                hash.update(b"d");
                // Adding 0 makes one of the two zeros.
                hash.update((number.as_f64().unwrap_or(f64::NAN) + 0.0).to_bits().to_le_bytes());
            }
        },
        Value::String(text) => {
            sized(hash, b"s", text.len());
            hash.update(text.as_bytes());
        }
        Value::Array(items) => {
            sized(hash, b"a", items.len());
            items.iter().for_each(|item| feed(hash, item));
        }
        Value::Object(entries) => {
            sized(hash, b"o", entries.len());
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in entries {
                sized(hash, b"k", key.len());
                hash.update(key.as_bytes());
                feed(hash, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_digest_sees_values_and_not_their_order() {
        assert_eq!(digest(&json!({"a": 1.0, "b": [2]})), digest(&json!({"b": [2], "a": 1.0})));
        let different = [
            json!(null),
            json!(false),
            json!(0),
            json!(0.0),
            json!(1.0),
            json!(1),
            json!("1"),
            json!([1]),
            json!([[1]]),
            json!({"1": 1}),
            json!([1, 2]),
            json!([2, 1]),
            json!(["ab", "c"]),
            json!(["a", "bc"]),
            json!({"a": {"b": 1}}),
            json!({"a": {}, "b": 1}),
        ];
        for (i, a) in different.iter().enumerate() {
            for b in &different[i + 1..] {
                assert_ne!(digest(a), digest(b), "{a} and {b}");
            }
        }
    }
}
