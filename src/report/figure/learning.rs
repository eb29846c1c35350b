//! A number over the epochs of training, panel by panel.

use super::Figure;
use super::axis::Axis;
use super::legend::{Entry, legend};
use super::panel::{Grid, LEFT, Panel};
use super::style::{COLOURS, DASHES};
use super::svg::Svg;

/// Size of one panel, px, and panels in a line.
const SIZE: [f64; 2] = [268.0, 130.0];
const COLUMNS: usize = 3;

/// One line of a panel: a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
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
pub struct Course {
    /// Its title, and a line below it.
    pub title: [String; 2],
    /// Its lines.
    pub curves: Vec<Curve>,
}

/// A panel for each of `courses`; `value` names what is on the left axis. `None` where nothing has a number.
pub fn learning(title: String, courses: &[Course], value: &str) -> Option<Figure> {
    let curves = || courses.iter().flat_map(|course| &course.curves);
    let y = Axis::linear(curves().flat_map(|curve| &curve.points).map(|point| point.1), SIZE[1])?;
    let last = curves().flat_map(|curve| &curve.points).map(|point| point.0).max()?;
    let x = Axis::epochs(last, SIZE[0]);
    let mut seeds: Vec<u64> = curves().map(|curve| curve.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let colour = |seed: u64| format!("c{}", seeds.iter().position(|known| *known == seed).unwrap_or(0) % COLOURS);

    let grid = Grid { columns: COLUMNS, size: SIZE, count: courses.len() };
    let mut svg = Svg::default();
    for (number, course) in courses.iter().enumerate() {
        let (left, top) = grid.origin(number);
        svg.group("panel", left, top);
        let panel = Panel { x: &x, y: &y, names: ["epoch", value], first: grid.is_first(number) };
        panel.frame(&mut svg, &course.title[0], &course.title[1]);
        for curve in &course.curves {
            svg.push(format_args!("<g class=\"{}\">", colour(curve.seed)));
            let finite = || curve.points.iter().filter(|point| point.1.is_finite());
            let dash = if curve.training { DASHES[2] } else { "" };
            svg.line("line thin", dash, finite().map(|&(epoch, value)| panel.at(epoch as f64, value)));
            let best = finite().find(|point| Some(point.0) == curve.best && !curve.training);
            if let Some((x, y)) = best.map(|&(epoch, value)| panel.at(epoch as f64, value)) {
                svg.dot("dot", x, y, 3.0);
            }
            svg.end();
        }
        svg.end();
    }
    let [width, mut height] = grid.extent();
    let entry = |&seed: &u64| Entry { class: colour(seed), dash: "", text: format!("seed {seed}") };
    height += legend(&mut svg, &seeds.iter().map(entry).collect::<Vec<_>>(), [LEFT, height], width - LEFT);
    let networks = curves().filter(|curve| !curve.training).count();
    let dashes =
        if curves().any(|curve| curve.training) { " Dotted: training records; drawn through: validation." } else { "" };
    let note = format!("n = {networks} networks. Dots mark the epoch whose weights were kept.{dashes}");
    let ends = courses.iter().map(|course| {
        let ends: Vec<String> = course.curves.iter().filter(|curve| !curve.training).filter_map(last_value).collect();
        format!("{}, {}: {}.", course.title[0], course.title[1], ends.join(", "))
    });
    let description = format!("Lines over epochs; {value} at the kept epoch. {}", ends.collect::<Vec<_>>().join(" "));
    Some(Figure::new(title, description, [width.max(420.0), height], svg, &note))
}

/// The value at the kept epoch, or at the last.
fn last_value(curve: &Curve) -> Option<String> {
    let kept = curve.points.iter().find(|point| Some(point.0) == curve.best).or(curve.points.last())?;
    Some(format!("seed {} {:.3}", curve.seed, kept.1))
}
