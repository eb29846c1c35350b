//! Parse, dispatch, print errors.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match ecgraft::cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
