//! The store as an MLflow tracking database, with manifests, settings and predictions as artifacts.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::folder::{Folder, unwritable};
use crate::compare::ArmName;
use crate::error::Error;
use crate::store::{
    MlflowExperiment, MlflowMetric, MlflowRun, MlflowStatus, MlflowStore, Run, RunDetail, StageDetail, Store,
};
use crate::{Result, seed};

const DATABASE: &str = "mlflow.db";
const ARTIFACTS: &str = "mlflow-artifacts";

/// Writes the runs that manifests ask for, and the stages that they are grafted from, to `folder` as an MLflow
/// database; an experiment is one there too. Returns what was written and how it is opened.
///
/// # Errors
/// A user error where there is no store, where the folder cannot be written, and where it has an MLflow database:
/// MLflow keeps notes and runs of its own in one, which an export must not replace.
pub fn mlflow(results: &Path, folder: &Path) -> Result<String> {
    let store = Store::open_read_only(results)?;
    // All is read as it stands at this moment.
    let _moment = store.views()?;
    if folder.join(DATABASE).exists() {
        return Err(Error::user(format!(
            "{}: there is an MLflow database already, perhaps with notes of yours; remove it, or name another folder",
            folder.join(DATABASE).display()
        )));
    }
    let mut target = Folder::open(folder, &[ARTIFACTS.to_owned()], None)?;
    target.mark(results, &[])?;
    let mut export = Export {
        store: &store,
        database: MlflowStore::create(&target.file(DATABASE))?,
        root: folder.join(ARTIFACTS),
        experiments: 0,
        runs: 0,
        donors: 0,
    };
    let runs = store.runs()?;
    for of in runs.chunk_by(|one, next| one.experiment == next.experiment) {
        export.experiment(of)?;
    }
    let Export { database, experiments, runs, donors, .. } = export;
    database.finish()?;
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let counts =
        [counted(experiments, "experiment"), counted(runs, "run"), counted(donors, "grafted network")].join(", ");
    let written = target.finish(results, &[format!("{DATABASE}: {counts}"), format!("{ARTIFACTS}/")])?;
    Ok(format!(
        "{written}open it with `mlflow ui --backend-store-uri sqlite:///{DATABASE}` in that folder, wherever it is moved\n"
    ))
}

struct Export<'a> {
    store: &'a Store,
    database: MlflowStore,
    /// Where artifacts are.
    root: PathBuf,
    experiments: usize,
    runs: usize,
    donors: usize,
}

