//! The search for settings: candidates are drawn, trained, and judged on the validation folds; nothing is tested.
//!
//! Each candidate is the manifest with some keys said otherwise (see [`Search`]), and trains one of its trials. What it
//! trains is in the store as any stage is, under the experiment `NAME search`: a search that is stopped goes on from there,
//! and what it shares with the trials, as regressions, is trained once.

mod candidate;

use std::path::Path;

use candidate::{Candidate, drawn};

use crate::error::Error;
use crate::manifest::{self, Manifest, Search, SearchMethod, written};
use crate::metrics::NamedMetric;
use crate::plan::{self, Plan};
use crate::progress::Progress;
use crate::run::{self, Options};
use crate::statistics::Spread;
use crate::store::Store;
use crate::{Result, stop};

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The metric on the validation folds.
    pub metric: NamedMetric,
    /// The seeds that each candidate was trained with.
    pub seeds: Vec<u64>,
    /// Candidates, the best first: those that went farthest, by their last round.
    pub ranking: Vec<Ranked>,
}

/// A candidate with what came of it.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Its name, as the variant of its runs.
    pub name: String,
    /// Epochs of its last round, where rounds have fewer than the manifest says.
    pub epochs: usize,
    /// What it says otherwise: ways of keys, and values as a manifest has them.
    pub settings: Vec<(String, String)>,
    /// The metric over the seeds that have one.
    pub score: Option<Spread>,
}

/// Searches as the manifest at `path` says.
///
/// # Errors
/// A user error where the manifest is faulty or has no `[search]`, or its data cannot be read; also where the search was
/// stopped.
pub fn search(path: &Path, options: &Options, tell: &mut dyn FnMut(&str)) -> Result<Found> {
    let manifests = manifest::load(&[path.to_path_buf()])?;
    let base = manifests.first().ok_or_else(|| Error::internal("no manifest"))?;
    let Some(search) = base.search.clone() else {
        return Err(Error::user(format!(
            "{}: it has no [search]; say there which keys are varied: [search.over]",
            path.display()
        )));
    };
    let mut metric = NamedMetric::parse(&search.metric);
    let measures = |of: &String| base.transfer.targets.iter().any(|target| target.name() == of);
    // The last stage's own errors, where it measures.
    metric.of_last = metric.is_of_numbers() && metric.of.as_ref().is_some_and(measures);
    let classifies = base.transfer.targets.is_empty();
    if !classifies && !metric.of_last {
        let names: Vec<&str> = base.transfer.targets.iter().map(|target| target.name()).collect();
        return Err(Error::user(format!(
            "{}: search.metric: `{metric}` is no metric of a last stage that measures {}; write mae:{}, for example",
            path.display(),
            names.join(" and "),
            names[0]
        )));
    }
    let known = NamedMetric::of_classifiers().into_iter().any(|(of, _)| of.name == metric.name);
    if classifies && (!known || metric.is_of_grafts()) {
        let hint =
            manifest::choices(&metric.name, NamedMetric::of_classifiers().iter().map(|(of, _)| of.name.as_str()));
        return Err(Error::user(format!("{}: search.metric: no metric is called `{metric}`{hint}", path.display())));
    }
    if search.method == SearchMethod::Halving && search.over.contains_key("transfer.epochs") {
        return Err(Error::user(format!(
            "{}: search.over: successive halving itself says for how many epochs candidates are trained, so that \
             `transfer.epochs` cannot be varied with it; leave it out, or search with method = \"random\"",
            path.display()
        )));
    }
    let mut rounds = Rounds { path, base, search: &search, metric: &metric, options, planned: Vec::new() };
    let ranking = rounds.all(drawn(&search), tell)?;
    Ok(Found { metric, seeds: search.seeds, ranking })
}

/// The rounds of a search.
struct Rounds<'a> {
    path: &'a Path,
    base: &'a Manifest,
    search: &'a Search,
    metric: &'a NamedMetric,
    options: &'a Options,
    /// The candidates of all rounds so far: those of earlier ones stay in the plan.
    planned: Vec<Manifest>,
}

