//! The records of the transfer, by folds.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::draw::{dataset, people_of, sorted};
use crate::Result;
use crate::data::candidates::Wanted;
use crate::data::classes::classes_of;
use crate::data::composition::folds_text;
use crate::data::condition::evaluate;
use crate::data::people::{Everybody, Who};
use crate::data::{Dataset, Datasets, Pick, Split};
use crate::declare::nearest;
use crate::error::Error;
use crate::manifest::{Budget, Class, Transfer};
use crate::seed::stream;

/// The transfer task's records by folds, each recording once and each person in one split only; of the training records
/// only `label_fraction`, by person, stratified by class, nested across fractions of the same seed; where the transfer's
/// budget is of all, of the validation records too. Sources that say who is who in the transfer's may be among `datasets`.
///
/// # Errors
/// A user error where a fold is empty.
pub fn transfer_split(transfer: &Transfer, datasets: &Datasets, label_fraction: f64, seed: u64) -> Result<Split> {
    let dataset = dataset(datasets, &transfer.source)?;
    let wanted = Wanted::of_transfer(transfer);
    let chosen = chosen(dataset, transfer);
    let unchosen = dataset.records.len() - chosen.len();
    let of_chosen = chosen.len();
    let usable: Vec<usize> = chosen.into_iter().filter(|&index| wanted.is_known_of(&dataset.records[index])).collect();
    let unlabelled = of_chosen - usable.len();
    let absent = absent_classes(dataset, transfer)?;
    let everybody = Everybody::new(datasets);
    let mut folds = Folds::new(transfer, dataset, everybody.of_source(&transfer.source), usable);
    // Whoever is tested is neither validated on nor trained on.
    let test = folds.take("test_folds", &transfer.test_folds)?;
    let validation = folds.take("validation_folds", &transfer.validation_folds)?;
    let all = folds.take("train_folds", &transfer.train_folds)?;
    if validation.is_empty() || all.is_empty() {
        let key = if all.is_empty() { "train_folds" } else { "validation_folds" };
        return Err(Error::user(format!(
            "transfer.{key}: every record of these folds belongs to a patient of another split"
        )));
    }
    let train = fraction(&folds, &all, label_fraction, seed, "label-fraction");
    let (validation, validates) = match transfer.budget {
        Budget::Train => (validation, String::new()),
        Budget::All => {
            let share = fraction(&folds, &validation, label_fraction, seed, "label-fraction-validation");
            (share, format!(" of {}", validation.len()))
        }
    };
    let sizes = format!("{}{validates} to validate, {} to test", validation.len(), test.len());
    let mut notes = vec![format!("{} of {} training records, {sizes}", train.len(), all.len())];
    if let (Some(condition), true) = (&transfer.condition, unchosen > 0) {
        let (all, source) = (dataset.records.len(), &transfer.source);
        notes
            .push(format!("{unchosen} of {all} records of {source} are left out as `{condition}` is not true of them"));
    }
    notes.extend(folds.notes(unlabelled));
    notes.extend(absent);
    notes.extend(unknown_targets(dataset, transfer, [&train, &validation, &test])?);
    let missing = missing(dataset, &transfer.classes, &train);
    notes.extend(missing.into_iter().map(|class| format!("no training record has {}", class.name())));
    let source: Arc<str> = transfer.source.as_str().into();
    let picks =
        |records: Vec<usize>| records.into_iter().map(|record| Pick { source: source.clone(), record }).collect();
    let (train, validation, test) = (picks(train), picks(validation), picks(test));
    Ok(sorted(Split { train, validation, test, notes, ..Split::default() }))
}

