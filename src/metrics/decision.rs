//! When a class is predicted: with one class a record the most probable one, with several labels each whose probability
//! is at least one half.

use crate::manifest::Labels;

/// A probability at or above this is a yes, where a record may have several classes.
pub const THRESHOLD: f64 = 0.5;

/// Whether a record of this `probability` of a class has it, where it may have several.
pub fn is_yes(probability: f64) -> bool {
    probability >= THRESHOLD
}

/// The place of the most probable class, the first where several are.
///
/// ```
/// use ecgraft::metrics::decision::most_probable;
/// assert_eq!(most_probable(&[0.2, 0.4, 0.4]), 1);
/// ```
pub fn most_probable(probabilities: &[f64]) -> usize {
    let better = |best: usize, at: usize| if probabilities[at] > probabilities[best] { at } else { best };
    (1..probabilities.len()).fold(0, better)
}

/// Which classes are predicted of one record.
pub fn decide(labels: Labels, probabilities: &[f64]) -> Vec<bool> {
    match labels {
        Labels::Single => {
            let top = most_probable(probabilities);
            (0..probabilities.len()).map(|class| class == top).collect()
        }
        Labels::Multi => probabilities.iter().copied().map(is_yes).collect(),
    }
}

/// Whether every class of a record is decided right. With one class a record, that the predicted one is true.
pub fn is_right(labels: Labels, probabilities: &[f64], truth: &[bool]) -> bool {
    match labels {
        Labels::Single => truth[most_probable(probabilities)],
        Labels::Multi => probabilities.iter().zip(truth).all(|(probability, has)| is_yes(*probability) == *has),
    }
}
