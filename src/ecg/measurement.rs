//! What is measured in a record: numbers by name, each with its unit.

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use super::intern;

/// A quantity with a number for a record: its name and its unit. Two of one name are the same. In JSON it is its name, and
/// its unit when it is read is the one that it was [named](Measurement::named) with.
///
/// ```
/// use ecgraft::ecg::Measurement;
/// let axis = Measurement::named("axis", "degrees");
/// assert_eq!((axis.name(), axis.unit()), ("axis", "degrees"));
/// assert!(Measurement::HR < Measurement::QRS && Measurement::QRS < axis);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    name: &'static str,
    unit: &'static str,
}

impl Measurement {
    /// Heart rate, bpm.
    pub const HR: Self = Self::new("hr", "bpm");

    /// PR interval, ms.
    pub const PR: Self = Self::new("pr", "ms");

    /// QT interval, ms.
    pub const QT: Self = Self::new("qt", "ms");

    /// QRS duration, ms.
    pub const QRS: Self = Self::new("qrs", "ms");

    /// The age at recording, years.
    pub const AGE: Self = Self::new("age", "years");

    /// The four that are built in, in the order used everywhere.
    pub const BUILT_IN: [Self; 4] = [Self::HR, Self::PR, Self::QT, Self::QRS];

    /// Names that manifests have for what else a network can learn.
    pub const RESERVED: &[&str] = &["classification", "masked", "contrastive"];

    /// The measurement called `name`, as manifests write it, in `unit`.
    pub const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit }
    }

    /// The same, of names that manifests give: the first unit that is not empty stays a name's unit.
    pub fn named(name: &str, unit: &str) -> Self {
        static UNITS: Mutex<Option<HashMap<&'static str, &'static str>>> = Mutex::new(None);
        let known = Self::BUILT_IN.into_iter().chain([Self::AGE]).find(|own| own.name == name);
        if let Some(known) = known {
            return known;
        }
        let mut units = UNITS.lock().unwrap_or_else(PoisonError::into_inner);
        let name = intern(name);
        let kept = units.get_or_insert_default().entry(name).or_insert("");
        if kept.is_empty() {
            *kept = intern(unit);
        }
        Self { name, unit: kept }
    }

    /// As manifests write it: `hr`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Its unit: `bpm`, `ms`.
    pub fn unit(self) -> &'static str {
        self.unit
    }

    /// `hr (bpm)`, as tables have it; its name alone where its unit is not known.
    pub fn with_unit(self) -> String {
        match self.unit {
            "" => self.name.to_owned(),
            unit => format!("{} ({unit})", self.name),
        }
    }

    /// Its place in [`Measurement::BUILT_IN`]; `None` for the others.
    pub fn place(self) -> Option<usize> {
        Self::BUILT_IN.into_iter().position(|own| own == self)
    }

    fn key(self) -> (usize, &'static str) {
        (self.place().unwrap_or(Self::BUILT_IN.len()), self.name)
    }
}

impl PartialEq for Measurement {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Measurement {}

impl Hash for Measurement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Those that are built in first, in their order; then by name.
impl Ord for Measurement {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Measurement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Measurement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Measurement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if Self::RESERVED.contains(&name.as_str()) {
            return Err(de::Error::custom(format!("`{name}` is no measurement")));
        }
        Ok(Self::named(&name, ""))
    }
}

/// What is known of one record: of each measurement at most one value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements(Vec<(Measurement, f32)>);

impl Measurements {
    /// The value of `measurement`, if it is known.
    pub fn get(&self, measurement: Measurement) -> Option<f32> {
        self.0.iter().find(|(own, _)| *own == measurement).map(|(_, value)| *value)
    }

    /// Makes the value of `measurement` this one, or one that is not known.
    pub fn set(&mut self, measurement: Measurement, value: Option<f32>) {
        let place = self.0.binary_search_by_key(&measurement, |(own, _)| *own);
        match (place, value) {
            (Ok(place), Some(value)) => self.0[place].1 = value,
            (Ok(place), None) => drop(self.0.remove(place)),
            (Err(place), Some(value)) => self.0.insert(place, (measurement, value)),
            (Err(_), None) => {}
        }
    }

    /// Those that are known, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Measurement, f32)> {
        self.0.iter().copied()
    }
}

impl FromIterator<(Measurement, f32)> for Measurements {
    fn from_iter<I: IntoIterator<Item = (Measurement, f32)>>(values: I) -> Self {
        let mut known = Self::default();
        values.into_iter().for_each(|(measurement, value)| known.set(measurement, Some(value)));
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_knows_any_number_of_them() {
        let many: Vec<Measurement> = (0..40).map(|lead| Measurement::named(&format!("st_{lead:02}"), "mV")).collect();
        let values = many.iter().rev().enumerate().map(|(place, own)| (*own, place as f32));
        let mut known: Measurements = values.chain([(Measurement::QT, 400.0), (Measurement::HR, 60.0)]).collect();
        let order: Vec<Measurement> = known.iter().map(|(own, _)| own).collect();
        assert_eq!(order, [&[Measurement::HR, Measurement::QT], many.as_slice()].concat());
        assert_eq!((known.get(many[39]), known.get(Measurement::PR)), (Some(0.0), None));
        known.set(Measurement::HR, None);
        known.set(Measurement::PR, None);
        known.set(many[0], Some(-1.0));
        assert_eq!((known.get(Measurement::HR), known.get(many[0]), known.iter().count()), (None, Some(-1.0), 41));
    }

    #[test]
    fn in_json_a_measurement_is_its_name() {
        assert_eq!(serde_json::to_string(&Measurement::BUILT_IN).unwrap(), r#"["hr","pr","qt","qrs"]"#);
        assert_eq!(serde_json::from_str::<Measurement>(r#""qrs""#).unwrap(), Measurement::QRS);
        let axis = Measurement::named("an axis", "degrees");
        let read = serde_json::from_str::<Measurement>(r#""an axis""#).unwrap();
        assert_eq!((read, read.unit()), (axis, "degrees"));
        assert!(serde_json::from_str::<Measurement>(r#""classification""#).is_err());
    }
}
