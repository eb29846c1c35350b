//! Evaluates networks that are trained on the records of other sources, as `evaluate_on` asks.
//!
//! No stage depends on it: a source may be added to `evaluate_on` when all is trained, and only it is looked at then. What
//! is there for a stage and the data of a source is not done again. Two processes that evaluate the same write the same.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Device, Shared, lock, pool, stage};
use crate::data::{Subset, Taught, Wanted, unseen};
use crate::error::Blame;
use crate::manifest::{Class, Manifest};
use crate::ops::Backend;
use crate::plan::{Plan, Stage, StageKind};
use crate::store::{Evaluated, EvaluatedMetric, EvaluatedRecord, Member, StageSets, Store};
use crate::tensor::Cpu;
use crate::train::{self, Elsewhere, MeasuredValue, Told, Watch};
use crate::{Error, Result, stop};

/// A network to evaluate, and the source to do it on.
struct Task<'a> {
    manifest: &'a Manifest,
    stage: &'a Stage,
    index: usize,
    source: &'a str,
    fingerprint: &'a str,
}

/// What the store knows of a network.
struct Known<'a> {
    /// Who taught it.
    taught: &'a Taught,
    /// The checksum of its weights.
    sha256: Option<&'a str>,
    /// Of a regression: the medians of the targets among the records that taught it.
    medians: HashMap<String, f64>,
}

/// The stages that are done and not evaluated so far on a source that their manifest names.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn pending(plan: &Plan, store: &Store) -> Result<Vec<usize>> {
    Ok(tasks(plan, store)?.iter().map(|task| task.index).collect())
}

/// Evaluates every network of the plan that is trained and was not evaluated so far on a source that its manifest names.
/// One that cannot be is told and counted, and does not end the others.
///
/// # Errors
/// Where the store cannot be used.
pub(super) fn evaluate(shared: &Shared<'_>, store: &mut Store) -> Result<()> {
    evaluate_all(shared, store, tasks(shared.plan, store)?)
}

/// The same of stage `index` alone.
///
/// # Errors
/// As [`evaluate`].
pub(super) fn evaluate_one(shared: &Shared<'_>, store: &mut Store, index: usize) -> Result<()> {
    let mut tasks = tasks(shared.plan, store)?;
    tasks.retain(|task| task.index == index);
    evaluate_all(shared, store, tasks)
}

fn evaluate_all(shared: &Shared<'_>, store: &mut Store, tasks: Vec<Task<'_>>) -> Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    let mut teachers = Teachers::read(store)?;
    let checksums = store.checksums()?;
    let pool = pool(shared.options.threads)?;
    for of_source in tasks.chunk_by(|one, next| one.source == next.source) {
        let source = of_source[0].source;
        let networks = if of_source.len() == 1 { "network" } else { "networks" };
        shared.progress.message(&format!("evaluating {} {networks} on {source}", of_source.len()));
        for task in of_source {
            if stop::asked() {
                return Ok(());
            }
            let Some(taught) = taught(shared, store, &mut teachers, task)? else { continue };
            let sha256 = checksums.get(&task.stage.id).and_then(Option::as_deref);
            let known = Known { taught: &taught, sha256, medians: store.medians(&task.stage.id)? };
            match pool.install(|| on_device(shared, task, &known)) {
                Ok(found) => store.evaluate(&task.stage.id, task.fingerprint, &found)?,
                Err(error) if error.blame == Blame::Interrupted => return Ok(()),
                Err(error) => {
                    let what = task.stage.describe(shared.plan);
                    shared.progress.message(&format!("{what} could not be evaluated on {source}: {error}"));
                    lock(&shared.summary).not_evaluated += 1;
                }
            }
        }
    }
    Ok(())
}

fn on_device(shared: &Shared<'_>, task: &Task<'_>, known: &Known<'_>) -> Result<Evaluated> {
    stage::unless_damaged(shared, || match shared.options.device {
        Device::Cpu => evaluated(&Cpu::default(), shared, task, known),
        #[cfg(feature = "cuda")]
        Device::Cuda(number) => {
            let device = crate::ops::open_cuda(number, &shared.options.results.kernels())?;
            let precision = task.manifest.compute.precision;
            crate::ops::cuda::with_precision(precision, || evaluated(&device, shared, task, known))
        }
    })
}

