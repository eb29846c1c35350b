//! A look at the signals of a source as its files have them: amplitudes, flat leads, sums of limb leads.
//!
//! Nothing here is an error: what looks wrong is told, with what would mend it.

use crate::ecg::{Lead, RawRecord};
use crate::manifest::Signal;
use crate::source::plausible::{AMPLITUDE, digits};
use crate::source::{Found, Reading};
use crate::statistics::median;

/// So many records of a source are looked at, evenly spread.
const LOOKED_AT: usize = 1000;

/// Amplitudes are those of pieces of this length, s: each has a beat, and most have no spike.
const PIECE: f64 = 2.0;

/// A lead this small beside the record's largest is flat.
const FLAT: f64 = 0.005;

/// I + III - II and aVR + aVL + aVF beside the largest of their leads: in PTB-XL, CODE-15 % and the Challenge 2021 records
/// at most .03, where leads were scaled one by one .5 in the median.
const SUM: f64 = 0.1;

/// How far a standard deviation may be from 1, or a range from that of other leads, to be called equal.
const EQUAL: f64 = 0.03;

/// What is said of most records is true of at least this share.
const MOST: f64 = 0.9;

/// What one record looks like.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    leads: Vec<LeadLook>,
    /// Peak to peak of I + III - II, and of aVR + aVL + aVF, relative to the largest of their leads.
    sums: [Option<f64>; 2],
    /// Steps per mV; NaN where nobody says.
    gain: f64,
    rate: f64,
    unsummed: bool,
}

/// What one lead of one record looks like, in what is said to be mV.
#[derive(Clone, Debug)]
struct LeadLook {
    lead: Lead,
    /// Peak to peak, the median over pieces.
    amplitude: f64,
    /// Standard deviation of all samples.
    sd: f64,
    /// Lowest to highest of all samples.
    range: f64,
}

/// Whether record `index` of `count` is looked at.
pub(super) fn is_looked_at(index: usize, count: usize) -> bool {
    index.is_multiple_of(count.div_ceil(LOOKED_AT).max(1))
}

/// Looks at a record; `None` where it has no samples.
pub(crate) fn look(found: &Found) -> Option<Look> {
    let RawRecord { sampling_rate, leads, signals } = &found.raw;
    if signals.iter().any(Vec::is_empty) {
        return None;
    }
    let own = leads.iter().copied().zip(signals.iter().map(Vec::as_slice));
    let others = found.others.iter().map(|(lead, signal)| (*lead, signal.as_slice()));
    let all: Vec<(Lead, &[f32])> = own.clone().chain(others).collect();
    let piece = (PIECE * sampling_rate).round().max(1.0) as usize;
    let sum = |of: [(Lead, f32); 3]| sum_of_limb_leads(&all, of, piece);
    Some(Look {
        leads: own.map(|(lead, signal)| LeadLook::new(lead, signal, piece)).collect(),
        sums: [
            sum([(Lead::I, 1.0), (Lead::III, 1.0), (Lead::II, -1.0)]),
            sum([(Lead::AVR, 1.0), (Lead::AVL, 1.0), (Lead::AVF, 1.0)]),
        ],
        gain: found.gain,
        rate: *sampling_rate,
        unsummed: found.unsummed,
    })
}

impl LeadLook {
    fn new(lead: Lead, signal: &[f32], piece: usize) -> Self {
        let count = signal.len() as f64;
        let mean = signal.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        let squares = signal.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
        Self { lead, amplitude: amplitude(signal, piece), sd: (squares / count).sqrt(), range: range(signal) }
    }
}

/// Highest less lowest.
fn range(signal: &[f32]) -> f64 {
    let (low, high) = signal.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
        // NaN is in neither.
        (low.min(value), high.max(value))
    });
    f64::from(high) - f64::from(low)
}

/// The median of the ranges of whole pieces; the range of a signal that is shorter than one.
pub(crate) fn amplitude(signal: &[f32], piece: usize) -> f64 {
    median(signal.chunks_exact(piece).map(range)).unwrap_or_else(|| range(signal))
}

