//! Which records train, validate and test. No person is in two of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::candidates::{Offer, Wanted, check_quotas, described, nothing};
use super::composition::{far_apart, folds_text};
use super::people::{Everybody, Who};
use super::{Dataset, Datasets, PartOfMix, Pick, Split};
use crate::Result;
use crate::ecg::Label;
use crate::error::Error;
use crate::manifest::{Mix, MixPart, Transfer};
use crate::seed::stream;

/// How a stage uses a mix: shares, by patient, that are not trained on, and the epochs that the parts must fill.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// Chooses the epoch.
    pub validation: f64,
    /// Measured once, at the end.
    pub test: f64,
    /// Most epochs of the stage.
    pub epochs: usize,
}

/// The records of a mix of which `wanted` is known, split by person, each recording once.
///
/// People of the validation and test folds of `transfer` never take part, whatever the mix says and whichever source
/// they are met in: `datasets` has the transfer source beside those of the mix. Without a `transfer` nobody is kept out.
///
/// # Errors
/// A user error where the mix asks for more records than there are, where a part with a share or a condition has
/// none, where fewer than two records train in some epoch of a curriculum, or where a split would be empty.
pub fn mix_split(
    name: &str,
    mix: &Mix,
    wanted: Wanted<'_>,
    shares: Shares,
    transfer: Option<&Transfer>,
    datasets: &Datasets,
    seed: u64,
) -> Result<Split> {
    let everybody = Everybody::of(datasets);
    let held_out = transfer.map_or_else(HashSet::new, |transfer| held_out(transfer, datasets, &everybody));
    let mut notes = Vec::new();
    let mut offers = Vec::with_capacity(mix.parts.len());
    let mut taken = HashSet::new();
    for (number, part) in mix.parts.iter().enumerate() {
        let dataset = dataset(datasets, &part.source)?;
        let who = everybody.of_source(&part.source);
        let mut offer = Offer::of(dataset, part, wanted, &who, &held_out, &taken);
        notes.extend(offer.notes(part, wanted));
        if let Some(limit) = part.max_records {
            // What is drawn from these further down is what would be drawn from all.
            offer.records = drawn(dataset, &offer.records, limit, seed, number);
        }
        taken.extend(offer.records.iter().map(|&record| who.recording(record)));
        offers.push((part, dataset, offer));
    }
    let all_empty = offers.iter().all(|(.., offer)| offer.records.is_empty());
    for (number, (part, _, offer)) in offers.iter().enumerate() {
        if offer.records.is_empty() && (all_empty || part.share.is_some() || part.condition.is_some()) {
            return Err(nothing(name, number, part, offer, wanted));
        }
    }
    let available: Vec<usize> = offers.iter().map(|(.., offer)| offer.records.len()).collect();
    let quotas = quotas(mix, &available);
    check_quotas(name, mix, wanted, &available, &quotas)?;

    let (mut train, mut validation, mut test) = (Vec::new(), Vec::new(), Vec::new());
    let mut places: HashMap<u32, Place> = HashMap::new();
    let mut told = Vec::new();
    let mut part_of: BTreeMap<Pick, usize> = BTreeMap::new();
    for (number, ((part, dataset, offer), &quota)) in offers.iter().zip(&quotas).enumerate() {
        let chosen = drawn(dataset, &offer.records, quota, seed, number);
        let with = part.condition.as_ref().map_or(String::new(), |condition| format!(" ({condition})"));
        told.push(format!("{quota} of {}{with}", part.source));
        let source: Arc<str> = part.source.as_str().into();
        let (of_validation, of_test) = (shares.validation * quota as f64, shares.test * quota as f64);
        let (mut in_validation, mut in_test) = (0, 0);
        for (person, records) in by_person(dataset, &everybody.of_source(&part.source), &chosen, seed, number) {
            let place = *places.entry(person).or_insert_with(|| {
                // Whole people go where half of the next record still fits.
                let fits = |there: usize, share: f64| there as f64 + 0.5 <= share;
                match () {
                    () if fits(in_validation, of_validation) => Place::Validation,
                    () if fits(in_test, of_test) => Place::Test,
                    () => Place::Train,
                }
            });
            let list = match place {
                Place::Train => &mut train,
                Place::Validation => {
                    in_validation += records.len();
                    &mut validation
                }
                Place::Test => {
                    in_test += records.len();
                    &mut test
                }
            };
            for record in records {
                let pick = Pick { source: source.clone(), record };
                part_of.insert(pick.clone(), number);
                list.push(pick);
            }
        }
    }
    // A mix too small for its shares still validates on somebody.
    if validation.is_empty() && shares.validation > 0.0 {
        validation = one_person_of(&mut train, &everybody);
    }
    if train.is_empty() || validation.is_empty() {
        let total: usize = quotas.iter().sum();
        return Err(Error::user(format!(
            "mix {name}: {total} records with {} of {} patients are too few to train and validate on; add records",
            wanted.text(),
            places.len()
        )));
    }
    notes.insert(
        0,
        format!(
            "mix {name}: {}; {} to train, {} to validate, {} to test",
            told.join(", "),
            train.len(),
            validation.len(),
            test.len()
        ),
    );
    let held_out = offers.iter().map(|(.., offer)| offer.held).sum();
    let mut split = sorted(Split { train, validation, test, notes, held_out, ..Split::default() });
    for (number, part) in mix.parts.iter().enumerate() {
        let of_part = |picks: &Vec<Pick>| -> Vec<Pick> {
            picks.iter().filter(|pick| part_of.get(*pick) == Some(&number)).cloned().collect()
        };
        let picks = [&split.train, &split.validation, &split.test].map(of_part);
        let who = everybody.of_source(&part.source);
        split.composition.push(PartOfMix::of(part, wanted.targets(), available[number], picks, datasets, &who));
    }
    split.notes.extend(far_apart(name, &split.composition));
    if mix.parts.iter().any(|part| part.from_epoch.is_some() || part.until_epoch.is_some()) {
        check_epochs(name, mix, &split, shares.epochs)?;
        let parts = split.train.iter().filter_map(|pick| mix.parts.get(*part_of.get(pick)?));
        split.epochs = parts.map(MixPart::epochs).collect();
    }
    Ok(split)
}

