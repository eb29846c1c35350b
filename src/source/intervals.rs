//! Tables of RR, PR, QT and QRS: their columns, and what of them can be believed.

use std::collections::HashMap;

use super::Record;
use super::plausible::{MEASUREMENTS, Plausible, digits};
use super::table::{Column, Row, Table};
use crate::ecg::Measurement;
use crate::statistics::median;
use crate::{Error, Result};

/// Shortest median of QT / sqrt(RR / 1 s) over the records of a source, ms: a single person's is "short" below 340
/// (Gollob et al., J Am Coll Cardiol 57:802, 2011).
const SHORTEST_QTC: f64 = 340.0;

/// So many records must know both before QT and RR are held against each other.
const ENOUGH_FOR_QTC: usize = 10;

/// What a table says of a record: RR in the place of HR, then PR, QT and QRS, as they stand there.
pub(super) type Intervals = [Option<f64>; 4];

/// Where intervals come from.
pub(super) struct Origin<'a> {
    /// The table, as messages name it.
    pub table: String,
    /// Its columns, in the order of [`Intervals`].
    pub columns: [&'a str; 4],
    /// Rates at which the source's signals are sampled, Hz.
    pub rates: &'a [f64],
}

/// What tables have of a record; its place is that of its measurement in [`Measurement::BUILT_IN`] and in
/// [`MEASUREMENTS`].
#[derive(Clone, Copy, Debug, PartialEq)]
enum Interval {
    Rr,
    Pr,
    Qt,
    Qrs,
}

impl Interval {
    const ALL: [Interval; 4] = [Interval::Rr, Interval::Pr, Interval::Qt, Interval::Qrs];

    /// What is known of a record by it.
    fn measurement(self) -> Measurement {
        Measurement::BUILT_IN[self as usize]
    }
}

/// The columns of a table for RR, PR, QT and QRS, in ms.
pub(super) struct IntervalColumns {
    rr: Column,
    pr: Column,
    qt: Column,
    qrs: Column,
}

impl IntervalColumns {
    /// Finds columns by their names; `find` is a way to look for a column.
    pub fn find(table: &Table, find: fn(&Table, &str) -> Result<Column>, [rr, pr, qt, qrs]: [&str; 4]) -> Result<Self> {
        Ok(Self { rr: find(table, rr)?, pr: find(table, pr)?, qt: find(table, qt)?, qrs: find(table, qrs)? })
    }

    /// RR, PR, QT and QRS of a row. Empty, NaN and what is not above 0 is missing.
    pub fn intervals(&self, row: &Row) -> Result<Intervals> {
        let positive = |column| Ok(row.number(column)?.filter(|&value| value > 0.0));
        Ok([positive(&self.rr)?, positive(&self.pr)?, positive(&self.qt)?, positive(&self.qrs)?])
    }

    /// The intervals of all rows, by what `id` calls them.
    ///
    /// # Errors
    /// A user error, with its place, where a value is no number or a record is there twice.
    pub fn by_record(&self, table: Table, id: &Column) -> Result<HashMap<String, Intervals>> {
        let mut intervals = HashMap::new();
        table.each(|row| {
            let name = row.name(id)?;
            if intervals.insert(name.clone(), self.intervals(&row)?).is_some() {
                return Err(row.error(id, format_args!("record {name} is there twice")));
            }
            Ok(())
        })?;
        Ok(intervals)
    }
}

/// Gives `records` the measurements that `intervals` has for each: HR is 60000 / RR; a value outside its range is not known.
/// Returns what the user should know.
///
/// # Errors
/// A user error where most of a column's values are outside, or QT and RR do not fit each other: the likely unit is named.
pub(super) fn admit(records: &mut [Record], intervals: &[Intervals], origin: &Origin<'_>) -> Result<Vec<String>> {
    for interval in Interval::ALL {
        let known: Vec<f64> = column(intervals, interval).collect();
        let outside = known.iter().filter(|&&value| !fits(interval, value)).count();
        if 2 * outside > known.len() {
            return Err(wrong_unit(intervals, origin, interval, outside, known.len()));
        }
    }
    check_qtc(intervals, origin)?;
    let mut outside = [0; 4];
    for (record, intervals) in records.iter_mut().zip(intervals) {
        for interval in Interval::ALL {
            let value = intervals[interval as usize];
            outside[interval as usize] += usize::from(value.is_some_and(|value| !fits(interval, value)));
            let value = value.filter(|&value| fits(interval, value));
            record.measurements.set(interval.measurement(), value.map(|value| in_unit(interval, value) as f32));
        }
    }
    let note = |(range, count): (&Plausible, usize)| {
        let (name, all) = (range.name, records.len());
        format!("{name} is outside {} in {count} of {all} records and taken as not known", range.range())
    };
    Ok(MEASUREMENTS.iter().zip(outside).filter(|(_, count)| *count > 0).map(note).collect())
}

