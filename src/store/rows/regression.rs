//! What regressions measured, and how well.

use super::table_row;
use crate::data::Subset;
use crate::ecg::Measurement;
use crate::metrics::BesideMedian;

table_row! {
    /// How well a regression stage measured, in the target's unit: a row of the view `regression`.
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
        /// Of the target; `None`, as what follows, of a stage that was trained before it was kept.
        pub unit: Option<String>,
        /// Of the training records.
        pub median: Option<f64>,
        /// Mean absolute error where the median is said of every record.
        pub median_mae: Option<f64>,
        pub median_rmse: Option<f64>,
        pub median_r2: Option<f64>,
        /// 95% interval over patients of how much lower the network's mean absolute error is.
        pub gain_low: Option<f64>,
        pub gain_high: Option<f64>,
    }
}

impl MeasuredTarget {
    /// What was measured, with its unit.
    pub fn measurement(&self) -> Measurement {
        Measurement::named(&self.target, self.unit.as_deref().unwrap_or_default())
    }

    /// How it compares with the median; `None` of a stage that was trained before the median was kept.
    pub fn beside_median(&self) -> Option<BesideMedian> {
        let gain = self.gain_low.zip(self.gain_high);
        Some(BesideMedian::of(self.mae, self.median_mae?, gain))
    }

    /// `no better than the median: 9.8`, where it is not better; with digits as an error has.
    pub fn told(&self) -> Option<String> {
        let told = self.beside_median()?.told()?;
        Some(format!("{told}: {:.1}", self.median_mae?))
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