impl Rounds<'_> {
    /// All rounds; the candidates, the best first.
    fn all(&mut self, drawn: Vec<Candidate>, tell: &mut dyn FnMut(&str)) -> Result<Vec<Ranked>> {
        let (most, eta) = (self.base.transfer.epochs, self.search.eta);
        let mut epochs = match self.search.method {
            SearchMethod::Random => most,
            SearchMethod::Halving => self.search.first_epochs.min(most),
        };
        let (mut in_race, mut ranking) = (drawn, Vec::new());
        loop {
            let s = if epochs == 1 { "" } else { "s" };
            tell(&format!("search: {} candidates, {epochs} epoch{s} each", in_race.len()));
            let mut scored = self.round(&in_race, epochs)?;
            scored.sort_by(|a, b| self.loss(&a.1).total_cmp(&self.loss(&b.1)));
            let stay = if epochs == most { 0 } else { scored.len().div_ceil(eta) };
            let out = scored.split_off(stay);
            ranking.splice(0..0, out.into_iter().map(|(_, ranked)| ranked));
            if scored.is_empty() {
                return Ok(ranking);
            }
            in_race = scored.into_iter().map(|(candidate, _)| candidate).collect();
            epochs = epochs.saturating_mul(eta).min(most);
        }
    }

    /// Smaller is better; what has no score comes last.
    fn loss(&self, ranked: &Ranked) -> f64 {
        let sign = if self.metric.is_error() { 1.0 } else { -1.0 };
        ranked.score.as_ref().map_or(f64::INFINITY, |score| sign * score.mean)
    }

    /// Trains candidates for so many epochs, each with its score.
    fn round(&mut self, candidates: &[Candidate], epochs: usize) -> Result<Vec<(Candidate, Ranked)>> {
        let first = self.planned.len();
        for candidate in candidates {
            self.planned.push(candidate.manifest(self.path, self.base, self.search, epochs)?);
        }
        let plan = self.train()?;
        let store = Store::open_read_only(self.options.results.path())?;
        let mut scored = Vec::new();
        for (candidate, manifest) in candidates.iter().zip(&self.planned[first..]) {
            let mut values = Vec::new();
            for trial in plan.trials.iter().filter(|trial| trial.variant == manifest.variant.as_deref()) {
                values.extend(store.validation_score(&plan.stages[trial.stage].id, self.metric)?);
            }
            let settings = candidate.settings.iter().map(|(key, value)| (key.clone(), written(value))).collect();
            let name = manifest.variant.clone().unwrap_or_default();
            scored.push((candidate.clone(), Ranked { name, epochs, settings, score: Spread::from_values(&values) }));
        }
        Ok(scored)
    }

    /// Trains what is planned and not done.
    fn train(&self) -> Result<Plan> {
        let mut found = run::fingerprints(self.planned.clone(), &self.options.results);
        stop::check()?;
        if let Some(error) = found.errors.pop() {
            return Err(error);
        }
        if let Some(line) = found.skipped.first() {
            return Err(Error::user(line.clone()));
        }
        let plan = plan::expand(found.manifests, &found.fingerprints, &found.overlaps)?;
        let progress = Progress::new(plan.stages.len(), &run::costs(&plan));
        // A candidate that diverges has no score, and the others go on.
        let summary = run::run(&plan, self.options, &progress)?;
        if summary.faults > 0 {
            return summary.into_result(plan.stages.len()).map(|()| plan);
        }
        Ok(plan)
    }
}

impl Found {
    /// The best candidate as a variant of a manifest, with a line that says how it was found; `None` where none has a score.
    pub fn variant(&self, manifest: &Path) -> Option<String> {
        let best = self.ranking.first()?;
        let score = best.score.as_ref()?;
        let mut text = format!(
            "# ecgraft search {}: the best of {} candidates by {} on the validation folds, {:.4} over {} seed{}\n[variants.found]\n",
            manifest.display(),
            self.ranking.len(),
            self.metric,
            score.mean,
            score.n,
            if score.n == 1 { "" } else { "s" }
        );
        for (key, value) in &best.settings {
            text.push_str(&format!("{key:?} = {value}\n"));
        }
        Some(text)
    }
}
