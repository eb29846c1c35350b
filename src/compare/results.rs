//! What test predictions say beyond the metrics that are stored of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::significance::Networks;
use super::thresholds::Thresholds;
use crate::manifest::{Labels, Subset};
use crate::metrics::{NamedMetric, Predictions, ThresholdRule, decision};
use crate::statistics::bootstrap::{Measure, Patients, resampled};
use crate::statistics::delong::{Area, area_by_patient, delong};
use crate::statistics::mcnemar::mcnemar;
use crate::statistics::{LEAST_PATIENTS, Side, Sides, Support, Tested, Unmeasurable};
use crate::store::TestPredictions;

/// Seed of the resamples of patients: the same for every comparison, so that it can be repeated.
const SEED: u64 = 0;

/// Test predictions of runs, and their metrics on resamples of the patients.
#[derive(Clone, Debug, Default)]
pub struct TestResults {
    sets: Vec<Set>,
    /// Set, and place in it, of a stage.
    places: HashMap<String, (usize, usize)>,
    /// Resamples of each set; 0 where none were asked for.
    pub resamples: usize,
    /// From which probability on networks predict their classes.
    pub thresholds: Arc<Thresholds>,
}

/// Stages that were tested on the same records.
#[derive(Clone, Debug)]
struct Set {
    /// The records, and of each stage what it said of them: nothing of those that were resampled, whose probabilities are
    /// not needed any more.
    predictions: TestPredictions,
    sides: Sides,
    /// `None` where all records are of one patient, who cannot be resampled.
    patients: Option<Patients>,
    /// Of each metric, for each stage: its values on the resamples; `None` for what cannot be resampled.
    resampled: BTreeMap<NamedMetric, Vec<Option<Vec<f64>>>>,
    /// Of each metric, for each stage: its value on all records; `None` where it has none.
    values: BTreeMap<NamedMetric, Vec<Option<f64>>>,
}

impl Set {
    /// The set of these records, without stages.
    fn new(predictions: &TestPredictions) -> Self {
        let predictions = TestPredictions { stages: Vec::new(), ..predictions.clone() };
        let patients = Patients::new(&predictions.patients, &predictions.truth, predictions.classes.len());
        let sides = Sides::new(&predictions.patients, &predictions.classes, &predictions.truth);
        Self { predictions, sides, patients, resampled: BTreeMap::new(), values: BTreeMap::new() }
    }

    /// Whether these are of the same records, of which the same is known.
    fn is_of(&self, other: &TestPredictions) -> bool {
        let own = &self.predictions;
        (own.labels, own.patients_known) == (other.labels, other.patients_known)
            && own.classes == other.classes
            && own.records == other.records
            && own.patients == other.patients
            && own.truth == other.truth
            && own.numbers == other.numbers
            && own.facts == other.facts
    }

    /// Adds stages, of which the metrics are resampled where that is asked for. What cannot be resampled of one says nothing
    /// of the others.
    fn add(
        &mut self,
        stages: Vec<(String, Vec<f64>)>,
        metrics: &[NamedMetric],
        resamples: usize,
        thresholds: &Thresholds,
    ) {
        for metric in metrics {
            let measure = |stage| measure_of_stage(metric, &self.predictions, stage, thresholds);
            let measures: Vec<Option<Box<dyn Measure>>> = stages.iter().map(measure).collect();
            let values = measures.iter().map(|measure| measure.as_ref()?.value());
            self.values.entry(metric.clone()).or_default().extend(values);
            if resamples > 0 {
                let found = self.resampled_of(measures, resamples);
                self.resampled.entry(metric.clone()).or_default().extend(found);
            }
        }
        let kept = |(stage, said)| (stage, if resamples > 0 { Vec::new() } else { said });
        self.predictions.stages.extend(stages.into_iter().map(kept));
    }

    /// A metric of several stages on the resamples.
    fn resampled_of(&self, of_stages: Vec<Option<Box<dyn Measure>>>, resamples: usize) -> Vec<Option<Vec<f64>>> {
        let Some(patients) = &self.patients else { return vec![None; of_stages.len()] };
        let mut measures: Vec<Box<dyn Measure>> = Vec::new();
        let mut places: Vec<Option<usize>> = Vec::new();
        for measure in of_stages {
            places.push(measure.as_ref().map(|_| measures.len()));
            measures.extend(measure);
        }
        let mut values: Vec<Option<Vec<f64>>> =
            resampled(&measures, patients, resamples, SEED).into_iter().map(Some).collect();
        places.into_iter().map(|place| values.get_mut(place?)?.take()).collect()
    }
}

