//! `ecgraft schema`

use clap::Args;

use crate::{Error, Result, manifest};

/// Print the JSON Schema of manifests, for editors
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  ecgraft schema > ecgraft.schema.json

With the first line `#:schema ecgraft.schema.json`, an editor that knows TOML schemas completes and
explains the keys of a manifest. What refers to other parts of it is proved by `ecgraft check`.")]
pub struct Options {}

/// Runs the command.
pub fn run(_options: Options) -> Result<()> {
    let schema = serde_json::to_string_pretty(&manifest::schema());
    super::print(&format!("{}\n", schema.map_err(|error| Error::internal(error.to_string()))?))
}
