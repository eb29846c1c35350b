//! Where the stages stand that experiments ask for.

use chrono::{DateTime, Utc};

use super::work::status;
use super::{StageStatus, Store};
use crate::Result;

/// Where a stage stands.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct StageStanding {
    pub stage_id: String,
    /// `regression`, `classification` or `transfer`.
    pub kind: String,
    pub architecture: String,
    /// `None` of a transfer.
    pub mix: Option<String>,
    /// Of a regression.
    pub target: Option<String>,
    pub seed: u64,
    /// JSON: everything the id was hashed from.
    pub settings: String,
    pub status: StageStatus,
    pub error: Option<String>,
    /// Who is at work on it.
    pub worker: Option<String>,
    /// When others may take it from that worker, seconds since 1970, UTC.
    pub lease_until: Option<f64>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub wall_s: Option<f64>,
    /// Ids of the stages it starts from.
    pub inputs: Vec<String>,
}

impl Store {
    /// The stages of all runs that manifests ask for, each once.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn standings(&self) -> Result<Vec<StageStanding>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT stage_id, kind, architecture, mix, target, seed, settings, status, error, worker, lease_until,
                        started_at, finished_at, wall_s,
                        (SELECT group_concat(input_id) FROM stage_input i WHERE i.stage_id = s.stage_id)
                 FROM stage s
                 WHERE stage_id IN (SELECT r.stage_id FROM run_stages r JOIN trial t USING (run_id) WHERE t.current = 1)
                 ORDER BY stage_id",
            )?;
            let rows = select.query_map([], |row| {
                let time = |text: Option<String>| {
                    let time = text.and_then(|text| DateTime::parse_from_rfc3339(&text).ok());
                    time.map(|time| time.with_timezone(&Utc))
                };
                let inputs: Option<String> = row.get(14)?;
                Ok(StageStanding {
                    stage_id: row.get(0)?,
                    kind: row.get(1)?,
                    architecture: row.get(2)?,
                    mix: row.get(3)?,
                    target: row.get(4)?,
                    seed: row.get::<_, i64>(5)? as u64,
                    settings: row.get(6)?,
                    status: status(&row.get::<_, String>(7)?),
                    error: row.get(8)?,
                    worker: row.get(9)?,
                    lease_until: row.get(10)?,
                    started_at: time(row.get(11)?),
                    finished_at: time(row.get(12)?),
                    wall_s: row.get(13)?,
                    inputs: inputs.iter().flat_map(|all| all.split(',')).map(str::to_owned).collect(),
                })
            })?;
            rows.collect()
        })
    }
}
