//! Everything that the store says and that can be proved, proved again: ids from settings, scores from predictions,
//! weights by their checksums.

use std::path::Path;

use rayon::prelude::*;
use serde_json::Value;

use crate::Result;
use crate::compare::experiments;
use crate::plan::{NUMERIC_VERSION, TaskKind, id_of_run, id_of_settings};
use crate::results::ResultsFolder;
use crate::store::{StageStatus, Store, StoredStage, StoredTrial};

mod elsewhere;
mod errors;
mod scores;
mod summary;
mod weights;

use weights::Weights;

/// What was looked at, and what does not agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Stages there are, and those of them that are done.
    pub stages: [usize; 2],
    /// Stage ids that follow from stored settings.
    pub ids: usize,
    /// Stages of other versions of the numbers, whose ids are made in other ways.
    pub other_versions: usize,
    /// Run ids that follow from experiment and stage.
    pub runs: usize,
    /// Inputs that are those of the settings, and done.
    pub inputs: usize,
    /// Test scores of classifiers that agree, and the probabilities they are of.
    pub scores: usize,
    /// See `scores`.
    pub probabilities: usize,
    /// Validation scores of classifiers that agree, and the probabilities they are of.
    pub validation_scores: usize,
    /// See `validation_scores`.
    pub validation_probabilities: usize,
    /// Learning curves whose kept epoch has the macro AUC of these.
    pub kept_epochs: usize,
    /// Test errors of regressions that agree, and the values they are of.
    pub errors: usize,
    /// See `errors`.
    pub measured: usize,
    /// Test errors of regressions within one source that agree.
    pub errors_by_source: usize,
    /// Metrics on records of other sources that agree, and what was said of these records.
    pub elsewhere: usize,
    /// See `elsewhere`.
    pub said_elsewhere: usize,
    /// Scores of metrics that are newer than their stages, which do not have them.
    pub newer_metrics: usize,
    /// Regressions of which no values were kept when they were trained.
    pub regressions_without_values: usize,
    /// Stages whose curves, scores, predictions and compositions have the stored checksum.
    pub findings: usize,
    /// Validation scores and values of learning curves of which no checksum is kept, nor predictions.
    pub unproved: usize,
    /// Checkpoints that have the stored checksum.
    pub checkpoints: usize,
    /// Whole checkpoints of which no checksum is stored.
    pub without_checksum: usize,
    /// Checkpoints that are not there.
    pub gone: usize,
    /// What does not agree, in sentences: stage, what, the stored and the computed value.
    pub disagreements: Vec<String>,
}

impl Found {
    fn disagree(&mut self, sentence: String) {
        self.disagreements.push(sentence);
    }
}

/// Proves what the store of `results` says of the runs of the experiments that `globs` stand for, or of all stages there
/// are where there are none.
///
/// # Errors
/// A user error where there is no store, it cannot be read, or no experiment has such a name. What does not agree is no
/// error: see [`Found::disagreements`].
pub fn verify(results: &Path, globs: &[String]) -> Result<Found> {
    let store = Store::open_read_only(results)?;
    let experiments = match globs {
        [] => None,
        globs => Some(experiments(&store, globs).map_err(|error| error.at(results.display()))?),
    };
    // All is read as it stands at this moment.
    let _moment = store.views()?;
    let mut found = Found::default();
    for what in store.damage()? {
        found.disagree(format!("the store's file is damaged: {what}"));
    }
    match everything(&ResultsFolder::new(results), &store, experiments.as_deref(), &mut found) {
        // What is damaged says more than that it cannot be read.
        Err(error) if !found.disagreements.is_empty() => found.disagree(error.message),
        other => other?,
    }
    Ok(found)
}

/// Every stage and run, and the weights.
fn everything(results: &ResultsFolder, store: &Store, experiments: Option<&[String]>, found: &mut Found) -> Result<()> {
    let stages = store.stored_stages(experiments)?;
    for stage in &stages {
        self::stage(store, stage, found)?;
    }
    for run in &store.stored_trials(experiments)? {
        self::run(run, stages.iter().find(|stage| stage.row.stage_id == run.stage_id), found);
    }
    checkpoints(results, &stages, found);
    Ok(())
}

