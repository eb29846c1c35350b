//! The records of a table.

use std::path::{Path, PathBuf};

use super::TableSource;
use super::expression::Expression;
use super::frame::{Frame, Handle, Line};
use super::labels::Reader;
use super::measures::{Measured, Measures};
use super::pattern::Pattern;
use super::person::{Ages, Folds, Sexes, drawn};
use crate::source::signals::Place;
use crate::source::table::Spot;
use crate::source::{Listing, Record};
use crate::{Error, Result};

/// Where the signal of a row is.
pub(super) struct Signals {
    folder: PathBuf,
    pattern: Pattern<Handle>,
    entry: Entry,
    row: usize,
}

/// The folder at which the paths of signals begin: the table's, or that of headers itself.
pub(super) fn folder_of(table: &Path) -> &Path {
    if table.is_dir() { table } else { table.parent().unwrap_or(Path::new("")) }
}

/// Which entry of its file a record is.
enum Entry {
    /// The file is its own.
    None,
    /// That with the number of the row, from 0.
    Row,
    /// That which a column says.
    Column(Handle),
}

impl Signals {
    pub fn new(source: &TableSource, table: &Path, frame: &mut Frame<'_>) -> Result<Self> {
        let wrong = |why| Error::user(format!("signals, `{}`: {why}", source.signals));
        let pattern = Pattern::parse(&source.signals).map_err(wrong)?.resolve(|column| frame.find(column))?;
        let entry = match &source.entry {
            Some(column) => Entry::Column(frame.find(column)?),
            None if pattern.columns().next().is_none() => Entry::Row,
            None => Entry::None,
        };
        let folder = folder_of(table).to_owned();
        Ok(Self { folder, pattern, entry, row: 0 })
    }

    /// That of the next row, and what the manifest and the row call it.
    pub fn next(&mut self, line: &Line) -> Result<(Place, String)> {
        let name = self.pattern.fill(|column| line.needed(column))?;
        let entry = match &self.entry {
            Entry::None => None,
            Entry::Row => Some(self.row),
            Entry::Column(column) => Some(entry(line, column)?),
        };
        self.row += 1;
        Ok((Place { path: self.folder.join(&name), entry }, name))
    }
}

fn entry(line: &Line, column: &Handle) -> Result<usize> {
    let number =
        line.number(column)?.filter(|number| number.fract() == 0.0 && (0.0..f64::from(u32::MAX)).contains(number));
    let number = number.ok_or_else(|| line.error(column, "it is not the number of an entry, from 0"))?;
    Ok(number as usize)
}

/// The columns of a row that say who it is.
struct Names {
    id: Option<Handle>,
    patient: Option<Handle>,
}

impl Names {
    fn record(&self, line: &Line, place: &Place, name: &str) -> Result<Record> {
        let id = match (&self.id, place.entry) {
            (Some(column), _) => line.needed(column)?,
            (None, Some(entry)) => entry.to_string(),
            (None, None) => Path::new(name).with_extension("").to_string_lossy().into_owned(),
        };
        let patient = self.patient.as_ref().and_then(|column| line.name(column));
        Ok(Record { patient: patient.unwrap_or_else(|| id.clone()), id, ..Record::default() })
    }
}

/// What is read of all rows.
struct Columns<'s> {
    names: Names,
    signals: Signals,
    ages: Option<Ages>,
    sexes: Option<Sexes<'s>>,
    folds: Option<Folds>,
    measures: Measures<'s>,
    labels: Vec<Reader<'s>>,
    listing: Listing,
    /// Where each record's row is.
    rows: Vec<u32>,
}

impl<'s> Columns<'s> {
    fn find(source: &'s TableSource, path: &Path, frame: &mut Frame<'_>) -> Result<Self> {
        let signals = Signals::new(source, path, frame)?;
        let mut find = |column: &Option<String>| column.as_ref().map(|column| frame.find(column)).transpose();
        let names = Names { id: find(&source.id)?, patient: find(&source.patient)? };
        let sexes = find(&source.sex)?.map(|column| Sexes::new(column, source.sex_values.as_ref()));
        let folds = find(&source.fold)?.map(Folds::new);
        let site = find(&source.site)?.map(|column| Reader::names("site", column));
        let age = match &source.age {
            Some(age) if !frame.has(age) => match Expression::parse(age) {
                Ok(expression) => Some(expression.resolve(&mut |column| frame.find(column))?),
                Err(_) => Some(Expression::Column(frame.find(age)?)),
            },
            Some(age) => Some(Expression::Column(frame.find(age)?)),
            None => None,
        };
        let find = &mut |column: &String| frame.find(column);
        let measured = source.measurements.iter().map(|(name, keys)| Measured::new(name, keys, find));
        let measures = Measures::new(measured.collect::<Result<_>>()?);
        let labels = source.labels.as_ref().map(|labels| Reader::new(labels, frame)).transpose()?;
        let labels = labels.into_iter().chain(site).collect();
        let (listing, rows) = Default::default();
        Ok(Self { names, signals, ages: age.map(Ages::new), sexes, folds, measures, labels, listing, rows })
    }

