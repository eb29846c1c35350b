//! Records as dots, target by target.

use super::panel::{Grid, Panel};
use super::svg::Svg;
use crate::report::figure::Drawing;
use crate::report::figure::kind::distinct;

/// Panels in a line.
const COLUMNS: usize = 2;
/// Room for a panel's own left axis beside another panel, px.
const BETWEEN: f64 = 44.0;
/// Points that a panel has at most.
const POINTS: usize = 5_000;

/// Panels of records, target by target, each with axes of its own.
pub(crate) struct Panels<'a> {
    pub svg: Svg,
    /// What measured each target.
    networks: Vec<&'a str>,
    grid: Grid,
    words: Vec<String>,
    /// Where not all records are drawn, which are.
    thinned: Vec<String>,
}

impl<'a> Panels<'a> {
    /// Panels of `size`, px, one for each target, with the network that measured it.
    pub fn new(networks: Vec<&'a str>, size: [f64; 2]) -> Self {
        let grid = Grid { columns: COLUMNS, size: [size[0] + BETWEEN, size[1]], count: networks.len() };
        Self { svg: Svg::default(), networks, grid, words: Vec::new(), thinned: Vec::new() }
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
    pub fn figure(self, title: String, what: &str, note: &str) -> Option<Drawing> {
        if self.words.is_empty() {
            return None;
        }
        let networks = distinct(self.networks.iter().copied()).join(", ");
        let thinned = match self.thinned.join(", ") {
            few if few.is_empty() => few,
            many => format!(" So that the file stays small only some are drawn ({many}); the numbers are of all."),
        };
        let note = format!(
            "A dot is a test record of the mix whose true value is known (n). {note}{thinned} Measured by {networks}."
        );
        let [width, height] = self.grid.extent();
        let description = format!("{what} {}", self.words.join(" "));
        Some(Drawing::new(title, description, [width.max(420.0), height], self.svg, &note))
    }
}

/// Every which of so many points is drawn.
fn step(points: usize) -> usize {
    points.div_ceil(POINTS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_points_every_second_or_third_is_drawn() {
        assert_eq!([0, 1, 5_000, 5_001, 10_000, 10_001].map(step), [1, 1, 1, 2, 2, 3]);
    }
}
