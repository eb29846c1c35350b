//! Features tables of PTB-XL+: one, or the consensus of several.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::source::DataPath;
use crate::source::intervals::{IntervalColumns, Intervals};
use crate::source::plausible::digits;
use crate::statistics::median;
use crate::source::table::Table;
use crate::{Error, Result};

/// The columns of PTB-XL+ for RR, PR, QT and QRS.
const FEATURES: [&str; 4] = ["RR_Mean_Global", "PR_Int_Global", "QT_Int_Global", "QRS_Dur_Global"];

/// The column by which ECGDeli's table is known: from P onset to QRS onset, where its `PR_Int_Global` ends at the R peak.
const PQ: &str = "PQ_Int_Global";

/// Words for the tables of PTB-XL+, the one to be preferred first.
const TABLES: [&str; 3] = ["12sl", "unig", "ecgdeli"];

/// Intervals of several tables agree where they are this near to each other, ms, unless the manifest says otherwise.
pub(super) const AGREE_WITHIN: f64 = 20.0;

/// The features tables that a manifest names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FeatureTables {
    /// One: its values are the intervals.
    One(DataPath),
    /// Several: the intervals are what they agree on. A word of `12sl`, `unig` and `ecgdeli` is the table beside the others.
    Several(Vec<DataPath>),
}

impl From<DataPath> for FeatureTables {
    fn from(path: DataPath) -> Self {
        Self::One(path)
    }
}

impl FeatureTables {
    /// The paths among them, without words for tables.
    pub(super) fn paths(&self) -> impl Iterator<Item = &DataPath> {
        let list = match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Several(list) => list.as_slice(),
        };
        let is_one = matches!(self, Self::One(_));
        list.iter().filter(move |path| is_one || !is_word(path))
    }

    /// Where they are; words are looked for beside the first path, else in PTB-XL+ beside or in the `folder` of PTB-XL.
    pub(super) fn resolved(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let Self::Several(list) = self else {
            return self.paths().map(|path| path.resolved().map(Path::to_owned)).collect();
        };
        let first = self.paths().next().map(DataPath::resolved).transpose()?;
        let beside = first.and_then(Path::parent).map(Path::to_owned);
        let of_word = |word: &str| match &beside {
            Some(beside) => Ok(beside.join(file_of(word))),
            None => find(word, folder),
        };
        let resolve =
            |path: &DataPath| if is_word(path) { of_word(&path.written) } else { path.resolved().map(Path::to_owned) };
        let tables: Vec<PathBuf> = list.iter().map(resolve).collect::<Result<_>>()?;
        match tables.iter().collect::<HashSet<_>>().len() == tables.len() {
            true => Ok(tables),
            false => Err(Error::user("features: a table is there twice; name each once")),
        }
    }
}

fn is_word(path: &DataPath) -> bool {
    TABLES.contains(&path.written.as_str())
}

fn file_of(word: &str) -> String {
    format!("{word}_features.csv")
}

/// The table that `word` names, of PTB-XL+ in the folder of PTB-XL or beside it.
fn find(word: &str, folder: &Path) -> Result<PathBuf> {
    let file = file_of(word);
    let places = ["features", "../ptb-xl-plus/features", "../ptb-xl+/features", "../features"];
    let mut paths = places.iter().map(|place| folder.join(place).join(&file));
    paths.find(|path| path.is_file()).ok_or_else(|| {
        Error::user(format!(
            "{}: there is no {file} in {} below it; write the path of one of the tables, such as \
             `$ECG_DATA/ptb-xl-plus/features/{file}`, and the others are looked for beside it",
            folder.display(),
            places.join(", ")
        ))
    })
}

/// The features table in PTB-XL's folder `root` or in one beside it, if there is one.
pub(super) fn near(root: &Path) -> Option<PathBuf> {
    let sibling = |name: &str| root.parent().map(|parent| parent.join(name)).unwrap_or_default();
    let folders = [root.to_owned(), root.join("features"), sibling("ptb-xl-plus/features"), sibling("features")];
    folders.iter().flat_map(|folder| TABLES.map(|table| folder.join(file_of(table)))).find(|path| path.is_file())
}