/// What is to be said of targets that not all records know, of training, validation and test.
///
/// # Errors
/// A user error where no validation record knows one, so that no epoch could be chosen by it.
fn unknown_targets(dataset: &Dataset, transfer: &Transfer, parts: [&[usize]; 3]) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for target in &transfer.targets {
        let known =
            |part: &[usize]| part.iter().filter(|&&at| dataset.records[at].measurement(*target).is_some()).count();
        let [train, validation, test] = parts.map(known);
        let name = target.name();
        if validation == 0 {
            return Err(Error::user(format!(
                "transfer.targets: no validation record of {} knows {name}, so that no epoch could be chosen by it",
                transfer.source
            )));
        }
        if [train, validation, test] != parts.map(<[usize]>::len) {
            notes.push(format!("{name} is known of {train} training, {validation} validation and {test} test records"));
        }
    }
    Ok(notes)
}

/// Which of the classes at least one of `records` has; they are looked at until all are found.
fn classes_of_any(dataset: &Dataset, classes: &[Class], records: &[usize]) -> Vec<bool> {
    let mut found = vec![false; classes.len()];
    for has in records.iter().filter_map(|&index| classes_of(&dataset.records[index], classes)) {
        found.iter_mut().zip(has).for_each(|(any, has)| *any |= has);
        if !found.contains(&false) {
            break;
        }
    }
    found
}

/// What is to be said of classes that no record of the source has, which may be misspelt.
///
/// # Errors
/// A user error where fewer than two classes have records.
fn absent_classes(dataset: &Dataset, transfer: &Transfer) -> Result<Vec<String>> {
    let all: Vec<usize> = (0..dataset.records.len()).collect();
    // Of none of no classes there is nothing to say.
    let absent = missing(dataset, &transfer.classes, &all);
    if absent.is_empty() {
        return Ok(Vec::new());
    }
    let there: BTreeSet<&str> =
        dataset.records.iter().flat_map(|record| record.labels.iter()).map(|label| label.name()).collect();
    let there: Vec<&str> = there.into_iter().collect();
    let source = &transfer.source;
    let unknown = absent.iter().flat_map(|class| class.labels()).find(|label| !there.contains(&label.name()));
    let near = unknown.map_or_else(String::new, |label| {
        let hint = match nearest(label.name(), &there) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        format!(", and none the label `{label}`{hint}")
    });
    let names: Vec<&str> = absent.iter().map(|class| class.name()).collect();
    let what = if names.len() == 1 { "class" } else { "classes" };
    let sentence = format!("no record of {source} has the {what} {}{near}", names.join(", "));
    if transfer.classes.len() - absent.len() >= 2 {
        return Ok(vec![sentence]);
    }
    let some: Vec<&str> = there.iter().copied().take(SHOWN_LABELS).collect();
    let labels = if some.is_empty() { "none".to_owned() } else { some.join(", ") };
    let more = if there.len() > some.len() { ", ..." } else { "" };
    Err(Error::user(format!(
        "transfer.classes: {sentence}; a classifier needs two classes with records. Its labels: {labels}{more}"
    )))
}

/// How many labels of a source an error shows.
const SHOWN_LABELS: usize = 30;

/// The records that the transfer's condition lets through.
fn chosen(dataset: &Dataset, transfer: &Transfer) -> Vec<usize> {
    let is_chosen = |index: &usize| {
        let fulfilled = transfer.condition.as_ref().map(|condition| evaluate(condition, &dataset.records[*index]));
        fulfilled.is_none_or(|fulfilled| fulfilled == Some(true))
    };
    (0..dataset.records.len()).filter(is_chosen).collect()
}

/// The classes that none of `records` has.
fn missing<'c>(dataset: &Dataset, classes: &'c [Class], records: &[usize]) -> Vec<&'c Class> {
    let found = classes_of_any(dataset, classes, records);
    classes.iter().zip(found).filter(|(_, found)| !found).map(|(class, _)| class).collect()
}

/// The records of a source as they are given to folds, one after another.
struct Folds<'a> {
    transfer: &'a Transfer,
    dataset: &'a Dataset,
    who: Who<'a>,
    /// Records with classes.
    usable: Vec<usize>,
    /// People and recordings that folds have.
    taken: HashSet<u32>,
    recordings: HashSet<u32>,
    /// Records that are left out because their people are in other folds, and because their recordings are.
    crossing: usize,
    repeated: usize,
}

