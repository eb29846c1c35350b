//! What regressions measured over what is true, target by target.

use super::axis::Axis;
use super::panel::{Grid, Panel};
use super::svg::Svg;
use super::{Figure, distinct};
use crate::manifest::Target;
use crate::train::metrics;

/// Size of one panel, px, and panels in a line.
const SIZE: [f64; 2] = [260.0, 260.0];
const COLUMNS: usize = 2;
/// Room for a panel's own left axis beside another panel, px.
const BETWEEN: f64 = 44.0;
/// Points that a panel has at most.
const POINTS: usize = 5_000;

/// One target as a regression measured it on its test records.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was measured.
    pub target: Target,
    /// The network: `qrs on synthetic (cnn, seed 0)`.
    pub network: String,
    /// Truth and measured value of each record, in the target's unit: bpm or ms.
    pub pairs: Vec<(f64, f64)>,
}

/// A panel for each target: measured over true values, a dot a record, with the line where they are equal, n, mean absolute
/// error and Pearson's r. `None` without records.
pub fn scatter(title: String, measured: &[Measured]) -> Option<Figure> {
    let mut panels = Panels::new(measured, SIZE);
    for (number, of) in measured.iter().enumerate() {
        let (truth, values): (Vec<f64>, Vec<f64>) = of.pairs.iter().copied().unzip();
        // Values that are not finite are nowhere.
        let Ok(found) = metrics::regression(&truth, &values) else { continue };
        // Both axes alike: the line of equal values is the diagonal.
        let axis = |length| Axis::linear(truth.iter().chain(&values).copied(), length);
        let (Some(x), Some(y)) = (axis(SIZE[0]), axis(SIZE[1])) else { continue };
        let (name, unit) = (of.target.name(), of.target.unit());
        let names = [format!("true {name} ({unit})"), format!("measured {name} ({unit})")];
        let panel = Panel { x: &x, y: &y, names: [&names[0], &names[1]], first: true };
        let r = found.pearson_r.map_or_else(|| "not defined".to_owned(), |r| format!("{r:.3}"));
        let said = format!("n = {}, MAE {:.1} {unit}, r {r}", truth.len(), found.mae);
        panels.begin(number, &panel, name, &said);
        panels.svg.push(format_args!("<path class=\"reference\" d=\"M0 {}L{} 0\"/>", SIZE[1], SIZE[0]));
        panels.points(&panel, name, of.pairs.iter().copied());
        panels.svg.end();
    }
    panels.figure(title, "Measured over true values.", "On the dashed line they are equal.")
}

/// Panels of records, target by target, each with axes of its own.
pub(super) struct Panels<'a> {
    pub svg: Svg,
    measured: &'a [Measured],
    grid: Grid,
    words: Vec<String>,
    /// Where not all records are drawn, which are.
    thinned: Vec<String>,
}

impl<'a> Panels<'a> {
    /// Panels of `size`, px, for each of `measured`.
    pub fn new(measured: &'a [Measured], size: [f64; 2]) -> Self {
        let grid = Grid { columns: COLUMNS, size: [size[0] + BETWEEN, size[1]], count: measured.len() };
        Self { svg: Svg::default(), measured, grid, words: Vec::new(), thinned: Vec::new() }
    }

    /// Begins the group of a panel, with its frame, its target's name and what is `said` of it.
    pub fn begin(&mut self, number: usize, panel: &Panel<'_>, name: &str, said: &str) {
        let (left, top) = self.grid.origin(number);
        self.svg.group("panel", left, top);
        panel.frame(&mut self.svg, name, said);
        self.words.push(format!("{name}: {said}."));
    }

    /// A dot for each of `points` of the target called `name`, or for every so manieth where they are too many.
    pub fn points(&mut self, panel: &Panel<'_>, name: &str, points: impl ExactSizeIterator<Item = (f64, f64)>) {
        let (all, step) = (points.len(), step(points.len()));
        if step > 1 {
            self.thinned.push(format!("{name} 1 in {step} of {all}"));
        }
        self.svg.push(format_args!("<g class=\"c0\"><g class=\"points\">"));
        for (x, y) in points.step_by(step) {
            let (x, y) = panel.at(x, y);
            // A line too short to see has round ends that are a dot, in half the letters of a circle.
            self.svg.push(format_args!("<path d=\"M{x:.1} {y:.1}h.1\"/>"));
        }
        self.svg.push(format_args!("</g></g>"));
    }

