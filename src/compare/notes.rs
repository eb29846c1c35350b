//! What must be known of the runs that are compared.

use std::collections::{BTreeMap, BTreeSet};

use super::Selection;
use crate::store::{Run, StageStatus};

/// What makes the done runs less comparable than they look, and what is not known of their records.
pub(super) fn notes(runs: &[&Run], selection: &Selection) -> Vec<String> {
    let several = |of: fn(&Run) -> Option<&str>| {
        let mut values: Vec<&str> = Vec::new();
        for value in runs.iter().filter(|run| run.status == StageStatus::Done).filter_map(|run| of(run)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        (values.len() > 1).then_some(values)
    };
    let mut notes = Vec::new();
    if let Some(versions) = several(|run| run.version.as_deref()) {
        notes.push(format!("Its runs were made by different versions of ecgraft: {}.", versions.join(", ")));
    }
    if let Some(devices) = several(|run| run.device.as_deref()) {
        notes.push(format!("Its runs were made on different devices: {}.", devices.join(", ")));
    }
    let data = |run: &Run| Some(run.data_fingerprint.clone()).filter(|_| run.status == StageStatus::Done);
    let mut by_variant: BTreeMap<&Option<String>, BTreeSet<String>> = BTreeMap::new();
    for run in runs {
        by_variant.entry(&run.variant).or_default().extend(data(run));
    }
    if by_variant.values().any(|data| data.len() > 1) {
        notes.push("Its runs were made with different versions of the data; they are not comparable.".to_owned());
    }
    if selection.test.reads_records() {
        notes.extend(note_of_records(runs, selection));
    }
    notes
}

/// Whose records were tested, where that matters.
fn note_of_records(runs: &[&Run], selection: &Selection) -> Option<String> {
    let done = || runs.iter().filter(|run| run.status == StageStatus::Done);
    // Of several variants, the first: they may share their test records.
    let first = done().next().map(|run| run.variant.clone());
    let stages = done().filter(|run| Some(&run.variant) == first.as_ref()).map(|run| run.stage_id.as_str());
    let known = selection.test_results.patients(stages);
    match known {
        Some((_, records, false)) => Some(format!(
            "Whose its {records} test records are is not in the store, as its runs were made before that was kept: each \
             counts as a patient of its own."
        )),
        Some((patients, records, true)) if patients < records => {
            Some(format!("The test records are of {patients} patients."))
        }
        Some(_) => None,
        None => done().next().map(|_| {
            "The store has no predictions of its test records, so that its intervals and p-values are those of the t \
             test over seeds."
                .to_owned()
        }),
    }
}
