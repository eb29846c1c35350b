//! Heart rate and durations of a record, as they are to be seen.

use rand_chacha::ChaCha8Rng;

use super::{Condition, Person};
use crate::source::kinds::simulator::draw::truncated;

/// Years around which effects of the age are written.
const MIDDLE_AGE: f64 = 45.0;

/// What is to be seen of a record's beats, ms, by the distributions that `docs/simulator.md` lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Durations {
    /// bpm
    pub hr: f64,
    /// The P wave.
    pub p: f64,
    pub pr: f64,
    pub qt: f64,
}

impl Durations {
    /// Draws those of a record whose QRS complexes last `qrs`.
    pub fn draw(conditions: &[Condition], person: &Person, qrs: f64, random: &mut ChaCha8Rng) -> Self {
        let hr = hr(conditions, person, random);
        let p = truncated(random, 104.0 + 0.1 * (person.age - MIDDLE_AGE), 9.0, [80.0, 130.0]);
        let pr = pr(conditions, person, hr, random);
        let qt = qtc(conditions, person, qrs, random) * (60.0 / hr).cbrt();
        Self { hr, p, pr, qt }
    }
}

fn hr(conditions: &[Condition], person: &Person, random: &mut ChaCha8Rng) -> f64 {
    let has = |condition| conditions.contains(&condition);
    let women = person.by_sex(0.0, 3.0);
    if has(Condition::Fibrillation) {
        truncated(random, 88.0, 20.0, [50.0, 140.0])
    } else if has(Condition::Bradycardia) {
        truncated(random, 53.0, 5.0, [38.0, 59.0])
    } else if has(Condition::Tachycardia) {
        truncated(random, 109.0, 8.0, [101.5, 140.0])
    } else if has(Condition::Normal) {
        truncated(random, 67.0 + women, 11.0, [50.0, 99.0])
    } else {
        truncated(random, 75.0 + women, 13.0, [50.0, 99.0])
    }
}

fn pr(conditions: &[Condition], person: &Person, hr: f64, random: &mut ChaCha8Rng) -> f64 {
    if conditions.contains(&Condition::AvBlock) {
        return truncated(random, 225.0, 22.0, [203.0, 310.0]);
    }
    let mean = 156.0 + 0.25 * (person.age - MIDDLE_AGE) - 0.26 * (hr - 70.0) - person.by_sex(0.0, 6.0);
    truncated(random, mean, 19.0, [112.0, 199.0])
}

/// Draws how long QRS complexes last.
pub(super) fn qrs(conditions: &[Condition], person: &Person, random: &mut ChaCha8Rng) -> f64 {
    let has = |condition| conditions.contains(&condition);
    if has(Condition::CompleteLeft) {
        return truncated(random, 146.0, 12.0, [122.0, 185.0]);
    }
    if has(Condition::CompleteRight) {
        return truncated(random, 138.0, 11.0, [121.0, 175.0]);
    }
    if has(Condition::IncompleteRight) {
        return truncated(random, 108.0, 5.0, [100.0, 119.0]);
    }
    let hypertrophy = has(Condition::LeftHypertrophy) || has(Condition::RightHypertrophy);
    let infarction = Condition::INFARCTIONS.into_iter().any(has);
    let longer = [(hypertrophy, 7.0), (infarction, 4.0), (has(Condition::LeftAnterior), 7.0)];
    let longer: f64 = longer.into_iter().filter(|(is_it, _)| *is_it).map(|(_, by)| by).sum();
    let longest = if has(Condition::Normal) { 110.0 } else { 119.0 };
    truncated(random, person.by_sex(96.0, 89.0) + longer, 8.5, [70.0, longest])
}

/// QT at an RR interval of 1 s, by Fridericia; half of what a QRS complex is longer than 95 ms is in it.
fn qtc(conditions: &[Condition], person: &Person, qrs: f64, random: &mut ChaCha8Rng) -> f64 {
    let longer = 0.5 * (qrs - 95.0).max(0.0);
    if conditions.contains(&Condition::LongQt) {
        return truncated(random, person.by_sex(495.0, 505.0), 20.0, [480.0, 570.0]) + longer;
    }
    let years = (person.age - 20.0).max(0.0);
    let mean = person.by_sex(402.0 + 0.3 * years, 417.0 + 0.12 * years);
    if conditions.contains(&Condition::Normal) {
        return truncated(random, mean, 15.0, [360.0, person.by_sex(442.0, 452.0)]) + longer;
    }
    truncated(random, mean + 5.0, 19.0, [360.0, 475.0]) + longer
}