fn sum_of_limb_leads(all: &[(Lead, &[f32])], of: [(Lead, f32); 3], piece: usize) -> Option<f64> {
    let mut sum: Vec<f32> = Vec::new();
    let mut largest = 0.0_f64;
    for (lead, sign) in of {
        let (_, signal) = all.iter().find(|(other, _)| *other == lead)?;
        sum.resize(signal.len(), 0.0);
        sum.iter_mut().zip(*signal).for_each(|(sum, value)| *sum += sign * value);
        largest = largest.max(amplitude(signal, piece));
    }
    (largest > 0.0).then(|| amplitude(&sum, piece) / largest)
}

/// What the user should know of a source whose records look like `looks`.
pub(crate) fn tell(looks: &[Look], signal: &Signal, reading: &Reading) -> Vec<String> {
    let mut told = Vec::new();
    match scaled(looks) {
        Some(how) => told.push(how),
        None => {
            told.extend(amplitudes(looks, reading));
            told.extend(limb_leads(looks));
        }
    }
    told.extend(flat_leads(looks));
    let count = |is: &dyn Fn(&Look) -> bool| looks.iter().filter(|look| is(look)).count();
    let unsummed = count(&|look| look.unsummed);
    if unsummed > 0 {
        told.push(format!(
            "{unsummed} of {} headers looked at have 0 for every checksum, which is a placeholder: their samples are not verified",
            looks.len()
        ));
    }
    let slower = count(&|look| look.rate < signal.sampling_rate);
    if slower > 0 {
        let lowest = looks.iter().map(|look| look.rate).fold(f64::INFINITY, f64::min);
        told.push(format!(
            "{slower} of {} records looked at are sampled below signal.sampling_rate ({lowest} and {} Hz): resampling gives them more samples \
             and no more detail",
            looks.len(),
            signal.sampling_rate
        ));
    }
    told
}

/// Whether leads were brought to one scale each, so that there are no mV.
fn scaled(looks: &[Look]) -> Option<String> {
    let leads = || looks.iter().flat_map(|look| &look.leads).filter(|lead| lead.range > 0.0);
    let all = leads().count();
    let is_most = |count: usize| all >= 12 && count as f64 >= MOST * all as f64;
    if is_most(leads().filter(|lead| (lead.sd - 1.0).abs() <= EQUAL).count()) {
        return Some(
            "leads have a standard deviation of 1 in nearly all records: these are z-scores, whatever unit the files name. \
             Amplitudes of leads and records cannot be compared, and leads that are computed from others are none"
                .into(),
        );
    }
    let usual = median(leads().map(|lead| lead.range))?;
    let equal = leads().filter(|lead| (lead.range - usual).abs() <= 0.1 * EQUAL * usual).count();
    is_most(equal).then(|| {
        format!(
            "nearly all leads of all records have one and the same range, {} \"mV\": each was scaled to it. Where \
             gains do that, `gain` in the source undoes it; else amplitudes are lost, and leads that are computed from others are \
             none",
            digits(usual)
        )
    })
}

