//! How well classifiers did on the validation records, by epoch.

use super::chart::epochs::over_epochs;
use super::{Drawing, Figure, Input, Scope, Section};
use crate::data::Subset;

/// Validation macro AUC by epoch, an arm a panel.
pub(super) struct LearningCurves;

impl Figure for LearningCurves {
    fn name(&self) -> &'static str {
        "learning-curves"
    }

    fn about(&self) -> &'static str {
        "Validation macro AUC by epoch"
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
        let title = format!("{}: validation macro AUC by epoch{}", input.name, input.results.of_asked());
        over_epochs(title, &input.curves_by_arm(&[(Subset::Validation, "macro_auc")]), "validation macro AUC")
            .ok_or_else(|| "no run is done yet that has a validation macro AUC".to_owned())
    }
}
