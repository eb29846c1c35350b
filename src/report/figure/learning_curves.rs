//! How well networks of the last stage did on the validation records, by epoch.

use super::chart::epochs::over_epochs;
use super::{Drawing, Figure, Input, Scope, Section};
use crate::data::Subset;

/// Validation macro AUC by epoch, an arm a panel; the mean absolute error where the last stage measures.
pub(super) struct LearningCurves;

impl Figure for LearningCurves {
    fn name(&self) -> &'static str {
        "learning-curves"
    }

    fn about(&self) -> &'static str {
        "Validation macro AUC, or error, by epoch"
    }

    fn scope(&self) -> Scope {
        Scope::Runs
    }

    fn section(&self) -> Option<Section> {
        Some(Section::LearningCurves)
    }

    fn anchor(&self) -> &'static str {
        "auc"
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        let targets = &input.results.comparison.targets;
        // A network of one target has its error under the metric's name alone.
        let (curve, what) = match &**targets {
            [] => ("macro_auc".to_owned(), "macro AUC".to_owned()),
            [one] => ("mae".to_owned(), format!("MAE of {}", one.name())),
            [first, ..] => (format!("mae_{}", first.name()), format!("MAE of {}", first.name())),
        };
        let title = format!("{}: validation {what} by epoch{}", input.name, input.results.of_asked());
        over_epochs(title, &input.curves_by_arm(&[(Subset::Validation, &curve)]), &format!("validation {what}"))
            .ok_or_else(|| format!("no run is done yet that has a validation {what}"))
    }
}
