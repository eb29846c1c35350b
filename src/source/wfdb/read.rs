//! Signal files to millivolts.

use std::fs;
use std::path::{Path, PathBuf};

use super::header::{Format, Header, SignalLine, parse};
use crate::ecg::{Lead, RawRecord, Voltage};
use crate::source::files::unreadable;
use crate::source::plausible::SAMPLING_RATE;
use crate::source::{Found, Reading, Request};
use crate::{Error, Result};

/// Reads the record whose header is `path` with `.hea` put after it. Signals that are not called
/// as one of the twelve leads are left out.
///
/// Samples are checked against the header: their number, the first of each lead, and the checksums.
///
/// # Errors
/// A user error that names the file, and the lead and sample where there is one.
pub fn read(path: &Path) -> Result<RawRecord> {
    read_for(path, &Request::all(&Reading::default())).map(|found| found.raw)
}

/// Reads of a record what is needed; only that is checked.
pub(in crate::source) fn read_for(path: &Path, request: &Request<'_>) -> Result<Found> {
    let header_path = header_path(path);
    let bytes = fs::read(&header_path).map_err(|error| unreadable(&header_path, &error))?;
    let header = parse(&text(bytes)).map_err(|why| Error::user(format!("{}: {why}", header_path.display())))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    decode(&header, folder, request).map_err(|fault| match fault {
        Fault::Header(why) => Error::user(format!("{}: {why}", header_path.display())),
        Fault::File(error) => error,
    })
}

/// The files that the record `path` is read from: its header and what that names, as far as it can be read.
pub(in crate::source) fn files(path: &Path) -> Vec<PathBuf> {
    let header_path = header_path(path);
    let header = fs::read(&header_path).ok().and_then(|bytes| parse(&text(bytes)).ok());
    let folder = path.parent().unwrap_or(Path::new(""));
    let signals = header.iter().flat_map(|header| &header.signals).map(|signal| folder.join(&signal.file));
    let mut files: Vec<PathBuf> = signals.collect();
    files.dedup();
    files.push(header_path);
    files
}

/// Whether the header of the record `path` is there.
pub(in crate::source) fn is_there(path: &Path) -> bool {
    header_path(path).is_file()
}

/// `path` with `.hea` after it, whatever dots it has already.
fn header_path(path: &Path) -> PathBuf {
    let mut whole = path.as_os_str().to_owned();
    whole.push(".hea");
    whole.into()
}

/// What is wrong: something the header says of itself, or a signal file (an error that names it).
enum Fault {
    Header(String),
    File(Error),
}

/// Header files are ASCII, but for the odd `µ`.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}

fn decode(header: &Header, folder: &Path, request: &Request<'_>) -> std::result::Result<Found, Fault> {
    let rate = header.sampling_rate;
    if !SAMPLING_RATE.contains(rate) {
        let range = SAMPLING_RATE.range();
        return Err(Fault::Header(format!("the sampling frequency is {rate} Hz; that of an ECG is {range}")));
    }
    let wishes = wishes(header, request).map_err(Fault::Header)?;
    let mut signals = Vec::with_capacity(wishes.len());
    let mut samples = header.samples;
    let mut first = 0;
    for group in groups(header).map_err(Fault::Header)? {
        let wishes = &wishes[first..][..group.len()];
        first += group.len();
        if wishes.iter().all(Option::is_none) {
            continue;
        }
        match decode_file(header, folder, (group, wishes), samples, request) {
            Ok((of_file, length)) => {
                samples = Some(length);
                signals.extend(of_file);
            }
            Err(_) if wishes.iter().flatten().all(|wish| !wish.is_used) => {}
            Err(fault) => return Err(fault),
        }
    }
    let unsummed = header.has_no_checksums();
    sort_out(signals, rate, unsummed).map_err(Fault::Header)
}

/// A signal that is read.
#[derive(Clone, Copy)]
struct Wish {
    lead: Lead,
    /// Whether a fault in it is one of the record's.
    is_used: bool,
}

/// A signal that was read.
struct Decoded {
    wish: Wish,
    /// Steps per mV.
    gain: f64,
    /// mV.
    samples: Vec<f32>,
}

