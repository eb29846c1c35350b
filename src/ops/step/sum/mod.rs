//! Sums over an epoch, of losses and of norms of gradients. A device adds to them as work goes on; reading one waits
//! for all work that was queued before.

use crate::tensor::{DeviceStorage, Done};

mod cpu;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// Sums on a device.
pub trait Kernel: DeviceStorage {
    /// A number in f64.
    type Sum: 'static + std::fmt::Debug;
    /// One that is 0.
    fn sum(&self) -> Done<Self::Sum, Self> {
        self.sum_from(0.0)
    }
    /// One that is `value` so far.
    fn sum_from(&self, value: f64) -> Done<Self::Sum, Self>;
    /// What it is, once all work is done.
    fn total(&self, sum: &Self::Sum) -> Done<f64, Self>;
    /// What it is, where that is known without waiting.
    fn known(sum: &Self::Sum) -> Option<f64>;
}
