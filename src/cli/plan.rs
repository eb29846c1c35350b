//! `ecgraft plan`

use clap::Args;

use crate::{Result, report, run, terminal};

/// Show the trials of manifests, the distinct stages they share, what is done and what will run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft plan
  ecgraft plan my-study.toml --only 'my-*'")]
pub struct Options {
    #[command(flatten)]
    manifests: super::Manifests,
    #[command(flatten)]
    results: super::Results,
    /// Only experiments whose name matches
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A user error for a faulty manifest or data that cannot be read.
pub fn run(options: Options) -> Result<()> {
    print(&options.manifests, &options.results, options.only.as_deref())
}

/// What `ecgraft run` would do.
pub(super) fn print(manifests: &super::Manifests, results: &super::Results, only: Option<&str>) -> Result<()> {
    let planned = run::plan_manifests(&manifests.paths, &results.dir, only, &mut super::tell)?;
    super::print(&report::plan::describe(&planned.plan, &results.dir, terminal::stdout_columns())?)?;
    planned.into_result("cannot be planned (see above)")
}
