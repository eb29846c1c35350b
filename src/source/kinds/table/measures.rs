//! Measurements of a table: from expressions and units to values in bpm and ms.

use super::MeasurementKeys;
use super::expression::Expression;
use super::frame::{Handle, Line};
use crate::declare::hint;
use crate::ecg::Measurement;
use crate::source::Record;
use crate::source::intervals::{Intervals, Origin, admit};
use crate::source::plausible::{MEASUREMENTS, digits};
use crate::statistics::median;
use crate::{Error, Result};

/// Units of time, with how many ms each is.
const TIMES: [(&str, f64); 3] = [("ms", 1.0), ("s", 1000.0), ("us", 0.001)];

/// Units of a rate, with how many bpm each is.
const RATES: [(&str, f64); 2] = [("bpm", 1.0), ("Hz", 60.0)];

/// A number of samples, of which the manifest says how many there are in a second.
const SAMPLES: &str = "samples";

/// Rates that recorders have, Hz.
const SAMPLING_RATES: [f64; 9] = [500.0, 1000.0, 250.0, 400.0, 100.0, 200.0, 360.0, 257.0, 2000.0];

/// How what is written becomes what is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// So many of the measurement's units each.
    Times(f64),
    /// The interval between beats, of so many ms each, where a heart rate is meant.
    Between(f64),
}

impl Scale {
    fn of(measurement: Measurement, unit: &str, rate: Option<f64>) -> std::result::Result<Self, String> {
        let time = TIMES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let time = match (unit, rate) {
            (SAMPLES, None) => return Err("samples need `sampling_rate`: how many there are in a second".into()),
            (SAMPLES, Some(rate)) => Some(1000.0 / rate),
            _ => time,
        };
        let is_rate = measurement == Measurement::HR;
        if measurement.place().is_none() {
            return Ok(Self::Times(1.0));
        }
        match time {
            Some(factor) if is_rate => return Ok(Self::Between(factor)),
            Some(factor) => return Ok(Self::Times(factor)),
            None => {}
        }
        let rate = RATES.iter().find(|(name, _)| *name == unit).filter(|_| is_rate);
        let known = TIMES.iter().map(|(name, _)| *name).chain([SAMPLES]);
        let known = known.chain(RATES.iter().map(|(name, _)| *name).filter(|_| is_rate));
        let name = measurement.name();
        rate.map(|(_, factor)| Self::Times(*factor))
            .ok_or_else(|| format!("`{unit}` is no unit of {name}{}", hint(unit, known)))
    }

    fn apply(self, value: f64) -> f64 {
        match self {
            Self::Times(factor) => value * factor,
            Self::Between(factor) => 60_000.0 / (value * factor),
        }
    }

    /// What was written for `value`.
    fn undo(self, value: f64) -> f64 {
        match self {
            Self::Times(factor) => value / factor,
            Self::Between(factor) => 60_000.0 / value / factor,
        }
    }
}

/// The measurement that the manifest calls `name`: its unit is that of the built-in one, else the one that is said.
pub(super) fn measurement(name: &str, keys: &MeasurementKeys) -> Measurement {
    let built_in = Measurement::BUILT_IN.into_iter().find(|own| own.name() == name);
    built_in.unwrap_or_else(|| Measurement::named(name, keys.unit.as_deref().unwrap_or_default()))
}

/// What is wrong with what the manifest says of the measurement called `name`: the key, and what.
pub(super) fn faults(name: &str, keys: &MeasurementKeys) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if !name.chars().all(is_word) || name.starts_with(|letter: char| letter.is_ascii_digit()) {
        let why =
            format!("`{name}` is no name of a measurement: it has letters, digits and `_`, and begins with no digit");
        faults.push(("value", why));
    } else if ["age", "sex", "fold"].contains(&name) {
        faults.push(("value", format!("`{name}` is known by the key of this name, not as a measurement")));
    }
    if let Err(why) = Expression::parse(&keys.value) {
        faults.push(("value", format!("`{}`: {why}", keys.value)));
    }
    let measurement = measurement(name, keys);
    let unit = keys.unit.as_deref().unwrap_or(measurement.unit());
    if let Err(why) = Scale::of(measurement, unit, keys.sampling_rate) {
        faults.push(("unit", why));
    }
    faults
}

/// A measurement, and where it comes from.
pub(super) struct Measured<'s> {
    measurement: Measurement,
    written: &'s str,
    scale: Scale,
    of: Expression<Handle>,
}

