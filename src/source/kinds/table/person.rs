//! Age, sex and folds of a table's records.

use std::collections::HashMap;

use super::SexValues;
use super::expression::Expression;
use super::frame::{Handle, Line};
use crate::ecg::{OLDEST, Sex};
use crate::source::person::{Said, Strange, years};
use crate::source::table::{Spot, without_zeros};
use crate::source::{Record, folds};
use crate::{Error, Result};

/// How sexes are usually written, in lower case. 0 and 1 stand for either in different tables.
const MALE: [&str; 6] = ["m", "male", "man", "masculine", "mannlich", "m\u{e4}nnlich"];
const FEMALE: [&str; 7] = ["f", "female", "w", "woman", "feminine", "weiblich", "femenino"];

/// Reads ages; one that makes no sense is not known.
pub(super) struct Ages {
    pub of: Expression<Handle>,
    strange: Strange,
}

impl Ages {
    pub fn new(of: Expression<Handle>) -> Self {
        Self { of, strange: Strange::default() }
    }

    /// Years: 90 for all above 89, also where they are written as `>89` (LUDB), `89+`, or 300 (PTB-XL).
    pub fn read(&mut self, line: &Line) -> Option<f32> {
        let age = match &self.of {
            Expression::Column(column) => {
                let text = line.text(column)?;
                let is_hidden = text.starts_with('>') || text.ends_with('+');
                let number = text.trim_matches(['>', '=', '+', ' ']).parse::<f64>();
                match line.number(column) {
                    Err(_) if is_hidden && number.is_ok_and(|number| number >= 80.0) => Ok(Some(OLDEST)),
                    age => age,
                }
            }
            expression => expression.value(&|column| line.number(column)),
        };
        let said = match age {
            Ok(None) => Said::Nothing,
            Ok(Some(age)) => years(age),
            Err(_) => Said::Strange,
        };
        said.known(&mut self.strange.ages)
    }

    pub fn note(&self) -> Option<String> {
        self.strange.notes().next()
    }
}

/// Reads sexes.
pub(super) struct Sexes<'s> {
    pub of: Handle,
    values: Option<&'s SexValues>,
    known: usize,
    /// Records whose sex is not understood, and the first such with its place.
    odd: usize,
    first: Option<(u64, String)>,
}

impl<'s> Sexes<'s> {
    pub fn new(of: Handle, values: Option<&'s SexValues>) -> Self {
        Self { of, values, known: 0, odd: 0, first: None }
    }

    pub fn read(&mut self, line: &Line) -> Option<Sex> {
        let text = line.text(&self.of)?;
        let text = without_zeros(&text);
        let is = |known: &[String]| known.iter().any(|known| known.eq_ignore_ascii_case(text));
        let sex = match self.values {
            Some(values) if is(&values.male) => Some(Sex::Male),
            Some(values) if is(&values.female) => Some(Sex::Female),
            Some(_) => None,
            None => self.usual(&text.to_lowercase()),
        };
        match sex {
            Some(_) => self.known += 1,
            None => {
                self.odd += 1;
                self.first.get_or_insert_with(|| (line.place(), text.to_owned()));
            }
        }
        sex
    }

    fn usual(&self, word: &str) -> Option<Sex> {
        let is_male = match word {
            _ if MALE.contains(&word) => true,
            _ if FEMALE.contains(&word) => false,
            // Columns that ask a question.
            "1" | "true" | "0" | "false" => {
                let yes = ["1", "true"].contains(&word);
                match self.of.name().to_lowercase().replace(['-', ' '], "_").as_str() {
                    "is_male" | "male" => yes,
                    "is_female" | "female" => !yes,
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(if is_male { Sex::Male } else { Sex::Female })
    }

    /// What the user should know.
    ///
    /// # Errors
    /// A user error where no record's sex is understood.
    pub fn note(self, spot: &Spot) -> Result<Option<String>> {
        let Some((place, text)) = self.first else { return Ok(None) };
        let column = self.of.name();
        if self.known > 0 {
            let odd = self.odd;
            return Ok(Some(format!(
                "the sex is not understood in {odd} records, such as `{text}`, and taken as not known"
            )));
        }
        let why = format!(
            "column {column}: `{text}` stands for no known sex, nor does any other value; say which do: \
             sex_values = {{ male = [\"0\"], female = [\"1\"] }}"
        );
        Err(spot.fault(place, why))
    }
}

/// Reads folds.
pub(super) struct Folds {
    pub of: Handle,
    values: HashMap<String, u32>,
    /// The value of each record.
    records: Vec<u32>,
}

/// So many folds there can be.
const MOST: usize = 10;

impl Folds {
    pub fn new(of: Handle) -> Self {
        Self { of, values: HashMap::new(), records: Vec::new() }
    }

    pub fn read(&mut self, line: &Line) -> Result<()> {
        let text = line.text(&self.of);
        let text = text.ok_or_else(|| {
            line.error(&self.of, "the fold is missing; without the key `fold` ten folds are drawn by patient")
        })?;
        let text = without_zeros(&text);
        let next = self.values.len() as u32;
        let value = match self.values.get(text) {
            Some(value) => *value,
            None => {
                self.values.insert(text.to_owned(), next);
                next
            }
        };
        self.records.push(value);
        Ok(())
    }

    /// Gives `records` their folds: the numbers 1 to 10 as they are, other values in their order. Returns what the user
    /// should know.
    ///
    /// # Errors
    /// A user error where there are more than ten.
    pub fn give(self, records: &mut [Record], table: &str) -> Result<Option<String>> {
        let mut values: Vec<(String, u32)> = self.values.into_iter().collect();
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        // Numbers by size, words by their letters after them.
        let order = |text: &str| (number(text).unwrap_or(f64::INFINITY), text.to_owned());
        values.sort_by(|(a, _), (b, _)| {
            let (a, b) = (order(a), order(b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        });
        if values.len() > MOST {
            return Err(Error::user(format!(
                "{table}: column {}: it has {} values, such as {} and {}; there are at most {MOST} folds: without the key `fold` \
                 ten are drawn by patient",
                self.of.name(),
                values.len(),
                values[0].0,
                values[1].0
            )));
        }
        let own = |text: &str| text.parse::<u8>().ok().filter(|fold| (1..=MOST as u8).contains(fold));
        let as_they_are = values.iter().all(|(text, _)| own(text).is_some());
        let mut folds = vec![0; values.len()];
        for (place, (text, value)) in values.iter().enumerate() {
            let fold = if as_they_are { own(text) } else { None };
            if let Some(slot) = folds.get_mut(*value as usize) {
                *slot = fold.unwrap_or(place as u8 + 1);
            }
        }
        for (record, value) in records.iter_mut().zip(&self.records) {
            record.fold = folds.get(*value as usize).copied();
        }
        let list = || values.iter().enumerate().map(|(place, (text, _))| format!("{text} is {}", place + 1));
        Ok((!as_they_are)
            .then(|| format!("folds by column {}: {}", self.of.name(), list().collect::<Vec<_>>().join(", "))))
    }
}

/// Draws folds by patient where the table has none.
pub(super) fn drawn(records: &mut [Record], seed: u64) -> String {
    folds::deal(records, seed);
    format!("the table has no folds: ten were drawn by patient (fold_seed = {seed})")
}