/// Each epoch needs records that train, at least the two without which batch norm is not defined.
fn check_epochs(name: &str, mix: &Mix, split: &Split, epochs: usize) -> Result<()> {
    let training = |epoch: usize| -> usize {
        let parts = split.composition.iter().filter(|part| part.epochs.contains(&epoch));
        parts.map(|part| part.records[0]).sum()
    };
    let Some(idle) = (1..=epochs).find(|epoch| training(*epoch) < 2) else { return Ok(()) };
    let parts = mix.parts.iter().enumerate().filter(|(_, part)| part.epochs().contains(&idle));
    let parts: Vec<String> = parts.map(|(number, part)| described(number, part)).collect();
    Err(Error::user(format!(
        "mix {name}: in epoch {idle} part {} trains on {} of its records, where 2 are needed at least; give it more, or lower \
         the stage's validation_share and test_share",
        parts.join(" and "),
        training(idle)
    )))
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Train,
    Validation,
    Test,
}

/// Everybody the transfer validates or tests on.
fn held_out(transfer: &Transfer, datasets: &Datasets, everybody: &Everybody<'_>) -> HashSet<u32> {
    let Some(dataset) = datasets.get(&transfer.source) else { return HashSet::new() };
    let who = everybody.of_source(&transfer.source);
    let is_held_out = |fold: u8| transfer.validation_folds.contains(&fold) || transfer.test_folds.contains(&fold);
    let records = dataset.records.iter().enumerate().filter(|(_, record)| record.fold.is_some_and(is_held_out));
    records.map(|(index, _)| who.person(index)).collect()
}

/// Records of each part. Shares are of `records`, or of as many as the scarcest part allows; parts
/// without shares give what they have, or their part of `records` in proportion to it.
fn quotas(mix: &Mix, available: &[usize]) -> Vec<usize> {
    let shares: Option<Vec<f64>> = mix.parts.iter().map(|part| part.share).collect();
    let all: usize = available.iter().sum();
    match (shares, mix.records) {
        (None, None) => available.to_vec(),
        (None, Some(records)) => {
            let of_all =
                |&count: &usize| if all > 0 { count as f64 / all as f64 } else { 1.0 / available.len() as f64 };
            largest_remainder(records, &available.iter().map(of_all).collect::<Vec<_>>())
        }
        (Some(shares), Some(records)) => largest_remainder(records, &shares),
        (Some(shares), None) => {
            let mut total = all;
            while total > 0 && largest_remainder(total, &shares).iter().zip(available).any(|(quota, have)| quota > have)
            {
                // The scarcest part bounds the total; remainders may cost one or two more.
                let bound = shares.iter().zip(available).filter(|(share, _)| **share > 0.0);
                let bound = bound.map(|(share, &have)| (have as f64 / share).ceil() as usize).min().unwrap_or(0);
                total = (total - 1).min(bound);
            }
            largest_remainder(total, &shares)
        }
    }
}