fn column(intervals: &[Intervals], interval: Interval) -> impl Iterator<Item = f64> {
    intervals.iter().filter_map(move |row| row[interval as usize])
}

/// An interval of a table as its measurement has it: HR for RR.
fn in_unit(interval: Interval, value: f64) -> f64 {
    if interval == Interval::Rr { 60_000.0 / value } else { value }
}

fn fits(interval: Interval, value: f64) -> bool {
    MEASUREMENTS[interval as usize].contains(in_unit(interval, value))
}

/// The error for a column most of whose values are outside.
fn wrong_unit(intervals: &[Intervals], origin: &Origin<'_>, interval: Interval, outside: usize, known: usize) -> Error {
    let range = &MEASUREMENTS[interval as usize];
    let expected = match interval {
        Interval::Rr => format!("RR of 171 to 3000 ms (HR of {})", range.range()),
        _ => format!("{} of {}", range.name, range.range()),
    };
    let Some(median) = median(column(intervals, interval)) else { return Error::internal("no value is outside") };
    let advice = match likely_unit(intervals, origin, Some(interval)) {
        Some(Unit { name, factor: None }) => format!(
            "They look like {name}, which are {} ms; write intervals between beats, 60000 / rate",
            digits(60_000.0 / median)
        ),
        Some(Unit { name, factor: Some(factor) }) => format!(
            "They look like {name}: times {} the median is {} ms; convert the table's intervals to ms",
            digits(factor),
            digits(factor * median)
        ),
        None => "No unit that is usual makes intervals of them; the column must hold ms".into(),
    };
    let (table, column) = (&origin.table, origin.columns[interval as usize]);
    Error::user(format!(
        "{table}: column {column}: {outside} of {known} values are no {expected}; their median is {}. {advice}",
        digits(median)
    ))
}

/// Intervals in samples at 500 Hz are all in their ranges, at half of what they are: QT and RR do not fit then.
fn check_qtc(intervals: &[Intervals], origin: &Origin<'_>) -> Result<()> {
    let corrected = |row: &Intervals| {
        let (rr, qt) = (row[Interval::Rr as usize]?, row[Interval::Qt as usize]?);
        (fits(Interval::Rr, rr) && fits(Interval::Qt, qt)).then(|| qt / (rr / 1000.0).sqrt())
    };
    let known: Vec<f64> = intervals.iter().filter_map(corrected).collect();
    let (count, Some(qtc)) = (known.len(), median(known.into_iter())) else { return Ok(()) };
    if count < ENOUGH_FOR_QTC || qtc >= SHORTEST_QTC {
        return Ok(());
    }
    let [rr, _, qt, _] = origin.columns;
    let medians = |factor: f64| {
        let of = |interval| median(column(intervals, interval)).map(|value| digits(factor * value));
        [Interval::Rr, Interval::Qt].map(|interval| of(interval).unwrap_or_default())
    };
    let advice = match likely_unit(intervals, origin, None) {
        Some(Unit { name, factor: Some(factor) }) => {
            let [rr, qt] = medians(factor);
            format!(
                "They look like {name}: times {} the medians are RR {rr} ms and QT {qt} ms; convert the table's intervals to ms",
                digits(factor)
            )
        }
        _ => "Check the units of both columns, which must be ms".into(),
    };
    let [median_rr, median_qt] = medians(1.0);
    Err(Error::user(format!(
        "{}: columns {rr} and {qt} do not fit each other: with medians of {median_rr} and {median_qt}, the median of \
         QT / sqrt(RR / 1000) over {count} records is {} ms, where nobody's is below {SHORTEST_QTC} without a rare disease. {advice}",
        origin.table,
        digits(qtc)
    )))
}

