//! What a file knows beside its signals.

use chrono::NaiveDate;

use crate::ecg::Sex;
use crate::source::person::{Said, years};

/// What a file knows beside its signals.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::source) struct Facts {
    /// Whose ECG it is.
    pub patient: Option<String>,
    /// Years; 90 stands for every age above 89.
    pub age: Said<f32>,
    /// The sex.
    pub sex: Said<Sex>,
    /// Heart rate, bpm.
    pub hr: Option<f64>,
    /// The PR interval, ms.
    pub pr: Option<f64>,
    /// The QT interval, ms.
    pub qt: Option<f64>,
    /// The QRS duration, ms.
    pub qrs: Option<f64>,
    /// What was said of it, a line each.
    pub statements: Vec<String>,
    /// The pieces of lines that say them without doubt: `Atrial fibrillation` of `Atrial fibrillation with ...`.
    pub phrases: Vec<String>,
}

impl Default for Facts {
    fn default() -> Self {
        let (patient, hr, pr, qt, qrs, statements, phrases) = Default::default();
        Self { patient, age: Said::Nothing, sex: Said::Nothing, hr, pr, qt, qrs, statements, phrases }
    }
}

impl Facts {
    /// The same as a header's comments.
    pub fn comments(&self) -> Vec<String> {
        let mut comments = Vec::new();
        let mut tell = |name: &str, value: String| comments.push(format!("{name}: {value}"));
        if let Some(patient) = &self.patient {
            tell("Patient", patient.clone());
        }
        if let Said::Known(age) = self.age {
            tell("Age", age.to_string());
        }
        if let Said::Known(sex) = self.sex {
            tell("Sex", sex.name().to_owned());
        }
        for (name, value) in [("HR", self.hr), ("PR", self.pr), ("QT", self.qt), ("QRS", self.qrs)] {
            if let Some(value) = value {
                tell(name, value.to_string());
            }
        }
        self.statements.iter().for_each(|statement| tell("Statement", statement.clone()));
        comments
    }
}

/// Beginnings of lines that are no statements of an ECG: who looked at it, and, with all after it, what has changed since another.
const SIGNED: [&str; 5] = ["confirmed by", "referred by", "electronically signed", "overread by", "reviewed by"];
const COMPARED: [&str; 3] = ["when compared with", "compared to ecg", "compared with ecg"];

/// What pieces begin with that go on from others.
const ONGOING: [&str; 4] = ["with ", "and ", "in ", "or "];

/// Words of a line whose pieces may not be so.
const DOUBTS: [&str; 13] = [
    "possible",
    "possibly",
    "probable",
    "probably",
    "cannot",
    "consider",
    "suggests",
    "suggestive",
    "may",
    "might",
    "not",
    "no",
    "versus",
];

impl Facts {
    /// Takes what an interpretation says, in lines of one or more pieces. Lines on changes since an earlier ECG, which speak of what is
    /// no longer there and name its date, and those on who signed, are left out.
    pub fn state(&mut self, lines: impl IntoIterator<Item = Vec<String>>) {
        let begins = |line: &str, with: &[&str]| {
            let line = line.trim_start_matches('*').trim_start().to_lowercase();
            with.iter().any(|start| line.starts_with(start))
        };
        let insert = |list: &mut Vec<String>, text: String| {
            if !text.is_empty() && !list.contains(&text) {
                list.push(text);
            }
        };
        for pieces in lines {
            let pieces = pieces.iter().map(|piece| piece.split_whitespace().collect::<Vec<_>>().join(" "));
            let pieces: Vec<String> = pieces.filter(|piece| !piece.is_empty()).collect();
            let line = pieces.join(" ");
            if begins(&line, &COMPARED) {
                break;
            }
            if begins(&line, &SIGNED) {
                continue;
            }
            let lower = line.to_lowercase();
            let mut words = lower.split(|letter: char| !letter.is_alphanumeric());
            if !words.any(|word| DOUBTS.contains(&word)) {
                let whole = pieces.into_iter().filter(|piece| !begins(&format!("{piece} "), &ONGOING));
                whole.for_each(|piece| insert(&mut self.phrases, piece));
            }
            insert(&mut self.statements, line);
        }
    }
}

