//! What networks are worth on the records of other sources, over seeds.

use std::collections::{BTreeMap, BTreeSet};

use super::{Key, Only};
use crate::Result;
use crate::plan::TaskKind;
use crate::statistics::Spread;
use crate::store::{Evaluation, Run, StageStatus, Store, TrainedStages};

/// Networks that differ in seed only, on the records of one source that taught none of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Elsewhere {
    /// What they are.
    pub network: NetworkName,
    /// The name of the source in the manifest.
    pub source: String,
    /// Seeds.
    pub seeds: BTreeSet<u64>,
    /// Metrics over the seeds: of a target or a class, or of all classes where there is none; by name.
    pub metrics: BTreeMap<(Option<String>, String), Spread>,
}

/// What tells a network from others, beside its seed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkName {
    /// Whether it measures or classifies.
    pub kind: TaskKind,
    /// Its architecture.
    pub architecture: String,
    /// What a regression measures: `hr`, or `hr&qrs`; what is grafted into a classifier, or `scratch`.
    pub what: String,
    /// The mix that taught it, or what is grafted in it; `None` from scratch.
    pub mix: Option<String>,
    /// Of a classifier; `None` from scratch.
    pub freeze: Option<String>,
    /// Of a classifier: the variant of the manifest, where it has any.
    pub variant: Option<String>,
    /// Of a classifier: the label fraction as text.
    pub labels: Option<String>,
}

impl NetworkName {
    fn from_run(run: &Run) -> Self {
        Self {
            kind: TaskKind::Transfer,
            architecture: run.architecture.clone(),
            what: run.graft.clone(),
            mix: run.mix.clone(),
            freeze: run.freeze.clone(),
            variant: run.variant.clone(),
            labels: Key::LabelFraction.value(run),
        }
    }
}

impl Elsewhere {
    /// A metric of a target or a class, or of all classes.
    pub fn metric(&self, subject: Option<&str>, name: &str) -> Option<Spread> {
        self.metrics.get(&(subject.map(str::to_owned), name.to_owned())).copied()
    }

    /// The targets or classes that it has metrics of, each once.
    pub fn subjects(&self) -> Vec<&str> {
        let subjects: BTreeSet<&str> = self.metrics.keys().filter_map(|(subject, _)| subject.as_deref()).collect();
        subjects.into_iter().collect()
    }
}

/// What the networks of an experiment are worth elsewhere: those of the runs that all of `only` admit, and those grafted in
/// them. In the order of the plan, and of the manifest's sources.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn elsewhere(store: &Store, runs: &[Run], experiment: &str, only: &[Only]) -> Result<Vec<Elsewhere>> {
    let found = store.evaluations(experiment)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let stages = store.stages(experiment)?;
    let is_meant = |run: &&Run| {
        run.experiment == experiment && run.status == StageStatus::Done && only.iter().all(|only| only.admits(run))
    };
    let runs: Vec<&Run> = runs.iter().filter(is_meant).collect();
    let mut groups = Groups::default();
    for run in &runs {
        for donor in stages.grafts.get(&run.stage_id).into_iter().flatten() {
            groups.add(regression(&stages, donor), donor, &found);
        }
    }
    for run in &runs {
        groups.add(Some((NetworkName::from_run(run), run.seed)), &run.stage_id, &found);
    }
    Ok(groups.finish())
}

/// Name and seed of a regression.
fn regression(stages: &TrainedStages, id: &str) -> Option<(NetworkName, u64)> {
    let stage = stages.by_id.get(id).filter(|stage| stage.kind == TaskKind::Regression)?;
    let (architecture, what) = (stage.architecture.clone(), stage.target.clone().unwrap_or_default());
    let name = NetworkName {
        kind: stage.kind,
        architecture,
        what,
        mix: stage.mix.clone(),
        freeze: None,
        variant: None,
        labels: None,
    };
    Some((name, stage.seed))
}

/// Network and source, in the order they are met, with values by seed.
#[derive(Default)]
struct Groups<'a> {
    order: Vec<(NetworkName, &'a str)>,
    values: BTreeMap<(NetworkName, &'a str), BTreeMap<u64, Vec<&'a Evaluation>>>,
}

impl<'a> Groups<'a> {
    fn add(&mut self, name: Option<(NetworkName, u64)>, stage: &str, found: &'a [Evaluation]) {
        let Some((name, seed)) = name else { return };
        // They are by stage.
        let first = found.partition_point(|one| *one.stage_id < *stage);
        let own = found.get(first..).unwrap_or_default().iter().take_while(|one| one.stage_id == stage);
        for of_source in own.collect::<Vec<_>>().chunk_by(|one, next| one.source == next.source) {
            let key = (name.clone(), of_source[0].source.as_str());
            if !self.values.contains_key(&key) {
                self.order.push(key.clone());
            }
            self.values.entry(key).or_default().insert(seed, of_source.to_vec());
        }
    }

    fn finish(self) -> Vec<Elsewhere> {
        let Self { order, mut values } = self;
        let of = |key: (NetworkName, &'a str)| {
            let by_seed = values.remove(&key)?;
            let mut numbers: BTreeMap<(Option<String>, String), Vec<f64>> = BTreeMap::new();
            for one in by_seed.values().flatten() {
                let name = (one.subject.clone(), one.metric.clone());
                numbers.entry(name).or_default().extend(one.value);
            }
            let spread = |(name, values): (_, Vec<f64>)| Some((name, Spread::from_values(&values)?));
            let metrics = numbers.into_iter().filter_map(spread).collect();
            let (network, source) = key;
            Some(Elsewhere { network, source: source.to_owned(), seeds: by_seed.into_keys().collect(), metrics })
        };
        order.into_iter().filter_map(of).collect()
    }
}
