//! The statistics of a comparison: pure functions on slices, no store and no text.
//!
//! What is compared is an *arm*: networks that differ in their seed only, all tested on the same records. Two
//! things make its mean metric uncertain: the seeds (another training would have come out otherwise) and the
//! test records (other patients would have been easier or harder). [`bootstrap`] accounts for both, the other
//! tests for one of them, as they were made to:
//!
//! | | records | seeds | of |
//! |---|---|---|---|
//! | [`bootstrap`] | yes | yes | any metric of predictions |
//! | [`Difference`] (Student's t) | | yes | any number |
//! | [`wilcoxon`] | | yes | any number |
//! | [`delong`] | yes | | AUC |
//! | [`mcnemar`] | yes | | right or wrong |
//!
//! What they cannot say they do not: a [`Difference`] that rests on one patient, on one seed where seeds matter, or on values
//! that do not vary has an [`Unmeasurable`] in place of interval and p-value.
//!
//! [`holm`] corrects a family of p-values; [`ranks`] compares arms across data sets. What figures show is counted here too:
//! [`roc_curve`], [`calibration_bins`], [`confusion_matrix`], [`Agreement`].

mod agreement;
mod auc;
pub mod bootstrap;
mod calibration;
mod clustered;
mod confusion;
pub mod delong;
pub mod distributions;
mod holm;
pub mod mcnemar;
pub mod ranks;
mod roc;
mod sides;
mod spread;
mod unmeasurable;
pub mod wilcoxon;

pub use agreement::Agreement;
pub use auc::auc;
pub use calibration::{Bin, calibration_bins, wilson_interval};
pub use clustered::clustered_interval;
pub use confusion::confusion_matrix;
pub use distributions::t_quantile;
pub use holm::holm;
pub use roc::roc_curve;
pub use sides::{Rests, Sides};
pub use spread::{Difference, Spread, Tested, mean, median};
pub use unmeasurable::{FEW_PATIENTS, LEAST_PATIENTS, Side, Support, Unmeasurable};
