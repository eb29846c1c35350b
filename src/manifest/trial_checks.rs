//! What the trials take from the rest of the manifest: defaults that depend on it, and what must hold.

use serde_json::{Value, json};

use super::checks::Checks;
use super::freeze::FreezeFaults;
use super::last_stage::{self, can_be_last, measures};
use super::read::Read;
use super::task::{classes_of_task, labels_of_task};
use super::*;
use crate::declare::{Places, Problem, hint, list};
use crate::source::kinds_that;

/// Fills in the defaults that depend on what is declared: the transfer source, the mixes,
/// architectures and grafts of the trials, and what `classification` takes over.
pub(super) fn complete(read: &mut Read) {
    let names = |value: &Value| -> Vec<String> {
        value.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
    };
    complete_source(read);
    for (key, table) in [("mix", "mixes"), ("architecture", "architectures")] {
        if read.json["trials"][key].is_null() {
            read.json["trials"][key] = json!(names(&read.json[table]));
        }
    }
    if read.json["trials"]["from"].is_null() {
        let without_mix = read.json["trials"]["mix"].as_array().is_none_or(Vec::is_empty);
        read.json["trials"]["from"] = if without_mix { json!([]) } else { json!([read.json["regression"]["targets"]]) };
    }
    let fusion = &mut read.json["trials"]["fusion"];
    if fusion.is_string() {
        *fusion = json!([fusion]);
    }
    complete_variants(read);
    last_stage::complete(read);
    let mut training = last_stage::as_classifier(&read.json["transfer"]);
    last_stage::forget_labels(&mut read.json["transfer"]);
    let mut pretraining = json!({});
    for key in ["validation_share", "test_share"] {
        let own = read.json["classification"][key].take();
        pretraining[key] = if own.is_null() { read.json["regression"][key].clone() } else { own };
    }
    if let Some(own) = read.json["classification"].as_object_mut() {
        // A task of its own has its own classes.
        if !own["task"].is_null() {
            for (key, of_task) in [("classes", classes_of_task(own)), ("labels", labels_of_task(own))] {
                own.get_mut(key).filter(|value| value.is_null()).into_iter().for_each(|value| *value = of_task.clone());
            }
        }
        for (key, own) in own.iter().filter(|(_, own)| !own.is_null()) {
            training[key.as_str()] = own.clone();
        }
    }
    pretraining["training"] = training;
    read.json["classification"] = pretraining;
    self_supervised::complete(&mut read.json);
}

/// The transfer source, where one alone can be it.
fn complete_source(read: &mut Read) {
    if read.json["transfer"]["source"].is_null() {
        let sources = read.json["sources"].as_object();
        let measures = read.json["transfer"].as_object().is_some_and(measures);
        let kinds = kinds_that(|knows| can_be_last(knows, measures));
        let with_classes: Vec<String> = sources
            .into_iter()
            .flatten()
            .filter(|(_, source)| kinds.iter().any(|kind| source["kind"] == *kind))
            .map(|(name, _)| name.clone())
            .collect();
        let kinds = list(&kinds);
        let problem = match with_classes.as_slice() {
            [_] => None,
            [] => Some(format!("the transfer stage needs a source of kind {kinds}; declare one under [sources]")),
            several => {
                Some(format!("several sources are of kind {kinds}: {}; say which in transfer.source", list(several)))
            }
        };
        read.json["transfer"]["source"] = json!(with_classes.first().cloned().unwrap_or_default());
        let sound = read.places.is_sound(&["transfer", "source"]) && read.places.is_sound(&["sources"]);
        if let Some(message) = problem.filter(|_| sound) {
            read.problems.push(Problem { span: read.places.span(&["transfer"]), message });
            read.places.mark_faulty(&["transfer".into(), "source".into()]);
        }
    }
}

