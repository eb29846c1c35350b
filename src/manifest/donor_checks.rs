//! What must hold of networks that learn something else before they are grafted, and of weights from elsewhere.

use super::checks::Checks;
use super::*;
use crate::declare::{Faults, list};
use crate::nn;

impl Checks<'_> {
    /// Whether a regression is trained on the mix called `name`.
    pub(super) fn is_measured(&self, name: &str) -> bool {
        let trials = &self.manifest.trials;
        let is_left_out = |graft: &Vec<Donor>| {
            let (mix, from) = (Some(name.to_owned()), Some(graft.clone()));
            trials.leave_out(&Exclude { mix, from, ..Exclude::default() })
        };
        let measures = |graft: &&Vec<Donor>| graft.iter().any(|donor| matches!(donor, Donor::Regression(_)));
        trials.from.is_empty() || trials.from.iter().filter(measures).any(|graft| !is_left_out(graft))
    }

    /// `[masked]` and `[contrastive]`; what is as in `[regression]` was told there.
    pub(super) fn self_supervised(&mut self) {
        let Manifest { masked, contrastive, .. } = self.manifest;
        for (stage, training) in [("masked", &masked.training), ("contrastive", &contrastive.training)] {
            if self.places.is_written(&[stage]) {
                self.shares(stage, training.validation_share, training.test_share);
                self.training(stage, &training.augment, &training.schedule, training.epochs);
            }
        }
        self.masking();
        self.views();
    }

    fn masking(&mut self) {
        let (masking, signal) = (&self.manifest.masked.masking, &self.manifest.signal);
        let (leads, _) = signal.shape();
        if masking.share == 0.0 && (masking.whole_leads * leads as f64).round() == 0.0 {
            self.problem(
                &["masked", "share"],
                "nothing is masked: neither a share of the patches nor a whole lead".into(),
            );
        }
        if masking.patch / 1000.0 > signal.input_duration() && self.places.is_sound(&["signal"]) {
            let message = format!(
                "a patch of {} ms is longer than what networks see at once, {} s",
                masking.patch,
                signal.input_duration()
            );
            self.problem(&["masked", "patch"], message);
        }
    }

    fn views(&mut self) {
        let (manifest, signal) = (self.manifest, &self.manifest.signal);
        let (leads, length) = signal.shape();
        let contrastive = &manifest.contrastive;
        if let Some(window) = contrastive.views.window.filter(|window| *window > signal.input_duration()) {
            let message = format!(
                "a window of {window} s is longer than what networks see at once, {} s",
                signal.input_duration()
            );
            return self.problem(&["contrastive", "window"], message);
        }
        if !manifest.trials.from.iter().flatten().any(|donor| *donor == Donor::Contrastive) {
            return;
        }
        let view = contrastive.views.samples(signal.sampling_rate, length);
        let in_words = format!(
            "{view} samples, as a view of [contrastive] has ({} s at {} Hz)",
            view as f64 / signal.sampling_rate,
            signal.sampling_rate
        );
        for (name, architecture) in &manifest.architectures {
            if !architecture.takes_any_length() || !manifest.trials.architecture.contains(name) {
                continue;
            }
            let signal = nn::Signal { input: nn::Input { leads, length: view }, in_words: in_words.clone() };
            let mut faults = Faults::new(self.places, &["architectures", name]);
            architecture.check(&mut faults, self.places.is_sound(&["signal"]).then_some(&signal));
            // What is wrong with whole signals too was told there.
            let is_new = |problem: &crate::declare::Problem| problem.message.contains(&in_words);
            self.problems.extend(faults.problems.into_iter().filter(is_new));
        }
    }

    /// Weights from elsewhere, hidden layers that are grafted, and the classes that donors are to tell.
    pub(super) fn donors(&mut self) {
        self.weights();
        if self.manifest.transfer.graft == GraftedPart::Hidden {
            self.hidden_layers();
        }
        self.classes_of_donors();
    }

    fn weights(&mut self) {
        let manifest = self.manifest;
        for (name, weights) in &manifest.weights {
            for (pattern, message) in weights.faults() {
                self.problem(&["weights", name, "names", pattern], message);
            }
        }
        for (name, weights) in manifest.used_weights() {
            let known = &manifest.trials.architecture;
            if !known.contains(&weights.architecture) && self.places.is_sound(&["trials", "architecture"]) {
                let message =
                    format!("no trial has the architecture `{}`; they have {}", weights.architecture, list(known));
                self.problem(&["weights", name, "architecture"], message);
            }
        }
    }

    fn hidden_layers(&mut self) {
        for (index, graft) in self.manifest.trials.from.iter().enumerate() {
            let place = ["trials", "from", &index.to_string()];
            if graft.len() > 1 {
                let message = "with transfer.graft = \"hidden\" one network is grafted: the hidden layers of several cannot be \
                               joined; give this graft to a manifest of its own";
                self.problem(&place, message.into());
            } else if graft.contains(&Donor::Masked) {
                let message = "a network that is trained by masked reconstruction has no hidden layer: its features over time \
                               are decoded; set transfer.graft = \"backbone\"";
                self.problem(&place, message.into());
            }
        }
    }

    /// That sources of a mix on which classifiers are trained know each of the classes that [classification] has of its own.
    fn classes_of_donors(&mut self) {
        let manifest = self.manifest;
        let own = ["classes", "task"].into_iter().find(|key| self.places.is_written(&["classification", key]));
        let (Some(key), true) =
            (own, manifest.trials.from.iter().flatten().any(|donor| *donor == Donor::CLASSIFICATION))
        else {
            return;
        };
        for name in &manifest.trials.mix {
            let Some(mix) = manifest.mixes.get(name) else { continue };
            let sources: Vec<&str> = mix.parts.iter().map(|part| part.source.as_str()).collect();
            for (index, class) in manifest.classification.training.classes.iter().enumerate() {
                let index = index.to_string();
                let in_table = ["classification", "classes", class.name()];
                let at = [&in_table[..], &["classification", "classes", &index], &["classification", key]];
                let at = at.into_iter().find(|at| self.places.is_written(at)).unwrap_or(&["classification"]);
                self.names_of_any(at, class, &sources);
            }
        }
    }
}
