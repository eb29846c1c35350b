//! Rows on the CPU: there are none.

use std::convert::Infallible;

use super::{Change, Kernel};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Done, View};

impl Kernel for Cpu {
    /// The host's memory is the device's: batches are put together there, ahead of time, by a thread of their own.
    type Table = Infallible;

    fn table(&self, _: usize, _: usize) -> Done<Option<Infallible>, Cpu> {
        Ok(None)
    }

    fn keep(&self, table: &mut Infallible, _: usize, _: View<'_, Cpu>) -> Done<(), Cpu> {
        match *table {}
    }

    fn gather(&self, table: &Infallible, _: &[usize]) -> Done<Buffer, Cpu> {
        match *table {}
    }

    fn gather_changed(
        &self,
        table: &Infallible,
        _: &[usize],
        _: (usize, usize),
        _: &[Vec<Change>],
    ) -> Done<Buffer, Cpu> {
        match *table {}
    }

    fn rows(&self, table: &Infallible) -> Done<Vec<f32>, Cpu> {
        match *table {}
    }
}
