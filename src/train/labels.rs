//! What examples are measured against.

use crate::Result;
use crate::data::{Datasets, Pick, Record, Split, Subset};
use crate::error::Error;

/// The labels of some examples, in their order.
#[derive(Clone, Debug)]
pub(super) enum ExampleLabels {
    /// Standardised numbers, (examples, targets), and the number of targets; NaN where one is not known.
    Numbers(Vec<f32>, usize),
    /// One class each.
    OneClass(Vec<usize>),
    /// Any number of classes each, (examples, classes).
    AnyClasses(Vec<bool>),
}

/// The records of a part of a split.
pub(super) fn picks(split: &Split, subset: Subset) -> &[Pick] {
    match subset {
        Subset::Train => &split.train,
        Subset::Validation => &split.validation,
        Subset::Test => &split.test,
    }
}

/// What is known of a record beside its signal.
///
/// # Errors
/// An internal one where it is not loaded.
pub(super) fn record<'a>(datasets: &'a Datasets, pick: &Pick) -> Result<&'a Record> {
    let record = datasets.get(&*pick.source).and_then(|dataset| dataset.records.get(pick.record));
    record.ok_or_else(|| Error::internal(format!("record {} of {} is not loaded", pick.record, pick.source)))
}
