//! Many classes, most of them rare: which patients are drawn with which.

use std::collections::BTreeMap;

use ecgraft::manifest::Labels;
use ecgraft::seed::stream;
use ecgraft::statistics::bootstrap::{Measure, Patients, crossed, resampled};
use ecgraft::statistics::{Rests, Sides};
use rand::RngExt;
use rayon::prelude::*;

use super::{has, mean, normal, share, variance};

const RESAMPLES: usize = 200;
/// Patients whose scores the true areas are of.
const MANY: usize = 60_000;

/// Patients with any number of classes, or one, and what they do to each other's scores.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub classes: usize,
    pub patients: usize,
    /// Share of the patients that have the rarest class; the commonest has 0.35, those between in equal steps of the logarithm.
    pub rarest: f64,
    pub labels: Labels,
    /// How far one class moves the scores of another: the standard deviation.
    pub mixes: f64,
}

/// How patients are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// As they are here: within strata of the same rarest class.
    Rarest,
    /// All alike. Classes that a resample has not are left out of its mean.
    Alike,
    /// All alike; only resamples that have every class count.
    Fixed,
    /// Within strata of the same set of classes, those of fewer than five together.
    Sets,
}

pub const SCHEMES: [Scheme; 4] = [Scheme::Rarest, Scheme::Alike, Scheme::Fixed, Scheme::Sets];

/// The macro AUC, the AUC of the rarest class and that of the commonest.
pub const WHAT: [&str; 3] = ["macro", "rarest", "commonest"];

/// What is found with a scheme: of all studies, how many have an interval, the standard error over the true one, how often
/// the interval of a mean covers, and how often the test of no difference errs.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub measured: f64,
    pub standard_error: f64,
    pub covers: f64,
    pub errs: f64,
}

/// One study: records with the names of their patients, and the scores of two networks that are equally good.
struct Data {
    names: Vec<String>,
    truth: Vec<bool>,
    scores: [Vec<f64>; 2],
}

/// The estimate of one quantity in one study.
#[derive(Clone, Copy)]
struct Estimated {
    standard_error: f64,
    covers: bool,
    rejects: bool,
}

impl World {
    fn prevalence(&self, class: usize) -> f64 {
        0.35 * (self.rarest / 0.35).powf(class as f64 / (self.classes - 1) as f64)
    }

    /// The classes of a patient.
    fn draw(&self, random: &mut impl rand::Rng) -> Vec<bool> {
        let ill = normal(random);
        match self.labels {
            Labels::Multi => (0..self.classes)
                .map(|class| {
                    let share = self.prevalence(class);
                    let odds = share / (1.0 - share) * (0.6 * ill).exp();
                    random.random::<f64>() < odds / (1.0 + odds)
                })
                .collect(),
            Labels::Single => {
                let all: f64 = (0..self.classes).map(|class| self.prevalence(class)).sum();
                let mut left = random.random::<f64>() * all;
                let found = (0..self.classes).find(|&class| {
                    left -= self.prevalence(class);
                    left <= 0.0
                });
                (0..self.classes).map(|class| class == found.unwrap_or(0)).collect()
            }
        }
    }

