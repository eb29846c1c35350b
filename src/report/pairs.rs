//! Two arms compared, as tables: every two along a key, and the planned comparisons.

use serde_json::{Value, json};

use super::format::{NONE, Row, seeds};
use super::legend::{self, Signs};
use super::sheet::{self, Cell, Head, Sheet};
use crate::compare::{Arm, Comparison, Experiment, Family, Key, Pair};
use crate::manifest::{Correction, Subset};
use crate::metrics::NamedMetric;
use crate::statistics::{Difference, Unmeasurable};

/// A table with what is above and below it.
pub(super) struct Titled {
    pub title: String,
    pub sheet: Sheet,
    /// What holds of this table alone.
    pub notes: Vec<String>,
}

/// The tables of the planned comparisons of an experiment, the primary ones first.
pub(super) fn planned(comparison: &Comparison, experiment: &Experiment, signs: &Signs) -> Vec<Titled> {
    let of = |family: &Family| {
        let title = format!("{}: {} comparisons, as planned", experiment.name, family.name);
        let notes = family_notes(family, signs);
        let (title, sheet) = table(comparison, title, &family.pairs, None);
        Titled { title, sheet, notes }
    };
    experiment.planned.iter().map(of).collect()
}

/// The table of every two arms along a key, where that is asked for.
pub(super) fn along(comparison: &Comparison, experiment: &Experiment) -> Option<Titled> {
    let axis = comparison.against?;
    let exploratory = if experiment.has_plan { format!(", {}", legend::EXPLORATORY) } else { String::new() };
    let title = format!("{}: every two of {}{exploratory}", experiment.name, axis.heading());
    let (title, sheet) = table(comparison, title, &experiment.pairs, Some(axis));
    Some(Titled { title, sheet, notes: Vec::new() })
}

/// How a family was corrected.
fn family_notes(family: &Family, signs: &Signs) -> Vec<String> {
    let marked = family.pairs.iter().any(|pair| pair.arm.is_apart());
    let marked = if marked { format!("{}: p below 0.05. ", signs.apart) } else { String::new() };
    let corrected = match (family.correction, family.size) {
        (_, 0) => return Vec::new(),
        (Correction::None, _) => "p is not corrected, as planned".to_owned(),
        (Correction::Holm, 1) => format!("p is not corrected, being the only one of the {} family", family.name),
        (Correction::Holm, size) => format!(
            "p is corrected by Holm's method for the {size} comparisons of the {} family, and for nothing else; intervals are not",
            family.name
        ),
    };
    vec![format!("{marked}{corrected}.")]
}

/// The title, with what is the same in all rows, and the table: the comparison, where they differ in it, the places, the two
/// arms, their means and the difference.
fn table(comparison: &Comparison, title: String, pairs: &[Pair], axis: Option<Key>) -> (String, Sheet) {
    let left = |text: &str| Head { text: text.to_owned(), right: false };
    let (same, places): (Vec<_>, Vec<_>) = open_keys(pairs, axis).into_iter().partition(|key| common(pairs, *key));
    let same = same.into_iter().filter_map(|key| Some(format!("{} {}", key.heading(), pairs.first()?.place(key)?)));
    let same: Vec<String> = same.collect();
    let title = if same.is_empty() { title } else { format!("{title} ({})", same.join(", ")) };
    let is_named = pairs.iter().any(|pair| pair.comparison.is_some());
    let one_metric = pairs.windows(2).all(|two| two[0].metric == two[1].metric);
    let first = pairs.first().map(|pair| &pair.metric).or(comparison.metrics.first());
    let mut heads: Vec<Head> = is_named.then(|| left("comparison")).into_iter().collect();
    heads.extend(places.iter().map(|key| Head { text: key.heading().into(), right: *key == Key::LabelFraction }));
    heads.extend([left(axis.map_or("arm", Key::heading)), left("against")]);
    heads.push(Head { text: "seeds".into(), right: true });
    match first.filter(|_| one_metric) {
        Some(metric) => {
            heads.extend([left(&metric.heading()), left("of against"), left(&metric.difference())]);
        }
        None => heads.extend(["metric", "mean", "of against", "Δ"].map(left)),
    }
    let has_p = pairs.iter().any(|pair| pair.arm.holm.is_some());
    heads.extend(has_p.then(|| Head { text: "p".into(), right: true }));
    let row = |pair: &Pair| {
        let mut cells: Vec<Cell> = Vec::new();
        cells.extend(is_named.then(|| Cell::Text(pair.comparison.clone().unwrap_or_default())));
        cells.extend(places.iter().map(|key| Cell::Text(pair.place(*key).unwrap_or_else(|| NONE.to_owned()))));
        cells.extend(pair.names().map(Cell::Text));
        cells.push(Cell::Text(seeds(&pair.arm)));
        cells.extend((!one_metric).then(|| Cell::Text(pair.metric.heading())));
        let mean = |arm: &Arm| sheet::mean_of(comparison, arm, (0, &pair.metric), None, false);
        cells.extend([mean(&pair.arm), mean(&pair.against), sheet::difference(&pair.arm, &pair.metric, None)]);
        cells.extend(has_p.then(|| Cell::Text(sheet::p(&pair.arm))));
        cells
    };
    (title, Sheet { heads, rows: pairs.iter().map(row).collect() })
}

