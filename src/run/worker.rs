//! Names of workers, from which others tell whether they still live.

use crate::process;

/// `PROCESS-NUMBER-TIME`: no two living workers share one, on one machine or on several.
pub(super) fn name(number: usize) -> String {
    format!("{}-{number}-{}", process::name(), chrono::Utc::now().timestamp_micros())
}
