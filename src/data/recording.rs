//! Single records as their source has them, unprocessed.

use super::files::resolved;
use super::signal::RawRecord;
use super::{Record, deepfake, ptb_xl, simulator};
use crate::manifest::{Signal, Source};
use crate::{Error, Result};

/// Reads the records called `ids` of a source, and no others; `None` in the place of one that the source does not have.
/// `signal` decides only which of several files of a record is read: PTB-XL's of 100 Hz where they are enough.
///
/// # Errors
/// A user error that names the file or record and what is wrong with it.
pub fn recordings(source: &Source, signal: &Signal, ids: &[String]) -> Result<Vec<Option<(Record, RawRecord)>>> {
    let listing = match source {
        Source::Simulator { records, seed } => {
            let simulated = |id: &String| {
                let index = id.parse().ok().filter(|index| index < records);
                Ok(index.map(|index| simulator::simulate(*seed, index)).filter(|(record, _)| record.id == *id))
            };
            return ids.iter().map(simulated).collect();
        }
        Source::DeepfakeEcg { path } => deepfake::list(resolved(path)?)?,
        Source::PtbXl { path, features } => {
            ptb_xl::list(resolved(path)?, features.as_ref().map(resolved).transpose()?, signal)?
        }
    };
    let read = |id: &String| {
        let Some(index) = listing.records.iter().position(|record| record.id == *id) else { return Ok(None) };
        let file = listing.files.get(index).ok_or_else(|| Error::internal(format!("record {id} has no file")))?;
        let raw = (listing.read)(file).map_err(|error| error.at(format_args!("record {id}")))?;
        Ok(Some((listing.records[index].clone(), raw)))
    };
    ids.iter().map(read).collect()
}
