//! ecgraft answers one question with numbers that can be published: does a network first trained
//! to measure the heart (HR, PR, QT, QRS) become a better ECG classifier, and which architecture,
//! data mix and freeze schedule makes the most of it?
//!
//! Data flows one way through the modules, each knowing only those before it:
//! [`words`], [`ecg`] -> [`tensor`] -> [`ops`] -> [`nn`] -> [`source`] -> [`manifest`] -> [`inspect`], [`plan`] -> [`data`] -> [`statistics`],
//! [`metrics`] -> [`store`] -> [`train`] -> [`run`], [`compare`] -> [`verify`], [`audit`] -> [`report`] and [`mod@bench`] -> [`serve`] -> [`cli`].
//! Where things lie in a folder of results says [`results`].
//!
//! How the house is built, and its words: [`_house`], [`_glossary`], [`_adding`].
//!
//! For research. Not a medical device; nothing here is for diagnosis.
#![warn(missing_docs)]

pub mod audit;
pub mod bench;
pub mod cli;
pub mod compare;
pub mod crew;
pub mod data;
mod declare;
pub mod durable;
pub mod ecg;
pub mod error;
pub mod housekeeping;
pub mod inspect;
pub mod manifest;
pub mod merge;
pub mod metrics;
pub mod nn;
pub mod ops;
pub mod outcome;
mod output;
pub mod plan;
pub mod precision;
pub mod process;
pub mod progress;
pub mod report;
pub mod results;
pub mod run;
pub mod search;
pub mod seed;
pub mod serve;
pub mod slurm;
pub mod source;
pub mod statistics;
pub mod stop;
pub mod store;
pub mod tensor;
pub mod terminal;
pub mod train;
pub mod verify;
pub mod words;

#[doc = include_str!("../docs/house.md")]
pub mod _house {}

#[doc = include_str!("../docs/glossary.md")]
pub mod _glossary {}

#[doc = include_str!("../docs/adding.md")]
pub mod _adding {}

pub use error::{Error, Result};
