//! What regressions measured, and how well.

use super::table_row;
use crate::data::Subset;

table_row! {
    /// How well a regression stage measured, in bpm or ms: a row of the table `regression_score`.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub struct MeasuredTarget {
        pub target: String,
        pub split: Subset,
        pub records: usize,
        pub mae: f64,
        pub rmse: f64,
        pub r2: Option<f64>,
        pub pearson_r: Option<f64>,
    }
}

table_row! {
    /// How well a regression stage measured within one source, in bpm or ms: a row of the table `source_score`.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub struct MeasuredSource {
        pub target: String,
        pub split: Subset,
        pub source: String,
        pub records: usize,
        pub mae: f64,
        /// Mean of measured less true value.
        pub bias: f64,
        /// Of measured less true value; `None` below two records.
        pub sd: Option<f64>,
        pub rmse: f64,
        pub r2: Option<f64>,
        pub pearson_r: Option<f64>,
    }
}

table_row! {
    /// What a regression measured of a test record, in the target's unit, bpm or ms: a row of the table
    /// `regression_prediction`.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub struct MeasuredRecord {
        /// `hr` (bpm), `pr`, `qt` or `qrs` (ms).
        pub target: String,
        /// The source that the record is of.
        pub source: String,
        pub record_id: String,
        pub patient: String,
        pub truth: f64,
        pub measured: f64,
    }
}
