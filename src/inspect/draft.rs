//! The keys of a source of kind `table`, from the columns of a table.

use std::path::{Path, PathBuf};

use super::files::{Files, Names};
use super::join;
use super::layout::Silent;
use super::profile::{Column, Profile, SENTINELS};
use super::roles::{self, find};
use crate::ecg::superclass;
use crate::source::plausible::{HIDDEN_AGE, MEASUREMENTS, digits};
use crate::source::signals::column as column_of;
use crate::statistics::median;

/// Keys as lines of TOML.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub lines: Vec<String>,
    /// What was found odd.
    pub odd: Vec<String>,
    /// Folds to train, validate and test, where their names say so.
    pub split: Option<[Vec<u8>; 3]>,
    /// How well the table fits.
    pub score: usize,
}

/// A text in TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A column in an expression.
fn term(column: &Column) -> String {
    let is_plain = column.name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !column.name.starts_with(|letter: char| letter.is_ascii_digit());
    if is_plain { column.name.clone() } else { format!("`{}`", column.name) }
}

impl Draft {
    fn key(&mut self, key: &str, value: &str) {
        self.lines.push(format!("{key} = {value}"));
    }

    /// Drafts a source from the table at `place` of `tables`, with signals among `files`.
    pub fn new(tables: &[(PathBuf, Profile)], place: usize, files: &Files) -> Self {
        let mut draft = Self::default();
        let Some((path, profile)) = tables.get(place) else { return draft };
        let joined = join::find(tables, place);
        let mut profile = profile.clone();
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        if let Some(joined) = joined {
            let path = quoted(&joined.path.to_string_lossy());
            draft.key("join", &format!("{{ path = {path}, on = {} }}", quoted(&joined.on)));
            profile.columns.extend(joined.columns);
            if !joined.others.is_empty() {
                let others = joined.others.join(", ");
                draft
                    .odd
                    .push(format!("{others} could be joined too: a source has one `join`, so put them together first"));
            }
        }
        draft.score = roles::score(&profile);
        draft.signals(&profile, &files.below(folder), folder);
        draft.person(&profile);
        let used = draft.measurements(&profile);
        draft.labels(&profile);
        draft.missing(&profile, &used);
        draft
    }

    fn signals(&mut self, profile: &Profile, signals: &[String], folder: &Path) {
        let names = Names::new(signals);
        let rank = |column: &Column| {
            let of = |names: &[&str]| usize::from(roles::is(column, names));
            of(roles::PATH) * 2 + of(roles::ID)
        };
        let found = profile.columns.iter().filter_map(|column| {
            let values: Vec<String> =
                column.first.iter().filter(|value| !value.is_empty()).take(500).cloned().collect();
            let found = if values.is_empty() { None } else { names.named_by(&column.name, &values) };
            found.map(|found| (found.hits, rank(column), column, values.len(), found.pattern))
        });
        let best = found.max_by_key(|(hits, rank, ..)| (*hits, *rank));
        let absolute: Vec<PathBuf> = signals.iter().map(|signal| folder.join(signal)).collect();
        let silent = Silent::new(profile, &absolute);
        match (best, signals) {
            (Some((hits, _, column, tried, pattern)), _) => {
                // The table that names them itself is the first.
                self.score += if column.is_joined { 4 } else { 5 };
                self.key("signals", &quoted(&pattern));
                if signals.len() > profile.rows {
                    let more = signals.len() - profile.rows;
                    self.odd.push(format!("{more} of {} signal files are in no row", signals.len()));
                }
                if hits < tried {
                    self.odd.push(format!("{} of the first {tried} rows name no file that is there", tried - hits));
                }
                self.entry(profile, silent.as_ref(), (!column.is_unique()).then_some(column));
            }
            (None, [one]) => {
                self.key("signals", &format!("{} # one file for all", quoted(one)));
                self.entry(profile, silent.as_ref(), None);
                let entries = silent.as_ref().map_or(1, Silent::entries);
                if entries == profile.rows {
                    self.score += 5;
                }
                if let (Some(first), Some(silent)) = (absolute.first(), &silent) {
                    self.order(profile, first, silent);
                }
                if entries != profile.rows {
                    self.odd.push(format!("{one} holds {entries} records, and the table has {} rows", profile.rows));
                }
            }
            (None, _) => {
                let example = signals.first().map_or("there are none".into(), |file| format!("such as {file}"));
                self.key(
                    "signals",
                    "\"{record}.hea\" # no column names the signals: write how they follow from columns",
                );
                self.odd.push(format!("no column names the {} signal files ({example})", signals.len()));
            }
        }
        if let Some(silent) = silent {
            self.lines.extend(silent.lines);
            self.odd.extend(silent.odd);
        }
    }

