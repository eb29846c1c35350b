//! `ecgraft simulate`

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::source::simulator::{Boundaries, Model};
use crate::source::{Simulator, Source};
use crate::{Error, Result, data};

/// Write records of the simulator as a data set in PTB-XL's layout, for use with other tools
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  ecgraft simulate data/simulated --records 2000 --seed 7

A manifest's source of kind \"simulator\" needs no files; these are the same records.")]
pub struct Options {
    /// Folder to write; it does not exist yet, or is empty
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// How many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    records: u32,
    /// Seed of the records
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// What PR, QRS and QT are measured between: where waves' support starts and ends, or what is to be seen of them, 20 microvolt
    #[arg(long, value_enum, default_value = "support")]
    boundaries: Boundaries,
    /// The model of the heart; with conditions it is the detailed one
    #[arg(long, value_enum)]
    model: Option<Model>,
    /// SCP-ECG statements and the share of records with them, such as AFIB=0.2 or "CRBBB + LAFB=0.1"; together they are 1
    #[arg(long = "condition", value_name = "CODES=SHARE", value_parser = condition)]
    conditions: Vec<(String, f64)>,
}

/// Words of manifests as values of options.
macro_rules! values {
    ($($Words:ident)*) => {
        $(impl ValueEnum for $Words {
            fn value_variants<'a>() -> &'a [Self] {
                Self::ALL
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                Some(PossibleValue::new(self.name()))
            }
        })*
    };
}

values!(Boundaries Model);

fn condition(text: &str) -> std::result::Result<(String, f64), String> {
    let (codes, share) = text.rsplit_once('=').ok_or("write a statement and its share: AFIB=0.2")?;
    let share: f64 = share.trim().parse().map_err(|_| format!("`{share}` is no number"))?;
    if share > 0.0 && share <= 1.0 {
        Ok((codes.trim().to_owned(), share))
    } else {
        Err("a share is above 0, at most 1".into())
    }
}

/// Runs the command.
///
/// # Errors
/// A user error where the conditions make no sense, or the folder is not empty or cannot be written.
pub fn run(options: Options) -> Result<()> {
    let Options { dir, records, seed, boundaries, model, conditions } = options;
    let conditions = conditions.into_iter().collect();
    let simulator = Simulator { boundaries, model, conditions, ..Simulator::new(records as usize, seed) };
    if let Some((_, why)) = simulator.faults().into_iter().next() {
        return Err(Error::user(why));
    }
    data::write_simulated(&dir, &simulator)?;
    let unit = if records == 1 { "record" } else { "records" };
    super::print(&format!("{records} {unit} written to {}\n", dir.display()))
}
