//! 1-D operations with dfdx parameters and tape, written outside dfdx: each file holds one operation with
//! its backward, generic over the device, its CPU kernel and its gradient check.
//!
//! Activations have shape (batch, length, channels): the channels of one sample lie side by side, so that
//! every kernel works on vectors of channels, and a convolution is a matrix product whose rows overlap.
//! Features have length 1. What readers see of an activation may be a batch norm (and ReLU) of what is in
//! memory, see [`Norm`]: it is applied while it is read and never written.
//!
//! The tape is passed beside activations as a [`Trace`]; what need not be traced is not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use dfdx::prelude::{Backward, Cpu, Device, HasErr, OwnedTape, PutTape, Rank0, Storage, Tape, Tensor};

pub mod average_pool;
pub mod combine;
pub mod conv1d;
mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod dropout;
pub mod fuse;
pub mod gather;
#[cfg(test)]
pub(crate) mod gradient_check;
pub mod inception;
pub mod linear;
pub mod loss;
mod matmul;
pub mod memory;
pub mod norm;
pub mod parts;
mod philox;
pub mod pool;
pub mod recurrent;
mod simd;
pub mod sum;
pub mod transformer;
pub mod update;

use crate::{Error, Result};
pub use norm::Norm;

/// What a kernel gives, or the device's error.
pub type Done<T, D> = std::result::Result<T, <D as HasErr>::Err>;
/// (batch, length, channels).
pub type Shape3 = (usize, usize, usize);
/// A parameter's tensor: all its values in row-major order.
pub type Flat<D> = Tensor<(usize,), f32, D>;
/// Gradients of parameters.
pub type Gradients<D> = dfdx::prelude::Gradients<f32, D>;

/// A device whose memory our kernels can work on.
pub trait Lend: Storage<f32> {
    /// The memory of a parameter's gradient while a kernel has it.
    type Lent: 'static;
    /// Takes the memory out of the map of gradients.
    fn take(slot: &mut Self::Vec) -> Self::Lent;
    /// Puts it back.
    fn put(slot: &mut Self::Vec, lent: Self::Lent);

    /// The memory of an activation or its gradient.
    type Buffer: 'static + std::fmt::Debug;
    /// `values` on the device.
    fn upload(&self, values: Vec<f32>) -> Done<Self::Buffer, Self>;
    /// The values of `buffer` on the host.
    fn download(&self, buffer: &Self::Buffer) -> Done<Vec<f32>, Self>;
    /// Memory for `len` values that whoever asks will write.
    fn stale(&self, len: usize) -> Done<Self::Buffer, Self>;
    /// Waits until everything that was queued is done.
    fn wait(&self) -> Done<(), Self>;
    /// The most bytes of the device's own memory that were in use at once, where it has such memory.
    fn peak_memory(&self) -> Option<u64>;
    /// A parameter's values in a tensor of their own, which stays as it is when the first one moves.
    fn copied(&self, flat: &Flat<Self>) -> Done<Flat<Self>, Self>;
    /// The values of a parameter's moments on the host.
    fn read(&self, memory: &Self::Vec) -> Done<Vec<f32>, Self>;
    /// Puts as many values there.
    fn write(&self, memory: &mut Self::Vec, values: Vec<f32>) -> Done<(), Self>;
    /// What decides the last bits of its sums: devices that tell the same give the same bits.
    fn arithmetic(&self) -> String;
}

impl Lend for Cpu {
    type Lent = Vec<f32>;
    fn take(slot: &mut Self::Vec) -> Vec<f32> {
        std::mem::take(&mut **slot)
    }
    fn put(slot: &mut Self::Vec, lent: Vec<f32>) {
        **slot = lent;
    }

