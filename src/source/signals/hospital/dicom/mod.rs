//! DICOM waveforms, such as 12-lead ECGs.
//!
//! <https://dicom.nema.org/medical/dicom/current/output/html/part03.html>, C.10.9 and C.10.10. `WaveformSequence` has a group of channels
//! for the recording and often one for the average beat. A value is sample times sensitivity times correction factor, plus baseline, in
//! the channel's units. Leads are known by their codes (MDC `2:1`, SCP-ECG `5.6.3-9-1`), else by what those mean (`Lead I (Einthoven)`).
//!
//! Intervals are annotations with a number; they are known by their codes (part 16, CID 3227 to 3229, and those of SCP-ECG), else by
//! what these mean, as manufacturers have codes of their own. Annotations with a text alone are statements. Read are files in little
//! endian, with or without value representations, deflated or not.

mod elements;

use std::borrow::Cow;

use self::elements::Set;
use super::exam::{Channel, Exam, Waveform, named};
use super::facts::{age, age_between, date, milliseconds, positive};
use super::{Facts, scp};
use crate::source::person::{Said, sex};
use crate::source::signals::channels::Faulty;

/// Tags of elements.
mod tag {
    pub const CODE_VALUE: u32 = 0x0008_0100;
    pub const CODE_MEANING: u32 = 0x0008_0104;
    pub const STUDY_DATE: u32 = 0x0008_0020;
    pub const ACQUISITION_TIME: u32 = 0x0008_002a;
    pub const PATIENT_ID: u32 = 0x0010_0020;
    pub const BIRTH_DATE: u32 = 0x0010_0030;
    pub const SEX: u32 = 0x0010_0040;
    pub const AGE: u32 = 0x0010_1010;
    pub const ORIGINALITY: u32 = 0x003a_0004;
    pub const SAMPLES: u32 = 0x003a_0010;
    pub const RATE: u32 = 0x003a_001a;
    pub const GROUP_LABEL: u32 = 0x003a_0020;
    pub const CHANNELS: u32 = 0x003a_0200;
    pub const CHANNEL_LABEL: u32 = 0x003a_0203;
    pub const SOURCE: u32 = 0x003a_0208;
    pub const SENSITIVITY: u32 = 0x003a_0210;
    pub const UNITS: u32 = 0x003a_0211;
    pub const CORRECTION: u32 = 0x003a_0212;
    pub const BASELINE: u32 = 0x003a_0213;
    pub const MEASURED_IN: u32 = 0x0040_08ea;
    pub const CONCEPT: u32 = 0x0040_a043;
    pub const NUMBER: u32 = 0x0040_a30a;
    pub const ANNOTATIONS: u32 = 0x0040_b020;
    pub const TEXT: u32 = 0x0070_0006;
    pub const WAVEFORMS: u32 = 0x5400_0100;
    pub const BITS: u32 = 0x5400_1004;
    pub const INTERPRETATION: u32 = 0x5400_1006;
    pub const PADDING: u32 = 0x5400_100a;
    pub const DATA: u32 = 0x5400_1010;
}

/// What is measured.
#[derive(Clone, Copy, PartialEq)]
enum Measured {
    Rate,
    Rr,
    Pr,
    Qrs,
    Qt,
}

/// Each with its codes, of MDC, LOINC and SCP-ECG, and what they mean, in lower case.
const MEASURED: [(Measured, &[&str], &[&str]); 5] = [
    (Measured::Rate, &["2:16770", "8867-4"], &["heart rate", "ventricular heart rate", "ventricular rate"]),
    (Measured::Rr, &["2:16168", "5.10.2.1-3"], &["rr interval"]),
    (Measured::Pr, &["2:15872", "5.13.5-7"], &["pr interval"]),
    (Measured::Qrs, &["2:16156", "5.13.5-9"], &["qrs duration"]),
    (Measured::Qt, &["2:16160", "5.13.5-11"], &["qt interval"]),
];

