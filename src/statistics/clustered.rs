//! The mean of numbers of which some are of one patient.

use std::collections::HashMap;
use std::hash::Hash;

use super::distributions::t_quantile;

/// The 95% interval of the mean of `values`, low and high, where those of one of `patients` go together; `None` below two
/// patients, or where the mean of each is that of all.
///
/// mean -+ t(0.975, G - 1) s with s² = G / (G - 1) · Σ (sum of a patient's deviations from the mean)² / n², of G patients
/// and n values: the cluster-robust variance of a mean (Cameron and Miller 2015, <https://doi.org/10.3368/jhr.50.2.317>,
/// their equation 11 with the correction below it).
///
/// # Examples
/// ```
/// // One value of each of three: Student's interval.
/// let (low, high) = ecgraft::statistics::clustered_interval(&[1.0, 2.0, 3.0], &["a", "b", "c"]).unwrap();
/// assert!((low - (2.0 - 4.302652729749462 / 3f64.sqrt())).abs() < 1e-9 && (low + high - 4.0).abs() < 1e-9);
/// ```
pub fn clustered_interval<P: Eq + Hash>(values: &[f64], patients: &[P]) -> Option<(f64, f64)> {
    let n = values.len().min(patients.len()) as f64;
    let mean = values.iter().sum::<f64>() / n;
    // In the order of first appearance, so that the same numbers are added in the same order each time.
    let (mut places, mut sums): (HashMap<&P, usize>, Vec<f64>) = (HashMap::new(), Vec::new());
    for (value, patient) in values.iter().zip(patients) {
        let place = *places.entry(patient).or_insert(sums.len());
        if place == sums.len() {
            sums.push(0.0);
        }
        sums[place] += value - mean;
    }
    let groups = sums.len() as f64;
    if sums.len() < 2 {
        return None;
    }
    let squares: f64 = sums.iter().map(|sum| sum * sum).sum();
    let error = (groups / (groups - 1.0) * squares).sqrt() / n;
    let half = t_quantile(0.975, groups - 1.0) * error;
    (half > 0.0 && half.is_finite()).then_some((mean - half, mean + half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_statsmodels() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics/clustered.json")).unwrap();
        for case in cases.as_array().unwrap() {
            let list = |name: &str| case[name].as_array().unwrap();
            let values: Vec<f64> = list("values").iter().map(|value| value.as_f64().unwrap()).collect();
            let patients: Vec<u64> = list("patients").iter().map(|value| value.as_u64().unwrap()).collect();
            let (low, high) = clustered_interval(&values, &patients).unwrap();
            assert!((low - case["low"].as_f64().unwrap()).abs() < 1e-9, "{low}");
            assert!((high - case["high"].as_f64().unwrap()).abs() < 1e-9, "{high}");
        }
    }

    #[test]
    fn one_patient_has_none() {
        assert_eq!(clustered_interval(&[1.0, 2.0, 3.0], &["a", "a", "a"]), None);
        assert_eq!(clustered_interval(&[2.0, 2.0], &["a", "b"]), None);
        assert_eq!(clustered_interval::<&str>(&[], &[]), None);
    }
}