/// Whether values are in mV.
fn amplitudes(looks: &[Look], reading: &Reading) -> Option<String> {
    let of_lead = |lead: Lead| {
        let all = looks.iter().flat_map(|look| &look.leads);
        median(all.filter(|own| own.lead == lead && own.range > 0.0).map(|own| own.amplitude))
    };
    let medians: Vec<(Lead, f64)> =
        Lead::ALL.into_iter().filter_map(|lead| of_lead(lead).map(|median| (lead, median))).collect();
    let middle = median(medians.iter().map(|(_, median)| *median)).filter(|middle| *middle > 0.0)?;
    let [low, high] = AMPLITUDE.median;
    if (low..=high).contains(&middle) {
        return None;
    }
    let (lead, _) = *medians.iter().find(|(lead, _)| *lead == Lead::II).or(medians.first())?;
    let own = of_lead(lead)?;
    // The usual median is 1.1 mV: PTB-XL and the Challenge 2021 records.
    let factor = middle / 1.1;
    let gain = median(looks.iter().map(|look| look.gain).filter(|gain| gain.is_finite()));
    let advice = match gain {
        Some(gain) if reading.gain.is_none() => format!(
            "the gain, {} steps per mV, is probably not per mV, or not this: `gain = {}` in the source would give {} mV",
            digits(gain),
            round(gain * factor),
            digits(own * gain / round(gain * factor))
        ),
        Some(gain) => {
            format!("look at the source's `gain` of {}: {} would be usual", digits(gain), round(gain * factor))
        }
        None => "the unit is probably not mV".into(),
    };
    Some(format!(
        "the median peak-to-peak of lead {} is {} mV in {} records looked at, where {low} to {high} mV are usual: {advice}",
        lead.name(),
        digits(own),
        looks.len()
    ))
}

/// The nearest of 1, 2, 2.5 and 5 times a power of ten.
fn round(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    let distance = |step: &f64| (step / value).ln().abs();
    steps.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(value)
}

/// Whether limb leads are those of one heart.
fn limb_leads(looks: &[Look]) -> Option<String> {
    let names = ["I + III - II", "aVR + aVL + aVF"];
    let told: Vec<String> = (0..2)
        .filter_map(|which| {
            let known: Vec<f64> = looks.iter().filter_map(|look| look.sums[which]).collect();
            let broken = known.iter().filter(|sum| **sum > SUM).count();
            // One record in a hundred has an electrode off, or a lead of noise.
            (broken as f64 > 0.02 * known.len() as f64).then(|| {
                let middle = median(known.iter().copied()).unwrap_or_default();
                let percent = |share: f64| (100.0 * share).round();
                format!(
                    "{} is not 0 in {broken} of {} records looked at (peak to peak, median over all: {} % of the largest of the three)",
                    names[which],
                    known.len(),
                    percent(middle)
                )
            })
        })
        .collect();
    (!told.is_empty()).then(|| {
        format!(
            "{}: leads were scaled one by one, have different gains, or are not called what they are",
            told.join(", and ")
        )
    })
}