/// The signals of one file that are wished for, and how many samples each has in the file.
fn decode_file(
    header: &Header,
    folder: &Path,
    (group, wishes): (&[SignalLine], &[Option<Wish>]),
    samples: Option<usize>,
    request: &Request<'_>,
) -> std::result::Result<(Vec<Decoded>, usize), Fault> {
    let path = folder.join(&group[0].file);
    let bytes = fs::read(&path).map_err(|error| Fault::File(unreadable(&path, &error)))?;
    let faulty = |why: String| Fault::File(Error::user(format!("{}: {why}", path.display())));
    let (body, length) = body(&bytes, group, samples).map_err(faulty)?;
    let interleaved = match group[0].format {
        Format::Int16 => body.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect(),
        Format::Packed212 => unpack(body, length * group.len()),
    };
    let needed = request.samples(header.sampling_rate).unwrap_or(usize::MAX);
    let mut signals = Vec::with_capacity(group.len());
    let mut own = Vec::with_capacity(length);
    for (place, (signal, wish)) in group.iter().zip(wishes).enumerate() {
        let Some(wish) = *wish else { continue };
        own.clear();
        own.extend(interleaved.chunks_exact(group.len()).map(|frame| frame[place]));
        let lead = wish.lead;
        let decoded = Decoder::new(header, signal, lead, request.reading).map_err(Fault::Header).and_then(|decoder| {
            let samples = decoder.decode(&own, needed);
            let samples = samples.map_err(|why| faulty(format!("lead {}: {why}", lead.name())))?;
            Ok(Decoded { wish, gain: decoder.gain, samples })
        });
        match decoded {
            Ok(decoded) => signals.push(decoded),
            Err(_) if !wish.is_used => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok((signals, length))
}

/// Which signals are read, in the header's order.
fn wishes(header: &Header, request: &Request<'_>) -> std::result::Result<Vec<Option<Wish>>, String> {
    let leads: Vec<Option<Lead>> = header.signals.iter().map(|signal| request.reading.lead(&signal.name)).collect();
    let there: Vec<Lead> = leads.iter().copied().flatten().collect();
    let names = || {
        let names: Vec<_> = header.signals.iter().map(|signal| format!("`{}`", signal.name)).collect();
        format!("{}; if one of them is, say so with `leads = {{ NAME = \"I\" }}` in the source", names.join(", "))
    };
    if there.is_empty() {
        return Err(format!("no signal is one of the twelve leads; they are called {}", names()));
    }
    if let Some(lead) = request.missing(&there) {
        return Err(format!("no signal is lead {}, nor can it be computed; they are called {}", lead.name(), names()));
    }
    let used = request.used(&there);
    let wish = |lead: Lead| {
        let is_used = used.contains(&lead);
        (is_used || request.wants(lead)).then_some(Wish { lead, is_used })
    };
    Ok(leads.into_iter().map(|lead| lead.and_then(wish)).collect())
}

/// Signals cut where the first that is used ends; of those that are the same lead one.
fn sort_out(signals: Vec<Decoded>, sampling_rate: f64, unsummed: bool) -> std::result::Result<Found, String> {
    let used = || signals.iter().filter(|signal| signal.wish.is_used);
    let end = used().map(|signal| signal.samples.len()).min().unwrap_or(usize::MAX);
    let gain = used().next().map_or(f64::NAN, |signal| signal.gain);
    let mut raw = RawRecord { sampling_rate, leads: Vec::new(), signals: Vec::new() };
    let mut others: Vec<(Lead, Vec<f32>)> = Vec::new();
    for Decoded { wish: Wish { lead, is_used }, mut samples, .. } in signals {
        samples.truncate(end);
        if !is_used {
            // One that ends before is left out, and so is a second one.
            if samples.len() == end && others.iter().all(|(other, _)| *other != lead) {
                others.push((lead, samples));
            }
            continue;
        }
        let Some(place) = raw.leads.iter().position(|other| *other == lead) else {
            raw.leads.push(lead);
            raw.signals.push(samples);
            continue;
        };
        if let Some(sample) = samples.iter().zip(&raw.signals[place]).position(|(a, b)| a != b) {
            return Err(format!("two signals are lead {}, and differ from sample {sample} on", lead.name()));
        }
    }
    Ok(Found { raw, others, gain, unsummed, made: false })
}

/// The signals of each file.
fn groups(header: &Header) -> std::result::Result<Vec<&[SignalLine]>, String> {
    let groups: Vec<_> = header.signals.chunk_by(|a, b| a.file == b.file).collect();
    for (index, group) in groups.iter().enumerate() {
        let first = &group[0];
        if groups[..index].iter().any(|earlier| earlier[0].file == first.file) {
            return Err(format!("the signals of {} are not described one after another", first.file));
        }
        if group.iter().any(|signal| (signal.format, signal.offset) != (first.format, first.offset)) {
            return Err(format!("the signals of {} differ in format or byte offset", first.file));
        }
    }
    Ok(groups)
}

/// The bytes of the samples of `group` in its file, and how many samples each signal has.
fn body<'b>(
    bytes: &'b [u8],
    group: &[SignalLine],
    samples: Option<usize>,
) -> std::result::Result<(&'b [u8], usize), String> {
    let (format, offset, count) = (group[0].format, group[0].offset, group.len());
    let there = bytes.len().saturating_sub(offset);
    // How many samples, of all signals together, the file holds in full.
    let held = match format {
        Format::Int16 => there / 2,
        Format::Packed212 => there / 3 * 2 + usize::from(there % 3 == 2),
    };
    let length = samples.unwrap_or(held / count);
    let total = length.checked_mul(count).filter(|&total| total > 0);
    let needed = total.and_then(|total| format.bytes(total));
    let (Some(total), Some(needed)) = (total, needed) else {
        return Err(format!("{} bytes are no {length} samples", bytes.len()));
    };
    if held < total {
        return Err(format!(
            "the file ends at sample {} of lead {}; the header promises {length} samples of {count} signals \
             ({} bytes, there are {}). It is cut off, or the header belongs to another file",
            held / count,
            group[held % count].name,
            needed.saturating_add(offset),
            bytes.len(),
        ));
    }
    // An odd number of 12-bit samples may be filled up to a whole pair.
    let padding = usize::from(format == Format::Packed212 && total % 2 == 1);
    if there > needed + padding {
        let names: Vec<_> = group.iter().map(|signal| signal.name.as_str()).collect();
        return Err(format!(
            "the file has {} bytes, but the header promises {length} samples of {count} signals (leads {}), \
             which are {}. The header belongs to another file, or is wrong",
            bytes.len(),
            names.join(", "),
            needed + offset,
        ));
    }
    Ok((&bytes[offset..offset + needed], length))
}

/// The first `total` 12-bit samples.
fn unpack(bytes: &[u8], total: usize) -> Vec<i16> {
    let extend = |twelve_bits: u16| ((twelve_bits << 4) as i16) >> 4;
    let mut samples = Vec::with_capacity(total + 1);
    for three in bytes.chunks(3) {
        let &[low, middle, ..] = three else { break };
        let high = three.get(2).copied().unwrap_or(0);
        samples.push(extend(u16::from(low) | u16::from(middle & 0x0f) << 8));
        samples.push(extend(u16::from(high) | u16::from(middle & 0xf0) << 4));
    }
    samples.truncate(total);
    samples
}

/// Turns the samples of one lead into mV, checking them on the way.
struct Decoder<'h> {
    signal: &'h SignalLine,
    /// Hz.
    rate: f64,
    /// Whether the checksum is of all samples that are read.
    summed: bool,
    /// Whether nobody computed checksums: [`Header::has_no_checksums`].
    unsummed: bool,
    /// ADC units per mV.
    gain: f64,
}

