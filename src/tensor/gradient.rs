//! Gradients of activations on their way back through the tape.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::norm::DeferredNorm;
use super::{DeviceStorage, Done};

/// Where the gradient of an activation is.
pub(crate) struct GradientSlot<D: DeviceStorage> {
    pub(crate) id: u64,
    pub(crate) len: usize,
    pub(crate) norm: Option<Rc<DeferredNorm<D>>>,
    pub(crate) device: D,
}

/// Memory of an activation's gradient, while a kernel has it.
#[derive(Debug)]
pub struct Gradient<D: DeviceStorage> {
    /// The gradient, of what readers see.
    pub values: D::Buffer,
    /// Nothing is in it yet: write, do not add.
    pub fresh: bool,
}

/// The gradients that a backward pass of one operation adds to: those that are wanted.
#[derive(Debug)]
pub struct WantedGradients<'a, D: DeviceStorage> {
    /// Of the input; none where nothing before it is trained.
    pub x: Option<&'a mut Gradient<D>>,
    /// Of the parameters in the operation's order; none of one that is frozen.
    pub params: &'a mut [Option<D::ParamGradient>],
}

/// Gradients of activations on their way back.
pub(crate) struct Edges<D: DeviceStorage>(Rc<RefCell<BTreeMap<u64, D::Buffer>>>);

impl<D: DeviceStorage> Default for Edges<D> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<D: DeviceStorage> Clone for Edges<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D: DeviceStorage> Edges<D> {
    /// The gradient of an activation that all readers have added to.
    pub(crate) fn take(&self, slot: &GradientSlot<D>) -> Option<D::Buffer> {
        self.0.borrow_mut().remove(&slot.id)
    }

    /// Whether somebody has added to it.
    pub(crate) fn contains(&self, slot: &GradientSlot<D>) -> bool {
        self.0.borrow().contains_key(&slot.id)
    }

    /// To be added to, and put back.
    pub(crate) fn take_or_new(&self, slot: &GradientSlot<D>) -> Done<Gradient<D>, D> {
        if let Some(norm) = &slot.norm {
            norm.forget_sums();
        }
        match self.take(slot) {
            Some(values) => Ok(Gradient { values, fresh: false }),
            None => Ok(Gradient { values: slot.device.stale(slot.len)?, fresh: true }),
        }
    }

    pub(crate) fn put(&self, slot: &GradientSlot<D>, gradient: Gradient<D>) {
        self.0.borrow_mut().insert(slot.id, gradient.values);
    }
}
