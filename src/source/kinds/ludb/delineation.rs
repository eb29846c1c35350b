//! Intervals from the waves that were marked in each lead.

use crate::source::intervals::Intervals;
use crate::statistics::median;
use crate::source::wfdb::annotation::{Annotation, code};

/// QRS complexes whose peaks follow each other within this time are one beat, ms.
const OF_ONE_BEAT: f64 = 100.0;

/// A P wave begins at most so long before its QRS complex, ms.
const LONGEST_PR: f64 = 400.0;

/// A wave of one lead; samples.
#[derive(Clone, Copy, Debug)]
struct Wave {
    code: u8,
    onset: Option<f64>,
    peak: f64,
    end: Option<f64>,
}

/// A beat over all leads; samples.
struct Beat {
    /// The median over leads of its peaks.
    peak: f64,
    /// The earliest onset, and the latest end.
    onset: Option<f64>,
    end: Option<f64>,
}

/// RR, PR, QT and QRS, ms, from the marks of each lead at `rate`, Hz; see the rule in the documentation of the kind.
pub(super) fn intervals(leads: &[Vec<Annotation>], rate: f64) -> Intervals {
    let leads: Vec<Vec<Wave>> = leads.iter().map(|marks| waves(marks)).collect();
    let ms = 1000.0 / rate;
    let beats = beats(&leads, OF_ONE_BEAT / ms);
    let (mut pr, mut qt, mut qrs) = (Vec::new(), Vec::new(), Vec::new());
    for (place, beat) in beats.iter().enumerate() {
        let (Some(onset), Some(end)) = (beat.onset, beat.end) else { continue };
        qrs.push((end - onset) * ms);
        let before = place.checked_sub(1).and_then(|before| beats[before].end).unwrap_or(-1.0);
        let after = beats.get(place + 1).and_then(|after| after.onset).unwrap_or(f64::INFINITY);
        let is_p = |p: f64| before < p && p < onset && onset - p <= LONGEST_PR / ms;
        let p_onsets = leads.iter().filter_map(|lead| {
            let onsets = of(lead, code::P_WAVE).filter_map(|wave| wave.onset);
            onsets.filter(|p| is_p(*p)).last()
        });
        pr.extend(p_onsets.reduce(f64::min).map(|p| (onset - p) * ms));
        let t_ends = leads.iter().filter_map(|lead| {
            let t = of(lead, code::T_WAVE).find(|wave| end < wave.peak && wave.peak < after);
            t.and_then(|wave| wave.end)
        });
        qt.extend(t_ends.reduce(f64::max).map(|t| (t - onset) * ms));
    }
    let between = beats.windows(2).map(|two| (two[1].peak - two[0].peak) * ms);
    let rr = (beats.len() > 1).then(|| between.sum::<f64>() / (beats.len() - 1) as f64);
    [rr, median(pr.into_iter()), median(qt.into_iter()), median(qrs.into_iter())]
}

fn of(lead: &[Wave], code: u8) -> impl Iterator<Item = &Wave> {
    lead.iter().filter(move |wave| wave.code == code)
}

/// The waves of a lead: each peak with the onset right before it and the end right after it, where these are marked.
fn waves(marks: &[Annotation]) -> Vec<Wave> {
    let is_peak = |mark: &Annotation| [code::P_WAVE, code::NORMAL, code::T_WAVE].contains(&mark.code);
    let peaks = marks.iter().enumerate().filter(|(_, mark)| is_peak(mark));
    let beside = |place: Option<usize>, code: u8| {
        let mark = place.and_then(|place| marks.get(place)).filter(|mark| mark.code == code);
        mark.map(|mark| mark.sample as f64)
    };
    let wave = |(place, mark): (usize, &Annotation)| Wave {
        code: mark.code,
        onset: beside(place.checked_sub(1), code::ONSET),
        peak: mark.sample as f64,
        end: beside(Some(place + 1), code::END),
    };
    peaks.map(wave).collect()
}

/// Beats that at least half of the leads have; `gap` samples after a peak another beat may begin.
fn beats(leads: &[Vec<Wave>], gap: f64) -> Vec<Beat> {
    let complexes =
        leads.iter().enumerate().flat_map(|(lead, waves)| of(waves, code::NORMAL).map(move |wave| (lead, wave)));
    let mut complexes: Vec<(usize, &Wave)> = complexes.collect();
    complexes.sort_by(|(_, a), (_, b)| a.peak.total_cmp(&b.peak));
    let groups = complexes.chunk_by(|(_, a), (_, b)| b.peak - a.peak <= gap);
    let beat = |group: &[(usize, &Wave)]| {
        let mut has = vec![false; leads.len()];
        group.iter().for_each(|(lead, _)| has[*lead] = true);
        if 2 * has.iter().filter(|has| **has).count() < leads.len() {
            return None;
        }
        Some(Beat {
            peak: median(group.iter().map(|(_, wave)| wave.peak))?,
            onset: group.iter().filter_map(|(_, wave)| wave.onset).reduce(f64::min),
            end: group.iter().filter_map(|(_, wave)| wave.end).reduce(f64::max),
        })
    };
    groups.filter_map(beat).collect()
}
