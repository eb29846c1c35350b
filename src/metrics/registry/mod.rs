//! All metrics, a file for each family.
//!
//! A family is in the list once; its file says which metrics it has, in `METRICS`.

use super::{ClassifierMetric, RegressionMetric};

/// Declares the families' files and lists their metrics, in this order.
macro_rules! families {
    ($(#[$doc:meta])* $name:ident: $kind:ident; $($(#[$attribute:meta])* $family:ident),+ $(,)?) => {
        $($(#[$attribute])* pub mod $family;)+

        $(#[$doc])*
        pub fn $name() -> impl Iterator<Item = &'static dyn $kind> {
            let families: &[&[&'static dyn $kind]] = &[$($(#[$attribute])* $family::METRICS),+];
            families.iter().flat_map(|metrics| metrics.iter().copied())
        }
    };
}

families! {
    /// The metrics of class probabilities, in the order in which they are listed for people.
    classifier_metrics: ClassifierMetric;
    auc,
    accuracy,
    f1,
    precision,
    recall,
    brier,
    calibration,
    #[cfg(test)]
    toy,
}

families! {
    /// The metrics of measured numbers.
    regression_metrics: RegressionMetric;
    error,
    agreement,
}

pub use accuracy::{Accuracy, SubsetAccuracy};
pub use auc::Auc;
pub use calibration::{CALIBRATION_BINS, CalibrationError, expected_calibration_error};
pub use f1::F1;
