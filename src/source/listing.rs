//! What is known of a source's records before their signals are read.

use std::path::PathBuf;

use super::Record;

/// The records of a source.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The records, in the order of the dataset.
    pub records: Vec<Record>,
    /// Where the signal of each is, for sources of files: that is for [`Source::read`](super::Source::read) to know.
    pub files: Vec<PathBuf>,
    /// Of files for many records which of these each is, from 0; empty where each has its own.
    pub entries: Vec<u32>,
    /// Where `files` come from, if a table says it: the column.
    pub column: Option<&'static str>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// What may be wrong with the data: it is kept with every stage.
    pub warnings: Vec<String>,
}

impl Listing {
    /// Where the signal of record `index` is.
    ///
    /// # Errors
    /// An internal error where it has no file.
    pub fn file(&self, index: usize) -> crate::Result<&std::path::Path> {
        let file = self.files.get(index);
        file.map(PathBuf::as_path).ok_or_else(|| crate::Error::internal(format!("record {index} has no file")))
    }
}
