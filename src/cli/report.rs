//! `ecgraft report`

use std::path::PathBuf;

use clap::Args;

use super::{Reference, Results};
use crate::compare::Question;
use crate::output::{self, Kind};
use crate::{Result, report};

/// Write everything about experiments into one HTML file
///
/// Summary, figures, runs with where they come from, manifests and example ECGs. The file needs no network.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft report -o report.html
  ecgraft report evidence 'study-*' -o study.html --results /data/results")]
pub struct Options {
    /// Experiments, by name or glob [default: all]
    #[arg(value_name = "NAME_GLOB")]
    experiments: Vec<String>,
    /// The file, which ends in .html; standard output without it
    #[arg(short, long, value_name = "FILE.html")]
    output: Option<PathBuf>,
    #[command(flatten)]
    reference: Reference,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, no experiment has such a name, the file cannot be written, or is of another
/// kind.
pub fn run(options: Options) -> Result<()> {
    if let Some(path) = &options.output {
        output::check(path, Kind::of(path, &[Kind::Html])?)?;
    }
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M").to_string();
    let Reference { baseline, against } = options.reference;
    let question = Question { experiments: options.experiments, baseline, against, ..Question::default() };
    let html = report::page(&options.results.dir, &question, &now)?;
    match options.output {
        None => super::print(&html),
        Some(path) => output::write(&path, Kind::Html, html.as_bytes()),
    }
}
