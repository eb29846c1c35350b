//! The planned comparisons, with their intervals, one below the other.

use super::forest::{Row, Words, rows_drawn};
use super::{Drawing, Figure, Input, Scope, Section};
use crate::compare::Pair;
use crate::report::pairs;

/// The difference of each planned comparison, those of one family together.
pub(super) struct Planned;

impl Figure for Planned {
    fn name(&self) -> &'static str {
        "planned"
    }

    fn about(&self) -> &'static str {
        "Differences that the manifest planned to look at, with their intervals"
    }

    fn scope(&self) -> Scope {
        Scope::Experiment("the planned comparisons of all arms")
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Planned)
    }

    fn anchor(&self) -> &'static str {
        "planned-differences"
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        let experiment = input.results.experiment;
        let all: Vec<&Pair> = experiment.planned.iter().flat_map(|family| &family.pairs).collect();
        if experiment.planned.is_empty() {
            return Err("its manifest planned no comparison".to_owned());
        }
        let one = all.windows(2).all(|two| two[0].metric == two[1].metric);
        let metric = all.first().filter(|_| one).map(|pair| pair.metric.in_text());
        // A comparison is a frame, and its lines are named by that in which they differ from others of the figure.
        let common = pairs::in_common(&all);
        let name = |pair: &Pair| {
            let place = pairs::place_but(pair, &common);
            if place.is_empty() { pair.names().join(" beside ") } else { place }
        };
        let mut rows = Vec::new();
        for family in &experiment.planned {
            rows.extend(family.pairs.iter().map(|pair| Row {
                group: format!(
                    "{}: {}{}",
                    family.name,
                    pair.comparison.as_deref().unwrap_or_default(),
                    if one { String::new() } else { format!(", {}", pair.metric.in_text()) }
                ),
                name: name(pair),
                arm: &pair.arm,
                digits: pair.metric.digits(),
            }));
        }
        let axis = metric.map_or_else(|| "difference".to_owned(), |metric| format!("difference in {metric}"));
        let words = Words {
            title: format!("{}: planned comparisons, {axis}", experiment.name),
            axis,
            none: "no planned comparison has a seed that is done in both arms yet",
        };
        rows_drawn(&rows, &words, input.results.comparison)
    }
}