/// A features table of PTB-XL+, or the consensus of several.
pub(super) struct Features {
    /// Where it is.
    pub table: String,
    /// The columns that are used.
    pub columns: [&'static str; 4],
    pub rows: HashMap<String, Intervals>,
    /// What the user should know of its definitions.
    pub note: Option<String>,
}

impl Features {
    /// Of one table itself, of several what they agree on within `agree_within`, ms.
    pub fn read(paths: &[PathBuf], agree_within: f64) -> Result<Option<Self>> {
        match paths {
            [] => Ok(None),
            [path] => Self::of_table(path).map(Some),
            several => {
                let tables = several.iter().map(|path| Self::of_table(path)).collect::<Result<Vec<_>>>()?;
                Ok(Some(Self::consensus(tables, agree_within)))
            }
        }
    }

    fn of_table(path: &Path) -> Result<Self> {
        let table = Table::open(path)?;
        let mut columns = FEATURES;
        let mut note = None;
        if table.optional_column(PQ).is_some() {
            columns[1] = PQ;
            note = Some(format!(
                "{} is ECGDeli's: PR is taken from {PQ}, as its {} ends at the R peak; its QRS and QT are extremes over leads (in \
                 PTB-XL+ 163 and 510 ms in the mean, 97 and 396 by 12SL), and it has a PR for atrial fibrillation too; \
                 12sl_features.csv or unig_features.csv measure what is usually meant",
                path.file_name().unwrap_or_default().to_string_lossy(),
                FEATURES[1]
            ));
        }
        let id = table.column("ecg_id")?;
        let rows = IntervalColumns::find(&table, Table::column, columns)?.by_record(table, &id)?;
        Ok(Self { table: path.display().to_string(), columns, rows, note })
    }

    /// What of each record's intervals `tables` agree on.
    fn consensus(tables: Vec<Self>, agree_within: f64) -> Self {
        let ids: HashSet<&String> = tables.iter().flat_map(|table| table.rows.keys()).collect();
        let mut alone = [0; 4];
        let of_record = |id: &String| {
            let mut agreed = Intervals::default();
            for (place, agreed) in agreed.iter_mut().enumerate() {
                let values: Vec<f64> =
                    tables.iter().filter_map(|table| table.rows.get(id).and_then(|row| row[place])).collect();
                *agreed = agree(values.clone(), agree_within);
                alone[place] += usize::from(agreed.is_none() && !values.is_empty());
            }
            (id.clone(), agreed)
        };
        let rows = ids.into_iter().map(of_record).collect();
        let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
        let names = names.join(", ");
        let [rr, pr, qt, qrs] = alone;
        let note = format!(
            "intervals are the median of those of {names} that agree within {} ms; where fewer than two agree they are not \
             known: RR in {rr}, PR in {pr}, QT in {qt}, QRS in {qrs} of {} rows",
            digits(agree_within),
            tables.iter().map(|table| table.rows.len()).max().unwrap_or(0)
        );
        Self { table: format!("the consensus of {names}"), columns: FEATURES, rows, note: Some(note) }
    }
}

/// The median of the most values that lie within `width` of each other, of equally many the nearest to each other; `None` where
/// no two do.
fn agree(mut values: Vec<f64>, width: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let groups = (0..values.len()).flat_map(|from| (from + 2..=values.len()).map(move |to| (from, to)));
    let spread = |(from, to): (usize, usize)| values[to - 1] - values[from];
    let best = groups.filter(|group| spread(*group) <= width).min_by(|a, b| {
        let larger = (b.1 - b.0).cmp(&(a.1 - a.0));
        larger.then(spread(*a).total_cmp(&spread(*b)))
    })?;
    median(values[best.0..best.1].iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_agree_are_taken() {
        assert_eq!(agree(vec![100.0, 104.0, 170.0], 20.0), Some(102.0));
        assert_eq!(agree(vec![100.0, 110.0, 118.0], 20.0), Some(110.0));
        // Two pairs: the nearer one.
        assert_eq!(agree(vec![100.0, 118.0, 130.0], 20.0), Some(124.0));
        assert_eq!(agree(vec![100.0, 121.0, 142.0], 20.0), None);
        assert_eq!((agree(vec![100.0], 20.0), agree(vec![], 20.0)), (None, None));
        assert_eq!(agree(vec![100.0, 120.0], 20.0), Some(110.0));
    }
}
