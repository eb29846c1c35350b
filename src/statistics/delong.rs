//! DeLong's test, by patient: do two classifiers rank the same records equally well?

use super::auc::placements;
use super::distributions::{normal_p, normal_quantile};
use super::unmeasurable::{LEAST_PATIENTS, Unmeasurable, varies};

/// Standard errors of areas below this are rounding.
const ROUNDING: f64 = 1e-12;

/// An area under the ROC curve, with what each patient adds to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// The area.
    pub auc: f64,
    /// Three values for each patient, all of which add up to 0. The sum of their squares is the variance of the area; that
    /// of their products with those of another classifier on the same records is the covariance of the two.
    pub influence: Vec<f64>,
}

/// The area of one classifier, every record being of a patient of its own: see [`area_by_patient`].
pub fn area(scores: &[f64], positive: &[bool]) -> Option<Area> {
    area_by_patient(scores, positive, &(0..scores.len()).collect::<Vec<_>>())
}

/// The area of one classifier, with its variance over patients, whose records are not independent. `patients` has a number
/// from 0 for each record. `None` where there are fewer than two patients with a positive record or with a negative one,
/// where the slices differ in length, or where a score is NaN.
///
/// With M positive and N negative records let V10 of a positive one be the share of the negatives that score lower, ties
/// half, and V01 of a negative one the share of the positives that score higher. With the sums over patient i
///
/// A_i = sum of (V10 - AUC) / M over its positives, and B_i = sum of (V01 - AUC) / N over its negatives,
///
/// the variance is, of I patients of whom I10 have positives and I01 negatives,
///
/// I10 / (I10 - 1) sum A_i^2 + I01 / (I01 - 1) sum B_i^2 + 2 I / (I - 1) sum A_i B_i,
///
/// which is S10 / M + S01 / N + 2 S11 / (M N) of Obuchowski NA. Nonparametric analysis of clustered ROC curve data.
/// Biometrics 1997;53:567-578, doi:10.2307/2533958. With one record for each patient it is the variance of DeLong,
/// DeLong and Clarke-Pearson. It is made of squares, with a, b and c for the three factors, c being the smallest:
///
/// a A^2 + b B^2 + 2 c A B = c (A + B)^2 + (a - c) A^2 + (b - c) B^2,
///
/// so that areas can be averaged and subtracted by what patients add to each: the roots of these three.
///
/// By midranks, in the time of sorting: Sun X, Xu W. Fast implementation of DeLong's algorithm for comparing the
/// areas under correlated receiver operating characteristic curves. IEEE Signal Process Lett 2014;21:1389-1393.
pub fn area_by_patient(scores: &[f64], positive: &[bool], patients: &[usize]) -> Option<Area> {
    let sizes_fit = scores.len() == positive.len() && scores.len() == patients.len();
    if !sizes_fit || scores.iter().any(|s| s.is_nan()) {
        return None;
    }
    let count = patients.iter().max().map_or(0, |last| last + 1);
    let mut on_side = [vec![false; count], vec![false; count]];
    for (&patient, &has) in patients.iter().zip(positive) {
        on_side[usize::from(has)][patient] = true;
    }
    let patients_of = |side: usize| on_side[side].iter().filter(|has| **has).count();
    let (without, with) = (patients_of(0), patients_of(1));
    if with < LEAST_PATIENTS || without < LEAST_PATIENTS {
        return None;
    }
    let (auc, shares) = placements(scores, positive);
    let records = |side: bool| positive.iter().filter(|has| **has == side).count() as f64;
    let (positives, negatives) = (records(true), records(false));
    let mut sums = vec![(0.0, 0.0); count];
    for ((share, &has), &patient) in shares.iter().zip(positive).zip(patients) {
        let (a, b) = &mut sums[patient];
        if has { *a += (share - auc) / positives } else { *b += (share - auc) / negatives }
    }
    let all = on_side[0].iter().zip(&on_side[1]).filter(|(a, b)| **a || **b).count();
    let factor = |n: usize| n as f64 / (n as f64 - 1.0);
    let both = factor(all);
    let (own, other) = ((factor(with) - both).max(0.0).sqrt(), (factor(without) - both).max(0.0).sqrt());
    let influence = sums.into_iter().flat_map(|(a, b)| [both.sqrt() * (a + b), own * a, other * b]).collect();
    Some(Area { auc, influence })
}

impl Area {
    /// The mean of the areas of several classes, each against all others, of the same patients: the macro AUC. `None` where
    /// there are none.
    ///
    /// What a patient adds to the mean is the mean of what it adds to each, so that covariances between classes,
    /// which share their records, are in the variance.
    pub fn mean(areas: &[Area]) -> Option<Area> {
        let (first, count) = (areas.first()?, areas.len() as f64);
        let at = |place: usize| areas.iter().map(|area| area.influence[place]).sum::<f64>() / count;
        let influence = (0..first.influence.len()).map(at).collect();
        Some(Area { auc: areas.iter().map(|area| area.auc).sum::<f64>() / count, influence })
    }

    /// The variance of the area.
    pub fn variance(&self) -> f64 {
        self.influence.iter().map(|value| value * value).sum()
    }

    /// The covariance with the area of another classifier on the same records.
    pub fn covariance(&self, other: &Area) -> f64 {
        self.influence.iter().zip(&other.influence).map(|(a, b)| a * b).sum()
    }
}

/// The difference of two areas on the same records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeLong {
    /// First less second.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Difference over standard error.
    pub z: f64,
    /// Two-sided p-value, of the normal distribution.
    pub p: f64,
    /// 95% interval of the difference.
    pub interval: (f64, f64),
}

/// The test of two areas on the same records.
///
/// DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated receiver operating
/// characteristic curves: a nonparametric approach. Biometrics 1988;44:837-845, doi:10.2307/2531595.
///
/// # Errors
/// Where no patient makes any difference, be it 0 or not.
pub fn delong(first: &Area, second: &Area) -> Result<DeLong, Unmeasurable> {
    let difference = first.auc - second.auc;
    let squares = first.influence.iter().zip(&second.influence).map(|(a, b)| (a - b) * (a - b));
    let standard_error = squares.sum::<f64>().sqrt();
    if !varies(standard_error, difference, ROUNDING) {
        return Err(Unmeasurable::SameForPatients);
    }
    let z = difference / standard_error;
    let half = normal_quantile(0.975) * standard_error;
    Ok(DeLong { difference, standard_error, z, p: normal_p(z), interval: (difference - half, difference + half) })
}