/// The variants of the trials, and their folds.
fn complete_variants(read: &mut Read) {
    let declared = read.json["variants"].as_object().into_iter().flatten().map(|(name, _)| json!(name));
    let all: Vec<Value> = std::iter::once(json!(BASE)).chain(declared).collect();
    if read.json["trials"]["variant"].is_null() {
        read.json["trials"]["variant"] = if all.len() > 1 { json!(all) } else { json!([]) };
    }
    let folds = |key: &str| read.json["transfer"][key].as_array().cloned().unwrap_or_default();
    let mut every = [folds("train_folds"), folds("validation_folds"), folds("test_folds")].concat();
    every.sort_by_key(Value::as_u64);
    every.dedup();
    let fold = &mut read.json["trials"]["fold"];
    if fold.is_null() {
        *fold = json!([]);
    } else if fold.is_string() {
        *fold = json!(every);
    }
}

/// All problems of the trials.
pub(super) fn all(manifest: &Manifest, places: &Places) -> Vec<Problem> {
    let mut checks = Checks { manifest, places, problems: Vec::new() };
    checks.lists();
    checks.grafts();
    checks.classified_mixes();
    checks.excludes();
    checks.donors();
    checks.rotation();
    for (name, freeze) in &manifest.freezes {
        let mut faults = FreezeFaults::new(manifest, places, name);
        freeze.check(&mut faults);
        checks.problems.extend(faults.into_problems());
    }
    checks.problems
}