/// What is to be done, source by source, so that each is in memory while it is needed.
fn tasks<'a>(plan: &'a Plan, store: &Store) -> Result<Vec<Task<'a>>> {
    let is_asked =
        |manifest: &Manifest| !manifest.regression.evaluate_on.is_empty() || !manifest.transfer.evaluate_on.is_empty();
    if !plan.experiments.iter().any(|manifest| is_asked(manifest)) {
        return Ok(Vec::new());
    }
    let done = store.checksums()?;
    let evaluated = store.evaluated()?;
    let (mut tasks, mut planned) = (Vec::new(), HashSet::new());
    // Those of trials, and those of which a part of a plan has no trial.
    let of_trials = plan.trials.iter().flat_map(|trial| {
        let stages = std::iter::once(trial.stage).chain(plan.stages[trial.stage].inputs().iter().copied());
        stages.map(|index| (trial.experiment, index))
    });
    let all = of_trials.chain(plan.stages.iter().enumerate().map(|(index, stage)| (stage.experiment, index)));
    for (experiment, index) in all.filter(|(_, index)| done.contains_key(&plan.stages[*index].id)) {
        let (manifest, stage) = (&*plan.experiments[experiment], &plan.stages[index]);
        let sources = match &stage.kind {
            StageKind::Regression { .. } => &manifest.regression.evaluate_on,
            StageKind::Transfer { .. } => &manifest.transfer.evaluate_on,
            _ => continue,
        };
        for source in sources {
            let key = (manifest.scope(), source.clone());
            let Some(fingerprint) = plan.fingerprints.get(&key) else { continue };
            let is_known = evaluated.contains(&(stage.id.clone(), fingerprint.clone()));
            if !is_known && planned.insert((index, fingerprint.as_str())) {
                tasks.push(Task { manifest, stage, index, source, fingerprint });
            }
        }
    }
    tasks.sort_by_key(|task| (task.source, task.fingerprint));
    Ok(tasks)
}

/// Who taught which stage, read once for all.
struct Teachers {
    sets: HashMap<String, StageSets>,
    recordings: HashMap<i64, Member>,
    /// The sets asked for last, and who is in them: networks that differ in little share them.
    last: Option<(Vec<i64>, Arc<Taught>)>,
}

impl Teachers {
    fn read(store: &Store) -> Result<Self> {
        Ok(Self { sets: store.stage_sets()?, recordings: store.recordings()?, last: None })
    }

    /// Who trained and validated any of the stages of these ids; `None` where that is not known of one of them.
    fn of(&mut self, store: &Store, stages: &[&str]) -> Result<Option<Arc<Taught>>> {
        let mut sets = Vec::new();
        for stage in stages {
            let Some([Some(train), Some(validation), _]) = self.sets.get(*stage) else { return Ok(None) };
            sets.extend([*train, *validation]);
        }
        sets.sort_unstable();
        sets.dedup();
        if let Some((_, taught)) = self.last.as_ref().filter(|(last, _)| *last == sets) {
            return Ok(Some(taught.clone()));
        }
        let mut taught = Taught::default();
        for set in &sets {
            let members = store.record_set(*set)?.recordings;
            for member in members.iter().filter_map(|id| self.recordings.get(id)) {
                taught.people.insert((member.data_set.clone(), member.patient.clone()));
                taught.recordings.extend(member.recording);
            }
        }
        let taught = Arc::new(taught);
        self.last = Some((sets, taught.clone()));
        Ok(Some(taught))
    }
}

/// Who taught the network of a task and all that is grafted in it; `None`, which is told, where that is not known.
fn taught(shared: &Shared<'_>, store: &Store, teachers: &mut Teachers, task: &Task<'_>) -> Result<Option<Arc<Taught>>> {
    let plan = shared.plan;
    let inputs = task.stage.inputs().iter().map(|&input| &plan.stages[input]);
    // Of weights from elsewhere nobody knows who taught them.
    let inputs = inputs.filter(|stage| !matches!(stage.kind, StageKind::Weights { .. })).map(|stage| stage.id.as_str());
    let ids: Vec<&str> = std::iter::once(task.stage.id.as_str()).chain(inputs).collect();
    let taught = teachers.of(store, &ids)?;
    if taught.is_none() {
        let what = task.stage.describe(plan);
        let why = "an older version trained it and did not keep who did";
        shared.progress.message(&format!("{what} is not evaluated on {}: {why}", task.source));
    }
    Ok(taught)
}

