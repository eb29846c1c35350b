//! Training: a stage's settings and records in; weights, curves and scores out.
//!
//! # From a stage's index to its weights
//!
//! Read these functions in this order; what they call beside them can be taken at its word.
//!
//! | | function | what it does |
//! |---|---|---|
//! | 1 | `run::stage::train` | takes stage `index` of the plan, loads its records, trains it, saves the weights |
//! | 2 | `regression`, `transfer` | says what is learned, as a `Task`, makes the network, and grafts into it |
//! | 3 | `task::train_task` | trains the network, scores its best epoch, and collects the [`Outcome`] |
//! | 4 | `Fit::new` | puts the state together, or takes it up from where an earlier training was stopped |
//! | 5 | `Fit::epochs` | **the loop**: an epoch trains, is validated, is kept or not |
//! | 6 | `Fit::freeze_blocks` | which blocks hold still in the epoch ([`Freeze`](crate::manifest::Freeze)) |
//! | 7 | `Fit::train_epoch` | the batches of an epoch, in their order |
//! | 8 | `Setup::step` | **one step**: batch, forward, loss, backward, L2-SP, clipping, update |
//! | 9 | `Setup::gradients` | the batch and its labels, in as many micro-batches as it takes to have room |
//! | 10 | `Batches::next` | the next batch on the device, from the data loader |
//! | 11 | `Batch::gradients` | forward, loss and backward of one batch |
//! | 12 | `Optimizer::step` | moves the parameters |
//! | 13 | `Fit::validate` | the outputs on the validation records, their loss and metrics |
//! | 14 | `Task::evaluate` | the validation metrics of the task |
//! | 15 | `Fit::decide` | whether the epoch is the best so far, and whether another follows |
//! | 16 | `Task::score` | measures the best epoch on the validation, test and training records |
//! | 17 | `checkpoint::save` | writes the weights |
//!
//! The loop of 5 has 6, 7, 13 and 15 in it, that of 7 has 8 to 12. You come back up seven times: from 6 and 12 to the loop,
//! from 10 and 11 to the step, from 14 to the loop, from 15 to `train_task`, and from 16 to `run::stage::train`.
//!
//! # The rest
//!
//! - *What is learned*: `regression` and `classification` are the two tasks with labels, `transfer` the last stage, which has one of them, `self_supervised` those without, whose
//!   batches `pretext` makes, `labels` what examples are measured
//!   against, `objective` the losses, `by_source` scores apart by source, `elsewhere` what a trained network is worth on
//!   records of other sources.
//! - *What is seen*: `examples` are records as a network sees them, `windows` which part of each it sees and how several are
//!   joined, `augment` their random changes, `curriculum` which of them take part when, `randomness` every random stream,
//!   `features` what backbones that hold still make of them.
//! - *How it is moved*: `schedule` is the learning rate over time, `gradients` clipping, `l2_sp` the pull to what was
//!   grafted, `optimizer` the update, `timeline` when something changes as planned.
//! - *Where it comes from*: `foreign` puts weights of other programs into a network.
//! - *How it goes on*: `state` is all that decides how a training goes on, `saving` its file.

pub mod checkpoint;
pub mod foreign;

mod augment;
mod batch;
mod by_source;
mod classification;
mod configuration;
mod curriculum;
mod curves;
mod data_loader;
mod elsewhere;
mod examples;
mod features;
mod finite;
mod fit;
mod gradients;
mod l2_sp;
mod labels;
mod objective;
mod optimizer;
mod pretext;
mod randomness;
mod regression;
mod saving;
mod schedule;
mod self_supervised;
mod setup;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod timeline;
mod training;
mod transfer;
mod windows;

pub use crate::outcome::{EpochValue, MeasuredValue, Outcome, Prediction, RegressionScore, Score, SourceScore};
pub use by_source::by_source;
pub use elsewhere::{Elsewhere, Told};
pub use features::Features;
pub use finite::not_finite;
pub use optimizer::Optimizer as Stepper;
pub use randomness::Randomness;
pub use regression::{median_score, regression};
pub use saving::Saving;
pub use self_supervised::{contrastive, masked};
pub use training::{Trained, Training, Watch};
pub use transfer::{Graft, transfer};
