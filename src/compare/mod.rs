//! Arms compared with their baselines, free of how it is shown.
//!
//! A [`Question`] is what is asked, in the user's words; with the store it becomes the runs there are and a [`Selection`]
//! of them. [`compare`] puts runs that differ in seed only together as an [`Arm`], with mean, spread and interval of each
//! metric, and its difference from its [`Baseline`], which is the arm that was trained from scratch if nothing else is asked
//! for, by a [`SignificanceTest`]. A [`Pair`] is two arms: any two along a key, or those that a manifest planned to compare.
//!
//! What is found of a difference depends on the runs of its two arms and on nothing else: not on what else the store has,
//! nor on what else is shown. Only the correction of its p-value depends on what it is shown with.

mod arm;
mod arms;
mod baseline;
mod comparison;
mod elsewhere;
mod floors;
mod keys;
mod last_stage;
mod name;
mod notes;
mod pairs;
mod planned;
mod question;
mod ranks;
mod regressions;
mod results;
mod selection;
mod significance;
mod subgroups;
mod thresholds;
mod values;

pub use arm::{Arm, Delta, LEVEL, Summary};
pub use baseline::Baseline;
pub use comparison::{Comparison, Experiment, Runs, compare};
pub use elsewhere::{Elsewhere, NetworkName};
pub use floors::{MAJORITY, MEDIAN, Shares};
pub use keys::{Key, Only, Sort};
pub use last_stage::{judge, usual_metrics_of};
pub use name::ArmName;
pub use pairs::{Family, Pair};
pub use planned::Planned;
pub use question::{Question, RESAMPLES};
pub use ranks::{Ranks, rank};
pub use regressions::Regressions;
pub use results::TestResults;
pub use selection::{Pivot, Selection, Shape, experiments, select};
pub use significance::SignificanceTest;
pub use subgroups::{By, Grouping, Subgroup};
pub use thresholds::Thresholds;
pub use values::{metrics_in_words, usual_metrics};
