//! `ecgraft schema`

use clap::Args;

use crate::{Error, Result, manifest};

/// Print the JSON Schema of manifests, for editors, or their reference, for people
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft schema > ecgraft.schema.json
  ecgraft schema --markdown > manifest.md

With the first line `#:schema ecgraft.schema.json`, an editor that knows TOML schemas completes and
explains the keys of a manifest. What refers to other parts of it is proved by `ecgraft check`.")]
pub struct Options {
    /// Print a reference of all tables and keys as Markdown instead
    #[arg(long)]
    markdown: bool,
}

/// Runs the command.
pub fn run(options: Options) -> Result<()> {
    if options.markdown {
        return super::print(&manifest::reference());
    }
    let schema = serde_json::to_string_pretty(&manifest::schema());
    super::print(&format!("{}\n", schema.map_err(|error| Error::internal(error.to_string()))?))
}