/// `total` by `shares` (which are 1 together): whole parts first, what is left to the largest
/// remainders, of equal ones to the first (Hamilton's method).
fn largest_remainder(total: usize, shares: &[f64]) -> Vec<usize> {
    let exact: Vec<f64> = shares.iter().map(|share| share * total as f64).collect();
    // A product a rounding error below a whole number is that number.
    let mut quotas: Vec<usize> = exact.iter().map(|quota| (quota + 1e-9).floor() as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    let remainder = |index: &usize| exact[*index] - quotas[*index] as f64;
    order.sort_by(|a, b| remainder(b).total_cmp(&remainder(a)).then(a.cmp(b)));
    let left = total.saturating_sub(quotas.iter().sum());
    for index in order.into_iter().cycle().take(left) {
        quotas[index] += 1;
    }
    quotas
}

/// `quota` of `offer`, at random; the draw of a smaller quota is part of that of a larger one.
fn drawn(dataset: &Dataset, offer: &[usize], quota: usize, seed: u64, part: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..dataset.records.len()).collect();
    order.shuffle(&mut stream(seed, "mix", part as u64));
    let offer: HashSet<usize> = offer.iter().copied().collect();
    order.into_iter().filter(|record| offer.contains(record)).take(quota).collect()
}

/// The people of `records` in random order, with their records.
fn by_person(dataset: &Dataset, who: &Who<'_>, records: &[usize], seed: u64, part: usize) -> Vec<(u32, Vec<usize>)> {
    let mut people = people_of(dataset, who, records);
    people.shuffle(&mut stream(seed, "mix-split", part as u64));
    people
}

/// The people of `records` with their records, in the order of their patients' names: numbers depend on which other
/// sources there are.
fn people_of(dataset: &Dataset, who: &Who<'_>, records: &[usize]) -> Vec<(u32, Vec<usize>)> {
    let mut people: HashMap<u32, (&str, Vec<usize>)> = HashMap::new();
    for &index in records {
        let name = dataset.records[index].patient.as_str();
        let (first, own) = people.entry(who.person(index)).or_insert((name, Vec::new()));
        *first = (*first).min(name);
        own.push(index);
    }
    let mut people: Vec<_> = people.into_iter().collect();
    people.sort_unstable_by_key(|(_, (name, _))| *name);
    people.into_iter().map(|(person, (_, records))| (person, records)).collect()
}

/// Takes the records of the last person out of `train`, unless it is the only one.
fn one_person_of(train: &mut Vec<Pick>, everybody: &Everybody<'_>) -> Vec<Pick> {
    let person = |pick: &Pick| everybody.of_source(&pick.source).person(pick.record);
    let Some(last) = train.last().map(person) else { return Vec::new() };
    let (taken, kept): (Vec<Pick>, Vec<Pick>) = train.drain(..).partition(|pick| person(pick) == last);
    if kept.is_empty() {
        *train = taken;
        return Vec::new();
    }
    *train = kept;
    taken
}

