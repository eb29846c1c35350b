//! A stage in words and in full: a short label, and the settings behind its id.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::{NUMERIC_VERSION, Plan, Stage, StageKind, TaskKind, identity, overlap};
use crate::manifest::{BASE, Donor, Freeze, Manifest, graft_label};
use crate::words::number::percent;

impl Stage {
    /// The whole resolved settings, for provenance: all that the id covers, and the names used in the
    /// manifest that first asked for the stage. `plan` is the plan the stage is part of.
    pub fn settings(&self, plan: &Plan) -> Value {
        let manifest = &*plan.experiments[self.experiment];
        let mut settings = json!({
            "numeric_version": NUMERIC_VERSION,
            "seed": self.seed,
            "architecture": named(self.architecture, manifest.architectures.get(self.architecture)),
            "signal": manifest.signal,
            "compute": manifest.compute,
        });
        settings["kind"] = json!(self.kind.task().name());
        match &self.kind {
            StageKind::Regression { mix, targets } => {
                settings["target"] = json!(targets);
                settings["regression"] = json!(identity::regression_settings(manifest).ok());
                self.mix_settings(&mut settings, plan, mix);
            }
            StageKind::Classification { mix } => {
                settings["classification"] = json!(identity::pretraining_settings(&manifest.classification).ok());
                self.mix_settings(&mut settings, plan, mix);
            }
            StageKind::Masked { mix } => {
                settings["masked"] = json!(identity::masked_settings(&manifest.masked).ok());
                self.mix_settings(&mut settings, plan, mix);
            }
            StageKind::Contrastive { mix } => {
                settings["contrastive"] = json!(identity::contrastive_settings(&manifest.contrastive).ok());
                self.mix_settings(&mut settings, plan, mix);
            }
            StageKind::Weights { name, hidden } => {
                let print = fingerprint(plan, manifest, &Donor::Weights(name.clone()).label());
                let own = manifest
                    .weights
                    .get(name)
                    .map(|weights| identity::weights_settings(weights, print.as_str().unwrap_or_default(), *hidden));
                settings["weights"] = named(name, own.as_ref());
            }
            StageKind::Transfer { .. } => self.transfer_settings(&mut settings, plan),
        }
        settings
    }

    /// What a transfer starts from and learns, into `settings`.
    fn transfer_settings(&self, settings: &mut Value, plan: &Plan) {
        let StageKind::Transfer { grafts, backbones, fusion, freeze, label_fraction } = &self.kind else { return };
        let manifest = &*plan.experiments[self.experiment];
        let input =
            |&index: &usize| json!({"stage_id": plan.stages[index].id, "label": plan.stages[index].describe(plan)});
        let source = &manifest.transfer.source;
        settings["grafts"] = grafts.iter().map(input).collect();
        if *backbones > 1 {
            settings["backbones"] = json!(backbones);
            settings["fusion"] = json!(fusion);
        }
        settings["freeze"] = match freeze {
            Some(name) if grafts.is_empty() => named(name, manifest.freezes.get(*name).map(Freeze::of_fresh).as_ref()),
            Some(name) => named(name, manifest.freezes.get(*name)),
            None => Value::Null,
        };
        settings["label_fraction"] = json!(label_fraction);
        settings["transfer"] = json!(identity::transfer_settings(&manifest.transfer, !grafts.is_empty()));
        let targets = &manifest.transfer.targets;
        if !targets.is_empty() {
            // For readers: no result depends on it.
            settings["units"] = targets.iter().map(|target| target.unit()).collect();
        }
        if manifest.is_candidate {
            settings["untested"] = json!(true);
        }
        settings["transfer"]["fingerprint"] = fingerprint(plan, manifest, source);
        settings["people"] = json!(overlap::on_transfer(manifest, &plan.fingerprints, &plan.overlaps).ok().flatten());
    }

    /// What a stage on `mix` has learned from, into `settings`.
    fn mix_settings(&self, settings: &mut Value, plan: &Plan, mix: &str) {
        let manifest = &*plan.experiments[self.experiment];
        let Some(parts) = manifest.mixes.get(mix) else { return };
        settings["mix"] = named(mix, Some(parts));
        for part in settings["mix"]["parts"].as_array_mut().into_iter().flatten() {
            part["fingerprint"] = fingerprint(plan, manifest, part["source"].as_str().unwrap_or_default());
        }
        settings["people"] =
            json!(overlap::on_mix(manifest, mix, parts, &plan.fingerprints, &plan.overlaps).ok().flatten());
    }

    /// A short label, such as `qrs on synthetic, cnn, seed 0` or
    /// `cnn, hr+qrs from synthetic, freeze probe, 10% labels, seed 1` or
    /// `cnn from scratch, 100% labels, seed 0`; with the variant that asks for it first, if that is not the manifest as it
    /// stands, and the fold that is tested, where these are rotated.
    pub fn describe(&self, plan: &Plan) -> String {
        let manifest = &*plan.experiments[self.experiment];
        let mut label = self.label(plan);
        let variant = manifest.variant.iter().filter(|variant| *variant != BASE);
        variant.for_each(|variant| label.push_str(&format!(", variant {variant}")));
        if self.kind.task() == TaskKind::Transfer {
            manifest.fold.iter().for_each(|fold| label.push_str(&format!(", fold {fold}")));
        }
        label
    }