    /// Which entry of a file for many a row is; `shared` is the column that names one file in several rows.
    fn entry(&mut self, profile: &Profile, silent: Option<&Silent<'_>>, shared: Option<&Column>) {
        let entries = silent.map_or(1, Silent::entries);
        if entries < 2 {
            return;
        }
        let is_place = |column: &&Column| {
            let numbers = || column.first.iter().filter_map(|text| text.parse::<f64>().ok());
            column.is_numeric()
                && numbers().all(|number| number.fract() == 0.0 && (0.0..entries as f64).contains(&number))
        };
        match (find(profile, roles::ENTRY).filter(is_place), shared) {
            (Some(column), _) => self.key("entry", &quoted(&column.name)),
            (None, Some(shared)) => {
                let name = quoted(&shared.name);
                self.lines
                    .push("entry = \"?\" # fill in: the column with the place of a record in its file, from 0".into());
                self.odd.push(format!(
                    "several rows have one file in {name}, and no column says which of its {entries} records is theirs"
                ));
            }
            (None, None) => {}
        }
    }

    /// Whether the names of records that the file has stand in the order of the table's rows.
    fn order(&mut self, profile: &Profile, file: &Path, silent: &Silent<'_>) {
        if self.lines.iter().any(|line| line.starts_with("entry")) {
            return;
        }
        for name in silent.names() {
            let same = profile.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
            let Some((column, numbers)) = same.zip(column_of(file, name).ok()) else { continue };
            let pairs = column.first.iter().zip(&numbers);
            if pairs.clone().all(|(text, number)| text.parse() == Ok(*number)) {
                self.lines.push(format!("# the file's `{name}` has the order of the table's rows"));
                continue;
            }
            self.lines
                .push("entry = \"?\" # fill in: a column with the place of each record in the file, from 0".into());
            self.odd.push(format!(
                "the file's `{name}` has another order than the table's rows: signals would be those of other records"
            ));
            return;
        }
    }

