//! The records of a source that a network was neither trained nor validated on, to evaluate it with.

use std::collections::HashSet;
use std::sync::Arc;

use super::candidates::Wanted;
use super::{Dataset, Pick, Record, Recording};

/// People and recordings that taught a network: each person as (data set, patient).
#[derive(Clone, Debug, Default)]
pub struct Taught {
    /// People.
    pub people: HashSet<(String, String)>,
    /// Recordings.
    pub recordings: HashSet<Recording>,
}

/// The records of `dataset`, which is called `source`, of which what is `wanted` is known, each recording once, but for those
/// of people who taught: who are called so, or of whom one recording did. And how many are left out as they did.
pub fn unseen(dataset: &Dataset, source: &str, wanted: Wanted<'_>, taught: &Taught) -> (Vec<Pick>, usize) {
    let has_taught = |record: &&Record| {
        record.recording.is_some_and(|recording| taught.recordings.contains(&recording))
            || taught.people.contains(&(dataset.data_set.clone(), record.patient.clone()))
    };
    let teachers: HashSet<&str> = dataset.records.iter().filter(has_taught).map(|record| &*record.patient).collect();
    let source: Arc<str> = source.into();
    let (mut picks, mut left_out, mut met) = (Vec::new(), 0, HashSet::new());
    for (index, record) in dataset.records.iter().enumerate().filter(|(_, record)| wanted.is_known_of(record)) {
        if teachers.contains(&*record.patient) {
            left_out += 1;
        } else if record.recording.is_none_or(|recording| met.insert(recording)) {
            picks.push(Pick { source: source.clone(), record: index });
        }
    }
    (picks, left_out)
}
