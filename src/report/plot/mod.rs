//! Figures as SVG: one file, no script, no fonts of its own; colours follow the reader's light or dark page.

use std::fmt::Write;

use super::arms::{Arm, Experiment};
use crate::plan::percent;
use crate::statistics::Spread;
use crate::{Error, Result};
use axis::Axis;

mod axis;

/// Size of one panel, px.
const WIDTH: f64 = 250.0;
const HEIGHT: f64 = 230.0;
/// Room for the labels of the left axis, above panels, below them, and between them.
const LEFT: f64 = 58.0;
const TOP: f64 = 58.0;
const BELOW: f64 = 52.0;
const GAP: f64 = 18.0;
/// A line of the key.
const LINE: f64 = 20.0;
/// Colours that differ for colour-blind readers too (Okabe and Ito 2008), one for each mix.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9"];
/// Line styles, one for each graft.
const DASHES: [&str; 4] = ["", "6 3", "2 3", "9 3 2 3"];

/// What does not follow the page; without variables, which not every viewer knows.
const STYLE: &str = "\
text { font: 12px system-ui, sans-serif } .title { font-weight: 600 } .small { font-size: 11px }
.tick, .frame, .line { fill: none } .line { stroke-width: 1.8px } .bar { stroke-width: 1.2px }";

/// Ink, grid and page.
fn page_style([ink, grid, page]: [&str; 3]) -> String {
    format!(
        ".page {{ fill: {page} }} text, .base .dot {{ fill: {ink} }} .tick, .frame {{ stroke: {grid} }} \
         .base .line, .base .bar {{ stroke: {ink} }}"
    )
}

fn style() -> String {
    let colour = |(number, colour): (usize, &&str)| {
        format!(".c{number} .line, .c{number} .bar {{ stroke: {colour} }} .c{number} .dot {{ fill: {colour} }}\n")
    };
    let colours: String = COLOURS.iter().enumerate().map(colour).collect();
    let (light, dark) = (page_style(["#1b1b1b", "#d4d4d4", "#fff"]), page_style(["#e8e8e8", "#484848", "#161616"]));
    format!("{STYLE}\n{colours}{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}")
}

/// Arms that differ in label fraction only.
struct Curve<'a> {
    arm: &'a Arm,
    /// Label fraction and macro AUC.
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
        place.map_or_else(|| "base".into(), |place| format!("c{}", place % COLOURS.len()))
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