    fn person(&mut self, profile: &Profile) {
        let ids = roles::ID.iter().filter_map(|name| find(profile, &[name])).filter(|column| !column.is_joined);
        let (unique, repeated): (Vec<&Column>, Vec<&Column>) = ids.partition(|column| column.is_unique());
        if let Some(id) = unique.first() {
            self.key("id", &quoted(&id.name));
        } else if let Some(id) = repeated.first() {
            let twice = id.counts.iter().filter(|(_, count)| **count > 1).map(|(value, _)| value);
            let (count, first) = (twice.clone().count(), twice.min().cloned().unwrap_or_default());
            self.odd.push(format!(
                "{count} values of {} are in several rows, such as {first}: it names no records",
                id.name
            ));
        }
        if let Some(patient) = find(profile, roles::PATIENT) {
            self.key("patient", &quoted(&patient.name));
        }
        if let Some(fold) =
            find(profile, roles::FOLD).filter(|fold| fold.known == profile.rows && fold.counts.len() <= 10)
        {
            self.fold(fold);
        }
        if let Some(age) = find(profile, roles::AGE) {
            self.key("age", &quoted(&age.name));
            let hidden: usize =
                age.counts.iter().filter(|(text, _)| text.parse() == Ok(HIDDEN_AGE)).map(|(_, count)| count).sum();
            if hidden > 0 {
                self.odd.push(format!(
                    "{hidden} ages are {HIDDEN_AGE}: all above 89 are, as in PTB-XL, and are taken as 90"
                ));
            }
        }
        if let Some(sex) = find(profile, roles::SEX) {
            let asks = sex.name.to_lowercase().contains("male");
            let is_number = sex.counts.keys().all(|value| value.parse::<f64>().is_ok());
            if is_number && !asks {
                let mut values: Vec<&String> = sex.counts.keys().collect();
                values.sort();
                self.lines.push(format!("# sex = {} # {values:?}: say which is which", quoted(&sex.name)));
                self.lines.push("# sex_values = { male = [\"0\"], female = [\"1\"] }".into());
            } else {
                self.key("sex", &quoted(&sex.name));
            }
        }
        let site =
            find(profile, roles::SITE).filter(|site| (2..=100).contains(&site.counts.len()) && !site.is_unique());
        if let Some(site) = site {
            self.key("site", &quoted(&site.name));
        }
    }

    /// A column of folds: of three or more, as there are records to train, to validate and to test.
    fn fold(&mut self, fold: &Column) {
        let mut values: Vec<&str> = fold.counts.keys().map(String::as_str).collect();
        values.sort_unstable();
        let of = |words: &[&str]| -> Vec<u8> {
            let is_it = |value: &str| words.iter().any(|word| value.to_lowercase().starts_with(word));
            (1..).zip(&values).filter(|(_, value)| is_it(value)).map(|(place, _)| place).collect()
        };
        let split = [of(&["tr"]), of(&["va", "dev"]), of(&["te"])];
        if values.len() < split.len() {
            let name = quoted(&fold.name);
            self.lines.push(format!("# fold = {name} # {values:?}: without it ten folds are drawn by patient"));
            self.odd.push(format!(
                "{name} has {} values, where a study needs three: to train, validate and test",
                values.len()
            ));
            return;
        }
        self.key("fold", &quoted(&fold.name));
        self.split = split.iter().all(|folds| !folds.is_empty()).then_some(split);
    }

