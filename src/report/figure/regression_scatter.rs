//! What regressions measured over what is true, target by target.

use super::chart::axis::Axis;
use super::chart::panel::Panel;
use super::chart::records::Panels;
use super::{Drawing, Figure, Input, Measured, Scope, Section};
use crate::metrics;

/// Size of one panel, px.
const SIZE: [f64; 2] = [260.0, 260.0];

/// A panel for each target: measured over true values, a dot a record, with the line where they are equal, n, mean absolute
/// error and Pearson's r.
pub(super) struct RegressionScatter;

impl Figure for RegressionScatter {
    fn name(&self) -> &'static str {
        "regression-scatter"
    }

    fn about(&self) -> &'static str {
        "What regressions measured over what is true, target by target"
    }

    fn scope(&self) -> Scope {
        Scope::Run
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Measurements)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        scatter(format!("{}: measured over true values", input.name), &input.results.measured)
            .ok_or_else(|| "no regression is done yet of which each test record's value is kept".to_owned())
    }
}

/// `None` without records.
fn scatter(title: String, measured: &[Measured]) -> Option<Drawing> {
    let mut panels = Panels::new(measured.iter().map(|of| of.network.as_str()).collect(), SIZE);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Target;

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