/// An age of `number` units, in years: `years`, `Y` (DICOM), `a` (UCUM) ...
pub(super) fn age(number: f64, unit: &str) -> Said<f32> {
    let per_year = match unit.trim().to_lowercase().as_str() {
        "" | "years" | "year" | "y" | "a" | "yr" => 1.0,
        "months" | "month" | "m" | "mo" => 12.0,
        "weeks" | "week" | "w" | "wk" => 365.25 / 7.0,
        "days" | "day" | "d" => 365.25,
        "hours" | "hour" | "h" => 24.0 * 365.25,
        _ => return Said::Strange,
    };
    years(number / per_year)
}

/// Whole years between birth and recording.
pub(super) fn age_between(birth: Option<NaiveDate>, recording: Option<NaiveDate>) -> Said<f32> {
    let (Some(birth), Some(recording)) = (birth, recording) else { return Said::Nothing };
    recording.years_since(birth).map_or(Said::Strange, |age| years(f64::from(age)))
}

/// A date: `20240131` with or without a time after it, `01-31-2024`, `01/31/2024`, `2024-01-31`.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    if let Some(day) = text.get(..8).filter(|day| day.bytes().all(|byte| byte.is_ascii_digit())) {
        return NaiveDate::parse_from_str(day, "%Y%m%d").ok();
    }
    ["%m-%d-%Y", "%m/%d/%Y", "%Y-%m-%d"].iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok())
}

/// A number above 0.
pub(super) fn positive(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite() && *number > 0.0)
}

/// A duration in ms: of the unit as UCUM and others spell it.
pub(super) fn milliseconds(number: f64, unit: &str) -> Option<f64> {
    let factor = match unit.trim().to_lowercase().as_str() {
        "ms" | "msec" | "" => 1.0,
        "s" | "sec" => 1000.0,
        "us" | "\u{b5}s" => 0.001,
        _ => return None,
    };
    positive(Some(number * factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_statements() {
        let lines = [
            "Normal  sinus rhythm",
            "Possible|Left atrial enlargement",
            "",
            "*** Confirmed by A. Person (12) on 1/2/2003",
            "Normal sinus rhythm",
            "When compared with ECG of 12-MAR-2010 10:03,",
            "Premature ventricular complexes are no longer Present",
        ];
        let mut facts = Facts::default();
        facts.state(lines.map(|line| line.split('|').map(str::to_owned).collect()));
        assert_eq!(facts.statements, ["Normal sinus rhythm", "Possible Left atrial enlargement"]);
        assert_eq!(facts.phrases, ["Normal sinus rhythm"]);
        let mut facts = Facts::default();
        facts.state([vec!["Atrial fibrillation".into(), "with rapid ventricular response".into()]]);
        assert_eq!(facts.statements, ["Atrial fibrillation with rapid ventricular response"]);
        assert_eq!(facts.phrases, ["Atrial fibrillation"]);
    }

    #[test]
    fn ages_and_dates() {
        assert_eq!(age(18.0, "MONTHS"), Said::Known(1.5));
        assert_eq!(age(95.0, "Y"), Said::Known(90.0));
        assert_eq!(age(3.0, "moons"), Said::Strange);
        let between = |birth, recording| age_between(date(birth), date(recording));
        assert_eq!(between("02-29-1980", "02-28-2020"), Said::Known(39.0));
        assert_eq!(between("19800229", "20200301103000.123+0100"), Said::Known(40.0));
        assert_eq!(between("2020-01-01", "01/01/2019"), Said::Strange);
        assert_eq!(between("", "20200301"), Said::Nothing);
        assert_eq!(date("20201341"), None);
    }
}
