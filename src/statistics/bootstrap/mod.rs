//! The bootstrap by patient, joined with the spread over seeds.
//!
//! # Resamples
//!
//! [`Patients`] are drawn with replacement within strata, those with the same rarest class, all records of a
//! patient together. All networks are measured on the same resamples, so that what makes a resample easy for
//! all cancels in differences. Of the n patients of a stratum n - 1 are drawn, each counting n / (n - 1) times:
//! drawing n would make variances too small by (n - 1) / n, which matters where classes are rare (McCarthy and
//! Snowden 1985; Rao and Wu 1988, doi:10.1080/01621459.1988.10478591).
//!
//! # Seeds
//!
//! Three or five seeds cannot be resampled: their bootstrap has (n - 1) / n of the variance and the tails of the
//! normal distribution, and resampling seeds and patients at once counts what they do together three times
//! (Owen 2007, doi:10.1214/07-AOAS122). Instead the seeds' own variance is added to that over patients, as
//! readers' and cases' are in studies of diagnostic imaging: see [`crossed`].
//!
//! ```
//! use ecgraft::statistics::bootstrap::{Mean, Measure, Patients, crossed, resampled};
//!
//! // Two classes, four records of four patients; the second network is wrong about the last.
//! let truth = [true, false, true, false, false, true, false, true];
//! let patients = Patients::new(&["a", "b", "c", "d"], &truth, 2).unwrap();
//! let right = |of: [f64; 4]| Box::new(Mean(of.to_vec())) as Box<dyn Measure>;
//! let measures = [right([1.0, 1.0, 1.0, 1.0]), right([1.0, 1.0, 1.0, 0.0])];
//! assert_eq!((measures[0].value(), measures[1].value()), (Some(1.0), Some(0.75)));
//! let resamples = resampled(&measures, &patients, 100, 0);
//! let differences: Vec<f64> = resamples[1].iter().zip(&resamples[0]).map(|(b, a)| b - a).collect();
//! let estimate = crossed(&[-0.25], &[differences], patients.degrees() as f64, None).unwrap();
//! assert_eq!(estimate.mean, -0.25);
//! ```

use rayon::prelude::*;

mod crossed;
mod measure;
mod patients;

pub use crossed::{Estimate, crossed};
pub use measure::{LANES, Lanes, Mean, Measure, add, mean_of_defined};
pub use patients::Patients;

/// Every measure on the same `resamples` resamples of the patients: for each measure one value for each resample,
/// NaN where it is not defined there.
///
/// Resample number r is drawn by a generator of its own, of `seed` and r: the numbers are the same whatever the
/// number of threads, and the first thousand of ten thousand are those of a thousand.
///
/// # Panics
/// Never: a measure of another number of records than the patients have gives NaN.
pub fn resampled(measures: &[Box<dyn Measure>], patients: &Patients, resamples: usize, seed: u64) -> Vec<Vec<f64>> {
    let batches: Vec<Vec<Lanes<f64>>> = (0..resamples.div_ceil(LANES))
        .into_par_iter()
        .map(|batch| {
            let weights = patients.weights(seed, batch * LANES);
            let on = |measure: &dyn Measure| {
                let fits = measure.records() == weights.len();
                if fits { measure.on(&weights) } else { [f64::NAN; LANES] }
            };
            measures.iter().map(|measure| on(&**measure)).collect()
        })
        .collect();
    let of = |measure: usize| batches.iter().flat_map(move |batch| batch[measure]).take(resamples).collect();
    (0..measures.len()).map(of).collect()
}
