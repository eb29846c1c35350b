//! Two arms of several seeds, tested on the same patients.

use ecgraft::manifest::Labels;
use ecgraft::seed::stream;
use ecgraft::statistics::bootstrap::{Measure, Patients, crossed, resampled};
use ecgraft::statistics::delong::{area, delong};
use ecgraft::statistics::distributions::normal_p;
use ecgraft::statistics::mcnemar::mcnemar;
use ecgraft::statistics::{Difference, Rests, Sides};
use rand::RngExt;
use rayon::prelude::*;

use super::{has, measure, normal};

const RESAMPLES: usize = 200;

/// What scores are made of: the class times a separation, and normal variables with these standard deviations.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub seeds: usize,
    /// Patients with and without the class.
    pub patients: [usize; 2],
    /// How far the class moves the scores of the two arms.
    pub separations: [f64; 2],
    /// Of the separation, by arm and seed: some trainings are better than others.
    pub seed: f64,
    /// Of a patient, the same for all networks.
    pub patient: f64,
    /// Of a patient for an arm.
    pub arm: f64,
    /// Of a patient for one network.
    pub network: f64,
}

pub const WORLD: World =
    World { seeds: 3, patients: [40, 80], separations: [1.5, 1.5], seed: 0.15, patient: 0.7, arm: 0.4, network: 0.5 };

/// What one study found.
pub struct Study {
    /// Whether the difference is called significant at 5 %.
    pub rejects: bool,
    /// Whether the interval of the difference has the true one in it.
    pub covers_difference: bool,
    /// Whether the interval of the first arm's mean has the true one in it.
    pub covers_mean: bool,
    /// The same for the t interval over seeds.
    pub seeds_cover_difference: bool,
    /// Whether DeLong's test, of the first seed, calls a difference.
    pub delong_rejects: bool,
    /// Whether McNemar's does, a score of half the separation being taken for the class.
    pub mcnemar_rejects: bool,
}

impl World {
    /// The area under the ROC curve of arm `arm` over all trainings and patients: the probability that a normal
    /// variable with this mean and variance is positive.
    fn truth(&self, arm: usize) -> f64 {
        let noise = self.patient.powi(2) + self.arm.powi(2) + self.network.powi(2);
        let z = self.separations[arm] / (2.0 * noise + self.seed.powi(2)).sqrt();
        1.0 - 0.5 * normal_p(z)
    }

    fn study(&self, number: u64) -> Study {
        let mut random = stream(7, "study", number);
        let [with, without] = self.patients;
        let truth: Vec<bool> = (0..with + without).map(|patient| patient < with).collect();
        let shared: Vec<f64> = truth.iter().map(|_| self.patient * normal(&mut random)).collect();
        let mut scores: Vec<Vec<f64>> = Vec::new();
        for arm in 0..2 {
            let of_arm: Vec<f64> = shared.iter().map(|shared| shared + self.arm * normal(&mut random)).collect();
            for _ in 0..self.seeds {
                let separation = self.separations[arm] + self.seed * normal(&mut random);
                let score = |(of_arm, has): (&f64, &bool)| {
                    of_arm + self.network * normal(&mut random) + if *has { separation } else { 0.0 }
                };
                scores.push(of_arm.iter().zip(&truth).map(score).collect());
            }
        }
        let names: Vec<String> = (0..truth.len()).map(|patient| patient.to_string()).collect();
        let patients = Patients::new(&names, &truth, 1).unwrap();
        let by_design = Sides::new(&names, &["class"], &truth).degrees(Rests::Both(None));
        let degrees = by_design.min(patients.degrees() as f64);
        let measure = |of: &Vec<f64>| measure("macro_auc", Labels::Multi, 1, of, &truth).unwrap();
        let measures: Vec<Box<dyn Measure>> = scores.iter().map(measure).collect();
        let values: Vec<f64> = measures.iter().map(|measure| measure.value().unwrap()).collect();
        let resamples = resampled(&measures, &patients, RESAMPLES, random.random());
        let (first, second) = resamples.split_at(self.seeds);
        let less = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        let differences: Vec<f64> = (0..self.seeds).map(|seed| values[seed] - values[seed + self.seeds]).collect();
        let resampled: Vec<Vec<f64>> = first.iter().zip(second).map(less).collect();
        let difference = crossed(&differences, &resampled, degrees, None).unwrap();
        let mean = crossed(&values[..self.seeds], first, degrees, Some((0.0, 1.0))).unwrap();

        let true_difference = self.truth(0) - self.truth(1);
        let areas = [0, self.seeds].map(|network| area(&scores[network], &truth).unwrap());
        let right = |network: usize| -> Vec<bool> {
            scores[network].iter().zip(&truth).map(|(score, has)| (*score > 0.75) == *has).collect()
        };
        Study {
            rejects: difference.p < 0.05,
            covers_difference: has(difference.interval, true_difference),
            covers_mean: has(mean.interval, self.truth(0)),
            seeds_cover_difference: Difference::from_pairs(&differences)
                .and_then(|found| found.interval())
                .is_some_and(|interval| has(interval, true_difference)),
            delong_rejects: delong(&areas[0], &areas[1]).is_ok_and(|found| found.p < 0.05),
            mcnemar_rejects: mcnemar(&right(0), &right(self.seeds)).unwrap().mid < 0.05,
        }
    }

    pub fn studies(&self, studies: u64) -> Vec<Study> {
        (0..studies).into_par_iter().map(|number| self.study(number)).collect()
    }
}
