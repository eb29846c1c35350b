//! True against predicted classes, counted.

/// Counts of pairs of truth and prediction, each below `classes`: a row for each truth, a column for each prediction.
pub fn confusion_matrix(classes: usize, pairs: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    for (truth, predicted) in pairs {
        counts[truth][predicted] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_truths_and_columns_predictions() {
        let counts = confusion_matrix(2, [(0, 0), (0, 1), (0, 1), (1, 0)].into_iter());
        assert_eq!(counts, [[1, 2], [1, 0]]);
        assert_eq!(confusion_matrix(1, std::iter::empty()), [[0]]);
    }
}