/// The keys in which not all pairs differ, and that are not the axis.
fn open_keys(pairs: &[Pair], axis: Option<Key>) -> Vec<Key> {
    let differ = |key: Key| pairs.iter().all(|pair| pair.differing().contains(&key));
    Key::ALL.into_iter().filter(|key| Some(*key) != axis && !pairs.is_empty() && !differ(*key)).collect()
}

/// Whether all pairs are in the same place.
fn common(pairs: &[Pair], key: Key) -> bool {
    let is_open = pairs.iter().all(|pair| !pair.differing().contains(&key));
    is_open && pairs.windows(2).all(|two| two[0].place(key) == two[1].place(key))
}

/// What a pair is called where it is not in a table: `deepfake against simulated`, and where.
pub(super) fn name(pair: &Pair) -> String {
    let [own, other] = pair.names();
    format!("{own} against {other}")
}

/// Where a pair is: `cnn, freeze none, 10% labels`.
pub(super) fn place(pair: &Pair) -> String {
    place_but(pair, &[])
}

/// The keys under which all pairs that have a value have the same.
pub(super) fn in_common(pairs: &[&Pair]) -> Vec<Key> {
    let is_common = |key: &Key| {
        let mut values = pairs.iter().filter_map(|pair| pair.place(*key));
        values.next().is_none_or(|first| values.all(|value| value == first))
    };
    Key::ALL.into_iter().filter(is_common).collect()
}

/// The same without some keys.
pub(super) fn place_but(pair: &Pair, without: &[Key]) -> String {
    let differing = pair.differing();
    let part = |key: Key| {
        let value = pair.place(key)?;
        Some(match key {
            Key::Architecture | Key::Graft => value,
            Key::LabelFraction => format!("{value} labels"),
            key => format!("{} {value}", key.heading()),
        })
    };
    let open = Key::ALL.into_iter().filter(|key| !differing.contains(key) && !without.contains(key));
    open.filter_map(part).collect::<Vec<_>>().join(", ")
}

/// The pairs for machines: a row each, with all digits. The planned ones where these are asked for, else those along a key.
pub(super) fn rows(comparison: &Comparison) -> impl Iterator<Item = Row> {
    comparison.experiments.iter().flat_map(|experiment| {
        let planned = experiment.planned.iter().filter(|_| comparison.shape.planned);
        let planned = planned.flat_map(|family| family.pairs.iter().map(move |pair| (Some(family), pair)));
        let along = experiment.pairs.iter().map(|pair| (None, pair));
        let row = |(family, pair): (Option<&Family>, &Pair)| row(&experiment.name, family, pair);
        planned.chain(along).map(row).collect::<Vec<_>>()
    })
}

/// The names of the columns.
pub(super) fn columns() -> Vec<String> {
    let metric = NamedMetric { split: Subset::Test, name: String::new(), of: None, of_last: false };
    let pair = Pair { comparison: None, metric, arm: Arm::default(), against: Arm::default() };
    row("", None, &pair).into_iter().map(|(name, _)| name).collect()
}

fn row(experiment: &str, family: Option<&Family>, pair: &Pair) -> Row {
    let mut row: Row = vec![
        ("experiment".into(), json!(experiment)),
        ("family".into(), json!(family.map(|family| family.name))),
        ("comparison".into(), json!(pair.comparison)),
        ("metric".into(), json!(pair.metric.to_string())),
    ];
    let value = |arm: &Arm, key: Key| match key {
        Key::LabelFraction => json!(arm.label_fraction),
        key => json!(arm.key(key)),
    };
    for (before, arm) in [("", &pair.arm), ("against_", &pair.against)] {
        row.extend(Key::ALL.map(|key| (format!("{before}{}", key.name()), value(arm, key))));
        let spread = arm.metrics.first().and_then(Option::as_ref).map(|summary| summary.spread);
        row.push((format!("{before}seeds"), json!(arm.seeds.done)));
        row.push((format!("{before}mean"), json!(spread.map(|spread| spread.mean))));
        row.push((format!("{before}sd"), json!(spread.and_then(|spread| spread.sd))));
    }
    let difference = pair.arm.delta.difference();
    let interval = difference.and_then(Difference::interval);
    let support = difference.and_then(|difference| difference.support.as_ref());
    let correction = family.map_or(Correction::Holm, |family| family.correction);
    let numbers: [(&str, Value); 9] = [
        ("delta", json!(difference.map(|difference| difference.mean))),
        ("delta_low", json!(interval.map(|(low, _)| low))),
        ("delta_high", json!(interval.map(|(_, high)| high))),
        ("delta_pairs", json!(difference.map_or(0, |difference| difference.pairs))),
        ("delta_p", json!(difference.and_then(Difference::p))),
        ("correction", json!(correction.name())),
        ("delta_p_corrected", json!(pair.arm.holm)),
        ("delta_fewest_patients", json!(support.map(|support| support.patients))),
        ("delta_unmeasurable", json!(difference.and_then(Difference::why_not).map(Unmeasurable::to_string))),
    ];
    row.extend(numbers.map(|(name, value)| (name.to_owned(), value)));
    row
}
