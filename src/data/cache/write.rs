//! Files of prepared records, written while records are prepared.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::blocks::Layout;
use super::{Header, Kept, MAGIC, Names, PREFIX, SignalFile, Signals};
use crate::data::Dataset;
use crate::durable::Unfinished;
use crate::manifest::Signal;
use crate::seed::sha256_hex;

/// A prepared record with its checksums, as it is written.
pub(in crate::data) struct Checked {
    pub values: Vec<f32>,
    /// Samples of each lead before it was padded.
    pub samples: usize,
    sums: Vec<u64>,
}

impl Checked {
    pub fn new(values: Vec<f32>, samples: usize, signal: &Signal) -> Self {
        Self { sums: layout(signal).checksums(&values), samples, values }
    }
}

/// How records lie in a file that are prepared as `signal` says.
fn layout(signal: &Signal) -> Layout {
    Layout { leads: signal.leads.len(), length: signal.length(), storage: signal.storage }
}

/// A file of prepared records in the making: nobody sees it before it is finished.
pub(in crate::data) struct Writer {
    file: Unfinished,
    layout: Layout,
    records: usize,
    buffer: Vec<u8>,
}

impl Writer {
    /// Begins the file that will be `path`, of records as `signal` says.
    pub fn new(path: &Path, signal: &Signal) -> io::Result<Self> {
        let mut file = Unfinished::new(path)?;
        file.write_all(&[0; PREFIX])?;
        Ok(Self { file, layout: layout(signal), records: 0, buffer: Vec::new() })
    }

    /// Takes the next record.
    pub fn append(&mut self, record: &Checked) -> io::Result<()> {
        self.buffer.clear();
        self.layout.encode(&record.values, &record.sums, &mut self.buffer);
        self.file.write_all(&self.buffer)?;
        self.records += 1;
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
            storage: self.layout.storage,
            names,
            records,
            samples: dataset.samples.clone(),
            notes: dataset.notes.clone(),
            warnings: dataset.warnings.clone(),
            left_out: dataset.left_out.clone(),
        };
        let number = |number: usize| (number as u64).to_le_bytes();
        let mut tail = number(self.records).to_vec();
        serde_json::to_writer(&mut tail, &header)?;
        drop(header);
        self.file.write_all(&tail)?;

        let start = PREFIX + self.records * self.layout.bytes().unwrap_or(usize::MAX);
        let mut prefix = MAGIC.to_vec();
        prefix.extend([number(start), number(tail.len())].concat());
        prefix.extend_from_slice(sha256_hex(&tail).as_bytes());
        self.file.write_first(&prefix)?;
        let path = self.file.path().to_owned();
        Ok(Signals::File(Arc::new(SignalFile {
            file: self.file.finish()?,
            path,
            start: PREFIX as u64,
            layout: self.layout,
            records: self.records,
            damaged: AtomicBool::new(false),
        })))
    }
}
