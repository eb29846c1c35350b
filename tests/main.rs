//! Everything at the boundary a user touches: one binary, so that the crate is linked with its tests once.
//!
//! Apart from it are `fuzz`, which counts what is allocated, and `gpu`, which is carried to a machine that has one.

#![allow(clippy::too_many_lines)] // A test may be a list.

mod chance;
mod example;
mod workbench;
mod worlds;

mod authors;
mod bad_input;
mod compare;
mod coverage;
mod crew;
mod data;
mod donors;
mod elsewhere;
mod every_pair;
mod export;
mod floors;
mod guide;
mod house;
mod housekeeping;
mod inspect;
mod keeping;
mod labels;
mod manifest;
mod measuring;
mod metrics;
mod on_disk;
mod page;
mod pairs;
mod parts;
mod people;
mod plan;
mod plausible;
mod progress;
mod report;
mod run;
mod search;
mod serve;
mod shards;
mod signal;
mod simulator;
mod slurm;
mod split;
mod statistics;
mod status;
mod store;
mod table;
#[cfg(unix)]
mod torture;
mod training;
mod unmeasurable;
mod variants;
mod verify;
