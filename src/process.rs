//! Who this process is on this machine, and whether others still live.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// `BOOT.NAMESPACE-PROCESS.START`: of this boot of this machine and, in a container, of its own processes. The time
/// that the process started at tells it from later ones of the same number.
pub fn name() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let process = std::process::id();
        format!("{}-{process}.{}", here(), started(process).unwrap_or(0))
    });
    &NAME
}

/// Whether the process called `name` ran on this machine and is gone; of those elsewhere, or before this boot, nothing
/// is known. What follows another `-` in the name does not matter.
pub fn is_gone(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(&format!("{}-", here())) else { return false };
    let process = rest.split('-').next().unwrap_or_default();
    let (number, start) = process.split_once('.').unwrap_or((process, ""));
    // Without /proc nothing is known either.
    let Ok(number) = number.parse::<u32>() else { return false };
    if number == std::process::id() && started(number).is_none_or(|now| start.is_empty() || start == now.to_string()) {
        return false;
    }
    if !Path::new("/proc/self").exists() {
        return false;
    }
    match started(number) {
        None => true,
        Some(now) => !start.is_empty() && start != now.to_string(),
    }
}

/// When `process` started, in ticks since the boot; `None` where there is none, or only what is left of one that
/// nobody has asked after.
fn started(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then_some(())?;
    fields.nth(18)?.parse().ok()
}

/// This boot of this machine and, in a container, its own processes.
fn here() -> &'static str {
    static HERE: LazyLock<String> = LazyLock::new(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot: String = boot.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        let namespace =
            fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default();
        let namespace: String = namespace.chars().filter(char::is_ascii_digit).collect();
        format!("{boot}.{namespace}")
    });
    &HERE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_living_live_and_the_dead_are_gone() {
        assert!(!is_gone(name()));
        assert!(!is_gone(&format!("{}-3-1700000000", name())), "a worker of ours");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let of_child = format!("{}-{}.{}", here(), child.id(), started(child.id()).unwrap());
        assert!(!is_gone(&of_child));
        assert!(is_gone(&format!("{}-{}.1", here(), child.id())), "its number was another's before");
        child.kill().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(is_gone(&of_child), "killed, though its parent has not asked after it");
        child.wait().unwrap();
        assert!(is_gone(&of_child) && is_gone(&format!("{}-{}", here(), child.id())));
        for unknown in ["", "elsewhere.1-1.1", &format!("{}-x", here())] {
            assert!(!is_gone(unknown), "{unknown}");
        }
    }
}
