//! Single records as their source has them, unprocessed.

use super::Record;
use super::exclude::list;
use super::identity::identity;
use super::load::request;
use crate::Result;
use crate::ecg::RawRecord;
use crate::manifest::Signal;
use crate::source::{OtherLeads, Reading, Source};

/// Reads the records called `ids` of a source, and no others; `None` in the place of one that the source does not have.
/// `signal` decides which of several files of a record is read (PTB-XL's of 100 Hz where they are enough), and which leads must
/// be readable for how long; others are there if they can be read.
///
/// # Errors
/// A user error that names the file or record and what is wrong with it.
pub fn recordings(source: &dyn Source, signal: &Signal, ids: &[String]) -> Result<Vec<Option<(Record, RawRecord)>>> {
    let listing = list(source, signal.sampling_rate)?;
    let usual = Reading::default();
    let asked = request(signal, OtherLeads::All, source.reading().unwrap_or(&usual));
    let read = |id: &String| {
        let Some(index) = listing.records.iter().position(|record| record.id == *id) else { return Ok(None) };
        let found = source.read(&listing, index, &asked).map_err(|error| error.at(format_args!("record {id}")))?;
        let recording = identity(&found, signal);
        let mut raw = found.raw;
        for (lead, samples) in found.others {
            raw.leads.push(lead);
            raw.signals.push(samples);
        }
        Ok(Some((Record { recording, ..listing.records[index].clone() }, raw)))
    };
    ids.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{load, simulator};
    use crate::ecg::Lead;
    use crate::source::{DataPath, PtbXl, Simulator};

    /// Without any processing what is prepared is what was read.
    #[test]
    fn single_records_are_those_of_the_whole_source() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/ptbxl-sample");
        let path = DataPath { written: "sample".into(), resolved: Ok(path) };
        let signal = Signal::recorded(Lead::ALL.to_vec(), 100.0, 10.0);
        let cache = std::env::temp_dir().join(format!("ecgraft-recording-{}", std::process::id()));
        let source = PtbXl::at(path);
        let all = load("sample", &source, &signal, &cache).unwrap();
        let ids = [all.records[200].id.clone(), "no such".into(), all.records[7].id.clone()];
        let found = recordings(&source, &signal, &ids).unwrap();
        let _ = std::fs::remove_dir_all(&cache);
        assert!(found.len() == 3 && found[1].is_none());
        for (place, found) in [(200, &found[0]), (7, &found[2])] {
            let (record, raw) = found.as_ref().unwrap();
            assert_eq!((record, raw.sampling_rate), (&all.records[place], 100.0));
            assert_eq!(raw.signals.concat(), all.signal(place).unwrap());
        }
    }

    #[test]
    fn simulated_records_are_known_by_their_number() {
        let source = Simulator::new(5, 3);
        let signal = Signal::recorded(vec![], 1.0, 1.0);
        let found = recordings(&source, &signal, &["4".into(), "5".into(), "04".into(), "x".into()]).unwrap();
        let (record, raw) = found[0].as_ref().unwrap();
        let (expected, of) = simulator::simulate(3, 4);
        assert!(
            record.recording.is_none()
                && *record == expected
                && raw.signals == of.signals
                && found[1..].iter().all(Option::is_none)
        );
    }
}