/// What the numbers of a table may be.
struct Unit {
    name: String,
    /// How many ms one is; `None` where it is no time.
    factor: Option<f64>,
}

/// Rates that recorders have, Hz.
const RATES: [f64; 14] =
    [100.0, 125.0, 128.0, 200.0, 240.0, 250.0, 256.0, 257.0, 300.0, 360.0, 400.0, 500.0, 512.0, 2000.0];

/// Means of RR, PR, QT and QRS in adults, ms (Mason et al. 2007, rounded).
const MEANS: [f64; 4] = [900.0, 160.0, 400.0, 95.0];

/// The unit in which the medians of most columns, and that of `interval`, are what they usually are.
fn likely_unit(intervals: &[Intervals], origin: &Origin<'_>, interval: Option<Interval>) -> Option<Unit> {
    let medians: Vec<(Interval, f64)> = Interval::ALL
        .into_iter()
        .filter_map(|interval| median(column(intervals, interval)).map(|median| (interval, median)))
        .collect();
    let usual = |interval: Interval, value: f64| {
        let [low, high] = MEASUREMENTS[interval as usize].median;
        (low..=high).contains(&in_unit(interval, value))
    };
    if interval == Some(Interval::Rr) {
        let others_fit = medians.iter().all(|(other, median)| *other == Interval::Rr || usual(*other, *median));
        // A rate is the inverse of an interval, and the other way round.
        let is_rate = |median: f64| usual(Interval::Rr, 60_000.0 / median);
        if others_fit && medians.len() > 1 && medians.iter().any(|(of, median)| *of == Interval::Rr && is_rate(*median))
        {
            return Some(Unit { name: "beats per minute".into(), factor: None });
        }
    }
    let times = [("seconds".to_owned(), 1000.0), ("microseconds".to_owned(), 0.001)];
    let samples = |rate: &f64| (format!("samples at {rate} Hz"), 1000.0 / rate);
    let own: Vec<_> = times.into_iter().chain(origin.rates.iter().map(samples)).collect();
    let others: Vec<_> = RATES.iter().map(samples).collect();
    let fit = |factor: f64, of: &(Interval, f64)| usual(of.0, factor * of.1);
    // The best of some: the medians of most columns fit, and of equal ones those that are nearest to adults' means.
    let best = |units: Vec<(String, f64)>| {
        let fits_interval = |factor: f64| medians.iter().all(|of| Some(of.0) != interval || fit(factor, of));
        let units = units.into_iter().filter(|(_, factor)| fits_interval(*factor)).map(|(name, factor)| {
            let score = medians.iter().filter(|of| fit(factor, of)).count();
            let distance =
                |(interval, median): &(Interval, f64)| (factor * median / MEANS[*interval as usize]).ln().abs();
            (score, medians.iter().map(distance).sum::<f64>(), Unit { name, factor: Some(factor) })
        });
        units.filter(|(score, ..)| *score > 0).min_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)))
    };
    let (own, others) = (best(own), best(others));
    // Rates that the source does not have must explain more.
    let is_own = own.as_ref().map_or(0, |own| own.0) >= others.as_ref().map_or(0, |others| others.0);
    if is_own { own } else { others }.map(|(.., unit)| unit)
}

