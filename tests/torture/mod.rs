//! What is done to a run from outside, by accident or by force: kills at any moment and system call, many processes at
//! once, stopped ones, clocks that are apart, full disks, lost power, flipped bits.
//!
//! The judge is the same for all: the study is finished by running the same command again, and what it found (weights,
//! predictions, scores, curves) is that of a run that nobody touched, bit for bit. Where something cannot be had back, as
//! data with a flipped bit, a clear error is right too; a silently different result never is.
//!
//! `cargo test` does a few of each; `make torture N=1000` does as many as it is asked for, and says what it found in lines that
//! begin with `torture:`. What needs root, strace, faketime or a loop device is skipped by name where that is missing.

mod bits;
mod clocks;
mod disks;
mod judge;
mod kills;
mod many;
mod power;
