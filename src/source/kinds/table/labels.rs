//! Labels of a table: from a column of codes, or from a column for each.

use std::collections::{BTreeSet, HashMap};

use super::Labels;
use super::codes::{Code, Form, Looks};
use super::frame::{Frame, Handle, Line};
use crate::ecg::{LabelSet, Vocabulary};
use crate::source::Record;
use crate::source::maps::{self, Codes, OwnMap};
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
    /// What codes say beside themselves.
    says: Option<maps::Labels>,
    /// Of each flag, whether some record has a no.
    denied: Vec<bool>,
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

/// Between the numbers of flags, and after that of one that is missing.
const BETWEEN: &str = " ";
const MISSING: &str = "?";

impl<'s> Reader<'s> {
    /// # Errors
    /// A user error where a column is not there.
    pub fn new(labels: &'s Labels, frame: &mut Frame<'_>) -> Result<Self> {
        let from = match &labels.column {
            Some(column) => From::Column(frame.find(column)?),
            None => From::Flags(labels.flags.iter().map(|flag| frame.find(flag)).collect::<Result<_>>()?),
        };
        let at_least = labels.likelihood.as_ref().map(|likelihood| likelihood.at_least);
        let codes = Codes::called(&labels.vocabulary);
        let own = labels.map.as_ref().map(|map| OwnMap::read(map.resolved()?)).transpose()?;
        let has_map = codes.is_some() || own.is_some();
        let says = has_map.then(|| maps::Labels::new(codes, own));
        Ok(Self { says, ..Self::of(&labels.vocabulary, from, labels.form, at_least) })
    }

    /// Reads names that stand alone in a column.
    pub fn names(vocabulary: &'s str, column: Handle) -> Self {
        Self::of(vocabulary, From::Column(column), Some(Form::Single), None)
    }

    fn of(vocabulary: &'s str, from: From, form: Option<Form>, at_least: Option<f64>) -> Self {
        let (fields, first, records) = Default::default();
        let denied = vec![false; if let From::Flags(flags) = &from { flags.len() } else { 0 }];
        Self { vocabulary, from, form, at_least, says: None, denied, fields, first, records }
    }

