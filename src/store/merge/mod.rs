//! What other stores and shards found, folded into a store.
//!
//! A stage is a pure function of its settings, so that whoever trained it found the same bits: what is there already is
//! compared, and what is new is copied. Numbers of rows are each store's own; everything is found by what it is (ids of
//! stages and runs, checksums of sets, names of data sets, patients and records). A stage comes with everything that it
//! found or not at all, after those that it was grafted from.
//!
//! A *shard* is a store of one finished stage: its rows, those of its runs, and of the stages it was grafted from only
//! what they are and the checksum of their weights. The recordings that trained, validated and tested it are in files
//! beside the shards, each set once, by its checksum.

mod content;
mod copy;
mod fold;
mod other;
mod people;
mod runs;
mod sets;
mod shard;

pub use content::Content;
pub use fold::{Folded, Folding};
pub use other::{Offered, Other};
pub use shard::write_shard;
