//! The smallest figure: how many runs of an experiment are done. It shows, in tests only, all that a figure takes.

use super::chart::svg::Svg;
use super::{Drawing, Figure, Input, Scope, Section};

/// A bar as long as the share of the runs that are done.
pub(super) struct Toy;

impl Figure for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn about(&self) -> &'static str {
        "The share of the runs that are done"
    }

    fn scope(&self) -> Scope {
        Scope::Experiment("how many runs are done")
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Differences)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        let runs = input.results.experiment.runs;
        if runs.planned == 0 {
            return Err("there are no runs".to_owned());
        }
        let mut svg = Svg::default();
        let length = 300.0 * runs.done as f64 / runs.planned as f64;
        svg.line("line", "", [(8.0, 20.0), (8.0 + length, 20.0)].into_iter());
        let said = format!("{} of {} runs are done.", runs.done, runs.planned);
        Ok(Drawing::new(
            format!("{}: runs", input.name),
            said,
            [320.0, 40.0],
            svg,
            "The line at full length is all runs.",
        ))
    }
}