    type Buffer = memory::Buffer;
    fn upload(&self, values: Vec<f32>) -> Done<memory::Buffer, Cpu> {
        Ok(values.into())
    }
    fn download(&self, buffer: &memory::Buffer) -> Done<Vec<f32>, Cpu> {
        Ok(buffer.to_vec())
    }
    fn stale(&self, len: usize) -> Done<memory::Buffer, Cpu> {
        Ok(memory::Buffer::stale(len))
    }
    fn wait(&self) -> Done<(), Cpu> {
        Ok(())
    }
    fn peak_memory(&self) -> Option<u64> {
        None
    }
    fn copied(&self, flat: &Flat<Cpu>) -> Done<Flat<Cpu>, Cpu> {
        // Copied by dfdx when one of the two is written.
        Ok(flat.clone())
    }
    fn read(&self, memory: &Self::Vec) -> Done<Vec<f32>, Cpu> {
        Ok(memory.to_vec())
    }
    fn write(&self, memory: &mut Self::Vec, values: Vec<f32>) -> Done<(), Cpu> {
        memory.copy_from_slice(&values);
        Ok(())
    }
    fn arithmetic(&self) -> String {
        format!("cpu, {:?}", cpu::Isa::best())
    }
}

/// A device that has all our kernels.
pub trait Backend:
    Device<f32>
    + Lend
    + conv1d::Kernel
    + inception::Kernel
    + norm::Kernel
    + pool::Kernel
    + average_pool::Kernel
    + combine::Kernel
    + fuse::Kernel
    + linear::Kernel
    + recurrent::Kernel
    + dropout::Kernel
    + sum::Kernel
    + loss::Kernel
    + update::Kernel
    + parts::Kernel
    + gather::Kernel
    + transformer::Kernel
{
}
impl Backend for Cpu {}
#[cfg(feature = "cuda")]
impl Backend for dfdx::prelude::Cuda {}

/// An activation: its values, what readers see of them, and whether gradients flow through it.
#[derive(Debug)]
pub struct Var<D: Lend> {
    values: Rc<D::Buffer>,
    norm: Option<Rc<Norm<D>>>,
    shape: Shape3,
    id: u64,
    device: D,
    /// Whether something before it is trained.
    pub traced: bool,
}

impl<D: Lend> Clone for Var<D> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), norm: self.norm.clone(), device: self.device.clone(), ..*self }
    }
}

impl<D: Lend> Var<D> {
    fn new(device: &D, values: D::Buffer, shape: Shape3, norm: Option<Norm<D>>, traced: bool) -> Self {
        Self::of(device, Rc::new(values), shape, norm, traced)
    }

    fn of(device: &D, values: Rc<D::Buffer>, shape: Shape3, norm: Option<Norm<D>>, traced: bool) -> Self {
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
    fn seen(&self) -> Seen<'_, D> {
        Seen { values: &self.values, norm: self.norm.as_deref(), shape: self.shape }
    }

    /// Itself, if readers see it through a batch norm.
    fn normalized(&self) -> Option<norm::Normalized<'_, D>> {
        self.norm.as_deref().map(|norm| norm::Normalized { values: &*self.values, norm })
    }

    /// What gradients of it are written to.
    fn place(&self) -> Place<D> {
        let len = self.shape.0 * self.shape.1 * self.shape.2;
        Place { id: self.id, len, norm: self.norm.clone(), device: self.device.clone() }
    }
}

