//! How the files of a source are read: what overrides what they say, and what becomes of those that cannot be read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::DataPath;
use crate::ecg::{Lead, Voltage};

/// How the files of a source are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Steps of a sample per mV, or per `unit` where there is one, whatever the files say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// The unit of the files' values, whatever they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Voltage>,
    /// Leads by the names that the files give them, beside those that are known anyway.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leads: BTreeMap<String, Lead>,
    /// What becomes of a record that cannot be read.
    #[serde(default, skip_serializing_if = "Unreadable::is_stop")]
    pub unreadable: Unreadable,
    /// The largest share of records that may be left out.
    #[serde(default = "at_most", skip_serializing_if = "is_at_most")]
    pub at_most: f64,
    /// A list of records that are left out, whatever is in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<DataPath>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            gain: None,
            unit: None,
            leads: BTreeMap::new(),
            unreadable: Unreadable::Stop,
            at_most: AT_MOST,
            exclude: None,
        }
    }
}

impl Reading {
    /// The part of it that changes what a record is; the other part says which records there are.
    pub fn of_values(&self) -> Reading {
        Reading { gain: self.gain, unit: self.unit, leads: self.leads.clone(), ..Reading::default() }
    }

    /// Steps of a sample per mV, where the source says it.
    pub fn steps_per_millivolt(&self) -> Option<f64> {
        self.gain.map(|gain| gain * self.unit.map_or(1.0, Voltage::per_millivolt))
    }

    /// The same of files that do not say their unit, which is `unit` unless the source says a unit or a gain.
    pub fn in_unit(&self, unit: Voltage) -> Reading {
        let usual = self.gain.is_none().then_some(unit);
        Reading { unit: self.unit.or(usual), ..self.clone() }
    }

    /// The lead that a file's name stands for: as the source says, else as [`Lead::parse`] does.
    pub fn lead(&self, name: &str) -> Option<Lead> {
        let own = self.leads.iter().find(|(known, _)| known.trim().eq_ignore_ascii_case(name.trim()));
        own.map(|(_, lead)| *lead).or_else(|| Lead::parse(name))
    }
}

const AT_MOST: f64 = 0.02;

fn at_most() -> f64 {
    AT_MOST
}

fn is_at_most(share: &f64) -> bool {
    *share == AT_MOST
}

/// What becomes of a record that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unreadable {
    /// It is an error.
    #[default]
    Stop,
    /// It is left out, and listed.
    LeaveOut,
}

impl Unreadable {
    fn is_stop(&self) -> bool {
        *self == Unreadable::Stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_its_default_is_in_no_json() {
        assert_eq!(serde_json::to_string(&Reading::default()).unwrap(), "{}");
        let other = Reading { unreadable: Unreadable::LeaveOut, gain: Some(500.0), ..Reading::default() };
        assert_eq!(serde_json::to_string(&other).unwrap(), r#"{"gain":500.0,"unreadable":"leave-out"}"#);
        assert_eq!(other.steps_per_millivolt(), Some(500.0));
        let per_microvolt = Reading { unit: Some(Voltage::Microvolt), gain: Some(0.2), ..Reading::default() };
        assert_eq!(per_microvolt.steps_per_millivolt(), Some(200.0));
        assert_eq!(other.of_values(), Reading { gain: Some(500.0), ..Reading::default() });
        let read: Reading = serde_json::from_str(r#"{"unit":"uV","gain":null,"leads":{"CH1":"aVR"}}"#).unwrap();
        assert_eq!(
            (read.unit, read.lead("ch1 "), read.lead("Lead II")),
            (Some(Voltage::Microvolt), Some(Lead::AVR), Some(Lead::II))
        );
    }
}
