//! Where a wave is to be seen.

use super::dipole::{Bell, Vector, project_one};
use super::heart::{Beat, Intervals};

/// A lead sees a wave where the wave's own voltage, of either sign, is above this, mV: 20 microvolt.
pub const SEEN: f64 = 0.02;

/// Into how many parts a wave is cut to find where it is first and last seen; what is seen for less may be missed.
const PARTS: usize = 512;

/// How often the part with the boundary in it is halved: to 1 / 131,072 of the wave, some microseconds.
const HALVINGS: usize = 8;

/// When the wave made of `bells`, which goes from time 0 to 1, is first and last seen in any of the twelve leads; `None` where
/// it never is.
pub(super) fn seen(bells: &[Bell]) -> Option<[f64; 2]> {
    let at = |part: usize| part as f64 / PARTS as f64;
    let shows = |time: f64| is_seen(&moment(bells, time));
    let first = (1..PARTS).find(|part| shows(at(*part)))?;
    let last = (first..PARTS).rev().find(|part| shows(at(*part)))?;
    // Between a time when it is not seen and one when it is.
    let between = |mut hidden: f64, mut shown: f64| {
        for _ in 0..HALVINGS {
            let middle = (hidden + shown) / 2.0;
            if shows(middle) { shown = middle } else { hidden = middle }
        }
        shown
    };
    Some([between(at(first - 1), at(first)), between(at(last + 1), at(last))])
}

/// The waves of a beat.
pub(super) struct Waves<'a> {
    pub p: &'a [Bell],
    pub qrs: &'a [Bell],
    pub t: &'a [Bell],
}

/// The intervals that are to be seen of a beat with these waves, at a heart rate of `hr` bpm. PR and QT are NaN where the wave
/// is not seen, or is not there.
pub(super) fn intervals_seen(hr: f64, beat: &Beat, waves: &Waves<'_>) -> Intervals {
    let within = |bells: &[Bell], onset: f64, offset: f64| {
        let edges = seen(bells).unwrap_or([f64::NAN; 2]);
        edges.map(|edge| onset + edge * (offset - onset))
    };
    let [p, _] = within(waves.p, beat.p_onset, beat.p_offset);
    let [start, end] = within(waves.qrs, beat.qrs_onset, beat.qrs_offset);
    let [_, t] = within(waves.t, beat.t_onset, beat.t_offset);
    Intervals { hr, pr: start - p, qrs: end - start, qt: t - start }
}

/// The dipole of a wave at a time from 0 to 1.
fn moment(bells: &[Bell], time: f64) -> Vector {
    let mut sum = [0.0; 3];
    for bell in bells {
        let [start, end] = bell.support;
        let height = bell.height((time - start) / (end - start));
        for (value, axis) in sum.iter_mut().zip(bell.vector) {
            *value += height * axis;
        }
    }
    sum
}

/// Whether any of the twelve leads sees more than [`SEEN`] of a dipole.
fn is_seen(moment: &Vector) -> bool {
    let eight = project_one(moment);
    let [i, ii, ..] = eight;
    let derived = [ii - i, -(i + ii) / 2.0, i - ii / 2.0, ii - i / 2.0];
    eight.into_iter().chain(derived).any(|value| value.abs() > SEEN)
}
