//! What mixes were made of.

use super::table_row;

table_row! {
    /// One part of a stage's mix: a row of the table `mix_part`.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub struct MixPartDetail {
        pub source: String,
        /// `None` for all records of the source.
        pub filter: Option<String>,
        /// Counted from 1.
        pub from_epoch: usize,
        /// `None` to the end.
        pub until_epoch: Option<usize>,
        /// Records it could give.
        pub offered: usize,
        /// Records that train.
        pub train: usize,
        /// Records that validate.
        pub validation: usize,
        /// Records that test.
        pub test: usize,
        pub patients: usize,
    }
    beside {
        /// Over all its records.
        pub targets: Vec<MixTargetDetail>,
    }
}

table_row! {
    /// One target over all records of a part, in bpm or ms: a row of the table `mix_target`.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub struct MixTargetDetail {
        pub target: String,
        /// Records that know it.
        pub known: usize,
        pub mean: Option<f64>,
        pub sd: Option<f64>,
        pub lowest: Option<f64>,
        pub highest: Option<f64>,
    }
}
