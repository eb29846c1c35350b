//! When the beats of a record are, and where they come from.

use rand_chacha::ChaCha8Rng;

use super::Condition;
use super::plan::Supports;
use crate::source::kinds::simulator::draw::{standard, uniform};
use crate::source::kinds::simulator::rhythm::{REST, onsets};
use crate::source::kinds::simulator::{END, Origin};

/// Between a T wave and the next QRS complex that no P wave is before, ms.
const PAUSE: f64 = 20.0;

/// Starts of QRS complexes, ms, and where the beats come from.
pub(super) type Complexes = Vec<(f64, Origin)>;

/// When beats are: one before the record, those in it, one that does not end in it. RR intervals follow respiration of this
/// frequency, Hz.
pub(super) fn draw(
    conditions: &[Condition],
    supports: &Supports,
    respiration: f64,
    random: &mut ChaCha8Rng,
) -> Complexes {
    let has = |condition| conditions.contains(&condition);
    let mut complexes = if has(Condition::Fibrillation) {
        fibrillating(supports, random)
    } else {
        let sinus = onsets(&supports.intervals, respiration, random);
        sinus.into_iter().map(|onset| (onset, Origin::Sinus)).collect()
    };
    if has(Condition::Ventricular) {
        for place in places(complexes.len(), random) {
            early_ventricular(&mut complexes, place, supports, random);
        }
    }
    if has(Condition::Atrial) {
        for place in places(complexes.len(), random) {
            early_atrial(&mut complexes, place, supports, random);
        }
    }
    fill(&mut complexes, supports);
    complexes
}

/// RR intervals without a pattern: the shortest that there can be, and a log-normal time.
fn fibrillating(supports: &Supports, random: &mut ChaCha8Rng) -> Complexes {
    let mean = 60_000.0 / supports.intervals.hr;
    let shortest = (supports.intervals.qt + PAUSE).max(0.5 * mean);
    let sigma = uniform(random, 0.45, 0.65);
    let interval = |random: &mut ChaCha8Rng| {
        shortest + (mean - shortest).max(0.1 * mean) * (sigma * standard(random) - sigma * sigma / 2.0).exp()
    };
    let first = interval(random) * uniform(random, 0.0, 1.0);
    // That before the record ends before it starts.
    let before = interval(random).max(first + 1.0);
    let mut onsets = vec![first - before, first];
    let last_start = END - supports.intervals.qrs;
    let mut onset = first;
    while onset <= last_start {
        onset += interval(random);
        onsets.push(onset);
    }
    onsets.into_iter().map(|onset| (onset, Origin::Fibrillation)).collect()
}

/// Where early beats are among `count`: one to three of those well in the record, with at least two others between.
fn places(count: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let wanted = 1 + (uniform(random, 0.0, 3.0) as usize).min(2);
    let mut places: Vec<usize> = Vec::new();
    let room = count.saturating_sub(5).max(1);
    // A place that is taken is not drawn again: there may be fewer.
    for _ in 0..wanted {
        let place = 2 + (uniform(random, 0.0, room as f64) as usize).min(room - 1);
        if places.iter().all(|other| other.abs_diff(place) > 2) {
            places.push(place);
        }
    }
    places.sort_unstable();
    places
}

/// The beat at `place` comes early, out of a ventricle; the sinus node does not notice.
fn early_ventricular(complexes: &mut Complexes, place: usize, supports: &Supports, random: &mut ChaCha8Rng) {
    let share = uniform(random, 0.58, 0.80);
    let (Some(&(before, _)), Some(&(usual, _))) = (complexes.get(place - 1), complexes.get(place)) else { return };
    let onset = (before + share * (usual - before)).max(before + supports.intervals.qt + PAUSE);
    complexes[place] = (onset, Origin::Ventricular);
    // The next beat waits until it has ended.
    let pr = supports.intervals.pr;
    let rest = if pr.is_nan() { PAUSE } else { pr + REST };
    if let Some(&(next, _)) = complexes.get(place + 1) {
        shift(complexes, place + 1, (onset + supports.early_qt + rest - next).max(0.0));
    }
}

/// The beat at `place` comes early, out of an atrium, and the sinus node starts anew.
fn early_atrial(complexes: &mut Complexes, place: usize, supports: &Supports, random: &mut ChaCha8Rng) {
    let (share, pause) = (uniform(random, 0.68, 0.84), uniform(random, 1.02, 1.15));
    let (Some(&(before, _)), Some(&(usual, _))) = (complexes.get(place - 1), complexes.get(place)) else { return };
    let shortest = supports.intervals.qt + supports.intervals.pr + REST;
    let onset = (before + share * (usual - before)).max(before + shortest);
    complexes[place] = (onset, Origin::Atrial);
    if let Some(&(next, _)) = complexes.get(place + 1) {
        shift(complexes, place + 1, onset + (pause * (usual - before)).max(shortest) - next);
    }
}

fn shift(complexes: &mut Complexes, from: usize, by: f64) {
    complexes.iter_mut().skip(from).for_each(|(onset, _)| *onset += by);
}

/// Adds beats until one does not end in the record, and takes those after it away.
fn fill(complexes: &mut Complexes, supports: &Supports) {
    let last_start = END - supports.intervals.qrs;
    while let Some(&(last, origin)) = complexes.last()
        && last <= last_start
    {
        complexes.push((last + 60_000.0 / supports.intervals.hr, origin));
    }
    let whole = complexes.iter().filter(|(onset, _)| *onset <= last_start).count();
    complexes.truncate(whole + 1);
}