    /// Reads those of a row.
    pub fn read(&mut self, line: &Line) -> Result<()> {
        let field = match &self.from {
            From::Column(column) => line.name(column).unwrap_or_default(),
            From::Flags(flags) => {
                let mut set = Vec::new();
                for (place, flag) in flags.iter().enumerate() {
                    match is_set(line, flag)? {
                        Some(true) => set.push(place.to_string()),
                        Some(false) => self.denied[place] = true,
                        None => set.push(format!("{place}{MISSING}")),
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
    pub fn give(mut self, records: &mut [Record], spot: &Spot) -> Result<Vec<String>> {
        let mut says = self.says.take();
        let told = match &self.from {
            From::Column(column) => self.give_codes(records, (column, spot), says.as_mut())?.into_iter().collect(),
            From::Flags(flags) => {
                let names: Vec<&str> = flags.iter().map(Handle::name).collect();
                self.give_sets(records, (&names, says.as_mut()), |field| self.flags_of(field, &names));
                self.missing(&names, records.len())
            }
        };
        Ok(told.into_iter().chain(says.and_then(|says| says.note())).collect::<Vec<_>>())
    }

    /// Gives `records` the codes of a column, and what they say. Returns which form was guessed.
    fn give_codes(
        &self,
        records: &mut [Record],
        (column, spot): (&Handle, &Spot),
        says: Option<&mut maps::Labels>,
    ) -> Result<Option<String>> {
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
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.give_sets(records, (&names, says), |field| {
            let codes = codes.get(field).into_iter().flatten().filter(|code| self.counts(code));
            [codes.map(|(code, _)| code.as_str()).collect(), Vec::new()]
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

    /// Gives `records` their labels out of `all`, and what these say; `codes` are those of a field, and those that are missing
    /// there.
    fn give_sets<'c>(
        &self,
        records: &mut [Record],
        (all, mut says): (&[&str], Option<&mut maps::Labels>),
        codes: impl Fn(&str) -> [Vec<&'c str>; 2],
    ) {
        // Where codes are known here they are the same labels in all sources.
        let own = Codes::called(self.vocabulary).is_none().then(|| Vocabulary::interned(self.vocabulary, all));
        let mut counts = vec![0; self.first.len()];
        for number in &self.records {
            counts.get_mut(*number as usize).into_iter().for_each(|count| *count += 1);
        }
        let mut sets: Vec<[LabelSet; 2]> = vec![Default::default(); self.first.len()];
        for (field, number) in &self.fields {
            let count = counts.get(*number as usize).copied().unwrap_or_default();
            let mut labels = |codes: Vec<&str>, count: usize| {
                let of_codes = codes.iter().filter_map(|code| own.and_then(|vocabulary| vocabulary.label(code)));
                let mut labels: LabelSet = of_codes.collect();
                if let Some(says) = &mut says {
                    says.of_records(count, codes).iter().for_each(|label| labels.insert(label));
                }
                labels
            };
            let [codes, missing] = codes(field);
            let has = labels(codes, count);
            let unknown = labels(missing, 0).without(&has);
            if let Some(set) = sets.get_mut(*number as usize) {
                *set = [has, unknown];
            }
        }
        for (record, number) in records.iter_mut().zip(&self.records) {
            let Some([has, unknown]) = sets.get(*number as usize) else { continue };
            has.iter().for_each(|label| record.labels.insert(label));
            unknown.iter().for_each(|label| record.unknown.insert(label));
        }
    }

    /// The flags of a field that are set, and those that are not known. A flag that is nowhere a no marks those that have it:
    /// others do not.
    fn flags_of<'n>(&self, field: &str, names: &[&'n str]) -> [Vec<&'n str>; 2] {
        let mut flags = [Vec::new(), Vec::new()];
        for flag in field.split(BETWEEN) {
            let is_missing = flag.ends_with(MISSING);
            let place: Option<usize> = flag.trim_end_matches(MISSING).parse().ok();
            let place = place.filter(|place| !is_missing || self.denied.get(*place) == Some(&true));
            flags[usize::from(is_missing)].extend(place.and_then(|place| names.get(place).copied()));
        }
        flags
    }

    /// What is to be known of flags that are missing in some of `all` records.
    fn missing(&self, names: &[&str], all: usize) -> Vec<String> {
        let mut counts = vec![0; names.len()];
        let fields: HashMap<u32, &str> = self.fields.iter().map(|(field, number)| (*number, field.as_str())).collect();
        for field in self.records.iter().filter_map(|number| fields.get(number)) {
            for place in field.split(BETWEEN).filter_map(|flag| flag.strip_suffix(MISSING)?.parse::<usize>().ok()) {
                counts.get_mut(place).into_iter().for_each(|count| *count += 1);
            }
        }
        let told = |denied: bool, what: &str| {
            let flags = names.iter().zip(&counts).zip(&self.denied);
            let missing = flags.filter(|((_, count), own)| **count > 0 && **own == denied);
            let list: Vec<String> = missing.map(|((name, count), _)| format!("{name} in {count}")).collect();
            (!list.is_empty()).then(|| format!("of {all} records flags are missing{what}: {}", list.join(", ")))
        };
        let unknown = told(true, ", which are then not known and not 0");
        unknown.into_iter().chain(told(false, " that are nowhere 0, and taken as 0")).collect()
    }
}

/// Whether a flag is set; `None` where it is missing.
fn is_set(line: &Line, flag: &Handle) -> Result<Option<bool>> {
    let Some(text) = line.name(flag) else { return Ok(None) };
    match text.to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" => Ok(Some(true)),
        "0" | "false" | "f" | "no" | "n" => Ok(Some(false)),
        _ => match line.number(flag) {
            Ok(None) => Ok(None),
            _ => Err(line.error(flag, format_args!("`{text}` is neither 1 nor 0, True nor False"))),
        },
    }
}
