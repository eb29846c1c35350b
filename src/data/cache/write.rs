//! Files of prepared records, written while records are prepared.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::coding::{checksum, encode};
use super::{Header, Kept, MAGIC, Names, PREFIX, SignalFile, Signals};
use crate::data::Dataset;
use crate::durable::Unfinished;
use crate::manifest::Storage;
use crate::seed::sha256_hex;

/// A prepared record with its checksum, as it is written.
pub(in crate::data) struct Checked {
    pub values: Vec<f32>,
    sum: u64,
}

impl Checked {
    pub fn new(values: Vec<f32>) -> Self {
        Self { sum: checksum(&values), values }
    }
}

/// A file of prepared records in the making: nobody sees it before it is finished.
pub(in crate::data) struct Writer {
    file: Unfinished,
    storage: Storage,
    checksums: Vec<u64>,
    buffer: Vec<u8>,
}

impl Writer {
    /// Begins the file that will be `path`.
    pub fn new(path: &Path, storage: Storage) -> io::Result<Self> {
        let mut file = Unfinished::new(path)?;
        file.write_all(&[0; PREFIX])?;
        Ok(Self { file, storage, checksums: Vec::new(), buffer: Vec::new() })
    }

    /// Takes the next record.
    pub fn append(&mut self, record: &Checked) -> io::Result<()> {
        self.buffer.clear();
        encode(&record.values, self.storage, &mut self.buffer);
        self.file.write_all(&self.buffer)?;
        self.checksums.push(record.sum);
        Ok(())
    }

    /// Puts the file in its place with what `dataset` knows of the records, under `key`; their signals, to be read from it.
    pub fn finish(mut self, key: &str, dataset: &Dataset) -> io::Result<Signals> {
        let mut names = Names::default();
        let records = dataset.records.iter().map(|record| Kept::new(record, &mut names)).collect();
        let header = Header {
            fingerprint: dataset.fingerprint.clone(),
            key: key.to_owned(),
            leads: dataset.leads,
            length: dataset.length,
            storage: self.storage,
            names,
            records,
            notes: dataset.notes.clone(),
            warnings: dataset.warnings.clone(),
            left_out: dataset.left_out.clone(),
        };
        let number = |number: usize| (number as u64).to_le_bytes();
        let mut tail = number(self.checksums.len()).to_vec();
        tail.extend(self.checksums.iter().flat_map(|sum| sum.to_le_bytes()));
        serde_json::to_writer(&mut tail, &header)?;
        drop(header);
        self.file.write_all(&tail)?;

        let size = dataset.leads * dataset.length;
        let start = PREFIX + self.checksums.len() * size * self.storage.bytes();
        let mut prefix = MAGIC.to_vec();
        prefix.extend([number(start), number(tail.len())].concat());
        prefix.extend_from_slice(sha256_hex(&tail).as_bytes());
        self.file.write_first(&prefix)?;
        let path = self.file.path().to_owned();
        Ok(Signals::File(Arc::new(SignalFile {
            file: self.file.finish()?,
            path,
            start: PREFIX as u64,
            size,
            storage: self.storage,
            checksums: self.checksums,
            damaged: AtomicBool::new(false),
        })))
    }
}
