//! From probabilities to predicted classes.

use crate::store::{PredictionsOfRun, TestedRecord};

/// A probability at or above this is a yes, where a record may have several classes.
pub(in crate::report::figure) const THRESHOLD: f64 = 0.5;

/// Whether `class`, by its place, is predicted of `record`: the class of the highest probability where each record has
/// one, else any whose probability is at least [`THRESHOLD`].
pub(in crate::report::figure) fn is_predicted(tested: &PredictionsOfRun, record: &TestedRecord, class: usize) -> bool {
    if tested.single_label { class == record.highest() } else { record.probabilities[class] >= THRESHOLD }
}
