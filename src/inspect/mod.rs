//! A first look at data that nobody described: which source reads it, as a manifest says it, and what is odd in it.
//!
//! - [`propose`]: looks at a folder or a file.
//! - `files`: which tables and signals there are; `profile`: what the columns of a table hold; `roles`: what columns are
//!   usually called; `join`: a second table that has what the first lacks; `layout`: what files of signals do not say;
//!   `draft`: from these the keys of a source.
//! - `odd`: what shows when the source is read; `relation`: whether limb leads add up.
//! - `study`: a whole manifest with the source; `task`: which classes it can tell, and on which folds.

mod draft;
mod files;
mod join;
mod layout;
mod odd;
mod profile;
mod propose;
mod relation;
mod roles;
mod study;
mod task;

pub use propose::{Proposal, propose};
