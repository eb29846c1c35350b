//! Prepared records, kept in one file: their signals, then what is known of them.
//!
//! The file: `MAGIC`; where the tail begins and its length, 8 bytes each, and its SHA-256, 64 hexadecimal digits; the
//! signals, record after record; the tail: the number of records, 8 bytes, and the header, JSON, to the end of the file. Least
//! significant bytes come first. Signals come first because they are written while records are prepared, some hundreds at a
//! time, so that a source of any size needs little memory.
//!
//! A record lies in blocks of 256 samples of all leads, the last with what is left: of each the values, (leads, samples), f32
//! or IEEE 754 binary16, and their checksum, 8 bytes. A window of a record is in some blocks that lie side by side: it costs
//! one reading of about its own size, however long the record is, and is checked all the same.
//!
//! What is believed when: the tail and the file's size when a file is opened; a block each time it is read, by its own
//! checksum. Nothing walks the whole file to begin, unless it is small and read whole ([`Signals::Memory`]). Signals are
//! read by positional reads, by a thread that is some batches ahead, and not through a memory map: a file that somebody
//! truncates is an error then and not a SIGBUS, it needs no unsafe code, and the system's page cache serves both alike.

mod blocks;
mod coding;
mod kept;
mod read;
mod signals;
mod write;

use std::path::Path;

use serde::{Deserialize, Serialize};

use self::kept::{Kept, Names};
use super::LeftOut;
use crate::manifest::Storage;

pub(super) use blocks::bytes_of_record;
pub(super) use coding::round;
pub(super) use read::{fingerprint_of, kept_records, read};
pub(super) use signals::most_in_memory;
pub use signals::{SignalFile, Signals};
pub(super) use write::{Checked, Writer};

const MAGIC: &[u8; 8] = b"ecgraft5";

/// How files of earlier versions begin; what is in them is made again without a word.
const EARLIER: [&[u8; 8]; 4] = [b"ecgraft1", b"ecgraft2", b"ecgraft3", b"ecgraft4"];

/// Where signals begin.
const PREFIX: usize = MAGIC.len() + 8 + 8 + 64;

/// What is known of the records.
#[derive(Serialize, Deserialize)]
struct Header {
    /// Of the source, and the hash of it and of all settings: whose records these are.
    fingerprint: String,
    key: String,
    leads: usize,
    length: usize,
    storage: Storage,
    names: Names,
    records: Vec<Kept>,
    /// See [`Dataset::samples`](super::Dataset::samples).
    samples: Vec<u32>,
    notes: Vec<String>,
    warnings: Vec<String>,
    left_out: Vec<LeftOut>,
}

/// Why a file of the cache is as good as deleted.
pub(super) enum Unfit {
    /// There is none.
    Absent,
    /// It is not what was written.
    Damaged,
    /// It is whole, but of other data or settings.
    Other,
}

impl Unfit {
    /// What is said of the file at `path`, of which `what` was to be read; nothing where there was none.
    pub fn told(&self, path: &Path, what: &str) -> Option<String> {
        let path = path.display();
        match self {
            Unfit::Absent => None,
            Unfit::Damaged => Some(format!("{path} is damaged; {what} made again")),
            Unfit::Other => Some(format!("{path} is of other data than its name says; {what} made again")),
        }
    }
}
