//! Forward, loss and backward of one batch: of all of it or, where the device has no room for that, in micro-batches.
//!
//! In micro-batches, backbones see some records at a time, but the head sees the features of the whole batch: its batch norms
//! are those of the batch, and the gradients are the sum that they would be anyway. A backbone's forward pass is made
//! twice, first for the features, then for its gradients, once those of the features are known. It must not depend on
//! who else is in the batch: one with batch norms of the batch cannot be split.

use crate::Result;
use crate::nn::{Network, Pass};
use crate::ops::Backend;
use crate::ops::step::loss::{Loss, loss};
use crate::ops::step::micro_batches::{joined, records};
use crate::tensor::{Gradients, Trace, Var, device_error};

use super::gradients::each_trained;

/// A batch: its input and what its outputs are measured against.
pub(super) struct Batch<'a, D: Backend> {
    /// (batch, length, leads), or (batch, 1, features).
    pub x: &'a Var<D>,
    /// How many records it is of.
    pub records: usize,
    /// Whether x are features.
    pub of_features: bool,
    pub target: &'a Loss,
    /// What is dropped: of the head, which is number 0, and of micro-batches from 1; the same whenever asked for.
    pub random: &'a dyn Fn(usize) -> rand_chacha::ChaCha8Rng,
}

impl<D: Backend> Batch<'_, D> {
    /// The gradients of all that is trained; adds the loss, times the records, to `sum`.
    ///
    /// # Errors
    /// Where the device fails; of the blame that memory has where it is too small.
    pub(super) fn gradients(
        &self,
        device: &D,
        net: &mut Network<D>,
        micro_batches: usize,
        sum: &mut D::Sum,
    ) -> Result<Gradients<D>> {
        if micro_batches > 1 && !self.of_features {
            return self.in_micro_batches(device, net, micro_batches, sum);
        }
        let batch = self.records as f64;
        let mut pass = Pass::training((self.random)(0));
        let output = if self.of_features { net.head(self.x, &mut pass)? } else { net.forward(self.x, &mut pass)? }; // (batch, 1, outputs)
        let scalar = loss(&mut pass.trace, &output, self.target, 1.0, batch, sum)?; // (1, 1, 1)
        pass.trace.backward(scalar)
    }

    fn in_micro_batches(
        &self,
        device: &D,
        net: &mut Network<D>,
        count: usize,
        sum: &mut D::Sum,
    ) -> Result<Gradients<D>> {
        let batch = self.x.dims().0;
        let size = batch.div_ceil(count);
        // The features of all, without a trace.
        let mut features = Vec::new();
        for (number, first) in (0..batch).step_by(size).enumerate() {
            let x = records(self.x, first, size.min(batch - first))?; // (size, length, leads)
            let mut pass = Pass { trace: Trace::off(), ..self.pass(number) };
            features.push(net.features(&x, &mut pass)?); // (size, 1, features)
        }
        let features = joined(&features)?; // (batch, 1, features)
        // The head over the whole batch, back to the features.
        let mut pass = Pass::training((self.random)(0));
        let output = net.head(&features, &mut pass)?; // (batch, 1, outputs)
        let scalar = loss(&mut pass.trace, &output, self.target, 1.0, self.records as f64, sum)?;
        let (mut gradients, of_features) = pass.trace.backward_to_start(scalar, &features)?;
        drop(features);
        // The backbones once more, from the gradients of their features.
        let Some(of_features) = of_features else { return Ok(gradients) };
        for (number, first) in (0..batch).step_by(size).enumerate() {
            let count = size.min(batch - first);
            let mut pass = self.pass(number);
            let y = net.features(&records(self.x, first, count)?, &mut pass)?;
            if !y.traced {
                continue;
            }
            let mut part = pass.trace.backward_from(&y, records(&of_features, first, count)?)?;
            each_trained(net, |_, place, param| {
                if place.backbone.is_none() {
                    return Ok(());
                }
                let part = part.get_or_alloc_mut(&param.value).map_err(device_error)?;
                let total = gradients.get_or_alloc_mut(&param.value).map_err(device_error)?;
                device.add(total, part).map_err(device_error)
            })?;
        }
        Ok(gradients)
    }

    /// Over micro-batch `number`; the head has number 0.
    fn pass(&self, number: usize) -> Pass<D> {
        Pass::training((self.random)(number + 1))
    }
}
