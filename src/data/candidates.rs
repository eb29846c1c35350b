//! What a part of a mix can give: its records, and where the others went.

use std::collections::HashSet;

use super::classes::has_classes;
use super::composition::{filter, folds_text};
use super::condition::evaluate;
use super::people::Who;
use super::{Dataset, Record};
use crate::Result;
use crate::error::Error;
use crate::manifest::{Class, Labels, Mix, MixPart, Target, Transfer};

/// What must be known of a record for it to take part.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// At least one of the targets.
    Targets(&'a [Target]),
    /// Its classes: one of these, or at least one of them.
    Classes(&'a [Class], Labels),
    /// Nothing but its signal.
    Signals,
}

impl<'a> Wanted<'a> {
    /// What a transfer's last stage learns.
    pub fn of_transfer(transfer: &'a Transfer) -> Self {
        match &*transfer.targets {
            [] => Wanted::Classes(&transfer.classes, transfer.labels),
            targets => Wanted::Targets(targets),
        }
    }

    /// The targets that are learned.
    pub(super) fn targets(self) -> &'a [Target] {
        match self {
            Wanted::Targets(targets) => targets,
            Wanted::Classes(..) | Wanted::Signals => &[],
        }
    }

    /// Whether `record` can take part.
    pub(super) fn is_known_of(&self, record: &Record) -> bool {
        match *self {
            Wanted::Targets(targets) => targets.iter().any(|target| record.measurement(*target).is_some()),
            Wanted::Classes(classes, labels) => has_classes(record, classes, labels),
            Wanted::Signals => true,
        }
    }

    /// What records that take part have: `a known hr`, `exactly one class`.
    pub(super) fn text(&self) -> String {
        match *self {
            Wanted::Targets(targets) => {
                let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
                format!("a known {}", names.join(" or "))
            }
            Wanted::Classes(_, Labels::Single) => "exactly one class".into(),
            Wanted::Classes(_, Labels::Multi) => "one of the classes".into(),
            Wanted::Signals => "a signal".into(),
        }
    }

    /// What the others have: `no hr`, `not exactly one class`.
    pub(super) fn lack(&self) -> String {
        match *self {
            Wanted::Targets(targets) => {
                let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
                format!("no {}", names.join(" or "))
            }
            Wanted::Classes(_, Labels::Single) => "not exactly one class".into(),
            Wanted::Classes(_, Labels::Multi) => "none of the classes".into(),
            Wanted::Signals => "no signal".into(),
        }
    }
}

/// The records of a part and what became of its source's others.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Indices into the dataset's records.
    pub records: Vec<usize>,
    /// Records of the part's folds.
    of_folds: usize,
    /// Of those, records that do not fulfil the condition.
    unfulfilled: usize,
    /// Records that have not what the condition asks.
    undecided: usize,
    /// Records of patients that the classifier is validated or tested on.
    pub held: usize,
    /// Records without what is wanted.
    unknown: usize,
    /// Records that an earlier part has.
    taken: usize,
    /// Records that an earlier record of the same source is too, under another id.
    repeated: usize,
}

impl Candidates {
    /// The records that `part` may draw: of its folds, that fulfil its condition, of nobody held out, with what
    /// is wanted, and each recording once. A recording that two parts have in common belongs to the first: `taken` has
    /// those of earlier parts.
    pub fn new(
        (dataset, who): (&Dataset, &Who<'_>),
        part: &MixPart,
        wanted: Wanted<'_>,
        [held_out, taken]: [&HashSet<u32>; 2],
    ) -> Candidates {
        let in_folds = |record: &Record| {
            part.folds.as_ref().is_none_or(|folds| record.fold.is_some_and(|fold| folds.contains(&fold)))
        };
        let mut candidates = Candidates::default();
        let mut own = HashSet::new();
        for (index, record) in dataset.records.iter().enumerate().filter(|(_, record)| in_folds(record)) {
            candidates.of_folds += 1;
            let fulfilled = part.condition.as_ref().map_or(Some(true), |condition| evaluate(condition, record));
            match fulfilled {
                Some(false) => candidates.unfulfilled += 1,
                None => candidates.undecided += 1,
                Some(true) if held_out.contains(&who.person(index)) => candidates.held += 1,
                Some(true) if !wanted.is_known_of(record) => candidates.unknown += 1,
                Some(true) if taken.contains(&who.recording(index)) => candidates.taken += 1,
                Some(true) if !own.insert(who.recording(index)) => candidates.repeated += 1,
                Some(true) => candidates.records.push(index),
            }
        }
        candidates
    }

    /// What the user should know of records that are left out.
    pub fn notes(&self, part: &MixPart, wanted: Wanted<'_>) -> Vec<String> {
        let source = &part.source;
        let condition = part.condition.as_ref().map(ToString::to_string).unwrap_or_default();
        let notes = [
            (self.unfulfilled, format!("of {source} do not fulfil {condition}")),
            (self.undecided, format!("of {source} are left out because what `{condition}` asks is not known of them")),
            (self.unknown, format!("of {source} have {} and are left out", wanted.lack())),
            (
                self.held,
                format!("of {source} are left out because the classifier is validated or tested on their patients"),
            ),
            (self.taken, format!("of {source} are those of an earlier part of the mix")),
            (self.repeated, format!("of {source} are left out because another id has the same recording")),
        ];
        notes
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} records {what}"))
            .collect()
    }

