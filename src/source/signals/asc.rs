//! The `.asc` files of DeepFake-ECG: eight columns of whole microvolts at 500 Hz.

use std::fs;
use std::path::Path;

use crate::ecg::{Lead, RawRecord, Voltage};
use crate::source::files::unreadable;
use crate::source::{Found, Reading, Request};
use crate::{Error, Result};

/// The columns of an `.asc` file.
const LEADS: [Lead; 8] = [Lead::I, Lead::II, Lead::V1, Lead::V2, Lead::V3, Lead::V4, Lead::V5, Lead::V6];

/// Hz.
pub(in crate::source) const RATE: f64 = 500.0;

/// What is done with a column of an `.asc` file.
#[derive(Clone, Copy, PartialEq)]
enum Wish {
    /// It is used.
    Used,
    /// It is read if it can be.
    Other,
    /// It is not read.
    Skip,
}

/// Reads an `.asc` file: rows of eight whole numbers, microvolts unless the source says otherwise.
pub(in crate::source) fn read(path: &Path, request: &Request<'_>) -> Result<Found> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    if let Some(lead) = request.missing(&LEADS) {
        let (lead, leads) = (lead.name(), LEADS.map(Lead::name).join(", "));
        return Err(Error::user(format!("it has no lead {lead}; its leads are {leads}")));
    }
    let used = request.used(&LEADS);
    let mut wishes = LEADS.map(|lead| match lead {
        lead if used.contains(&lead) => Wish::Used,
        lead if request.wants(lead) => Wish::Other,
        _ => Wish::Skip,
    });
    let (gain, number) = scale(request.reading);
    let needed = request.samples(RATE).unwrap_or(usize::MAX);
    let mut signals = vec![Vec::with_capacity(bytes.len() / 24); LEADS.len()];
    let mut samples = 0;
    for (line, row) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let faulty = |why: String| Error::user(format!("{}:{}: {why}", path.display(), line + 1));
        let mut fields = row.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let mut count = 0;
        // The leads first: where they end, no field is taken from the row.
        for ((lead, wish), field) in signals.iter_mut().zip(&mut wishes).zip(fields.by_ref()) {
            count += 1;
            if *wish == Wish::Skip {
                continue;
            }
            match number(field) {
                Some(value) => lead.push(value / gain as f32),
                None if *wish == Wish::Other => *wish = Wish::Skip,
                None if samples >= needed => return Ok(found(signals, &wishes, gain, samples)),
                None => return Err(faulty(no_number(field, request.reading))),
            }
        }
        if count == 0 {
            continue;
        }
        count += fields.count();
        if count != LEADS.len() && samples >= needed {
            break;
        }
        if count != LEADS.len() {
            let leads = LEADS.map(Lead::name).join(" ");
            return Err(faulty(format!("the row has {count} numbers; {} were expected ({leads})", LEADS.len())));
        }
        samples += 1;
    }
    if samples == 0 {
        return Err(Error::user(format!("{}: the file has no samples", path.display())));
    }
    Ok(found(signals, &wishes, gain, samples))
}

/// Reads a field.
type ReadNumber = fn(&[u8]) -> Option<f32>;

/// How a field is read: steps per mV, and how to read a number of steps.
fn scale(reading: &Reading) -> (f64, ReadNumber) {
    let decimal = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok().filter(|value: &f32| value.is_finite());
    match (reading.steps_per_millivolt(), reading.unit) {
        (Some(gain), _) => (gain, decimal),
        (None, Some(unit)) => (unit.per_millivolt(), decimal),
        (None, None) => (Voltage::Microvolt.per_millivolt(), |field| whole_number(field).map(|value| value as f32)),
    }
}

fn no_number(field: &[u8], reading: &Reading) -> String {
    let field = String::from_utf8_lossy(field);
    if reading.gain.is_some() || reading.unit.is_some() {
        return format!("`{field}` is not a number");
    }
    let advice = match field.parse::<f64>() {
        Ok(value) if value.fract() != 0.0 => "; if the file holds mV, say `unit = \"mV\"` in the source",
        _ => "",
    };
    format!("`{field}` is not a whole number of microvolts{advice}")
}

/// The first `samples` of the leads that were read.
fn found(signals: Vec<Vec<f32>>, wishes: &[Wish; 8], gain: f64, samples: usize) -> Found {
    let mut raw = RawRecord { sampling_rate: RATE, leads: Vec::new(), signals: Vec::new() };
    let mut others = Vec::new();
    for ((lead, wish), mut signal) in LEADS.into_iter().zip(wishes).zip(signals) {
        signal.truncate(samples);
        match wish {
            Wish::Used => {
                raw.leads.push(lead);
                raw.signals.push(signal);
            }
            Wish::Other => others.push((lead, signal)),
            Wish::Skip => {}
        }
    }
    Found { raw, others, gain, unsummed: false, made: false }
}

/// A number such as `-85`, of at most seven digits: more are no ECG.
fn whole_number(field: &[u8]) -> Option<i32> {
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 7 {
        return None;
    }
    let value = digits
        .iter()
        .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i32::from(digit - b'0')))?;
    Some(if negative { -value } else { value })
}
