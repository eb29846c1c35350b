//! What a recording is, whatever the file it lies in and whatever it is called there.

use sha2::{Digest, Sha256};

use super::signal::prepare;
use crate::ecg::{Lead, RawRecord};
use crate::manifest::Signal;
use crate::source::{Found, Recording};

/// What every identity is hashed with, so that none is the hash of anything else.
const TAG: &[u8] = b"ecgraft recording 1";

/// Microvolts per mV.
const MICRO: f32 = 1000.0;

/// Up to this rate, Hz, folders in PTB-XL's layout are read from their 100 Hz signals.
const LOW_RATE: f64 = 100.0;

/// The identity of a record as its file has it: of the leads that `signal` asks for, in their usual order, and of its
/// first `duration` seconds at the record's own rate. Limb leads that follow from I and II are these two, where the
/// record has them: with twelve leads or with eight it is one recording. `None` where all leads are flat.
fn recording(raw: &RawRecord, signal: &Signal) -> Option<Recording> {
    let window = (signal.duration * raw.sampling_rate).round() as usize;
    let mut hash = Sha256::new();
    hash.update(TAG);
    let (mut varies, mut values, mut bytes) = (false, Vec::new(), Vec::new());
    for (lead, samples) in leads(raw, signal) {
        let samples = samples.get(..window).unwrap_or(samples);
        varies |= microvolts(samples, &mut values, &mut bytes);
        hash.update([lead as u8]);
        hash.update((samples.len() as u64).to_le_bytes());
        hash.update(&bytes);
    }
    varies.then(|| Recording::new(hash.finalize().into()))
}

/// The identity of a record as it was found: also by leads that were read beside those that are used.
pub(super) fn identity(found: &Found, signal: &Signal) -> Option<Recording> {
    if found.made {
        return identity_of_made(&found.raw, signal);
    }
    if found.others.is_empty() {
        return recording(&found.raw, signal);
    }
    let mut whole = found.raw.clone();
    for (lead, samples) in &found.others {
        whole.leads.push(*lead);
        whole.signals.push(samples.clone());
    }
    recording(&whole, signal)
}

/// The identity of a record that is in no file: that of the signals which `ecgraft simulate` writes of it, at the rate that a
/// folder in PTB-XL's layout would be read at for `signal`.
fn identity_of_made(raw: &RawRecord, signal: &Signal) -> Option<Recording> {
    if signal.sampling_rate > LOW_RATE {
        return recording(raw, signal);
    }
    let leads: Vec<Lead> = leads(raw, signal).map(|(lead, _)| lead).collect();
    let duration = raw.signals.first().map_or(0, Vec::len) as f64 / raw.sampling_rate;
    let written = Signal::recorded(leads.clone(), LOW_RATE, duration);
    // What cannot be resampled is not written either.
    let samples = prepare(raw, &written).ok()?;
    let signals = samples.chunks(written.length()).map(<[f32]>::to_vec).collect();
    recording(&RawRecord { sampling_rate: LOW_RATE, leads, signals }, signal)
}

/// The leads of the record that tell all that `signal` asks for, in the usual order.
fn leads<'r>(raw: &'r RawRecord, signal: &Signal) -> impl Iterator<Item = (Lead, &'r [f32])> {
    let place = |lead: Lead| raw.leads.iter().position(|own| *own == lead);
    let has_limbs = place(Lead::I).is_some() && place(Lead::II).is_some();
    let mut wanted = [false; Lead::ALL.len()];
    for &lead in &signal.leads {
        match lead {
            Lead::III | Lead::AVR | Lead::AVL | Lead::AVF if has_limbs => {
                (wanted[Lead::I as usize], wanted[Lead::II as usize]) = (true, true);
            }
            lead => wanted[lead as usize] = true,
        }
    }
    let wanted = Lead::ALL.into_iter().filter(move |lead| wanted[*lead as usize]);
    wanted.filter_map(move |lead| Some((lead, raw.signals.get(place(lead)?)?.as_slice())))
}

