//! Predictions of classifiers.

use super::table_row;

table_row! {
    /// What a classifier said of a test record and a class: a row of the table `prediction`.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub struct PredictedClass {
        pub record_id: String,
        pub class: String,
        /// From 0 to 1.
        pub probability: f64,
        /// Whether the record has the class.
        pub label: bool,
    }
}
