//! What is wrong with a freeze, and what a rule has to know to say so.

use crate::declare::{Faults, Places, Problem, hint, list};
use crate::manifest::{Donor, Exclude, GraftedPart, Manifest, glob_matches};
use crate::nn::HIDDEN;

/// What is wrong with one freeze, told key by key; a value that was already faulty gets no second problem.
#[derive(Debug)]
pub(crate) struct FreezeFaults<'a> {
    manifest: &'a Manifest,
    places: &'a Places,
    name: &'a str,
    faults: Faults<'a>,
}

impl<'a> FreezeFaults<'a> {
    /// None yet, of the freeze called `name`.
    pub fn new(manifest: &'a Manifest, places: &'a Places, name: &'a str) -> Self {
        Self { manifest, places, name, faults: Faults::new(places, &["freezes", name]) }
    }

    /// What was told.
    pub fn into_problems(self) -> Vec<Problem> {
        self.faults.problems
    }

    /// Tells what is wrong with a key, or with what is in it: `&["steps", "0", "epochs"]`.
    pub fn tell(&mut self, key: &[&str], message: String) {
        self.faults.tell(key, message);
    }

    /// The epochs of the stage that it freezes; `None` where no trial uses it, or their number is faulty itself.
    pub fn epochs(&self) -> Option<usize> {
        let is_known = self.is_used() && self.places.is_sound(&["transfer", "epochs"]);
        is_known.then_some(self.manifest.transfer.epochs)
    }

    /// The architectures that trials combine with it, with their blocks; combinations left out by `exclude` whatever the
    /// other lists say are not among them.
    pub fn architectures(&self) -> Vec<(&'a str, Vec<String>)> {
        let Manifest { trials, architectures, .. } = self.manifest;
        let grafts_some = |graft: &Vec<Donor>| !trials.mix.is_empty() || !graft.iter().any(Donor::is_of_mix);
        if !self.is_used() || !trials.from.iter().any(grafts_some) {
            return Vec::new();
        }
        let is_excluded = |architecture: &String| {
            let (architecture, freeze) = (Some(architecture.clone()), Some(self.name.to_owned()));
            trials.leave_out(&Exclude { architecture, freeze, ..Exclude::default() })
        };
        let used = trials.architecture.iter().filter(|name| !is_excluded(name));
        used.filter_map(|name| Some((name.as_str(), architectures.get(name)?.blocks()))).collect()
    }

    /// Tells of a block name at `key` that stands for no block of an architecture it is combined with, nor for one of
    /// `others`.
    pub fn pattern(&mut self, pattern: &str, key: &[&str], others: &[&str]) {
        let is_hidden = pattern == HIDDEN && self.manifest.transfer.graft == GraftedPart::Hidden;
        if is_hidden || others.iter().any(|other| glob_matches(pattern, other)) {
            return;
        }
        for (architecture, blocks) in self.architectures() {
            if blocks.iter().any(|block| glob_matches(pattern, block)) {
                continue;
            }
            let known =
                blocks.iter().map(String::as_str).chain(others.iter().copied().filter(|other| *other == "head"));
            let known: Vec<&str> = known.collect();
            // All names are told even where one is near: the block may be of another architecture.
            let hint = hint(pattern, known.iter().copied());
            let near = if hint.contains('?') { format!("{hint} its") } else { "; its".into() };
            let message = format!(
                "no block of architecture `{architecture}` is called `{pattern}`{near} blocks: {}",
                list(&known)
            );
            self.tell(key, message);
        }
    }

    fn is_used(&self) -> bool {
        self.manifest.trials.freeze.iter().any(|used| used == self.name)
    }
}
