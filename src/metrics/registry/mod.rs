//! All metrics, a file for each family.
//!
//! A family is in the list once; its file says which metrics it has, in `METRICS`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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
    average_precision,
    accuracy,
    f1,
    f_beta,
    precision,
    recall,
    specificity,
    predictive_value,
    sensitivity_at,
    mcc,
    f_max,
    challenge,
    brier,
    calibration,
}

/// Families that have a metric for each value of a parameter in its name: `f3`, `sensitivity_at_0.9`. Those that are in
/// the list above are stored of every network; the others are computed from its predictions when they are asked for.
const WITH_PARAMETER: [Family; 2] = [f_beta::with_parameter, sensitivity_at::with_parameter];

/// The metric of a family that is called so.
type Family = fn(&str) -> Option<Box<dyn ClassifierMetric>>;

/// The metric of class probabilities that is called `name`, be it listed or of a family with a parameter.
pub fn classifier_metric(name: &str) -> Option<&'static dyn ClassifierMetric> {
    static KNOWN: Mutex<BTreeMap<String, &'static dyn ClassifierMetric>> = Mutex::new(BTreeMap::new());
    if let Some(metric) = classifier_metrics().find(|metric| metric.name() == name) {
        return Some(metric);
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(metric) = known.get(name) {
        return Some(*metric);
    }
    // Names are few, and kept for as long as the program runs.
    let metric: &'static dyn ClassifierMetric = Box::leak(WITH_PARAMETER.iter().find_map(|family| family(name))?);
    known.insert(name.to_owned(), metric);
    Some(metric)
}

/// The number in a metric's name, as it is usually written: `2`, `0.5`.
fn parameter(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A text of a metric that is made once.
fn lasting(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
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