    fn read(&mut self, line: &Line) -> Result<()> {
        let (place, name) = self.signals.next(line)?;
        let mut record = self.names.record(line, &place, &name)?;
        record.age = self.ages.as_mut().and_then(|ages| ages.read(line));
        record.sex = self.sexes.as_mut().and_then(|sexes| sexes.read(line));
        if let Some(folds) = &mut self.folds {
            folds.read(line)?;
        }
        self.measures.read(line, &mut record)?;
        for labels in &mut self.labels {
            labels.read(line)?;
        }
        self.listing.records.push(record);
        self.listing.files.push(place.path);
        self.listing.entries.extend(place.entry.map(|entry| entry as u32));
        self.rows.push(line.place() as u32);
        Ok(())
    }

    fn finish(self, source: &TableSource, table: &str, spot: &Spot) -> Result<Listing> {
        let Self { ages, sexes, folds, measures, labels, mut listing, rows, names, .. } = self;
        if listing.records.is_empty() {
            return Err(Error::user(format!("{table}: the table has no records")));
        }
        twice(&listing.records, &rows, names.id.as_ref(), spot)?;
        let records = &mut listing.records;
        let [missing, warnings] = measures.give(records, table)?;
        listing.notes.extend(ages.and_then(|ages| ages.note()));
        listing.notes.extend(sexes.map(|sexes| sexes.note(spot)).transpose()?.flatten());
        for labels in labels {
            listing.notes.extend(labels.give(records, spot)?);
        }
        listing.notes.extend(match folds {
            Some(folds) => folds.give(records, table)?,
            None => Some(drawn(records, source.fold_seed)),
        });
        listing.notes.extend(missing);
        listing.warnings.extend(warnings);
        Ok(listing)
    }
}

/// That no record is there twice.
fn twice(records: &[Record], rows: &[u32], id: Option<&Handle>, spot: &Spot) -> Result<()> {
    let mut order: Vec<u32> = (0..records.len() as u32).collect();
    let name = |place: &u32| records.get(*place as usize).map(|record| record.id.as_str());
    order.sort_by(|a, b| name(a).cmp(&name(b)).then(a.cmp(b)));
    let same = order.windows(2).filter(|pair| name(&pair[0]) == name(&pair[1]));
    let Some([first, second]) = same.min_by_key(|pair| pair[1]) else { return Ok(()) };
    let row = |place: &u32| u64::from(rows.get(*place as usize).copied().unwrap_or_default());
    let what = match id {
        Some(column) => format!("column {}: record {}", column.name(), name(second).unwrap_or_default()),
        None => format!("the record {}, which has its name from its signals,", name(second).unwrap_or_default()),
    };
    Err(spot.fault(row(second), format_args!("{what} is there twice, first at {}", row(first))))
}

/// The records of the `source`.
pub(super) fn list(source: &TableSource) -> Result<Listing> {
    let path = source.path.resolved()?;
    let mut frame = source.frame()?;
    let spot = frame.spot();
    let mut columns = Columns::find(source, path, &mut frame)?;
    let alone = frame.each(|line| columns.read(line))?;
    let mut listing = columns.finish(source, &path.display().to_string(), &spot)?;
    if alone > 0 {
        let join = source.join.as_ref().map(|join| join.path.written.as_str()).unwrap_or_default();
        listing.notes.push(format!("{alone} of {} records have no row in {join}", listing.records.len()));
    }
    Ok(listing)
}

/// Where the signals of all rows are.
pub(super) fn places(source: &TableSource) -> Result<Vec<Place>> {
    let path = source.path.resolved()?;
    let mut frame = source.frame()?;
    let mut signals = Signals::new(source, path, &mut frame)?;
    let mut places = Vec::new();
    frame.each(|line| {
        places.push(signals.next(line)?.0);
        Ok(())
    })?;
    Ok(places)
}
