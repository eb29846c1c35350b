//! The area under the receiver operating characteristic.

/// Area under the ROC curve of one class: how often a record with the class scores higher than one
/// without it, ties counting half (the Mann-Whitney statistic; Hanley and McNeil 1982). `None` where
/// all records or none have the class, where the slices differ in length, or where a score is NaN.
///
/// The cost is that of sorting.
///
/// # Examples
/// ```
/// use ecgraft::statistics::auc;
/// assert_eq!(auc(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false]), Some(0.875));
/// assert_eq!(auc(&[0.9, 0.4], &[true, true]), None);
/// ```
pub fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    if scores.len() != positive.len() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let [with, without] = sides(positive);
    let mut wins = 0.0;
    ties(scores, positive, |tied| wins += tied.with * (tied.below + 0.5 * tied.without));
    (with > 0.0 && without > 0.0).then(|| wins / (with * without))
}

/// The area, and of each record with the class the share of those without it that score lower, of each without it the
/// share of those with it that score higher, ties counting half. There are records of both kinds, no score is NaN.
pub(super) fn placements(scores: &[f64], positive: &[bool]) -> (f64, Vec<f64>) {
    let [m, n] = sides(positive);
    let (mut shares, mut wins) = (vec![0.0; scores.len()], 0.0);
    ties(scores, positive, |tied| {
        for &at in tied.records {
            shares[at] = if positive[at] {
                (tied.below + 0.5 * tied.without) / n
            } else {
                (m - tied.with_below - 0.5 * tied.with) / m
            };
        }
        wins += tied.with * (tied.below + 0.5 * tied.without);
    });
    (wins / (m * n), shares)
}

/// Records of one score. Their numbers, and halves of them, are exact.
struct Tied<'a> {
    records: &'a [usize],
    /// Those of them with the class.
    with: f64,
    /// Those without it.
    without: f64,
    /// Records without the class that score lower.
    below: f64,
    /// Records with it that do.
    with_below: f64,
}

/// Tells `each` group of equal scores, the lowest first.
fn ties(scores: &[f64], positive: &[bool], mut each: impl FnMut(&Tied<'_>)) {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut below, mut with_below) = (0.0, 0.0);
    for records in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let with = records.iter().filter(|&&at| positive[at]).count() as f64;
        let without = records.len() as f64 - with;
        each(&Tied { records, with, without, below, with_below });
        below += without;
        with_below += with;
    }
}

/// Records with the class, and without.
fn sides(positive: &[bool]) -> [f64; 2] {
    let with = positive.iter().filter(|has| **has).count();
    [with as f64, (positive.len() - with) as f64]
}
