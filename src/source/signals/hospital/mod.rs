//! Files of ECG carts and of the systems that keep their records: GE MUSE XML, HL7 aECG, DICOM and SCP-ECG.
//!
//! They are told apart by their content, and say all of their signals: rate, leads, units and steps; [`facts`] are what they
//! know beside. Of a file with the whole recording and an average beat the recording is read, unless the layout's `array` is
//! `median`.

mod aecg;
mod dicom;
mod exam;
mod facts;
mod muse;
mod scp;
mod xml;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use self::aecg::Aecg;
use self::dicom::Dicom;
use self::exam::{Channel, Exam, Waveform};
pub(in crate::source) use self::facts::Facts;
use self::muse::Muse;
use self::scp::Scp;
use super::channels::{self, Faulty, Samples};
use super::{Array, Layout, Look, Place};
use crate::ecg::{Lead, Voltage};
use crate::source::files::{has_extension, paths_below, unreadable};
use crate::source::{Found, Reading, Request};
use crate::{Error, Result};

/// Reads the record.
pub(super) fn read(place: &Place, layout: &Layout, request: &Request<'_>) -> Result<Found> {
    let path = &place.path;
    if let Some(entry) = place.entry.filter(|&entry| entry > 0) {
        return Err(Error::user(format!("{}: there is no record {entry}: the file holds one", path.display())));
    }
    with(path, |exam| found(exam, layout, request))
}

/// What the file says of itself.
pub(super) fn look(path: &Path, layout: &Layout) -> Result<Look> {
    with(path, |exam| {
        let waveforms = exam.waveforms()?;
        let array = |waveform: &Waveform| {
            let length = |channel: &Channel| (channel.values)().map_or(0, |values| values.len());
            let samples = waveform.channels.first().map_or(0, length);
            Array { name: waveform.name.clone(), shape: vec![waveform.channels.len(), samples], of: "f8".into() }
        };
        let arrays: Vec<Array> = waveforms.iter().map(array).collect();
        let chosen = choose(&waveforms, layout)?;
        let samples = arrays.iter().find(|array| array.name == chosen.name).map(|array| array.shape[1]);
        let first = chosen.channels.first();
        Ok(Look {
            format: exam.format(),
            arrays,
            sampling_rate: chosen.rate,
            leads: chosen.channels.iter().map(|channel| channel.name.clone()).collect(),
            unit: first.and_then(|channel| channel.unit.clone()),
            gain: first.and_then(|channel| channel.step).map(|step| 1.0 / step),
            samples,
            entries: Some(1),
            comments: exam.facts().comments(),
        })
    })
}

/// What the file knows beside its signals.
///
/// # Errors
/// A user error where it is no such file.
pub(in crate::source) fn facts(path: &Path) -> Result<Facts> {
    with(path, |exam| Ok(exam.facts()))
}

/// Whether the file begins as one of these, whatever its ending.
pub(in crate::source) fn is_one(path: &Path) -> bool {
    let mut start = Vec::new();
    let Ok(file) = File::open(path) else { return false };
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    if file.take(4096).read_to_end(&mut start).is_err() {
        return false;
    }
    dicom::is_one(&start) || scp::is_one(&start, size) || xml::names(&start, &[muse::ROOT, aecg::ROOT])
}

/// Opens the file by its content.
fn with<T>(path: &Path, work: impl FnOnce(&dyn Exam) -> Faulty<T>) -> Result<T> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    open(&bytes, work).map_err(|why| Error::user(format!("{}: {why}", path.display())))
}

fn open<T>(bytes: &[u8], work: impl FnOnce(&dyn Exam) -> Faulty<T>) -> Faulty<T> {
    if dicom::is_one(bytes) {
        let (data_set, explicit) = dicom::open(bytes)?;
        return work(&Dicom::parse(&data_set, explicit)?);
    }
    if scp::is_one(bytes, bytes.len() as u64) {
        return work(&Scp::parse(bytes)?);
    }
    let text = xml::text(bytes);
    if !text.trim_start().starts_with('<') {
        return Err("it is none of the files of ECG carts that are read: MUSE XML, HL7 aECG, DICOM, SCP-ECG".into());
    }
    let document = xml::parse(&text)?;
    let root = document.root_element();
    match root.tag_name().name() {
        muse::ROOT => work(&Muse(root)),
        aecg::ROOT => work(&Aecg(root)),
        "restingecgdata" => Err(
            "this is Philips' XML, whose signals are packed; ecgdatakit reads it in Python (`pip install ecgdatakit`)"
                .into(),
        ),
        other => Err(format!(
            "its root element is `{other}`; those of ECGs that are read are `{}` (GE MUSE) and `{}` (HL7 aECG)",
            muse::ROOT,
            aecg::ROOT
        )),
    }
}

