//! All current runs at once, as the view `runs` has them one by one.

use rusqlite::{Connection, OptionalExtension};

use super::rows::{self, TableRow};
use super::{Run, StageStatus};

/// Where the scores of a run go that it has with it.
type Field = fn(&mut Run) -> &mut Option<f64>;

const SCORES: [(&str, Field); 3] = [
    ("macro_auc", |run| &mut run.test_macro_auc),
    ("accuracy", |run| &mut run.test_accuracy),
    ("macro_f1", |run| &mut run.test_macro_f1),
];

/// The current rows of the view `runs`, by experiment and place in its plan. The view looks every score and every failed
/// input up for each run; here each table is read once.
pub(super) fn runs(connection: &Connection) -> rusqlite::Result<Vec<Run>> {
    let mut select = connection.prepare(&format!(
        "SELECT {} FROM (
             SELECT t.run_id, t.experiment, t.architecture, t.mix, t.graft, t.freeze, t.label_fraction, t.variant, t.fold,
                    t.seed, s.device, s.status, s.error, s.started_at, s.finished_at, s.wall_s, NULL AS test_macro_auc,
                    NULL AS test_accuracy, NULL AS test_macro_f1, t.manifest_sha256, s.data_fingerprint, s.version,
                    t.stage_id, t.position, s.frozen_at_best, t.allow_overlap
             FROM trial t CROSS JOIN stage s USING (stage_id) WHERE t.current = 1)
         ORDER BY experiment, position",
        Run::select()
    ))?;
    let mut runs: Vec<Run> = rows::all(&mut select, [])?;
    scores(connection, &mut runs)?;
    failures(connection, &mut runs)?;
    Ok(runs)
}

/// What runs have of the metrics that come with them.
fn scores(connection: &Connection, runs: &mut [Run]) -> rusqlite::Result<()> {
    // Both in the order of stages: neither is looked up in the other.
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_unstable_by(|a, b| runs[*a].stage_id.cmp(&runs[*b].stage_id));
    let mut select = connection.prepare(
        "SELECT stage_id, value FROM score WHERE split = 'test' AND class = '' AND metric = ?1 ORDER BY stage_id",
    )?;
    let [id, value] = rows::places(&select, ["stage_id", "value"])?;
    for (metric, field) in SCORES {
        let mut places = order.iter().copied().peekable();
        let mut rows = select.query([metric])?;
        while let Some(row) = rows.next()? {
            let (stage, value) = (row.get_ref(id)?.as_str()?, row.get(value)?);
            while places.next_if(|place| *runs[*place].stage_id < *stage).is_some() {}
            while let Some(place) = places.next_if(|place| runs[*place].stage_id == stage) {
                *field(&mut runs[place]) = value;
            }
        }
    }
    Ok(())
}

/// What waits for a stage that failed has failed too, for its reason.
fn failures(connection: &Connection, runs: &mut [Run]) -> rusqlite::Result<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM stage WHERE status = 'failed')";
    if !connection.query_row(sql, [], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    let mut select = connection.prepare(
        "SELECT 'its ' || p.kind || ' stage ' || p.stage_id || ' failed: ' || p.error AS error
         FROM stage_input i JOIN stage p ON p.stage_id = i.input_id
         WHERE i.stage_id = ?1 AND p.status = 'failed' ORDER BY i.position LIMIT 1",
    )?;
    for run in runs.iter_mut().filter(|run| run.status == StageStatus::Pending) {
        if let Some(error) = select.query_row([&run.stage_id], |row| row.get("error")).optional()? {
            (run.status, run.error) = (StageStatus::Failed, error);
        }
    }
    Ok(())
}

/// The first done run of an experiment, a variant and a fold, which speaks for all of them where they share what is asked.
pub(super) struct Speaker {
    pub experiment: String,
    pub variant: Option<String>,
    pub fold: Option<u8>,
    pub stage_id: String,
}

/// One run of each experiment, variant and fold with a done run, by experiment and place in its plan.
pub(super) fn speakers(connection: &Connection) -> rusqlite::Result<Vec<Speaker>> {
    let mut select = connection.prepare(
        "SELECT experiment, variant, fold, stage_id, min(position) AS position
         FROM trial t JOIN stage s USING (stage_id) WHERE current = 1 AND s.status = 'done'
         GROUP BY experiment, variant, fold ORDER BY experiment, 5",
    )?;
    let [experiment, variant, fold, stage_id] = rows::places(&select, ["experiment", "variant", "fold", "stage_id"])?;
    let rows = select.query_map([], |row| {
        let (experiment, variant) = (row.get(experiment)?, row.get(variant)?);
        Ok(Speaker { experiment, variant, fold: row.get(fold)?, stage_id: row.get(stage_id)? })
    })?;
    rows.collect()
}
