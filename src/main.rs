//! Parse, dispatch, print errors.

use std::process::ExitCode;

use clap::Parser;
use ecgraft::error::Blame;
use ecgraft::stop;

/// Keeps what is small and short-lived in a training step for the next; large activations have a shelf of their own.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match ecgraft::cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let asked = error.blame == Blame::Interrupted;
            ExitCode::from(if asked { stop::exit_code() } else { error.exit_code() })
        }
    }
}