    /// The figure, with `note` below; `None` where no panel was begun.
    pub fn figure(self, title: String, what: &str, note: &str) -> Option<Figure> {
        if self.words.is_empty() {
            return None;
        }
        let networks = distinct(self.measured.iter().map(|of| &*of.network)).join(", ");
        let thinned = match self.thinned.join(", ") {
            few if few.is_empty() => few,
            many => format!(" So that the file stays small only some are drawn ({many}); the numbers are of all."),
        };
        let note = format!(
            "A dot is a test record of the mix whose true value is known (n). {note}{thinned} Measured by {networks}."
        );
        let [width, height] = self.grid.extent();
        let description = format!("{what} {}", self.words.join(" "));
        Some(Figure::new(title, description, [width.max(420.0), height], self.svg, &note))
    }
}

/// Every which of so many points is drawn.
fn step(points: usize) -> usize {
    points.div_ceil(POINTS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(target: Target, pairs: Vec<(f64, f64)>) -> Measured {
        Measured { target, network: "hr on synthetic (cnn, seed 0)".into(), pairs }
    }

    /// By hand: errors 2, -1, -1, so that the MAE is 4 / 3; deviations of the truth -10, 0, 10 from 70 and of the measured
    /// values -8, -1, 9 from 70, so that r = (80 + 90) / sqrt(200 * 146) = 170 / 170.88 = 0.99485.
    #[test]
    fn numbers_are_those_of_the_records() {
        let hr = of(Target::HR, vec![(60.0, 62.0), (70.0, 69.0), (80.0, 79.0)]);
        let figure = scatter("title".into(), &[hr]).unwrap();
        assert!(figure.description.contains("hr: n = 3, MAE 1.3 bpm, r 0.995."), "{}", figure.description);
        assert_eq!(figure.svg().matches("h.1\"").count(), 3);
        assert!(!figure.description.contains("only some"));
        assert!(figure.description.contains("Measured by hr on synthetic (cnn, seed 0)."));
    }

    #[test]
    fn a_point_lies_on_the_diagonal_where_both_are_equal() {
        let svg = scatter("title".into(), &[of(Target::QT, vec![(380.0, 380.0), (420.0, 420.0)])]).unwrap().svg();
        // 5% of the spread of 40 ms on either side: 380 ms lies at 2 / 44 of 260 px, 420 ms at 42 / 44.
        assert!(svg.contains("M11.8 248.2h.1") && svg.contains("M248.2 11.8h.1"), "{svg}");
    }

    #[test]
    fn of_many_records_some_are_drawn_and_all_counted() {
        assert_eq!([0, 1, 5_000, 5_001, 10_000, 10_001].map(step), [1, 1, 1, 2, 2, 3]);
        let pairs: Vec<(f64, f64)> = (0..12_001).map(|n| (f64::from(n), f64::from(n) + 1.0)).collect();
        let few = of(Target::HR, vec![(60.0, 60.0), (61.0, 60.0)]);
        let figure = scatter("title".into(), &[few, of(Target::QRS, pairs)]).unwrap();
        assert!(figure.description.contains("(qrs 1 in 3 of 12001)"), "{}", figure.description);
        assert!(figure.description.contains("qrs: n = 12001, MAE 1.0 ms, r 1.000."), "{}", figure.description);
        assert_eq!(figure.svg().matches("h.1\"").count(), 2 + 4001);
    }

    #[test]
    fn without_records_there_is_nothing_to_draw() {
        assert!(scatter("title".into(), &[]).is_none() && scatter("title".into(), &[of(Target::PR, vec![])]).is_none());
        let figure = scatter("title".into(), &[of(Target::PR, vec![(160.0, 158.0)])]).unwrap();
        assert!(figure.description.contains("n = 1, MAE 2.0 ms, r not defined"), "{}", figure.description);
    }
}
