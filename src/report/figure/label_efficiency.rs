//! The macro AUC over the share of the labels.

use super::chart::axis::Axis;
use super::chart::legend::{Entry, legend};
use super::chart::panel::{Grid, LEFT, Panel};
use super::chart::style::{COLOURS, DASHES};
use super::chart::svg::Svg;
use super::kind::distinct;
use super::{Drawing, Figure, Input, Scope, Section};
use crate::compare::{Arm, Experiment};
use crate::metrics::NamedMetric;
use crate::statistics::Spread;
use crate::words::number::{decimals, percent};

/// Size of one panel, px.
const WIDTH: f64 = 250.0;
const HEIGHT: f64 = 230.0;

/// Test macro AUC over the share of the labels, a panel for each architecture and freeze: a line for each
/// graft and mix, and for the baselines; bars are 95% t intervals over seeds.
pub(super) struct LabelEfficiency;

impl Figure for LabelEfficiency {
    fn name(&self) -> &'static str {
        "label-efficiency"
    }

    fn about(&self) -> &'static str {
        "Test macro AUC, or error, over the share of the labels"
    }

    fn scope(&self) -> Scope {
        Scope::Experiment("every arm at every share of the labels")
    }

    fn section(&self) -> Option<Section> {
        Some(Section::LabelEfficiency)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        label_efficiency(input.results.experiment, &input.results.comparison.judge())
    }
}

/// Arms that differ in label fraction only.
struct Curve<'a> {
    arm: &'a Arm,
    /// Label fraction and what is judged by.
    points: Vec<(f64, Spread)>,
}

/// What lines share: the mixes and grafts of an experiment, in the order of its table.
struct Key<'a> {
    mixes: Vec<&'a str>,
    grafts: Vec<&'a str>,
}

impl Key<'_> {
    fn colour(&self, arm: &Arm) -> String {
        let place = arm.mix.as_deref().and_then(|mix| self.mixes.iter().position(|known| *known == mix));
        place.map_or_else(|| "base".into(), |place| format!("c{}", place % COLOURS))
    }

    fn dash(&self, arm: &Arm) -> &'static str {
        // A baseline looks like the graft of its size: one fresh backbone is drawn through.
        let place = match &arm.mix {
            Some(_) => self.grafts.iter().position(|graft| *graft == arm.graft).unwrap_or(0),
            None => usize::from(!arm.is_baseline()),
        };
        DASHES[place % DASHES.len()]
    }
}

fn label_efficiency(experiment: &Experiment, judge: &NamedMetric) -> Result<Drawing, String> {
    let curves = curves(experiment);
    let ends = curves.iter().flat_map(|curve| &curve.points).flat_map(|(_, spread)| {
        let (low, high) = interval(spread, judge);
        [low, high]
    });
    let y =
        Axis::linear(ends, HEIGHT).ok_or_else(|| format!("no run is done yet that has a {}", judge.short_heading()))?;
    let heading = judge.heading();
    let fractions: Vec<f64> = curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.0)).collect();
    let x = Axis::logarithmic(&fractions, WIDTH);
    let key = Key {
        mixes: distinct(curves.iter().filter_map(|curve| curve.arm.mix.as_deref())),
        grafts: distinct(curves.iter().filter(|curve| curve.arm.mix.is_some()).map(|curve| &*curve.arm.graft)),
    };
    let architectures = distinct(curves.iter().map(|curve| &*curve.arm.architecture));
    let freezes = distinct(curves.iter().filter_map(|curve| curve.arm.freeze.as_deref()));
    // Only baselines: one panel for them.
    let columns: Vec<Option<&str>> = match freezes.as_slice() {
        [] => vec![None],
        freezes => freezes.iter().copied().map(Some).collect(),
    };

    let grid = Grid { columns: columns.len(), size: [WIDTH, HEIGHT], count: columns.len() * architectures.len() };
    let mut svg = Svg::default();
    for (row, architecture) in architectures.iter().enumerate() {
        for (column, freeze) in columns.iter().enumerate() {
            let (left, top) = grid.origin(row * columns.len() + column);
            svg.group("panel", left, top);
            let title =
                freeze.map_or_else(|| architecture.to_string(), |freeze| format!("{architecture}, freeze {freeze}"));
            let panel = Panel { x: &x, y: &y, names: ["share of the labels", &heading], first: column == 0 };
            panel.frame(&mut svg, &title, "");
            let here = |curve: &&Curve<'_>| {
                curve.arm.architecture == *architecture
                    && (curve.arm.freeze.is_none() || curve.arm.freeze.as_deref() == *freeze)
            };
            side_by_side(&mut svg, &curves.iter().filter(here).collect::<Vec<_>>(), (&key, judge), &panel);
            svg.end();
        }
    }
    let [width, mut height] = grid.extent();
    height += legend(&mut svg, &key_entries(&curves, &key), [LEFT, height], width - LEFT);
    let title = format!("{}: {} by share of the labels", experiment.name, judge.in_text());
    Ok(Drawing::new(title, description(&curves, judge), [width, height], svg, &note(experiment)))
}