/// A metric of what a stage says of a set's records, at its own thresholds; `None` where it lacks these.
fn measure_of_stage(
    metric: &NamedMetric,
    set: &TestPredictions,
    (stage, probabilities): &(String, Vec<f64>),
    thresholds: &Thresholds,
) -> Option<Box<dyn Measure>> {
    let TestPredictions { labels, classes, truth, .. } = set;
    if thresholds.rule == ThresholdRule::Half || !metric.is_of_decisions(*labels) {
        return measure(metric, set, probabilities);
    }
    let predictions = Predictions::of_scores(*labels, classes.len(), probabilities, truth)?;
    metric.measure(&predictions.at_thresholds(thresholds.of(stage)?)?, classes)
}

/// A metric of these `probabilities` of a set's records, or of what was measured of them.
fn measure(metric: &NamedMetric, set: &TestPredictions, probabilities: &[f64]) -> Option<Box<dyn Measure>> {
    let TestPredictions { labels, classes, truth, .. } = set;
    if let Some(numbers) = &set.numbers {
        return metric.measured((numbers, truth), probabilities, classes);
    }
    metric.measure(&Predictions::of_scores(*labels, classes.len(), probabilities, truth)?, classes)
}

/// Values on resamples, seed by seed, and the degrees of freedom of the patients.
pub(super) struct Resampled {
    pub by_seed: Vec<Vec<f64>>,
    pub patient_degrees: f64,
}

/// What is known of the records that networks were tested on.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The fewest patients that a metric rests on.
    pub support: Option<Support>,
    pub labels: Option<Labels>,
}

impl TestResults {
    /// Predictions as the store gives them, with the metrics on so many resamples of the patients.
    pub fn new(predictions: Vec<TestPredictions>, metrics: &[NamedMetric], resamples: usize) -> Self {
        let mut results = Self::at_thresholds(Arc::default(), resamples);
        results.extend(predictions, metrics);
        results
    }

    /// None, with classes predicted at these thresholds.
    pub(super) fn at_thresholds(thresholds: Arc<Thresholds>, resamples: usize) -> Self {
        Self { resamples, thresholds, ..Self::default() }
    }

    /// What every stage has of a metric that it was added with, computed from its predictions; nothing of those of which it is
    /// not defined.
    pub(super) fn values(&self, metric: &NamedMetric) -> HashMap<String, f64> {
        let of_set = |set: &Set| {
            let values = set.values.get(metric).into_iter().flatten();
            let stages = set.predictions.stages.iter().zip(values);
            stages.filter_map(|((stage, _), value)| Some((stage.clone(), (*value)?))).collect::<Vec<_>>()
        };
        self.sets.iter().flat_map(of_set).collect()
    }

    /// The predictions, set by set.
    pub(super) fn predictions(&self) -> impl Iterator<Item = &TestPredictions> {
        self.sets.iter().map(|set| &set.predictions)
    }

    /// Adds predictions of more stages: where they are resampled, their probabilities are not kept. The same whatever is there
    /// already, and in whichever order they come.
    pub(super) fn extend(&mut self, predictions: Vec<TestPredictions>, metrics: &[NamedMetric]) {
        for mut of_records in predictions.into_iter().filter(|predictions| !predictions.classes.is_empty()) {
            let stages = std::mem::take(&mut of_records.stages);
            let set = self.sets.iter().position(|set| set.is_of(&of_records)).unwrap_or_else(|| {
                self.sets.push(Set::new(&of_records));
                self.sets.len() - 1
            });
            let first = self.sets[set].predictions.stages.len();
            for (place, (stage, _)) in stages.iter().enumerate() {
                self.places.insert(stage.clone(), (set, first + place));
            }
            self.sets[set].add(stages, metrics, self.resamples, &self.thresholds);
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Whether records have several labels in any of them.
    pub(super) fn is_of_several_labels(&self) -> bool {
        self.sets.iter().any(|set| set.predictions.labels == Labels::Multi)
    }

    /// Lets what is known of the records of stage `one` count for `others` that were tested on the same, and of which it has
    /// no predictions: for tests that do not read these.
    pub(super) fn speaks_for<'a>(&mut self, one: &str, others: impl Iterator<Item = &'a str>) {
        let Some(place) = self.places.get(one).copied() else { return };
        for other in others {
            self.places.entry(other.to_owned()).or_insert(place);
        }
    }

    /// Patients and records of the sets that stages were tested on, and whether it is known whose records they are.
    pub(super) fn patients<'a>(&self, stages: impl Iterator<Item = &'a str>) -> Option<(usize, usize, bool)> {
        let sets: BTreeSet<usize> = stages.filter_map(|stage| Some(self.places.get(stage)?.0)).collect();
        let mut all: Option<(usize, usize, bool)> = None;
        for set in sets {
            let set = &self.sets[set];
            let (patients, records, known) = all.unwrap_or((0, 0, true));
            let own = set.predictions.records.len();
            all = Some((patients + set.sides.patients(), records + own, known && set.predictions.patients_known));
        }
        all
    }

