//! Signals by record: in memory where they are few, else in their file.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::blocks::Layout;
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
                to.copy_from_slice(record(values, index, to.len())?);
                Ok(())
            }
            Signals::File(file) => file.read(index, &(0..file.layout.length), to),
        }
    }

    /// Reads samples `start` and on of record `index`, each record being of `shape`, (leads, length): to (leads, samples). Of
    /// a file little else is read.
    ///
    /// # Errors
    /// As [`Signals::read`].
    pub fn read_window(&self, index: usize, shape: (usize, usize), start: usize, to: &mut [f32]) -> Result<()> {
        let (leads, length) = shape;
        let samples = to.len().checked_div(leads).unwrap_or(0);
        let window = start..start + samples;
        if samples == 0 || window.end > length {
            return Err(Error::internal(format!("there are no samples {window:?} of {length}")));
        }
        match self {
            Signals::Memory(values) => {
                let leads = record(values, index, leads * length)?.chunks_exact(length);
                to.chunks_exact_mut(samples)
                    .zip(leads)
                    .for_each(|(to, lead)| to.copy_from_slice(&lead[window.clone()]));
                Ok(())
            }
            Signals::File(file) => file.read(index, &window, to),
        }
    }

    /// Whether the file was found damaged when it was read.
    pub fn is_damaged(&self) -> bool {
        matches!(self, Signals::File(file) if file.damaged.load(Ordering::Relaxed))
    }
}

/// Record `index` of `values`, where each has `size`.
fn record(values: &[f32], index: usize, size: usize) -> Result<&[f32]> {
    let record = index.checked_mul(size).and_then(|start| values.get(start..start.checked_add(size)?));
    record.ok_or_else(|| Error::internal(format!("there is no signal {index}")))
}

/// Signals in a file of the cache.
///
/// It stays open: whoever writes another of its name takes nothing from this one. What is read of a record is believed when
/// its checksums fit, which is seen at each reading, so that nothing is read twice to be sure.
#[derive(Debug)]
pub struct SignalFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Where signals begin.
    pub(super) start: u64,
    /// Of a record.
    pub(super) layout: Layout,
    pub(super) records: usize,
    pub(super) damaged: AtomicBool,
}

thread_local! {
    /// Bytes that a thread reads, and the values of one block of them.
    static READ: RefCell<(Vec<u8>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

impl SignalFile {
    fn read(&self, index: usize, window: &Range<usize>, to: &mut [f32]) -> Result<()> {
        let is_good = self.try_read(index, window, to).map_err(|error| self.unreadable(index, &error))?;
        if is_good { Ok(()) } else { Err(self.unreadable(index, "its checksum does not fit")) }
    }

    /// Reads the samples `window` of record `index`; whether they are what was written.
    pub(super) fn try_read(&self, index: usize, window: &Range<usize>, to: &mut [f32]) -> io::Result<bool> {
        let is_there = index < self.records && to.len() == self.layout.leads * window.len();
        let Some(width) = self.layout.bytes().filter(|_| is_there) else {
            return Err(io::Error::other(format!("there is no signal {index}")));
        };
        READ.with_borrow_mut(|(bytes, values)| {
            let place = self.layout.place(window);
            bytes.resize(place.len(), 0);
            read_exact_at(&self.file, bytes, self.start + (index * width + place.start) as u64)?;
            Ok(self.layout.decode(bytes, window, to, values))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::data::cache::{Checked, Writer};
    use crate::ecg::Lead;
    use crate::manifest::{Signal, Storage};

    /// Two records of two leads of 1000 samples, in memory and in a file at `path`.
    fn both(path: &std::path::Path, storage: Storage) -> [Signals; 2] {
        let signal = Signal { storage, ..Signal::recorded(vec![Lead::I, Lead::II], 100.0, 10.0) };
        let record = |number: usize| (0..2000).map(|place| ((number * 7 + place * 31) % 1999) as f32).collect();
        let records: [Vec<f32>; 2] = [record(1), record(2)];
        let mut writer = Writer::new(path, &signal).unwrap();
        for record in &records {
            writer.append(&Checked::new(record.clone(), 1000, &signal)).unwrap();
        }
        let dataset = Dataset {
            source: String::new(),
            data_set: String::new(),
            fingerprint: String::new(),
            records: Vec::new(),
            leads: 2,
            length: 1000,
            signals: Signals::Memory(Vec::new()),
            samples: Vec::new(),
            notes: Vec::new(),
            told: Vec::new(),
            warnings: Vec::new(),
            left_out: Vec::new(),
        };
        [Signals::Memory(records.concat()), writer.finish("key", &dataset).unwrap()]
    }

    fn window(signals: &Signals, index: usize, start: usize, samples: usize) -> Result<Vec<f32>> {
        let mut to = vec![-1.0; 2 * samples];
        signals.read_window(index, (2, 1000), start, &mut to).map(|()| to)
    }

    #[test]
    fn a_window_is_the_samples_of_the_record_wherever_it_lies() {
        let path = std::env::temp_dir().join(format!("ecgraft-windows-{}.bin", std::process::id()));
        for storage in [Storage::F32, Storage::F16] {
            for signals in both(&path, storage) {
                for (index, start, samples) in [(0, 0, 1000), (1, 0, 250), (1, 750, 250), (0, 255, 2), (1, 499, 1)] {
                    let expected = [0, 1].map(|lead| {
                        let value = |sample: usize| (((index + 1) * 7 + (lead * 1000 + sample) * 31) % 1999) as f32;
                        (start..start + samples).map(value).collect::<Vec<_>>()
                    });
                    assert_eq!(window(&signals, index, start, samples).unwrap(), expected.concat());
                }
                for (index, start, samples) in [(2, 0, 10), (0, 991, 10), (0, 0, 0)] {
                    assert!(window(&signals, index, start, samples).is_err(), "{index} {start} {samples}");
                }
            }
        }
        let _ = std::fs::remove_file(path);
    }

    #[test]
    fn damage_is_found_where_it_is_read_and_nowhere_else() {
        let path = std::env::temp_dir().join(format!("ecgraft-damaged-window-{}.bin", std::process::id()));
        let [_, signals] = both(&path, Storage::F32);
        let Signals::File(file) = &signals else { panic!("they are in a file") };
        // A value of the second record's third block, samples 512 to 767: past one record of 8000 bytes and four checksums, and
        // two blocks of 2048 bytes and theirs.
        let place = file.start as usize + 8032 + 2 * 2056 + 5;
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[place] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        for (index, start, samples) in [(0, 0, 1000), (1, 0, 512), (1, 768, 232)] {
            window(&signals, index, start, samples).unwrap();
        }
        assert!(!signals.is_damaged() && path.exists());
        let error = window(&signals, 1, 300, 250).unwrap_err();
        assert!(error.message.contains("signal 1 counted from 0"), "{error}");
        assert!(signals.is_damaged() && !path.exists());
    }
}
