//! Stated probabilities against what came true, class by class.

use super::chart::axis::Axis;
use super::chart::panel::{Grid, Panel};
use super::chart::svg::Svg;
use super::{Drawing, Figure, Input, Scope, Section};
use crate::statistics::{calibration_bins, wilson_interval};
use crate::store::PredictionsOfRun;

/// A panel for each class, a dot for each tenth of the probabilities that has records, with its 95% Wilson interval.
pub(super) struct Calibration;

impl Figure for Calibration {
    fn name(&self) -> &'static str {
        "calibration"
    }

    fn about(&self) -> &'static str {
        "Stated probabilities against what came true, class by class"
    }

    fn scope(&self) -> Scope {
        Scope::Run
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Detail)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        input.of_classes()?;
        let (title, tested) = input.best_run(self.name()).ok_or("no run is done yet")?;
        calibration(title, tested).ok_or_else(|| "no run is done yet".to_owned())
    }
}

/// Size of one panel, px, and panels in a line.
const SIZE: [f64; 2] = [196.0, 196.0];
const COLUMNS: usize = 4;
/// Bins of equal width.
const BINS: usize = 10;

/// `None` without records.
fn calibration(title: String, tested: &PredictionsOfRun) -> Option<Drawing> {
    if tested.records.is_empty() || tested.classes.is_empty() {
        return None;
    }
    let (x, y) = (Axis::between(0.0, 1.0, SIZE[0]), Axis::between(0.0, 1.0, SIZE[1]));
    let grid = Grid { columns: COLUMNS, size: SIZE, count: tested.classes.len() };
    let all = tested.records.len();
    let mut svg = Svg::default();
    let mut words = Vec::new();
    for (class, name) in tested.classes.iter().enumerate() {
        let (left, top) = grid.origin(class);
        svg.group("panel", left, top);
        let names = ["mean stated probability", "share that has the class"];
        let panel = Panel { x: &x, y: &y, names, first: grid.is_first(class) };
        let scored = tested.records.iter().map(|record| (record.probabilities[class], record.labels[class]));
        let bins = calibration_bins::<BINS>(scored);
        let positives: usize = bins.iter().map(|bin| bin.positives).sum();
        panel.frame(&mut svg, name, &format!("n = {positives} of {all} records"));
        svg.push(format_args!("<path class=\"reference\" d=\"M0 {}L{} 0\"/>\n<g class=\"c0\">", SIZE[1], SIZE[0]));
        let mut said = Vec::new();
        for bin in bins.iter().filter(|bin| bin.records > 0) {
            let n = bin.records as f64;
            let (stated, share) = (bin.stated / n, bin.positives as f64 / n);
            let (low, high) = wilson_interval(bin.positives, bin.records);
            svg.line("bar", "", [panel.at(stated, low), panel.at(stated, high)].into_iter());
            let (x, y) = panel.at(stated, share);
            // The area of a dot tells how many records it is of.
            svg.dot("dot", x, y, 1.8 + 5.5 * (n / all as f64).sqrt());
            said.push(format!("{stated:.2} stated, {share:.2} true of {}", bin.records));
        }
        svg.end();
        svg.end();
        words.push(format!("{name}: {}.", said.join("; ")));
    }
    let [width, height] = grid.extent();
    let note = format!(
        "Records in {BINS} bins of equal width; larger dots have more records (n = {all}). Bars are 95% Wilson intervals of the \
         share. On the diagonal probabilities mean what they say."
    );
    Some(Drawing::new(title, format!("Calibration. {}", words.join(" ")), [width.max(420.0), height], svg, &note))
}