/// The waveform that the layout names, else the first that is no average beat.
fn choose<'w, 'f>(waveforms: &'w [Waveform<'f>], layout: &Layout) -> Faulty<&'w Waveform<'f>> {
    let names = || waveforms.iter().map(|waveform| format!("`{}`", waveform.name)).collect::<Vec<_>>().join(", ");
    if waveforms.is_empty() {
        return Err("there are no signals in the file".into());
    }
    if let Some(wanted) = &layout.array {
        let found = waveforms.iter().find(|waveform| waveform.name.eq_ignore_ascii_case(wanted));
        return found.ok_or_else(|| format!("there is no array `{wanted}`; there are {}", names()));
    }
    let found = waveforms.iter().find(|waveform| !waveform.is_beat);
    found.ok_or_else(|| format!("it holds an average beat only; to use that, say which with `array` ({})", names()))
}

fn found(exam: &dyn Exam, layout: &Layout, request: &Request<'_>) -> Faulty<Found> {
    let waveforms = exam.waveforms()?;
    let waveform = choose(&waveforms, layout)?;
    let rate = channels::rate(waveform.rate, layout)?;
    let leads = leads(waveform, layout, request.reading)?;
    channels::check_unique(&leads)?;
    let there: Vec<Lead> = leads.iter().copied().flatten().collect();
    let used = request.used(&there);
    let first = leads.iter().position(|lead| lead.is_some_and(|lead| used.contains(&lead)));
    let channel = |place: usize| waveform.channels.get(place).ok_or("it is not there");
    let gain = first.and_then(|place| Scale::of(channel(place).ok()?, request.reading).ok());
    let gain = gain.map_or(f64::NAN, |scale| scale.per_millivolt / scale.step);
    channels::assemble(&leads, rate, gain, request, |place| {
        let channel = channel(place)?;
        let scale = Scale::of(channel, request.reading)?;
        let values = (channel.values)()?;
        let there = values.len();
        let numbers = values.into_iter().map(|value| scale.millivolts(value)).take_while(|value| value.is_finite());
        Ok(Samples { millivolts: numbers.collect(), there })
    })
}

/// The lead of each channel: as the file names it, else as the layout's order says.
fn leads(waveform: &Waveform<'_>, layout: &Layout, reading: &Reading) -> Faulty<Vec<Option<Lead>>> {
    let named: Vec<Option<Lead>> = waveform.channels.iter().map(|channel| reading.lead(&channel.name)).collect();
    if named.iter().any(Option::is_some) {
        return Ok(named);
    }
    let names: Vec<&str> = waveform.channels.iter().map(|channel| channel.name.as_str()).collect();
    match &layout.order {
        Some(order) if order.len() == named.len() => Ok(order.iter().copied().map(Some).collect()),
        _ => Err(format!(
            "none of its channels is called as a lead ({}); say which are with `leads = {{ NAME = \"I\" }}` in the source",
            names.join(", ")
        )),
    }
}

/// How steps become millivolts.
#[derive(Clone, Copy)]
struct Scale {
    /// What a step is, in the unit.
    step: f64,
    /// What 0 is.
    offset: f64,
    /// Units in a mV.
    per_millivolt: f64,
}

impl Scale {
    /// As the source says, else as the file does.
    fn of(channel: &Channel<'_>, reading: &Reading) -> Faulty<Scale> {
        let Channel { unit, step, offset, .. } = channel;
        if let Some(per_millivolt) = reading.steps_per_millivolt() {
            let offset = step.filter(|step| *step != 0.0).map_or(0.0, |step| offset / step);
            return Ok(Scale { step: 1.0, offset, per_millivolt });
        }
        let step = step.filter(|step| step.is_finite() && *step != 0.0);
        let step = step.ok_or("the file does not say what a step is; say it with `gain` in the source")?;
        let written = unit.as_deref().unwrap_or_default();
        let unit = reading.unit.or_else(|| Voltage::parse(written));
        let unit = unit.ok_or_else(|| {
            format!("it is in `{written}`; V, mV, uV or nV was expected; say what it is with `unit` in the source")
        })?;
        Ok(Scale { step, offset: *offset, per_millivolt: unit.per_millivolt() })
    }

    fn millivolts(self, value: f64) -> f32 {
        ((value * self.step + self.offset) / self.per_millivolt) as f32
    }
}

/// Files below `root` that are of these formats, in the order of their paths.
///
/// # Errors
/// A user error where the folder cannot be read.
pub(in crate::source) fn files_below(root: &Path) -> Result<Vec<PathBuf>> {
    let is_index = |path: &Path| path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("DICOMDIR"));
    let keep = |path: &Path| has_ending(path) || !is_index(path) && is_bare(path) && is_one(path);
    paths_below(root, usize::MAX, |_| true, keep)
}

/// Whether the file's name ends as these files do.
pub(in crate::source) fn has_ending(path: &Path) -> bool {
    ENDINGS.iter().any(|ending| has_extension(path, ending))
}

/// Whether a file's name has no ending, or is one of DICOM's numbers: `1.2.840.113619.2.1`.
pub(super) fn is_bare(path: &Path) -> bool {
    let is_number = |ending: &std::ffi::OsStr| ending.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    path.extension().is_none_or(is_number)
}

/// Endings of these files; DICOM's often have none.
pub(in crate::source) const ENDINGS: &[&str] = &["xml", "dcm", "dicom", "scp"];
