//! Which tables and signals there are in a folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::source::files::{has_extension, name_below, paths_below};

/// Endings of signals that have no header of their own.
const SIGNALS: [&str; 10] = ["mat", "h5", "hdf5", "npy", "npz", "asc", "xml", "dcm", "scp", "csv"];

/// How far below a folder tables are looked for.
const DEPTH: usize = 2;

/// More CSV files than this are signals, not tables.
const MOST_TABLES: usize = 40;

/// What is in a folder.
pub(super) struct Files {
    /// What may be tables.
    pub tables: Vec<PathBuf>,
    /// Signals; of WFDB the headers.
    pub signals: Vec<PathBuf>,
}

impl Files {
    /// Looks at all files below `folder`.
    pub fn look(folder: &Path) -> Result<Self> {
        let all =
            paths_below(folder, usize::MAX, |entry| !entry.file_name().to_string_lossy().starts_with('.'), |_| true)?;
        let is = |path: &Path, endings: &[&str]| endings.iter().any(|ending| has_extension(path, ending));
        let is_near = |path: &Path| path.strip_prefix(folder).is_ok_and(|below| below.components().count() <= DEPTH);
        let mut tables: Vec<PathBuf> = all
            .iter()
            .filter(|path| is(path, &["csv", "tsv", "parquet", "pq", "xlsx"]) && is_near(path))
            .cloned()
            .collect();
        if tables.len() > MOST_TABLES {
            // A table beside many signals in CSV is in the folder itself.
            tables.retain(|path| path.parent() == Some(folder));
            tables.truncate(MOST_TABLES);
        }
        let mut signals: Vec<PathBuf> = all.iter().filter(|path| has_extension(path, "hea")).cloned().collect();
        if signals.is_empty() {
            let is_signal = |path: &&PathBuf| is(path, &SIGNALS) && !tables.contains(path);
            signals = all.iter().filter(is_signal).cloned().collect();
        }
        Ok(Self { tables, signals })
    }

    /// The signals by their paths below `folder`, `..` included for those in a folder beside.
    pub fn below(&self, folder: &Path) -> Vec<String> {
        let name = |path: &PathBuf| {
            if path.starts_with(folder) {
                return Some(name_below(folder, path));
            }
            let parent = folder.parent()?;
            path.starts_with(parent).then(|| format!("../{}", name_below(parent, path)))
        };
        self.signals.iter().filter_map(name).collect()
    }
}

/// How a column names signals.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Match {
    /// The manifest's `signals`.
    pub pattern: String,
    /// How many of the values that were tried name one.
    pub hits: usize,
}

/// Signals by what a column may call them.
pub(super) struct Names {
    paths: HashMap<String, String>,
    stems: HashMap<String, Option<String>>,
}

impl Names {
    /// `signals` as paths below the table's folder.
    pub fn new(signals: &[String]) -> Self {
        let (mut paths, mut stems) = (HashMap::new(), HashMap::new());
        for path in signals {
            paths.insert(path.clone(), path.clone());
            let (folder, file) = split(path);
            let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
            paths.insert(format!("{folder}{stem}"), path.clone());
            for name in [stem, file] {
                // A name that several files have says nothing.
                stems.entry(name.to_owned()).and_modify(|known| *known = None).or_insert_with(|| Some(path.clone()));
            }
        }
        Self { paths, stems }
    }

    /// How the column `name` with these values names signals, if it does so at least for half of them.
    pub fn named_by(&self, name: &str, values: &[String]) -> Option<Match> {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for pattern in values.iter().filter_map(|value| self.pattern(name, value)) {
            *counts.entry(pattern).or_default() += 1;
        }
        let best = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
        best.filter(|(_, hits)| 2 * hits >= values.len()).map(|(pattern, hits)| Match { pattern, hits })
    }

    fn pattern(&self, column: &str, value: &str) -> Option<String> {
        if let Some(path) = self.paths.get(value) {
            return Some(format!("{{{column}}}{}", &path[value.len()..]));
        }
        if let Some(Some(path)) = self.stems.get(value) {
            let (folder, file) = split(path);
            return Some(format!("{folder}{{{column}}}{}", &file[value.len()..]));
        }
        // A number that files have with zeros before it.
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        (value.len() + 1..9).filter(|_| is_number).find_map(|width| {
            let padded = format!("{value:0>width$}");
            let path = self.stems.get(&padded)?.as_ref()?;
            let (folder, file) = split(path);
            Some(format!("{folder}{{{column}:0{width}}}{}", &file[padded.len()..]))
        })
    }
}

fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |place| place + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_name_files_in_several_ways() {
        let files = |names: &[&str]| Names::new(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        let values = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let found = |files: &Names, names: &[&str]| files.named_by("c", &values(names)).map(|found| found.pattern);
        let wfdb = files(&["a/b/1.hea", "a/b/2.hea", "a/c/10.hea"]);
        assert_eq!(found(&wfdb, &["a/b/1", "a/c/10"]).unwrap(), "{c}.hea");
        assert_eq!(found(&wfdb, &["1", "2", "10"]).unwrap(), "a/b/{c}.hea");
        assert_eq!(found(&wfdb, &["3", "4"]), None);
        let padded = files(&["r/00001.npy", "r/00020.npy"]);
        assert_eq!(found(&padded, &["1", "20"]).unwrap(), "r/{c:05}.npy");
        assert_eq!(found(&files(&["S1.h5", "S2.h5"]), &["S1.h5", "S2.h5"]).unwrap(), "{c}");
    }
}
