//! `ecgraft verify`

use std::fmt::Write;

use clap::Args;

use super::Results;
use crate::store::Store;
use crate::verify::{Found, verify};
use crate::{Error, Result, report};

/// Prove what the store says: ids from settings, test scores from predictions, weights by their checksums
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft verify
  ecgraft verify 'evidence*' --results /data/results

Exits with 1 and names the first disagreement, with the stored and the computed value, where there is one. It only reads.")]
pub struct Options {
    /// Experiments, by name or glob [default: everything in the store]
    #[arg(value_name = "NAME_GLOB")]
    experiments: Vec<String>,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, or no experiment has such a name; an internal one for what does not agree.
pub fn run(options: Options) -> Result<()> {
    let results = &options.results.dir;
    let store = Store::open_read_only(results)?;
    let experiments = match &options.experiments[..] {
        [] => None,
        globs => Some(report::select(&store.runs()?, globs).map_err(|error| error.at(results.display()))?),
    };
    let found = verify(results, &store, experiments.as_deref())?;
    super::print(&summary(&found))?;
    match &found.disagreements[..] {
        [] => Ok(()),
        [first] => Err(Error::internal(first.clone())),
        [first, others @ ..] => Err(Error::internal(format!("{first} (and {} more disagree)", others.len()))),
    }
}

/// What was proved, and what cannot be.
fn summary(found: &Found) -> String {
    let [stages, done] = found.stages;
    let mut text = format!("{done} of {stages} stages are done\nverified:\n");
    let mut line = |count: usize, what: String| {
        if count > 0 {
            let _ = writeln!(text, "  {what}");
        }
    };
    let Found { ids, runs, inputs, .. } = found;
    line(1, format!("{ids} stage ids from their settings, {runs} run ids, {inputs} inputs"));
    let Found { scores, probabilities, errors, measured, .. } = found;
    line(*probabilities, format!("{scores} test scores of classifiers from {probabilities} probabilities"));
    line(*measured, format!("{errors} test scores of regressions from {measured} measured values"));
    line(found.findings, format!("all curves, scores and predictions of {} stages by their checksums", found.findings));
    line(found.checkpoints, format!("{} checkpoints by their checksums", found.checkpoints));
    let Found { unproved, without_checksum, gone, other_versions, regressions_without_values: without, .. } = found;
    if unproved + without_checksum + gone + other_versions + without == 0 {
        return text;
    }
    text.push_str("not verified:\n");
    let mut line = |count: &usize, what: &str| {
        if *count > 0 {
            let _ = writeln!(text, "  {count} {what}");
        }
    };
    line(
        unproved,
        "validation scores and values of curves: neither predictions of these records nor checksums are kept",
    );
    line(without_checksum, "checkpoints that are whole and of their stages: no checksum of them is kept");
    line(gone, "checkpoints that are not there any more");
    line(other_versions, "stage ids of other versions of ecgraft's numbers");
    line(without, "regressions that were trained before values of each record were kept");
    text
}
