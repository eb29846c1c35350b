//! Parse, dispatch, print errors.

use std::process::ExitCode;

use clap::Parser;

/// Keeps the memory of one training step for the next, where the system gives it back and asks again: a quarter less time.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match ecgraft::cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
