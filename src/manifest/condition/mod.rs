//! The condition language of a mix's parts: `where = "hr < 60 and not MI"`.
//!
//! ```text
//! any        = all, { "or", all }
//! all        = one, { "and", one }
//! one        = "not", one | "(", any, ")" | label | comparison
//! label      = [ vocabulary, ":" ], ( name | digits | "'" any letters "'" )
//! comparison = number name, operator, number | "sex", ( "=" | "!=" ), ( "'male'" | "'female'" )
//! operator   = "<" | "<=" | ">" | ">=" | "=" | "!="
//! ```
//!
//! A comparison with a value that is not known is neither true nor false, and so is its negation, as in SQL; a part
//! takes the records for which the whole condition is true.

mod parse;

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Target;
use crate::ecg::{LabelName, Sex};

/// What a record must be.
///
/// Its text ([`fmt::Display`]) is canonical: spaces, quotes and parentheses that make no difference are not in it.
/// It is serialised as this text.
///
/// ```
/// use ecgraft::manifest::Condition;
/// let condition = Condition::parse("(hr<60.0 and( age >=  65 or sex='female'))").unwrap();
/// assert_eq!(condition.to_string(), "hr < 60 and (age >= 65 or sex = \"female\")");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Condition {
    /// At least one of these.
    Any(Vec<Condition>),
    /// All of these.
    All(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// A number compared.
    Number {
        /// The number known of a record.
        of: Quantity,
        /// How it is compared.
        is: Comparison,
        /// With what.
        to: f64,
    },
    /// A sex, or the other one where `is` is false.
    Sex {
        /// Whether it is this sex.
        is: bool,
        /// The sex.
        sex: Sex,
    },
    /// A label.
    Has(LabelName),
}

/// A number known of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// bpm, ms, or whatever a source measures.
    Target(Target),
    /// PTB-XL's `strat_fold`, 1 to 10.
    Fold,
    /// Years; 90 stands for every age above 89.
    Age,
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
    Unequal,
}

/// What is wrong with a condition's text, and which of its bytes are at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionFault {
    /// Bytes of the text; empty at its end where something is missing.
    pub span: Range<usize>,
    /// What is wrong and what was expected.
    pub message: String,
}

const OPERATORS: [(&str, Comparison); 6] = [
    ("<", Comparison::Less),
    ("<=", Comparison::AtMost),
    (">", Comparison::More),
    (">=", Comparison::AtLeast),
    ("=", Comparison::Equal),
    ("!=", Comparison::Unequal),
];

const SEX: &str = "sex";

impl Quantity {
    /// As written: `hr`, `fold`, `age` ...
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Target(target) => target.name(),
            Quantity::Fold => "fold",
            Quantity::Age => "age",
        }
    }

    /// What is called so.
    fn called(name: &str) -> Self {
        match name {
            "fold" => Quantity::Fold,
            "age" => Quantity::Age,
            name => Quantity::Target(Target::named(name, "")),
        }
    }
}

/// A name in a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionName {
    /// Of a number that is compared.
    Number(&'static str),
    /// `sex`.
    Sex,
    /// Of a label.
    Label(LabelName),
}

