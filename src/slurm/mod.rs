//! A study on a cluster that Slurm schedules: what is not done is submitted as arrays of jobs, each element of which trains
//! some stages with `ecgraft run-stage` and leaves shards.
//!
//! Stages that start from nothing are the first wave, what is grafted from them the second; a last job merges. An element
//! that is told to end, by its time limit, saves its progress and is queued again; one that is preempted, or whose node
//! fails, is queued again by Slurm. Either goes on from the last save. Commands: <https://slurm.schedmd.com/man_index.html>.

mod command;
mod elements;
mod profile;
mod script;
mod standing;
mod submission;

pub use command::is_there;
pub use elements::{Wave, waves};
pub use profile::Profile;
pub use standing::{Element, JobStanding, Standing, logs, standing};
pub use submission::{Job, Prepared, Submission, cancel, latest, make_ready, prepare, submit};
