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
  ecgraft plot roc --run 3f2a > roc.svg

ROC curves are of the seeds of one arm, beside those of its baseline; calibration and confusion are of one
run. Without --run it is the arm with the highest mean test macro AUC, and the best of its seeds.")]
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
    /// The run that ROC, calibration and confusion are of: its id, or the beginning of it
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    results: Results,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Test macro AUC over the share of the labels
    LabelEfficiency,
    /// Differences from the network trained from scratch, with their intervals
    Forest,
    /// Validation macro AUC by epoch
    LearningCurves,
    /// Loss of the classifiers by epoch
    Loss,
    /// Loss of the networks that are grafted by epoch
    RegressionLoss,
    /// Sensitivity over 1 - specificity, class by class
    Roc,
    /// Stated probabilities against what came true, class by class
    Calibration,
    /// True against predicted classes
    Confusion,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, no such experiment or run, nothing to draw, or the file cannot be written.
pub fn run(options: Options) -> Result<()> {
    let kind = match options.kind {
        Kind::LabelEfficiency => report::Kind::LabelEfficiency,
        Kind::Forest => report::Kind::Forest,
        Kind::LearningCurves => report::Kind::LearningCurves,
        Kind::Loss => report::Kind::Loss,
        Kind::RegressionLoss => report::Kind::RegressionLoss,
        Kind::Roc => report::Kind::Roc,
        Kind::Calibration => report::Kind::Calibration,
        Kind::Confusion => report::Kind::Confusion,
    };
    let figure = report::plot(&options.results.dir, kind, options.experiment.as_deref(), options.run.as_deref())?;
    let svg = figure.alone();
    match options.output {
        None => super::print(&svg),
        Some(path) => std::fs::write(&path, svg)
            .map_err(|error| Error::user(format!("{}: cannot be written: {error}", path.display()))),
    }
}
