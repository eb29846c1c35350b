//! What networks are worth elsewhere.

use super::table_row;

table_row! {
    /// One value of a network on the records of another source: a row of the view `evaluations`.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub struct Evaluation {
        pub stage_id: String,
        pub source: String,
        pub fingerprint: String,
        /// Target or class; `None` for a metric of all classes.
        pub subject: Option<String>,
        pub metric: String,
        pub value: Option<f64>,
    }
}

table_row! {
    /// What a network said of one record of another source: a row of the table `evaluated_record`.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub struct EvaluatedRecord {
        /// Target or class.
        pub subject: String,
        pub record_id: String,
        pub patient: String,
        /// In bpm or ms; of a class 1 where the record has it, else 0.
        pub truth: f64,
        /// What was measured; of a class its probability.
        pub said: f64,
    }
}
