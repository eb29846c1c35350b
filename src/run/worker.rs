//! Names of workers, from which others tell whether they still live.

use std::fs;
use std::path::Path;

/// `BOOT.NAMESPACE-PROCESS-NUMBER-TIME`: no two living workers share one, on one machine or on several.
pub(super) fn name(number: usize) -> String {
    let time = chrono::Utc::now().timestamp_micros();
    format!("{}-{}-{number}-{time}", here(), std::process::id())
}

/// Whether the worker called `name` ran where we run and is gone. Of those elsewhere nothing is known;
/// their leases tell.
pub(super) fn is_dead(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(&format!("{}-", here())) else { return false };
    let process = rest.split('-').next().unwrap_or_default();
    // Without /proc nothing is known either.
    Path::new("/proc/self").exists()
        && process != std::process::id().to_string()
        && !Path::new("/proc").join(process).exists()
}

/// This boot of this machine and, in a container, its own processes.
fn here() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot: String = boot.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let namespace =
        fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default();
    let namespace: String = namespace.chars().filter(char::is_ascii_digit).collect();
    format!("{boot}.{namespace}")
}
