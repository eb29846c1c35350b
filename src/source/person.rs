//! Ages and sexes of records, as data sets write them.

use super::plausible::{AGE, HIDDEN_AGE};
use crate::ecg::{OLDEST, Sex};

/// What a field that may hold a number or word says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said<T> {
    /// Nothing, or a value that stands for nothing.
    Nothing,
    /// Something that makes no sense.
    Strange,
    /// This.
    Known(T),
}

impl<T> Said<T> {
    /// What is known; `strange` counts what makes no sense.
    pub fn known(self, strange: &mut usize) -> Option<T> {
        match self {
            Said::Known(value) => Some(value),
            Said::Nothing => None,
            Said::Strange => {
                *strange += 1;
                None
            }
        }
    }
}

/// Words that stand for a value that is not known.
const UNKNOWN: [&str; 6] = ["nan", "n/a", "na", "unknown", "?", "-1"];

fn is_unknown(text: &str) -> bool {
    text.is_empty() || UNKNOWN.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// An age in years as data sets write it: a number, `NaN`, -1, `>89`, and PTB-XL's 300 for all above 89.
pub(super) fn age(text: &str) -> Said<f32> {
    let text = text.trim();
    if is_unknown(text) {
        return Said::Nothing;
    }
    if text.starts_with('>') {
        return Said::Known(OLDEST as f32);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_nan() || number == -1.0 => Said::Nothing,
        Ok(number) => years(number),
        Err(_) => Said::Strange,
    }
}

/// An age in years that is a number: 90 stands for every age above 89, as does PTB-XL's 300.
pub(super) fn years(number: f64) -> Said<f32> {
    let is_age = AGE.contains(number) || number == HIDDEN_AGE;
    if is_age { Said::Known(number.min(OLDEST) as f32) } else { Said::Strange }
}

/// A sex as data sets write it: `M`, `male`, `F`, `female`, in upper or lower case.
pub(super) fn sex(text: &str) -> Said<Sex> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "m" | "male" => Said::Known(Sex::Male),
        "f" | "female" => Said::Known(Sex::Female),
        _ if is_unknown(text) => Said::Nothing,
        _ => Said::Strange,
    }
}

/// How many records have an age, and a sex, that make no sense; they are taken as not known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strange {
    /// Ages.
    pub ages: usize,
    /// Sexes.
    pub sexes: usize,
}

impl Strange {
    /// What the user should know.
    pub fn notes(self) -> impl Iterator<Item = String> {
        self.notes_with("male nor female")
    }

    /// The same of data that write neither sex in words: `0 (male) nor 1 (female)`.
    pub fn notes_with(self, sexes: &str) -> impl Iterator<Item = String> {
        let age = format!("the age is neither {} nor {HIDDEN_AGE} (above 89)", AGE.range());
        let known = [(self.ages, age), (self.sexes, format!("the sex is neither {sexes}"))];
        let told = known.into_iter().filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{what} in {count} records and taken as not known"))
    }
}
