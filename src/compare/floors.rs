//! What a network must be better than: to say the same of every record.

use std::collections::HashMap;

use super::{Arm, Delta, Key, Selection, Summary};
use crate::Result;
use crate::metrics::NamedMetric;
use crate::statistics::{Spread, Unmeasurable};
use crate::store::{Run, StageStatus, Store};

/// The graft of an arm that is no network: it says of every record how common each class is among the training records.
pub const MAJORITY: &str = "majority class";

/// The graft of an arm that is no network: it says of every record the median of the records that trained the regression.
pub const MEDIAN: &str = "target median";

/// Shares of the classes among the training records, by stage.
pub type Shares = HashMap<String, Vec<(String, f64)>>;

/// The shares of the classes that stages were trained with: of the first run of each experiment, variant, fold and share of
/// the labels. Nothing of runs that were trained before it was kept.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn shares(store: &Store, needed: &[&Run]) -> Result<Shares> {
    let mut stages: Vec<String> = Vec::new();
    let mut known: Vec<(&str, Place<'_>, Option<u8>)> = Vec::new();
    for run in needed {
        let place = (run.experiment.as_str(), place(run), run.fold);
        if !known.contains(&place) {
            known.push(place);
            stages.push(run.stage_id.clone());
        }
    }
    store.training_shares(&stages)
}

/// Variant, and share of the labels.
type Place<'a> = (Option<&'a str>, u64);

fn place(run: &Run) -> Place<'_> {
    (run.variant.as_deref(), run.label_fraction.to_bits())
}

/// A row for each variant and share of the labels of an experiment's runs, whose metrics can be had; and for each of their
/// mixes, where metrics of the grafted regressions are shown.
pub(super) fn floors(meant: &[&Run], all: &[&Run], selection: &Selection) -> Vec<Arm> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for run in meant.iter().filter(|run| run.status == StageStatus::Done) {
        if !places.contains(&place(run)) {
            places.push(place(run));
        }
    }
    let folds = |wanted: &Place<'_>| -> Vec<&Run> {
        all.iter()
            .copied()
            .filter(|run| place(run) == *wanted && selection.shares.contains_key(&run.stage_id))
            .collect()
    };
    let mut floors: Vec<Arm> = places.iter().filter_map(|place| floor(&folds(place), selection)).collect();
    floors.extend(medians(meant, &places, selection));
    floors
}

/// What the medians of the targets are worth that the grafts of these runs measured.
fn medians(meant: &[&Run], places: &[Place<'_>], selection: &Selection) -> Vec<Arm> {
    // What a last stage measures has the transfer's training records' median, whatever was grafted.
    let is_of_mixes = selection.targets.is_empty();
    let mix = |run: &Run| run.mix.clone().filter(|_| selection.by.contains(&Key::Mix) && is_of_mixes);
    let mut groups: Vec<(Place<'_>, Option<String>, Vec<&Run>)> = Vec::new();
    for wanted in places {
        for &run in meant.iter().filter(|run| run.status == StageStatus::Done && place(run) == *wanted) {
            match groups.iter_mut().find(|(place, own, _)| place == wanted && *own == mix(run)) {
                Some((.., runs)) => runs.push(run),
                None => groups.push((*wanted, mix(run), vec![run])),
            }
        }
    }
    let arm = |(place, mix, runs): (Place<'_>, Option<String>, Vec<&Run>)| {
        let mean = |metric: &NamedMetric| {
            let of = selection.medians.get(metric)?;
            let values: Vec<f64> = runs.iter().filter_map(|run| of.get(&run.stage_id).copied()).collect();
            Some(Spread::from_values(&values)?.mean)
        };
        row(MEDIAN, place, mean, selection).map(|row| Arm { mix, ..row })
    };
    groups.into_iter().filter_map(arm).collect()
}

/// The row of these runs, one of each fold.
fn floor(folds: &[&Run], selection: &Selection) -> Option<Arm> {
    let mean = |metric: &NamedMetric| {
        let of = |run: &&Run| {
            selection.test_results.of_constant(metric, &run.stage_id, selection.shares.get(&run.stage_id)?)
        };
        let values: Vec<f64> = folds.iter().map(of).collect::<Option<_>>()?;
        Some(Spread::from_values(&values)?.mean)
    };
    row(MAJORITY, place(folds.first()?), mean, selection)
}

/// A row of what is no network, whose metrics have these means; nothing where none of them has any.
fn row(
    graft: &str,
    (variant, label_fraction): Place<'_>,
    mean: impl Fn(&NamedMetric) -> Option<f64>,
    selection: &Selection,
) -> Option<Arm> {
    let summary = |metric: &NamedMetric| {
        let spread = Spread::from_values(&[mean(metric)?])?;
        Some(Summary { spread, interval: Err(Unmeasurable::Undefined), support: None })
    };
    let metrics: Vec<Option<Summary>> = selection.metrics.iter().map(summary).collect();
    metrics.iter().any(Option::is_some).then(|| Arm {
        graft: graft.to_owned(),
        variant: variant.map(str::to_owned).filter(|_| selection.by.contains(&Key::Variant)),
        label_fraction: f64::from_bits(label_fraction),
        is_constant: true,
        metrics,
        delta: Delta::Floor,
        ..Arm::default()
    })
}