impl Export<'_> {
    /// One experiment, with all its runs.
    fn experiment(&mut self, runs: &[Run]) -> Result<()> {
        let Some(first) = runs.first() else { return Ok(()) };
        let starts = runs.iter().filter_map(|run| milliseconds(run.started_at.as_deref())).min();
        let ends = runs.iter().filter_map(|run| milliseconds(run.finished_at.as_deref())).max();
        let number = self.database.experiment(&MlflowExperiment {
            // MLflow has one of this name.
            name: if first.experiment == "Default" { "Default (ecgraft)".into() } else { first.experiment.clone() },
            artifacts: ARTIFACTS.to_owned(),
            times: [starts, ends],
            tags: vec![("ecgraft.manifest_sha256".into(), first.manifest_sha256.clone())],
        })?;
        self.experiments += 1;
        let mut known = HashSet::new();
        for run in runs {
            let detail = self.store.detail(run.clone())?;
            for stage in &detail.stages {
                if stage.kind != "transfer" && known.insert(stage.stage_id.clone()) {
                    self.donor(number, &detail, stage)?;
                    self.donors += 1;
                }
            }
            self.run(number, &detail)?;
            self.runs += 1;
        }
        Ok(())
    }

    /// A trial, which is its transfer stage.
    fn run(&mut self, experiment: i64, detail: &RunDetail) -> Result<()> {
        let run = &detail.run;
        let Some(stage) = detail.stages.iter().find(|stage| stage.kind == "transfer") else { return Ok(()) };
        let donors = detail.stages.iter().filter(|stage| stage.kind != "transfer");
        let grafts: Vec<String> = donors.map(|donor| id(&donor.stage_id, &run.experiment)).collect();
        let own = [
            ("architecture", Some(run.architecture.clone())),
            ("graft", Some(run.graft.clone())),
            ("mix", run.mix.clone()),
            ("freeze", run.freeze.clone()),
            ("label_fraction", Some(run.label_fraction.to_string())),
            ("seed", Some(run.seed.to_string())),
            ("grafted_runs", Some(grafts.join(",")).filter(|ids| !ids.is_empty())),
        ];
        let name = format!("{}, seed {}", ArmName::from(run).short(), run.seed);
        let mut entry = entry(&run.run_id, &run.experiment, name, stage, &own);
        entry.status = status(&run.status);
        entry.tags.push(("ecgraft.run_id".into(), run.run_id.clone()));
        if stage.error.is_none() {
            // Of the stage it would have been grafted from.
            entry.tags.extend(run.error.iter().map(|error| ("ecgraft.error".to_owned(), error.clone())));
        }
        for score in &detail.scores {
            let class = score.class.as_ref().map(|class| format!("/{class}")).unwrap_or_default();
            // Curves are of the validation records too.
            let split = if score.split == "test" { "test" } else { "best_epoch" };
            let key = format!("{split}/{}{class}", score.metric);
            entry.metrics.extend(score.value.map(|value| MlflowMetric { key, step: 0, value }));
        }
        let mut files = vec![("manifest.toml", detail.manifest_text.clone()), ("settings.json", pretty(stage))];
        let predictions = self.store.predictions_of(&stage.stage_id)?;
        if !predictions.is_empty() {
            let rows = predictions.iter().map(|row| {
                [row.record_id.clone(), row.class.clone(), row.probability.to_string(), u8::from(row.label).to_string()]
            });
            files.push(("predictions.csv", table(["record_id", "class", "probability", "label"], rows)?));
        }
        self.write(experiment, stage, entry, &files)
    }

    /// A stage that runs are grafted from.
    fn donor(&mut self, experiment: i64, detail: &RunDetail, stage: &StageDetail) -> Result<()> {
        let run = &detail.run;
        let target = stage.target.as_deref().unwrap_or(&stage.kind);
        let mix = stage.mix.as_deref().unwrap_or_default();
        let name = format!("{target} on {mix}, {}, seed {}", run.architecture, stage.seed);
        let own = [
            ("architecture", Some(run.architecture.clone())),
            ("mix", stage.mix.clone()),
            ("target", stage.target.clone()),
            ("seed", Some(stage.seed.to_string())),
        ];
        let mut entry = entry(&stage.stage_id, &run.experiment, name, stage, &own);
        for of in &stage.measured {
            let split = if of.split == "test" { "test" } else { "best_epoch" };
            let values = [("mae", Some(of.mae)), ("rmse", Some(of.rmse)), ("r2", of.r2), ("pearson_r", of.pearson_r)];
            for (metric, value) in values {
                let key = format!("{split}/{metric}/{}", of.target);
                entry.metrics.extend(value.map(|value| MlflowMetric { key, step: 0, value }));
            }
        }
        let mut files = vec![("manifest.toml", detail.manifest_text.clone()), ("settings.json", pretty(stage))];
        let values = self.store.measured_of(&stage.stage_id)?;
        if !values.is_empty() {
            let heads = ["target", "source", "record_id", "patient", "truth", "measured"];
            let rows = values.into_iter().map(|of| {
                [of.target, of.source, of.record_id, of.patient, of.truth.to_string(), of.measured.to_string()]
            });
            files.push(("regression_predictions.csv", table(heads, rows)?));
        }
        self.write(experiment, stage, entry, &files)
    }

    /// Adds the curves of the stage, writes the artifacts, and the entry.
    fn write(
        &mut self,
        experiment: i64,
        stage: &StageDetail,
        mut entry: MlflowRun,
        files: &[(&str, String)],
    ) -> Result<()> {
        for point in self.store.curves(&stage.stage_id)? {
            let key = format!("{}/{}", point.split, point.metric);
            entry.metrics.extend(point.value.map(|value| MlflowMetric { key, step: point.epoch, value }));
        }
        let folder = self.root.join(&entry.id);
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        for (name, text) in files {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
        }
        // From the database's folder on, where MLflow is started: so that all of it can be moved.
        entry.artifacts = format!("{ARTIFACTS}/{}", entry.id);
        self.database.run(experiment, &entry)
    }
}