fn flat_leads(looks: &[Look]) -> Option<String> {
    let flat = |look: &Look| -> Vec<Lead> {
        let largest = look.leads.iter().map(|lead| lead.amplitude).fold(0.0, f64::max);
        look.leads.iter().filter(|lead| lead.amplitude <= FLAT * largest).map(|lead| lead.lead).collect()
    };
    let flat: Vec<Vec<Lead>> = looks.iter().map(flat).filter(|leads| !leads.is_empty()).collect();
    if flat.is_empty() {
        return None;
    }
    let counts = Lead::ALL.map(|lead| (lead, flat.iter().filter(|leads| leads.contains(&lead)).count()));
    let counts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(lead, count)| format!("{} in {count}", lead.name()))
        .collect();
    let most = flat.iter().map(Vec::len).max().unwrap_or_default();
    let most = if most > 1 { format!(", up to {most} in one record") } else { String::new() };
    Some(format!(
        "{} of {} records looked at have leads that are flat ({}{most}): they say nothing of the heart",
        flat.len(),
        looks.len(),
        counts.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::simulator::simulate;

    fn signal() -> Signal {
        Signal::recorded(Lead::ALL.to_vec(), 100.0, 10.0)
    }

    /// What is told of twenty simulated records, each changed.
    fn told(change: impl Fn(&mut Found)) -> Vec<String> {
        tell(&looks(change), &signal(), &Reading::default())
    }

    fn looks(change: impl Fn(&mut Found)) -> Vec<Look> {
        (0..20)
            .filter_map(|index| {
                let mut found = Found { gain: 1000.0, ..Found::made(simulate(7, index).1) };
                change(&mut found);
                look(&found)
            })
            .collect()
    }

    fn scale(found: &mut Found, by: f32) {
        found.raw.signals.iter_mut().flatten().for_each(|value| *value *= by);
    }

    #[track_caller]
    fn one(told: &[String], parts: &[&str]) {
        assert_eq!(told.len(), 1, "{told:?}");
        for part in parts {
            assert!(told[0].contains(part), "`{part}` is not in: {}", told[0]);
        }
    }

    #[test]
    fn sound_records_are_not_mentioned() {
        assert_eq!(told(|_| {}), [""; 0]);
    }

    #[test]
    fn gains_that_are_not_per_millivolt() {
        one(
            &told(|found| scale(found, 1000.0)),
            &["the median peak-to-peak of lead II is", "20 records looked at", "0.3 to 4 mV", "`gain = 1000000`"],
        );
        // As the first headers of the Challenge 2020 had them: PTB-XL with 200 steps for 1000.
        one(
            &told(|found| {
                scale(found, 5.0);
                found.gain = 200.0
            }),
            &["the gain, 200 steps per mV", "`gain = 1000`"],
        );
        one(
            &told(|found| {
                scale(found, 1000.0 / 4880.0);
                found.gain = 4880.0
            }),
            &["`gain = 1000`"],
        );
    }

    #[test]
    fn scaled_leads_are_called_so() {
        let each = |found: &mut Found, by: &dyn Fn(&LeadLook) -> f64| {
            for (lead, signal) in found.raw.leads.iter().zip(&mut found.raw.signals) {
                let factor = 1.0 / by(&LeadLook::new(*lead, signal, 1000));
                signal.iter_mut().for_each(|value| *value *= factor as f32);
            }
        };
        one(&told(|found| each(found, &|lead| lead.sd)), &["z-scores"]);
        one(&told(|found| each(found, &|lead| lead.range)), &["one and the same range, 1 \"mV\""]);
    }

    #[test]
    fn limb_leads_that_do_not_add_up() {
        one(
            &told(|found| found.raw.signals[2].iter_mut().for_each(|value| *value *= 2.0)),
            &["I + III - II is not 0 in", "of 20 records looked at"],
        );
        one(&told(|found| found.raw.signals.swap(3, 9)), &["aVR + aVL + aVF is not 0"]);
        // Leads that are not used count too.
        let exchanged = |found: &mut Found| {
            let third = found.raw.signals.remove(2);
            found.raw.leads.remove(2);
            found.others.push((Lead::III, third.iter().map(|value| -value).collect()));
        };
        one(&told(exchanged), &["I + III - II"]);
    }

    #[test]
    fn a_record_without_a_signal_is_flat() {
        one(&told(|found| scale(found, 0.0)), &["20 of 20 records looked at", "up to 12 in one record"]);
    }

    #[test]
    fn flat_leads_are_counted() {
        let flat = |found: &mut Found| {
            for lead in [6, 7, 8] {
                found.raw.signals[lead].fill(0.25);
            }
        };
        one(
            &told(flat),
            &[
                "20 of 20 records looked at have leads that are flat (V1 in 20, V2 in 20, V3 in 20, up to 3 in one record)",
            ],
        );
    }

    #[test]
    fn placeholders_and_low_rates_are_told() {
        one(&told(|found| found.unsummed = true), &["20 of 20 headers looked at have 0 for every checksum"]);
        let faster = Signal { sampling_rate: 1000.0, ..signal() };
        let told = tell(&looks(|_| {}), &faster, &Reading::default());
        one(&told, &["20 of 20 records looked at", "500 and 1000 Hz", "no more detail"]);
    }

    #[test]
    fn records_are_looked_at_evenly() {
        let count = |all: usize| (0..all).filter(|&index| is_looked_at(index, all)).count();
        assert_eq!([1, 999, 1000, 1001, 21_799].map(count), [1, 999, 1000, 501, 991]);
    }
}
