//! One HTML file that has everything: no network, no fonts of its own, and no need of its script.

mod experiment;
mod grafted;
mod html;
mod runs;
mod summary;
mod whole;

pub use whole::page;
