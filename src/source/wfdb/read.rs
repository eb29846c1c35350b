//! Signal files to millivolts.

use std::fs;
use std::path::{Path, PathBuf};

use super::flac;
use super::format::{Format, Samples, Slot};
use super::header::{Header, SignalLine, parse};
use super::segments;
use crate::ecg::{Lead, RawRecord, Voltage};
use crate::source::files::{has_extension, paths_below, unreadable};
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

/// What holds where a header is silent.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::source) struct Silent<'a> {
    /// Hz, where the record line gives none.
    pub sampling_rate: Option<f64>,
    /// The leads, where no signal is called as one.
    pub order: Option<&'a [Lead]>,
}

/// Reads of a record what is needed; only that is checked.
pub(in crate::source) fn read_for(path: &Path, request: &Request<'_>) -> Result<Found> {
    read_with(path, &Silent::default(), request)
}

/// As [`read_for`], with what holds where the header is silent.
pub(in crate::source) fn read_with(path: &Path, silent: &Silent<'_>, request: &Request<'_>) -> Result<Found> {
    let header_path = header_path(path);
    let mut header = header(path)?;
    if let Some(rate) = silent.sampling_rate.filter(|_| !header.says_rate) {
        header.sampling_rate = rate;
    }
    if !SAMPLING_RATE.contains(header.sampling_rate) {
        let (rate, range) = (header.sampling_rate, SAMPLING_RATE.range());
        let shown = header_path.display();
        return Err(Error::user(format!("{shown}: the sampling frequency is {rate} Hz; that of an ECG is {range}")));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    if !header.segments.is_empty() {
        return segments::read(&header, &header_path, silent, request);
    }
    decode(&header, folder, silent, request).map_err(|fault| match fault {
        Fault::Header(why) => Error::user(format!("{}: {why}", header_path.display())),
        Fault::File(error) => error,
    })
}

/// What the header of the record `path` says.
pub(in crate::source) fn header(path: &Path) -> Result<Header> {
    let path = header_path(path);
    let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
    parse(&text(bytes)).map_err(|why| Error::user(format!("{}: {why}", path.display())))
}

/// The files that the record `path` is read from: its header and what that names, as far as it can be read.
pub(in crate::source) fn files(path: &Path) -> Vec<PathBuf> {
    let header_path = header_path(path);
    let header = header(path).ok();
    let folder = path.parent().unwrap_or(Path::new(""));
    let signals = header.iter().flat_map(|header| &header.signals).filter(|signal| signal.file != "~");
    let mut files: Vec<PathBuf> = signals.map(|signal| folder.join(&signal.file)).collect();
    files.dedup();
    for name in header.iter().flat_map(|header| &header.segments).filter_map(|segment| segment.name.as_ref()) {
        let segment = folder.join(name);
        // One that is itself of segments would have no end.
        match self::header(&segment) {
            Ok(header) if header.segments.is_empty() => files.extend(self::files(&segment)),
            _ => files.push(self::header_path(&segment)),
        }
    }
    files.push(header_path);
    files
}

/// The headers below `folder`, by their paths.
pub(in crate::source) fn headers(folder: &Path) -> Result<Vec<PathBuf>> {
    paths_below(folder, usize::MAX, |_| true, |path| has_extension(path, "hea"))
}

/// Whether the header of the record `path` is there.
pub(in crate::source) fn is_there(path: &Path) -> bool {
    header_path(path).is_file()
}

/// `path` with `.hea` after it, whatever dots it has already.
pub(super) fn header_path(path: &Path) -> PathBuf {
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

fn decode(
    header: &Header,
    folder: &Path,
    silent: &Silent<'_>,
    request: &Request<'_>,
) -> std::result::Result<Found, Fault> {
    let rate = header.sampling_rate;
    let wishes = wishes(header, silent, request).map_err(Fault::Header)?;
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
    if group[0].file == "~" {
        return Err(Fault::Header("the signal file is `~`, which is no file".into()));
    }
    let path = folder.join(&group[0].file);
    let bytes = fs::read(&path).map_err(|error| Fault::File(unreadable(&path, &error)))?;
    let faulty = |why: String| Fault::File(Error::user(format!("{}: {why}", path.display())));
    let (all, length) = unpack(&bytes, group, samples).map_err(faulty)?;
    let frame = group.iter().map(|signal| signal.per_frame).sum();
    let needed = request.samples(header.sampling_rate).unwrap_or(usize::MAX);
    let mut signals = Vec::with_capacity(group.len());
    let mut start = 0;
    for (signal, wish) in group.iter().zip(wishes) {
        let slot = Slot { frame, start, count: signal.per_frame };
        start += signal.per_frame;
        let Some(wish) = *wish else { continue };
        let own = all.of(slot, signal.initial.unwrap_or(0));
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
fn wishes(
    header: &Header,
    silent: &Silent<'_>,
    request: &Request<'_>,
) -> std::result::Result<Vec<Option<Wish>>, String> {
    let mut leads: Vec<Option<Lead>> = header.signals.iter().map(|signal| request.reading.lead(&signal.name)).collect();
    if let Some(order) = silent.order.filter(|order| leads.iter().all(Option::is_none) && order.len() == leads.len()) {
        leads = order.iter().copied().map(Some).collect();
    }
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

/// The samples of `group` in its file, and how many each signal has.
fn unpack<'b>(
    bytes: &'b [u8],
    group: &[SignalLine],
    samples: Option<usize>,
) -> std::result::Result<(Samples<'b>, usize), String> {
    let Format::Flac(bits) = group[0].format else {
        let (body, length) = body(bytes, group, samples)?;
        let frame: usize = group.iter().map(|signal| signal.per_frame).sum();
        return Ok((Samples::new(group[0].format, body, length * frame), length));
    };
    let per_frame = group[0].per_frame;
    if group[0].offset > 0 || group.iter().any(|signal| signal.per_frame != per_frame) {
        return Err("signals of a FLAC file have no byte offset, and equally many samples per frame".into());
    }
    let all = flac::unpack(bytes, (group.len(), per_frame), bits.into(), samples)?;
    let length = all.len() / group.len() / per_frame;
    match samples {
        Some(promised) if length < promised => Err(format!(
            "the file ends at sample {length}; the header promises {promised} samples of {} signals. It is cut off, or \
             the header belongs to another file",
            group.len()
        )),
        _ if length == 0 => Err("the file has no samples".into()),
        _ => Ok((Samples::Unpacked(all), length)),
    }
}

/// The bytes of the samples of `group` in its file, and how many samples each signal has.
fn body<'b>(
    bytes: &'b [u8],
    group: &[SignalLine],
    samples: Option<usize>,
) -> std::result::Result<(&'b [u8], usize), String> {
    let (format, offset, count) = (group[0].format, group[0].offset, group.len());
    let frame = group.iter().try_fold(0usize, |frame, signal| frame.checked_add(signal.per_frame));
    let frame = frame.ok_or("a frame has more samples than there can be")?;
    let there = bytes.len().saturating_sub(offset);
    // How many samples, of all signals together, the file holds in full.
    let held = format.held(there);
    let length = samples.unwrap_or(held / frame);
    let total = length.checked_mul(frame).filter(|&total| total > 0);
    let needed = total.and_then(|total| format.bytes(total));
    let (Some(total), Some(needed)) = (total, needed) else {
        return Err(format!("{} bytes are no {length} samples", bytes.len()));
    };
    if held < total {
        let ends = held % frame;
        let signal = group
            .iter()
            .scan(0, |end, signal| {
                *end += signal.per_frame;
                Some((*end, signal))
            })
            .find(|(end, _)| *end > ends);
        return Err(format!(
            "the file ends at sample {} of lead {}; the header promises {length} samples of {count} signals \
             ({} bytes, there are {}). It is cut off, or the header belongs to another file",
            held / frame,
            signal.map_or("", |(_, signal)| &signal.name),
            needed.saturating_add(offset),
            bytes.len(),
        ));
    }
    // The last samples that are packed together may be filled up to a whole block.
    if there > needed + format.padding(total) {
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

    /// `(sample - baseline) / gain` of each sample, of several per frame their mean, rounded towards 0: differences of 24 bits are exact in
    /// f32, and so the result is rounded once. A sample that is missing after the first `needed` ends the lead.
    fn decode(&self, samples: &[i32], needed: usize) -> std::result::Result<Vec<f32>, String> {
        let SignalLine { format, per_frame, skew, .. } = *self.signal;
        let aligned = skew.checked_mul(per_frame).and_then(|skewed| samples.get(skewed..));
        let aligned = aligned.filter(|rest| !rest.is_empty());
        let aligned = aligned.ok_or_else(|| format!("it is late by {skew} samples, more than there are"))?;
        let missing = format.missing();
        let gap = aligned.iter().position(|&sample| Some(sample) == missing).map(|place| place / per_frame);
        if let Some(place) = gap.filter(|&place| place < needed) {
            let seconds = place as f64 / self.rate;
            let missing = missing.unwrap_or(0);
            return Err(format!(
                "sample {place} (at {seconds:.3} s) is missing: its value is {missing}, which marks a gap"
            ));
        }
        self.check(samples)?;
        let aligned = &aligned[..gap.map_or(aligned.len(), |place| place * per_frame)];
        if per_frame == 1 && !format.is_wide() {
            let (baseline, gain) = (self.signal.baseline as f32, self.gain as f32);
            return Ok(aligned.iter().map(|&sample| (sample as f32 - baseline) / gain).collect());
        }
        let (baseline, gain) = (f64::from(self.signal.baseline), self.gain);
        // Whole steps, as the WFDB library and wfdb-python have them.
        let mean = |frame: &[i32]| frame.iter().map(|&sample| i64::from(sample)).sum::<i64>() / frame.len() as i64;
        Ok(aligned.chunks_exact(per_frame).map(|frame| ((mean(frame) as f64 - baseline) / gain) as f32).collect())
    }

    /// Holds the samples against the header's checksum and first value.
    fn check(&self, samples: &[i32]) -> std::result::Result<(), String> {
        let sum = samples.iter().fold(0u16, |sum, &sample| sum.wrapping_add(sample as u16));
        let checksum = self.signal.checksum.filter(|_| self.summed && !self.unsummed);
        if let Some(checksum) = checksum.filter(|&checksum| checksum as u16 != sum) {
            return Err(format!(
                "the samples add up to {sum}, but the header's checksum is {checksum} (both modulo 65536); \
                 the file is damaged, or the header belongs to another file"
            ));
        }
        // Where nobody computed checksums nobody looked at the first sample either; that of format 8 is added to it.
        let told = |initial: &i32| self.signal.format.missing().is_some() && !(self.unsummed && *initial == 0);
        let initial = self.signal.initial.filter(told);
        match (samples.first(), initial) {
            (Some(&first), Some(initial)) if first != initial => {
                Err(format!("the first sample is {first}, but the header says {initial}"))
            }
            _ => Ok(()),
        }
    }
}