impl<'s> Measured<'s> {
    /// # Errors
    /// A user error where a column is not there.
    pub fn new(name: &str, keys: &'s MeasurementKeys, find: &mut dyn FnMut(&String) -> Result<Handle>) -> Result<Self> {
        let wrong = |why: String| Error::user(format!("measurements.{name}: {why}"));
        let measurement = measurement(name, keys);
        let unit = keys.unit.as_deref().unwrap_or(measurement.unit());
        let of = Expression::parse(&keys.value).map_err(wrong)?.resolve(find)?;
        let scale = Scale::of(measurement, unit, keys.sampling_rate).map_err(wrong)?;
        Ok(Self { measurement, written: &keys.value, scale, of })
    }

    /// The value of a row, in the measurement's unit.
    fn value(&self, line: &Line) -> Result<Option<f64>> {
        let value = self.of.value(&|column| line.number(column))?;
        // 0 and what is below is no rate and no interval: tables have it where nothing was found.
        let value = value.filter(|value| self.measurement.place().is_none() || *value > 0.0);
        Ok(value.map(|value| self.scale.apply(value)))
    }
}

/// All measurements of a table, as they are read.
pub(super) struct Measures<'s> {
    all: Vec<Measured<'s>>,
    /// Of each record, those that are built in.
    intervals: Vec<Intervals>,
}

impl<'s> Measures<'s> {
    pub fn new(all: Vec<Measured<'s>>) -> Self {
        Self { all, intervals: Vec::new() }
    }

    /// Reads those of a row; those that are not built in become the record's.
    pub fn read(&mut self, line: &Line, record: &mut Record) -> Result<()> {
        if self.all.is_empty() {
            return Ok(());
        }
        let mut intervals = Intervals::default();
        for own in &self.all {
            let value = own.value(line)?;
            match own.measurement.place().and_then(|place| intervals.get_mut(place)) {
                Some(interval) => *interval = value,
                None => record.measurements.set(own.measurement, value.map(|value| value as f32)),
            }
        }
        self.intervals.push(intervals);
        Ok(())
    }

    /// Gives `records` those that are built in, as far as they can be believed. Returns what the user should know, and what
    /// may be wrong.
    ///
    /// # Errors
    /// A user error where most values of one cannot be: the likely unit is named.
    pub fn give(mut self, records: &mut [Record], table: &str) -> Result<[Vec<String>; 2]> {
        if self.all.is_empty() {
            return Ok(Default::default());
        }
        let mut columns = [""; 4];
        for own in &self.all {
            let Some(place) = own.measurement.place() else { continue };
            columns[place] = own.written;
            own.check(self.intervals.iter().filter_map(|row| row[place]), table)?;
        }
        // RR stands in the place of HR there.
        self.intervals.iter_mut().for_each(|row| row[0] = row[0].map(|rate| 60_000.0 / rate));
        let warnings = admit(records, &self.intervals, &Origin { table: table.into(), columns, rates: &[] })?;
        let missing = |own: &Measured| {
            let missing = records.iter().filter(|record| record.measurement(own.measurement).is_none()).count();
            let (name, all) = (own.measurement.name(), records.len());
            (missing > 0).then(|| format!("{name} is missing in {missing} of {all} records"))
        };
        Ok([self.all.iter().filter_map(missing).collect(), warnings])
    }
}

impl Measured<'_> {
    /// That not most of the values are outside of what they can be.
    fn check(&self, values: impl Iterator<Item = f64>, table: &str) -> Result<()> {
        let Some(range) = self.measurement.place().and_then(|place| MEASUREMENTS.get(place)) else { return Ok(()) };
        let values: Vec<f64> = values.collect();
        let outside = values.iter().filter(|value| !range.contains(**value)).count();
        if 2 * outside <= values.len() {
            return Ok(());
        }
        let middle = median(values.iter().copied()).unwrap_or(f64::NAN);
        let raw = self.scale.undo(middle);
        let fits = |scale: Scale| (range.median[0]..=range.median[1]).contains(&scale.apply(raw));
        let times = TIMES.iter().chain(&RATES).map(|(unit, _)| (*unit, None));
        let samples = SAMPLING_RATES.iter().map(|rate| (SAMPLES, Some(*rate)));
        let likely = times.chain(samples).find(|(unit, rate)| {
            Scale::of(self.measurement, unit, *rate).is_ok_and(|scale| scale != self.scale && fits(scale))
        });
        let name = self.measurement.name();
        let advice = match likely {
            Some((unit, rate)) => {
                let value = serde_json::Value::from(self.written);
                let rate = rate.map(|rate| format!(", sampling_rate = {rate:?}")).unwrap_or_default();
                format!("It would fit as {name} = {{ value = {value}, unit = \"{unit}\"{rate} }}")
            }
            None => "No unit that is usual makes such values of it; look for another column".into(),
        };
        Err(Error::user(format!(
            "{table}: measurements.{name}, `{}`: {outside} of {} values are no {} of {}; the median of what is written is {}. {advice}",
            self.written,
            values.len(),
            range.name,
            range.range(),
            digits(raw)
        )))
    }
}
