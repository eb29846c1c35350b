//! What the comments of a WFDB header say: lines such as `#Age: 56` and `# <sex>: F` after the signals.
//!
//! <https://physionet.org/physiotools/wag/header-5.htm>, "Info strings".

use std::fs;
use std::path::Path;

use super::files::unreadable;
use super::person::{Said, age, sex};
use crate::Result;
use crate::ecg::Sex;

/// The comments of one header, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Comments(Vec<String>);

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

    /// Whether there is a line `name:`, in upper or lower case, whatever stands after it.
    pub fn has(&self, name: &str) -> bool {
        self.fields().any(|(key, _)| key.eq_ignore_ascii_case(name))
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