/// A note for each measurement that some records lack.
pub(super) fn missing_measurements(records: &[Record]) -> Vec<String> {
    let note = |measurement: Measurement| {
        let missing = records.iter().filter(|record| record.measurement(measurement).is_none()).count();
        let name = measurement.name().to_uppercase();
        let all = records.len();
        (missing > 0)
            .then(|| format!("{name} is missing in {missing} of {all} records (no regression on {name} from them)"))
    };
    Measurement::BUILT_IN.into_iter().filter_map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 4] = ["rr", "pr", "qt", "qrs"];

    /// Twenty records around RR 850, PR 160, QT 390, QRS 94 ms, each times `factor`.
    fn rows(factor: f64) -> Vec<Intervals> {
        let row = |number: u32| {
            let spread = 1.0 + (f64::from(number) - 9.5) / 100.0;
            [850.0, 160.0, 390.0, 94.0].map(|value| Some(value * spread * factor))
        };
        (0..20).map(row).collect()
    }

    fn admitted(rows: &[Intervals], rates: &[f64]) -> Result<(Vec<Record>, Vec<String>)> {
        let mut records = vec![Record::default(); rows.len()];
        let notes = admit(&mut records, rows, &Origin { table: "t.csv".into(), columns: COLUMNS, rates })?;
        Ok((records, notes))
    }

    #[track_caller]
    fn refused(rows: &[Intervals], rates: &[f64], parts: &[&str]) {
        let message = admitted(rows, rates).unwrap_err().message;
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }

    #[test]
    fn what_is_outside_is_not_known_and_counted() {
        let mut rows = rows(1.0);
        // 29999 is a missing value of MIMIC-IV-ECG; 171.4 ms are 350.06 bpm.
        rows[0] = [Some(171.4), Some(49.9), Some(800.1), Some(29_999.0)];
        rows[1] = [Some(3000.0), Some(500.0), Some(150.0), Some(30.0)];
        rows[2] = [None; 4];
        let (records, notes) = admitted(&rows, &[]).unwrap();
        let known = |record: &Record| Measurement::BUILT_IN.map(|measurement| record.measurement(measurement));
        assert_eq!(known(&records[0]), [None; 4]);
        assert_eq!(known(&records[1]), [Some(20.0), Some(500.0), Some(150.0), Some(30.0)]);
        assert_eq!(known(&records[2]), [None; 4]);
        let expected = [
            "HR is outside 20 to 350 bpm",
            "PR is outside 50 to 500 ms",
            "QT is outside 150 to 800 ms",
            "QRS is outside 30 to 300 ms",
        ];
        assert_eq!(notes, expected.map(|what| format!("{what} in 1 of 20 records and taken as not known")));
    }

    #[test]
    fn the_likely_unit_is_named() {
        refused(
            &rows(0.001),
            &[500.0],
            &[
                "t.csv: column rr: 20 of 20 values are no RR of 171 to 3000 ms",
                "their median is 0.85.",
                "look like seconds: times 1000 the median is 850 ms",
            ],
        );
        refused(&rows(1000.0), &[500.0], &["median is 850000.", "microseconds: times 0.001 the median is 850 ms"]);
        refused(&rows(0.1), &[100.0, 500.0], &["median is 85.", "samples at 100 Hz: times 10 the median is 850 ms"]);
        refused(
            &rows(0.25),
            &[500.0],
            &["column pr", "median is 40.", "samples at 250 Hz: times 4 the median is 160 ms"],
        );
        // A rate where an interval should be, and one column of another unit.
        let mut rates = rows(1.0);
        rates.iter_mut().for_each(|row| row[0] = row[0].map(|rr| 60_000.0 / rr));
        refused(&rates, &[500.0], &["column rr", "beats per minute, which are 850", "60000 / rate"]);
        let mut one = rows(1.0);
        one.iter_mut().for_each(|row| row[3] = row[3].map(|qrs| qrs / 1000.0));
        refused(
            &one,
            &[500.0],
            &["column qrs", "no QRS of 30 to 300 ms", "median is 0.094", "seconds: times 1000 the median is 94 ms"],
        );
        let nonsense = vec![[None, None, Some(7e8), None]; 3];
        refused(&nonsense, &[], &["column qt: 3 of 3", "median is 700000000", "No unit that is usual"]);
    }

    #[test]
    fn samples_at_500_hz_are_in_range_and_told_all_the_same() {
        let parts = [
            "columns rr and qt do not fit",
            "425 and 195",
            "is 299.1 ms",
            "samples at 500 Hz: times 2 the medians are RR 850 ms and QT 390 ms",
        ];
        refused(&rows(0.5), &[500.0], &parts);
        // The newborn: short, and fitting (Rijnbeek 2001: RR 410, PR 100, QRS 66, QT 270 or so).
        let newborn = vec![[Some(410.0), Some(100.0), Some(265.0), Some(66.0)]; 20];
        assert!(admitted(&newborn, &[500.0]).is_ok());
        // Too few to judge.
        assert!(admitted(&rows(0.5)[..9], &[500.0]).is_ok());
    }

    #[test]
    fn half_of_the_values_outside_are_not_most() {
        let rows: Vec<Intervals> = [1.0, 900.0].map(|rr| [Some(rr), None, None, None]).to_vec();
        let (records, _) = admitted(&rows, &[]).unwrap();
        assert_eq!(records[1].measurement(Measurement::HR), Some((60_000.0 / 900.0) as f32));
    }
}
