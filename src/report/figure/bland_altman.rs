//! Agreement of measured with true values (Bland and Altman 1986), target by target.

use super::Figure;
use super::axis::Axis;
use super::panel::Panel;
use super::scatter::{Measured, Panels};
use super::style::DASHES;

/// Size of one panel, px.
const SIZE: [f64; 2] = [340.0, 220.0];
/// How many standard deviations the limits are from the bias (Bland and Altman 1986): the normal quantile of 95%.
const Z: f64 = 1.96;

/// How far measured values are from true ones, in their unit: bpm or ms.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Agreement {
    /// Mean of the differences, measured - true.
    bias: f64,
    /// Bias -+ 1.96 standard deviations of the differences (n - 1 in the denominator); `None` below two records.
    limits: Option<[f64; 2]>,
}

impl Agreement {
    /// Of truth and measured value of each record; `None` without records, and where a value is not finite.
    fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let n = pairs.len() as f64;
        let differences = || pairs.iter().map(|(truth, measured)| measured - truth);
        let bias = differences().sum::<f64>() / n;
        let squares: f64 = differences().map(|difference| (difference - bias).powi(2)).sum();
        let half = Z * (squares / (n - 1.0)).sqrt();
        let limits = (pairs.len() > 1).then_some([bias - half, bias + half]);
        (squares.is_finite() && bias.is_finite()).then_some(Self { bias, limits })
    }
}

/// A panel for each target: difference (measured - true) over the mean of both, a dot a record, with lines at the bias and at
/// the limits of agreement. `None` without records.
pub fn bland_altman(title: String, measured: &[Measured]) -> Option<Figure> {
    let mut panels = Panels::new(measured, SIZE);
    for (number, of) in measured.iter().enumerate() {
        let Some(agreement) = Agreement::of(&of.pairs) else { continue };
        let points = of.pairs.iter().map(|(truth, measured)| (truth.midpoint(*measured), measured - truth));
        let lines = [agreement.bias].into_iter().chain(agreement.limits.into_iter().flatten());
        let x = Axis::linear(points.clone().map(|point| point.0), SIZE[0]);
        // With 0 and the lines in view.
        let y = Axis::linear(points.clone().map(|point| point.1).chain(lines).chain([0.0]), SIZE[1]);
        let (Some(x), Some(y)) = (x, y) else { continue };
        let (name, unit) = (of.target.name(), of.target.unit());
        let names = [format!("mean of true and measured {name} ({unit})"), format!("measured - true ({unit})")];
        let panel = Panel { x: &x, y: &y, names: [&names[0], &names[1]], first: true };
        let limits = agreement.limits.map_or_else(
            || "limits not defined".to_owned(),
            |[low, high]| format!("limits {low:.1} to {high:.1} {unit}"),
        );
        let said = format!("n = {}, bias {:.1} {unit}, {limits}", of.pairs.len(), agreement.bias);
        panels.begin(number, &panel, name, &said);
        panels.points(&panel, name, points);
        let across = |value: f64| {
            let at = SIZE[1] - y.place(value);
            [(0.0, at), (SIZE[0], at)].into_iter()
        };
        let svg = &mut panels.svg;
        svg.line("reference", "", across(0.0));
        svg.push(format_args!("<g class=\"base\">"));
        svg.line("line thin", "", across(agreement.bias));
        for limit in agreement.limits.into_iter().flatten() {
            svg.line("line thin", DASHES[1], across(limit));
        }
        svg.end();
        svg.end();
    }
    let note = "The line is the bias, the mean of the differences; strong dashed lines are the limits of agreement, bias -+ \
                1.96 standard deviations (Bland and Altman 1986); the faint dashed line is no difference.";
    panels.figure(title, "Bland-Altman: measured - true over the mean of both.", note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Target;

    /// By hand: differences 2, -1, 5, -2 have the mean 1; their deviations 1, -2, 4, -3 have squares of the sum 30, so that
    /// the standard deviation is sqrt(30 / 3) = 3.16228 and the limits are 1 -+ 6.19806.
    const PAIRS: [(f64, f64); 4] = [(100.0, 102.0), (90.0, 89.0), (110.0, 115.0), (95.0, 93.0)];

    #[test]
    fn bias_and_limits_are_those_worked_out_by_hand() {
        let found = Agreement::of(&PAIRS).unwrap();
        let [low, high] = found.limits.unwrap();
        assert!((found.bias - 1.0).abs() < 1e-12, "{found:?}");
        assert!((low + 5.19806).abs() < 1e-5 && (high - 7.19806).abs() < 1e-5, "{found:?}");
        assert_eq!(Agreement::of(&[(80.0, 78.0)]), Some(Agreement { bias: -2.0, limits: None }));
        assert_eq!(Agreement::of(&[(80.0, 81.5), (60.0, 61.5)]).unwrap().limits, Some([1.5, 1.5]));
        assert_eq!((Agreement::of(&[]), Agreement::of(&[(1.0, f64::NAN)])), (None, None));
    }

    #[test]
    fn the_figure_says_and_draws_them() {
        let of = |target, pairs: &[(f64, f64)]| Measured { target, network: "a, b".into(), pairs: pairs.to_vec() };
        let figure = bland_altman("title".into(), &[of(Target::HR, &PAIRS[..1]), of(Target::QRS, &PAIRS)]).unwrap();
        let said = &figure.description;
        assert!(said.contains("hr: n = 1, bias 2.0 bpm, limits not defined."), "{said}");
        assert!(said.contains("qrs: n = 4, bias 1.0 ms, limits -5.2 to 7.2 ms."), "{said}");
        let svg = figure.svg();
        assert_eq!((svg.matches("h.1\"").count(), svg.matches("class=\"line thin\"").count()), (5, 4));
        assert_eq!(svg.matches("class=\"reference\"").count(), 2);
        assert!(bland_altman("title".into(), &[]).is_none());
    }
}
