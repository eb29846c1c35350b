//! What the store has, run by run.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::database::{MlflowExperiment, MlflowMetric, MlflowRun, MlflowStore};
use super::entry::{entry, id, milliseconds, pretty, status};
use crate::Result;
use crate::compare::ArmName;
use crate::data::Subset;
use crate::error::Error;
use crate::plan::TaskKind;
use crate::report::export::Export;
use crate::report::export::folder::{Folder, unwritable};
use crate::store::{Run, RunDetail, StageDetail, StageRow, Store};
use crate::words::csv;

const DATABASE: &str = "mlflow.db";
const ARTIFACTS: &str = "mlflow-artifacts";

/// The runs that manifests ask for, and the stages that they are grafted from, as an MLflow database; an experiment is one
/// there too. A database that is there already is not replaced: MLflow keeps notes and runs of its own in one.
pub(in crate::report::export) struct Mlflow;

impl Export for Mlflow {
    fn name(&self) -> &'static str {
        "mlflow"
    }

    fn about(&self) -> &'static str {
        "A folder for an MLflow database and artifacts"
    }

    fn write(&self, results: &Path, folder: &Path) -> Result<String> {
        write(results, folder)
    }
}

/// Returns what was written and how it is opened.
fn write(results: &Path, folder: &Path) -> Result<String> {
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
    let mut writer = Writer {
        store: &store,
        database: MlflowStore::create(&target.file(DATABASE))?,
        root: folder.join(ARTIFACTS),
        experiments: 0,
        runs: 0,
        donors: 0,
    };
    let runs = store.runs()?;
    for of in runs.chunk_by(|one, next| one.experiment == next.experiment) {
        writer.experiment(of)?;
    }
    let Writer { database, experiments, runs, donors, .. } = writer;
    database.finish()?;
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let counts =
        [counted(experiments, "experiment"), counted(runs, "run"), counted(donors, "grafted network")].join(", ");
    let written = target.finish(results, &[format!("{DATABASE}: {counts}"), format!("{ARTIFACTS}/")])?;
    Ok(format!(
        "{written}open it with `mlflow ui --backend-store-uri sqlite:///{DATABASE}` in that folder, wherever it is moved\n"
    ))
}

/// A database under way.
struct Writer<'a> {
    store: &'a Store,
    database: MlflowStore,
    /// Where artifacts are.
    root: PathBuf,
    experiments: usize,
    runs: usize,
    donors: usize,
}

impl Writer<'_> {
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
                if stage.row.kind != TaskKind::Transfer && known.insert(stage.row.stage_id.clone()) {
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
        let Some(stage) = detail.stages.iter().find(|stage| stage.row.kind == TaskKind::Transfer) else {
            return Ok(());
        };
        let donors = detail.stages.iter().filter(|stage| stage.row.kind != TaskKind::Transfer);
        let grafts: Vec<String> = donors.map(|donor| id(&donor.row.stage_id, &run.experiment)).collect();
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
        let mut entry = entry(&run.run_id, &run.experiment, name, &stage.row, &own);
        entry.status = status(run.status);
        entry.tags.push(("ecgraft.run_id".into(), run.run_id.clone()));
        if stage.row.error.is_none() {
            // Of the stage it would have been grafted from.
            entry.tags.extend(run.error.iter().map(|error| ("ecgraft.error".to_owned(), error.clone())));
        }
        for score in &detail.scores {
            let class = score.class.as_ref().map(|class| format!("/{class}")).unwrap_or_default();
            let key = format!("{}/{}{class}", place(score.split), score.metric);
            entry.metrics.extend(score.value.map(|value| MlflowMetric { key, step: 0, value }));
        }
        let mut files = vec![("manifest.toml", detail.manifest_text.clone()), ("settings.json", pretty(&stage.row))];
        entry.metrics.extend(errors(stage));
        files.extend(self.measured(&stage.row.stage_id)?);
        let predictions = self.store.predictions_of(&stage.row.stage_id)?;
        if !predictions.is_empty() {
            let rows = predictions.iter().map(|row| {
                [row.record_id.clone(), row.class.clone(), row.probability.to_string(), u8::from(row.label).to_string()]
            });
            files.push(("predictions.csv", csv::table(["record_id", "class", "probability", "label"], rows)));
        }
        self.write(experiment, &stage.row, entry, &files)
    }

    /// A stage that runs are grafted from.
    fn donor(&mut self, experiment: i64, detail: &RunDetail, donor: &StageDetail) -> Result<()> {
        let (run, stage) = (&detail.run, &donor.row);
        let target = stage.task();
        let mix = stage.mix.as_deref().unwrap_or_default();
        let name = format!("{target} on {mix}, {}, seed {}", run.architecture, stage.seed);
        let own = [
            ("architecture", Some(run.architecture.clone())),
            ("mix", stage.mix.clone()),
            ("target", stage.target.clone()),
            ("seed", Some(stage.seed.to_string())),
        ];
        let mut entry = entry(&stage.stage_id, &run.experiment, name, stage, &own);
        entry.metrics.extend(errors(donor));
        let mut files = vec![("manifest.toml", detail.manifest_text.clone()), ("settings.json", pretty(stage))];
        files.extend(self.measured(&stage.stage_id)?);
        self.write(experiment, stage, entry, &files)
    }

    /// What a stage measured of its test records, as a file; nothing of one that classifies.
    fn measured(&self, stage: &str) -> Result<Option<(&'static str, String)>> {
        let values = self.store.measured_of(stage)?;
        let heads = ["target", "source", "record_id", "patient", "truth", "measured"];
        let is_any = !values.is_empty();
        let rows = values
            .into_iter()
            .map(|of| [of.target, of.source, of.record_id, of.patient, of.truth.to_string(), of.measured.to_string()]);
        Ok(is_any.then(|| ("regression_predictions.csv", csv::table(heads, rows))))
    }

    /// Adds the curves of the stage, writes the artifacts, and the entry.
    fn write(
        &mut self,
        experiment: i64,
        stage: &StageRow,
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

/// How well a stage measured each target.
fn errors(stage: &StageDetail) -> impl Iterator<Item = MlflowMetric> {
    stage.measured.iter().flat_map(|of| {
        let values = [("mae", Some(of.mae)), ("rmse", Some(of.rmse)), ("r2", of.r2), ("pearson_r", of.pearson_r)];
        let metric = move |(metric, value): (&str, Option<f64>)| {
            let key = format!("{}/{metric}/{}", place(of.split), of.target);
            value.map(|value| MlflowMetric { key, step: 0, value })
        };
        values.into_iter().filter_map(metric)
    })
}

/// What the keys of metrics of a subset begin with: curves are of the training and validation records too.
fn place(subset: Subset) -> &'static str {
    match subset {
        Subset::Test => subset.name(),
        Subset::Validation => "best_epoch",
        Subset::Train => "best_epoch/train",
    }
}
