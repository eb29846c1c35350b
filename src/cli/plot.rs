//! `ecgraft plot`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Results;
use crate::report;
use crate::{Error, Result};

/// Draw a figure of an experiment as SVG
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft plot label-efficiency evidence -o evidence.svg
  ecgraft plot label-efficiency > figure.svg")]
pub struct Options {
    /// What is drawn
    #[arg(value_enum)]
    kind: Kind,
    /// The experiment [default: the only one there is]
    #[arg(value_name = "NAME")]
    experiment: Option<String>,
    /// The file; standard output without it
    #[arg(short, long, value_name = "FILE.svg")]
    output: Option<PathBuf>,
    #[command(flatten)]
    results: Results,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Test macro AUC over the share of the labels
    LabelEfficiency,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, no such experiment, or the file cannot be written.
pub fn run(options: Options) -> Result<()> {
    let svg = match options.kind {
        Kind::LabelEfficiency => report::figure(&options.results.dir, options.experiment.as_deref())?,
    };
    match options.output {
        None => super::print(&svg),
        Some(path) => std::fs::write(&path, svg)
            .map_err(|error| Error::user(format!("{}: cannot be written: {error}", path.display()))),
    }
}
