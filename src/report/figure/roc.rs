//! Receiver operating characteristic, class by class.

use super::Figure;
use super::axis::Axis;
use super::legend::{Entry, legend};
use super::panel::{Grid, LEFT, Panel};
use super::style::DASHES;
use super::svg::Svg;
use crate::statistics::auc;
use crate::store::PredictionsOfRun;

/// Size of one panel, px, and panels in a line.
const SIZE: [f64; 2] = [196.0, 196.0];
const COLUMNS: usize = 4;
/// Points nearer than this to the one before are not drawn, px.
const NEAR: f64 = 0.4;

/// Runs that are drawn alike: the seeds of an arm.
pub struct Tested<'a> {
    /// What they are, for the key.
    pub name: String,
    /// Their test predictions, all of the same classes.
    pub runs: Vec<&'a PredictionsOfRun>,
}

/// A panel for each class, a line for each run: `arm` in colour, `baseline` with dashes.
/// `None` where no class is both present and absent among the test records.
pub fn roc(title: String, arm: &Tested<'_>, baseline: Option<&Tested<'_>>) -> Option<Figure> {
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
        let of = |tested: &Tested<'_>| mean(tested.runs.iter().filter_map(|run| auc_of(run, class)));
        let own = of(arm).map_or_else(String::new, |auc| format!("{auc:.3}"));
        let other = baseline.and_then(of).map_or_else(String::new, |auc| format!(" (baseline {auc:.3})"));
        let name = &first.classes[class];
        panel.frame(
            &mut svg,
            &format!("{name}, n = {positives} of {}", first.records.len()),
            &format!("AUC {own}{other}"),
        );
        words.push(format!("{name}: mean AUC {own}{other}, {positives} of {} records have it.", first.records.len()));
        svg.push(format_args!("<path class=\"reference\" d=\"M0 {}L{} 0\"/>", SIZE[1], SIZE[0]));
        let drawn = baseline.map(|tested| ("base", DASHES[2], tested)).into_iter().chain([("c0", "", arm)]);
        for (colour, dash, tested) in drawn {
            svg.push(format_args!("<g class=\"{colour}\">"));
            for run in &tested.runs {
                let scored = run.records.iter().map(|record| (record.probabilities[class], record.labels[class]));
                let points = steps(scored.collect()).into_iter().map(|(fall, hit)| panel.at(fall, hit));
                svg.line("line thin", dash, thinned(points).into_iter());
            }
            svg.end();
        }
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
    Some(Figure::new(title, description, [width.max(420.0), height], svg, &note))
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

/// The corners of the curve from (0, 0) to (1, 1): share of the negatives and of the positives at or above each
/// threshold. Records of equal probability are passed at once.
fn steps(mut scored: Vec<(f64, bool)>) -> Vec<(f64, f64)> {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = scored.iter().filter(|record| record.1).count().max(1) as f64;
    let negatives = scored.iter().filter(|record| !record.1).count().max(1) as f64;
    let (mut hits, mut falls) = (0.0, 0.0);
    let mut points = vec![(0.0, 0.0)];
    for equal in scored.chunk_by(|a, b| a.0 == b.0) {
        hits += equal.iter().filter(|record| record.1).count() as f64;
        falls += equal.iter().filter(|record| !record.1).count() as f64;
        let point = (falls / negatives, hits / positives);
        // What goes on straight up or straight on has no corner.
        if let [.., (x0, y0), (x1, y1)] = points[..]
            && ((x0 == x1 && x1 == point.0) || (y0 == y1 && y1 == point.1))
        {
            points.pop();
        }
        points.push(point);
    }
    points
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

    /// By hand: negatives 0.1, 0.4, 0.4; positives 0.35, 0.4, 0.8.
    #[test]
    fn corners_are_right_and_ties_are_slopes() {
        let scored = vec![(0.1, false), (0.4, false), (0.4, false), (0.35, true), (0.4, true), (0.8, true)];
        let third = 1.0 / 3.0;
        let expected = [(0.0, 0.0), (0.0, third), (2.0 * third, 2.0 * third), (2.0 * third, 1.0), (1.0, 1.0)];
        let found = steps(scored.clone());
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found.0 - expected.0).abs() < 1e-12 && (found.1 - expected.1).abs() < 1e-12, "{found:?}");
        }
        // The area below is the share of pairs in order, ties counting half:
        // 0.8 is above all three, 0.4 above one and level with two, 0.35 above one: (3 + 2 + 1) / 9.
        let area: f64 = found.windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum();
        assert!((area - 6.0 / 9.0).abs() < 1e-12, "{area}");
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