    /// Returns the columns that were used.
    fn measurements<'p>(&mut self, profile: &'p Profile) -> Vec<&'p Column> {
        let mut used = Vec::new();
        let mut lines = Vec::new();
        let built_in = [("hr", roles::RATE), ("pr", roles::PR), ("qt", roles::QT), ("qrs", roles::QRS)];
        for (place, (name, names)) in built_in.into_iter().enumerate() {
            let boundaries = roles::BOUNDARIES.iter().find(|(own, ..)| *own == name);
            let between = boundaries.and_then(|(_, from, to)| find(profile, from).zip(find(profile, to)));
            let single = find(profile, names).filter(|column| column.is_numeric());
            let (written, values): (String, Vec<f64>) = match (single, between) {
                (Some(column), _) => {
                    used.push(column);
                    (term(column), (0..column.first.len()).filter_map(|row| column.number(row)).collect())
                }
                (None, Some((from, to))) => {
                    used.extend([from, to]);
                    let value = |row| Some(to.number(row)? - from.number(row)?);
                    (format!("{} - {}", term(to), term(from)), (0..to.first.len()).filter_map(value).collect())
                }
                _ => continue,
            };
            lines.push(in_unit(name, place, &written, values));
        }
        for (name, names, unit) in roles::OTHERS {
            if let Some(column) = find(profile, names).filter(|column| column.is_numeric()) {
                used.push(column);
                let value = quoted(&term(column));
                lines.push(format!("measurements.{name} = {{ value = {value}, unit = \"{unit}\" }}"));
            }
        }
        self.lines.extend(lines);
        used
    }

    fn labels(&mut self, profile: &Profile) {
        let codes = roles::CODES.iter().filter_map(|(name, vocabulary)| Some((find(profile, &[name])?, *vocabulary)));
        // Of several the one that most rows have.
        let codes = codes.filter(|(column, _)| !column.is_flag()).max_by_key(|(column, _)| column.known);
        let is_role =
            |column: &Column| [roles::SEX, roles::FOLD, roles::ID].iter().any(|names| roles::is(column, names));
        let flags: Vec<&Column> =
            profile.columns.iter().filter(|column| column.is_flag() && !is_role(column)).collect();
        let list = flags.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ");
        match codes {
            Some((column, vocabulary)) => {
                let form = column.looks.guess();
                let codes: Vec<String> =
                    column.counts.keys().filter_map(|field| form.codes(field)).flatten().map(|code| code.0).collect();
                let is_snomed = |code: &String| code.len() >= 6 && code.bytes().all(|byte| byte.is_ascii_digit());
                let vocabulary = match vocabulary {
                    _ if codes.iter().all(|code| superclass::VOCABULARY.label(code).is_some()) => "superclass",
                    _ if codes.iter().all(is_snomed) => "snomed",
                    own => own,
                };
                let (name, form) = (quoted(&column.name), form.name());
                self.key("labels", &format!("{{ column = {name}, form = \"{form}\", vocabulary = \"{vocabulary}\" }}"));
                if flags.len() > 1 {
                    self.lines.push(format!("# labels = {{ flags = [{list}] }} # columns of 1 and 0, True and False"));
                }
            }
            None if !flags.is_empty() => self.key("labels", &format!("{{ flags = [{list}] }}")),
            None => {}
        }
    }

    fn missing(&mut self, profile: &Profile, used: &[&Column]) {
        let ages = find(profile, roles::AGE);
        let mut numbers = Vec::new();
        for (place, sentinel) in SENTINELS.iter().enumerate() {
            let of = used.iter().copied().chain(ages).filter(|column| column.sentinels[place] > 0);
            let counts: Vec<String> =
                of.map(|column| format!("{} in {}", column.sentinels[place], column.name)).collect();
            if !counts.is_empty() {
                numbers.push(format!("{sentinel}"));
                self.odd.push(format!("{sentinel} looks like a missing value: {}", counts.join(", ")));
            }
        }
        if !numbers.is_empty() {
            self.key("missing", &format!("[{}]", numbers.join(", ")));
        }
    }
}

/// The line of a measurement that is built in, in the unit that its median tells.
fn in_unit(name: &str, place: usize, written: &str, values: Vec<f64>) -> String {
    let (value, key) = (quoted(written), format!("measurements.{name}"));
    let Some(middle) = median(values.into_iter().filter(|value| *value > 0.0)) else {
        return format!("# {key} = {value} # it has no values");
    };
    let fits = |value: f64| MEASUREMENTS.get(place).is_some_and(|of| (of.median[0]..=of.median[1]).contains(&value));
    let said = digits(middle);
    if place == 0 {
        let between = |factor: f64| fits(60_000.0 / (middle * factor));
        return match () {
            () if fits(middle) => format!("{key} = {value} # median {said}: bpm"),
            () if between(1.0) => {
                format!("{key} = {} # median {said}: ms between beats", quoted(&format!("60000 / {written}")))
            }
            () if between(1000.0) => {
                format!("{key} = {{ value = {value}, unit = \"s\" }} # median {said}: s between beats")
            }
            () => format!("# {key} = {value} # median {said}: of no usual unit"),
        };
    }
    match () {
        () if fits(middle) => format!("{key} = {value} # median {said}: ms"),
        () if fits(middle * 1000.0) => format!("{key} = {{ value = {value}, unit = \"s\" }} # median {said}: s"),
        () => format!("# {key} = {value} # median {said}: of no usual unit"),
    }
}
