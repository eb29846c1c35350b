//! `ecgraft plot`

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::{Reference, Results};
use crate::output::{self, Kind};
use crate::report::figure::{FIGURES, Figure, Scope, Subject, names_of, plot};
use crate::{Error, Result};

/// Draw a figure of an experiment, as SVG, PNG or PDF
#[derive(Debug, Args)]
#[command(after_help = help())]
pub struct Options {
    /// What is drawn
    #[arg(value_parser = figures())]
    kind: &'static dyn Figure,
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
    reference: Reference,
    #[command(flatten)]
    results: Results,
}

fn help() -> String {
    format!(
        "\
Examples:
  ecgraft plot label-efficiency evidence -o evidence.svg
  ecgraft plot roc --run 3f2a > roc.svg
  ecgraft plot forest evidence -o forest.pdf
  ecgraft plot forest evidence --against mix -o mixes.pdf
  ecgraft plot ecg --record 9174 -o ecg.png

ROC curves are of the seeds of one arm, beside those of its baseline; calibration and confusion are of one
run, an ECG is of a record it was tested on; regression-scatter and bland-altman are of the networks grafted into that
run, or of those of the lowest seed where it has none. Without --run it is the arm with the highest mean test macro AUC,
and the best of its seeds. {} are of all runs, or with --run of that one and of what
is grafted into it; {} are of all and take no --run.",
        names_of(|figure| figure.scope() == Scope::Runs),
        names_of(|figure| matches!(figure.scope(), Scope::Experiment(_)))
    )
}

/// The figures by their names.
fn figures() -> impl TypedValueParser<Value = &'static dyn Figure> {
    let values = FIGURES.iter().map(|figure| PossibleValue::new(figure.name()).help(figure.about()));
    PossibleValuesParser::new(values).try_map(|name| {
        let found = FIGURES.iter().copied().find(|figure| figure.name() == name);
        found.ok_or_else(|| Error::internal(format!("{name} is not among the figures")))
    })
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, no such experiment or run, nothing to draw, or the file cannot be written.
pub fn run(options: Options) -> Result<()> {
    let format = match &options.output {
        None => Kind::Svg,
        Some(path) => Kind::of(path, &[Kind::Svg, Kind::Png, Kind::Pdf])?,
    };
    if let Some(path) = &options.output {
        output::check(path, format)?;
    }
    let subject = Subject {
        experiment: options.experiment.as_deref(),
        run: options.run.as_deref(),
        record: options.record.as_deref(),
        baseline: &options.reference.baseline,
        against: options.reference.against,
    };
    let drawing = plot(&options.results.dir, options.kind, &subject)?;
    let content = match format {
        Kind::Png => drawing.png()?,
        Kind::Pdf => drawing.pdf()?,
        _ => drawing.svg().into_bytes(),
    };
    match options.output {
        None => super::print(&String::from_utf8_lossy(&content)),
        Some(path) => output::write(&path, format, &content),
    }
}
