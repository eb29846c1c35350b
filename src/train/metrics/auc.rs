//! The area under the receiver operating characteristic.

/// Area under the ROC curve of one class: how often a record with the class scores higher than one
/// without it, ties counting half (the Mann-Whitney statistic; Hanley and McNeil 1982). `None` where
/// all records or none have the class, where the slices differ in length, or where a score is NaN.
///
/// The cost is that of sorting.
///
/// # Examples
/// ```
/// use ecgraft::train::metrics::auc;
/// assert_eq!(auc(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false]), Some(0.875));
/// assert_eq!(auc(&[0.9, 0.4], &[true, true]), None);
/// ```
pub fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    if scores.len() != positive.len() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let positives = positive.iter().filter(|p| **p).count() as u128;
    let negatives = scores.len() as u128 - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));

    // Twice the rank sum of the positives. Equal scores share the mean of their ranks, whose double
    // is the sum of the first and the last: whole numbers, so nothing is rounded before the end.
    let (mut twice_rank_sum, mut before) = (0u128, 0u128);
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let (first, last) = (before + 1, before + tied.len() as u128);
        twice_rank_sum += (first + last) * tied.iter().filter(|(_, p)| *p).count() as u128;
        before = last;
    }
    let twice_wins = twice_rank_sum - positives * (positives + 1);
    Some(twice_wins as f64 / (2 * positives * negatives) as f64)
}
