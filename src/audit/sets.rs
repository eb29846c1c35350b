//! Sets of recordings, and what two of them have in common.

use std::collections::{BTreeMap, HashMap};

use crate::Result;
use crate::data::Recording;
use crate::store::{Member, RecordSet, Store};

/// The sets of a store, read as they are asked for.
pub(super) struct Sets<'a> {
    store: &'a Store,
    recordings: HashMap<i64, Member>,
    loaded: HashMap<i64, Loaded>,
    known: HashMap<(i64, i64), Common>,
}

/// A set: the first recording of each person, and of each of the samples.
#[derive(Default)]
struct Loaded {
    ids: Vec<i64>,
    people: BTreeMap<(String, String), i64>,
    samples: BTreeMap<Recording, i64>,
}

/// What two sets have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Common {
    people: usize,
    recordings: usize,
    /// A recording of each set: of one person, or of the same samples.
    pub first: Option<(i64, i64)>,
}

impl Common {
    pub fn add(&mut self, other: &Common) {
        self.people += other.people;
        self.recordings += other.recordings;
        self.first = self.first.or(other.first);
    }

    /// `0`, `2 people and 3 recordings`
    pub fn text(&self) -> String {
        if self.people == 0 && self.recordings == 0 {
            return "0".to_owned();
        }
        let people = if self.people == 1 { "person" } else { "people" };
        let recordings = if self.recordings == 1 { "recording" } else { "recordings" };
        format!("{} {people} and {} {recordings}", self.people, self.recordings)
    }
}

impl<'a> Sets<'a> {
    pub fn from_store(store: &'a Store) -> Result<Self> {
        Ok(Self { store, recordings: store.recordings()?, loaded: HashMap::new(), known: HashMap::new() })
    }

    /// Reads a set; what is wrong with it, if anything.
    pub fn load(&mut self, id: i64) -> Result<Option<String>> {
        if self.loaded.contains_key(&id) {
            return Ok(None);
        }
        let RecordSet { sha256, recordings } = self.store.record_set(id)?;
        let members: Vec<&Member> = recordings.iter().filter_map(|id| self.recordings.get(id)).collect();
        let sound = members.len() == recordings.len() && RecordSet::sha256(members) == sha256;
        let mut loaded = Loaded { ids: recordings, ..Loaded::default() };
        for &id in &loaded.ids {
            let Some(member) = self.recordings.get(&id) else { continue };
            loaded.people.entry((member.data_set.clone(), member.patient.clone())).or_insert(id);
            if let Some(recording) = member.recording {
                loaded.samples.entry(recording).or_insert(id);
            }
        }
        self.loaded.insert(id, loaded);
        let why =
            || format!("set {sha256} is not what was written: the store was changed by another program, or is damaged");
        Ok((!sound).then(why))
    }

    /// Every recording of `sets`.
    pub fn members<'s>(&'s self, sets: &[i64]) -> Vec<&'s Member> {
        let mut ids: Vec<i64> =
            sets.iter().filter_map(|set| self.loaded.get(set)).flat_map(|set| &set.ids).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.iter().filter_map(|id| self.recordings.get(id)).collect()
    }

    /// Records and people of a set.
    pub fn size(&self, set: i64) -> (usize, usize) {
        self.loaded.get(&set).map_or((0, 0), |set| (set.ids.len(), set.people.len()))
    }

    /// What two sets have in common.
    pub fn common(&mut self, a: i64, b: i64) -> Common {
        if let Some(known) = self.known.get(&(a, b)) {
            return known.clone();
        }
        let (Some(of_a), Some(of_b)) = (self.loaded.get(&a), self.loaded.get(&b)) else { return Common::default() };
        let people = shared(&of_a.people, &of_b.people);
        let samples = shared(&of_a.samples, &of_b.samples);
        let common = Common { people: people.1, recordings: samples.1, first: people.0.or(samples.0) };
        self.known.insert((a, b), common.clone());
        common
    }

    /// Two recordings in words.
    pub fn describe(&self, (a, b): (i64, i64)) -> String {
        let (Some(of_a), Some(of_b)) = (self.recordings.get(&a), self.recordings.get(&b)) else { return String::new() };
        let one = |of: &Member| format!("record {} of {}, patient {},", of.record_id, of.data_set, of.patient);
        if a == b {
            return one(of_a);
        }
        let same = if of_a.recording.is_some() && of_a.recording == of_b.recording { "recording" } else { "person" };
        format!("{} (the same {same} as {})", one(of_a), one(of_b).trim_end_matches(','))
    }
}

/// The values of the first key that two maps have in common, and how many keys they have in common.
fn shared<K: Ord>(a: &BTreeMap<K, i64>, b: &BTreeMap<K, i64>) -> (Option<(i64, i64)>, usize) {
    let (small, large, turned) = if a.len() <= b.len() { (a, b, false) } else { (b, a, true) };
    let pairs = small.iter().filter_map(|(key, own)| large.get(key).map(|other| (*own, *other)));
    let mut pairs = pairs.map(|(own, other)| if turned { (other, own) } else { (own, other) });
    let first = pairs.next();
    (first, usize::from(first.is_some()) + pairs.count())
}
