//! Metrics, equal to scikit-learn's.
//!
//! Pure functions on slices: [`regression`] for measured numbers, [`classification`] for class
//! probabilities. Everything is computed in `f64`. Whatever is not defined (the AUC of a class that
//! no record has, R² of a constant truth) is `None`, never a stand-in number.

mod auc;
mod calibration;
mod classification;
mod regression;
mod scores;

pub use auc::auc;
pub use calibration::{CALIBRATION_BINS, expected_calibration_error};
pub use classification::{ClassMetrics, ClassificationMetrics, Confusion, classification};
pub use regression::{RegressionMetrics, regression};
