//! Manifests.

use super::table_row;

table_row! {
    /// A manifest as it was read: a row of the table `manifest`.
    #[derive(Clone, Debug)]
    #[allow(missing_docs)]
    pub struct StoredManifest {
        pub sha256: String,
        pub path: String,
        pub text: String,
        /// RFC 3339, UTC.
        pub first_seen_at: String,
    }
}