    fn label(&self, plan: &Plan) -> String {
        let (architecture, seed) = (&self.architecture, self.seed);
        match &self.kind {
            StageKind::Weights { name, .. } => format!("weights:{name}, {architecture}"),
            StageKind::Regression { mix, .. }
            | StageKind::Classification { mix }
            | StageKind::Masked { mix }
            | StageKind::Contrastive { mix } => {
                let donor = self.donor().map_or_else(String::new, |donor| donor.label());
                format!("{donor} on {mix}, {architecture}, seed {seed}")
            }
            StageKind::Transfer { grafts, backbones, fusion, freeze, label_fraction } => {
                let labels = percent(*label_fraction);
                let Some(freeze) = freeze else {
                    let scratch = graft_label(&[], *backbones, *fusion, None);
                    return format!("{architecture} from {scratch}, {labels} labels, seed {seed}");
                };
                let donors = grafts.iter().map(|&graft| &plan.stages[graft]);
                let mixes: BTreeSet<&str> = donors.clone().filter_map(Stage::mix).collect();
                let mixes = mixes.into_iter().collect::<Vec<_>>().join("+");
                let from = if mixes.is_empty() { String::new() } else { format!(" from {mixes}") };
                let donors = donors.filter_map(Stage::donor).collect::<Vec<_>>();
                let graft = graft_label(&donors, *backbones, *fusion, Some(freeze));
                if donors.is_empty() {
                    return format!("{architecture}, {graft}, freeze {freeze}, {labels} labels, seed {seed}");
                }
                format!("{architecture}, {graft}{from}, freeze {freeze}, {labels} labels, seed {seed}")
            }
        }
    }

    /// Fingerprints of the data the stage itself learns from, joined by `+` where there are several.
    pub fn data_fingerprint(&self, plan: &Plan) -> String {
        let manifest = &*plan.experiments[self.experiment];
        let mut fingerprints = Vec::new();
        if let StageKind::Weights { name, .. } = &self.kind {
            let key = (manifest.scope(), Donor::Weights(name.clone()).label());
            return plan.fingerprints.get(&key).cloned().unwrap_or_default();
        }
        for source in self.sources(plan) {
            let found = plan.fingerprints.get(&(manifest.scope(), source.to_owned()));
            if let Some(found) = found.filter(|found| !fingerprints.contains(&found.as_str())) {
                fingerprints.push(found);
            }
        }
        fingerprints.join("+")
    }

    /// Names of the sources the stage itself learns from, in the order of its mix.
    pub fn sources<'a>(&'a self, plan: &'a Plan) -> Vec<&'a str> {
        let manifest = &*plan.experiments[self.experiment];
        match self.mix() {
            Some(mix) => {
                manifest.mixes.get(mix).into_iter().flat_map(|mix| &mix.parts).map(|part| &*part.source).collect()
            }
            None if matches!(self.kind, StageKind::Weights { .. }) => Vec::new(),
            None => vec![&manifest.transfer.source],
        }
    }

    /// Indices into [`Plan::stages`] of the stages this one starts from.
    pub fn inputs(&self) -> &[usize] {
        match &self.kind {
            StageKind::Transfer { grafts, .. } => grafts,
            _ => &[],
        }
    }

    /// The mix the stage learns from; none for a transfer.
    pub fn mix(&self) -> Option<&str> {
        match &self.kind {
            StageKind::Regression { mix, .. }
            | StageKind::Classification { mix }
            | StageKind::Masked { mix }
            | StageKind::Contrastive { mix } => Some(mix),
            StageKind::Weights { .. } | StageKind::Transfer { .. } => None,
        }
    }

    /// What its network can be grafted as; none for a transfer.
    pub fn donor(&self) -> Option<Donor> {
        match &self.kind {
            StageKind::Regression { targets, .. } => Some(Donor::Regression(targets.clone())),
            StageKind::Classification { .. } => Some(Donor::CLASSIFICATION),
            StageKind::Masked { .. } => Some(Donor::Masked),
            StageKind::Contrastive { .. } => Some(Donor::Contrastive),
            StageKind::Weights { name, .. } => Some(Donor::Weights(name.clone())),
            StageKind::Transfer { .. } => None,
        }
    }
}

/// The object of `settings` with its name; `null` where there are none.
fn named(name: &str, settings: Option<&impl Serialize>) -> Value {
    let mut value = json!(settings);
    if let Some(object) = value.as_object_mut() {
        object.insert("name".into(), json!(name));
    }
    value
}

fn fingerprint(plan: &Plan, manifest: &Manifest, source: &str) -> Value {
    json!(plan.fingerprints.get(&(manifest.scope(), source.to_owned())))
}
