//! Which sources have people in common, as far as the data tell.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Fingerprints;
use crate::Result;
use crate::manifest::{Manifest, Mix};

/// What the data say of people who are in several sources, by manifest name. Of sources of equal content it need not
/// say anything: they have everybody in common.
pub type Overlaps = BTreeMap<String, SharedPeople>;

/// People whom the sources of one manifest have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SharedPeople {
    /// The sources that share people, two by two.
    pub pairs: Vec<Overlap>,
    /// By mix, and `None` for the transfer stage: other sources without which people there were not known to be one.
    pub linked_through: BTreeMap<Option<String>, Vec<String>>,
}

/// What two sources have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlap {
    /// Their names.
    pub sources: [String; 2],
    /// People who are in both.
    pub people: usize,
    /// Recordings that are in both, by their samples.
    pub recordings: usize,
    /// Of the people, those who validate or test the classifier, where one of the two is the transfer source.
    pub held_out: Option<usize>,
    /// The data set, where they are of one.
    pub data_set: Option<String>,
}

impl Overlap {
    /// In words: `real and measured share 287 people and 311 recordings: ...`.
    pub fn text(&self, allowed: bool) -> String {
        let [a, b] = &self.sources;
        let count = |count, one, several| if count == 1 { format!("1 {one}") } else { format!("{count} {several}") };
        let people = count(self.people, "person", "people");
        let recordings = count(self.recordings, "recording", "recordings");
        let mut text = format!("{a} and {b} share {people} and {recordings}");
        match self.held_out {
            Some(0) => text.push_str("; none of them validates or tests the classifier"),
            Some(held_out) if allowed => text.push_str(&format!(
                "; {held_out} of them validate or test the classifier, and may train what is grafted, as `allow_overlap` says"
            )),
            Some(held_out) => text.push_str(&format!(
                "; {held_out} of them validate or test the classifier, and train nothing that is grafted under it"
            )),
            None => {}
        }
        if let (Some(data_set), 0) = (&self.data_set, self.recordings) {
            text.push_str(&format!(
                " (by patient alone, both being of data set {data_set}: where they are two collections, set `data_set` of one)"
            ));
        }
        text
    }
}

/// Whether the sources called `a` and `b` have people in common.
pub(super) fn share(manifest: &Manifest, a: &str, b: &str, known: &Fingerprints, overlaps: &Overlaps) -> bool {
    let print = |source: &str| known.get(&(manifest.scope(), source.to_owned()));
    let pairs = overlaps.get(&manifest.scope()).into_iter().flat_map(|shared| &shared.pairs);
    a == b
        || print(a).is_some() && print(a) == print(b) && data_set(manifest, a) == data_set(manifest, b)
        || pairs.into_iter().any(|pair| pair.sources == [a, b] || pair.sources == [b, a])
}

fn data_set(manifest: &Manifest, source: &str) -> Option<String> {
    manifest.sources.get(source).map(|source| source.data_set())
}

/// What decides who is who in a stage, beside its own data: part of its id where there is anything to say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct People {
    /// Whose people are kept out: those of the transfer source's folds.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out: Option<HeldOut>,
    /// Whether they would be, were it not allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_overlap: bool,
    /// Fingerprints of other sources through which people are known to be one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    linked_through: Vec<String>,
    /// Of each source in order, which is the first of its data set, where that is not as the kinds say.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_sets: Option<Vec<usize>>,
}

/// People that validate or test a classifier.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct HeldOut {
    fingerprint: String,
    folds: Vec<u8>,
}

/// What decides who is who in a stage on `mix`; `None` where only its own data do.
pub(super) fn on_mix(
    manifest: &Manifest,
    name: &str,
    mix: &Mix,
    known: &Fingerprints,
    overlaps: &Overlaps,
) -> Result<Option<People>> {
    let transfer = &manifest.transfer;
    let mut sources: Vec<&str> = mix.parts.iter().map(|part| part.source.as_str()).collect();
    let overlap = sources.iter().any(|source| share(manifest, source, &transfer.source, known, overlaps));
    let mut people = People { allow_overlap: overlap && manifest.allow_overlap.is_some(), ..People::default() };
    if overlap && !people.allow_overlap {
        let mut folds = [&transfer.validation_folds[..], &transfer.test_folds].concat();
        folds.sort_unstable();
        folds.dedup();
        let fingerprint = super::identity::fingerprint(manifest, &transfer.source, known)?.to_owned();
        people.held_out = Some(HeldOut { fingerprint, folds });
        sources.push(&transfer.source);
    }
    people.complete(manifest, &sources, Some(name), known, overlaps)
}

/// What decides who is who in the transfer stage; `None` where only its own data do.
pub(super) fn on_transfer(manifest: &Manifest, known: &Fingerprints, overlaps: &Overlaps) -> Result<Option<People>> {
    People::default().complete(manifest, &[&manifest.transfer.source], None, known, overlaps)
}

/// The sources, beside its own, without which people of a stage were not known to be one: of a mix, or of the transfer.
pub(super) fn linked_through<'o>(manifest: &Manifest, mix: Option<&str>, overlaps: &'o Overlaps) -> &'o [String] {
    let shared = overlaps.get(&manifest.scope());
    shared.and_then(|shared| shared.linked_through.get(&mix.map(str::to_owned))).map_or(&[], Vec::as_slice)
}

impl People {
    /// Whether anybody is kept out.
    pub(super) fn holds_out(&self) -> bool {
        self.held_out.is_some()
    }

    fn complete(
        mut self,
        manifest: &Manifest,
        sources: &[&str],
        mix: Option<&str>,
        known: &Fingerprints,
        overlaps: &Overlaps,
    ) -> Result<Option<Self>> {
        let links = linked_through(manifest, mix, overlaps);
        let all: Vec<&str> = sources.iter().copied().chain(links.iter().map(String::as_str)).collect();
        for link in links {
            self.linked_through.push(super::identity::fingerprint(manifest, link, known)?.to_owned());
        }
        let first = |usual: bool| -> Vec<usize> {
            let name = |source: &&str| {
                let source = manifest.sources.get(*source);
                source.map(|source| if usual { source.usual_data_set() } else { source.data_set() })
            };
            let names: Vec<_> = all.iter().map(name).collect();
            names.iter().map(|own| names.iter().position(|name| name == own).unwrap_or_default()).collect()
        };
        self.data_sets = Some(first(false)).filter(|sets| *sets != first(true));
        Ok(Some(self).filter(|people| *people != People::default()))
    }
}
