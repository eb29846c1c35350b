//! Stages that are done, whoever asked for them.

use super::rows::{self, TableRow};
use super::{StageRow, Store};
use crate::Result;

impl Store {
    /// The stages that are done, whether a run asks for them or not.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn finished_stages(&self) -> Result<Vec<StageRow>> {
        self.read(|connection| {
            let sql = format!("SELECT {} FROM stage WHERE status = 'done' ORDER BY stage_id", StageRow::select());
            rows::all(&mut connection.prepare(&sql)?, [])
        })
    }
}
