//! Puts version and commit into the binary, so that every run can be traced to its code.

use std::process::Command;

fn main() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    // Without optional locks git only reads: it does not touch the index, so that nothing looks changed.
    let full = match git(&["--no-optional-locks", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]) {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo:rustc-env=ECGRAFT_VERSION={full}");
    // The libraries that stand in for CUDA's.
    println!("cargo:rerun-if-env-changed=ECGRAFT_EMULATOR");
    if let Some(folder) = std::env::var("ECGRAFT_EMULATOR").ok().filter(|folder| !folder.is_empty()) {
        println!("cargo:rustc-link-search=native={folder}");
        for library in ["cuda", "cublas", "nvrtc"] {
            println!("cargo:rustc-link-lib=dylib={library}");
        }
    }
    println!("cargo:rerun-if-changed=src");
    // What changes with every commit and checkout.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]).filter(|path| std::path::Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}
