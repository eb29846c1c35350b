//! Receiver operating characteristic, class by class.

use super::chart::axis::Axis;
use super::chart::legend::{Entry, legend};
use super::chart::panel::{Grid, LEFT, Panel};
use super::chart::style::DASHES;
use super::chart::svg::Svg;
use super::{Drawing, Figure, Input, Scope, Section};
use crate::statistics::{auc, roc_curve};
use crate::store::PredictionsOfRun;

/// A panel for each class, a line for each seed of an arm in colour, and of its baseline with dashes.
pub(super) struct Roc;

impl Figure for Roc {
    fn name(&self) -> &'static str {
        "roc"
    }

    fn about(&self) -> &'static str {
        "Sensitivity over 1 - specificity, class by class"
    }

    fn scope(&self) -> Scope {
        Scope::Arm
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Detail)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        input.of_classes()?;
        let missing = "no run is done yet with a class that is both present and absent in the test records";
        let shown = input.results.shown.as_ref().ok_or(missing)?;
        let arm = Tested { name: shown.name(), runs: shown.predictions().collect() };
        let baseline = shown
            .baseline_name()
            .map(|name| Tested { name: format!("baseline: {name}"), runs: shown.baseline_predictions().collect() });
        let title = format!("{}: ROC by class, {}", input.name, arm.name);
        roc(title, &arm, baseline.as_ref()).ok_or_else(|| missing.to_owned())
    }
}

/// Size of one panel, px, and panels in a line.
const SIZE: [f64; 2] = [196.0, 196.0];
const COLUMNS: usize = 4;
/// Points nearer than this to the one before are not drawn, px.
const NEAR: f64 = 0.4;

/// Runs that are drawn alike: the seeds of an arm.
struct Tested<'a> {
    /// What they are, for the key.
    name: String,
    /// Their test predictions, all of the same classes.
    runs: Vec<&'a PredictionsOfRun>,
}

/// `None` where no class is both present and absent among the test records.
fn roc(title: String, arm: &Tested<'_>, baseline: Option<&Tested<'_>>) -> Option<Drawing> {
    let first = arm.runs.first()?;
    let (x, y) = (Axis::between(0.0, 1.0, SIZE[0]), Axis::between(0.0, 1.0, SIZE[1]));
    let defined = |class: &usize| auc_of(first, *class).is_some();
    let classes: Vec<usize> = (0..first.classes.len()).filter(defined).collect();
    if classes.is_empty() {
        return None;
    }
    let grid = Grid { columns: COLUMNS, size: SIZE, count: classes.len() };
    let mut svg = Svg::default();
    let mut words = Vec::new();
    for (number, &class) in classes.iter().enumerate() {
        let (left, top) = grid.origin(number);
        svg.group("panel", left, top);
        let names = ["1 - specificity", "sensitivity"];
        let panel = Panel { x: &x, y: &y, names, first: grid.is_first(number) };
        let positives = first.records.iter().filter(|record| record.labels[class]).count();
        let aucs = aucs(class, arm, baseline);
        let (name, records) = (&first.classes[class], first.records.len());
        panel.frame(&mut svg, &format!("{name}, n = {positives} of {records}"), &format!("AUC {aucs}"));
        words.push(format!("{name}: mean AUC {aucs}, {positives} of {records} records have it."));
        svg.push(format_args!("<path class=\"reference\" d=\"M0 {}L{} 0\"/>", SIZE[1], SIZE[0]));
        if let Some(baseline) = baseline {
            draw(&mut svg, &panel, class, baseline, ["base", DASHES[2]]);
        }
        draw(&mut svg, &panel, class, arm, ["c0", ""]);
        svg.end();
    }
    let [width, mut height] = grid.extent();
    let mut entries = vec![Entry { class: "c0".into(), dash: "", text: arm.name.clone() }];
    entries.extend(baseline.map(|of| Entry { class: "base".into(), dash: DASHES[2], text: of.name.clone() }));
    height += legend(&mut svg, &entries, [LEFT, height], width - LEFT);
    let note = format!(
        "A line is a seed (n = {}{}); n at a class is its records among those tested. The diagonal is chance.",
        arm.runs.len(),
        baseline.map_or_else(String::new, |of| format!(", and {} of the baseline", of.runs.len()))
    );
    let description = format!("Sensitivity over 1 - specificity. {}", words.join(" "));
    Some(Drawing::new(title, description, [width.max(420.0), height], svg, &note))
}

/// The curves of one class, a line a run, in this colour with these dashes.
fn draw(svg: &mut Svg, panel: &Panel<'_>, class: usize, tested: &Tested<'_>, [colour, dash]: [&str; 2]) {
    svg.push(format_args!("<g class=\"{colour}\">"));
    for run in &tested.runs {
        let scored = run.records.iter().map(|record| (record.probabilities[class], record.labels[class]));
        let points = roc_curve(scored.collect()).into_iter().map(|(fall, hit)| panel.at(fall, hit));
        svg.line("line thin", dash, thinned(points).into_iter());
    }
    svg.end();
}

/// Mean AUC over the seeds, and that of the baseline: `0.912 (baseline 0.897)`.
fn aucs(class: usize, arm: &Tested<'_>, baseline: Option<&Tested<'_>>) -> String {
    let of = |tested: &Tested<'_>| mean(tested.runs.iter().filter_map(|run| auc_of(run, class)));
    let own = of(arm).map_or_else(String::new, |auc| format!("{auc:.3}"));
    let other = baseline.and_then(of).map_or_else(String::new, |auc| format!(" (baseline {auc:.3})"));
    format!("{own}{other}")
}

fn auc_of(run: &PredictionsOfRun, class: usize) -> Option<f64> {
    let scores: Vec<f64> = run.records.iter().map(|record| *record.probabilities.get(class).unwrap_or(&0.0)).collect();
    let labels: Vec<bool> = run.records.iter().map(|record| *record.labels.get(class).unwrap_or(&false)).collect();
    auc(&scores, &labels)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Without points that lie too near to be told apart; the last stays.
fn thinned(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut skipped = None;
    for point in points {
        let near = |other: &(f64, f64)| (point.0 - other.0).abs() < NEAR && (point.1 - other.1).abs() < NEAR;
        if kept.last().is_some_and(near) {
            skipped = Some(point);
        } else {
            kept.push(point);
            skipped = None;
        }
    }
    kept.extend(skipped);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The AUC that is written is the area below the curve that is drawn.
    #[test]
    fn the_area_below_the_curve_is_the_auc() {
        let scored = vec![(0.1, false), (0.4, false), (0.4, false), (0.35, true), (0.4, true), (0.8, true)];
        let found = roc_curve(scored.clone());
        let area: f64 = found.windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum();
        let (scores, labels): (Vec<f64>, Vec<bool>) = scored.into_iter().unzip();
        assert!((auc(&scores, &labels).unwrap() - area).abs() < 1e-12);
    }

    #[test]
    fn thinning_keeps_the_ends() {
        let points = (0..=1000).map(|step| (f64::from(step) * 0.01, 0.0));
        let kept = thinned(points);
        assert!(kept.len() < 40 && kept[0] == (0.0, 0.0) && *kept.last().unwrap() == (10.0, 0.0), "{kept:?}");
    }
}