/// The transfer task's records by folds, each recording once and each person in one split only; of the training records
/// only `label_fraction`, by person, stratified by class, nested across fractions of the same seed. Sources that say
/// who is who in the transfer's may be among `datasets`.
///
/// # Errors
/// A user error where a fold is empty.
pub fn transfer_split(transfer: &Transfer, datasets: &Datasets, label_fraction: f64, seed: u64) -> Result<Split> {
    let dataset = dataset(datasets, &transfer.source)?;
    let wanted = Wanted::Classes(&transfer.classes, transfer.labels);
    let usable: Vec<usize> =
        (0..dataset.records.len()).filter(|&index| wanted.is_known_of(&dataset.records[index])).collect();
    let mut notes = Vec::new();
    let unlabelled = dataset.records.len() - usable.len();
    if unlabelled > 0 {
        notes.push(format!(
            "{unlabelled} of {} records of {} have {} and are left out",
            dataset.records.len(),
            transfer.source,
            wanted.lack()
        ));
    }
    let everybody = Everybody::of(datasets);
    let who = everybody.of_source(&transfer.source);
    let (mut taken, mut recordings) = (HashSet::new(), HashSet::new());
    let (mut crossing, mut repeated) = (0, 0);
    let mut of_folds = |key: &str, folds: &[u8]| -> Result<Vec<usize>> {
        let records: Vec<usize> = usable
            .iter()
            .copied()
            .filter(|&index| dataset.records[index].fold.is_some_and(|fold| folds.contains(&fold)))
            .collect();
        if records.is_empty() {
            return Err(Error::user(format!(
                "transfer.{key}: no record of {} with {} is in {}",
                transfer.source,
                wanted.text(),
                folds_text(folds)
            )));
        }
        let before = records.len();
        let mut kept: Vec<usize> = records.into_iter().filter(|&index| !taken.contains(&who.person(index))).collect();
        crossing += before - kept.len();
        let before = kept.len();
        kept.retain(|&index| recordings.insert(who.recording(index)));
        repeated += before - kept.len();
        taken.extend(kept.iter().map(|&index| who.person(index)));
        Ok(kept)
    };
    // Whoever is tested is neither validated on nor trained on.
    let test = of_folds("test_folds", &transfer.test_folds)?;
    let validation = of_folds("validation_folds", &transfer.validation_folds)?;
    let all = of_folds("train_folds", &transfer.train_folds)?;
    let reasons = [(crossing, "their patient is in another split"), (repeated, "another id has the same recording")];
    for (count, why) in reasons.into_iter().filter(|(count, _)| *count > 0) {
        notes.push(format!("{count} records of {} are left out because {why}", transfer.source));
    }
    if validation.is_empty() || all.is_empty() {
        let key = if all.is_empty() { "train_folds" } else { "validation_folds" };
        return Err(Error::user(format!(
            "transfer.{key}: every record of these folds belongs to a patient of another split"
        )));
    }
    let train = fraction(dataset, &who, &transfer.classes, &all, label_fraction, seed);
    notes.insert(
        0,
        format!(
            "{} of {} training records, {} to validate, {} to test",
            train.len(),
            all.len(),
            validation.len(),
            test.len()
        ),
    );
    for class in &transfer.classes {
        if !train.iter().any(|&index| dataset.records[index].has(*class)) {
            notes.push(format!("no training record has {}", class.name()));
        }
    }
    let source: Arc<str> = transfer.source.as_str().into();
    let picks =
        |records: Vec<usize>| records.into_iter().map(|record| Pick { source: source.clone(), record }).collect();
    let (train, validation, test) = (picks(train), picks(validation), picks(test));
    Ok(sorted(Split { train, validation, test, notes, ..Split::default() }))
}

/// `fraction` of `records`, by whole people: those of each combination of classes are
/// spread evenly over one line, in random order and with a random start, and the line is cut where
/// it comes nearest to the fraction. What a smaller fraction takes a larger one takes too.
fn fraction(
    dataset: &Dataset,
    who: &Who<'_>,
    classes: &[Label],
    records: &[usize],
    fraction: f64,
    seed: u64,
) -> Vec<usize> {
    let mut strata: BTreeMap<Vec<bool>, Vec<Vec<usize>>> = BTreeMap::new();
    for (_, own) in people_of(dataset, who, records) {
        let signature =
            classes.iter().map(|class| own.iter().any(|&index| dataset.records[index].has(*class))).collect();
        strata.entry(signature).or_default().push(own);
    }
    let mut line: Vec<(f64, Vec<usize>)> = Vec::new();
    for (signature, mut patients) in strata {
        let number = signature.iter().fold(0, |number, has| 2 * number + u64::from(*has));
        let mut random = stream(seed, "label-fraction", number);
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

/// In the order of the data: a split is a set.
fn sorted(mut split: Split) -> Split {
    for picks in [&mut split.train, &mut split.validation, &mut split.test] {
        picks.sort();
        debug_assert!(picks.iter().collect::<BTreeSet<_>>().len() == picks.len());
    }
    split
}

fn dataset<'a>(datasets: &'a Datasets, name: &str) -> Result<&'a Dataset> {
    datasets.get(name).map(|dataset| &**dataset).ok_or_else(|| Error::internal(format!("source {name} is not loaded")))
}
