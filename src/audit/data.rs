//! What the data say today of the recordings that took part.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::data::{Recording, look_up, print};
use crate::manifest::{Manifest, Signal, parse_all};
use crate::results::ResultsFolder;
use crate::source::Source;
use crate::store::{Member, Run, Store, TrainedStages};

/// What a data set has under a record's id: whose it is, and its samples.
type Found = HashMap<(String, String), Vec<(String, Option<Recording>)>>;

/// Sources that were looked up, each once.
pub(super) struct LookUps<'a> {
    cache: PathBuf,
    results: &'a Path,
    known: HashMap<String, std::result::Result<(String, Found), String>>,
}

/// What came of it for one experiment.
#[derive(Default)]
pub(super) struct LookedUp {
    /// In words: which sources were there.
    pub text: String,
    /// Records of which the data say something else than the store.
    pub faults: Vec<String>,
}

impl<'a> LookUps<'a> {
    pub fn new(results: &'a Path) -> Self {
        Self { cache: ResultsFolder::new(results).cache(), results, known: HashMap::new() }
    }

    /// Looks up `members`, the recordings of an experiment's `runs`, in the sources of their manifests.
    pub fn check(
        &mut self,
        store: &Store,
        runs: &[&Run],
        stages: &TrainedStages,
        members: &[&Member],
    ) -> Result<LookedUp> {
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        let mut keys = Vec::new();
        let mut manifests: Vec<&str> = runs.iter().map(|run| run.manifest_sha256.as_str()).collect();
        manifests.sort_unstable();
        manifests.dedup();
        for sha256 in manifests {
            let stored = store.manifest(sha256)?;
            let parsed = parse_all(Path::new(&stored.path), &stored.text, &|name| std::env::var(name).ok());
            let Ok(variants) = parsed else {
                told.insert(stored.path, "this version does not understand the manifest".into());
                continue;
            };
            // A candidate of a search says keys otherwise that its manifest does not have.
            let is_there = |run: &&&Run| {
                variants.iter().any(|manifest| manifest.variant == run.variant && manifest.fold == run.fold)
            };
            if runs.iter().filter(|run| run.manifest_sha256 == sha256).any(|run| !is_there(&run)) {
                told.insert(stored.path, "candidates of a search are not looked up".into());
                continue;
            }
            for (manifest, (name, source)) in
                variants.iter().flat_map(|manifest| used(manifest).map(move |of| (manifest, of)))
            {
                let key = self.read(source, &manifest.signal);
                let why = match self.known.get(&key) {
                    Some(Ok((fingerprint, _))) if !is_of(stages, fingerprint) => {
                        "no stage learned from what the data are now".to_owned()
                    }
                    Some(Ok(_)) => {
                        if !keys.contains(&key) {
                            keys.push(key);
                        }
                        "looked up again".to_owned()
                    }
                    Some(Err(why)) => why.clone(),
                    None => continue,
                };
                told.insert(name, why);
            }
        }
        let found: Vec<&Found> =
            keys.iter().filter_map(|key| self.known.get(key)?.as_ref().ok()).map(|(_, found)| found).collect();
        let mut missing = 0;
        let mut faults = Vec::new();
        for member in members {
            match compared(member, &found) {
                Some(None) => {}
                Some(Some(fault)) => faults.push(fault),
                None => missing += 1,
            }
        }
        Ok(LookedUp { text: in_words(&told, missing), faults })
    }

    /// Looks a source up unless that is done; what is known of it is under the key that comes back.
    fn read(&mut self, source: &dyn Source, signal: &Signal) -> String {
        let key = serde_json::to_string(&(source, signal)).unwrap_or_default();
        if !self.known.contains_key(&key) {
            let found = self.found(source, signal).map_err(|error| error.message);
            self.known.insert(key.clone(), found);
        }
        key
    }

    fn found(&self, source: &dyn Source, signal: &Signal) -> Result<(String, Found)> {
        // Where nobody has run anything yet, nothing is to be left behind.
        let cache = if self.results.is_dir() { self.cache.as_path() } else { Path::new("") };
        let fingerprint = print(source, cache)?.fingerprint;
        let data_set = source.data_set();
        let mut found = Found::new();
        for record in look_up(source, signal)? {
            found.entry((data_set.clone(), record.id)).or_default().push((record.patient, record.recording));
        }
        Ok((fingerprint, found))
    }
}

fn used(manifest: &Manifest) -> impl Iterator<Item = (String, &dyn Source)> {
    manifest.used_sources().into_iter().filter_map(|name| manifest.source(&name).map(|source| (name, source)))
}

/// Whether any of the stages learned from data of this fingerprint.
fn is_of(stages: &TrainedStages, fingerprint: &str) -> bool {
    stages.by_id.values().any(|stage| stage.data_fingerprint.split('+').any(|own| own == fingerprint))
}

/// What the data say against `member`, if anything; `None` where they have no such record.
fn compared(member: &Member, found: &[&Found]) -> Option<Option<String>> {
    let key = (member.data_set.clone(), member.record_id.clone());
    let mut there = found.iter().filter_map(|found| found.get(&key)).flatten().peekable();
    let (patient, recording) = there.peek()?;
    let fault = || {
        let what = |patient: &str, recording: &Option<Recording>| {
            let samples = recording.map_or_else(|| "flat leads".to_owned(), |recording| recording.to_string());
            format!("patient {patient}, recording {samples}")
        };
        format!(
            "record {} of {}: in the store {}; in the data {}",
            member.record_id,
            member.data_set,
            what(&member.patient, &member.recording),
            what(patient, recording)
        )
    };
    let fault = fault();
    Some(
        (!there.any(|(patient, recording)| *patient == member.patient && *recording == member.recording))
            .then_some(fault),
    )
}

/// `looked up again in the data: ptbxl, simulated; not in the data: real (there is no such folder)`
fn in_words(told: &BTreeMap<String, String>, missing: usize) -> String {
    let mut by_reason: BTreeMap<(bool, &str), Vec<&str>> = BTreeMap::new();
    for (name, why) in told {
        by_reason.entry((why != "looked up again", why)).or_default().push(name);
    }
    let part = |((is_not, why), names): (&(bool, &str), &Vec<&str>)| match is_not {
        false => format!("looked up again in the data of {}", names.join(", ")),
        true => format!("by the store alone for {} ({why})", names.join(", ")),
    };
    let mut parts: Vec<String> = by_reason.iter().map(part).collect();
    if missing > 0 {
        let records = if missing == 1 { "record was" } else { "records were" };
        parts.push(format!("{missing} {records} not looked up again"));
    }
    if parts.is_empty() { "nothing was looked up".into() } else { parts.join("; ") }
}
