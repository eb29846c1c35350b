//! Metrics: by epoch, and of what was kept.

use super::table_row;
use crate::data::Subset;

table_row! {
    /// One classification metric: a row of the view `scores`.
    #[derive(Clone, Debug)]
    #[allow(missing_docs)]
    pub struct ClassScore {
        pub split: Subset,
        pub metric: String,
        /// `None` for a metric of all classes.
        pub class: Option<String>,
        /// `None` where it is not defined.
        pub value: Option<f64>,
    }
}

table_row! {
    /// One value of a learning curve: a row of the table `epoch`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct CurveValue {
        /// Counted from 1.
        pub epoch: i64,
        /// Of the records that train or validate.
        pub split: Subset,
        /// What was measured.
        pub metric: String,
        /// `None` where it is not defined.
        pub value: Option<f64>,
    }
}
