//! A record as it lies in a file: blocks of samples of all leads, each with its checksum, so that a window can be read alone.

use std::ops::Range;

use super::coding::{checksum, decode, encode};
use crate::manifest::Storage;

/// Samples of a block; the last of a record has what is left.
const BLOCK: usize = 256;
/// Bytes of a checksum.
const SUM: usize = 8;

/// Leads and samples of a record, and how they are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub leads: usize,
    pub length: usize,
    pub storage: Storage,
}

/// Bytes that a record of (leads, length) takes in a file.
pub(in crate::data) fn bytes_of_record(shape: (usize, usize), storage: Storage) -> u64 {
    let (leads, length) = shape;
    Layout { leads, length, storage }.bytes().unwrap_or(usize::MAX) as u64
}

impl Layout {
    /// Bytes of a record; `None` where that is no number.
    pub fn bytes(&self) -> Option<usize> {
        let values = self.leads.checked_mul(self.length)?.checked_mul(self.storage.bytes())?;
        values.checked_add(self.length.div_ceil(BLOCK).checked_mul(SUM)?)
    }

    /// Appends a record, (leads, length), to `bytes`.
    pub fn encode(&self, record: &[f32], sums: &[u64], bytes: &mut Vec<u8>) {
        let mut values = Vec::new();
        for (block, sum) in self.blocks().zip(sums) {
            self.gather(record, block, &mut values);
            encode(&values, self.storage, bytes);
            bytes.extend(sum.to_le_bytes());
        }
    }

    /// The checksums of a record's blocks.
    pub fn checksums(&self, record: &[f32]) -> Vec<u64> {
        let mut values = Vec::new();
        let of_block = |block| {
            self.gather(record, block, &mut values);
            checksum(&values)
        };
        self.blocks().map(of_block).collect()
    }

    /// Where in a record's bytes the blocks lie that have some of the samples `window`.
    pub fn place(&self, window: &Range<usize>) -> Range<usize> {
        let whole = self.leads * BLOCK * self.storage.bytes() + SUM;
        let end = window.end.div_ceil(BLOCK);
        let rest =
            if end * BLOCK > self.length { (end * BLOCK - self.length) * self.leads * self.storage.bytes() } else { 0 };
        window.start / BLOCK * whole..end * whole - rest
    }

    /// The samples `window` of all leads, from the bytes at [`Layout::place`]; whether they are what was written.
    pub fn decode(&self, bytes: &[u8], window: &Range<usize>, to: &mut [f32], values: &mut Vec<f32>) -> bool {
        let mut rest = bytes;
        for block in self.blocks().skip(window.start / BLOCK).take_while(|block| block.start < window.end) {
            values.resize(self.leads * block.len(), 0.0);
            let Some((of_block, after)) = rest.split_at_checked(values.len() * self.storage.bytes()) else {
                return false;
            };
            let Some((sum, after)) = after.split_first_chunk::<SUM>() else { return false };
            decode(of_block, self.storage, values);
            if checksum(values) != u64::from_le_bytes(*sum) {
                return false;
            }
            let (from, until) = (block.start.max(window.start), block.end.min(window.end));
            for (lead, to) in values.chunks_exact(block.len()).zip(to.chunks_exact_mut(window.len())) {
                to[from - window.start..until - window.start]
                    .copy_from_slice(&lead[from - block.start..until - block.start]);
            }
            rest = after;
        }
        rest.is_empty()
    }

    /// The samples of each block.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let length = self.length;
        (0..length).step_by(BLOCK).map(move |first| first..length.min(first + BLOCK))
    }

    /// The values of a block, lead after lead.
    fn gather(&self, record: &[f32], block: Range<usize>, values: &mut Vec<f32>) {
        values.clear();
        record.chunks_exact(self.length).for_each(|lead| values.extend_from_slice(&lead[block.clone()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_a_record_are_read_from_their_blocks_alone() {
        for (length, storage) in [(1, Storage::F32), (256, Storage::F16), (600, Storage::F32), (1024, Storage::F16)] {
            let layout = Layout { leads: 3, length, storage };
            // Whole numbers below 2048 are in half precision too.
            let record: Vec<f32> = (0..3 * length).map(|value| (value % 2000) as f32).collect();
            let mut bytes = Vec::new();
            layout.encode(&record, &layout.checksums(&record), &mut bytes);
            assert_eq!(Some(bytes.len()), layout.bytes());
            for window in [0..length, 0..1, length - 1..length, length / 3..length / 3 + length.div_ceil(2)] {
                let place = layout.place(&window);
                assert!(place.len() <= (window.len() + 2 * BLOCK) * 3 * storage.bytes() + 4 * SUM, "{place:?}");
                let (mut to, mut values) = (vec![-1.0; 3 * window.len()], Vec::new());
                assert!(layout.decode(&bytes[place.clone()], &window, &mut to, &mut values));
                let expected = record.chunks(length).flat_map(|lead| &lead[window.clone()]);
                assert!(to.iter().eq(expected), "{window:?} of {length}");
                // Any changed bit of what is read is seen.
                for at in [place.start, place.end - 1] {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= 1;
                    assert!(!layout.decode(&damaged[place.clone()], &window, &mut to, &mut values));
                }
            }
        }
    }
}