/// A file of DICOM whose data set was unpacked.
pub(super) struct Dicom<'f>(Set<'f>);

/// Whether a file begins as one of DICOM.
pub(super) fn is_one(start: &[u8]) -> bool {
    start.get(128..132) == Some(b"DICM")
}

/// The data set of a file, and whether its elements say what they are.
pub(super) fn open(bytes: &[u8]) -> Faulty<(Cow<'_, [u8]>, bool)> {
    elements::open(bytes)
}

impl<'f> Dicom<'f> {
    /// Of what [`open`] gives.
    pub fn parse(data_set: &'f [u8], explicit: bool) -> Faulty<Self> {
        elements::parse(data_set, explicit).map(Self)
    }
}

impl Exam for Dicom<'_> {
    fn format(&self) -> &'static str {
        "DICOM"
    }

    fn waveforms(&self) -> Faulty<Vec<Waveform<'_>>> {
        let mut waveforms = Vec::new();
        for group in self.0.items(tag::WAVEFORMS) {
            let is_beat = is_beat(group);
            let definitions = group.items(tag::CHANNELS);
            let channels = definitions.iter().enumerate();
            let channels =
                channels.map(|(place, channel)| read_channel(group, channel, place, definitions.len())).collect();
            let rate = group.decimal(tag::RATE);
            waveforms.push(Waveform { name: named(is_beat, &waveforms), is_beat, rate, channels });
        }
        match waveforms.is_empty() {
            true => Err("it has no waveforms: it is a DICOM file of something else".into()),
            false => Ok(waveforms),
        }
    }

    fn facts(&self) -> Facts {
        let set = &self.0;
        let mut facts = Facts { patient: set.text(tag::PATIENT_ID), ..Facts::default() };
        // O is one that is neither.
        facts.sex = set.text(tag::SEX).filter(|text| text != "O").map_or(Said::Nothing, |text| sex(&text));
        let day = |tag| set.text(tag).as_deref().and_then(date);
        facts.age = match set.text(tag::AGE) {
            Some(text) => {
                let (number, unit) =
                    text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
                number.parse().map_or(Said::Strange, |number| age(number, unit))
            }
            None => age_between(day(tag::BIRTH_DATE), day(tag::ACQUISITION_TIME).or_else(|| day(tag::STUDY_DATE))),
        };
        annotate(set, &mut facts);
        facts
    }
}

/// Whether a group is an average beat.
fn is_beat(group: &Set<'_>) -> bool {
    match group.text(tag::GROUP_LABEL) {
        Some(label) => {
            let label = label.to_uppercase();
            ["MEDIAN", "REPRESENTATIVE", "AVERAGE", "BEAT"].iter().any(|word| label.contains(word))
        }
        None => group.text(tag::ORIGINALITY).is_some_and(|word| word == "DERIVED"),
    }
}

fn read_channel<'f>(group: &'f Set<'_>, channel: &'f Set<'_>, place: usize, count: usize) -> Channel<'f> {
    let correction = channel.decimal(tag::CORRECTION).unwrap_or(1.0);
    Channel {
        name: name(channel),
        unit: channel.items(tag::UNITS).first().and_then(|code| code.text(tag::CODE_VALUE)),
        step: channel.decimal(tag::SENSITIVITY).map(|sensitivity| sensitivity * correction),
        offset: channel.decimal(tag::BASELINE).unwrap_or(0.0),
        values: Box::new(move || samples(group, place, count)),
    }
}

fn name(channel: &Set<'_>) -> String {
    let source = channel.items(tag::SOURCE).first();
    let code = source.and_then(|source| source.text(tag::CODE_VALUE)).unwrap_or_default();
    let number =
        code.strip_prefix("2:").or_else(|| code.strip_prefix("5.6.3-9-")).and_then(|number| number.parse().ok());
    if let Some(lead) = number.and_then(scp::lead) {
        return lead.to_owned();
    }
    let meaning = source.and_then(|source| source.text(tag::CODE_MEANING)).or_else(|| channel.text(tag::CHANNEL_LABEL));
    let meaning = meaning.unwrap_or(code);
    meaning.split(['(', ',']).next().unwrap_or_default().trim().to_owned()
}

