//! DeLong's test: do two classifiers rank the same records equally well?

use super::distributions::{normal_p, normal_quantile};

/// An area under the ROC curve, with what each record adds to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// The area.
    pub auc: f64,
    /// One value for each record, whose sum is 0 and whose sum of squares is DeLong's variance of the area;
    /// sums of products with another classifier's are their covariance.
    ///
    /// For a positive record (V10 - AUC) / sqrt(m (m - 1)), with m positives and V10 the share of negatives
    /// that score lower (ties half); for a negative one (V01 - AUC) / sqrt(n (n - 1)), with V01 the share of the
    /// n negatives' counterparts, the positives that score higher.
    pub influence: Vec<f64>,
}

/// The area of one classifier. `None` where there are fewer than two records with or without the class, where
/// the slices differ in length, or where a score is NaN.
///
/// By midranks, in the time of sorting: Sun X, Xu W. Fast implementation of DeLong's algorithm for comparing the
/// areas under correlated receiver operating characteristic curves. IEEE Signal Process Lett 2014;21:1389-1393.
pub fn area(scores: &[f64], positive: &[bool]) -> Option<Area> {
    let positives = positive.iter().filter(|has| **has).count();
    let negatives = positive.len() - positives;
    if scores.len() != positive.len() || positives < 2 || negatives < 2 || scores.iter().any(|s| s.is_nan()) {
        return None;
    }
    let (m, n) = (positives as f64, negatives as f64);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    // Negatives below a positive, positives above a negative; what ties counts half. A record's midrank among
    // all less that among its own kind is the same number.
    let mut influence = vec![0.0; scores.len()];
    let (mut below, mut seen) = (0.0, 0.0);
    let mut wins = 0.0;
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let with = tied.iter().filter(|&&at| positive[at]).count() as f64;
        let without = tied.len() as f64 - with;
        for &at in tied {
            influence[at] = if positive[at] { (below + 0.5 * without) / n } else { (m - seen - 0.5 * with) / m };
        }
        wins += with * (below + 0.5 * without);
        below += without;
        seen += with;
    }
    let auc = wins / (m * n);
    let (with, without) = ((m * (m - 1.0)).sqrt(), (n * (n - 1.0)).sqrt());
    for (value, has) in influence.iter_mut().zip(positive) {
        *value = (*value - auc) / if *has { with } else { without };
    }
    Some(Area { auc, influence })
}

impl Area {
    /// The mean of the areas of several classes, each against all others: the macro AUC. `None` where there are none.
    ///
    /// The influence of a record on the mean is the mean of its influences, so that covariances between classes,
    /// which share their records, are in the variance.
    pub fn mean(areas: &[Area]) -> Option<Area> {
        let (first, count) = (areas.first()?, areas.len() as f64);
        let at = |record: usize| areas.iter().map(|area| area.influence[record]).sum::<f64>() / count;
        let influence = (0..first.influence.len()).map(at).collect();
        Some(Area { auc: areas.iter().map(|area| area.auc).sum::<f64>() / count, influence })
    }

    /// The same area with the influences of records of one patient added up: records of one patient are not
    /// independent (Obuchowski 1997, doi:10.2307/2533958). `patients` has a number from 0 for each record.
    pub fn by_patient(&self, patients: &[usize]) -> Area {
        let mut influence = vec![0.0; patients.iter().max().map_or(0, |last| last + 1)];
        for (value, &patient) in self.influence.iter().zip(patients) {
            influence[patient] += value;
        }
        Area { auc: self.auc, influence }
    }

    /// DeLong's variance of the area.
    pub fn variance(&self) -> f64 {
        self.influence.iter().map(|value| value * value).sum()
    }

    /// DeLong's covariance with the area of another classifier on the same records.
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
    /// Difference over standard error; 0 where both are 0.
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
pub fn delong(first: &Area, second: &Area) -> DeLong {
    let difference = first.auc - second.auc;
    let squares = first.influence.iter().zip(&second.influence).map(|(a, b)| (a - b) * (a - b));
    let standard_error = squares.sum::<f64>().sqrt();
    let z = if difference == 0.0 { 0.0 } else { difference / standard_error };
    let half = normal_quantile(0.975) * standard_error;
    DeLong { difference, standard_error, z, p: normal_p(z), interval: (difference - half, difference + half) }
}
