//! Records as the header of a cache file has them.

use serde::{Deserialize, Serialize};

use crate::data::{Record, Recording};
use crate::ecg::{Label, Measurement, Sex, Vocabulary};

/// Names that records have numbers for: those of what is measured, with units, and vocabularies with their labels.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Names {
    measurements: Vec<[String; 2]>,
    vocabularies: Vec<(String, Vec<String>)>,
}

/// A [`Record`]; numbers as their bits, so that they come back exactly.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    id: String,
    patient: String,
    fold: Option<u8>,
    age: Option<u32>,
    sex: Option<Sex>,
    /// Place in [`Names::measurements`], and the value.
    measurements: Vec<(u16, u32)>,
    /// Place in [`Names::vocabularies`], and in the vocabulary.
    labels: Vec<[u16; 2]>,
    /// The same of labels that are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<[u16; 2]>,
    /// Hexadecimal.
    recording: Option<String>,
}

impl Kept {
    /// Of a record; `names` gets those that it does not have.
    pub fn new(record: &Record, names: &mut Names) -> Self {
        let measurement = |(measurement, value): (Measurement, f32)| {
            let name = [measurement.name(), measurement.unit()];
            let place = place_of(&mut names.measurements, |own| *own == name, || name.map(str::to_owned));
            (place, value.to_bits())
        };
        let measurements = record.measurements.iter().map(measurement).collect();
        let mut label = |label: Label| {
            let of = label.vocabulary();
            let is_it = |own: &(String, Vec<String>)| own.0 == of.name() && own.1 == of.names();
            let new = || (of.name().to_owned(), of.names().iter().map(|name| (*name).to_owned()).collect());
            [place_of(&mut names.vocabularies, is_it, new), label.place() as u16]
        };
        Self {
            id: record.id.clone(),
            patient: record.patient.clone(),
            fold: record.fold,
            age: record.age.map(f32::to_bits),
            sex: record.sex,
            measurements,
            labels: record.labels.iter().map(&mut label).collect(),
            unknown: record.unknown.iter().map(&mut label).collect(),
            recording: record.recording.map(|recording| recording.to_string()),
        }
    }

    fn record(self, measurements: &[Measurement], vocabularies: &[&'static Vocabulary]) -> Option<Record> {
        let Self { id, patient, fold, age, sex, measurements: values, labels, unknown, recording } = self;
        let measurement =
            |(place, bits): (u16, u32)| Some((*measurements.get(usize::from(place))?, f32::from_bits(bits)));
        let label = |[of, place]: [u16; 2]| vocabularies.get(usize::from(of))?.labels().nth(place.into());
        Some(Record {
            id,
            patient,
            fold,
            age: age.map(f32::from_bits),
            sex,
            measurements: values.into_iter().map(measurement).collect::<Option<_>>()?,
            labels: labels.into_iter().map(label).collect::<Option<_>>()?,
            unknown: unknown.into_iter().map(label).collect::<Option<_>>()?,
            recording: recording.map(|text| from_hex(&text).map(Recording::new).ok_or(())).transpose().ok()?,
        })
    }
}

/// The place in `list` of the one that `is_it`; a `new` one is added where there is none.
fn place_of<T>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> u16 {
    let place = list.iter().position(is_it).unwrap_or_else(|| {
        list.push(new());
        list.len() - 1
    });
    place as u16
}

/// Records from what is kept of them.
pub(super) fn records(kept: Vec<Kept>, names: &Names) -> Option<Vec<Record>> {
    let measurements: Vec<Measurement> =
        names.measurements.iter().map(|[name, unit]| Measurement::named(name, unit)).collect();
    let vocabularies: Vec<&'static Vocabulary> =
        names.vocabularies.iter().map(|(name, labels)| Vocabulary::interned(name, labels)).collect();
    kept.into_iter().map(|kept| kept.record(&measurements, &vocabularies)).collect()
}

/// The bytes of a SHA-256 in hexadecimal.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    (text.len() == 64 && text.is_ascii()).then_some(())?;
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}