    /// What is known of the records that these stages were tested on: where these are several folds, of the one with the
    /// fewest patients.
    pub(super) fn known(&self, metric: &NamedMetric, stages: &[&str]) -> Known {
        let sets: BTreeSet<usize> = stages.iter().filter_map(|stage| Some(self.places.get(*stage)?.0)).collect();
        let support = |set: &usize| metric.rests().and_then(|rests| self.sets[*set].sides.support(rests));
        let labels = sets.first().map(|set| self.sets[*set].predictions.labels);
        Known { support: sets.iter().filter_map(support).min_by_key(|support| support.patients), labels }
    }

    /// The set that all these stages were tested on, with their places in it.
    fn common<'a>(&self, stages: impl Iterator<Item = &'a str>) -> Option<(&Set, Vec<usize>)> {
        let places: Vec<(usize, usize)> = stages.map(|stage| self.places.get(stage).copied()).collect::<Option<_>>()?;
        let set = places.first()?.0;
        let same = places.iter().all(|place| place.0 == set);
        same.then(|| (&self.sets[set], places.into_iter().map(|place| place.1).collect()))
    }

    /// A metric on the resamples: for each seed the mean over its networks, each a stage and, where it is
    /// compared with one, its baseline, whose value is taken from it. `None` where they were not all tested on the same
    /// records, or the metric is not of these.
    pub(super) fn resampled(&self, metric: &NamedMetric, seeds: &Networks<'_>) -> Option<Resampled> {
        let sets = self.sets_of(seeds)?;
        let of = |stage: &str| {
            let (set, place) = self.places.get(stage)?;
            // Folds have other patients, who are drawn independently: each set's resamples begin at another one.
            let first = sets.iter().position(|known| known == set)? % self.resamples.max(1);
            let values = self.sets[*set].resampled.get(metric)?.get(*place)?.as_ref()?;
            Some(values[first..].iter().chain(&values[..first]))
        };
        let mut by_seed = Vec::with_capacity(seeds.len());
        for networks in seeds {
            let mut sum = vec![0.0; self.resamples];
            for (stage, base) in networks {
                for (sum, value) in sum.iter_mut().zip(of(stage)?) {
                    *sum += value;
                }
                if let Some(base) = base {
                    for (sum, value) in sum.iter_mut().zip(of(base)?) {
                        *sum -= value;
                    }
                }
            }
            sum.iter_mut().for_each(|value| *value /= networks.len() as f64);
            by_seed.push(sum);
        }
        let degrees = |set: &usize| {
            let Set { sides, patients, .. } = &self.sets[*set];
            let by_design = metric.rests().map_or(f64::INFINITY, |rests| sides.degrees(rests));
            Some(by_design.min(patients.as_ref()?.degrees() as f64))
        };
        let patient_degrees = sets.iter().map(degrees).sum::<Option<f64>>()?;
        Some(Resampled { by_seed, patient_degrees })
    }

    /// The sets that the networks were tested on, each network on that of what it is compared with: one, or one for each
    /// fold. By their records, so that nothing else in the store changes their order. `None` where a network has no
    /// predictions, or was not tested on the records of its baseline, or not every seed has the same sets.
    fn sets_of(&self, seeds: &Networks<'_>) -> Option<Vec<usize>> {
        let mut all: Option<BTreeSet<usize>> = None;
        for networks in seeds {
            let mut own = BTreeSet::new();
            for (stage, base) in networks {
                let set = self.places.get(*stage)?.0;
                if base.is_some_and(|base| self.places.get(base).is_none_or(|place| place.0 != set)) {
                    return None;
                }
                own.insert(set);
            }
            match &all {
                Some(all) if *all != own => return None,
                _ => all = Some(own),
            }
        }
        let mut sets: Vec<usize> = all?.into_iter().collect();
        sets.sort_by_key(|set| self.sets[*set].predictions.records.first());
        (!sets.is_empty()).then_some(sets)
    }

    /// A metric of whoever says these shares of the classes of every record that a stage was tested on; `None` where it is not
    /// known which these are, or the metric is not of them.
    pub(super) fn of_constant(&self, metric: &NamedMetric, stage: &str, shares: &[(String, f64)]) -> Option<f64> {
        if metric.split != Subset::Test {
            return None;
        }
        let set = &self.sets[self.places.get(stage)?.0].predictions;
        let share = |class: &String| shares.iter().find(|(name, _)| name == class).map(|(_, share)| *share);
        let row: Vec<f64> = set.classes.iter().map(share).collect::<Option<_>>()?;
        let said: Vec<f64> = row.iter().copied().cycle().take(set.truth.len()).collect();
        let predictions = Predictions::of_scores(set.labels, set.classes.len(), &said, &set.truth)?;
        metric.measure(&predictions, &set.classes)?.value()
    }

    /// Probabilities averaged over networks that were tested on the same records.
    fn ensemble(&self, stages: &[&str]) -> Option<(&Set, Vec<f64>)> {
        let (set, places) = self.common(stages.iter().copied())?;
        let mut mean = vec![0.0; set.predictions.truth.len()];
        for &place in &places {
            mean.iter_mut().zip(&set.predictions.stages[place].1).for_each(|(sum, value)| *sum += value);
        }
        mean.iter_mut().for_each(|value| *value /= places.len() as f64);
        Some((set, mean))
    }

    /// The metric of an ensemble.
    pub(super) fn value(&self, metric: &NamedMetric, stages: &[&str]) -> Option<f64> {
        let (set, probabilities) = self.ensemble(stages)?;
        measure(metric, &set.predictions, &probabilities)?.value()
    }

    /// DeLong's test of the areas of two ensembles.
    ///
    /// # Errors
    /// Where it says nothing.
    pub(super) fn delong(&self, metric: &NamedMetric, own: &[&str], base: &[&str]) -> Result<Tested, Unmeasurable> {
        let (Some(own), Some(base)) = (self.area(metric, own), self.area(metric, base)) else {
            return Err(Unmeasurable::Undefined);
        };
        let found = delong(&own, &base)?;
        Ok(Tested { interval: Some(found.interval), p: found.p })
    }

    /// The area of an ensemble: the mean of the classes' that have one, or that of one class; by patient.
    fn area(&self, metric: &NamedMetric, stages: &[&str]) -> Option<Area> {
        let (set, probabilities) = self.ensemble(stages)?;
        let (classes, patients) = (&set.predictions.classes, set.patients.as_ref()?);
        let wanted = |class: &usize| metric.of.as_ref().is_none_or(|of| classes[*class] == *of);
        let areas: Vec<Area> = (0..classes.len())
            .filter(wanted)
            .filter_map(|class| {
                let scores: Vec<f64> = probabilities.iter().skip(class).step_by(classes.len()).copied().collect();
                let truth: Vec<bool> =
                    set.predictions.truth.iter().skip(class).step_by(classes.len()).copied().collect();
                area_by_patient(&scores, &truth, patients.of_records())
            })
            .collect();
        Area::mean(&areas)
    }

    /// The difference of the shares of records that two ensembles have right, and McNemar's test of it, which says nothing
    /// where they are right about the same ones, or one patient's records are all that they differ in.
    pub(super) fn mcnemar(&self, own: &[&str], base: &[&str]) -> Option<(f64, Result<Tested, Unmeasurable>)> {
        let (set, _) = self.common(own.iter().chain(base).copied())?;
        let (own, base) = (self.right(own)?, self.right(base)?);
        let found = mcnemar(&own, &base)?;
        let more = found.only_first as f64 - found.only_second as f64;
        let apart = own.iter().zip(&base).zip(&set.predictions.patients).filter(|((own, base), _)| own != base);
        let patients = apart.map(|(_, patient)| patient.as_str()).collect::<BTreeSet<_>>().len();
        let tested = match patients {
            0 => Err(Unmeasurable::SameForPatients),
            few if few < LEAST_PATIENTS => Err(Unmeasurable::Patients(Support { patients, side: Side::Discordant })),
            _ => Ok(Tested { interval: None, p: found.mid }),
        };
        Some((more / own.len() as f64, tested))
    }

    /// Which records an ensemble has right, every class of them.
    fn right(&self, stages: &[&str]) -> Option<Vec<bool>> {
        let (set, probabilities) = self.ensemble(stages)?;
        let TestPredictions { labels, classes, truth, .. } = &set.predictions;
        let rows = probabilities.chunks_exact(classes.len()).zip(truth.chunks_exact(classes.len()));
        Some(rows.map(|(row, truth)| decision::is_right(*labels, row, truth)).collect())
    }
}
