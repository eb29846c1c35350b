//! What the comments of a WFDB header say: lines such as `#Age: 56` and `# <sex>: F` after the signals.
//!
//! <https://physionet.org/physiotools/wag/header-5.htm>, "Info strings".

use std::fs;
use std::path::Path;

use super::files::unreadable;
use super::plausible::{AGE, HIDDEN_AGE};
use crate::Result;
use crate::ecg::{OLDEST, Sex};

/// The comments of one header, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Comments(Vec<String>);

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

impl Comments {
    /// Of the header at `path`.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    /// Of a header's text.
    pub fn parse(text: &str) -> Self {
        let comments = text.lines().filter_map(|line| line.trim().strip_prefix('#'));
        Self(comments.map(|line| line.trim().to_owned()).collect())
    }

    /// All of them.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What stands before and after the first colon of those that have one.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key.trim(), value.trim()))
    }

    /// What stands after `name:`, in upper or lower case, with or without angle brackets; the first that is not empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        let is_it = |key: &str| key.trim_start_matches('<').trim_end_matches('>').eq_ignore_ascii_case(name);
        let mut values = self.fields().filter(|(key, _)| is_it(key)).map(|(_, value)| value);
        values.find(|value| !value.is_empty())
    }

    /// Years; 90 stands for every age above 89.
    pub fn age(&self) -> Said<f32> {
        self.value("age").map_or(Said::Nothing, age)
    }

    /// The sex.
    pub fn sex(&self) -> Said<Sex> {
        self.value("sex").map_or(Said::Nothing, sex)
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
        Ok(number) if AGE.contains(number) || number == HIDDEN_AGE => Said::Known(number.min(OLDEST) as f32),
        _ => Said::Strange,
    }
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
        let age = format!("the age is neither {} nor {HIDDEN_AGE} (above 89)", AGE.range());
        let known = [(self.ages, age), (self.sexes, "the sex is neither male nor female".to_owned())];
        let told = known.into_iter().filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{what} in {count} records and taken as not known"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_headers_say_of_people() {
        let read = |text: &str| {
            let comments = Comments::parse(text);
            (comments.age(), comments.sex(), comments.value("Dx").map(str::to_owned))
        };
        assert_eq!(
            read("r 1 500\nr.mat 16 1000/mV\n#Age: 56\r\n#Sex: Female\n#Dx: 1,2\n"),
            (Said::Known(56.0), Said::Known(Sex::Female), Some("1,2".into()))
        );
        assert_eq!(read("# Age: NaN\n# Sex: M\n#Dx:\n"), (Said::Nothing, Said::Known(Sex::Male), None));
        assert_eq!(read("#<age>: >89\n#<sex>: F\n").0, Said::Known(90.0));
        for (text, age) in [("300", Said::Known(90.0)), ("-1", Said::Nothing), ("92", Said::Known(90.0))] {
            assert_eq!(read(&format!("#Age: {text}\n#Sex: Unknown")).0, age, "{text}");
        }
        let mut strange = 0;
        assert_eq!(read("#Age: 299\n").0.known(&mut strange), None);
        assert_eq!(read("#Age: old\n#Sex: x\n").1.known(&mut strange), None);
        assert_eq!(strange, 2);
    }
}
