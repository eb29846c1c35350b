//! Units of voltage.

use serde::{Deserialize, Serialize};

/// A unit of voltage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Voltage {
    /// Nanovolt.
    #[serde(rename = "nV")]
    Nanovolt,
    /// Microvolt.
    #[serde(rename = "uV")]
    Microvolt,
    /// Millivolt.
    #[serde(rename = "mV")]
    Millivolt,
    /// Volt.
    #[serde(rename = "V")]
    Volt,
}

/// Each unit with what there is of it in a mV, and how files spell it, in lower case: nobody's ECG is in megavolts.
const UNITS: [(Voltage, f64, &[&str]); 4] = [
    (Voltage::Nanovolt, 1e6, &["nv", "nanovolt", "nanovolts"]),
    (Voltage::Microvolt, 1e3, &["uv", "\u{b5}v", "\u{3bc}v", "microvolt", "microvolts", "mcv"]),
    (Voltage::Millivolt, 1.0, &["mv", "millivolt", "millivolts"]),
    (Voltage::Volt, 1e-3, &["v", "volt", "volts"]),
];

impl Voltage {
    /// The unit that is spelled so, in upper or lower case.
    pub fn parse(text: &str) -> Option<Voltage> {
        let text = text.trim().to_lowercase();
        UNITS.iter().find(|(.., spelled)| spelled.contains(&text.as_str())).map(|(unit, ..)| *unit)
    }

    /// How many there are in a mV.
    pub fn per_millivolt(self) -> f64 {
        UNITS.iter().find(|(unit, ..)| *unit == self).map_or(1.0, |(_, per_millivolt, _)| *per_millivolt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_their_spellings() {
        for (text, unit) in [
            ("uV", Voltage::Microvolt),
            ("\u{b5}V", Voltage::Microvolt),
            ("\u{3bc}V", Voltage::Microvolt),
            ("microvolts", Voltage::Microvolt),
            ("mV", Voltage::Millivolt),
            ("mv", Voltage::Millivolt),
            ("Millivolt", Voltage::Millivolt),
            ("V", Voltage::Volt),
            ("nV", Voltage::Nanovolt),
        ] {
            assert_eq!(Voltage::parse(text), Some(unit), "{text}");
        }
        for text in ["mmHg", "", "adu", "NU", "mVolt"] {
            assert_eq!(Voltage::parse(text), None, "{text}");
        }
        assert_eq!(Voltage::Microvolt.per_millivolt(), 1000.0);
        assert_eq!(Voltage::Volt.per_millivolt(), 0.001);
    }
}
