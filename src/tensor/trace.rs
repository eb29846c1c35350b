//! The tape of a training step.

use super::upstream::{Backward, Device, OwnedTape, PutTape, Rank0, Tape, Tensor};
use super::{
    DeviceStorage, Done, Edges, Flat, Gradient, GradientSlot, Gradients, Param, Var, WantedGradients, device_error,
};
use crate::Result;

/// The tape of one training step, or none.
pub struct Trace<D: DeviceStorage> {
    tape: Option<OwnedTape<f32, D>>,
    pub(crate) edges: Edges<D>,
}

impl<D: DeviceStorage> std::fmt::Debug for Trace<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("on", &self.tape.is_some()).finish_non_exhaustive()
    }
}

impl<D: DeviceStorage + Device<f32>> Trace<D> {
    /// Records nothing: inference.
    pub fn off() -> Self {
        Self { tape: None, edges: Edges::default() }
    }

    /// Records what training needs.
    pub fn on() -> Self {
        Self { tape: Some(OwnedTape::default()), ..Self::off() }
    }

    /// Whether an operation with these needs must be recorded.
    pub(crate) fn wants(&self, needs: &[bool]) -> bool {
        self.tape.is_some() && needs.contains(&true)
    }

    /// Records an operation that gave `y`: `backward` gets the gradient of y, that of its input `x` to be
    /// added to (if `x` is traced), and those of its parameters (those that are trained).
    pub(crate) fn record<F>(&mut self, y: &Var<D>, x: &Var<D>, params: &[&Param<D>], backward: F)
    where
        F: 'static + FnOnce(D::Buffer, WantedGradients<'_, D>) -> Done<(), D>,
    {
        let Some(tape) = &mut self.tape else { return };
        let (edges, y, x) = (self.edges.clone(), y.slot(), x.traced.then(|| x.slot()));
        let params: Vec<Option<Flat<D>>> =
            params.iter().map(|param| param.trainable.then(|| param.value.clone())).collect();
        tape.add_backward_op(move |grads| {
            let Some(gy) = edges.take(&y) else { return Ok(()) };
            let mut gparams = Vec::with_capacity(params.len());
            for param in &params {
                gparams.push(match param {
                    Some(param) => Some(D::take(grads.get_or_alloc_mut(param)?)),
                    None => None,
                });
            }
            let mut gx = x.as_ref().map(|x| edges.take_or_new(x)).transpose()?;
            let outcome = backward(gy, WantedGradients { x: gx.as_mut(), params: &mut gparams });
            if let (Some(x), Some(gx)) = (&x, gx) {
                edges.put(x, gx);
            }
            for (param, gparams) in params.iter().zip(gparams) {
                if let (Some(param), Some(gparams)) = (param, gparams) {
                    D::put(grads.get_or_alloc_mut(param)?, gparams);
                }
            }
            outcome
        });
    }

    /// Records an operation with parameters on x whose output is added to what is `beside`: `backward` gets what it gets in
    /// [`Self::record`], but keeps the gradient of y, whose memory goes to what is beside unless that has a gradient, to
    /// which `add` then adds it.
    pub(crate) fn record_beside<A, F>(
        &mut self,
        y: &Var<D>,
        (x, beside): (&Var<D>, &Var<D>),
        params: &[&Param<D>],
        add: A,
        backward: F,
    ) where
        A: 'static + FnOnce(&D::Buffer, &mut Gradient<D>) -> Done<(), D>,
        F: 'static + FnOnce(&D::Buffer, WantedGradients<'_, D>) -> Done<(), D>,
    {
        if self.tape.is_none() {
            return;
        }
        debug_assert!(x.slot().id != beside.slot().id, "the two have gradients of their own");
        let (edges, beside) = (self.edges.clone(), beside.traced.then(|| beside.slot()));
        self.record(y, x, params, move |gy, wanted| {
            backward(&gy, wanted)?;
            let Some(beside) = beside else { return Ok(()) };
            let mut gradient = if edges.contains(&beside) {
                edges.take_or_new(&beside)?
            } else {
                // Sums that a batch norm left are of another gradient.
                beside.norm.iter().for_each(|norm| norm.forget_sums());
                edges.put(&beside, Gradient { values: gy, fresh: false });
                return Ok(());
            };
            add(&gy, &mut gradient)?;
            edges.put(&beside, gradient);
            Ok(())
        });
    }

    /// Records an operation without parameters on several inputs: `backward` gets the gradient of y and, one
    /// after another, the number and the gradient of each input that is traced.
    pub(crate) fn record_each<F>(&mut self, y: &Var<D>, inputs: &[&Var<D>], backward: F)
    where
        F: 'static + Fn(&D::Buffer, usize, &mut Gradient<D>) -> Done<(), D>,
    {
        let Some(tape) = &mut self.tape else { return };
        let (edges, y) = (self.edges.clone(), y.slot());
        let inputs: Vec<Option<GradientSlot<D>>> = inputs.iter().map(|x| x.traced.then(|| x.slot())).collect();
        tape.add_backward_op(move |_| {
            let Some(gy) = edges.take(&y) else { return Ok(()) };
            for (number, slot) in inputs.iter().enumerate() {
                let Some(slot) = slot else { continue };
                let mut gx = edges.take_or_new(slot)?;
                backward(&gy, number, &mut gx)?;
                edges.put(slot, gx);
            }
            Ok(())
        });
    }

    /// Records a sum of two: `backward` turns the gradient of y into that of both, in slot (once or twice, which
    /// is one), and adds it to those of the parts that are given. To one that is not given, the memory of the
    /// gradient of y goes.
    pub(crate) fn record_sum<F>(&mut self, y: &Var<D>, parts: [&Var<D>; 2], backward: F)
    where
        F: 'static + Fn(&mut D::Buffer, [Option<&mut Gradient<D>>; 2]) -> Done<(), D>,
    {
        let Some(tape) = &mut self.tape else { return };
        let (edges, y) = (self.edges.clone(), y.slot());
        let parts = parts.map(|part| part.traced.then(|| part.slot()));
        tape.add_backward_op(move |_| {
            let Some(mut gy) = edges.take(&y) else { return Ok(()) };
            let [a, b] = &parts;
            match (a, b) {
                (Some(a), Some(b)) if a.id == b.id => {
                    for _ in 0..2 {
                        let mut gx = edges.take_or_new(a)?;
                        backward(&mut gy, [Some(&mut gx), None])?;
                        edges.put(a, gx);
                    }
                    // Those of the second part are of its own share alone.
                    a.norm.iter().for_each(|norm| norm.forget_sums());
                }
                _ => {
                    // The second part's gradient, or the only one's, takes the memory if it is the first.
                    let moved = if b.is_some() { 1 } else { 0 };
                    let mut gparams = [None, None];
                    for (number, slot) in parts.iter().enumerate() {
                        if let Some(slot) = slot
                            && (number != moved || edges.contains(slot))
                        {
                            gparams[number] = Some(edges.take_or_new(slot)?);
                        }
                    }
                    backward(&mut gy, gparams.each_mut().map(Option::as_mut))?;
                    let mut gy = Some(Gradient { values: gy, fresh: false });
                    for (slot, gx) in parts.iter().zip(gparams) {
                        if let Some(slot) = slot
                            && let Some(gx) = gx.or_else(|| gy.take())
                        {
                            edges.put(slot, gx);
                        }
                    }
                }
            }
            Ok(())
        });
    }

    /// Records where the backward pass starts: with `gradient`, that of `outputs`.
    pub(crate) fn start(&mut self, outputs: &Var<D>, gradient: D::Buffer) {
        let Some(tape) = &mut self.tape else { return };
        let (edges, slot) = (self.edges.clone(), outputs.slot());
        tape.add_backward_op(move |_| {
            edges.put(&slot, Gradient { values: gradient, fresh: false });
            Ok(())
        });
    }

    /// The gradients of `loss`; none where nothing was recorded.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn backward(self, loss: Tensor<Rank0, f32, D>) -> Result<Gradients<D>> {
        match self.tape {
            Some(tape) => loss.put_tape(tape).try_backward().map_err(device_error),
            None => Ok(Gradients::leaky()),
        }
    }
}

#[cfg(test)]
#[cfg(test)]
impl<D: DeviceStorage + Device<f32>> Trace<D> {
    /// The gradients of `loss`, and that of the traced input `x`.
    pub(crate) fn backward_to(self, loss: Tensor<Rank0, f32, D>, x: &Var<D>) -> Result<(Gradients<D>, Vec<f32>)> {
        let edges = self.edges.clone();
        let gradients = self.backward(loss)?;
        let of_input = edges.take(&x.slot()).map_or_else(Vec::new, |gradient| x.device.download(&gradient).unwrap());
        Ok((gradients, of_input))
    }
}