/// What bars are and how many seeds and records the numbers are of.
fn note(experiment: &Experiment) -> String {
    let seeds = || experiment.arms.iter().filter_map(|arm| arm.judged).map(|spread| spread.n);
    let n = match (seeds().min(), seeds().max()) {
        (Some(low), Some(high)) if low < high => format!("{low} to {high}"),
        (_, high) => high.unwrap_or(0).to_string(),
    };
    let records = experiment.test_set.as_ref().map(|test| format!(", each tested on {} records", test.records));
    let records = records.unwrap_or_default();
    match seeds().max() {
        Some(1) => format!("A point is one seed (n = 1{records}), which has no interval."),
        _ => format!(
            "Points are means over seeds (n = {n}{records}); bars are their 95% t intervals, which cover the spread over seeds only."
        ),
    }
}

/// The means, line by line.
fn description(curves: &[Curve<'_>], judge: &NamedMetric) -> String {
    let lines = curves.iter().map(|curve| {
        let points: Vec<String> = curve
            .points
            .iter()
            .map(|(fraction, spread)| format!("{} with {}", decimals(spread.mean, judge.digits()), percent(*fraction)))
            .collect();
        format!("{}: {}.", curve.arm.name(), points.join(", "))
    });
    format!("Lines over the share of the labels. {}", lines.collect::<Vec<_>>().join(" "))
}

/// Arms by what they have in common beside the label fraction; those without what they are judged by are not drawn.
fn curves(experiment: &Experiment) -> Vec<Curve<'_>> {
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for arm in &experiment.arms {
        let Some(spread) = arm.judged else { continue };
        let point = (arm.label_fraction, spread);
        let same = |curve: &&mut Curve<'_>| {
            let other = curve.arm;
            (&other.architecture, &other.graft, &other.mix, &other.freeze)
                == (&arm.architecture, &arm.graft, &arm.mix, &arm.freeze)
        };
        match curves.iter_mut().find(same) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve { arm, points: vec![point] }),
        }
    }
    curves.iter_mut().for_each(|curve| curve.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    curves
}

