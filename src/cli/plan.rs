//! `ecgraft plan`

use clap::Args;

use crate::results::ResultsFolder;
use crate::{Result, report, run, terminal};

/// Show the trials of manifests, the distinct stages they share, what is done and what will run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft plan
  ecgraft plan my-study.toml --only 'my-*'
  ecgraft plan my-study.toml --json | jq -r 'select(.ready) | .id'
  ecgraft plan my-study.toml --shell | parallel -j 8")]
pub struct Options {
    #[command(flatten)]
    manifests: super::Manifests,
    #[command(flatten)]
    results: super::Results,
    /// Only experiments whose name matches
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
    /// One JSON object a line for each stage: id, inputs, status, whether it can be trained now, share of the work ...
    #[arg(long)]
    json: bool,
    /// A command a line for each stage that can be trained now, elsewhere; again when these are done, for what is grafted
    /// from them, and then `ecgraft merge`. Writes shards of what the store has and they need
    #[arg(long, conflicts_with = "json")]
    shell: bool,
}

/// Runs the command.
///
/// # Errors
/// A user error for a faulty manifest or data that cannot be read.
pub fn run(options: Options) -> Result<()> {
    let Options { manifests, results, only, json, shell } = options;
    if !json && !shell {
        return print(&manifests, &results, only.as_deref());
    }
    let results = ResultsFolder::new(&results.dir);
    let planned = run::plan_manifests(&manifests.paths, &results, only.as_deref(), &mut super::tell)?;
    if json {
        super::print(&report::plan::json_lines(&planned.plan, &results)?)?;
    } else {
        let (commands, written) = report::plan::commands(&planned.plan, &results, &manifests.paths)?;
        if written > 0 {
            super::tell(&format!("{written} shards written of stages that the store has"));
        }
        super::print(&commands)?;
    }
    planned.into_result("cannot be planned (see above)")
}

/// What `ecgraft run` would do.
pub(super) fn print(manifests: &super::Manifests, results: &super::Results, only: Option<&str>) -> Result<()> {
    let results = ResultsFolder::new(&results.dir);
    let planned = run::plan_manifests(&manifests.paths, &results, only, &mut super::tell)?;
    super::print(&report::plan::describe(&planned.plan, results.path(), terminal::stdout_columns())?)?;
    planned.into_result("cannot be planned (see above)")
}
