//! What the mixes of stages were made of.

use rusqlite::{Connection, params};

use super::rows::{self, TableRow};
use super::{MixPartDetail, MixTargetDetail};

/// The parts of a stage's mix with their targets.
pub(super) fn of_stage(connection: &Connection, stage: &str) -> rusqlite::Result<Vec<MixPartDetail>> {
    let mut select = connection.prepare_cached(
        "SELECT source, nullif(filter, '') AS filter, from_epoch, until_epoch, offered, train, validation, test, patients
         FROM mix_part WHERE stage_id = ?1 ORDER BY part",
    )?;
    let mut parts: Vec<MixPartDetail> = rows::all(&mut select, [stage])?;
    let mut select = connection.prepare_cached(&format!(
        "SELECT {} FROM mix_target WHERE stage_id = ?1 AND part = ?2 ORDER BY position",
        MixTargetDetail::select()
    ))?;
    for (number, part) in (1_i64..).zip(&mut parts) {
        part.targets = rows::all(&mut select, params![stage, number])?;
    }
    Ok(parts)
}
