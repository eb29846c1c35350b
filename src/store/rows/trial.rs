//! Trials: what manifests ask for.

use super::table_row;

table_row! {
    /// What the id of a row of the table `trial` is proved by.
    #[derive(Clone, Debug)]
    #[allow(missing_docs)]
    pub struct StoredTrial {
        pub run_id: String,
        pub experiment: String,
        pub stage_id: String,
        pub label_fraction: f64,
        pub variant: Option<String>,
        pub fold: Option<u8>,
        pub seed: u64,
    }
}
