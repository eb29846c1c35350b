//! Sums on the GPU: a double in its memory.

use super::Kernel;
use crate::ops::cuda::{Buffer, Source};
use crate::tensor::{Cuda, Done};

/// None of its own.
pub(in crate::ops) const SOURCES: &[Source] = &[];

impl Kernel for Cuda {
    type Sum = Buffer;

    fn sum(&self) -> Done<Buffer, Self> {
        Buffer::zeros(2)
    }

    fn sum_from(&self, value: f64) -> Done<Buffer, Self> {
        let bits = value.to_bits();
        Buffer::upload_words([bits as u32, (bits >> 32) as u32].into_iter())
    }

    fn total(&self, sum: &Buffer) -> Done<f64, Self> {
        let words = sum.download()?;
        let [low, high] = [0, 1].map(|i| u64::from(words[i].to_bits()));
        Ok(f64::from_bits(high << 32 | low))
    }

    fn known(_: &Buffer) -> Option<f64> {
        None
    }
}
