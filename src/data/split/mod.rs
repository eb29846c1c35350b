//! Which records train, validate and test. No person is in two of them.

mod draw;
mod mix;
mod transfer;

pub use mix::{MixTask, Shares, mix_split};
pub use transfer::transfer_split;