impl<'h> Decoder<'h> {
    fn new(
        header: &Header,
        signal: &'h SignalLine,
        lead: Lead,
        reading: &Reading,
    ) -> std::result::Result<Self, String> {
        let gain = match (reading.steps_per_millivolt(), reading.unit.or_else(|| Voltage::parse(&signal.unit))) {
            (Some(gain), _) => gain,
            (None, Some(unit)) => signal.gain * unit.per_millivolt(),
            (None, None) => {
                return Err(format!(
                    "lead {} is in `{}`; V, mV, uV or nV was expected; say what it is with `unit` or `gain` in the source",
                    lead.name(),
                    signal.unit
                ));
            }
        };
        let (rate, summed) = (header.sampling_rate, header.samples.is_some());
        Ok(Self { signal, rate, summed, unsummed: header.has_no_checksums(), gain })
    }

    /// `(sample - baseline) / gain` of each sample: differences of 24 bits are exact in f32, and so the
    /// result is rounded once. A sample that is missing after the first `needed` ends the lead.
    fn decode(&self, samples: &[i16], needed: usize) -> std::result::Result<Vec<f32>, String> {
        let missing = self.signal.format.missing();
        let gap = samples.iter().position(|&sample| sample == missing);
        if let Some(place) = gap.filter(|&place| place < needed) {
            let seconds = place as f64 / self.rate;
            return Err(format!(
                "sample {place} (at {seconds:.3} s) is missing: its value is {missing}, which marks a gap"
            ));
        }
        let sum = samples.iter().fold(0u16, |sum, &sample| sum.wrapping_add(sample as u16));
        let checksum = self.signal.checksum.filter(|_| self.summed && !self.unsummed);
        if let Some(checksum) = checksum.filter(|&checksum| checksum as u16 != sum) {
            return Err(format!(
                "the samples add up to {sum}, but the header's checksum is {checksum} (both modulo 65536); \
                 the file is damaged, or the header belongs to another file"
            ));
        }
        // Where nobody computed checksums nobody looked at the first sample either.
        let initial = self.signal.initial.filter(|&initial| !(self.unsummed && initial == 0));
        match (samples.first(), initial) {
            (Some(&first), Some(initial)) if i32::from(first) != initial => {
                Err(format!("the first sample is {first}, but the header says {initial}"))
            }
            _ => {
                let (baseline, gain) = (self.signal.baseline as f32, self.gain as f32);
                let samples = &samples[..gap.unwrap_or(samples.len())];
                Ok(samples.iter().map(|&sample| (f32::from(sample) - baseline) / gain).collect())
            }
        }
    }
}