    /// Where the records of the folds went, for messages.
    fn account(&self, wanted: Wanted<'_>) -> String {
        let unknown = format!("have {}", wanted.lack());
        let reasons = [
            (self.unfulfilled, "do not fulfil `where`"),
            (self.undecided, "have not what `where` asks"),
            (self.held, "are of patients that validate or test the classifier"),
            (self.unknown, unknown.as_str()),
            (self.taken, "are those of an earlier part"),
            (self.repeated, "are the same recording under another id"),
        ];
        let told: Vec<String> =
            reasons.into_iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}")).collect();
        told.join(", ")
    }
}

/// What is said of a part that has nothing to give.
pub(super) fn nothing(name: &str, number: usize, part: &MixPart, candidates: &Candidates, wanted: Wanted<'_>) -> Error {
    let place = part.folds.as_ref().map_or(String::new(), |folds| format!(" in {}", folds_text(folds)));
    let account = match candidates.account(wanted) {
        account if account.is_empty() => String::new(),
        account => format!(": {account}"),
    };
    let advice = match (&part.condition, &part.folds) {
        (Some(_), _) if candidates.unfulfilled + candidates.undecided > 0 => "loosen its `where`",
        (_, Some(_)) => "give it other `folds`",
        _ => "take it out of the mix, or give its source records",
    };
    Error::user(format!(
        "mix {name}: part {} leaves no record with {}; {} has {} records{place}{account}; {advice}",
        described(number, part),
        wanted.text(),
        part.source,
        candidates.of_folds,
    ))
}

/// Where the parts cannot give what is asked: which, how many there are, and what to change.
pub(super) fn check_quotas(
    name: &str,
    mix: &Mix,
    wanted: Wanted<'_>,
    available: &[usize],
    quotas: &[usize],
) -> Result<()> {
    let lacking = mix.parts.iter().zip(available.iter().zip(quotas)).find(|(_, (have, quota))| quota > have);
    let Some((part, (have, quota))) = lacking else { return Ok(()) };
    let mut which = format!(" with {}", wanted.text());
    if let Some(folds) = &part.folds {
        which.push_str(&format!(" in {}", folds_text(folds)));
    }
    if let Some(condition) = &part.condition {
        which.push_str(&format!(" where {condition}"));
    }
    let mut advice = "lower `records`".to_owned();
    let most = |(part, have): (&MixPart, &usize)| part.share.map(|share| *have as f64 / share);
    // A total for which every part has enough, whatever the remainders do.
    let totals: Option<Vec<f64>> = mix.parts.iter().zip(available).map(most).collect();
    if let Some(total) = totals.and_then(|totals| totals.into_iter().min_by(f64::total_cmp))
        && total >= 1.0
    {
        advice.push_str(&format!(" to {}", total.floor()));
    }
    if part.share.is_some() {
        advice.push_str(" or the part's `share`");
    }
    let there = match part.max_records {
        Some(limit) if *have == limit => {
            advice.push_str(", or raise its `max_records`");
            format!("its `max_records` leaves {have} of those")
        }
        _ => format!("there are {have}"),
    };
    if part.condition.is_some() {
        advice.push_str(", or loosen its `where`");
    }
    let source = &part.source;
    Err(Error::user(format!("mix {name}: it asks for {quota} records of {source} and {there}{which}; {advice}")))
}

/// `2 (ptbxl: folds 1, 2; hr < 60)`
pub(super) fn described(number: usize, part: &MixPart) -> String {
    let filter = filter(part);
    let with = if filter.is_empty() { String::new() } else { format!(": {filter}") };
    format!("{} ({}{with})", number + 1, part.source)
}
