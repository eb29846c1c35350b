//! A plan into the store: its manifests, stages and trials, and nothing twice.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::connection::now;
use super::{Store, evaluation, planned};
use crate::Result;
use crate::plan::{Plan, StageKind, check_settings};

impl Store {
    /// Writes what `plan` wants and the store does not know yet. Stages that are known keep what was
    /// found; trials that their experiment's manifest no longer asks for are marked as not current,
    /// and forgotten where they were never trained.
    ///
    /// # Errors
    /// Where the store cannot be written; an internal error where a stage's settings do not prove its id.
    pub fn register(&mut self, plan: &Plan) -> Result<()> {
        self.write(|connection| {
            manifests(connection, plan)?;
            stages(connection, plan)?;
            trials(connection, plan)?;
            evaluation::register(connection, plan)
        })
    }
}

fn manifests(connection: &Connection, plan: &Plan) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO manifest (sha256, name, path, text, first_seen_at, comparisons) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (sha256) DO UPDATE SET path = excluded.path, comparisons = excluded.comparisons",
    )?;
    for manifest in &plan.experiments {
        insert.execute(params![
            manifest.sha256,
            manifest.name,
            manifest.path.to_string_lossy(),
            manifest.text,
            now(),
            planned::written(&manifest.comparisons)
        ])?;
    }
    Ok(())
}

fn stages(connection: &Connection, plan: &Plan) -> rusqlite::Result<()> {
    let mut known = HashSet::new();
    let mut select = connection.prepare("SELECT stage_id FROM stage")?;
    for id in select.query_map([], |row| row.get::<_, String>(0))? {
        known.insert(id?);
    }
    let mut insert = connection.prepare(
        "INSERT INTO stage (stage_id, kind, architecture, mix, target, seed, settings, data_fingerprint)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let mut input = connection.prepare("INSERT INTO stage_input (stage_id, input_id, position) VALUES (?1, ?2, ?3)")?;
    for stage in plan.stages.iter().filter(|stage| !known.contains(&stage.id)) {
        let target = match &stage.kind {
            StageKind::Regression { targets, .. } => Some(targets.label()),
            StageKind::Weights { name, .. } => Some(format!("weights:{name}")),
            _ => None,
        };
        let settings = stage.settings(plan).to_string();
        check_settings(plan, stage, &settings)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        insert.execute(params![
            stage.id,
            stage.kind.task(),
            stage.architecture,
            stage.mix(),
            target,
            // SQLite's integers are signed; the view's readers see the same number up to 2^63.
            stage.seed as i64,
            settings,
            stage.data_fingerprint(plan)
        ])?;
        for (position, &donor) in stage.inputs().iter().enumerate() {
            input.execute(params![stage.id, plan.stages[donor].id, position as i64])?;
        }
    }
    Ok(())
}

fn trials(connection: &Connection, plan: &Plan) -> rusqlite::Result<()> {
    let mut retire = connection.prepare("UPDATE trial SET current = 0 WHERE experiment = ?1")?;
    for manifest in &plan.experiments {
        retire.execute([&manifest.name])?;
    }
    let mut upsert = connection.prepare(
        "INSERT INTO trial (run_id, experiment, manifest_sha256, architecture, mix, graft, freeze, label_fraction, seed,
                            stage_id, position, allow_overlap, variant, fold, current)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1)
         ON CONFLICT (run_id) DO UPDATE SET manifest_sha256 = excluded.manifest_sha256, architecture = excluded.architecture,
             mix = excluded.mix, graft = excluded.graft, freeze = excluded.freeze, position = excluded.position,
             allow_overlap = excluded.allow_overlap, current = 1",
    )?;
    for trial in &plan.trials {
        let manifest = &plan.experiments[trial.experiment];
        upsert.execute(params![
            trial.run_id,
            manifest.name,
            manifest.sha256,
            trial.architecture,
            trial.mix,
            trial.graft_label(),
            trial.freeze,
            trial.label_fraction,
            trial.seed as i64,
            plan.stages[trial.stage].id,
            trial.position as i64,
            manifest.allow_overlap,
            trial.variant,
            trial.fold
        ])?;
    }
    connection.execute(
        "DELETE FROM trial WHERE current = 0 AND (SELECT status FROM stage s WHERE s.stage_id = trial.stage_id) <> 'done'",
        [],
    )?;
    Ok(())
}
