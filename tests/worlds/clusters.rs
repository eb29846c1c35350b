//! Patients with several records, some of them with the class and some without.

use ecgraft::seed::stream;
use ecgraft::statistics::delong::{area, area_by_patient, delong};
use rand::RngExt;
use rayon::prelude::*;

use super::{normal, variance};

const PATIENTS: usize = 80;

/// What one study found of two classifiers that are equally good.
struct Study {
    auc: f64,
    difference: f64,
    /// Variance of the area: by patient, and as if each record were of a patient of its own.
    variances: [f64; 2],
    /// The same of the difference.
    of_difference: [f64; 2],
    rejects: [bool; 2],
}

/// Variances over what they should be, by patient and by record, of the area and of the difference; and how often the
/// tests of the two err.
pub struct Ratios {
    pub area: [f64; 2],
    pub difference: [f64; 2],
    pub errs: [f64; 2],
}

fn study(number: u64) -> Study {
    let mut random = stream(3, "clusters", number);
    let (mut truth, mut patients, mut scores) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    for patient in 0..PATIENTS {
        let prone = normal(&mut random);
        let own = 0.8 * normal(&mut random);
        let of_network = [0.4, 0.4].map(|sd| sd * normal(&mut random));
        for _ in 0..random.random_range(1..6usize) {
            let has = prone + normal(&mut random) > 0.8;
            truth.push(has);
            patients.push(patient);
            for (network, scores) in scores.iter_mut().enumerate() {
                scores.push(own + of_network[network] + 0.5 * normal(&mut random) + if has { 1.2 } else { 0.0 });
            }
        }
    }
    let both = |of: &Vec<f64>| [area_by_patient(of, &truth, &patients).unwrap(), area(of, &truth).unwrap()];
    let [first, second] = [both(&scores[0]), both(&scores[1])];
    let tests = [0, 1].map(|of| delong(&first[of], &second[of]).unwrap());
    Study {
        auc: first[0].auc,
        difference: tests[0].difference,
        variances: [first[0].variance(), first[1].variance()],
        of_difference: tests.map(|test| test.standard_error.powi(2)),
        rejects: tests.map(|test| test.p < 0.05),
    }
}

pub fn ratios(studies: u64) -> Ratios {
    let found: Vec<Study> = (0..studies).into_par_iter().map(study).collect();
    let all = |of: &dyn Fn(&Study) -> f64| found.iter().map(of).collect::<Vec<f64>>();
    let [of_area, of_difference] = [variance(&all(&|study| study.auc)), variance(&all(&|study| study.difference))];
    Ratios {
        area: [0, 1].map(|of| super::mean(&all(&|study| study.variances[of])) / of_area),
        difference: [0, 1].map(|of| super::mean(&all(&|study| study.of_difference[of])) / of_difference),
        errs: [0, 1].map(|of| super::share(&found, |study| study.rejects[of])),
    }
}