/// One stage: its id, its inputs and its scores.
fn stage(store: &Store, stage: &StoredStage, found: &mut Found) -> Result<()> {
    let id = &stage.row.stage_id;
    let is_done = stage.row.status == StageStatus::Done;
    found.stages[0] += 1;
    found.stages[1] += usize::from(is_done);
    let settings: Value = match serde_json::from_str(&stage.row.settings) {
        Ok(settings) => settings,
        Err(error) => {
            found.disagree(format!("stage {id}: its settings are no JSON: {error}"));
            return Ok(());
        }
    };
    let is_present = settings["numeric_version"] == NUMERIC_VERSION;
    if settings["numeric_version"].is_u64() && !is_present {
        found.other_versions += 1;
    } else {
        match id_of_settings(&settings) {
            Ok(of_settings) if of_settings == *id => found.ids += 1,
            Ok(of_settings) => {
                found.disagree(format!("stage {id}: its stored settings are those of stage {of_settings}"))
            }
            Err(why) => found.disagree(format!("stage {id}: its stored settings have no id: {why}")),
        }
    }
    for (column, stored, of_settings) in [
        ("kind", Value::from(stage.row.kind.name()), &settings["kind"]),
        // As the store has it, signed.
        ("seed", Value::from(stage.row.seed), &settings["seed"]),
    ] {
        if stored != *of_settings {
            found.disagree(format!(
                "stage {id}: its {column} is stored as {stored}, and is {of_settings} in its settings"
            ));
        }
    }
    inputs(stage, &settings, found);
    match stage.row.kind {
        _ if !is_done => return Ok(()),
        TaskKind::Transfer if measures(&settings) => errors::regressor(store, stage, is_present, found),
        TaskKind::Transfer => scores::classifier(store, stage, &settings["transfer"], found),
        TaskKind::Classification => scores::classifier(store, stage, &settings["classification"]["training"], found),
        TaskKind::Regression => errors::regressor(store, stage, is_present, found),
        // What they found has a checksum.
        TaskKind::Masked | TaskKind::Contrastive | TaskKind::Weights => Ok(()),
    }?;
    elsewhere::evaluations(store, stage, &settings["transfer"], found)?;
    findings(store, stage, found)
}

/// Whether the settings are of a transfer that measures.
fn measures(settings: &Value) -> bool {
    settings["transfer"]["targets"].as_array().is_some_and(|targets| !targets.is_empty())
}

/// That everything a stage found is as it was written: what can be computed again names its fault before.
fn findings(store: &Store, stage: &StoredStage, found: &mut Found) -> Result<()> {
    let (id, Some(stored)) = (&stage.row.stage_id, &stage.row.findings_sha256) else {
        found.unproved += stage.unproved;
        return Ok(());
    };
    let computed = store.findings_sha256(id)?;
    if computed == *stored {
        found.findings += 1;
    } else {
        found.disagree(format!(
            "stage {id}: its curves, scores, predictions or compositions are not those it found: SHA-256 {computed}, \
             and {stored} is stored"
        ));
    }
    Ok(())
}

/// That a stage starts from what its settings say, and from finished stages where it is finished.
fn inputs(stage: &StoredStage, settings: &Value, found: &mut Found) {
    let id = &stage.row.stage_id;
    let grafts = settings["grafts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let grafts: Vec<&str> = grafts.iter().map(|graft| graft["stage_id"].as_str().unwrap_or_default()).collect();
    let inputs: Vec<&str> = stage.inputs.iter().map(|(input, _)| input.as_str()).collect();
    if grafts != inputs {
        let list = |ids: &[&str]| if ids.is_empty() { "nothing".to_owned() } else { ids.join(", ") };
        let (inputs, grafts) = (list(&inputs), list(&grafts));
        found.disagree(format!("stage {id}: it is stored as grafted from {inputs}, and from {grafts} in its settings"));
    }
    for (input, status) in &stage.inputs {
        match status {
            Some(StageStatus::Done) => found.inputs += 1,
            _ if stage.row.status != StageStatus::Done => {}
            None => {
                found.disagree(format!("stage {id}: it is done, and {input}, which it is grafted from, is not there"))
            }
            Some(_) => found.disagree(format!("stage {id}: it is done, and {input}, which it is grafted from, is not")),
        }
    }
}

/// One run: its id, and that it is what its stage is.
fn run(run: &StoredTrial, stage: Option<&StoredStage>, found: &mut Found) {
    let id = &run.run_id;
    let settings: Option<Value> = stage.and_then(|stage| serde_json::from_str(&stage.row.settings).ok());
    match id_of_run(&run.experiment, run.variant.as_deref(), run.fold, &run.stage_id) {
        Some(computed) if computed == *id => found.runs += 1,
        _ => found.disagree(format!("run {id}: it is not that of {} and stage {}", run.experiment, run.stage_id)),
    }
    let Some(settings) = settings else { return };
    for (column, stored) in [("seed", Value::from(run.seed)), ("label_fraction", Value::from(run.label_fraction))] {
        let of_stage = &settings[column];
        if stored.as_f64() != of_stage.as_f64() {
            found.disagree(format!(
                "run {id}: its {column} is stored as {stored}, and is {of_stage} in its stage's settings"
            ));
        }
    }
}

fn checkpoints(results: &ResultsFolder, stages: &[StoredStage], found: &mut Found) {
    let done = stages.par_iter().filter(|stage| stage.row.status == StageStatus::Done);
    let looked: Vec<_> = done
        .filter_map(|stage| {
            let place = stage.row.checkpoint.as_ref()?;
            let weights =
                weights::check(&results.below(place), &stage.row.stage_id, stage.row.weights_sha256.as_deref());
            Some((stage, place, weights))
        })
        .collect();
    for (stage, place, weights) in looked {
        match weights {
            Ok(Weights::Proved) => found.checkpoints += 1,
            Ok(Weights::Unproved) => found.without_checksum += 1,
            Ok(Weights::Gone) => found.gone += 1,
            Err(why) => found.disagree(format!("stage {}: its checkpoint {place} {why}", stage.row.stage_id)),
        }
    }
}
