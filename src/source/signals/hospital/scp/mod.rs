//! SCP-ECG, as carts keep and send it.
//!
//! EN 1064:2005+A1:2007, ISO 11073-91064:2009. After the CRC (2 bytes) and the length (4) come sections, of which number 0 says where
//! the others are: 1 whose ECG it is, 2 the Huffman tables, 3 the leads, 6 the whole recording, 7 measurements, 8 statements. Numbers
//! have the least significant byte first. Checksums are not looked at.
//!
//! Samples are in steps of so many nV, whole or as first or second differences, packed by Huffman codes or not at all. Those from which a
//! reference beat was subtracted, or that have fewer samples between beats ("bimodal"), are not read.

mod huffman;

use self::huffman::Tables;
use super::Facts;
use super::exam::{Channel, Exam, Waveform};
use super::facts::{age, age_between, milliseconds, positive};
use crate::ecg::Sex;
use crate::source::person::Said;
use crate::source::signals::channels::Faulty;
use chrono::NaiveDate;

/// What stands for a measurement that was not made.
const UNDEFINED: u16 = 29_999;

/// The leads by their numbers in section 3.
const LEADS: [(u8, &str); 12] = [
    (1, "I"),
    (2, "II"),
    (3, "V1"),
    (4, "V2"),
    (5, "V3"),
    (6, "V4"),
    (7, "V5"),
    (8, "V6"),
    (61, "III"),
    (62, "aVR"),
    (63, "aVL"),
    (64, "aVF"),
];

/// The lead of this number.
pub(super) fn lead(number: u8) -> Option<&'static str> {
    LEADS.iter().find(|(own, _)| *own == number).map(|(_, name)| *name)
}

/// A file of SCP-ECG.
pub(super) struct Scp<'f> {
    /// The bodies of sections, by their numbers.
    sections: Vec<(u16, &'f [u8])>,
}

/// Whether a file begins as one of SCP-ECG: with its name in section 0, or, of old writers, with a section 0 and its own length.
pub(super) fn is_one(start: &[u8], size: u64) -> bool {
    start.get(16..22) == Some(b"SCPECG")
        || short(start, 8) == Some(0) && long(start, 2).is_some_and(|length| u64::from(length) == size && size > 32)
}

impl<'f> Scp<'f> {
    /// Finds the sections.
    pub fn parse(bytes: &'f [u8]) -> Faulty<Self> {
        let length = long(bytes, 10).unwrap_or(0) as usize;
        let table = bytes.get(22..6_usize.saturating_add(length)).ok_or("its list of sections is cut off")?;
        let mut sections = Vec::new();
        for pointer in table.chunks_exact(10) {
            let (Some(id), Some(length), Some(place)) = (short(pointer, 0), long(pointer, 2), long(pointer, 6)) else {
                continue;
            };
            if id == 0 || length <= 16 || place == 0 {
                continue;
            }
            // Places count from 1; a section begins with 16 bytes about itself.
            let start = place as usize - 1;
            let body = bytes.get(start.saturating_add(16)..start.saturating_add(length as usize));
            sections.push((
                id,
                body.ok_or_else(|| format!("section {id} goes beyond the end of the file; it is cut off"))?,
            ));
        }
        Ok(Self { sections })
    }

    fn section(&self, id: u16) -> Option<&'f [u8]> {
        self.sections.iter().find(|(own, _)| *own == id).map(|(_, body)| *body)
    }

    /// The fields of section 1 with this tag.
    fn tag(&self, tag: u8) -> Option<&'f [u8]> {
        let mut rest = self.section(1)?;
        while let [own, low, high, after @ ..] = rest {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            if *own == 255 {
                return None;
            }
            let (value, next) = after.split_at_checked(length)?;
            if *own == tag && !value.is_empty() {
                return Some(value);
            }
            rest = next;
        }
        None
    }

    fn date(&self, tag: u8) -> Option<NaiveDate> {
        match self.tag(tag)? {
            [low, high, month, day, ..] => {
                NaiveDate::from_ymd_opt(i32::from(u16::from_le_bytes([*low, *high])), (*month).into(), (*day).into())
            }
            _ => None,
        }
    }

    fn person(&self, facts: &mut Facts) {
        facts.patient = self.tag(2).map(text).filter(|text| !text.is_empty());
        facts.sex = match self.tag(8) {
            Some([1, ..]) => Said::Known(Sex::Male),
            Some([2, ..]) => Said::Known(Sex::Female),
            _ => Said::Nothing,
        };
        facts.age = match self.tag(4) {
            Some([low, high, unit, ..]) if [*low, *high, *unit] != [0; 3] => {
                let unit = ["", "years", "months", "weeks", "days", "hours"].get(usize::from(*unit)).unwrap_or(&"?");
                age(f64::from(u16::from_le_bytes([*low, *high])), unit)
            }
            _ => age_between(self.date(5), self.date(25)),
        };
    }

    /// Section 7: of all beats together RR, and of the first kind of beat where its waves begin and end.
    fn measurements(&self, facts: &mut Facts) {
        let Some(body) = self.section(7) else { return };
        let value = |at: usize| short(body, at).filter(|value| *value != UNDEFINED).map(f64::from);
        facts.hr = positive(value(2)).map(|rr| 60_000.0 / rr);
        if body.first().is_none_or(|blocks| *blocks == 0) {
            return;
        }
        let [p, qrs, qrs_end, t_end] = [6, 10, 12, 14].map(value);
        let between = |from: Option<f64>, to: Option<f64>| milliseconds(to? - from?, "ms");
        facts.pr = between(p, qrs);
        facts.qrs = between(qrs, qrs_end);
        facts.qt = between(qrs, t_end);
    }

    /// Section 8.
    fn statements(&self) -> Vec<Vec<String>> {
        let Some(mut rest) = self.section(8).and_then(|body| body.get(9..)) else { return Vec::new() };
        let mut lines = Vec::new();
        while let [_, low, high, after @ ..] = rest {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            let Some((line, next)) = after.split_at_checked(length) else { break };
            lines.push(vec![text(line)]);
            rest = next;
        }
        lines
    }
}

