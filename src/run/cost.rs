//! What a stage will cost, in comparable units, for the ETA.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::manifest::{Architecture, Contrastive, Freeze, Signal, Views};
use crate::nn::Input;
use crate::plan::{Plan, Stage, StageKind, TaskKind};

/// Records of a source whose number is not known before it is read.
const TYPICAL_RECORDS: f64 = 2000.0;

/// What decides it.
struct Work<'a> {
    architecture: &'a Architecture,
    leads: usize,
    /// Samples that are seen at once.
    length: usize,
    epochs: usize,
    records: f64,
    backbones: usize,
}

impl Work<'_> {
    /// Epochs x records x multiplications of one record.
    fn cost(&self) -> f64 {
        let one = self.architecture.cost(Input { leads: self.leads, length: self.length }).multiplications as f64;
        self.epochs as f64 * self.records * self.backbones as f64 * one
    }
}

/// What a stage of `plan` will cost.
pub(super) fn of_stage(plan: &Plan, stage: &Stage) -> f64 {
    let manifest = &plan.experiments[stage.experiment];
    let Some(architecture) = manifest.architectures.get(stage.architecture) else { return 1.0 };
    let records = |mix: &str| {
        manifest.mixes.get(mix).and_then(|mix| mix.records).map_or(TYPICAL_RECORDS, |records| records as f64)
    };
    let (epochs, records, backbones) = match &stage.kind {
        StageKind::Regression { mix, .. } => (manifest.regression.epochs, records(mix), 1),
        StageKind::Classification { mix } => (manifest.classification.training.epochs, records(mix), 1),
        StageKind::Masked { mix } => (manifest.masked.training.epochs, records(mix), 1),
        // Two views of each record.
        StageKind::Contrastive { mix } => (2 * manifest.contrastive.training.epochs, records(mix), 1),
        StageKind::Weights { .. } => return 0.0,
        StageKind::Transfer { backbones, freeze, label_fraction, .. } => {
            let freeze = freeze.and_then(|name| manifest.freezes.get(name));
            let epochs = if freeze.is_some_and(Freeze::freezes_all) { 1 } else { manifest.transfer.epochs };
            (epochs, label_fraction * TYPICAL_RECORDS, *backbones)
        }
    };
    let (leads, length) = manifest.signal.shape();
    let length = match &stage.kind {
        StageKind::Contrastive { .. } => seen(architecture, &manifest.contrastive, &manifest.signal),
        _ => length,
    };
    Work { architecture, leads, length, epochs, records, backbones }.cost()
}

/// Samples of a view that a network is given.
fn seen(architecture: &Architecture, contrastive: &Contrastive, signal: &Signal) -> usize {
    let (_, length) = signal.shape();
    if architecture.takes_any_length() { contrastive.views.samples(signal.sampling_rate, length) } else { length }
}

/// The same, from the settings that the store keeps of a stage; `None` where they are not understood, as those of
/// another version may not be.
pub(super) fn of_settings(settings: &Value) -> Option<f64> {
    fn part<T: DeserializeOwned>(value: &Value) -> Option<T> {
        let mut value = value.clone();
        // The name in the manifest, beside the settings.
        value.as_object_mut().map(|object| object.remove("name"));
        serde_json::from_value(value).ok()
    }
    let architecture: Architecture = part(&settings["architecture"])?;
    let signal: Signal = part(&settings["signal"])?;
    let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok());
    let records = settings["mix"]["records"].as_f64().unwrap_or(TYPICAL_RECORDS);
    let (epochs, records, backbones) = match settings["kind"].as_str()?.parse().unwrap_or(TaskKind::Transfer) {
        TaskKind::Regression => (count(&settings["regression"]["epochs"])?, records, 1),
        TaskKind::Classification => (count(&settings["classification"]["training"]["epochs"])?, records, 1),
        TaskKind::Masked => (count(&settings["masked"]["training"]["epochs"])?, records, 1),
        TaskKind::Contrastive => (2 * count(&settings["contrastive"]["training"]["epochs"])?, records, 1),
        TaskKind::Weights => return Some(0.0),
        TaskKind::Transfer => {
            let freeze: Option<Freeze> = part(&settings["freeze"]);
            let epochs = count(&settings["transfer"]["epochs"])?;
            let epochs = if freeze.as_ref().is_some_and(Freeze::freezes_all) { 1 } else { epochs };
            let share = settings["label_fraction"].as_f64()?;
            (epochs, share * TYPICAL_RECORDS, count(&settings["backbones"]).unwrap_or(1))
        }
    };
    let (leads, mut length) = signal.shape();
    if let Some(views) = settings["contrastive"].get("views") {
        let views: Views = part(views)?;
        length = if architecture.takes_any_length() { views.samples(signal.sampling_rate, length) } else { length };
    }
    Some(Work { architecture: &architecture, leads, length, epochs, records, backbones }.cost())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_in_the_store_cost_what_the_plan_says() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let paths = ["experiments/sample.toml", "tests/manifests/contract.toml"].map(|path| root.join(path));
        for manifest in crate::manifest::load(&paths).unwrap() {
            let print = |name: String| ((manifest.scope(), name.clone()), name);
            let fingerprints = manifest.used_sources().into_iter().map(print).collect();
            let plan = crate::plan::expand(vec![manifest], &fingerprints, &crate::plan::Overlaps::new()).unwrap();
            for stage in &plan.stages {
                assert_eq!(
                    of_settings(&stage.settings(&plan)),
                    Some(of_stage(&plan, stage)),
                    "{}",
                    stage.describe(&plan)
                );
            }
        }
    }
}