/// Samples in whole microvolts into `bytes`, least significant first: two bytes each where all fit, else four. Whether
/// they are not all one value.
fn microvolts(samples: &[f32], values: &mut Vec<i32>, bytes: &mut Vec<u8>) -> bool {
    values.clear();
    values.extend(samples.iter().map(|sample| rounded(sample * MICRO)));
    let (low, high) = values.iter().fold((i32::MAX, i32::MIN), |(low, high), &value| (low.min(value), high.max(value)));
    bytes.clear();
    if i16::try_from(low).is_ok() && i16::try_from(high).is_ok() {
        bytes.extend(values.iter().flat_map(|&value| (value as i16).to_le_bytes()));
    } else {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    low < high
}

/// The nearest whole number, halves away from 0, as `wfdb::write` rounds; many times faster than `round`, which is a call.
fn rounded(value: f32) -> i32 {
    let whole = value as i32;
    // Exact: the two have all binary places in common.
    let rest = value - whole as f32;
    whole.saturating_add(i32::from(rest >= 0.5) - i32::from(rest <= -0.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Normalize;
    use crate::source::simulator;

    fn signal(leads: &[Lead], sampling_rate: f64, duration: f64) -> Signal {
        Signal { normalize: Normalize::ZScore, ..Signal::recorded(leads.to_vec(), sampling_rate, duration) }
    }

    #[test]
    fn a_recording_is_its_samples_in_microvolts_whatever_else_is_in_the_file() {
        let (_, twelve) = simulator::simulate(4, 9);
        let wanted = signal(&[Lead::II, Lead::III, Lead::V1], 500.0, 4.0);
        let own = recording(&twelve, &wanted).unwrap();
        let mut eight = twelve.clone();
        (2..6).rev().for_each(|place| {
            eight.leads.remove(place);
            eight.signals.remove(place);
        });
        eight.leads.reverse();
        eight.signals.reverse();
        assert_eq!(recording(&eight, &wanted), Some(own), "III follows from I and II");
        let mut rounded = twelve.clone();
        rounded.signals.iter_mut().flatten().for_each(|value| *value = (*value * 1000.0).round() / 1000.0);
        rounded.signals[7][100] += 1.0;
        rounded.signals[1].iter_mut().skip(2000).for_each(|value| *value = 0.0);
        assert_eq!(recording(&rounded, &wanted), Some(own), "V2 is not asked for, nor what is after 4 s");
        rounded.signals[0][1999] += 0.001;
        assert_ne!(recording(&rounded, &wanted), Some(own), "one microvolt in lead I, of which III is made");
        let mut order = wanted.clone();
        order.leads = vec![Lead::V1, Lead::III];
        assert_eq!(recording(&twelve, &order), Some(own), "III has II in it");
        order.leads = vec![Lead::V1, Lead::II];
        assert_ne!(recording(&twelve, &order), Some(own));
    }

    #[test]
    fn halves_are_rounded_as_files_are_written() {
        let halves = (-5000..5000).map(|half| half as f32 / 2.0);
        let near = [0.499_999_97, -0.499_999_97, 8_388_607.5, -8_388_607.5, 1e9, -1e9, 1e20, -1e20, f32::NAN, -0.0];
        for value in halves.chain(near) {
            assert_eq!(rounded(value), value.round() as i32, "{value}");
        }
    }

    #[test]
    fn large_values_are_told_apart_and_flat_leads_have_no_identity() {
        let raw =
            |values: [f32; 3]| RawRecord { sampling_rate: 1.0, leads: vec![Lead::I], signals: vec![values.into()] };
        let wanted = signal(&[Lead::I], 1.0, 3.0);
        let identity = |values| recording(&raw(values), &wanted);
        // 65.536 mV are 0 in sixteen bits.
        assert_ne!(identity([0.0, 1.0, 0.0]), identity([65.536, 1.0, 0.0]));
        assert_eq!(identity([0.0, 1.0, 0.0]), identity([-0.0001, 1.0001, 0.0]));
        assert_eq!((identity([0.25; 3]), identity([0.0, 0.0002, -0.0002])), (None, None));
    }
}
