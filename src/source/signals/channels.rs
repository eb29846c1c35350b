//! Leads at their places in a file to those that are asked for.

use super::Layout;
use crate::ecg::{Lead, RawRecord};
use crate::source::plausible::SAMPLING_RATE;
use crate::source::{Found, Request};

/// What is wrong with a file.
pub(super) type Faulty<T> = std::result::Result<T, String>;

/// A lead that was read: mV, up to the first value that is no number, and how many samples there are in the file.
pub(super) struct Samples {
    pub millivolts: Vec<f32>,
    pub there: usize,
}

/// The rate of signals that are sampled `said` times a second; where the file does not say it, the layout does.
pub(super) fn rate(said: Option<f64>, layout: &Layout) -> Faulty<f64> {
    let rate = said.or(layout.sampling_rate);
    let rate = rate.ok_or("nothing says how many samples there are per second; set `sampling_rate`")?;
    if !SAMPLING_RATE.contains(rate) {
        return Err(format!("the sampling rate is {rate} Hz; that of an ECG is {}", SAMPLING_RATE.range()));
    }
    Ok(rate)
}

/// The first lead that is there twice.
pub(super) fn check_unique(leads: &[Option<Lead>]) -> Faulty<()> {
    let there: Vec<Lead> = leads.iter().copied().flatten().collect();
    match there.iter().enumerate().find(|(place, lead)| there[..*place].contains(lead)) {
        Some((place, lead)) => {
            Err(format!("lead {} is there twice, the second time as number {}", lead.name(), place + 1))
        }
        None => Ok(()),
    }
}

/// Of the `leads` at their places those that are asked for, each read by `read`; `gain` are steps per mV. What is wrong with a
/// lead that is not used matters to nobody.
pub(super) fn assemble(
    leads: &[Option<Lead>],
    rate: f64,
    gain: f64,
    request: &Request<'_>,
    read: impl Fn(usize) -> Faulty<Samples>,
) -> Faulty<Found> {
    let there: Vec<Lead> = leads.iter().copied().flatten().collect();
    if let Some(lead) = request.missing(&there) {
        let all: Vec<_> = there.iter().map(|lead| lead.name()).collect();
        return Err(format!(
            "there is no lead {}, nor can it be computed; the leads are {}",
            lead.name(),
            all.join(", ")
        ));
    }
    let used = request.used(&there);
    let needed = request.samples(rate).unwrap_or(usize::MAX);
    let mut end = usize::MAX;
    let mut raw = RawRecord { sampling_rate: rate, leads: Vec::new(), signals: Vec::new() };
    let mut others = Vec::new();
    for (place, lead) in leads.iter().enumerate().filter_map(|(place, lead)| Some((place, (*lead)?))) {
        let is_used = used.contains(&lead);
        if !is_used && !request.wants(lead) {
            continue;
        }
        let Samples { millivolts: signal, there } = match read(place) {
            Ok(samples) => samples,
            Err(_) if !is_used => continue,
            Err(why) => return Err(format!("lead {}: {why}", lead.name())),
        };
        let length = signal.len();
        if !is_used {
            others.push((lead, signal));
            continue;
        }
        if length < needed && length < there {
            let seconds = length as f64 / rate;
            return Err(format!("lead {}: sample {length} (at {seconds:.3} s) is no number", lead.name()));
        }
        end = end.min(length);
        raw.leads.push(lead);
        raw.signals.push(signal);
    }
    raw.signals.iter_mut().for_each(|signal| signal.truncate(end));
    others.retain_mut(|(_, signal)| {
        signal.truncate(end);
        signal.len() == end
    });
    Ok(Found { raw, others, gain, unsummed: false, made: false })
}