impl<D: Backend> Var<D> {
    /// What readers see, on the host.
    ///
    /// # Errors
    /// Where the device failed, now or in work that was queued before.
    pub fn values(&self) -> Result<Vec<f32>> {
        match &self.norm {
            None => self.device.download(&self.values),
            Some(_) => self.device.written(self.seen()),
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
pub struct Seen<'a, D: Lend> {
    /// What is in memory.
    pub values: &'a D::Buffer,
    /// What is done to it on reading.
    pub norm: Option<&'a Norm<D>>,
    /// (batch, length, channels).
    pub shape: Shape3,
}

impl<D: Lend> Clone for Seen<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<D: Lend> Copy for Seen<'_, D> {}

/// A trained value, its place in the checkpoint and whether it is being trained now.
#[derive(Clone, Debug)]
pub struct Param<D: Storage<f32>> {
    /// Shape as PyTorch has it, such as (out, in, taps).
    pub shape: Vec<usize>,
    /// The values.
    pub value: Flat<D>,
    /// Whether gradients are wanted; frozen parameters get none.
    pub trainable: bool,
}

impl<D: Backend> Param<D> {
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

/// Where the gradient of an activation is.
struct Place<D: Lend> {
    id: u64,
    len: usize,
    norm: Option<Rc<Norm<D>>>,
    device: D,
}

/// Memory of an activation's gradient, while a kernel has it.
#[derive(Debug)]
pub struct Gradient<D: Lend> {
    /// The gradient, of what readers see.
    pub values: D::Buffer,
    /// Nothing is in it yet: write, do not add.
    pub fresh: bool,
}

/// Gradients of activations on their way back.
struct Flow<D: Lend>(Rc<RefCell<BTreeMap<u64, D::Buffer>>>);

impl<D: Lend> Clone for Flow<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D: Lend> Flow<D> {
    /// The gradient of an activation that all readers have added to.
    fn take(&self, place: &Place<D>) -> Option<D::Buffer> {
        self.0.borrow_mut().remove(&place.id)
    }

    /// Whether somebody has added to it.
    fn has(&self, place: &Place<D>) -> bool {
        self.0.borrow().contains_key(&place.id)
    }

    /// To be added to, and put back.
    fn lend(&self, place: &Place<D>) -> Done<Gradient<D>, D> {
        if let Some(norm) = &place.norm {
            norm.forget_sums();
        }
        match self.take(place) {
            Some(values) => Ok(Gradient { values, fresh: false }),
            None => Ok(Gradient { values: place.device.stale(place.len)?, fresh: true }),
        }
    }

    fn put(&self, place: &Place<D>, gradient: Gradient<D>) {
        self.0.borrow_mut().insert(place.id, gradient.values);
    }
}

/// The tape of one training step, or none.
pub struct Trace<D: Lend> {
    tape: Option<OwnedTape<f32, D>>,
    flow: Flow<D>,
}

impl<D: Lend> std::fmt::Debug for Trace<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("on", &self.tape.is_some()).finish_non_exhaustive()
    }
}

impl<D: Backend> Trace<D> {
    /// Records nothing: inference.
    pub fn off() -> Self {
        Self { tape: None, flow: Flow(Rc::default()) }
    }

    /// Records what training needs.
    pub fn on() -> Self {
        Self { tape: Some(OwnedTape::default()), ..Self::off() }
    }

    /// Whether an operation with these needs must be recorded.
    fn wants(&self, needs: &[bool]) -> bool {
        self.tape.is_some() && needs.contains(&true)
    }

    /// Records an operation that gave `y`: `backward` gets the gradient of y, that of its input `x` to be
    /// added to (if `x` is traced), and those of its parameters (those that are trained).
    fn record<F>(&mut self, y: &Var<D>, x: &Var<D>, params: &[&Param<D>], backward: F)
    where
        F: 'static + FnOnce(D::Buffer, Option<&mut Gradient<D>>, &mut [Option<D::Lent>]) -> Done<(), D>,
    {
        let Some(tape) = &mut self.tape else { return };
        let (flow, y, x) = (self.flow.clone(), y.place(), x.traced.then(|| x.place()));
        let params: Vec<Option<Flat<D>>> =
            params.iter().map(|param| param.trainable.then(|| param.value.clone())).collect();
        tape.add_backward_op(move |grads| {
            let Some(gy) = flow.take(&y) else { return Ok(()) };
            let mut lent = Vec::with_capacity(params.len());
            for param in &params {
                lent.push(match param {
                    Some(param) => Some(D::take(grads.get_or_alloc_mut(param)?)),
                    None => None,
                });
            }
            let mut gx = x.as_ref().map(|x| flow.lend(x)).transpose()?;
            let outcome = backward(gy, gx.as_mut(), &mut lent);
            if let (Some(x), Some(gx)) = (&x, gx) {
                flow.put(x, gx);
            }
            for (param, lent) in params.iter().zip(lent) {
                if let (Some(param), Some(lent)) = (param, lent) {
                    D::put(grads.get_or_alloc_mut(param)?, lent);
                }
            }
            outcome
        });
    }

