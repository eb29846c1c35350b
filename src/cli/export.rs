//! `ecgraft export`

use std::path::PathBuf;

use clap::{Arg, ArgGroup, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::Results;
use crate::Result;
use crate::report::export::{EXPORTS, Export};
use crate::store::Store;

/// Write all results for other programs: Parquet, CSV, or an MLflow database
#[derive(Debug, Args)]
#[command(after_help = help())]
pub struct Options {
    #[command(flatten)]
    exports: Exports,
    #[command(flatten)]
    results: Results,
}

/// The exports that are asked for, each with its folder: a flag for each that there is.
#[derive(Debug)]
struct Exports(Vec<(&'static dyn Export, PathBuf)>);

impl Args for Exports {
    fn augment_args(command: Command) -> Command {
        let names = EXPORTS.iter().map(|export| export.name());
        let flag = |export: &&dyn Export| {
            let flag = Arg::new(export.name()).long(export.name()).help(export.about());
            flag.value_name("DIR").value_parser(value_parser!(PathBuf))
        };
        let group = ArgGroup::new("exports").args(names).required(true).multiple(true);
        command.args(EXPORTS.iter().map(flag)).group(group)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Exports {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let asked = |export: &&'static dyn Export| Some((*export, matches.get_one::<PathBuf>(export.name())?.clone()));
        Ok(Self(EXPORTS.iter().filter_map(asked).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn help() -> String {
    format!(
        "\
Examples:
  ecgraft export --parquet tables
  ecgraft export --csv tables --mlflow tracking

Parquet and CSV have a file for each view of the store: {}.
An earlier export in the folder is replaced; files that are not of one are left alone, as is an MLflow database,
which may have notes of yours.",
        Store::VIEWS.join(", ")
    )
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, or a folder cannot be written or has other files of these names.
pub fn run(options: Options) -> Result<()> {
    for (export, folder) in options.exports.0 {
        super::print(&export.write(&options.results.dir, &folder)?)?;
    }
    Ok(())
}