/// Test macro AUC over the share of the labels, a panel for each architecture and freeze: a line for each
/// graft and mix, and for the baselines; bars are 95% t intervals over seeds. As SVG.
///
/// # Errors
/// A user error where no arm has a macro AUC.
pub fn label_efficiency(experiment: &Experiment) -> Result<String> {
    let curves = curves(experiment);
    let ends = curves.iter().flat_map(|curve| &curve.points).flat_map(|(_, spread)| {
        let (low, high) = interval(spread);
        [low, high]
    });
    let Some(y) = Axis::linear(ends, HEIGHT) else {
        return Err(Error::user(format!("{}: no run is done yet that has a macro AUC", experiment.name)));
    };
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

    let shown = key_entries(&curves, &key);
    let per_line = columns.len().max(1);
    let plots = (TOP + HEIGHT + BELOW) * architectures.len() as f64;
    let width = LEFT + (WIDTH + GAP) * columns.len() as f64;
    let height = plots + LINE * shown.len().div_ceil(per_line) as f64 + LINE / 2.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>{}: test macro AUC by share of the labels</title>\n<style>{}</style>\n<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n",
        escaped(&experiment.name),
        style()
    );
    for (row, architecture) in architectures.iter().enumerate() {
        for (column, freeze) in columns.iter().enumerate() {
            let left = LEFT + (WIDTH + GAP) * column as f64;
            let top = TOP + (TOP + HEIGHT + BELOW) * row as f64;
            push(&mut svg, format_args!("<g transform=\"translate({left:.0} {top:.0})\">"));
            let title =
                freeze.map_or_else(|| architecture.to_string(), |freeze| format!("{architecture}, freeze {freeze}"));
            push(&mut svg, format_args!("<text class=\"title\" y=\"-14\">{}</text>", escaped(&title)));
            frame(&mut svg, &x, &y, column == 0);
            let here = |curve: &&Curve<'_>| {
                curve.arm.architecture == *architecture
                    && (curve.arm.freeze.is_none() || curve.arm.freeze.as_deref() == *freeze)
            };
            let here: Vec<&Curve<'_>> = curves.iter().filter(here).collect();
            for (number, curve) in here.iter().enumerate() {
                // Side by side, so that bars do not hide each other.
                let aside = (number as f64 - (here.len() as f64 - 1.0) / 2.0) * 2.5;
                draw(&mut svg, curve, &key, &x, &y, aside);
            }
            svg.push_str("</g>\n");
        }
    }
    for (number, (class, dash, text)) in shown.iter().enumerate() {
        let left = LEFT + (WIDTH + GAP) * (number % per_line) as f64;
        let top = plots + LINE * (number / per_line) as f64;
        push(
            &mut svg,
            format_args!(
                "<g class=\"{class}\" transform=\"translate({left:.0} {top:.0})\"><path class=\"line\" stroke-dasharray=\"{dash}\" \
                 d=\"M0 -4H26\"/><circle class=\"dot\" cx=\"13\" cy=\"-4\" r=\"2.6\"/><text class=\"small\" x=\"33\">{}</text></g>",
                escaped(text)
            ),
        );
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// Writing to a text does not fail.
fn push(svg: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(svg, "{line}");
}

/// Arms by what they have in common beside the label fraction; those without a macro AUC are not drawn.
fn curves(experiment: &Experiment) -> Vec<Curve<'_>> {
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for arm in &experiment.arms {
        let Some(spread) = arm.macro_auc else { continue };
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
fn key_entries(curves: &[Curve<'_>], key: &Key<'_>) -> Vec<(String, &'static str, String)> {
    let mut entries = Vec::new();
    for Curve { arm, .. } in curves {
        let text = match &arm.mix {
            Some(mix) => format!("{} from {mix}", arm.graft),
            None => arm.graft.clone(),
        };
        let entry = (key.colour(arm), key.dash(arm), text);
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries
}

/// Frame, grid, ticks and names of the axes.
fn frame(svg: &mut String, x: &Axis, y: &Axis, first: bool) {
    for &tick in &y.ticks {
        let at = HEIGHT - y.place(tick);
        push(svg, format_args!("<path class=\"tick\" d=\"M0 {at:.1}H{WIDTH}\"/>"));
        if first {
            let text = y.text(tick);
            push(
                svg,
                format_args!("<text class=\"small\" text-anchor=\"end\" x=\"-7\" y=\"{:.1}\">{text}</text>", at + 4.0),
            );
        }
    }
    for &tick in &x.ticks {
        let (at, text) = (x.place(tick), percent(tick));
        push(
            svg,
            format_args!(
                "<path class=\"tick\" d=\"M{at:.1} {HEIGHT}v5\"/><text class=\"small\" text-anchor=\"middle\" x=\"{at:.1}\" \
                 y=\"{:.1}\">{text}</text>",
                HEIGHT + 18.0
            ),
        );
    }
    push(svg, format_args!("<rect class=\"frame\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>"));
    let (middle, below) = (WIDTH / 2.0, HEIGHT + 34.0);
    push(
        svg,
        format_args!(
            "<text class=\"small\" text-anchor=\"middle\" x=\"{middle}\" y=\"{below}\">share of the labels</text>"
        ),
    );
    if first {
        let up = -HEIGHT / 2.0;
        push(
            svg,
            format_args!(
                "<text class=\"small\" text-anchor=\"middle\" transform=\"rotate(-90)\" x=\"{up}\" y=\"-44\">test macro AUC</text>"
            ),
        );
    }
}

fn draw(svg: &mut String, curve: &Curve<'_>, key: &Key<'_>, x: &Axis, y: &Axis, aside: f64) {
    let at = |fraction: f64, value: f64| (x.place(fraction) + aside, HEIGHT - y.place(value));
    push(svg, format_args!("<g class=\"{}\">", key.colour(curve.arm)));
    let mut path = String::new();
    for (number, (fraction, spread)) in curve.points.iter().enumerate() {
        let (x, y) = at(*fraction, spread.mean);
        let _ = write!(path, "{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
    }
    push(svg, format_args!("<path class=\"line\" stroke-dasharray=\"{}\" d=\"{path}\"/>", key.dash(curve.arm)));
    for (fraction, spread) in &curve.points {
        let ((low, high), (x, y)) = (interval(spread), at(*fraction, spread.mean));
        if high > low {
            let (bottom, top) = (at(*fraction, low).1, at(*fraction, high).1);
            push(svg, format_args!("<path class=\"bar\" d=\"M{x:.1} {bottom:.1}V{top:.1}\"/>"));
        }
        push(svg, format_args!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>"));
    }
    svg.push_str("</g>\n");
}

/// The 95% t interval of a mean over seeds; the mean itself for one seed.
fn interval(spread: &Spread) -> (f64, f64) {
    spread.interval().unwrap_or((spread.mean, spread.mean))
}

/// Each once, in the order of first appearance.
fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for item in all {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

/// Text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::arms::Runs;
    use super::*;

    fn arm(graft: &str, mix: Option<&str>, freeze: Option<&str>, fraction: f64, mean: f64, sd: Option<f64>) -> Arm {
        let spread = Spread { n: if sd.is_some() { 4 } else { 1 }, mean, sd };
        Arm {
            architecture: "cnn".into(),
            graft: graft.into(),
            mix: mix.map(Into::into),
            freeze: freeze.map(Into::into),
            label_fraction: fraction,
            seeds: Runs { planned: 4, done: spread.n, ..Runs::default() },
            macro_auc: Some(spread),
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
        let svg = label_efficiency(&experiment(arms)).unwrap();
        let count = |what: &str| svg.matches(what).count();
        assert_eq!(count("class=\"title\""), 2, "a panel for each freeze");
        // In each panel the baseline and one graft, and both in the key.
        assert_eq!(count("class=\"line\""), 2 * 2 + 2);
        assert_eq!(count("class=\"bar\""), 2 * 2, "one seed has no interval");
        assert!(svg.contains("qrs from real&lt;1&gt;") && svg.contains("a &amp; b"));
        assert!(svg.contains(">10%<") && svg.contains(">100%<") && !svg.contains("NaN"));
        // The half width by hand: t(0.975, 3) = 3.182446, times 0.02 / 2.
        let (low, high) = interval(&Spread { n: 4, mean: 0.9, sd: Some(0.02) });
        assert!((high - 0.9 - 0.03182446).abs() < 1e-7 && (0.9 - low - 0.03182446).abs() < 1e-7);
    }

    #[test]
    fn nothing_done_is_told() {
        let mut empty = arm("scratch", None, None, 1.0, 0.5, None);
        empty.macro_auc = None;
        assert!(label_efficiency(&experiment(vec![empty])).unwrap_err().message.contains("no run is done"));
        let one = label_efficiency(&experiment(vec![arm("scratch", None, None, 1.0, 0.5, None)])).unwrap();
        assert!(!one.contains("NaN") && !one.contains("inf"));
    }
}
