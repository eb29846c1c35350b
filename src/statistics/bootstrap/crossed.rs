//! An interval that accounts for seeds and patients.

use crate::statistics::distributions::{t_p, t_quantile};
use crate::statistics::spread::Moments;
use crate::statistics::unmeasurable::{Unmeasurable, varies};

/// Fewer resamples say nothing of a variance.
const LEAST_RESAMPLES: usize = 20;
/// Weights of resamples have seven digits: standard errors below this are rounding.
const ROUNDING: f64 = 1e-6;

/// A mean over seeds, or a mean difference, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean over seeds on the records that there are.
    pub mean: f64,
    /// Number of seeds.
    pub seeds: usize,
    /// Its standard error over seeds and patients; over patients alone where there is one seed.
    pub standard_error: f64,
    /// Degrees of freedom of the standard error.
    pub degrees: f64,
    /// The 95% interval, low and high: mean -+ t(0.975, degrees) standard error; on the logit's scale where there
    /// is a range.
    pub interval: (f64, f64),
    /// Two-sided p-value that it is 0, by Student's t; 1 for a mean of 0.
    pub p: f64,
}

/// What `observed`, one value for each seed, says of the mean over all seeds and all patients.
///
/// `resampled` has for each seed the value on each resample of the patients, the same resamples for all seeds
/// (NaN where not defined: left out). `patient_degrees` is the smaller of [`Patients::degrees`](super::Patients::degrees)
/// and [`Sides::degrees`](crate::statistics::Sides::degrees).
///
/// A value is the truth, plus A of the patients, plus B of the seed, plus C of both. The variance of the mean over S
/// seeds is var A + var B / S + var C / S. With V the variance of the mean over resamples, c the mean covariance over
/// resamples of two seeds' values (0 where that is negative), and s^2 the variance of the seeds' values, V estimates
/// var A + var C / S, c var A, and s^2 var B + var C. The interval is the wider of those made with the variances
///
/// V, with `patient_degrees` degrees of freedom, and
/// s^2 / S + c, with (s^2 / S + c)^2 / ((s^2 / S)^2 / (S - 1) + c^2 / patient_degrees) of them,
///
/// and p is the larger of the two. The second is the method of Obuchowski and Rockette (1995,
/// doi:10.1080/03610919508813243) for readers and cases, seeds being the readers, with the degrees of freedom of Hillis
/// (2007, doi:10.1002/sim.2532), to which those of the patients are added after Satterthwaite. The first is the least it
/// can be, var B being no less than 0: without it three seeds that happen to agree make an interval narrower than that of
/// the patients alone. To take the larger *variance* instead would give up the few degrees of freedom of the seeds as
/// soon as they agree a little more than the patients would have them: in simulations that errs in up to 7.5 % with three
/// seeds, where the wider interval errs in up to 5.5 %.
///
/// With one seed it is V, and says nothing of other seeds.
///
/// `range` is what the metric can be. Its mean has a skewed distribution near an end, so that the interval is made
/// for log((mean - low) / (high - mean)), whose standard error is that of the mean times the derivative (Pepe
/// 2003, section 5.2.4, for the AUC). A difference has none.
///
/// How often it errs is measured by `make error-rates` (docs/statistics.md).
///
/// # Errors
/// Where there is no seed, where fewer than half of at least 20 resamples are defined for all seeds, and where neither
/// patients nor seeds make any difference.
pub fn crossed(
    observed: &[f64],
    resampled: &[Vec<f64>],
    patient_degrees: f64,
    range: Option<(f64, f64)>,
) -> Result<Estimate, Unmeasurable> {
    let seeds = observed.len();
    let mean = observed.iter().sum::<f64>() / seeds as f64;
    let of_patients =
        Resampled::from_values(resampled).filter(|of| of.seeds == seeds).ok_or(Unmeasurable::Undefined)?;
    let patient_degrees = patient_degrees.max(1.0);
    let mut candidates = vec![Estimated { variance: of_patients.of_mean, degrees: patient_degrees }];
    if seeds > 1 {
        let of_seeds = variance(observed.iter().copied()) / seeds as f64;
        candidates.push(Estimated::from_both(of_seeds, seeds, of_patients.shared, patient_degrees));
    }
    candidates.retain(|error| varies(error.variance.sqrt(), mean, ROUNDING));
    let widest = candidates.iter().max_by(|a, b| a.half().total_cmp(&b.half())).ok_or(Unmeasurable::SameForPatients)?;
    let half = widest.half();
    let interval = match range {
        Some(range) => on_logit(mean, half, range),
        None => (mean - half, mean + half),
    };
    let p_of = |error: &Estimated| if mean == 0.0 { 1.0 } else { t_p(mean / error.variance.sqrt(), error.degrees) };
    let p = candidates.iter().map(p_of).fold(0.0, f64::max);
    Ok(Estimate { mean, seeds, standard_error: widest.variance.sqrt(), degrees: widest.degrees, interval, p })
}

/// Variances over resamples.
struct Resampled {
    seeds: usize,
    /// Of the mean over seeds.
    of_mean: f64,
    /// What two seeds have in common, in the mean over pairs of them; 0 where they have less than nothing.
    shared: f64,
}

impl Resampled {
    fn from_values(resampled: &[Vec<f64>]) -> Option<Self> {
        let resamples = resampled.iter().map(Vec::len).min()?;
        let defined: Vec<usize> = (0..resamples).filter(|&at| resampled.iter().all(|of| !of[at].is_nan())).collect();
        if resamples < LEAST_RESAMPLES || 2 * defined.len() < resamples {
            return None;
        }
        let count = resampled.len() as f64;
        let own = resampled.iter().map(|of| variance(defined.iter().map(|&at| of[at]))).sum::<f64>() / count;
        let of_mean = variance(defined.iter().map(|&at| resampled.iter().map(|of| of[at]).sum::<f64>() / count));
        let shared = if resampled.len() > 1 { ((count * of_mean - own) / (count - 1.0)).max(0.0) } else { 0.0 };
        Some(Self { seeds: resampled.len(), of_mean, shared })
    }
}

/// A variance and its degrees of freedom.
struct Estimated {
    variance: f64,
    degrees: f64,
}

impl Estimated {
    /// The sum of the variance of the mean over seeds and of what all seeds share, after Satterthwaite.
    fn from_both(of_seeds: f64, seeds: usize, shared: f64, patient_degrees: f64) -> Self {
        let variance = of_seeds + shared;
        let squares = of_seeds.powi(2) / (seeds as f64 - 1.0) + shared.powi(2) / patient_degrees;
        Self { variance, degrees: variance.powi(2) / squares }
    }

    /// Half of the 95% interval.
    fn half(&self) -> f64 {
        t_quantile(0.975, self.degrees) * self.variance.sqrt()
    }
}

/// Mean -+ half on the scale of the logit; mean -+ half, cut, where the mean is at an end of the range.
fn on_logit(mean: f64, half: f64, (low, high): (f64, f64)) -> (f64, f64) {
    let share = (mean - low) / (high - low);
    if !(share > 0.0 && share < 1.0) {
        return ((mean - half).max(low), (mean + half).min(high));
    }
    let (logit, half) = ((share / (1.0 - share)).ln(), half / ((high - low) * share * (1.0 - share)));
    let back = |logit: f64| low + (high - low) / (1.0 + (-logit).exp());
    (back(logit - half), back(logit + half))
}

/// The sample variance; 0 of fewer than two values.
fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    Moments::from_values(values).variance.unwrap_or(0.0)
}
