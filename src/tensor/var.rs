//! Activations: values on a device, and what readers see of them.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::norm::{DeferredNorm, Normalized};
use super::{DeviceStorage, GradientSlot, Shape3, device_error};
use crate::Result;

/// An activation: its values, what readers see of them, and whether gradients flow through it.
#[derive(Debug)]
pub struct Var<D: DeviceStorage> {
    pub(crate) values: Rc<D::Buffer>,
    pub(crate) norm: Option<Rc<DeferredNorm<D>>>,
    pub(crate) shape: Shape3,
    id: u64,
    pub(crate) device: D,
    /// Whether something before it is trained.
    pub traced: bool,
}

impl<D: DeviceStorage> Clone for Var<D> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), norm: self.norm.clone(), device: self.device.clone(), ..*self }
    }
}

impl<D: DeviceStorage> Var<D> {
    pub(crate) fn new(
        device: &D,
        values: D::Buffer,
        shape: Shape3,
        norm: Option<DeferredNorm<D>>,
        traced: bool,
    ) -> Self {
        Self::with_shared_values(device, Rc::new(values), shape, norm, traced)
    }

    pub(crate) fn with_shared_values(
        device: &D,
        values: Rc<D::Buffer>,
        shape: Shape3,
        norm: Option<DeferredNorm<D>>,
        traced: bool,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { values, norm: norm.map(Rc::new), shape, id, device: device.clone(), traced }
    }

    /// An input: nothing before it is trained.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub fn input(device: &D, values: Vec<f32>, shape: Shape3) -> Result<Self> {
        debug_assert_eq!(values.len(), shape.0 * shape.1 * shape.2);
        Ok(Self::new(device, device.upload(values).map_err(device_error)?, shape, None, false))
    }

    /// (batch, length, channels).
    pub fn dims(&self) -> Shape3 {
        self.shape
    }

    /// As kernels read it.
    pub(crate) fn view(&self) -> View<'_, D> {
        View { values: &self.values, norm: self.norm.as_deref(), shape: self.shape }
    }

    /// Itself, if readers see it through a batch norm.
    pub(crate) fn normalized(&self) -> Option<Normalized<'_, D>> {
        self.norm.as_deref().map(|norm| Normalized { values: &*self.values, norm })
    }

    /// What gradients of it are written to.
    pub(crate) fn slot(&self) -> GradientSlot<D> {
        let len = self.shape.0 * self.shape.1 * self.shape.2;
        GradientSlot { id: self.id, len, norm: self.norm.clone(), device: self.device.clone() }
    }
}

impl<D: DeviceStorage> Var<D> {
    /// What readers see, on the host.
    ///
    /// # Errors
    /// Where the device failed, now or in work that was queued before.
    pub fn values(&self) -> Result<Vec<f32>> {
        match &self.norm {
            None => self.device.download(&self.values),
            Some(_) => self.device.read_view(self.view()),
        }
        .map_err(device_error)
    }

    /// What readers see, for tests.
    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<f32> {
        self.values().unwrap()
    }
}

/// An activation as kernels read it.
#[derive(Debug)]
pub struct View<'a, D: DeviceStorage> {
    /// What is in memory.
    pub values: &'a D::Buffer,
    /// What is done to it on reading.
    pub norm: Option<&'a DeferredNorm<D>>,
    /// (batch, length, channels).
    pub shape: Shape3,
}

impl<D: DeviceStorage> Clone for View<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<D: DeviceStorage> Copy for View<'_, D> {}
