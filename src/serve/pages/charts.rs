//! Curves by epoch, of stages that are done or in work.

use std::collections::BTreeMap;

use super::Seen;
use crate::data::Subset;
use crate::metrics::LOSS;
use crate::report::figure::{Curve, CurvePanel, Drawing, of_one_network, over_epochs_until};
use crate::report::page::Html;
use crate::store::{Series, StageRow, StageStatus, Store};

/// What is by epoch of one stage.
#[derive(Clone, Debug, Default)]
pub(super) struct Curves {
    pub series: BTreeMap<Series, Vec<(usize, f64)>>,
    /// The most epochs there can be; 0 where that is not known.
    pub of: usize,
}

impl Curves {
    /// Those of a stage: what it told of while in work, else what its shard or the store has.
    pub fn of(seen: &Seen<'_>, store: Option<&Store>, stage: &StageRow) -> Self {
        let id = &stage.stage_id;
        if let Some(watched) = seen.snapshot.watched.get(id) {
            let mut series: BTreeMap<Series, Vec<(usize, f64)>> = BTreeMap::new();
            for epoch in &watched.epochs {
                for (split, metric, value) in &epoch.values {
                    if let (Ok(split), Some(value)) = (split.parse::<Subset>(), value) {
                        series.entry((split, metric.clone())).or_default().push((epoch.epoch, *value));
                    }
                }
            }
            return Self { series, of: watched.head.of };
        }
        let of_shard = seen.snapshot.sharded.get(id).and_then(|of| Store::open_still(&of.path).ok());
        let values = of_shard.as_ref().or(store).and_then(|store| store.curves(id).ok()).unwrap_or_default();
        let mut series: BTreeMap<Series, Vec<(usize, f64)>> = BTreeMap::new();
        for value in values {
            if let (Ok(epoch), Some(number)) = (usize::try_from(value.epoch), value.value) {
                series.entry((value.split, value.metric)).or_default().push((epoch, number));
            }
        }
        Self { series, of: 0 }
    }

    /// The epochs so far.
    pub fn epochs(&self) -> usize {
        self.series.values().flatten().map(|(epoch, _)| *epoch).max().unwrap_or(0)
    }

    /// The metrics on validation records, what most is told by first: macro AUC, an error, and then others; without the loss.
    pub fn metrics(&self) -> Vec<&str> {
        let of_validation = self.series.keys().filter(|(split, metric)| *split == Subset::Validation && metric != LOSS);
        let mut metrics: Vec<&str> = of_validation.map(|(_, metric)| metric.as_str()).collect();
        metrics.sort_by_key(|metric| match *metric {
            "macro_auc" => 0,
            error if error.starts_with("mae") => 1,
            _ => 2,
        });
        metrics
    }

    /// What of the training records is neither the loss nor a metric of validation: the learning rate and such.
    pub fn others(&self) -> Vec<&str> {
        let has = |split: Subset, metric: &String| self.series.contains_key(&(split, metric.clone()));
        let of_training = self
            .series
            .keys()
            .filter(|(split, metric)| *split == Subset::Train && metric != LOSS && !has(Subset::Validation, metric));
        of_training.map(|(_, metric)| metric.as_str()).collect()
    }
}

/// A metric in words.
pub(super) fn words(metric: &str) -> String {
    if let Some(target) = metric.strip_prefix("mae_") {
        return format!("MAE of {target}");
    }
    let named = match metric {
        "macro_auc" => "macro AUC",
        "macro_f1" => "macro F1",
        "mae" => "MAE",
        "rmse" => "RMSE",
        "r2" => "R2",
        other => return other.replace('_', " "),
    };
    named.to_owned()
}

/// One metric of several networks, a line each, and of the loss another for the training records; `None` where nothing has it.
fn chart(stages: &[(&StageRow, &Curves)], metric: &str) -> Option<Drawing> {
    let splits = [Subset::Train, Subset::Validation];
    let curve = |(stage, curves): &(&StageRow, &Curves), split: Subset| {
        let points = curves.series.get(&(split, metric.to_owned()))?.clone();
        let best = stage.best_epoch.filter(|_| stage.status == StageStatus::Done);
        Some(Curve { seed: stage.seed, training: split == Subset::Train, points, best })
    };
    let lines: Vec<Curve> =
        stages.iter().flat_map(|of| splits.iter().filter_map(move |split| curve(of, *split))).collect();
    // A line of training records alone is no comparison, and is drawn through.
    let alone = lines.iter().all(|line| line.training);
    let lines: Vec<Curve> = lines.into_iter().map(|line| Curve { training: line.training && !alone, ..line }).collect();
    let last = stages.iter().map(|(_, curves)| curves.of).max().unwrap_or(0);
    let name = words(metric);
    let title = format!("{name} by epoch");
    if stages.len() == 1 {
        return of_one_network(title, &lines, &name, last);
    }
    let panel = CurvePanel { title: [name.clone(), String::new()], curves: lines };
    over_epochs_until(title, &[panel], &name, last)
}

/// Charts of these metrics, side by side; ids begin with `id`.
pub(super) fn charts(html: &mut Html, id: &str, stages: &[(&StageRow, &Curves)], metrics: &[&str]) {
    let drawn: Vec<_> = metrics.iter().filter_map(|metric| Some((metric, chart(stages, metric)?))).collect();
    if drawn.is_empty() {
        return;
    }
    html.push(format_args!("<div class=\"charts{}\">", if stages.len() == 1 { " small" } else { "" }));
    for (metric, drawing) in &drawn {
        html.small_figure(&format!("{id}-{}", metric.replace(|letter: char| !letter.is_alphanumeric(), "-")), drawing);
    }
    html.push(format_args!("</div>"));
}