/// The samples of channel number `place` of `count`: they take turns.
fn samples(group: &Set<'_>, place: usize, count: usize) -> Faulty<Vec<f64>> {
    let data = group.bytes(tag::DATA).ok_or("there is no waveform data")?;
    let kind = group.text(tag::INTERPRETATION).unwrap_or_default();
    let bits = group.whole(tag::BITS).unwrap_or(16);
    type Decode = fn(&[u8]) -> f64;
    let (size, decode): (usize, Decode) = match (kind.as_str(), bits) {
        ("SS", 16) => (2, |two| f64::from(i16::from_le_bytes([two[0], two[1]]))),
        ("US", 16) => (2, |two| f64::from(u16::from_le_bytes([two[0], two[1]]))),
        ("SB", 8) => (1, |one| f64::from(one[0].cast_signed())),
        ("UB", 8) => (1, |one| f64::from(one[0])),
        ("SL", 32) => (4, |four| f64::from(i32::from_le_bytes([four[0], four[1], four[2], four[3]]))),
        ("UL", 32) => (4, |four| f64::from(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))),
        _ => return Err(format!("its samples are `{kind}` of {bits} bits; SS, US, SB, UB, SL and UL are read")),
    };
    let frame = size * count;
    let promised = group.whole(tag::SAMPLES).map_or(data.len() / frame.max(1), |samples| samples as usize);
    let own = promised.checked_mul(frame).and_then(|size| data.get(..size)).ok_or_else(|| {
        format!(
            "its group has {} bytes, which are no {promised} samples of {count} channels; it is cut off",
            data.len()
        )
    })?;
    let padding = group.bytes(tag::PADDING).and_then(|value| value.get(..size));
    let value = |sample: &[u8]| if Some(sample) == padding { f64::NAN } else { decode(sample) };
    Ok(own.chunks_exact(frame.max(1)).map(|frame| value(&frame[place * size..][..size])).collect())
}

/// Intervals and statements.
fn annotate(set: &Set<'_>, facts: &mut Facts) {
    let (mut rr, mut lines) = (None, Vec::new());
    for annotation in set.items(tag::ANNOTATIONS) {
        let concept = annotation.items(tag::CONCEPT).first();
        if let (Some(text), None) = (annotation.text(tag::TEXT), concept) {
            lines.push(text);
        }
        let (Some(concept), Some(number)) = (concept, annotation.decimal(tag::NUMBER)) else { continue };
        let unit = annotation.items(tag::MEASURED_IN).first().and_then(|code| code.text(tag::CODE_VALUE));
        let time = milliseconds(number, &unit.unwrap_or_default());
        match measured(concept) {
            Some(Measured::Rate) => facts.hr = facts.hr.or(positive(Some(number))),
            Some(Measured::Rr) => rr = rr.or(time),
            Some(Measured::Pr) => facts.pr = facts.pr.or(time),
            Some(Measured::Qrs) => facts.qrs = facts.qrs.or(time),
            Some(Measured::Qt) => facts.qt = facts.qt.or(time),
            None => {}
        }
    }
    facts.hr = facts.hr.or(rr.map(|rr| 60_000.0 / rr));
    facts.state(lines.into_iter().map(|line| vec![line]));
}

fn measured(concept: &Set<'_>) -> Option<Measured> {
    let code = concept.text(tag::CODE_VALUE).unwrap_or_default();
    let meaning = concept.text(tag::CODE_MEANING).unwrap_or_default().to_lowercase();
    let meaning = meaning.trim_end_matches(" global").trim_start_matches("global ");
    let is_it = |(_, codes, meanings): &&(Measured, &[&str], &[&str])| {
        codes.contains(&code.as_str()) || meanings.contains(&meaning)
    };
    MEASURED.iter().find(is_it).map(|(measured, ..)| *measured)
}