impl Comparison {
    /// As written: `<`, `>=` ...
    pub fn sign(self) -> &'static str {
        OPERATORS.iter().find(|(_, comparison)| *comparison == self).map_or("", |(sign, _)| sign)
    }

    /// Whether `a` is so compared with `b`.
    pub fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Comparison::Less => a < b,
            Comparison::AtMost => a <= b,
            Comparison::More => a > b,
            Comparison::AtLeast => a >= b,
            Comparison::Equal => a == b,
            Comparison::Unequal => a != b,
        }
    }
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Condition, ConditionFault> {
        parse::condition(text)
    }

    /// Every name in it, in the order of the text.
    pub fn names(&self) -> Vec<ConditionName> {
        match self {
            Condition::Any(list) | Condition::All(list) => list.iter().flat_map(Condition::names).collect(),
            Condition::Not(condition) => condition.names(),
            Condition::Number { of, .. } => vec![ConditionName::Number(of.name())],
            Condition::Sex { .. } => vec![ConditionName::Sex],
            Condition::Has(label) => vec![ConditionName::Label(*label)],
        }
    }

    /// The names in a condition's text with the bytes where they stand.
    pub(super) fn places(text: &str) -> Vec<(String, Range<usize>)> {
        parse::places(text)
    }

    /// Shows it as part of a condition that binds as tightly as `strength`: 0 `or`, 1 `and`, 2 `not`.
    fn show(&self, f: &mut fmt::Formatter<'_>, strength: usize) -> fmt::Result {
        let (own, list, word) = match self {
            Condition::Any(list) => (0, list, " or "),
            Condition::All(list) => (1, list, " and "),
            Condition::Not(condition) => {
                f.write_str("not ")?;
                return condition.show(f, 2);
            }
            Condition::Number { of, is, to } => return write!(f, "{} {} {to}", of.name(), is.sign()),
            Condition::Sex { is, sex } => {
                return write!(f, "{SEX} {} \"{}\"", if *is { "=" } else { "!=" }, sex.name());
            }
            Condition::Has(label) => return parse::show_label(*label, f),
        };
        if own < strength {
            f.write_str("(")?;
        }
        for (number, condition) in list.iter().enumerate() {
            if number > 0 {
                f.write_str(word)?;
            }
            condition.show(f, own + 1)?;
        }
        if own < strength {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, 0)
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> String {
        condition.to_string()
    }
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Condition, String> {
        Condition::parse(&text).map_err(|fault| fault.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_canonical_and_reads_as_the_same() {
        for (written, canonical) in [
            ("hr<60", "hr < 60"),
            ("  hr  <  60.0 ", "hr < 60"),
            ("+hr < 6", ""),
            ("hr < +6e1", "hr < 60"),
            ("qt>=1e-1", "qt >= 0.1"),
            ("pr != -0", "pr != 0"),
            ("sex='male'", "sex = \"male\""),
            ("not(not NORM)", "NORM"),
            ("not (NORM)", "not NORM"),
            ("((NORM or (MI or CD)) and (hr<60 and (STTC)))", "(NORM or MI or CD) and hr < 60 and STTC"),
            ("NORM or MI and not CD or HYP", "NORM or MI and not CD or HYP"),
            ("NORM or (MI and not CD)", "NORM or MI and not CD"),
            ("not (NORM or MI) and fold = 3", "not (NORM or MI) and fold = 3"),
            ("not hr < 60 and age <= 90", "not hr < 60 and age <= 90"),
            ("qtc>450 and not(AFIB)", "qtc > 450 and not AFIB"),
            ("164889003 or'60+310' or 1dAVb or \"SR\"", "164889003 or '60+310' or 1dAVb or SR"),
            ("subclass:AMI or aha:'60+310' or subclass : 'AMI'", ""),
            (
                "subclass:AMI or aha:'60+310' or subclass:'AMI' or 'hr' or 'and'",
                "subclass:AMI or aha:'60+310' or subclass:AMI or 'hr' or 'and'",
            ),
            ("not (not (hr = 1 and MI) or CD)", "not (not (hr = 1 and MI) or CD)"),
        ] {
            match Condition::parse(written) {
                Ok(condition) => {
                    assert_eq!(condition.to_string(), canonical, "{written}");
                    assert_eq!(Condition::parse(canonical), Ok(condition), "{written}");
                }
                Err(fault) => assert_eq!(canonical, "", "{written}: {fault:?}"),
            }
        }
        let condition = Condition::parse("NORM  or sex != 'female'").unwrap();
        let json = serde_json::to_value(&condition).unwrap();
        assert_eq!(json, "NORM or sex != \"female\"");
        assert_eq!(serde_json::from_value::<Condition>(json).unwrap(), condition);
    }
}
