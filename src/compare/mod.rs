//! Arms compared with their baselines, free of how it is shown.
//!
//! A [`Question`] is what is asked, in the user's words; with the store it becomes the runs there are and a [`Selection`]
//! of them. [`compare`] puts runs that differ in seed only together as an [`Arm`], with mean, spread and interval of each
//! metric, and its difference from the arm that was trained from scratch, by a [`SignificanceTest`].

mod arm;
mod arms;
mod baseline;
mod comparison;
mod elsewhere;
mod keys;
mod name;
mod notes;
mod question;
mod ranks;
mod results;
mod selection;
mod significance;
mod subgroups;
mod thresholds;
mod values;

pub use arm::{Arm, Delta, LEVEL, Summary};
pub use comparison::{Comparison, Experiment, Runs, compare};
pub use elsewhere::{Elsewhere, NetworkName};
pub use keys::{Key, Only, Sort};
pub use name::ArmName;
pub use question::{MOST_RUNS, Question, RESAMPLES};
pub use ranks::{Ranks, rank};
pub use results::TestResults;
pub use selection::{Pivot, Selection, Shape, select};
pub use significance::SignificanceTest;
pub use subgroups::{By, Grouping, Subgroup};
pub use thresholds::Thresholds;
pub use values::{metrics_in_words, usual_metrics};
