//! Draws of records and people, at random and the same for one seed.

use std::collections::{BTreeSet, HashMap, HashSet};

use rand::seq::SliceRandom;

use crate::Result;
use crate::data::people::Who;
use crate::data::{Dataset, Datasets, Split};
use crate::error::Error;
use crate::manifest::Mix;
use crate::seed::stream;

/// Records of each part. Shares are of `records`, or of as many as the scarcest part allows; parts
/// without shares give what they have, or their part of `records` in proportion to it.
pub(super) fn quotas(mix: &Mix, available: &[usize]) -> Vec<usize> {
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

/// `quota` of `candidates`, at random; the draw of a smaller quota is part of that of a larger one.
pub(super) fn drawn(dataset: &Dataset, candidates: &[usize], quota: usize, seed: u64, part: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..dataset.records.len()).collect();
    order.shuffle(&mut stream(seed, "mix", part as u64));
    let candidates: HashSet<usize> = candidates.iter().copied().collect();
    order.into_iter().filter(|record| candidates.contains(record)).take(quota).collect()
}

/// The people of `records` in random order, with their records.
pub(super) fn by_person(
    dataset: &Dataset,
    who: &Who<'_>,
    records: &[usize],
    seed: u64,
    part: usize,
) -> Vec<(u32, Vec<usize>)> {
    let mut people = people_of(dataset, who, records);
    people.shuffle(&mut stream(seed, "mix-split", part as u64));
    people
}

/// The people of `records` with their records, in the order of their patients' names: numbers depend on which other
/// sources there are.
pub(super) fn people_of(dataset: &Dataset, who: &Who<'_>, records: &[usize]) -> Vec<(u32, Vec<usize>)> {
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

/// In the order of the data: a split is a set.
pub(super) fn sorted(mut split: Split) -> Split {
    for picks in [&mut split.train, &mut split.validation, &mut split.test] {
        picks.sort();
        debug_assert!(picks.iter().collect::<BTreeSet<_>>().len() == picks.len());
    }
    split
}

pub(super) fn dataset<'a>(datasets: &'a Datasets, name: &str) -> Result<&'a Dataset> {
    datasets.get(name).map(|dataset| &**dataset).ok_or_else(|| Error::internal(format!("source {name} is not loaded")))
}
