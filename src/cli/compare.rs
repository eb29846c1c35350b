//! `ecgraft compare`

use clap::{Args, ValueEnum};

use super::{Reference, Results};
use crate::Result;
use crate::compare::{By, Key, Pivot, Question, Shape, SignificanceTest, metrics_in_words};
use crate::metrics::ThresholdRule;
use crate::report::{self, format};
use crate::words::text::filled;

/// Compare arms: mean and spread over seeds, and the difference from the network trained from scratch, or another
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub struct Options {
    /// Experiments, by name or glob [default: all]
    #[arg(value_name = "NAME_GLOB")]
    experiments: Vec<String>,
    /// Only runs with this architecture, graft, mix, freeze (names or globs), label_fraction or seed; may be repeated
    #[arg(long, value_name = "KEY=VALUE[,VALUE...]")]
    only: Vec<String>,
    /// Metrics to show; the difference is that of the first [default: macro_auc,accuracy,macro_f1]
    #[arg(long = "metric", value_name = "NAME", value_delimiter = ',')]
    metrics: Vec<String>,
    #[command(flatten)]
    reference: Reference,
    /// What a row is [default: architecture,graft,mix,freeze,label_fraction]; over the rest runs are averaged, seed by seed.
    /// sex, age:YEARS, site or class: the first metric within each part of the test records, or of each class, too
    #[arg(long, value_name = "KEY", value_delimiter = ',', conflicts_with_all = ["rows", "columns", "against"])]
    by: Vec<By>,
    /// From which probability on a class is predicted: chosen for each network on its validation records
    #[arg(long, value_enum, default_value = "half")]
    thresholds: ThresholdRule,
    /// A row for each value of these keys, with --columns
    #[arg(long, value_name = "KEY", value_delimiter = ',', requires = "columns", conflicts_with = "against")]
    rows: Vec<Key>,
    /// A column for each value of these keys, with --rows
    #[arg(long, value_name = "KEY", value_delimiter = ',', requires = "rows")]
    columns: Vec<Key>,
    /// What cells have, with --rows and --columns
    #[arg(long, value_enum, default_value = "mean", requires = "rows")]
    cells: Cells,
    /// How differences are tested [default: bootstrap; t where the metric or the store does not allow it]
    #[arg(long, value_enum)]
    test: Option<SignificanceTest>,
    /// Resamples of the patients
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(20..=1_000_000), default_value = "2000")]
    resamples: u32,
    /// Show the 95% intervals of means too
    #[arg(long)]
    intervals: bool,
    /// Rank the arms over experiments, architectures and labels (Friedman, Nemenyi)
    #[arg(long, conflicts_with_all = ["by", "rows", "against"])]
    ranks: bool,
    /// Only what networks are worth on the records of other sources (evaluate_on); CSV and JSON have it with this alone
    #[arg(long, conflicts_with_all = ["by", "rows", "ranks", "test", "sort", "baseline", "against"])]
    elsewhere: bool,
    /// First how well the regressions measure, by split and beside the median; CSV and JSON have that with this alone
    #[arg(long, conflicts_with_all = ["rows", "ranks", "elsewhere"])]
    regressions: bool,
    /// Only the comparisons that the manifest planned ([comparisons]); CSV and JSON have them with this alone
    #[arg(long, conflicts_with_all = ["only", "metrics", "by", "rows", "ranks", "elsewhere", "regressions", "test", "sort", "baseline", "against"])]
    planned: bool,
    /// Order of rows: a metric that is shown, difference, p, or a key [default: that of the plan]
    #[arg(long, value_name = "BY")]
    sort: Option<String>,
    #[command(flatten)]
    results: Results,
    /// How it is written
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    #[value(alias = "md")]
    Markdown,
    Csv,
    Json,
    #[value(alias = "tex")]
    Latex,
    #[value(alias = "typ")]
    Typst,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cells {
    /// The mean of the first metric
    Mean,
    /// Its difference from the baseline
    Difference,
}

fn after_help() -> String {
    // A line has as many characters as fit beside the others.
    const COLUMNS: usize = 110;
    let metrics = format!(
        "Runs that are not done are left out, and counted below the table. CSV and JSON have all digits, and the intervals of \
         all means. --metric takes what the views `scores` and `regression` have: {}.",
        metrics_in_words()
    );
    format!(
        "\
Examples:
  ecgraft compare
  ecgraft compare 'freeze*' --format markdown > table.md
  ecgraft compare --only label_fraction=0.1 --only freeze=none,probe --sort difference
  ecgraft compare --metric auc:MI,brier --test bootstrap --resamples 10000
  ecgraft compare --rows graft,mix --columns freeze --cells difference
  ecgraft compare --regressions --metric accuracy,train:accuracy
  ecgraft compare --baseline graft=qrs,mix=simulated
  ecgraft compare --against mix --only label_fraction=0.1
  ecgraft compare synthetic-to-real --results /data/results --format csv

{}
Tests. bootstrap covers test records (by patient) and seeds, and is done unless another is asked for; where the
store has no predictions it is t: paired over seeds. wilcoxon is over seeds too. delong (AUC) and mcnemar
(accuracy, mid-p) cover records only, of the networks' mean probabilities. A p-value is of its two arms alone,
whatever else there is; it is corrected by Holm's method for all differences shown, and those that a manifest
planned family by family. Where there are such, all others are exploratory.",
        filled(&metrics, COLUMNS)
    )
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, or no experiment, metric or key that is asked for.
pub fn run(options: Options) -> Result<()> {
    let format: &dyn report::Format = match options.format {
        Format::Table => &format::Table::for_stdout(),
        Format::Markdown => &format::Markdown,
        Format::Csv => &format::Csv,
        Format::Json => &format::Json,
        Format::Latex => &format::Latex,
        Format::Typst => &format::Typst,
    };
    let differences = options.cells == Cells::Difference;
    let (rows, columns) = (options.rows, options.columns);
    let pivot = if rows.is_empty() { None } else { Some(Pivot::new(rows, columns, differences)?) };
    let question = Question {
        experiments: options.experiments,
        only: options.only,
        metrics: options.metrics,
        by: options.by.iter().filter_map(|by| if let By::Key(key) = by { Some(*key) } else { None }).collect(),
        groupings: options.by.iter().filter_map(|by| if let By::Group(of) = by { Some(*of) } else { None }).collect(),
        thresholds: options.thresholds,
        baseline: options.reference.baseline,
        against: options.reference.against,
        test: options.test,
        resamples: usize::try_from(options.resamples).ok(),
        sort: options.sort,
        shape: Shape {
            intervals: options.intervals,
            ranks: options.ranks,
            elsewhere: options.elsewhere,
            regressions: options.regressions,
            planned: options.planned,
            pivot,
        },
    };
    super::print(&report::comparison(&options.results.dir, &question, format)?)
}