    /// `whole`: no class has fewer than two patients.
    fn data(&self, number: u64, patients: usize, whole: bool) -> Data {
        let mut random = stream(11, "classes", number);
        let mut of_world = stream(5, "world", self.classes as u64);
        let mixed: Vec<f64> = (0..self.classes * self.classes).map(|_| self.mixes * normal(&mut of_world)).collect();
        let apart: Vec<f64> = (0..self.classes).map(|_| 0.6 + 1.8 * of_world.random::<f64>()).collect();
        let mut sets: Vec<Vec<bool>> = (0..patients).map(|_| self.draw(&mut random)).collect();
        let having = |sets: &[Vec<bool>], class: usize| sets.iter().filter(|set| set[class]).count();
        for class in (0..self.classes).filter(|_| whole) {
            while having(&sets, class) < 2 {
                let at = random.random_range(0..patients);
                if self.labels == Labels::Single {
                    // Not taken from a class that has no more itself.
                    if (0..self.classes).any(|other| sets[at][other] && having(&sets, other) < 3) {
                        continue;
                    }
                    sets[at].fill(false);
                }
                sets[at][class] = true;
            }
        }
        let mut data = Data { names: Vec::new(), truth: Vec::new(), scores: [Vec::new(), Vec::new()] };
        for (patient, set) in sets.iter().enumerate() {
            let own: Vec<f64> = set.iter().map(|_| 0.6 * normal(&mut random)).collect();
            // Every fifth has two records.
            for _ in 0..1 + usize::from(random.random::<f64>() < 0.2) {
                data.names.push(patient.to_string());
                data.truth.extend(set);
                for class in 0..self.classes {
                    let moved =
                        |other: usize| if other == class { apart[class] } else { mixed[class * self.classes + other] };
                    let of_classes: f64 = (0..self.classes).filter(|&other| set[other]).map(moved).sum();
                    let both = own[class] + 0.4 * normal(&mut random) + of_classes;
                    data.scores.iter_mut().for_each(|scores| scores.push(both + 0.7 * normal(&mut random)));
                }
            }
        }
        data
    }

    /// Of the macro AUC, and of the rarest and the commonest class.
    fn truth(&self) -> [f64; 3] {
        let data = self.data(u64::MAX, MANY, false);
        let of = |class| area(&data, 0, self.classes, class).value().unwrap();
        three(&(0..self.classes).map(of).collect::<Vec<f64>>())
    }

    /// By scheme, and for each of [`WHAT`].
    pub fn found(&self, studies: u64) -> Vec<[Found; 3]> {
        let truth = self.truth();
        let all: Vec<Study> = (0..studies).into_par_iter().map(|number| self.study(number, truth)).collect();
        let of = |scheme: usize, what: usize| {
            let true_error = variance(&all.iter().map(|study| study.values[what]).collect::<Vec<f64>>()).sqrt();
            let known: Vec<Estimated> = all.iter().filter_map(|study| study.estimates[scheme][what]).collect();
            let squares: Vec<f64> = known.iter().map(|of| of.standard_error.powi(2)).collect();
            Found {
                measured: 100.0 * known.len() as f64 / all.len() as f64,
                standard_error: mean(&squares).sqrt() / true_error,
                covers: share(&known, |of| of.covers),
                errs: share(&known, |of| of.rejects),
            }
        };
        (0..SCHEMES.len()).map(|scheme| [0, 1, 2].map(|what| of(scheme, what))).collect()
    }

    fn study(&self, number: u64, truth: [f64; 3]) -> Study {
        let data = self.data(number, self.patients, true);
        let measures: Vec<Box<dyn Measure>> = (0..2)
            .flat_map(|network| (0..self.classes).map(move |class| (network, class)))
            .map(|(network, class)| area(&data, network, self.classes, class))
            .collect();
        let values: Vec<f64> = measures.iter().map(|measure| measure.value().unwrap()).collect();
        let [first, second] = [three(&values[..self.classes]), three(&values[self.classes..])];
        let estimates = SCHEMES.map(|scheme| {
            let (resamples, degrees) = scheme.resampled(self, &data, &measures, number);
            [0, 1, 2].map(|what| {
                let of = |network: usize| -> Vec<f64> {
                    let at = |resample: usize| {
                        let all = &resamples[network * self.classes..(network + 1) * self.classes];
                        let row: Vec<f64> = all.iter().map(|class| class[resample]).collect();
                        if scheme == Scheme::Fixed && row.iter().any(|value| value.is_nan()) {
                            return f64::NAN;
                        }
                        three(&row)[what]
                    };
                    (0..RESAMPLES).map(at).collect()
                };
                let [own, other] = [of(0), of(1)];
                let less: Vec<f64> = own.iter().zip(&other).map(|(a, b)| a - b).collect();
                let mean = crossed(&[first[what]], &[own], degrees[what], Some((0.0, 1.0))).ok()?;
                let difference = crossed(&[first[what] - second[what]], &[less], degrees[what], None).ok()?;
                Some(Estimated {
                    standard_error: mean.standard_error,
                    covers: has(mean.interval, truth[what]),
                    rejects: difference.p < 0.05,
                })
            })
        });
        Study { values: first, estimates }
    }
}

