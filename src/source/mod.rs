//! Where records come from: the kinds of source, each a file of its own in [`kinds`], and what they are made with.
//!
//! A source is anything that implements [`Source`]: it says what it knows of its records, lists them, and reads their
//! signals. Nothing outside [`kinds`] asks which kind a source is of. How to add one: `docs/adding/source.md`.
//!
//! - [`Source`], [`SourceKind`], [`Knowledge`]: what a source is.
//! - [`Record`], [`Listing`], [`Request`], [`Found`]: what is known of records before their signals are read, what is asked
//!   of a signal, and what was found.
//! - [`DataPath`], [`Reading`]: settings that sources have in common.
//! - [`wfdb`], and tables of CSV: formats. [`plausible`]: what a human ECG can be.

mod comments;
mod decisive;
mod exclude;
pub(crate) mod files;
mod folds;
mod interface;
mod intervals;
mod keys;
pub mod kinds;
mod known;
mod listing;
pub mod maps;
mod path;
mod person;
pub mod plausible;
mod reading;
pub(crate) mod recognise;
mod record;
mod registry;
mod request;
pub mod signals;
pub(crate) mod table;
pub mod wfdb;
mod zip;

pub use exclude::Excluded;
pub use files::File;
pub use interface::{Knowledge, Settings, Source, SourceKind};
pub use kinds::{DeepfakeEcg, PtbXl, Simulator, deepfake_ecg, ptb_xl, simulator};
pub use known::{Folder, KnownSet};
pub use listing::Listing;
pub use path::DataPath;
pub use reading::{Reading, Unreadable};
pub use record::{Record, Recording};
pub use registry::kinds_that;
pub use request::{Found, OtherLeads, Request};

pub(crate) use decisive::decisive;
pub(crate) use interface::look_at_named;
pub(crate) use keys::LEAD;
pub(crate) use recognise::{recognise, recognised_in};
pub(crate) use registry::KINDS;
