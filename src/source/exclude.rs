//! Records that are left out because a list names them, whatever is in them.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;

use super::files::unreadable;
use super::{DataPath, Listing};
use crate::declare::hint;
use crate::{Error, Result};

/// A list of records that are left out: a text with an id in each line. Empty lines, and what stands after a `#` that
/// begins a line or follows a space, say nothing.
#[derive(Clone, Debug, Default)]
pub struct Excluded {
    path: PathBuf,
    /// The line, from 1, in which each id came first.
    lines: HashMap<String, usize>,
}

impl Excluded {
    /// Reads the list at `path`.
    ///
    /// # Errors
    /// A user error where it cannot be read, or is no text.
    pub fn read(path: &DataPath) -> Result<Self> {
        let path = path.resolved()?;
        let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = 1 + bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
            Error::user(format!(
                "{}:{line}: it is not UTF-8; a text with an id in each line was expected",
                path.display()
            ))
        })?;
        let mut lines = HashMap::new();
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let id = id_in(line);
            if !id.is_empty() {
                lines.entry(id.to_owned()).or_insert(number);
            }
        }
        Ok(Self { path: path.into(), lines })
    }

    /// How many ids there are, each counted once.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// Takes its records out of a `listing`.
    ///
    /// # Errors
    /// A user error with file and line where one is not there, and where nothing is left.
    pub fn take_from(&self, listing: &mut Listing) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let kept: Vec<bool> = listing.records.iter().map(|record| !self.lines.contains_key(&record.id)).collect();
        let left = kept.iter().filter(|kept| **kept).count();
        // No two records of a source have one id.
        if listing.records.len() - left < self.lines.len() {
            return Err(self.unknown(listing));
        }
        if left == 0 {
            let path = self.path.display();
            return Err(Error::user(format!("{path}: it names all {} records; none is left", listing.records.len())));
        }
        keep(&mut listing.records, &kept);
        keep(&mut listing.files, &kept);
        keep(&mut listing.entries, &kept);
        Ok(())
    }

    /// What is said of ids that no record has.
    fn unknown(&self, listing: &Listing) -> Error {
        let there: HashMap<&str, ()> = listing.records.iter().map(|record| (record.id.as_str(), ())).collect();
        let mut unknown: Vec<(usize, &str)> = self
            .lines
            .iter()
            .filter(|(id, _)| !there.contains_key(id.as_str()))
            .map(|(id, line)| (*line, id.as_str()))
            .collect();
        unknown.sort_unstable();
        let Some((line, id)) = unknown.first() else { return Error::internal("a record is there twice") };
        let more = match unknown.len() - 1 {
            0 => String::new(),
            1 => " (nor that of another line)".to_owned(),
            more => format!(" (nor those of {more} other lines)"),
        };
        // Numbers of files have zeros that those of tables have not.
        let hint = match id.trim_start_matches('0') {
            number if there.contains_key(number) => format!("; did you mean `{number}`?"),
            _ => hint(id, there.keys().copied().collect::<BTreeSet<_>>()),
        };
        Error::user(format!("{}:{line}: there is no record `{id}`{more}{hint}", self.path.display()))
    }
}

/// The id in a line, without spaces and comments.
fn id_in(line: &str) -> &str {
    let comment = line
        .match_indices('#')
        .map(|(place, _)| place)
        .find(|place| line.get(..*place).is_none_or(|before| before.is_empty() || before.ends_with([' ', '\t'])));
    line.get(..comment.unwrap_or(line.len())).unwrap_or(line).trim()
}

/// Keeps of a list for each record those that are `kept`; one that is empty stays so.
fn keep<T>(list: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    list.retain(|_| *kept.next().unwrap_or(&true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_spaces_say_nothing() {
        for (line, id) in [
            ("12", "12"),
            ("  a/b 1 \r", "a/b 1"),
            ("# all", ""),
            ("  # all", ""),
            ("17 # flat", "17"),
            ("17\t#flat", "17"),
            ("r#2", "r#2"),
            ("r#2 # two", "r#2"),
            ("", ""),
        ] {
            assert_eq!(id_in(line), id, "{line}");
        }
    }
}
