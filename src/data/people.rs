//! Who is who in several sources: people, and recordings that are met twice.
//!
//! A person is a patient of a data set, whatever the source is called and however much of the data set it has. Two
//! people who share a recording are one person.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{Dataset, Datasets, Record};

/// Set in the number of a recording that is known by its samples.
const BY_SAMPLES: u128 = 1;

/// Whose the records of a source are, and which recordings: 33 bytes each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// Hashes of data set and patient.
    pub(super) people: Vec<u128>,
    /// Hashes of the samples, see [`BY_SAMPLES`]; of data set and record where all leads are flat.
    pub(super) recordings: Vec<u128>,
    /// PTB-XL's folds; 0 where there is none.
    pub(super) folds: Vec<u8>,
}

impl Index {
    /// Of records of the data set called `data_set`.
    pub fn new<'r>(data_set: &str, records: impl IntoIterator<Item = &'r Record>) -> Self {
        let mut index = Index::default();
        for record in records {
            index.people.push(hashed("person", data_set, &record.patient));
            index.recordings.push(match &record.recording {
                Some(recording) => low(recording.hash()) | BY_SAMPLES,
                None => hashed("record", data_set, &record.id) & !BY_SAMPLES,
            });
            index.folds.push(record.fold.unwrap_or(0));
        }
        index
    }

    /// Of a dataset's records.
    pub fn of_dataset(dataset: &Dataset) -> Self {
        Index::new(&dataset.data_set, &dataset.records)
    }

    /// Hashes of the recordings that are known by their samples.
    pub fn by_samples(&self) -> impl Iterator<Item = u128> {
        self.recordings.iter().copied().filter(|recording| recording & BY_SAMPLES != 0)
    }

    /// The folds of the records; 0 where there is none.
    pub fn folds(&self) -> &[u8] {
        &self.folds
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

/// The first half of the SHA-256 of two texts.
fn hashed(what: &str, data_set: &str, name: &str) -> u128 {
    let mut hash = Sha256::new();
    for text in [what, data_set, name] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    low(&hash.finalize().into())
}

fn low(hash: &[u8; 32]) -> u128 {
    hash[..16].iter().fold(0, |number, &byte| number << 8 | u128::from(byte))
}

/// The people and recordings of several sources, numbered through.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// By source and record: whose it is.
    pub persons: Vec<Vec<u32>>,
    /// By source and record: which recording it is.
    pub recordings: Vec<Vec<u32>>,
}

impl People {
    /// Who is who in the sources of these indexes.
    pub fn new(indexes: &[&Index]) -> Self {
        let mut numbers: HashMap<u128, u32> = HashMap::new();
        // Of each recording its number and, where it is known by its samples, the first person who has it.
        let mut recordings: HashMap<u128, (u32, u32)> = HashMap::new();
        let mut joined = Joined::default();
        let mut people = People::default();
        for index in indexes {
            let (mut persons, mut own) = (Vec::with_capacity(index.len()), Vec::with_capacity(index.len()));
            for (&person, &recording) in index.people.iter().zip(&index.recordings) {
                let person = *numbers.entry(person).or_insert_with(|| joined.add());
                let next = recordings.len() as u32;
                let (number, first) = *recordings.entry(recording).or_insert((next, person));
                if recording & BY_SAMPLES != 0 {
                    joined.join(first, person);
                }
                persons.push(person);
                own.push(number);
            }
            people.persons.push(persons);
            people.recordings.push(own);
        }
        people.persons.iter_mut().flatten().for_each(|person| *person = joined.root(*person));
        people
    }
}

/// The people of datasets, by source.
pub(super) struct Everybody<'a> {
    sources: Vec<&'a str>,
    people: People,
}

/// The people and recordings of one source, among those of others.
#[derive(Clone, Copy)]
pub(super) struct Who<'a> {
    persons: &'a [u32],
    recordings: &'a [u32],
}

impl<'a> Everybody<'a> {
    /// Who is who in `datasets`.
    pub fn new(datasets: &'a Datasets) -> Self {
        let indexes: Vec<Index> = datasets.values().map(|dataset| Index::of_dataset(dataset)).collect();
        let people = People::new(&indexes.iter().collect::<Vec<_>>());
        Self { sources: datasets.keys().map(String::as_str).collect(), people }
    }

    /// Those of one of the sources; nobody where it is not among them.
    pub fn of_source(&self, source: &str) -> Who<'_> {
        let place = self.sources.iter().position(|own| *own == source);
        fn of(lists: &[Vec<u32>], place: Option<usize>) -> &[u32] {
            place.and_then(|place| lists.get(place)).map_or(&[], Vec::as_slice)
        }
        Who { persons: of(&self.people.persons, place), recordings: of(&self.people.recordings, place) }
    }
}

impl Who<'_> {
    /// Whose record `index` is.
    pub fn person(&self, index: usize) -> u32 {
        self.persons.get(index).copied().unwrap_or(u32::MAX)
    }

    /// Which recording record `index` is.
    pub fn recording(&self, index: usize) -> u32 {
        self.recordings.get(index).copied().unwrap_or(u32::MAX)
    }
}

/// Sets of numbers that are joined two by two (union-find): the smallest of a set stands for it.
#[derive(Default)]
struct Joined {
    above: Vec<u32>,
}

impl Joined {
    /// A new number, on its own.
    fn add(&mut self) -> u32 {
        let number = self.above.len() as u32;
        self.above.push(number);
        number
    }

    /// The number that stands for the set of `number`.
    fn root(&mut self, mut number: u32) -> u32 {
        while self.above[number as usize] != number {
            let above = self.above[number as usize];
            self.above[number as usize] = self.above[above as usize];
            number = above;
        }
        number
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.above[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Recording;

    fn index(data_set: &str, records: &[(&str, &str, u8)]) -> Index {
        let record = |&(id, patient, samples): &(&str, &str, u8)| Record {
            id: id.into(),
            patient: patient.into(),
            recording: (samples > 0).then(|| Recording::new([samples; 32])),
            ..Record::default()
        };
        Index::new(data_set, &records.iter().map(record).collect::<Vec<_>>())
    }

    #[test]
    fn people_who_share_a_recording_are_one_however_far_around() {
        let a = index("a", &[("1", "x", 2), ("2", "y", 4), ("3", "z", 0)]);
        let b = index("b", &[("1", "x", 6), ("2", "u", 4), ("3", "u", 8), ("4", "z", 0)]);
        let c = index("c", &[("9", "v", 8), ("10", "v", 2)]);
        let People { persons, recordings } = People::new(&[&a, &b, &c]);
        // x of a, v, u and y; x of b and the two z are others.
        let one = persons[0][0];
        assert!([persons[0][1], persons[1][1], persons[1][2], persons[2][0], persons[2][1]].iter().all(|p| *p == one));
        let others = [one, persons[1][0], persons[0][2], persons[1][3]];
        assert_eq!(others.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!(
            (recordings[0][1], recordings[1][2], recordings[2][1]),
            (recordings[1][1], recordings[2][0], recordings[0][0])
        );
        assert_ne!(recordings[0][2], recordings[1][3], "flat leads prove nothing");
        // Without the third, nothing joins the first and u but y.
        let People { persons, .. } = People::new(&[&a, &b]);
        assert!(persons[0][0] != persons[1][1] && persons[0][1] == persons[1][1]);
    }
}
