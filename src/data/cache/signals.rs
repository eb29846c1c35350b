//! Signals by record: in memory where they are few, else in their file.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::coding::{checksum, decode};
use crate::manifest::Storage;
use crate::{Error, Result};

/// Signals of more values than this, 64 MB, stay in their file.
const IN_MEMORY: usize = 16 << 20;

/// The most values of signals of one source that are held in memory.
pub(crate) fn most_in_memory() -> usize {
    // Tests say how many.
    let told = std::env::var("ECGRAFT_SIGNALS_IN_MEMORY").ok().and_then(|text| text.parse().ok());
    told.unwrap_or(IN_MEMORY)
}

/// Prepared signals of the records of one source: (records, leads, length), in mV where not normalised.
#[derive(Clone, Debug)]
pub enum Signals {
    /// All of them, contiguous.
    Memory(Vec<f32>),
    /// Read when they are asked for.
    File(Arc<SignalFile>),
}

impl Signals {
    /// Reads `to.len()` values of record `index`, each record having so many.
    ///
    /// # Errors
    /// Where the file of prepared records cannot be read, or is not what was written; it is then gone, and its records are
    /// prepared again when they are next loaded.
    pub fn read(&self, index: usize, to: &mut [f32]) -> Result<()> {
        match self {
            Signals::Memory(values) => {
                let size = to.len();
                let from = index.checked_mul(size).and_then(|start| values.get(start..start.checked_add(size)?));
                to.copy_from_slice(from.ok_or_else(|| Error::internal(format!("there is no signal {index}")))?);
                Ok(())
            }
            Signals::File(file) => file.read(index, to),
        }
    }

    /// Whether the file was found damaged when it was read.
    pub fn is_damaged(&self) -> bool {
        matches!(self, Signals::File(file) if file.damaged.load(Ordering::Relaxed))
    }
}

/// Signals in a file of the cache.
///
/// It stays open: whoever writes another of its name takes nothing from this one. A record is believed when its checksum
/// fits, which is seen at each reading, so that nothing is read twice to be sure.
#[derive(Debug)]
pub struct SignalFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Where signals begin.
    pub(super) start: u64,
    /// Values of a record.
    pub(super) size: usize,
    pub(super) storage: Storage,
    /// Of each record.
    pub(super) checksums: Vec<u64>,
    pub(super) damaged: AtomicBool,
}

thread_local! {
    /// Bytes of the record that a thread reads.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl SignalFile {
    fn read(&self, index: usize, to: &mut [f32]) -> Result<()> {
        let is_good = self.try_read(index, to).map_err(|error| self.unreadable(index, &error))?;
        if is_good { Ok(()) } else { Err(self.unreadable(index, "its checksum does not fit")) }
    }

    /// Reads record `index`; whether it is what was written.
    pub(super) fn try_read(&self, index: usize, to: &mut [f32]) -> io::Result<bool> {
        let Some(&expected) = self.checksums.get(index).filter(|_| to.len() == self.size) else {
            return Err(io::Error::other(format!("there is no signal {index}")));
        };
        BYTES.with_borrow_mut(|bytes| {
            let width = self.size * self.storage.bytes();
            bytes.resize(width, 0);
            read_exact_at(&self.file, bytes, self.start + (index * width) as u64)?;
            decode(bytes, self.storage, to);
            Ok(checksum(to) == expected)
        })
    }

    /// What is said of record `index`. The file is removed, so that it is made again.
    fn unreadable(&self, index: usize, why: impl std::fmt::Display) -> Error {
        self.damaged.store(true, Ordering::Relaxed);
        let gone = match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => format!("remove it ({error})"),
            _ => "it was removed".to_owned(),
        };
        Error::damaged(format!(
            "{} is damaged (signal {index} counted from 0: {why}); {gone}, and its records are made again",
            self.path.display()
        ))
    }
}

/// Fills `bytes` from `offset` on, whatever else reads the file.
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset);
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < bytes.len() {
            match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[done..], offset + done as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => done += read,
            }
        }
        Ok(())
    }
}
