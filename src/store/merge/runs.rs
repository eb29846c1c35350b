//! The runs whose last stage a stage is, with their manifests.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::copy::{self, Rows};

/// The runs of a stage, and what they are of.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    pub trials: Rows,
    manifests: Rows,
    /// Where their experiments want networks evaluated.
    elsewhere: Rows,
}

/// A run that both have, of one manifest and on other stages.
#[derive(Clone, Debug)]
pub(super) struct Clash {
    /// The run, for messages.
    pub run: String,
    /// The stage that it has here.
    pub stage: String,
    /// The fingerprint of its data here, and its settings.
    pub fingerprint: String,
    pub settings: String,
}

impl Runs {
    pub(super) fn read(connection: &Connection, stage: &str) -> rusqlite::Result<Self> {
        let of = "(SELECT manifest_sha256 FROM trial WHERE stage_id = ?1)";
        let named = "(SELECT experiment FROM trial WHERE stage_id = ?1)";
        Ok(Self {
            trials: Rows::read(connection, "trial", "stage_id = ?1 ORDER BY position, run_id", [stage])?,
            manifests: Rows::read(connection, "manifest", &format!("sha256 IN {of}"), [stage])?,
            elsewhere: Rows::read(connection, "elsewhere", &format!("experiment IN {named}"), [stage])?,
        })
    }

    /// The first run of these that is here too, under the same manifest, and on another stage: other data, or other
    /// numbers.
    pub(super) fn clash(&self, connection: &Connection) -> rusqlite::Result<Option<Clash>> {
        let mut select = connection.prepare_cached(
            "SELECT t.stage_id, s.data_fingerprint, s.settings FROM trial t JOIN stage s USING (stage_id)
             WHERE t.experiment = ?1 AND t.manifest_sha256 = ?2 AND t.architecture = ?3 AND t.mix IS ?4 AND t.graft = ?5
               AND t.freeze IS ?6 AND t.label_fraction = ?7 AND t.variant IS ?8 AND t.fold IS ?9 AND t.seed = ?10
               AND t.stage_id <> ?11",
        )?;
        for of in self.trials.cells(ARM) {
            let found = select.query_row(of, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
            if let Some((stage, fingerprint, settings)) = found {
                let parts = of.iter().take(10).filter_map(|value| shown((*value)?));
                let run = parts.skip(2).collect::<Vec<_>>().join(", ");
                let experiment = of[0].and_then(copy::text).unwrap_or_default();
                return Ok(Some(Clash { run: format!("{experiment} ({run})"), stage, fingerprint, settings }));
            }
        }
        Ok(None)
    }

    /// Writes the runs that are new. Where the experiment is here with another manifest it stays the one that is asked for.
    /// How many runs are new, and the experiments whose manifest here is another one.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<(usize, Vec<String>)> {
        self.manifests.write(connection, "OR IGNORE")?;
        let mut others = Vec::new();
        let mut of_experiment = connection
            .prepare_cached("SELECT DISTINCT manifest_sha256 FROM trial WHERE experiment = ?1 AND current = 1")?;
        let mut known = connection.prepare_cached("SELECT 1 FROM trial WHERE run_id = ?1")?;
        let mut trials = 0;
        for [run, experiment, manifest] in self.trials.cells(["run_id", "experiment", "manifest_sha256"]) {
            let text = |value: Option<&Value>| value.and_then(copy::text).unwrap_or_default().to_owned();
            let (run, experiment, manifest) = (text(run), text(experiment), text(manifest));
            if known.exists([&run])? {
                continue;
            }
            let here: Vec<String> =
                of_experiment.query_map([&experiment], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            let mut own = self.trials.clone();
            own.retain("run_id", |id| id == run);
            if !here.is_empty() && !here.contains(&manifest) {
                own.set("current", &Value::Integer(0));
                others.push(experiment.clone());
            }
            own.write(connection, "")?;
            trials += 1;
            let mut asked = connection.prepare_cached("SELECT 1 FROM elsewhere WHERE experiment = ?1")?;
            if !asked.exists(params![experiment])? {
                let mut own = self.elsewhere.clone();
                own.retain("experiment", |name| name == experiment);
                own.write(connection, "OR IGNORE")?;
            }
        }
        Ok((trials, others))
    }
}

const ARM: [&str; 11] = [
    "experiment",
    "manifest_sha256",
    "architecture",
    "mix",
    "graft",
    "freeze",
    "label_fraction",
    "variant",
    "fold",
    "seed",
    "stage_id",
];

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Null | Value::Blob(_) => None,
    }
}
