//! What must hold between values: signal, mixes, the two stages, architectures.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::*;
use crate::declare::{Faults, Places, Problem, list};
use crate::nn;
use crate::source::{Knowledge, Source, kinds_that};

/// All problems of the manifest but for those of its trials.
pub(super) fn all(manifest: &Manifest, places: &Places) -> Vec<Problem> {
    let mut checks = Checks { manifest, places, problems: Vec::new() };
    for (name, source) in &manifest.sources {
        checks.source(name, source.as_ref());
    }
    checks.signal();
    checks.window();
    for (name, mix) in &manifest.mixes {
        checks.mix(name, mix);
    }
    for (name, architecture) in &manifest.architectures {
        checks.architecture(name, architecture);
    }
    checks.regression();
    checks.transfer();
    checks.pretraining();
    checks.self_supervised();
    checks.problems
}

/// Collects problems; a value that was already faulty gets no second one.
pub(super) struct Checks<'a> {
    pub manifest: &'a Manifest,
    pub places: &'a Places,
    pub problems: Vec<Problem>,
}

impl Checks<'_> {
    /// Notes a problem at `place`, unless one was noted there when it was read.
    pub fn problem(&mut self, place: &[&str], message: String) {
        if self.places.is_sound(place) {
            self.problems.push(Problem { span: self.places.span(place), message });
        }
    }

    fn source(&mut self, name: &str, source: &dyn Source) {
        for (key, message) in source.faults() {
            let place = ["sources", name].into_iter().chain(key.iter().map(String::as_str));
            self.problem(&place.collect::<Vec<_>>(), message);
        }
    }

    fn signal(&mut self) {
        let signal = &self.manifest.signal;
        let Some([low, high]) = signal.bandpass else { return };
        let nyquist = signal.sampling_rate / 2.0;
        if low >= high {
            self.problem(
                &["signal", "bandpass"],
                format!("the low edge, {low} Hz, is not below the high edge, {high} Hz"),
            );
        } else if high >= nyquist && self.places.is_sound(&["signal", "sampling_rate"]) {
            let message = format!("the high edge, {high} Hz, is not below half the sampling rate, {nyquist} Hz");
            self.problem(&["signal", "bandpass", "1"], message);
        }
    }

    fn window(&mut self) {
        let signal = &self.manifest.signal;
        let Some(window) = &signal.window else { return };
        let &Window { length, stride, test, .. } = window;
        let (duration, rate) = (signal.duration, signal.sampling_rate);
        if length > duration && self.places.is_sound(&["signal", "duration"]) {
            let message = format!("the window of {length} s is longer than `signal.duration`, {duration} s");
            self.problem(&["signal", "window", "length"], message);
        }
        for key in ["stride", "join"] {
            let at = ["signal", "window", key];
            if test != TestWindows::Tile && self.places.is_written(&at) {
                let message = format!("`{key}` is of tiles; with `test = \"{}\"` there is one window", test.name());
                self.problem(&at, message);
            }
        }
        if self.places.is_written(&["signal", "window", "stride"]) && stride > length {
            let message = format!("windows of {length} s that are {stride} s apart leave out what is between them");
            self.problem(&["signal", "window", "stride"], message);
        }
        for (key, seconds) in [("length", length), ("stride", stride)] {
            if signal.samples(seconds) == 0 && self.places.is_sound(&["signal", "sampling_rate"]) {
                let message = format!("{seconds} s are less than a sample at {rate} Hz");
                self.problem(&["signal", "window", key], message);
            }
        }
    }

    fn mix(&mut self, name: &str, mix: &Mix) {
        let place = ["mixes", name, "parts"];
        if !self.places.is_sound(&place) {
            return;
        }
        let shares: Vec<f64> = mix.parts.iter().filter_map(|part| part.share).collect();
        let sum: f64 = shares.iter().sum();
        if !shares.is_empty() && shares.len() < mix.parts.len() {
            self.problem(&place, format!("either all parts of `{name}` have a `share` or none has"));
        } else if !shares.is_empty() && (sum - 1.0).abs() > 1e-9 {
            self.problem(
                &place,
                format!("the shares of `{name}` are {} together; they must be 1", (sum * 1e9).round() / 1e9),
            );
        }
        for (index, part) in mix.parts.iter().enumerate() {
            self.part(name, mix, index, part);
        }
        for (stage, epochs) in self.stages_on_mixes() {
            if self.places.is_sound(&[stage, "epochs"]) && !self.curriculum(name, mix, stage, epochs) {
                break;
            }
        }
    }

    /// The stages that the trials train on mixes, with their epochs.
    fn stages_on_mixes(&self) -> Vec<(&'static str, usize)> {
        let manifest = self.manifest;
        let donors = || manifest.trials.from.iter().flatten();
        let regression = donors().next().is_none() || donors().any(|donor| matches!(donor, Donor::Regression(_)));
        let is_any = |wanted: Donor| donors().any(|donor| *donor == wanted);
        let stages = [
            regression.then_some(("regression", manifest.regression.epochs)),
            is_any(Donor::Classification).then_some(("classification", manifest.classification.training.epochs)),
            is_any(Donor::Masked).then_some(("masked", manifest.masked.training.epochs)),
            is_any(Donor::Contrastive).then_some(("contrastive", manifest.contrastive.training.epochs)),
        ];
        stages.into_iter().flatten().collect()
    }

    /// In each of the `last` epochs of a stage a part must train, and each part in one of them; whether that is so.
    fn curriculum(&mut self, name: &str, mix: &Mix, stage: &str, last: usize) -> bool {
        let before = self.problems.len();
        for (index, part) in mix.parts.iter().enumerate() {
            let step = index.to_string();
            let at = |key| ["mixes", name, "parts", &step, key];
            let from = part.from_epoch.unwrap_or(1);
            if let Some(until) = part.until_epoch
                && until < from
            {
                let message = format!("`until_epoch` ({until}) is before `from_epoch` ({from}): the part never trains");
                self.problem(&at("until_epoch"), message);
            } else if from > last {
                let message = format!("the part never trains: the {stage} stage has {last} epochs");
                self.problem(&at("from_epoch"), message);
            }
        }
        if self.problems.len() == before
            && let Some(idle) = idle_epochs(mix, last)
        {
            let (from, until) = (idle.start(), idle.end());
            let which = if from == until { format!("epoch {from}") } else { format!("epochs {from} to {until}") };
            let message = format!(
                "no part of `{name}` trains in {which} of the {stage} stage's {last}; change `from_epoch` or `until_epoch`"
            );
            self.problem(&["mixes", name, "parts"], message);
        }
        self.problems.len() == before
    }

    fn part(&mut self, name: &str, mix: &Mix, index: usize, part: &MixPart) {
        let Some(source) = self.manifest.sources.get(&part.source) else { return };
        let step = index.to_string();
        let at = |key: &'static str| ["mixes", name, "parts", &step, key];
        self.folds_of_part(&at("folds"), part, source.as_ref());
        self.condition_of_part(&at("where"), part, source.as_ref());
        self.targets_of_part(&at("source"), name, part, source.as_ref());
        // Of what a condition or a limit leaves out, a later part may take some.
        let takes_all = |earlier: &MixPart| {
            earlier.max_records.is_none() && (earlier.condition.is_none() || earlier.condition == part.condition)
        };
        let earlier = mix.parts[..index].iter().find(|earlier| {
            earlier.source == part.source
                && takes_all(earlier)
                && match (&earlier.folds, &part.folds) {
                    (Some(a), Some(b)) => a.iter().any(|fold| b.contains(fold)),
                    _ => true,
                }
        });
        if earlier.is_some() {
            self.problem(&at("source"), format!("an earlier part of `{name}` already draws from the same records"));
        }
    }

    /// That the source has folds where the part names some, and none that the transfer stage validates or tests on.
    fn folds_of_part(&mut self, at: &[&str], part: &MixPart, source: &dyn Source) {
        let (manifest, Some(folds)) = (self.manifest, &part.folds) else { return };
        if !source.knows().folds {
            let message = format!(
                "only sources of kind {} have folds; `{}` is of kind `{}`",
                list(&kinds_that(|knowledge| knowledge.folds)),
                part.source,
                source.kind().name()
            );
            return self.problem(at, message);
        }
        let guarded = self.places.is_sound(&["transfer"]) && manifest.allow_overlap.is_none();
        if !guarded || !self.is_transfer_data(&part.source, source) {
            return;
        }
        for (key, kept) in
            [("validation_folds", &manifest.transfer.validation_folds), ("test_folds", &manifest.transfer.test_folds)]
        {
            let common: Vec<u8> = folds.iter().copied().filter(|fold| kept.contains(fold)).collect();
            if !common.is_empty() {
                let message = format!(
                    "{} also in transfer.{key}: the mix would train on patients the transfer stage is tested on{}",
                    are(&common),
                    self.why_one_data_set(&part.source, source)
                );
                self.problem(at, message);
            }
        }
    }

    /// That there is something to measure in a part of a mix that is trained on.
    fn targets_of_part(&mut self, at: &[&str], name: &str, part: &MixPart, source: &dyn Source) {
        let is_used = self.manifest.trials.mix.iter().any(|used| used == name) && self.is_measured(name);
        if !source.knows().measurements.is_empty() || !is_used || !self.places.is_sound(&["sources", &part.source]) {
            return;
        }
        let advice = match source.lacks_measurements() {
            Some([key, what]) => format!("set sources.{}.{key} to {what}", part.source),
            None => "take it out of the mix".to_owned(),
        };
        self.problem(at, format!("`{}` has no regression targets; {advice}", part.source));
    }

    /// Whether the source has the transfer source's people: whether they are of one data set.
    fn is_transfer_data(&self, name: &str, source: &dyn Source) -> bool {
        let transfer = &self.manifest.transfer.source;
        let other = self.manifest.sources.get(transfer);
        name == transfer || other.is_some_and(|other| other.data_set() == source.data_set())
    }

    /// Why another source than the transfer's is taken for the same people, and what to do where it has others.
    fn why_one_data_set(&self, name: &str, source: &dyn Source) -> String {
        let transfer = &self.manifest.transfer.source;
        if name == transfer {
            return String::new();
        }
        let data_set = source.data_set();
        format!(
            " (`{name}` and `{transfer}` are of one data set, {data_set}; where they are not, set sources.{name}.data_set)"
        )
    }

    fn architecture(&mut self, name: &str, architecture: &Architecture) {
        let signal = &self.manifest.signal;
        let (leads, length) = signal.shape();
        let in_words = format!("{length} samples ({} s at {} Hz)", signal.input_duration(), signal.sampling_rate);
        let signal = nn::Signal { input: nn::Input { leads, length }, in_words };
        let mut faults = Faults::new(self.places, &["architectures", name]);
        architecture.check(&mut faults, self.places.is_sound(&["signal"]).then_some(&signal));
        self.problems.append(&mut faults.problems);
    }

    fn regression(&mut self) {
        let regression = &self.manifest.regression;
        self.shares("regression", regression.validation_share, regression.test_share);
        self.targets();
        self.targets_elsewhere();
        self.training("regression", &regression.augment, &regression.schedule, regression.epochs);
    }

    fn transfer(&mut self) {
        let manifest = self.manifest;
        let transfer = &manifest.transfer;
        if let Some(source) = manifest.sources.get(&transfer.source)
            && transfer.targets.is_empty()
            && !source.knows().classifies()
            && !self.are_classes_without_labels(&source.knows())
        {
            let lacks = if source.knows().classes() { "folds" } else { "labels" };
            let without = source.lacks_labels().map_or(String::new(), |key| format!(" without `{key}`"));
            let message = format!(
                "`{}` is of kind `{}`, which has no {lacks}{without}; the transfer stage needs a source of kind {}",
                transfer.source,
                source.kind().name(),
                list(&kinds_that(Knowledge::classifies))
            );
            self.problem(&["transfer", "source"], message);
        }
        let sets = [
            ("train_folds", &transfer.train_folds),
            ("validation_folds", &transfer.validation_folds),
            ("test_folds", &transfer.test_folds),
        ];
        for (index, (key, folds)) in sets.iter().enumerate() {
            for (other_key, other) in &sets[..index] {
                let common: Vec<u8> = folds.iter().copied().filter(|fold| other.contains(fold)).collect();
                // Point at what was written: a default cannot be at fault.
                let (at, elsewhere) =
                    if self.places.is_written(&["transfer", key]) { (key, other_key) } else { (other_key, key) };
                if !common.is_empty() && self.places.is_sound(&["transfer", elsewhere]) {
                    self.problem(
                        &["transfer", at],
                        format!("{} also in transfer.{elsewhere}; the sets of folds must not overlap", are(&common)),
                    );
                }
            }
        }
        self.last_stage();
        if transfer.targets.is_empty() {
            self.classes();
            self.classes_elsewhere();
        }
        self.classifier("transfer", transfer);
    }

    fn pretraining(&mut self) {
        // What is as in the other stages was told there.
        if self.places.is_written(&["classification"]) {
            let Pretraining { training, validation_share, test_share } = &self.manifest.classification;
            self.shares("classification", *validation_share, *test_share);
            self.of_classes("classification", training);
            self.classifier("classification", training);
        }
    }

    pub(super) fn shares(&mut self, stage: &str, validation: f64, test: f64) {
        if validation + test >= 1.0 && self.places.is_sound(&[stage, "test_share"]) {
            let message = format!(
                "`validation_share` ({validation}) and `test_share` ({test}) leave no training records; together they must be below 1"
            );
            let written = self.places.is_written(&[stage, "validation_share"]);
            self.problem(&[stage, if written { "validation_share" } else { "test_share" }], message);
        }
    }

    fn classifier(&mut self, stage: &str, training: &Transfer) {
        self.task(stage, training.task);
        let of_classes = training.targets.is_empty();
        if of_classes && training.label_smoothing > 0.0 && training.loss != TransferLoss::CrossEntropy {
            let message = "label smoothing is defined for the loss `cross-entropy` alone; leave one of the two out";
            self.problem(&[stage, "label_smoothing"], message.into());
        }
        self.training(stage, &training.augment, &training.schedule, training.epochs);
    }

    pub(super) fn training(&mut self, stage: &str, augment: &[Augment], schedule: &Schedule, epochs: usize) {
        let signal = &self.manifest.signal;
        let (available, what) =
            (signal.input_duration(), if signal.window.is_some() { "window.length" } else { "duration" });
        for (index, augment) in augment.iter().enumerate() {
            let (key, message) = match augment {
                Augment::RandomCrop { duration } if *duration > available => {
                    ("duration", format!("the crop of {duration} s is longer than `signal.{what}`, {available} s"))
                }
                Augment::TimeShift { shift } if *shift >= available => {
                    ("shift", format!("the shift of {shift} s is not shorter than `signal.{what}`, {available} s"))
                }
                _ => continue,
            };
            if self.places.is_sound(&["signal", "duration"]) && self.places.is_sound(&["signal", "window"]) {
                self.problem(&[stage, "augment", &index.to_string(), key], message);
            }
        }
        let warmup_epochs = schedule.warmup_epochs();
        if warmup_epochs >= epochs as f64 && self.places.is_sound(&[stage, "epochs"]) {
            let message =
                format!("the warm-up of {warmup_epochs} epochs is not shorter than the stage's {epochs} epochs");
            self.problem(&[stage, "schedule", "warmup_epochs"], message);
        }
    }
}

/// The first of a stage's `last` epochs in which no part of the mix trains.
fn idle_epochs(mix: &Mix, last: usize) -> Option<RangeInclusive<usize>> {
    let parts: Vec<_> = mix.parts.iter().map(MixPart::epochs).collect();
    let mut next = 1;
    while let Some(until) = parts.iter().filter(|epochs| epochs.contains(&next)).map(RangeInclusive::end).max() {
        next = until.checked_add(1).filter(|next| *next <= last)?;
    }
    let resumed = parts.iter().map(RangeInclusive::start).filter(|from| **from > next).min();
    Some(next..=resumed.map_or(last, |from| (from - 1).min(last)))
}

/// "fold 9 is", "folds 9, 10 are"
fn are(folds: &[u8]) -> String {
    let folds: BTreeSet<u8> = folds.iter().copied().collect();
    let list = folds.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    if folds.len() == 1 { format!("fold {list} is") } else { format!("folds {list} are") }
}
