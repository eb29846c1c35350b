//! Stages that workers finished who do not open the store: each left a file of its own, which `ecgraft merge` takes in.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::files::{self, Mark};
use crate::results::ResultsFolder;
use crate::store::{StageRow, Store};

/// How long new shards are read for at one look; others are at the next.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A stage that is done in a shard.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Sharded {
    /// The shard.
    pub path: PathBuf,
    /// The stage, without its settings.
    pub row: StageRow,
}

/// What is known of the shards.
#[derive(Debug, Default)]
pub(super) struct Shards {
    known: BTreeMap<PathBuf, (Mark, Result<Vec<StageRow>, String>)>,
}

impl Shards {
    /// Reads what is new; whether anything is.
    pub fn look(&mut self, results: &ResultsFolder) -> bool {
        let found = files::listed(&results.shards(), "sqlite");
        let before = self.known.len();
        self.known.retain(|path, (mark, _)| found.get(path) == Some(mark));
        let mut changed = self.known.len() != before;
        let begun = Instant::now();
        for (path, mark) in found {
            if self.known.contains_key(&path) {
                continue;
            }
            if begun.elapsed() > AT_ONCE {
                break;
            }
            let read = Store::open_still(&path).and_then(|store| store.finished_stages());
            let bare = |row: StageRow| StageRow { settings: String::new(), ..row };
            let stages = read.map(|rows| rows.into_iter().map(bare).collect()).map_err(|error| error.message);
            self.known.insert(path, (mark, stages));
            changed = true;
        }
        changed
    }

    /// The stages that are done in them, by id.
    pub fn stages(&self) -> HashMap<String, Sharded> {
        let read = self.known.iter().filter_map(|(path, (_, stages))| Some((path, stages.as_ref().ok()?)));
        let each = read.flat_map(|(path, rows)| rows.iter().map(move |row| (path, row)));
        each.map(|(path, row)| (row.stage_id.clone(), Sharded { path: path.clone(), row: row.clone() })).collect()
    }

    /// How many there are, and what is wrong with those that cannot be read.
    pub fn count(&self) -> (usize, Vec<String>) {
        let wrong = self.known.values().filter_map(|(_, stages)| stages.as_ref().err().cloned());
        (self.known.len(), wrong.collect())
    }
}