struct Study {
    values: [f64; 3],
    estimates: [[Option<Estimated>; 3]; 4],
}

/// The mean of those that are defined, the last and the first.
fn three(areas: &[f64]) -> [f64; 3] {
    let defined: Vec<f64> = areas.iter().copied().filter(|area| !area.is_nan()).collect();
    [mean(&defined), areas[areas.len() - 1], areas[0]]
}

fn area(data: &Data, network: usize, classes: usize, class: usize) -> Box<dyn Measure> {
    super::measure(&format!("auc:{class}"), Labels::Multi, classes, &data.scores[network], &data.truth).unwrap()
}

impl Scheme {
    /// The areas on the resamples, and the degrees of freedom of each of [`WHAT`].
    fn resampled(
        self,
        world: &World,
        data: &Data,
        measures: &[Box<dyn Measure>],
        seed: u64,
    ) -> (Vec<Vec<f64>>, [f64; 3]) {
        let classes = world.classes;
        if self == Scheme::Rarest {
            let patients = Patients::new(&data.names, &data.truth, classes).unwrap();
            let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
            let sides = Sides::new(&data.names, &names, &data.truth);
            let of = [Rests::Both(None), Rests::Both(Some(&names[classes - 1])), Rests::Both(Some(&names[0]))];
            let degrees = of.map(|rests| sides.degrees(rests).min(patients.degrees() as f64));
            return (resampled(measures, &patients, RESAMPLES, seed), degrees);
        }
        let mut of_patients: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (record, name) in data.names.iter().enumerate() {
            of_patients.entry(name).or_default().push(record);
        }
        let records: Vec<Vec<usize>> = of_patients.into_values().collect();
        let strata = self.strata(&records, data, classes);
        let degrees = (records.len() - strata.len()) as f64;
        let mut random = stream(13, "resample", seed);
        let mut areas = vec![Vec::with_capacity(RESAMPLES); measures.len()];
        let orders: Vec<Vec<usize>> =
            (0..2 * classes).map(|of| order(data, of / classes, of % classes, classes)).collect();
        for _ in 0..RESAMPLES {
            let mut weights = vec![0.0; data.names.len()];
            for stratum in &strata {
                let drawn = stratum.len() - 1;
                for _ in 0..drawn {
                    let patient = stratum[random.random_range(0..stratum.len())];
                    records[patient].iter().for_each(|&at| weights[at] += stratum.len() as f64 / drawn as f64);
                }
            }
            for (of, areas) in areas.iter_mut().enumerate() {
                areas.push(weighted_area(&orders[of], &data.truth, of % classes, classes, &weights));
            }
        }
        (areas, [degrees; 3])
    }

    fn strata(self, records: &[Vec<usize>], data: &Data, classes: usize) -> Vec<Vec<usize>> {
        if self != Scheme::Sets {
            return vec![(0..records.len()).collect()];
        }
        let mut by_set: BTreeMap<&[bool], Vec<usize>> = BTreeMap::new();
        for (patient, records) in records.iter().enumerate() {
            by_set.entry(&data.truth[records[0] * classes..(records[0] + 1) * classes]).or_default().push(patient);
        }
        let (mut strata, few): (Vec<_>, Vec<_>) = by_set.into_values().partition(|stratum| stratum.len() >= 5);
        let mut few = few.concat();
        if few.len() == 1 {
            few.extend(strata.pop().unwrap_or_default());
        }
        strata.extend((few.len() > 1).then_some(few));
        strata
    }
}

/// Records from the lowest score to the highest. None are equal.
fn order(data: &Data, network: usize, class: usize, classes: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..data.names.len()).collect();
    let score = |record: usize| data.scores[network][record * classes + class];
    order.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
    order
}

/// Not that of the library, so that one checks the other.
fn weighted_area(order: &[usize], truth: &[bool], class: usize, classes: usize, weights: &[f64]) -> f64 {
    let (mut below, mut positive, mut wins) = (0.0, 0.0, 0.0);
    for &record in order {
        if truth[record * classes + class] {
            positive += weights[record];
            wins += weights[record] * below;
        } else {
            below += weights[record];
        }
    }
    wins / (positive * below)
}