impl Checks<'_> {
    fn lists(&mut self) {
        let trials = &self.manifest.trials;
        if trials.architecture.is_empty() && self.places.is_sound(&["architectures"]) {
            let message = "there is no architecture; declare one under [architectures]";
            self.problem(&["trials", "architecture"], message.into());
        }
        let without_mix = |graft: &Vec<Donor>| !graft.iter().any(Donor::is_of_mix);
        if trials.mix.is_empty() && self.places.is_sound(&["mixes"]) {
            if !trials.scratch && !trials.from.iter().any(without_mix) {
                let message =
                    "nothing to run: without mixes there are only from-scratch trials, and `scratch` is false";
                self.problem(&["trials", "scratch"], message.into());
            }
            if !trials.from.iter().all(without_mix) {
                let message =
                    "there is no mix to train these networks on; declare one under [mixes] and list it in trials.mix";
                self.problem(&["trials", "from"], message.into());
            }
        }
    }

    fn grafts(&mut self) {
        let from = &self.manifest.trials.from;
        for (index, graft) in from.iter().enumerate() {
            let step = index.to_string();
            self.known_networks(&["trials", "from", &step], graft);
            let same =
                |other: &&Vec<Donor>| other.len() == graft.len() && other.iter().all(|donor| graft.contains(donor));
            if from[..index].iter().any(|other| same(&other)) {
                self.problem(&["trials", "from", &step], "the same networks are grafted by an earlier item".into());
            }
        }
    }

    /// Every regression network of a graft is one that `regression.targets` has trained, and no network comes twice.
    fn known_networks(&mut self, place: &[&str], graft: &[Donor]) {
        let written = |targets: &Targets| match targets.list() {
            [target] => target.name().to_owned(),
            _ => json!(targets).to_string(),
        };
        let networks = &self.manifest.regression.targets;
        for (index, donor) in graft.iter().enumerate() {
            let step = index.to_string();
            let place = &[place, &[&step]].concat();
            if graft[..index].contains(donor) {
                self.problem(place, format!("the network `{}` is grafted by an earlier item", donor.label()));
            } else if let Donor::Regression(targets) = donor
                && !networks.contains(targets)
                && self.places.is_sound(&["regression", "targets"])
            {
                let known: Vec<String> = networks.iter().map(written).collect();
                let message = format!("`{}` is not in regression.targets: {}", written(targets), list(&known));
                self.problem(place, message);
            } else if let Donor::Weights(name) = donor
                && !self.manifest.weights.contains_key(name)
                && self.places.is_sound(&["weights"])
            {
                let hint = hint(name, self.manifest.weights.keys().map(String::as_str));
                self.problem(
                    place,
                    format!("no weights are called `{name}`{hint}; declare them under [weights.{name}]"),
                );
            }
        }
    }

    /// A classifier can only be trained on a mix whose records all have classes.
    fn classified_mixes(&mut self) {
        let trials = &self.manifest.trials;
        let is_excluded = |mix: &String, graft: &Vec<Donor>| {
            let (mix, from) = (Some(mix.clone()), Some(graft.clone()));
            trials.leave_out(&Exclude { mix, from, ..Exclude::default() })
        };
        let without_classes =
            |part: &&MixPart| self.manifest.sources.get(&part.source).is_some_and(|source| !source.knows().classes());
        let grafts = trials.from.iter().enumerate().filter(|(_, graft)| graft.contains(&Donor::CLASSIFICATION));
        for (index, graft) in grafts {
            let impossible = trials.mix.iter().filter(|name| !is_excluded(name, graft)).find_map(|name| {
                let part = self.manifest.mixes.get(name)?.parts.iter().find(without_classes)?;
                Some((name, &part.source))
            });
            if let Some((mix, source)) = impossible {
                let message = format!(
                    "no classifier can be trained on mix `{mix}`: records of `{source}` have no classes; add to \
                     trials.exclude {{ mix = \"{mix}\", from = {} }}",
                    json!(graft)
                );
                self.problem(&["trials", "from", &index.to_string()], message);
            }
        }
    }

    /// Every fold that is tested in turn is one of the transfer's, and leaves some to train and to validate.
    fn rotation(&mut self) {
        if self.manifest.variants.iter().any(|name| name == BASE) {
            let message = format!("`{BASE}` is the manifest as it stands; give the variant another name");
            self.problem(&["variants", BASE], message);
        }
        let (trials, folds) = (&self.manifest.trials, variants::folds(&self.manifest.transfer));
        if let Some(place) = trials.fold.iter().position(|fold| !folds.contains(fold)) {
            let message = format!("fold {} is none of those that [transfer] names: {folds:?}", trials.fold[place]);
            self.problem(&["trials", "fold", &place.to_string()], message);
        }
        let validating = self.manifest.transfer.validation_folds.len();
        if !trials.fold.is_empty() && folds.len() < validating + 2 {
            let message =
                format!("of {} folds one is tested and {validating} validate, so that none trains", folds.len());
            self.problem(&["trials", "fold"], message);
        }
    }

    fn excludes(&mut self) {
        let trials = &self.manifest.trials;
        for (index, exclude) in trials.exclude.iter().enumerate() {
            let step = index.to_string();
            let place = ["trials", "exclude", &step];
            if *exclude == Exclude::default() {
                self.problem(
                    &place,
                    "without any key this leaves out every trial; name a mix, an architecture, ...".into(),
                );
            }
            if let Some(from) = &exclude.from {
                self.known_networks(&["trials", "exclude", &step, "from"], from);
            }
            if let Some(fusion) = exclude.fusion
                && !trials.fusion.contains(&fusion)
                && self.places.is_sound(&["trials", "fusion"])
            {
                let message = format!("`{}` is not in trials.fusion", fusion.name());
                self.problem(&["trials", "exclude", &step, "fusion"], message);
            }
            if let Some(fraction) = exclude.label_fraction
                && !trials.label_fraction.contains(&fraction)
                && self.places.is_sound(&["trials", "label_fraction"])
            {
                let message = format!("{fraction} is not in trials.label_fraction: {:?}", trials.label_fraction);
                self.problem(&["trials", "exclude", &step, "label_fraction"], message);
            }
            if let Some(fold) = exclude.fold
                && !trials.fold.contains(&fold)
                && self.places.is_sound(&["trials", "fold"])
            {
                let message = format!("{fold} is not in trials.fold: {:?}", trials.fold);
                self.problem(&["trials", "exclude", &step, "fold"], message);
            }
            if let Some(seed) = exclude.seed
                && !trials.seed.contains(&seed)
                && self.places.is_sound(&["trials", "seed"])
            {
                let message = format!("{seed} is not in trials.seed: {:?}", trials.seed);
                self.problem(&["trials", "exclude", &step, "seed"], message);
            }
        }
    }
}
