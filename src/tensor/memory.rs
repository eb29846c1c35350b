//! Memory of activations and their gradients on the CPU, handed from step to step: after its first
//! steps a training loop asks the system for nothing large.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Buffers that are free, by length.
static SHELF: Mutex<Option<HashMap<usize, Vec<Vec<f32>>>>> = Mutex::new(None);

/// Shorter buffers come from the allocator.
const SMALL: usize = 1024;

/// Numbers whose memory goes back to the shelf when they are dropped, if it came from there.
#[derive(Debug)]
pub struct Buffer {
    values: Vec<f32>,
    ours: bool,
}

impl Buffer {
    /// `len` numbers of no known value: whoever asks writes all that is read later.
    pub fn stale(len: usize) -> Self {
        let kept = (len >= SMALL).then(|| with_shelf(|shelf| shelf.get_mut(&len).and_then(Vec::pop))).flatten();
        Self { values: kept.unwrap_or_else(|| vec![0.0; len]), ours: true }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut buffer = Self::stale(len);
        buffer.fill(0.0);
        buffer
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(values: Vec<f32>) -> Self {
        Self { values, ours: false }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        if self.ours && values.len() >= SMALL {
            with_shelf(|shelf| shelf.entry(values.len()).or_default().push(values));
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

/// `count` pieces of `size` values (the last may be shorter), or as many times none: for work that fills `values`
/// only where they are wanted.
pub(crate) fn pieces(values: Option<&mut [f32]>, size: usize, count: usize) -> Vec<Option<&mut [f32]>> {
    match values {
        Some(values) => values.chunks_mut(size).map(Some).collect(),
        None => (0..count).map(|_| None).collect(),
    }
}

/// to (+)= from.
#[inline(always)]
pub(crate) fn give(fresh: bool, from: &[f32], to: &mut [f32]) {
    if fresh {
        to.copy_from_slice(from);
    } else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
    }
}

/// Gives free buffers back to the system.
pub fn release() {
    with_shelf(HashMap::clear);
}

/// Gives free buffers back to the system where those of `sizes` are needed from now on, and others were before: networks
/// of one name for their sizes share their memory.
pub fn settle(sizes: &str) {
    static LAST: Mutex<String> = Mutex::new(String::new());
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if *last != sizes {
        release();
        sizes.clone_into(&mut last);
    }
}

fn with_shelf<T>(act: impl FnOnce(&mut HashMap<usize, Vec<Vec<f32>>>) -> T) -> T {
    act(SHELF.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_zeros_are_zeros() {
        let len = 1_000_003;
        let mut first = Buffer::stale(len);
        first.fill(7.0);
        let place = first.as_ptr();
        drop(first);
        let second = Buffer::zeros(len);
        assert_eq!(second.as_ptr(), place);
        assert!(second.iter().all(|value| *value == 0.0));
    }
}
