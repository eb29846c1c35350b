//! Parameters: what is trained and kept in checkpoints.

use super::upstream::{Device, Storage};
use super::{DeviceStorage, Flat, device_error};
use crate::Result;

/// A trained value, its slot in the checkpoint and whether it is being trained now.
#[derive(Clone, Debug)]
pub struct Param<D: Storage<f32>> {
    /// Shape as PyTorch has it, such as (out, in, taps).
    pub shape: Vec<usize>,
    /// The values.
    pub value: Flat<D>,
    /// Whether gradients are wanted; frozen parameters get none.
    pub trainable: bool,
}

impl<D: DeviceStorage + Device<f32>> Param<D> {
    /// A trainable parameter on `device`.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub fn new(device: &D, shape: Vec<usize>, values: Vec<f32>) -> Result<Self> {
        let len = values.len();
        debug_assert_eq!(len, shape.iter().product::<usize>());
        Ok(Self { shape, value: device.try_tensor_from_vec(values, (len,)).map_err(device_error)?, trainable: true })
    }

    /// Its values on the host.
    pub fn to_vec(&self) -> Vec<f32> {
        self.value.as_vec()
    }

    /// The same, with values of its own.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub fn copied(&self) -> Result<Self> {
        let value = self.value.device().copied(&self.value).map_err(device_error)?;
        Ok(Self { value, ..self.clone() })
    }
}
