//! The records of a mix, split by person.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::draw::{by_person, dataset, drawn, quotas, sorted};
use crate::Result;
use crate::data::candidates::{Candidates, Wanted, check_quotas, described, nothing};
use crate::data::composition::far_apart;
use crate::data::people::Everybody;
use crate::data::{Dataset, Datasets, PartOfMix, Pick, Split};
use crate::error::Error;
use crate::manifest::{Mix, MixPart, Transfer};

/// Shares of a mix, by patient, that are not trained on, and the epochs that the parts must fill.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// Chooses the epoch.
    pub validation: f64,
    /// Measured once, at the end.
    pub test: f64,
    /// Most epochs of the stage.
    pub epochs: usize,
}

/// A mix as a stage uses it.
#[derive(Clone, Copy, Debug)]
pub struct MixTask<'a> {
    /// The mix's name in the manifest.
    pub name: &'a str,
    /// The mix.
    pub mix: &'a Mix,
    /// What must be known of a record for it to take part.
    pub wanted: Wanted<'a>,
    /// Who is not trained on, and for how long the others are.
    pub shares: Shares,
    /// The transfer whose people of validation and test are kept out; nobody is where there is none.
    pub transfer: Option<&'a Transfer>,
}

/// A part of a mix, and the records that it may draw.
struct Part<'a> {
    number: usize,
    part: &'a MixPart,
    dataset: &'a Dataset,
    candidates: Candidates,
}

/// The records of the mix of which what is wanted is known, split by person, each recording once.
///
/// People of the validation and test folds of the task's `transfer` never take part, whatever the mix says and whichever
/// source they are met in: `datasets` has the transfer source beside those of the mix.
///
/// # Errors
/// A user error where the mix asks for more records than there are, where a part with a share or a condition has
/// none, where fewer than two records train in some epoch of a curriculum, or where a split would be empty.
pub fn mix_split(task: &MixTask<'_>, datasets: &Datasets, seed: u64) -> Result<Split> {
    let MixTask { name, mix, wanted, shares, .. } = *task;
    let everybody = Everybody::new(datasets);
    let (parts, mut notes) = candidates(task, datasets, &everybody, seed)?;
    let available: Vec<usize> = parts.iter().map(|part| part.candidates.records.len()).collect();
    let quotas = quotas(mix, &available);
    check_quotas(name, mix, wanted, &available, &quotas)?;

    let mut placed = Placed::default();
    let mut told = Vec::new();
    for (part, &quota) in parts.iter().zip(&quotas) {
        let Part { number, part: of_mix, dataset, candidates } = part;
        let chosen = drawn(dataset, &candidates.records, quota, seed, *number);
        let with = of_mix.condition.as_ref().map_or(String::new(), |condition| format!(" ({condition})"));
        told.push(format!("{quota} of {}{with}", of_mix.source));
        let people = by_person(dataset, &everybody.of_source(&of_mix.source), &chosen, seed, *number);
        placed.add(part, people, [shares.validation, shares.test].map(|share| share * quota as f64));
    }
    let Placed { picks: [mut train, mut validation, test], people, part_of } = placed;
    // A mix too small for its shares still validates on somebody.
    if validation.is_empty() && shares.validation > 0.0 {
        validation = one_person_of(&mut train, &everybody);
    }
    if train.is_empty() || validation.is_empty() {
        let total: usize = quotas.iter().sum();
        return Err(Error::user(format!(
            "mix {name}: {total} records with {} of {} patients are too few to train and validate on; add records",
            wanted.text(),
            people.len()
        )));
    }
    let sizes = format!("{} to train, {} to validate, {} to test", train.len(), validation.len(), test.len());
    notes.insert(0, format!("mix {name}: {}; {sizes}", told.join(", ")));
    let held_out = parts.iter().map(|part| part.candidates.held).sum();
    let mut split = sorted(Split { train, validation, test, notes, held_out, ..Split::default() });
    split.composition = composition(task, &split, &part_of, &available, (datasets, &everybody));
    split.notes.extend(far_apart(name, &split.composition));
    if mix.parts.iter().any(|part| part.from_epoch.is_some() || part.until_epoch.is_some()) {
        check_epochs(name, mix, &split, shares.epochs)?;
        let parts = split.train.iter().filter_map(|pick| mix.parts.get(*part_of.get(pick)?));
        split.epochs = parts.map(MixPart::epochs).collect();
    }
    Ok(split)
}