    /// Records an operation without parameters on several inputs: `backward` gets the gradient of y and, one
    /// after another, the number and the gradient of each input that is traced.
    fn record_each<F>(&mut self, y: &Var<D>, inputs: &[&Var<D>], backward: F)
    where
        F: 'static + Fn(&D::Buffer, usize, &mut Gradient<D>) -> Done<(), D>,
    {
        let Some(tape) = &mut self.tape else { return };
        let (flow, y) = (self.flow.clone(), y.place());
        let inputs: Vec<Option<Place<D>>> = inputs.iter().map(|x| x.traced.then(|| x.place())).collect();
        tape.add_backward_op(move |_| {
            let Some(gy) = flow.take(&y) else { return Ok(()) };
            for (number, place) in inputs.iter().enumerate() {
                let Some(place) = place else { continue };
                let mut gx = flow.lend(place)?;
                backward(&gy, number, &mut gx)?;
                flow.put(place, gx);
            }
            Ok(())
        });
    }

    /// Records a sum of two: `backward` turns the gradient of y into that of both, in place (once or twice, which
    /// is one), and adds it to those of the parts that are given. To one that is not given, the memory of the
    /// gradient of y goes.
    fn record_sum<F>(&mut self, y: &Var<D>, parts: [&Var<D>; 2], backward: F)
    where
        F: 'static + Fn(&mut D::Buffer, [Option<&mut Gradient<D>>; 2]) -> Done<(), D>,
    {
        let Some(tape) = &mut self.tape else { return };
        let (flow, y) = (self.flow.clone(), y.place());
        let parts = parts.map(|part| part.traced.then(|| part.place()));
        tape.add_backward_op(move |_| {
            let Some(mut gy) = flow.take(&y) else { return Ok(()) };
            let [a, b] = &parts;
            match (a, b) {
                (Some(a), Some(b)) if a.id == b.id => {
                    for _ in 0..2 {
                        let mut gx = flow.lend(a)?;
                        backward(&mut gy, [Some(&mut gx), None])?;
                        flow.put(a, gx);
                    }
                    // Those of the second part are of its own share alone.
                    a.norm.iter().for_each(|norm| norm.forget_sums());
                }
                _ => {
                    // The second part's gradient, or the only one's, takes the memory if it is the first.
                    let moved = if b.is_some() { 1 } else { 0 };
                    let mut lent = [None, None];
                    for (number, place) in parts.iter().enumerate() {
                        if let Some(place) = place
                            && (number != moved || flow.has(place))
                        {
                            lent[number] = Some(flow.lend(place)?);
                        }
                    }
                    backward(&mut gy, lent.each_mut().map(Option::as_mut))?;
                    let mut gy = Some(Gradient { values: gy, fresh: false });
                    for (place, gx) in parts.iter().zip(lent) {
                        if let Some(place) = place
                            && let Some(gx) = gx.or_else(|| gy.take())
                        {
                            flow.put(place, gx);
                        }
                    }
                }
            }
            Ok(())
        });
    }

    /// Records where the backward pass starts: with `gradient`, that of `outputs`.
    fn start(&mut self, outputs: &Var<D>, gradient: D::Buffer) {
        let Some(tape) = &mut self.tape else { return };
        let (flow, place) = (self.flow.clone(), outputs.place());
        tape.add_backward_op(move |_| {
            flow.put(&place, Gradient { values: gradient, fresh: false });
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
impl<D: Backend> Trace<D> {
    /// The gradients of `loss`, and that of the traced input `x`.
    pub(crate) fn backward_to(self, loss: Tensor<Rank0, f32, D>, x: &Var<D>) -> Result<(Gradients<D>, Vec<f32>)> {
        let flow = self.flow.clone();
        let gradients = self.backward(loss)?;
        let of_input = flow.take(&x.place()).map_or_else(Vec::new, |gradient| x.device.download(&gradient).unwrap());
        Ok((gradients, of_input))
    }
}

/// A device's error in our words.
pub fn device_error(error: impl std::fmt::Display) -> Error {
    let text = error.to_string();
    if text.contains("OUT_OF_MEMORY") {
        return Error::memory("the GPU has no memory left; lower batch_size, or train fewer stages at once (--jobs 1)");
    }
    Error::internal(format!("the device failed: {text}"))
}
