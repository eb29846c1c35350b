//! Loss of the classifiers on training and validation records, by epoch.

use super::chart::epochs::over_epochs;
use super::{Drawing, Figure, Input, Scope, Section};
use crate::data::Subset;

/// Training and validation loss by epoch, an arm a panel.
pub(super) struct Loss;

impl Figure for Loss {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn about(&self) -> &'static str {
        "Loss of the classifiers by epoch"
    }

    fn scope(&self) -> Scope {
        Scope::Runs
    }

    fn section(&self) -> Option<Section> {
        Some(Section::LearningCurves)
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        let title = format!("{}: loss by epoch{}", input.name, input.results.of_asked());
        over_epochs(title, &input.curves_by_arm(&[(Subset::Train, "loss"), (Subset::Validation, "loss")]), "loss")
            .ok_or_else(|| "no run is done yet".to_owned())
    }
}