/// What each part of the mix may draw, and what should be known of what it may not.
fn candidates<'a>(
    task: &MixTask<'a>,
    datasets: &'a Datasets,
    everybody: &Everybody<'_>,
    seed: u64,
) -> Result<(Vec<Part<'a>>, Vec<String>)> {
    let MixTask { name, mix, wanted, transfer, .. } = *task;
    let held_out = transfer.map_or_else(HashSet::new, |transfer| held_out(transfer, datasets, everybody));
    let (mut parts, mut notes, mut taken) = (Vec::with_capacity(mix.parts.len()), Vec::new(), HashSet::new());
    for (number, part) in mix.parts.iter().enumerate() {
        let dataset = dataset(datasets, &part.source)?;
        let who = everybody.of_source(&part.source);
        let mut candidates = Candidates::new((dataset, &who), part, wanted, [&held_out, &taken]);
        notes.extend(candidates.notes(part, wanted));
        if let Some(limit) = part.max_records {
            // What is drawn from these further down is what would be drawn from all.
            candidates.records = drawn(dataset, &candidates.records, limit, seed, number);
        }
        taken.extend(candidates.records.iter().map(|&record| who.recording(record)));
        parts.push(Part { number, part, dataset, candidates });
    }
    let all_empty = parts.iter().all(|part| part.candidates.records.is_empty());
    let must_have = |part: &&Part<'_>| all_empty || part.part.share.is_some() || part.part.condition.is_some();
    match parts.iter().filter(|part| part.candidates.records.is_empty()).find(must_have) {
        Some(part) => Err(nothing(name, part.number, part.part, &part.candidates, wanted)),
        None => Ok((parts, notes)),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Train,
    Validation,
    Test,
}

/// Where people were put, and their records.
#[derive(Default)]
struct Placed {
    /// Records that train, validate and test.
    picks: [Vec<Pick>; 3],
    people: HashMap<u32, Place>,
    /// Of which part of the mix each record is.
    part_of: BTreeMap<Pick, usize>,
}

impl Placed {
    /// Puts `people`, each with records of `part`, where they are already, else where there is room: validation and test
    /// have `shares` records of the part.
    fn add(&mut self, part: &Part<'_>, people: Vec<(u32, Vec<usize>)>, [of_validation, of_test]: [f64; 2]) {
        let source: Arc<str> = part.part.source.as_str().into();
        let (mut in_validation, mut in_test) = (0, 0);
        for (person, records) in people {
            let place = *self.people.entry(person).or_insert_with(|| {
                // Whole people go where half of the next record still fits.
                let fits = |there: usize, share: f64| there as f64 + 0.5 <= share;
                match () {
                    () if fits(in_validation, of_validation) => Place::Validation,
                    () if fits(in_test, of_test) => Place::Test,
                    () => Place::Train,
                }
            });
            match place {
                Place::Train => {}
                Place::Validation => in_validation += records.len(),
                Place::Test => in_test += records.len(),
            }
            for record in records {
                let pick = Pick { source: source.clone(), record };
                self.part_of.insert(pick.clone(), part.number);
                self.picks[place as usize].push(pick);
            }
        }
    }
}

/// What became of each part of the mix.
fn composition(
    task: &MixTask<'_>,
    split: &Split,
    part_of: &BTreeMap<Pick, usize>,
    available: &[usize],
    (datasets, everybody): (&Datasets, &Everybody<'_>),
) -> Vec<PartOfMix> {
    let one = |(number, part): (usize, &MixPart)| {
        let of_part = |picks: &Vec<Pick>| -> Vec<Pick> {
            picks.iter().filter(|pick| part_of.get(*pick) == Some(&number)).cloned().collect()
        };
        let picks = [&split.train, &split.validation, &split.test].map(of_part);
        let who = everybody.of_source(&part.source);
        PartOfMix::new(part, (task.wanted.targets(), available[number]), picks, (datasets, &who))
    };
    task.mix.parts.iter().enumerate().map(one).collect()
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

/// Everybody the transfer validates or tests on.
fn held_out(transfer: &Transfer, datasets: &Datasets, everybody: &Everybody<'_>) -> HashSet<u32> {
    let Some(dataset) = datasets.get(&transfer.source) else { return HashSet::new() };
    let who = everybody.of_source(&transfer.source);
    let is_held_out = |fold: u8| transfer.validation_folds.contains(&fold) || transfer.test_folds.contains(&fold);
    let records = dataset.records.iter().enumerate().filter(|(_, record)| record.fold.is_some_and(is_held_out));
    records.map(|(index, _)| who.person(index)).collect()
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