/// What the network is worth on the source.
fn evaluated<D: Backend>(device: &D, shared: &Shared<'_>, task: &Task<'_>, known: &Known<'_>) -> Result<Evaluated> {
    let Known { taught, sha256, medians } = known;
    let Task { manifest, stage, index, source, .. } = *task;
    let names = [source.to_owned()];
    let datasets = shared.sources.load(manifest, &names, &shared.plan.fingerprints, shared.progress)?;
    let dataset = datasets.get(source).ok_or_else(|| Error::internal(format!("source {source} is not loaded")))?;
    let wanted = match &stage.kind {
        StageKind::Regression { targets, .. } => Wanted::Targets(targets.list()),
        _ => Wanted::of_transfer(&manifest.transfer),
    };
    let (picks, left_out) = unseen(dataset, source, wanted, taught);
    let mut found = Evaluated::default();
    found.values.push(metric_of("", "left_out_records", Some(left_out as f64)));
    found.values.push(metric_of("", "evaluated_records", Some(picks.len() as f64)));
    if picks.is_empty() {
        return Ok(found);
    }
    let (mut network, checkpoint) = stage::trained(device, shared, index, *sha256)?;
    let (signal, metadata) = (&manifest.signal, checkpoint.metadata());
    let elsewhere = Elsewhere { device, signal, metadata, datasets: &datasets, picks: &picks };
    match &stage.kind {
        StageKind::Regression { targets, .. } => {
            let measured = elsewhere.measured(&mut network, targets.list(), &Watcher)?;
            take_measured(&mut found, measured, medians)?;
        }
        _ if !manifest.transfer.targets.is_empty() => {
            let measured = elsewhere.measured(&mut network, &manifest.transfer.targets, &Watcher)?;
            take_measured(&mut found, measured, medians)?;
        }
        _ => {
            let told = elsewhere.classified(&mut network, &manifest.transfer, &Watcher)?;
            take_told(&mut found, told, &manifest.transfer.classes);
        }
    }
    Ok(found)
}

/// Takes what was measured, how well, and what the medians of the records that taught the network are worth.
fn take_measured(found: &mut Evaluated, measured: Vec<MeasuredValue>, medians: &HashMap<String, f64>) -> Result<()> {
    for score in train::by_source(Subset::Test, &measured)? {
        let own = [("records", Some(score.records as f64)), ("bias", Some(score.bias)), ("sd", score.sd)];
        let median = medians.get(score.target).map(|median| train::median_score(*median, score.target, &measured));
        let of_median = median.transpose()?.map(|own| own.by_name());
        let metrics = own.into_iter().chain(score.metrics.by_name()).chain(of_median.into_iter().flatten());
        found.values.extend(metrics.map(|(metric, value)| metric_of(score.target, metric, value)));
    }
    found.records.extend(measured.into_iter().map(|value| EvaluatedRecord {
        subject: value.target.to_owned(),
        record_id: value.record_id,
        patient: value.patient,
        truth: value.truth,
        said: value.measured,
    }));
    Ok(())
}

/// Takes what was told, and how well.
fn take_told(found: &mut Evaluated, told: Told, classes: &[Class]) {
    found.values.extend(told.scores.into_iter().map(|score| {
        let class = score.class.and_then(|class| classes.get(class)).map_or("", |class| class.name());
        metric_of(class, &score.metric, score.value)
    }));
    found.records.extend(told.predictions.into_iter().map(|prediction| EvaluatedRecord {
        subject: prediction.class.to_owned(),
        record_id: prediction.record_id,
        patient: prediction.patient,
        truth: f64::from(u8::from(prediction.label)),
        said: f64::from(prediction.probability),
    }));
}

fn metric_of(subject: &str, metric: &str, value: Option<f64>) -> EvaluatedMetric {
    EvaluatedMetric { subject: subject.to_owned(), metric: metric.to_owned(), value }
}

/// Stops where the user asks to.
struct Watcher;

impl Watch for Watcher {
    fn epoch(&mut self, _epoch: usize, _of: usize, _text: &str) {}

    fn stopped(&self) -> bool {
        stop::asked()
    }
}
