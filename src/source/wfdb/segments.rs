//! Records of several segments, each a record of its own: <https://physionet.org/physiotools/wag/header-5.htm>.
//!
//! In the fixed layout all segments have the same signals. In the variable layout the first segment has no samples and
//! describes all signals that there can be; a segment may lack some, and `~` stands for time without a recording.

use std::path::Path;

use super::header::{Header, Segment};
use super::read::{Silent, header, read_with};
use crate::ecg::{Lead, RawRecord};
use crate::source::{Found, Request};
use crate::{Error, Result};

/// Reads the segments one after another, as far as they are used; what cannot be read after that ends the record.
pub(super) fn read(header: &Header, path: &Path, silent: &Silent<'_>, request: &Request<'_>) -> Result<Found> {
    let faulty = |why: String| Error::user(format!("{}: {why}", path.display()));
    let rate = header.sampling_rate;
    let needed = request.samples(rate).unwrap_or(usize::MAX);
    let silent = Silent { sampling_rate: Some(rate), ..*silent };
    let leads = asked(header, path, request);
    let mut whole: Option<Found> = None;
    let mut start = 0;
    for segment in header.segments.iter().filter(|segment| segment.samples > 0) {
        let seconds = request.seconds.map(|seconds| (seconds - start as f64 / rate).max(0.0));
        let request = Request { seconds, leads: leads.as_deref().or(request.leads), ..*request };
        let piece = read_one(segment, (start, rate), path, &silent, &request);
        let piece = match piece {
            Err(_) if start >= needed => break,
            Err(error) => return Err(error),
            Ok(piece) => piece,
        };
        let length = piece.raw.signals.first().map_or(0, Vec::len);
        match &mut whole {
            None => whole = Some(piece),
            Some(whole) => match append(whole, piece) {
                Err(_) if start >= needed => break,
                result => result.map_err(faulty)?,
            },
        }
        start += length;
        // A gap after what is used ended it.
        if length < segment.samples {
            break;
        }
    }
    whole.ok_or_else(|| faulty("the record has no segment with samples".into()))
}

/// The leads that every segment must have where the request leaves it open: those of the segment that describes all.
fn asked(header: &Header, path: &Path, request: &Request<'_>) -> Option<Vec<Lead>> {
    let first = header.segments.first().filter(|segment| segment.samples == 0 && request.leads.is_none())?;
    let layout = self::header(&beside(path, first.name.as_ref()?)).ok()?;
    let leads: Vec<Lead> = layout.signals.iter().filter_map(|signal| request.reading.lead(&signal.name)).collect();
    (!leads.is_empty()).then_some(leads)
}

fn beside(path: &Path, name: &str) -> std::path::PathBuf {
    path.parent().unwrap_or(Path::new("")).join(name)
}

/// One segment, which begins with sample `start`.
fn read_one(
    segment: &Segment,
    (start, rate): (usize, f64),
    path: &Path,
    silent: &Silent<'_>,
    request: &Request<'_>,
) -> Result<Found> {
    let faulty = |why: String| Error::user(format!("{}: {why}", path.display()));
    let samples = segment.samples;
    let Some(name) = &segment.name else {
        let seconds = start as f64 / rate;
        return Err(faulty(format!(
            "nothing was recorded for {samples} samples from sample {start} on ({seconds:.3} s)"
        )));
    };
    let record = beside(path, name);
    let own = header(&record)?;
    if !own.segments.is_empty() {
        return Err(faulty(format!("segment {name} is itself of segments")));
    }
    if own.says_rate && own.sampling_rate != rate {
        return Err(faulty(format!("segment {name} has {} Hz, the record {rate} Hz", own.sampling_rate)));
    }
    if own.samples.is_some_and(|own| own != samples) {
        let own = own.samples.unwrap_or(0);
        return Err(faulty(format!("segment {name} has {own} samples by its own header, {samples} by this one")));
    }
    read_with(&record, silent, request)
}

/// Puts a segment after those before it.
fn append(whole: &mut Found, piece: Found) -> std::result::Result<(), String> {
    let RawRecord { leads, signals, .. } = &mut whole.raw;
    let mut pieces: Vec<(Lead, Vec<f32>)> = piece.raw.leads.into_iter().zip(piece.raw.signals).collect();
    if let Some(lead) = leads.iter().find(|lead| pieces.iter().all(|(own, _)| own != *lead)) {
        return Err(format!("a segment has no lead {}, which the first has", lead.name()));
    }
    for (lead, signal) in leads.iter().zip(signals) {
        let at = pieces.iter().position(|(own, _)| own == lead);
        signal.extend(at.map(|at| pieces.swap_remove(at).1).unwrap_or_default());
    }
    // Those that are read if they can be must be in all.
    whole.others.retain_mut(|(lead, signal)| match piece.others.iter().find(|(own, _)| own == lead) {
        Some((_, more)) => {
            signal.extend(more);
            true
        }
        None => false,
    });
    whole.unsummed |= piece.unsummed;
    Ok(())
}
