//! What a human ECG can be: ranges of every physical quantity that a source gives, and what is said of values outside.
//!
//! The ranges are wider than any reference for people well or ill, at rest, from birth on, so that what is outside is a
//! fault of the measurement or of its unit: Mason et al., "Electrocardiographic reference ranges derived from 79,743
//! ambulatory subjects", J Electrocardiol 40:228 (2007); Rijnbeek et al., "Normal values of the electrocardiogram for ages
//! 16-90 years", J Electrocardiol 47:914 (2014), and "New normal limits for the paediatric electrocardiogram", Eur Heart J
//! 22:702 (2001); Surawicz et al. and Rautaharju et al., "AHA/ACCF/HRS recommendations for the standardization and
//! interpretation of the electrocardiogram", parts III (QRS) and IV (QT), Circulation 119:e235 and e241 (2009).

use crate::ecg::Measurement;

/// A quantity with the values that it can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plausible {
    /// What it is called in messages.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The lowest value that one record can have.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// Between which values its median over the records of a source lies; where nothing is known, those above.
    pub median: [f64; 2],
}

const fn row(name: &'static str, unit: &'static str, [low, high]: [f64; 2], median: [f64; 2]) -> Plausible {
    Plausible { name, unit, low, high, median }
}

/// The measurements that are built in, in the order of [`Measurement::BUILT_IN`]. Medians hold for adults and children,
/// well or ill.
pub const MEASUREMENTS: [Plausible; 4] = [
    row("HR", "bpm", [20.0, 350.0], [40.0, 150.0]),
    row("PR", "ms", [50.0, 500.0], [90.0, 260.0]),
    row("QT", "ms", [150.0, 800.0], [250.0, 520.0]),
    row("QRS", "ms", [30.0, 300.0], [55.0, 170.0]),
];

/// Age at recording. The oldest person that is known of was 122.
pub const AGE: Plausible = row("the age", "years", [0.0, 120.0], [0.0, 120.0]);

/// What PTB-XL writes for every age above 89.
pub const HIDDEN_AGE: f64 = 300.0;

/// Sampling rate of an ECG: below, QRS complexes are lost; above are only electrograms.
pub const SAMPLING_RATE: Plausible = row("the sampling rate", "Hz", [40.0, 20_000.0], [40.0, 20_000.0]);

/// Peak to peak of a lead over 2 s. The median over leads and records is 1.1 mV for PTB-XL and for the Challenge 2021
/// records of six hospitals, 1.8 mV for CODE-15 %.
pub const AMPLITUDE: Plausible = row("the peak-to-peak amplitude", "mV", [0.02, 20.0], [0.3, 4.0]);

/// How long a recording lasts: patches are worn for up to 14 days.
pub const DURATION: Plausible = row("the duration", "s", [0.0, 1_209_600.0], [0.0, 1_209_600.0]);

impl Plausible {
    /// Whether a record can have this value.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// `20 to 350 bpm`
    pub fn range(&self) -> String {
        format!("{} to {} {}", self.low, self.high, self.unit)
    }
}

/// What `measurement` can be, where that is known.
pub fn range_of(measurement: Measurement) -> Option<&'static Plausible> {
    measurement.place().and_then(|place| MEASUREMENTS.get(place))
}

/// A number as messages have it: to four digits.
pub(crate) fn digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let places = (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_messages() {
        assert_eq!(
            [0.094, 1000.0, 3.891_05, 24.158, 1e6, 0.000_123_4].map(digits),
            ["0.094", "1000", "3.891", "24.16", "1000000", "0.0001234"]
        );
    }
}
