//! What a folder of results need not keep: what nobody asks for, an experiment that is to go, and one that is to be kept by
//! itself.
//!
//! Rows go before the files that they name: whatever a kill leaves, no stage that is done lacks its weights, and what is left
//! of files is found by the next [`gc()`]. What a living worker holds is never touched.

mod archive;
mod gc;
mod rm;
mod tar;

pub use archive::{Archived, archive, plain_name};
pub use gc::{Asked, Garbage, gc};
pub use rm::{Removed, rm};

/// `12 kB`, `3.4 MB`
fn size(bytes: u64) -> String {
    const STEPS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match STEPS.into_iter().find(|(step, _)| bytes >= *step) {
        Some((step, unit)) if bytes < 10 * step => format!("{:.1} {unit}", bytes as f64 / step as f64),
        Some((step, unit)) => format!("{} {unit}", bytes / step),
        None => format!("{bytes} bytes"),
    }
}

/// `1 file`, `2 files`
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Bytes of a file; 0 of one that is not there.
fn bytes(path: &std::path::Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}
