//! What test predictions say beyond the metrics that are stored of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::significance::Networks;
use crate::manifest::Labels;
use crate::metrics::{NamedMetric, Predictions, decision};
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
}

impl Set {
    /// The set of these records, without stages.
    fn new(predictions: &TestPredictions) -> Self {
        let predictions = TestPredictions { stages: Vec::new(), ..predictions.clone() };
        let patients = Patients::new(&predictions.patients, &predictions.truth, predictions.classes.len());
        let sides = Sides::new(&predictions.patients, &predictions.classes, &predictions.truth);
        Self { predictions, sides, patients, resampled: BTreeMap::new() }
    }

    /// Whether these are of the same records, of which the same is known.
    fn is_of(&self, other: &TestPredictions) -> bool {
        let own = &self.predictions;
        (own.labels, own.patients_known) == (other.labels, other.patients_known)
            && own.classes == other.classes
            && own.records == other.records
            && own.patients == other.patients
            && own.truth == other.truth
    }

    /// Adds stages, of which the metrics are resampled where that is asked for. What cannot be resampled of one says nothing
    /// of the others.
    fn add(&mut self, stages: Vec<(String, Vec<f64>)>, metrics: &[NamedMetric], resamples: usize) {
        for metric in metrics.iter().filter(|_| resamples > 0) {
            let found = self.resampled_of(metric, &stages, resamples);
            self.resampled.entry(metric.clone()).or_default().extend(found);
        }
        let kept = |(stage, said)| (stage, if resamples > 0 { Vec::new() } else { said });
        self.predictions.stages.extend(stages.into_iter().map(kept));
    }

    /// A metric of each of these stages on the resamples.
    fn resampled_of(
        &self,
        metric: &NamedMetric,
        stages: &[(String, Vec<f64>)],
        resamples: usize,
    ) -> Vec<Option<Vec<f64>>> {
        let Some(patients) = &self.patients else { return vec![None; stages.len()] };
        let mut measures: Vec<Box<dyn Measure>> = Vec::new();
        let mut places: Vec<Option<usize>> = Vec::new();
        for (_, said) in stages {
            let measure = measure(metric, &self.predictions, said);
            places.push(measure.as_ref().map(|_| measures.len()));
            measures.extend(measure);
        }
        let mut values: Vec<Option<Vec<f64>>> =
            resampled(&measures, patients, resamples, SEED).into_iter().map(Some).collect();
        places.into_iter().map(|place| values.get_mut(place?)?.take()).collect()
    }
}

/// A metric of these `probabilities` of a set's records.
fn measure(metric: &NamedMetric, set: &TestPredictions, probabilities: &[f64]) -> Option<Box<dyn Measure>> {
    let TestPredictions { labels, classes, truth, .. } = set;
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
        let mut results = Self { resamples, ..Self::default() };
        results.extend(predictions, metrics);
        results
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
            self.sets[set].add(stages, metrics, self.resamples);
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

    /// Patients and records of the set that a stage was tested on, and whether it is known whose records they are.
    pub(super) fn patients(&self, stage: &str) -> Option<(usize, usize, bool)> {
        let set = &self.sets[self.places.get(stage)?.0];
        Some((set.sides.patients(), set.predictions.records.len(), set.predictions.patients_known))
    }

    /// What is known of the records that the first of these stages was tested on.
    pub(super) fn known(&self, metric: &NamedMetric, stages: &[&str]) -> Known {
        let place = stages.first().and_then(|stage| self.places.get(*stage));
        place.map_or_else(Known::default, |place| {
            let set = &self.sets[place.0];
            let support = metric.rests().and_then(|rests| set.sides.support(rests));
            Known { support, labels: Some(set.predictions.labels) }
        })
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
        let stages = seeds.iter().flatten().flat_map(|(stage, base)| std::iter::once(*stage).chain(*base));
        let (set, _) = self.common(stages)?;
        let (patients, values) = (set.patients.as_ref()?, set.resampled.get(metric)?);
        let of = |stage: &str| values.get(self.places.get(stage)?.1)?.as_ref();
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
        let by_design = metric.rests().map_or(f64::INFINITY, |rests| set.sides.degrees(rests));
        Some(Resampled { by_seed, patient_degrees: by_design.min(patients.degrees() as f64) })
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
