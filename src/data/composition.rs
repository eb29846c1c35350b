//! What a mix is made of in the end: of each part, how many records, of whom, and their targets.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::people::Who;
use super::{Datasets, Pick, Record};
use crate::manifest::{MixPart, Target};

/// One part of a mix as one stage was given it.
#[derive(Clone, Debug, PartialEq)]
pub struct PartOfMix {
    /// The source's name.
    pub source: String,
    /// Which of its records, as messages say it: `folds 1, 2; hr < 60; at most 500`. Empty: all.
    pub filter: String,
    /// The epochs in which it trains, counted from 1.
    pub epochs: RangeInclusive<usize>,
    /// Records that it could give.
    pub offered: usize,
    /// Records that train, validate and test.
    pub records: [usize; 3],
    /// Different patients among them.
    pub patients: usize,
    /// The targets that are learned from these records.
    pub targets: Vec<TargetOfPart>,
}

/// One target over all records of a part, in bpm or ms.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetOfPart {
    /// Which it is.
    pub target: Target,
    /// Records that know it.
    pub known: usize,
    /// Mean; `None` where no record knows it.
    pub mean: Option<f64>,
    /// Standard deviation, n - 1 in its denominator; `None` below two records.
    pub sd: Option<f64>,
    /// Lowest and highest value.
    pub range: Option<[f64; 2]>,
}

impl PartOfMix {
    /// What became of `part`, which `offered` so many records: `picks` are those that train, validate and test, from which `targets` are learned.
    pub(super) fn new(
        part: &MixPart,
        (targets, offered): (&[Target], usize),
        picks: [Vec<Pick>; 3],
        (datasets, who): (&Datasets, &Who<'_>),
    ) -> PartOfMix {
        let records = picks.each_ref().map(Vec::len);
        let record = |pick: Pick| datasets.get(&*pick.source).and_then(|dataset| dataset.records.get(pick.record));
        let patients: HashSet<u32> = picks.iter().flatten().map(|pick| who.person(pick.record)).collect();
        let chosen: Vec<&Record> = picks.into_iter().flatten().filter_map(record).collect();
        PartOfMix {
            source: part.source.clone(),
            filter: filter(part),
            epochs: part.epochs(),
            offered,
            records,
            patients: patients.len(),
            targets: targets.iter().map(|target| TargetOfPart::new(*target, &chosen)).collect(),
        }
    }
}

impl TargetOfPart {
    fn new(target: Target, records: &[&Record]) -> Self {
        let values: Vec<f64> = records.iter().filter_map(|record| record.measurement(target)).map(f64::from).collect();
        let count = values.len() as f64;
        let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / count);
        let spread =
            |mean: f64| (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        let lowest = values.iter().copied().min_by(f64::total_cmp);
        let highest = values.iter().copied().max_by(f64::total_cmp);
        TargetOfPart {
            target,
            known: values.len(),
            mean,
            sd: mean.filter(|_| values.len() > 1).map(spread),
            range: lowest.zip(highest).map(|(low, high)| [low, high]),
        }
    }
}

/// A note for each target whose means in parts of two sources differ by more than their pooled standard deviation: what the
/// network learns then is also which source a record is of.
pub(super) fn far_apart(mix: &str, parts: &[PartOfMix]) -> Vec<String> {
    let mut notes = Vec::new();
    for (number, one) in parts.iter().enumerate() {
        for other in parts[number + 1..].iter().filter(|other| other.source != one.source) {
            for (own, others) in one.targets.iter().zip(&other.targets) {
                notes.extend(distance(own, others).filter(|distance| *distance > 1.0).map(|distance| {
                    let (name, unit) = (own.target.name().to_uppercase(), own.target.unit());
                    let told = |of: &TargetOfPart| format!("{:.1} ± {:.1}", of.mean.unwrap_or(0.0), of.sd.unwrap_or(0.0));
                    format!(
                        "mix {mix}: {name} is {} {unit} in {} and {} {unit} in {}, {distance:.1} standard deviations apart: are they \
                         measured in the same way? Scores over both say little of either; those by source are in `ecgraft show`",
                        told(own),
                        one.source,
                        told(others),
                        other.source
                    )
                }));
            }
        }
    }
    notes
}

/// With fewer records a mean says too little.
const ENOUGH: usize = 5;

/// How far the means of two parts are apart, in pooled standard deviations.
fn distance(one: &TargetOfPart, other: &TargetOfPart) -> Option<f64> {
    let squares = |of: &TargetOfPart| of.sd.map(|sd| sd * sd * (of.known as f64 - 1.0));
    if one.known.min(other.known) < ENOUGH {
        return None;
    }
    let freedom = (one.known + other.known) as f64 - 2.0;
    let pooled = ((squares(one)? + squares(other)?) / freedom).sqrt();
    let apart = (one.mean? - other.mean?).abs();
    (apart > 0.0).then_some(apart / pooled)
}

/// Which records of its source a part takes; empty for all.
pub(super) fn filter(part: &MixPart) -> String {
    let folds = part.folds.as_ref().map(|folds| folds_text(folds));
    let condition = part.condition.as_ref().map(ToString::to_string);
    let limit = part.max_records.map(|limit| format!("at most {limit}"));
    [folds, condition, limit].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// `fold 3` or `folds 1, 2`
pub(super) fn folds_text(folds: &[u8]) -> String {
    let list: Vec<String> = folds.iter().map(u8::to_string).collect();
    format!("{} {}", if list.len() == 1 { "fold" } else { "folds" }, list.join(", "))
}
