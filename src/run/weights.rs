//! Weights from elsewhere: brought into the store once, as a stage that others start from.

use std::collections::BTreeMap;

use super::Shared;
use super::stage::{Finished, architecture_of, saved};
use crate::manifest::{Fusion, Manifest, WeightsFile};
use crate::nn::Network;
use crate::ops::Backend;
use crate::plan::Stage;
use crate::seed::sha256_hex;
use crate::train::{Outcome, foreign};
use crate::{Error, Result};

/// What is said of a stage that nobody knows the teachers of.
const UNKNOWN: &str = "the people who taught these weights are not known: that nobody of them validates or tests what is \
                       grafted from them cannot be proved";

/// Reads the file of stage `stage`, the weights of a name and whether with the hidden layer of the head, and saves what of it
/// is used.
pub(super) fn bring<D: Backend>(
    device: &D,
    shared: &Shared<'_>,
    stage: &Stage,
    (name, hidden): (&str, bool),
) -> Result<Finished> {
    let manifest = &shared.plan.experiments[stage.experiment];
    let weights = manifest.weights.get(name).ok_or_else(|| Error::internal(format!("no weights {name}")))?;
    let content = foreign::read(weights)?;
    let planned = shared.plan.fingerprints.get(&(manifest.scope(), format!("weights:{name}")));
    if planned != Some(&fingerprint_of(&content)) {
        return Err(Error::user(format!(
            "{} has changed since the plan was made; run again",
            weights.path.resolved()?.display()
        )));
    }
    let (architecture, signal) = (architecture_of(manifest, stage)?, manifest.signal.shape());
    // What is not taken from the file is not grafted either.
    let random = &mut crate::seed::stream(0, "not of the file", 0);
    let mut network = Network::new(device, architecture, signal, (1, Fusion::Concat), 1, random)?;
    let mut notes =
        foreign::fill(&mut network, weights, &content, hidden).map_err(|error| error.at(format!("weights {name}")))?;
    notes.push(UNKNOWN.into());
    let outcome = Outcome { notes, ..Outcome::default() };
    let weights = saved(shared, stage, &mut network, BTreeMap::new())?;
    Ok(Finished { outcome, weights, note: "brought from elsewhere".into() })
}

/// What the content of the files of weights that trials use is known by, with what they are called among fingerprints.
pub(super) fn fingerprints(manifest: &Manifest) -> Result<Vec<(String, String)>> {
    let one = |(name, weights): (&String, &WeightsFile)| {
        let content = foreign::read(weights).map_err(|error| error.at(format!("weights {name}")))?;
        Ok((format!("weights:{name}"), fingerprint_of(&content)))
    };
    manifest.used_weights().map(one).collect()
}

fn fingerprint_of(content: &[u8]) -> String {
    sha256_hex(content)
}
