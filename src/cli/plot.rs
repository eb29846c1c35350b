//! `ecgraft plot`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Results;
use crate::output::{self, Kind as File};
use crate::report;
use crate::{Error, Result};

/// Draw a figure of an experiment, as SVG, PNG or PDF
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft plot label-efficiency evidence -o evidence.svg
  ecgraft plot roc --run 3f2a > roc.svg
  ecgraft plot forest evidence -o forest.pdf
  ecgraft plot ecg --record 9174 -o ecg.png

ROC curves are of the seeds of one arm, beside those of its baseline; calibration and confusion are of one
run, an ECG is of a record it was tested on; regression-scatter and bland-altman are of the networks grafted into that
run, or of those of the lowest seed where it has none. Without --run it is the arm with the highest mean test macro AUC,
and the best of its seeds. learning-curves, loss and regression-loss are of all runs, or with --run of that one and of what
is grafted into it; label-efficiency and forest are of all and take no --run.")]
pub struct Options {
    /// What is drawn
    #[arg(value_enum)]
    kind: Kind,
    /// The experiment [default: the only one there is]
    #[arg(value_name = "NAME")]
    experiment: Option<String>,
    /// The file, by whose ending it is SVG, PNG or PDF; SVG on standard output without it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The run that the figure is of: its id, or the beginning of it
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// The test record that is drawn as an ECG [default: the one that the run judges best]
    #[arg(long, value_name = "ID")]
    record: Option<String>,
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
    /// What regressions measured over what is true, target by target
    RegressionScatter,
    /// Differences of measured and true values over their means, target by target
    BlandAltman,
    /// Sensitivity over 1 - specificity, class by class
    Roc,
    /// Stated probabilities against what came true, class by class
    Calibration,
    /// True against predicted classes
    Confusion,
    /// A test record on ECG paper, 25 mm/s and 10 mm/mV, with true and predicted classes
    Ecg,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, no such experiment or run, nothing to draw, or the file cannot be written.
pub fn run(options: Options) -> Result<()> {
    let format = match &options.output {
        None => File::Svg,
        Some(path) => File::of(path, &[File::Svg, File::Png, File::Pdf])?,
    };
    if let Some(path) = &options.output {
        output::check(path, format)?;
    }
    let (dir, name, run) = (&options.results.dir, options.experiment.as_deref(), options.run.as_deref());
    let plot = |kind| report::plot(dir, kind, name, run);
    if options.record.is_some() && !matches!(options.kind, Kind::Ecg) {
        return Err(Error::user("--record is for `ecgraft plot ecg`"));
    }
    let figure = match options.kind {
        Kind::LabelEfficiency => plot(report::Kind::LabelEfficiency),
        Kind::Forest => plot(report::Kind::Forest),
        Kind::LearningCurves => plot(report::Kind::LearningCurves),
        Kind::Loss => plot(report::Kind::Loss),
        Kind::RegressionLoss => plot(report::Kind::RegressionLoss),
        Kind::RegressionScatter => plot(report::Kind::RegressionScatter),
        Kind::BlandAltman => plot(report::Kind::BlandAltman),
        Kind::Roc => plot(report::Kind::Roc),
        Kind::Calibration => plot(report::Kind::Calibration),
        Kind::Confusion => plot(report::Kind::Confusion),
        Kind::Ecg => report::ecg(dir, name, run, options.record.as_deref()),
    }?;
    let content = match format {
        File::Png => figure.png()?,
        File::Pdf => figure.pdf()?,
        _ => figure.svg().into_bytes(),
    };
    match options.output {
        None => super::print(&String::from_utf8_lossy(&content)),
        Some(path) => output::write(&path, format, &content),
    }
}
