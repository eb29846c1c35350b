//! `ecgraft compare`

use clap::{Args, ValueEnum};

use super::Results;
use crate::report::{self, Key, Pivot, Question, Shape, format};
use crate::{Error, Result};

/// Compare arms: mean and spread over seeds, and the difference from the network trained from scratch
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft compare
  ecgraft compare 'freeze*' --format markdown > table.md
  ecgraft compare --only label_fraction=0.1 --only freeze=none,probe --sort difference
  ecgraft compare --metric auc:MI,brier --test bootstrap --resamples 10000
  ecgraft compare --rows graft,mix --columns freeze --cells difference
  ecgraft compare synthetic-to-real --results /data/results --format csv

Runs that are not done are left out, and counted below the table. CSV and JSON have all digits, and the
intervals of all means. --metric takes what the views `scores` and `regression` have: macro_auc, accuracy,
subset_accuracy, macro_f1, macro_precision, macro_recall, brier, ece; auc, f1, precision, recall of a class,
as auc:MI; mae, rmse, r2, pearson_r of the grafted networks, as mae:hr.

Tests. bootstrap covers test records (by patient) and seeds, and is done unless another is asked for or more
than 1,000 runs are compared; then, or where the store has no predictions, it is t: paired over seeds.
wilcoxon is over seeds too. delong (AUC) and mcnemar (accuracy, mid-p) cover records only, of the networks'
mean probabilities. p-values are corrected by Holm's method for all differences shown.")]
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
    /// What a row is [default: architecture,graft,mix,freeze,label_fraction]; over the rest runs are averaged, seed by seed
    #[arg(long, value_name = "KEY", value_delimiter = ',', conflicts_with_all = ["rows", "columns"])]
    by: Vec<Key>,
    /// A row for each value of these keys, with --columns
    #[arg(long, value_name = "KEY", value_delimiter = ',', requires = "columns")]
    rows: Vec<Key>,
    /// A column for each value of these keys, with --rows
    #[arg(long, value_name = "KEY", value_delimiter = ',', requires = "rows")]
    columns: Vec<Key>,
    /// What cells have, with --rows and --columns
    #[arg(long, value_enum, default_value = "mean", requires = "rows")]
    cells: Cells,
    /// How differences are tested [default: bootstrap up to 1,000 runs, else t]
    #[arg(long, value_enum)]
    test: Option<Test>,
    /// Resamples of the patients
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(20..=1_000_000), default_value = "2000")]
    resamples: u32,
    /// Show the 95% intervals of means too
    #[arg(long)]
    intervals: bool,
    /// Rank the arms over experiments, architectures and labels (Friedman, Nemenyi)
    #[arg(long, conflicts_with_all = ["by", "rows"])]
    ranks: bool,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Test {
    /// Over test records, by patient, and seeds
    Bootstrap,
    /// Over seeds: paired t
    T,
    /// Over seeds: signed ranks
    Wilcoxon,
    /// Over test records, for the AUC
    Delong,
    /// Over test records, for accuracy
    Mcnemar,
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
    let test = options.test.map(|test| match test {
        Test::Bootstrap => report::Test::Bootstrap,
        Test::T => report::Test::T,
        Test::Wilcoxon => report::Test::Wilcoxon,
        Test::Delong => report::Test::DeLong,
        Test::Mcnemar => report::Test::McNemar,
    });
    if let Some(key) = options.rows.iter().find(|key| options.columns.contains(key)) {
        return Err(Error::user(format!("{} cannot be in --rows and in --columns", key.name())));
    }
    let differences = options.cells == Cells::Difference;
    let (rows, columns) = (options.rows, options.columns);
    let pivot = (!rows.is_empty()).then_some(Pivot { rows, columns, differences });
    let question = Question {
        experiments: options.experiments,
        only: options.only,
        metrics: options.metrics,
        by: options.by,
        test,
        resamples: usize::try_from(options.resamples).ok(),
        sort: options.sort,
        shape: Shape { intervals: options.intervals, ranks: options.ranks, pivot },
    };
    super::print(&report::comparison(&options.results.dir, &question, format)?)
}
