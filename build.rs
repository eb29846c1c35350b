//! Puts version and commit into the binary, so that every run can be traced to its code.

use std::process::Command;

fn main() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let full = match git(&["describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]) {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo:rustc-env=ECGRAFT_VERSION={full}");
    println!("cargo:rerun-if-changed=src");
    for file in ["HEAD", "index"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}
