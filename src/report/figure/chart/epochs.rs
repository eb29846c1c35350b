//! A number over the epochs of training, panel by panel.

use super::axis::Axis;
use super::legend::{Entry, legend};
use super::panel::{ABOVE, Grid, LEFT, Panel};
use super::style::{COLOURS, DASHES};
use super::svg::Svg;
use crate::report::figure::Drawing;

/// Size of one panel, px, and panels in a line.
const SIZE: [f64; 2] = [268.0, 130.0];
const COLUMNS: usize = 3;
/// The same of a panel that is small, and the room above it.
const SMALL: [f64; 2] = [208.0, 96.0];
const SMALL_ABOVE: f64 = 28.0;

/// One line of a panel: a network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// Its seed, by which it is coloured.
    pub seed: u64,
    /// Whether it is of the training records: drawn with dashes.
    pub training: bool,
    /// Epoch, from 1, and value.
    pub points: Vec<(usize, f64)>,
    /// The epoch whose weights were kept.
    pub best: Option<usize>,
}

/// What one panel shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CurvePanel {
    /// Its title, and a line below it.
    pub title: [String; 2],
    /// Its lines.
    pub curves: Vec<Curve>,
}

/// A panel for each of `panels`; `value` names what is on the left axis. `None` where nothing has a number.
pub(crate) fn over_epochs(title: String, panels: &[CurvePanel], value: &str) -> Option<Drawing> {
    over_epochs_until(title, panels, value, 0)
}

/// The same with room for epochs up to `last`, of networks that are in work.
pub(crate) fn over_epochs_until(title: String, panels: &[CurvePanel], value: &str, last: usize) -> Option<Drawing> {
    let curves = || panels.iter().flat_map(|panel| &panel.curves);
    let points = || curves().flat_map(|curve| &curve.points);
    let y = Axis::linear(points().map(|point| point.1), SIZE[1])?;
    let x = Axis::epochs(points().map(|point| point.0).max()?.max(last), SIZE[0]);
    let mut seeds: Vec<u64> = curves().map(|curve| curve.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();

    let grid = Grid { columns: COLUMNS, size: SIZE, count: panels.len() };
    let mut svg = Svg::default();
    for (number, CurvePanel { title, curves }) in panels.iter().enumerate() {
        let (left, top) = grid.origin(number);
        svg.group("panel", left, top);
        let panel = Panel { x: &x, y: &y, names: ["epoch", value], first: grid.is_first(number) };
        panel.frame(&mut svg, &title[0], &title[1]);
        curves.iter().for_each(|curve| draw(&mut svg, &panel, curve, &colour(&seeds, curve.seed)));
        svg.end();
    }
    let [width, mut height] = grid.extent();
    let entry = |&seed: &u64| Entry { class: colour(&seeds, seed), dash: "", text: format!("seed {seed}") };
    height += legend(&mut svg, &seeds.iter().map(entry).collect::<Vec<_>>(), [LEFT, height], width - LEFT);
    let networks = curves().filter(|curve| !curve.training).count();
    let dashes =
        if curves().any(|curve| curve.training) { " Dotted: training records; drawn through: validation." } else { "" };
    let any_kept = curves().any(|curve| curve.best.is_some());
    let dots = if any_kept { " Dots mark the epoch whose weights were kept." } else { "" };
    let note = format!("n = {networks} networks.{dots}{dashes}");
    Some(Drawing::new(title, description(panels, value), [width.max(420.0), height], svg, &note))
}

/// A small panel of one network, with room for epochs up to `last`; what lines are is said beside it. `None` where nothing has a
/// number.
pub(crate) fn of_one_network(title: String, curves: &[Curve], value: &str, last: usize) -> Option<Drawing> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let y = Axis::linear(points().map(|point| point.1), SMALL[1])?;
    let x = Axis::epochs(points().map(|point| point.0).max()?.max(last), SMALL[0]);
    let grid = Grid { columns: 1, size: SMALL, count: 1 };
    let [left, top] = [LEFT, SMALL_ABOVE];
    let mut svg = Svg::default();
    svg.group("panel", left, top);
    let panel = Panel { x: &x, y: &y, names: ["epoch", ""], first: true };
    panel.frame(&mut svg, value, "");
    curves.iter().for_each(|curve| draw(&mut svg, &panel, curve, "c0"));
    svg.end();
    let ends = curves.iter().filter(|curve| !curve.training).filter_map(last_value).collect::<Vec<_>>().join(", ");
    let description = format!("A line over epochs; {value} at the kept epoch, or at the last: {ends}.");
    let [width, height] = grid.extent();
    Some(Drawing::new(title, description, [width, height - ABOVE + SMALL_ABOVE - 8.0], svg, ""))
}

/// The class of a seed's colour.
fn colour(seeds: &[u64], seed: u64) -> String {
    format!("c{}", seeds.iter().position(|known| *known == seed).unwrap_or(0) % COLOURS)
}

fn draw(svg: &mut Svg, panel: &Panel<'_>, curve: &Curve, colour: &str) {
    svg.push(format_args!("<g class=\"{colour}\">"));
    let finite = || curve.points.iter().filter(|point| point.1.is_finite());
    let dash = if curve.training { DASHES[2] } else { "" };
    svg.line("line thin", dash, finite().map(|&(epoch, value)| panel.at(epoch as f64, value)));
    let best = finite().find(|point| Some(point.0) == curve.best && !curve.training);
    if let Some((x, y)) = best.map(|&(epoch, value)| panel.at(epoch as f64, value)) {
        svg.dot("dot", x, y, 3.0);
    } else if let (1, Some(&(epoch, value))) = (finite().count(), finite().next()) {
        // A line of one point is not seen.
        let (x, y) = panel.at(epoch as f64, value);
        svg.dot("dot", x, y, 2.0);
    }
    svg.end();
}

fn description(panels: &[CurvePanel], value: &str) -> String {
    let ends = panels.iter().map(|panel| {
        let ends: Vec<String> = panel.curves.iter().filter(|curve| !curve.training).filter_map(last_value).collect();
        format!("{}, {}: {}.", panel.title[0], panel.title[1], ends.join(", "))
    });
    format!("Lines over epochs; {value} at the kept epoch. {}", ends.collect::<Vec<_>>().join(" "))
}

/// The value at the kept epoch, or at the last.
fn last_value(curve: &Curve) -> Option<String> {
    let kept = curve.points.iter().find(|point| Some(point.0) == curve.best).or(curve.points.last())?;
    Some(format!("seed {} {:.3}", curve.seed, kept.1))
}
