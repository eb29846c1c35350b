//! One HTML file that has everything: no network, no fonts of its own, and no need of its script.

mod experiment;
mod grafted;
mod html;
mod one_arm;
mod runs;
mod so_far;
mod summary;
mod whole;

pub(crate) use html::Html;
pub(crate) use one_arm::{class_scores, figures_of_arm, measured_targets};
pub(crate) use so_far::{is_of_arm, so_far};
pub use whole::page;
pub(crate) use whole::style_sheet;
