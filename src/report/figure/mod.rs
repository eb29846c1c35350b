//! Figures as SVG: no script, no fonts of their own; colours follow the reader's light or dark page.
//!
//! One file is one [`Figure`], and a line of the list below makes it known: to `ecgraft plot` and its help, and to the
//! section of the report that it names. What figures have in common is beside them:
//!
//! | | |
//! |---|---|
//! | `kind` | the trait, and what a figure is of |
//! | `gather` | what there is to draw: results of an experiment, runs, records |
//! | `chart` | axes, panels, keys, colours, SVG |
//! | `drawing`, `render` | what is drawn, as SVG, PNG and PDF |
//! | `plot` | one figure of one experiment, out of the store |
//!
//! Figures only draw: what they show is counted and computed in [`crate::statistics`] and where metrics are.

mod chart;
mod drawing;
mod gather;
mod kind;
mod plot;
mod render;

pub(crate) use chart::epochs::{Curve, CurvePanel, of_one_network, over_epochs_until};
pub(crate) use chart::{style, svg};
pub use drawing::Drawing;
pub(super) use gather::examples;
pub(crate) use gather::stage_name;
pub use gather::{Example, ExperimentResults, Input, Measured, Shown, Trace};
pub use kind::{Figure, Scope, Section, names_of};
pub use plot::{Subject, plot};

/// Declares the figures' modules and lists them.
macro_rules! figures {
    ($($(#[$only:meta])* $file:ident::$figure:ident,)*) => {
        $($(#[$only])* mod $file;)*

        /// All figures, in the order of `ecgraft plot --help`.
        pub static FIGURES: &[&dyn Figure] = &[$($(#[$only])* &$file::$figure,)*];
    };
}

figures! {
    label_efficiency::LabelEfficiency,
    forest::Forest,
    planned::Planned,
    learning_curves::LearningCurves,
    loss::Loss,
    regression_loss::RegressionLoss,
    regression_scatter::RegressionScatter,
    bland_altman::BlandAltman,
    roc::Roc,
    calibration::Calibration,
    confusion::Confusion,
    ecg::Ecg,
    #[cfg(test)] toy::Toy,
}