/// Class, line style and text of each line of the key, each once.
fn key_entries(curves: &[Curve<'_>], key: &Key<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for Curve { arm, .. } in curves {
        let text = match &arm.mix {
            Some(mix) => format!("{} from {mix}", arm.graft),
            None => arm.graft.clone(),
        };
        let entry = Entry { class: key.colour(arm), dash: key.dash(arm), text };
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries
}

/// The lines of a panel, a little beside one another so that bars do not hide each other.
fn side_by_side(svg: &mut Svg, curves: &[&Curve<'_>], key: (&Key<'_>, &NamedMetric), panel: &Panel<'_>) {
    let step = if panel.x.ticks.len() == 1 { 12.0 } else { 2.5 };
    for (number, curve) in curves.iter().enumerate() {
        let aside = (number as f64 - (curves.len() as f64 - 1.0) / 2.0) * step;
        draw(svg, curve, key, panel, aside);
    }
}

fn draw(svg: &mut Svg, curve: &Curve<'_>, (key, judge): (&Key<'_>, &NamedMetric), panel: &Panel<'_>, aside: f64) {
    let at = |fraction: f64, value: f64| {
        let (x, y) = panel.at(fraction, value);
        (x + aside, y)
    };
    svg.group(&key.colour(curve.arm), 0.0, 0.0);
    svg.line("line", key.dash(curve.arm), curve.points.iter().map(|(fraction, spread)| at(*fraction, spread.mean)));
    for (fraction, spread) in &curve.points {
        let ((low, high), (x, y)) = (interval(spread, judge), at(*fraction, spread.mean));
        if high > low {
            svg.line("bar", "", [at(*fraction, low), at(*fraction, high)].into_iter());
        }
        svg.dot("dot", x, y, 2.6);
    }
    svg.end();
}

/// The 95% t interval of a mean over seeds, within what the metric can be; the mean itself where there is none.
fn interval(spread: &Spread, judge: &NamedMetric) -> (f64, f64) {
    let (least, most) = judge.range(None);
    spread.interval().map_or((spread.mean, spread.mean), |(low, high)| (low.max(least), high.min(most)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Runs, judge};

    fn arm(graft: &str, mix: Option<&str>, freeze: Option<&str>, fraction: f64, mean: f64, sd: Option<f64>) -> Arm {
        let spread = Spread { n: if sd.is_some() { 4 } else { 1 }, mean, sd };
        Arm {
            architecture: "cnn".into(),
            graft: graft.into(),
            mix: mix.map(Into::into),
            freeze: freeze.map(Into::into),
            label_fraction: fraction,
            seeds: Runs { planned: 4, done: spread.n, ..Runs::default() },
            judged: Some(spread),
            ..Arm::default()
        }
    }

    fn experiment(arms: Vec<Arm>) -> Experiment {
        Experiment { name: "a & b".into(), arms, ..Experiment::default() }
    }

    #[test]
    fn every_arm_is_a_line_with_its_interval() {
        let mut arms = Vec::new();
        for (fraction, mean) in [(1.0, 0.9), (0.1, 0.7)] {
            arms.push(arm("scratch", None, None, fraction, mean, Some(0.02)));
            for freeze in ["none", "probe"] {
                arms.push(arm("qrs", Some("real<1>"), Some(freeze), fraction, mean + 0.02, None));
            }
        }
        let svg = label_efficiency(&experiment(arms), &judge(&[])).unwrap().svg();
        let count = |what: &str| svg.matches(what).count();
        assert_eq!(count("class=\"title\""), 2, "a panel for each freeze");
        // In each panel the baseline and one graft, and both in the key.
        assert_eq!(count("class=\"line\""), 2 * 2 + 2);
        assert_eq!(count("class=\"bar\""), 2 * 2, "one seed has no interval");
        assert!(svg.contains("qrs from real&lt;1&gt;") && svg.contains("a &amp; b"));
        assert!(svg.contains(">10%<") && svg.contains(">100%<") && !svg.contains("NaN"));
        // The half width by hand: t(0.975, 3) = 3.182446, times 0.02 / 2.
        let (low, high) = interval(&Spread { n: 4, mean: 0.9, sd: Some(0.02) }, &judge(&[]));
        assert!((high - 0.9 - 0.03182446).abs() < 1e-7 && (0.9 - low - 0.03182446).abs() < 1e-7);
    }

    #[test]
    fn nothing_done_is_told() {
        let mut empty = arm("scratch", None, None, 1.0, 0.5, None);
        empty.judged = None;
        assert!(label_efficiency(&experiment(vec![empty]), &judge(&[])).unwrap_err().contains("no run is done"));
        let one =
            label_efficiency(&experiment(vec![arm("scratch", None, None, 1.0, 0.5, None)]), &judge(&[])).unwrap().svg();
        assert!(!one.contains("NaN") && !one.contains("inf"));
    }
}
