//! Stated probabilities against what came true, class by class.

use super::Figure;
use super::axis::Axis;
use super::panel::{Grid, Panel};
use super::svg::Svg;
use crate::store::PredictionsOfRun;

/// Size of one panel, px, and panels in a line.
const SIZE: [f64; 2] = [196.0, 196.0];
const COLUMNS: usize = 4;
/// Bins of equal width.
const BINS: usize = 10;
/// The normal quantile of a 95% interval.
const Z: f64 = 1.959963984540054;

/// Records of similar probability.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bin {
    records: usize,
    /// Those that have the class.
    positives: usize,
    /// Sum of their probabilities.
    stated: f64,
}

/// A panel for each class, a dot for each tenth of the probabilities that has records, with its 95% Wilson interval.
/// `None` without records.
pub fn calibration(title: String, tested: &PredictionsOfRun) -> Option<Figure> {
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
        let bins = bins(scored);
        let positives: usize = bins.iter().map(|bin| bin.positives).sum();
        panel.frame(&mut svg, name, &format!("n = {positives} of {all} records"));
        svg.push(format_args!("<path class=\"reference\" d=\"M0 {}L{} 0\"/>\n<g class=\"c0\">", SIZE[1], SIZE[0]));
        let mut said = Vec::new();
        for bin in bins.iter().filter(|bin| bin.records > 0) {
            let n = bin.records as f64;
            let (stated, share) = (bin.stated / n, bin.positives as f64 / n);
            let (low, high) = wilson(bin.positives, bin.records);
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
    Some(Figure::new(title, format!("Calibration. {}", words.join(" ")), [width.max(420.0), height], svg, &note))
}

/// Bin m holds probabilities above (m - 1) / 10 and up to m / 10, the first also 0.
fn bins(scored: impl Iterator<Item = (f64, bool)>) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for (probability, has) in scored {
        let edge = (probability * BINS as f64).ceil().max(1.0) as usize;
        let bin = &mut bins[edge.min(BINS) - 1];
        bin.records += 1;
        bin.positives += usize::from(has);
        bin.stated += probability;
    }
    bins
}

/// The 95% score interval of a share (Wilson 1927).
fn wilson(positives: usize, records: usize) -> (f64, f64) {
    let (n, share) = (records as f64, positives as f64 / records as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_open_below_and_hold_everything() {
        let bins = bins([(0.0, false), (0.1, true), (0.11, true), (1.0, true), (1.2, false)].into_iter());
        assert_eq!(bins[0], Bin { records: 2, positives: 1, stated: 0.1 });
        assert_eq!((bins[1].records, bins[9].records, bins[9].positives), (1, 2, 1));
    }

    /// The ends p solve (share - p)^2 = z^2 p (1 - p) / n, which is what the interval is by definition.
    #[test]
    fn wilson_intervals_solve_their_equation() {
        for (positives, records) in [(0, 5), (1, 5), (8, 10), (10, 10), (333, 1000)] {
            let (low, high) = wilson(positives, records);
            let (n, share) = (records as f64, positives as f64 / records as f64);
            for end in [low, high] {
                let off = (share - end).powi(2) - Z * Z * end * (1.0 - end) / n;
                assert!(off.abs() < 1e-12, "{positives} of {records}: {end} {off}");
            }
            assert!(low <= share + 1e-12 && share <= high + 1e-12, "{low} {share} {high}");
        }
    }
}
