//! Loss of the networks that are grafted, by epoch.

use super::chart::epochs::over_epochs;
use super::{Drawing, Figure, Input, Scope, Section};

/// Training and validation loss by epoch of the stages that are grafted, a panel for each architecture, mix and target.
pub(super) struct RegressionLoss;

impl Figure for RegressionLoss {
    fn name(&self) -> &'static str {
        "regression-loss"
    }

    fn about(&self) -> &'static str {
        "Loss of the networks that are grafted by epoch"
    }

    fn scope(&self) -> Scope {
        Scope::Runs
    }

    fn section(&self) -> Option<Section> {
        Some(Section::GraftedNetworks)
    }

    fn anchor(&self) -> &'static str {
        "regression"
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        if input.results.is_asked_from_scratch() {
            return Err("the run is from scratch: no network is grafted into it".to_owned());
        }
        let of = input.results.of_asked();
        let title = format!("{}: loss of the networks that are grafted, by epoch{of}", input.name);
        over_epochs(title, &input.results.curves_of_grafts(), "loss")
            .ok_or_else(|| "no network that is grafted is trained yet".to_owned())
    }
}
