//! A first look at data that nobody described: which source reads it, as a manifest says it, and what is odd in it.
//!
//! - [`propose`]: looks at a folder or a file.
//! - `files`: which tables and signals there are; `profile`: what the columns of a table hold; `roles`: what columns are
//!   usually called; `draft`: from these the keys of a source; `odd`: what shows when the source is read; `study`: a whole
//!   manifest with it.

mod draft;
mod files;
mod odd;
mod profile;
mod propose;
mod roles;
mod study;

pub use propose::{Proposal, propose};
