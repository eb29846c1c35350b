//! Batch norms that are deferred to the readers of an activation: never written, applied while it is read.

use std::sync::{Mutex, PoisonError};

use super::DeviceStorage;

/// Whose statistics normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The batch's; the running ones follow (training).
    Batch,
    /// The running ones, which hold still (inference, frozen blocks).
    Running,
}

/// What stays the same while a batch norm is used.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Whose statistics.
    pub statistics: Statistics,
    /// Whether ReLU follows.
    pub relu: bool,
}

/// What readers see of an activation: relu(scale x + shift), by channel.
#[derive(Debug)]
pub struct DeferredNorm<D: DeviceStorage> {
    /// scale, shift, mean, 1 / sqrt(var + eps), each of all channels.
    pub(crate) values: D::Buffer,
    pub(crate) mode: Mode,
    /// What the gradient of this batch norm needs first, sums over that of what readers see: left here by
    /// whoever added to that last, if he took them while it was in the cache.
    pub(crate) sums: Mutex<Option<D::Buffer>>,
}

impl<D: DeviceStorage> DeferredNorm<D> {
    /// Leaves sums.
    pub(crate) fn keep_sums(&self, sums: D::Buffer) {
        *self.sums.lock().unwrap_or_else(PoisonError::into_inner) = Some(sums);
    }

    /// The sums, if they are known.
    pub(crate) fn take_sums(&self) -> Option<D::Buffer> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The gradient will change: sums that are here are no longer true.
    pub(crate) fn forget_sums(&self) {
        self.take_sums();
    }
}

/// An activation with the batch norm that readers see it through.
#[derive(Debug)]
pub struct Normalized<'a, D: DeviceStorage> {
    /// What is in memory.
    pub values: &'a D::Buffer,
    /// What readers apply.
    pub norm: &'a DeferredNorm<D>,
}

impl<D: DeviceStorage> Clone for Normalized<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<D: DeviceStorage> Copy for Normalized<'_, D> {}
