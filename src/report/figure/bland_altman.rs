//! Agreement of measured with true values (Bland and Altman 1986), target by target.

use super::chart::axis::Axis;
use super::chart::panel::Panel;
use super::chart::records::Panels;
use super::chart::style::DASHES;
use super::{Drawing, Figure, Input, Measured, Scope, Section};
use crate::statistics::Agreement;

/// A panel for each target: difference (measured - true) over the mean of both, a dot a record, with lines at the bias and at
/// the limits of agreement.
pub(super) struct BlandAltman;

impl Figure for BlandAltman {
    fn name(&self) -> &'static str {
        "bland-altman"
    }

    fn about(&self) -> &'static str {
        "Differences of measured and true values over their means, target by target"
    }

    fn scope(&self) -> Scope {
        Scope::Run
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Measurements)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        let title = format!("{}: differences of measured and true values", input.name);
        bland_altman(title, &input.results.measured)
            .ok_or_else(|| "no regression is done yet of which each test record's value is kept".to_owned())
    }
}

/// Size of one panel, px.
const SIZE: [f64; 2] = [340.0, 220.0];

/// `None` without records.
fn bland_altman(title: String, measured: &[Measured]) -> Option<Drawing> {
    let mut panels = Panels::new(measured.iter().map(|of| of.network.as_str()).collect(), SIZE);
    for (number, of) in measured.iter().enumerate() {
        let Some(agreement) = Agreement::from_pairs(&of.pairs) else { continue };
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

    /// The bias of all is 1 and the limits are 1 -+ 6.19806, as in the test of [`Agreement`].
    const PAIRS: [(f64, f64); 4] = [(100.0, 102.0), (90.0, 89.0), (110.0, 115.0), (95.0, 93.0)];

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
