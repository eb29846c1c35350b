//! A features table of PTB-XL+.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::source::intervals::{IntervalColumns, Intervals};
use crate::source::table::Table;

/// The columns of PTB-XL+ for RR, PR, QT and QRS.
const FEATURES: [&str; 4] = ["RR_Mean_Global", "PR_Int_Global", "QT_Int_Global", "QRS_Dur_Global"];

/// The column by which ECGDeli's table is known: from P onset to QRS onset, where its `PR_Int_Global` ends at the R peak.
const PQ: &str = "PQ_Int_Global";

/// PTB-XL+'s tables, the one to be preferred first.
const TABLES: [&str; 3] = ["12sl_features.csv", "unig_features.csv", "ecgdeli_features.csv"];

/// The features table in PTB-XL's folder `root` or in one beside it, if there is one.
pub(super) fn near(root: &Path) -> Option<PathBuf> {
    let sibling = |name: &str| root.parent().map(|parent| parent.join(name)).unwrap_or_default();
    let folders = [root.to_owned(), root.join("features"), sibling("ptb-xl-plus/features"), sibling("features")];
    folders.iter().flat_map(|folder| TABLES.map(|table| folder.join(table))).find(|path| path.is_file())
}

/// A features table of PTB-XL+.
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
    pub fn read(path: &Path) -> Result<Self> {
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
}
