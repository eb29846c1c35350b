//! A folder of WFDB headers as a table: a row for each, in the order of their paths, with what its comments say.
//!
//! Comments are lines such as `#Age: 56` or `# Chagas label: False`, as the PhysioNet/CinC Challenges write them
//! (<https://physionet.org/physiotools/wag/header-5.htm>, info strings).

use std::collections::HashMap;
use std::path::Path;

use csv::ByteRecord;
use rayon::prelude::*;

use crate::source::comments::Comments;
use crate::source::files::name_below;
use crate::source::wfdb;
use crate::{Error, Result};

/// The column with the path of a record, below the folder and without `.hea`.
const RECORD: &str = "record";

/// Different comments that there may be: more are no columns.
const MOST: usize = 200;

/// The rows.
pub(super) struct Rows {
    rows: std::vec::IntoIter<Vec<(usize, String)>>,
    columns: usize,
    row: u64,
}

/// The columns, and the rows.
pub(super) fn open(folder: &Path) -> Result<(Vec<String>, Rows)> {
    let paths = wfdb::headers(folder)?;
    if paths.is_empty() {
        let folder = folder.display();
        return Err(Error::user(format!(
            "{folder} is a folder, and there are no WFDB headers (.hea) in it or below; name a table, such as a CSV file"
        )));
    }
    let read: Result<Vec<Comments>> = paths.par_iter().map(|path| Comments::read(path)).collect();
    let mut columns = vec![RECORD.to_owned()];
    let mut places: HashMap<String, usize> = HashMap::from([(RECORD.into(), 0)]);
    let mut rows = Vec::with_capacity(paths.len());
    for (path, comments) in paths.iter().zip(read?) {
        let mut row = vec![(0, name_below(folder, &path.with_extension("")))];
        for (key, value) in comments.fields().filter(|(key, _)| !key.is_empty()) {
            let next = columns.len();
            let place = *places.entry(key.to_owned()).or_insert(next);
            if place == next {
                columns.push(key.to_owned());
            }
            if columns.len() > MOST {
                let why = "the comments of these headers have more than 200 different names: they are no `name: value`";
                return Err(Error::user(format!("{}: {why}", path.display())));
            }
            row.push((place, value.to_owned()));
        }
        rows.push(row);
    }
    let count = columns.len();
    Ok((columns, Rows { rows: rows.into_iter(), columns: count, row: 0 }))
}

impl Rows {
    /// The next row; `false` after the last.
    pub fn read(&mut self, fields: &mut ByteRecord) -> bool {
        let Some(row) = self.rows.next() else { return false };
        self.row += 1;
        let mut texts = vec![""; self.columns];
        for (place, text) in &row {
            if let Some(slot) = texts.get_mut(*place) {
                *slot = text;
            }
        }
        fields.clear();
        texts.iter().for_each(|text| fields.push_field(text.as_bytes()));
        let mut position = csv::Position::new();
        position.set_line(self.row);
        fields.set_position(Some(position));
        true
    }
}