/// What runs and stages have in common. Settings that `own` has already are left out.
fn entry(key: &str, experiment: &str, name: String, stage: &StageDetail, own: &[(&str, Option<String>)]) -> MlflowRun {
    let own = own.iter().filter_map(|(key, value)| Some(((*key).to_owned(), value.clone()?)));
    let mut params: Vec<(String, String)> = own.collect();
    if let Ok(settings) = serde_json::from_str(&stage.settings) {
        let mut all = Vec::new();
        flatten("", &settings, &mut all);
        all.retain(|(key, _)| !key.starts_with("grafts") && !params.iter().any(|(known, _)| known == key));
        params.extend(all);
    }
    let tags = [
        ("mlflow.runName", Some(&name)),
        ("ecgraft.kind", Some(&stage.kind)),
        ("ecgraft.stage_id", Some(&stage.stage_id)),
        ("ecgraft.data_fingerprint", Some(&stage.data_fingerprint)),
        ("ecgraft.version", stage.version.as_ref()),
        ("ecgraft.device", stage.device.as_ref()),
        ("ecgraft.checkpoint", stage.checkpoint.as_ref()),
        ("ecgraft.error", stage.error.as_ref()),
    ];
    let tags = tags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.clone())));
    let best =
        stage.best_epoch.map(|epoch| MlflowMetric { key: "best_epoch/epoch".into(), step: 0, value: epoch as f64 });
    let wall = stage.wall_s.map(|value| MlflowMetric { key: "wall_s".into(), step: 0, value });
    MlflowRun {
        id: id(key, experiment),
        tags: tags.collect(),
        name,
        status: status(&stage.status),
        started_at: milliseconds(stage.started_at.as_deref()),
        ended_at: milliseconds(stage.finished_at.as_deref()),
        artifacts: String::new(),
        params,
        metrics: best.into_iter().chain(wall).collect(),
    }
}

/// MLflow's id of a run or stage: it begins with ours. A stage that two experiments share is in both.
fn id(key: &str, experiment: &str) -> String {
    let all = format!("{key}{}", seed::sha256_hex(experiment.as_bytes()));
    all.chars().take(32).collect()
}

fn status(word: &str) -> MlflowStatus {
    match word {
        "running" => MlflowStatus::Running,
        "done" => MlflowStatus::Finished,
        "failed" => MlflowStatus::Failed,
        _ => MlflowStatus::Scheduled,
    }
}

/// `transfer.optimizer.lr` and so on; lists of plain values are one setting.
fn flatten(prefix: &str, value: &Value, into: &mut Vec<(String, String)>) {
    let at = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| flatten(&at(key), value, into)),
        Value::Array(list) if list.iter().any(|value| value.is_object() || value.is_array()) => {
            list.iter().enumerate().for_each(|(index, value)| flatten(&at(&index.to_string()), value, into));
        }
        Value::Null => {}
        Value::String(text) => into.push((prefix.to_owned(), text.clone())),
        other => into.push((prefix.to_owned(), other.to_string())),
    }
}

fn pretty(stage: &StageDetail) -> String {
    let settings: Option<Value> = serde_json::from_str(&stage.settings).ok();
    settings.and_then(|settings| serde_json::to_string_pretty(&settings).ok()).unwrap_or_else(|| stage.settings.clone())
}

fn table<const N: usize>(heads: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Result<String> {
    let wrong = |error: &dyn std::fmt::Display| Error::internal(format!("a table cannot be written as CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(heads).map_err(|error| wrong(&error))?;
    for row in rows {
        writer.write_record(row).map_err(|error| wrong(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| wrong(&error))?;
    String::from_utf8(bytes).map_err(|error| wrong(&error))
}

/// Since 1970, UTC.
fn milliseconds(time: Option<&str>) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(time?).ok().map(|time| time.timestamp_millis())
}