impl<'a> Folds<'a> {
    fn new(transfer: &'a Transfer, dataset: &'a Dataset, who: Who<'a>, usable: Vec<usize>) -> Self {
        let (taken, recordings) = (HashSet::new(), HashSet::new());
        Self { transfer, dataset, who, usable, taken, recordings, crossing: 0, repeated: 0 }
    }

    /// The records of `folds`, which the manifest's `key` names, of people who are in no folds so far.
    fn take(&mut self, key: &str, folds: &[u8]) -> Result<Vec<usize>> {
        let Self { transfer, dataset, who, .. } = *self;
        let is_of_folds = |index: &usize| dataset.records[*index].fold.is_some_and(|fold| folds.contains(&fold));
        let records: Vec<usize> = self.usable.iter().copied().filter(is_of_folds).collect();
        if records.is_empty() {
            return Err(Error::user(format!(
                "transfer.{key}: no record of {} with {} is in {}",
                transfer.source,
                Wanted::of_transfer(transfer).text(),
                folds_text(folds)
            )));
        }
        let before = records.len();
        let mut kept: Vec<usize> =
            records.into_iter().filter(|&index| !self.taken.contains(&who.person(index))).collect();
        self.crossing += before - kept.len();
        let before = kept.len();
        kept.retain(|&index| self.recordings.insert(who.recording(index)));
        self.repeated += before - kept.len();
        self.taken.extend(kept.iter().map(|&index| who.person(index)));
        Ok(kept)
    }

    /// What should be known of records that are left out: of those without classes, and of those that folds left out.
    fn notes(&self, unlabelled: usize) -> Vec<String> {
        let source = &self.transfer.source;
        let mut notes = Vec::new();
        if unlabelled > 0 {
            let wanted = Wanted::of_transfer(self.transfer);
            let all = self.dataset.records.len();
            notes.push(format!("{unlabelled} of {all} records of {source} have {} and are left out", wanted.lack()));
        }
        let reasons = [
            (self.crossing, "their patient is in another split"),
            (self.repeated, "another id has the same recording"),
        ];
        for (count, why) in reasons.into_iter().filter(|(count, _)| *count > 0) {
            notes.push(format!("{count} records of {source} are left out because {why}"));
        }
        notes
    }
}

/// `fraction` of `records`, by whole people: those of each combination of classes are
/// spread evenly over one line, in random order and with a random start, and the line is cut where
/// it comes nearest to the fraction. What a smaller fraction takes a larger one takes too. The order is drawn for `purpose`.
fn fraction(folds: &Folds<'_>, records: &[usize], fraction: f64, seed: u64, purpose: &str) -> Vec<usize> {
    let Folds { transfer: Transfer { classes, .. }, dataset, who, .. } = folds;
    let mut strata: BTreeMap<Vec<bool>, Vec<Vec<usize>>> = BTreeMap::new();
    for (_, own) in people_of(dataset, who, records) {
        strata.entry(classes_of_any(dataset, classes, &own)).or_default().push(own);
    }
    let mut line: Vec<(f64, Vec<usize>)> = Vec::new();
    for (signature, mut patients) in strata {
        let number = signature.iter().fold(0, |number, has| 2 * number + u64::from(*has));
        let mut random = stream(seed, purpose, number);
        patients.shuffle(&mut random);
        let start: f64 = random.random();
        let size = patients.len() as f64;
        line.extend(patients.into_iter().enumerate().map(|(rank, patient)| ((rank as f64 + start) / size, patient)));
    }
    line.sort_by(|(a, first), (b, second)| a.total_cmp(b).then_with(|| first.cmp(second)));
    let goal = fraction * records.len() as f64;
    let mut chosen = Vec::new();
    for (_, patient) in line {
        let (before, after) = (chosen.len() as f64, (chosen.len() + patient.len()) as f64);
        if !chosen.is_empty() && after - goal > goal - before {
            break;
        }
        chosen.extend(patient);
    }
    chosen
}