impl Exam for Scp<'_> {
    fn format(&self) -> &'static str {
        "SCP-ECG"
    }

    fn waveforms(&self) -> Faulty<Vec<Waveform<'_>>> {
        let leads = self.section(3).ok_or("it has no section 3, which says what the leads are")?;
        let body = self.section(6).ok_or("it has no section 6, which holds the recording")?;
        let [count, flags, leads @ ..] = leads else { return Err("section 3 is cut off".into()) };
        let [a, b, c, d, encoding, bimodal, counts @ ..] = body else { return Err("section 6 is cut off".into()) };
        if *bimodal != 0 || flags & 1 != 0 && self.section(4).is_some() {
            return Err("its signals are packed around a reference beat, which is not read; convert it, such as with ecgdatakit in Python"
                .into());
        }
        let (step, interval) = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
        let tables = self.section(2).map(Tables::parse).transpose()?;
        let count = usize::from(*count);
        let (leads, _) = leads.as_chunks::<9>();
        let leads = leads.get(..count).ok_or("section 3 is cut off")?;
        let (lengths, mut data) = counts.split_at_checked(2 * count).ok_or("section 6 is cut off")?;
        let first = leads.iter().filter_map(|lead| long(lead, 0)).min();
        let mut channels = Vec::new();
        for (lead, length) in leads.iter().zip(lengths.as_chunks::<2>().0) {
            let length = usize::from(u16::from_le_bytes(*length));
            let (own, after) =
                data.split_at_checked(length).ok_or("section 6 ends before its last lead; it is cut off")?;
            data = after;
            let code = lead[8];
            let (start, end) = (long(lead, 0).unwrap_or(0), long(lead, 4).unwrap_or(0));
            let packed = Packed { bytes: own, tables: tables.clone(), encoding: *encoding, start, end, first };
            channels.push(Channel {
                name: self::lead(code).map_or_else(|| format!("lead {code}"), str::to_owned),
                unit: Some("nV".into()),
                step: Some(f64::from(step)),
                offset: 0.0,
                values: Box::new(move || packed.decode()),
            });
        }
        let rate = (interval > 0).then(|| 1e6 / f64::from(interval));
        Ok(vec![Waveform { name: "rhythm".into(), is_beat: false, rate, channels }])
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        self.person(&mut facts);
        self.measurements(&mut facts);
        facts.state(self.statements());
        facts
    }
}

/// The samples of one lead.
struct Packed<'f> {
    bytes: &'f [u8],
    tables: Option<Tables>,
    /// Whether they are samples (0), first (1) or second (2) differences.
    encoding: u8,
    /// The first and the last sample, from 1.
    start: u32,
    end: u32,
    /// Where the first of all leads begins.
    first: Option<u32>,
}

impl Packed<'_> {
    fn decode(&self) -> Faulty<Vec<f64>> {
        let Packed { bytes, tables, encoding, start, end, first } = self;
        if Some(*start) != *first {
            return Err(format!("it begins at sample {start}, after others: leads were not recorded at the same time"));
        }
        let count = (u64::from(*end) + 1).saturating_sub((*start).into());
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let steps = match tables {
            Some(tables) => tables.decode(bytes, count)?,
            None => {
                let own = count.checked_mul(2).and_then(|size| bytes.get(..size));
                let own = own.ok_or_else(|| format!("it has {} bytes, which are no {count} samples", bytes.len()))?;
                own.as_chunks().0.iter().map(|two| i32::from(i16::from_le_bytes(*two))).collect()
            }
        };
        Ok(whole(&steps, *encoding).into_iter().map(f64::from).collect())
    }
}

/// Samples out of their differences, in 16 bits, as those who wrote them had.
fn whole(steps: &[i32], encoding: u8) -> Vec<i16> {
    let [mut last, mut before] = [0_i32; 2];
    let of = |(place, step): (usize, &i32)| {
        let value = match (encoding, place) {
            (1, _) => last.wrapping_add(*step),
            // The first two are as they are.
            (2, 2..) => step.wrapping_add(last.wrapping_mul(2)).wrapping_sub(before),
            _ => *step,
        };
        (before, last) = (last, value);
        value as i16
    };
    steps.iter().enumerate().map(of).collect()
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    super::xml::text(&bytes[..end]).trim().to_owned()
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(short(bytes, at)?) | u32::from(short(bytes, at + 2)?) << 16)
}
