//! Labels of a table: from a column of codes, or from a column for each.

use std::collections::{BTreeSet, HashMap};

use super::Labels;
use super::codes::{Code, Form, Looks};
use super::frame::{Frame, Handle, Line};
use crate::ecg::{LabelSet, Vocabulary};
use crate::source::Record;
use crate::source::table::Spot;
use crate::{Error, Result};

/// More different labels than this are no codes.
const MOST: usize = 5000;

/// Reads labels, or names of sites.
pub(super) struct Reader<'s> {
    vocabulary: &'s str,
    from: From,
    form: Option<Form>,
    at_least: Option<f64>,
    /// The number of each different field, or set of flags.
    fields: HashMap<String, u32>,
    /// Where each came first.
    first: Vec<u64>,
    /// That of each record.
    records: Vec<u32>,
}

enum From {
    Column(Handle),
    Flags(Vec<Handle>),
}

/// Between the numbers of flags.
const BETWEEN: &str = " ";

impl<'s> Reader<'s> {
    /// # Errors
    /// A user error where a column is not there.
    pub fn new(labels: &'s Labels, frame: &mut Frame<'_>) -> Result<Self> {
        let from = match &labels.column {
            Some(column) => From::Column(frame.find(column)?),
            None => From::Flags(labels.flags.iter().map(|flag| frame.find(flag)).collect::<Result<_>>()?),
        };
        let at_least = labels.likelihood.as_ref().map(|likelihood| likelihood.at_least);
        Ok(Self::of(&labels.vocabulary, from, labels.form, at_least))
    }

    /// Reads names that stand alone in a column.
    pub fn names(vocabulary: &'s str, column: Handle) -> Self {
        Self::of(vocabulary, From::Column(column), Some(Form::Single), None)
    }

    fn of(vocabulary: &'s str, from: From, form: Option<Form>, at_least: Option<f64>) -> Self {
        let (fields, first, records) = Default::default();
        Self { vocabulary, from, form, at_least, fields, first, records }
    }

    /// Reads those of a row.
    pub fn read(&mut self, line: &Line) -> Result<()> {
        let field = match &self.from {
            From::Column(column) => line.name(column).unwrap_or_default(),
            From::Flags(flags) => {
                let mut set = Vec::new();
                for (place, flag) in flags.iter().enumerate() {
                    if is_set(line, flag)? {
                        set.push(place.to_string());
                    }
                }
                set.join(BETWEEN)
            }
        };
        let number = match self.fields.get(&field) {
            Some(number) => *number,
            None => {
                let number = self.first.len() as u32;
                self.fields.insert(field, number);
                self.first.push(line.place());
                number
            }
        };
        self.records.push(number);
        Ok(())
    }

    /// Gives `records` their labels. Returns what the user should know.
    ///
    /// # Errors
    /// A user error, with its place, where a field is not of the form; and where there are too many labels.
    pub fn give(self, records: &mut [Record], spot: &Spot) -> Result<Option<String>> {
        let column = match &self.from {
            From::Column(column) => column,
            From::Flags(flags) => {
                let names: Vec<&str> = flags.iter().map(Handle::name).collect();
                self.give_sets(records, Vocabulary::interned(self.vocabulary, &names), |field| {
                    let places = field.split(BETWEEN).filter_map(|place| place.parse::<usize>().ok());
                    places.filter_map(|place| names.get(place).map(|name| name.to_string())).collect()
                });
                return Ok(None);
            }
        };
        let mut looks = Looks::default();
        self.fields.keys().filter(|field| !field.is_empty()).for_each(|field| looks.look(field));
        let form = self.form.unwrap_or_else(|| looks.guess());
        let mut codes: HashMap<&str, Vec<Code>> = HashMap::new();
        let mut names = BTreeSet::new();
        for (field, number) in self.fields.iter().filter(|(field, _)| !field.is_empty()) {
            let Some(read) = form.codes(field) else {
                let place = self.first.get(*number as usize).copied().unwrap_or_default();
                let (column, word, example) = (column.name(), form.name(), form.example());
                let why = format!(
                    "column {column}: `{field}` is not of the form `{word}`, such as {example}; labels.form says another"
                );
                return Err(spot.fault(place, why));
            };
            names.extend(read.iter().filter(|code| self.counts(code)).map(|(code, _)| code.clone()));
            codes.insert(field, read);
        }
        if names.len() > MOST {
            return Err(Error::user(format!(
                "column {} has {} different labels as form `{}`; more than {MOST} are no codes. labels.form says another form",
                column.name(),
                names.len(),
                form.name()
            )));
        }
        let names: Vec<String> = names.into_iter().collect();
        self.give_sets(records, Vocabulary::interned(self.vocabulary, &names), |field| {
            let codes = codes.get(field).into_iter().flatten().filter(|code| self.counts(code));
            codes.map(|(code, _)| code.clone()).collect()
        });
        let said = format!(
            "column {} is read as form = \"{}\", of which there are {} labels",
            column.name(),
            form.name(),
            names.len()
        );
        Ok(self.form.is_none().then_some(said))
    }

    fn counts(&self, (_, likelihood): &Code) -> bool {
        self.at_least.is_none_or(|at_least| likelihood.is_none_or(|likelihood| likelihood >= at_least))
    }

    fn give_sets(&self, records: &mut [Record], vocabulary: &'static Vocabulary, names: impl Fn(&str) -> Vec<String>) {
        let mut sets = vec![LabelSet::default(); self.first.len()];
        for (field, number) in &self.fields {
            let labels = names(field).into_iter().filter_map(|name| vocabulary.label(&name));
            if let Some(set) = sets.get_mut(*number as usize) {
                *set = labels.collect();
            }
        }
        for (record, number) in records.iter_mut().zip(&self.records) {
            let set = sets.get(*number as usize);
            set.into_iter().flat_map(LabelSet::iter).for_each(|label| record.labels.insert(label));
        }
    }
}

/// Whether a flag is set; where it is missing it is not.
fn is_set(line: &Line, flag: &Handle) -> Result<bool> {
    let Some(text) = line.name(flag) else { return Ok(false) };
    match text.to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" => Ok(true),
        "0" | "false" | "f" | "no" | "n" => Ok(false),
        _ => match line.number(flag) {
            Ok(None) => Ok(false),
            _ => Err(line.error(flag, format_args!("`{text}` is neither 1 nor 0, True nor False"))),
        },
    }
}
