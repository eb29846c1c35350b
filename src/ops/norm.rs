//! Batch normalisation over batch and length, fused with ReLU (Ioffe and Szegedy 2015):
//! y = relu(gamma (x - mean) / sqrt(var + eps) + beta), one mean and variance per channel.
//!
//! It is never written: the activation before it stays in memory, and readers apply [`Norm`]. The gradient of
//! an activation is that of what readers see; a kernel turns it into that of what is in memory.

use dfdx::prelude::Cpu;
use rayon::prelude::*;

use super::cpu::{Isa, flat};
use super::memory::Buffer;
use super::simd::{Simd, dispatch};
use super::{Backend, Done, Flat, Gradient, Lend, Param, Seen, Shape3, Trace, Var, device_error};
use crate::Result;

/// Added to the variance; PyTorch's default.
pub const EPS: f32 = 1e-5;
/// Weight of the newest batch in the running statistics; PyTorch's default.
pub const MOMENTUM: f32 = 0.1;

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
pub struct Norm<D: Lend> {
    /// scale, shift, mean, 1 / sqrt(var + eps), each of all channels.
    values: D::Buffer,
    mode: Mode,
}

/// The parameters of a batch norm and how it is used.
#[derive(Debug)]
pub struct Normalizer<'a, D: Lend> {
    /// Scale.
    pub gamma: &'a Param<D>,
    /// Shift.
    pub beta: &'a Param<D>,
    /// Moved where the batch's statistics are used.
    pub running_mean: &'a mut Param<D>,
    /// Moved where the batch's statistics are used.
    pub running_var: &'a mut Param<D>,
    /// How.
    pub mode: Mode,
}

/// An activation with the batch norm that readers see it through.
#[derive(Debug)]
pub struct Normalized<'a, D: Lend> {
    /// What is in memory.
    pub values: &'a D::Buffer,
    /// What readers apply.
    pub norm: &'a Norm<D>,
}

impl<D: Lend> Clone for Normalized<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<D: Lend> Copy for Normalized<'_, D> {}

/// Batch norms on a device.
pub trait Kernel: Lend {
    /// Mean and spread of each channel of each record.
    type Moments;
    /// Of an activation as it is in memory.
    fn moments(&self, values: &Self::Buffer, shape: Shape3) -> Done<Self::Moments, Self>;
    /// From the batch's moments; moves the running statistics (running variance with Bessel's correction, as
    /// PyTorch does).
    fn norm_of_batch(
        &self,
        moments: Self::Moments,
        gamma: &Flat<Self>,
        beta: &Flat<Self>,
        running: [&mut Flat<Self>; 2],
        relu: bool,
    ) -> Done<Norm<Self>, Self>
    where
        Self: Sized;
    /// From the running statistics.
    fn norm_of_running(
        &self,
        gamma: &Flat<Self>,
        beta: &Flat<Self>,
        running: [&Flat<Self>; 2],
        relu: bool,
    ) -> Done<Norm<Self>, Self>
    where
        Self: Sized;
    /// Adds to the gradient of what is in memory and, where wanted, of gamma and beta; `gy` is of what readers see.
    fn norm_gradient(
        &self,
        y: Normalized<'_, Self>,
        shape: Shape3,
        gy: &Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self>
    where
        Self: Sized;
    /// What readers see, on the host.
    fn written(&self, x: Seen<'_, Self>) -> Vec<f32>
    where
        Self: Sized;
}

/// What readers will see through `normalizer`; `moments` are the batch's, if its statistics are used.
pub(super) fn norm<D: Backend>(
    device: &D,
    moments: Option<D::Moments>,
    normalizer: &mut Normalizer<'_, D>,
) -> Result<Norm<D>> {
    let Normalizer { gamma, beta, running_mean, running_var, mode } = normalizer;
    let running = [&mut running_mean.value, &mut running_var.value];
    match moments {
        Some(moments) => device.norm_of_batch(moments, &gamma.value, &beta.value, running, mode.relu),
        None => device.norm_of_running(&gamma.value, &beta.value, running.map(|flat| &*flat), mode.relu),
    }
    .map_err(device_error)
}

/// Normalises `x` (batch, length, channels), which nothing has normalised yet.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where `x` is read through another batch norm: a fault of the network's code.
pub fn batch_norm<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, mut by: Normalizer<'_, D>) -> Result<Var<D>> {
    assert!(x.norm.is_none(), "a batch norm of a batch norm");
    let moments = match by.mode.statistics {
        Statistics::Batch => Some(x.device.moments(&x.values, x.shape).map_err(device_error)?),
        Statistics::Running => None,
    };
    let norm = norm(&x.device, moments, &mut by)?;
    let traced = trace.wants(&[x.traced, by.gamma.trainable, by.beta.trainable]);
    let y = Var::of(&x.device, x.values.clone(), x.shape, Some(norm), traced);
    if traced {
        let (device, seen) = (x.device.clone(), y.clone());
        trace.record(&y, x, &[by.gamma, by.beta], move |gy, gx, lent| match seen.normalized() {
            Some(y) => device.norm_gradient(y, seen.shape, &gy, gx, lent),
            None => Ok(()),
        });
    }
    Ok(y)
}

/// The norm of a CPU activation, by channel.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    scale: &'a [f32],
    shift: &'a [f32],
    mean: &'a [f32],
    inverse: &'a [f32],
    floor: f32,
}

impl Norm<Cpu> {
    fn new(
        mean: impl Fn(usize) -> f32,
        inverse: impl Fn(usize) -> f32,
        gamma: &[f32],
        beta: &[f32],
        mode: Mode,
    ) -> Self {
        let channels = gamma.len();
        let mut values = vec![0.0; 4 * channels];
        for c in 0..channels {
            let (mean, inverse) = (mean(c), inverse(c));
            let scale = gamma[c] * inverse;
            for (number, value) in [scale, beta[c] - mean * scale, mean, inverse].into_iter().enumerate() {
                values[number * channels + c] = value;
            }
        }
        Self { values: values.into(), mode }
    }

    fn reading(&self) -> Reading<'_> {
        let channels = self.values.len() / 4;
        let part = |number: usize| &self.values[number * channels..][..channels];
        let floor = if self.mode.relu { 0.0 } else { f32::NEG_INFINITY };
        Reading { scale: part(0), shift: part(1), mean: part(2), inverse: part(3), floor }
    }
}

impl<'a> Seen<'a, Cpu> {
    /// How it is read; `None`: as it is in memory.
    pub(super) fn reading(self) -> Option<Reading<'a>> {
        self.norm.map(Norm::reading)
    }

    /// One record as it is in memory, (length, channels).
    pub(super) fn record(self, record: usize) -> &'a [f32] {
        let size = self.shape.1 * self.shape.2;
        &self.values[record * size..][..size]
    }
}

/// What readers see of the rows `x`, into `out`.
pub(super) fn read(isa: Isa, reading: Option<Reading<'_>>, x: &[f32], out: &mut [f32]) {
    match reading {
        None => out.copy_from_slice(x),
        Some(reading) => dispatch!(isa => read_through(reading: Reading<'_>, x: &[f32], out: &mut [f32])),
    }
}

#[inline(always)]
fn read_through<S: Simd>(reading: Reading<'_>, x: &[f32], out: &mut [f32]) {
    let Reading { scale, shift, floor, .. } = reading;
    let channels = scale.len();
    let shift = &shift[..channels];
    for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
        for c in 0..channels {
            out[c] = (x[c] * scale[c] + shift[c]).max(floor);
        }
    }
}

/// Mean, then the sum of squared distances from it, of each channel of one record.
pub(super) fn measure(isa: Isa, z: &[f32], moments: &mut [f32]) {
    dispatch!(isa => measure_record(z: &[f32], moments: &mut [f32]));
}

#[inline(always)]
fn measure_record<S: Simd>(z: &[f32], moments: &mut [f32]) {
    let channels = moments.len() / 2;
    let (mean, spread) = moments.split_at_mut(channels);
    mean.fill(0.0);
    spread.fill(0.0);
    for row in z.chunks_exact(channels) {
        for c in 0..channels {
            mean[c] += row[c];
        }
    }
    let share = channels as f32 / z.len() as f32;
    mean.iter_mut().for_each(|mean| *mean *= share);
    for row in z.chunks_exact(channels) {
        for c in 0..channels {
            let distance = row[c] - mean[c];
            spread[c] += distance * distance;
        }
    }
}

/// How gradients of what readers see become gradients of what is in memory:
/// scale (g - offset - (z - mean) slope) where the ReLU let z through.
pub(super) struct Back<'a> {
    reading: Option<Reading<'a>>,
    offset: Vec<f32>,
    slope: Vec<f32>,
}

impl<'a> Back<'a> {
    /// Goes over the whole batch once; adds to the gradients of gamma and beta.
    pub(super) fn new(
        y: Option<Normalized<'a, Cpu>>,
        (batch, length, channels): Shape3,
        gy: &[f32],
        lent: &mut [Option<Vec<f32>>],
    ) -> Self {
        let Some(Normalized { values, norm }) = y else {
            return Self { reading: None, offset: Vec::new(), slope: Vec::new() };
        };
        let (reading, isa) = (norm.reading(), Isa::best());
        let mut back = Self { reading: Some(reading), offset: vec![0.0; channels], slope: vec![0.0; channels] };
        if norm.mode.statistics == Statistics::Running && lent.iter().all(Option::is_none) {
            return back;
        }
        let mut sums = vec![0f32; batch * 2 * channels];
        let size = length * channels;
        sums.par_chunks_exact_mut(2 * channels).zip(values.par_chunks_exact(size)).zip(gy.par_chunks_exact(size)).for_each(
            |((sums, z), g)| dispatch!(isa => gradient_sums(reading: Reading<'_>, z: &[f32], g: &[f32], sums: &mut [f32])),
        );
        let total = |part: usize, c: usize| -> f64 {
            sums.chunks_exact(2 * channels).map(|sums| f64::from(sums[part * channels + c])).sum()
        };
        let count = (batch * length) as f64;
        for c in 0..channels {
            let (sum, dot) = (total(0, c), total(1, c) * f64::from(reading.inverse[c]));
            if let Some(Some(ggamma)) = lent.first_mut() {
                ggamma[c] += dot as f32;
            }
            if let Some(Some(gbeta)) = lent.get_mut(1) {
                gbeta[c] += sum as f32;
            }
            // d mean and d var of the batch; nothing flows through running statistics.
            if norm.mode.statistics == Statistics::Batch {
                back.offset[c] = (sum / count) as f32;
                back.slope[c] = (dot / count) as f32 * reading.inverse[c];
            }
        }
        back
    }

    /// The gradient of the rows `z` as they are in memory, from `g`, that of what readers see of them.
    pub(super) fn rows(&self, isa: Isa, z: &[f32], g: &[f32], out: &mut [f32]) {
        let back = self;
        match self.reading {
            None => out.copy_from_slice(g),
            Some(reading) => {
                dispatch!(isa => through(back: &Back<'_>, reading: Reading<'_>, z: &[f32], g: &[f32], out: &mut [f32]))
            }
        }
    }
}

#[inline(always)]
fn through<S: Simd>(back: &Back<'_>, reading: Reading<'_>, z: &[f32], g: &[f32], out: &mut [f32]) {
    let Reading { scale, shift, mean, floor, .. } = reading;
    let channels = scale.len();
    let (shift, mean) = (&shift[..channels], &mean[..channels]);
    let (offset, slope) = (&back.offset[..channels], &back.slope[..channels]);
    for ((z, g), out) in z.chunks_exact(channels).zip(g.chunks_exact(channels)).zip(out.chunks_exact_mut(channels)) {
        for c in 0..channels {
            let passed = if z[c] * scale[c] + shift[c] > floor { g[c] } else { 0.0 };
            out[c] = scale[c] * (passed - offset[c] - (z[c] - mean[c]) * slope[c]);
        }
    }
}

/// Sums of g and of g (z - mean) of one record, where the ReLU let z through: the very expression of the
/// forward pass.
#[inline(always)]
fn gradient_sums<S: Simd>(reading: Reading<'_>, z: &[f32], g: &[f32], sums: &mut [f32]) {
    let Reading { scale, shift, mean, floor, .. } = reading;
    let channels = scale.len();
    let (shift, mean) = (&shift[..channels], &mean[..channels]);
    let (plain, dot) = sums.split_at_mut(channels);
    for (z, g) in z.chunks_exact(channels).zip(g.chunks_exact(channels)) {
        for c in 0..channels {
            let passed = if z[c] * scale[c] + shift[c] > floor { g[c] } else { 0.0 };
            plain[c] += passed;
            dot[c] += passed * (z[c] - mean[c]);
        }
    }
}

/// to (+)= from.
#[inline(always)]
pub(super) fn give(fresh: bool, from: &[f32], to: &mut [f32]) {
    if fresh {
        to.copy_from_slice(from);
    } else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
    }
}

/// Moments of a batch on the CPU: for each record the mean, then the sum of squared distances from it, of each channel.
#[derive(Debug)]
pub struct Moments {
    pub(super) values: Vec<f32>,
    pub(super) length: usize,
    pub(super) channels: usize,
}

impl Moments {
    pub(super) fn new((batch, length, channels): Shape3) -> Self {
        Self { values: vec![0.0; batch * 2 * channels], length, channels }
    }
}

impl Kernel for Cpu {
    type Moments = Moments;

    fn moments(&self, values: &Buffer, shape: Shape3) -> Done<Moments, Cpu> {
        let (isa, mut moments) = (Isa::best(), Moments::new(shape));
        let (_, length, channels) = shape;
        moments
            .values
            .par_chunks_exact_mut(2 * channels)
            .zip(values.par_chunks_exact(length * channels))
            .for_each(|(moments, z)| measure(isa, z, moments));
        Ok(moments)
    }

    fn norm_of_batch(
        &self,
        moments: Moments,
        gamma: &Flat<Cpu>,
        beta: &Flat<Cpu>,
        [running_mean, running_var]: [&mut Flat<Cpu>; 2],
        relu: bool,
    ) -> Done<Norm<Cpu>, Cpu> {
        let Moments { values, length, channels } = moments;
        let records = values.chunks_exact(2 * channels);
        let (batch, length) = (records.len() as f64, length as f64);
        // Records' means and spreads put together (Chan, Golub and LeVeque 1983).
        let joined: Vec<(f64, f64)> = (0..channels)
            .map(|c| {
                let mean = records.clone().map(|record| f64::from(record[c])).sum::<f64>() / batch;
                let spread = records
                    .clone()
                    .map(|record| f64::from(record[channels + c]) + length * (f64::from(record[c]) - mean).powi(2));
                (mean, spread.sum::<f64>() / (batch * length))
            })
            .collect();
        let count = batch * length;
        let bessel = count / (count - 1.0).max(1.0);
        let follow = |running: &mut Flat<Cpu>, news: &dyn Fn(usize) -> f64| {
            let mut values = running.as_vec();
            for (c, value) in values.iter_mut().enumerate() {
                *value = (1.0 - MOMENTUM) * *value + MOMENTUM * news(c) as f32;
            }
            running.copy_from(&values);
        };
        follow(running_mean, &|c| joined[c].0);
        follow(running_var, &|c| joined[c].1 * bessel);
        let inverse = |c: usize| (1.0 / (joined[c].1 + f64::from(EPS)).sqrt()) as f32;
        let mode = Mode { statistics: Statistics::Batch, relu };
        Ok(Norm::new(|c| joined[c].0 as f32, inverse, flat(gamma), flat(beta), mode))
    }

    fn norm_of_running(
        &self,
        gamma: &Flat<Cpu>,
        beta: &Flat<Cpu>,
        [mean, var]: [&Flat<Cpu>; 2],
        relu: bool,
    ) -> Done<Norm<Cpu>, Cpu> {
        let (mean, var) = (flat(mean), flat(var));
        let inverse = |c: usize| (1.0 / (f64::from(var[c]) + f64::from(EPS)).sqrt()) as f32;
        let mode = Mode { statistics: Statistics::Running, relu };
        Ok(Norm::new(|c| mean[c], inverse, flat(gamma), flat(beta), mode))
    }

    fn norm_gradient(
        &self,
        y: Normalized<'_, Cpu>,
        shape: Shape3,
        gy: &Buffer,
        gx: Option<&mut Gradient<Cpu>>,
        lent: &mut [Option<Vec<f32>>],
    ) -> Done<(), Cpu> {
        let (isa, values) = (Isa::best(), y.values);
        let back = &Back::new(Some(y), shape, gy, lent);
        let Some(Gradient { values: gx, fresh }) = gx else { return Ok(()) };
        let (size, fresh) = (shape.1 * shape.2, *fresh);
        gx.par_chunks_exact_mut(size).zip(values.par_chunks_exact(size)).zip(gy.par_chunks_exact(size)).for_each(
            |((gx, z), g)| {
                let mut gz = Buffer::stale(size);
                back.rows(isa, z, g, &mut gz);
                give(fresh, &gz, gx);
            },
        );
        Ok(())
    }

    fn written(&self, x: Seen<'_, Cpu>) -> Vec<f32> {
        let mut out = vec![0.0; x.values.len()];
        read(Isa::best(), x.reading(), x.values, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{assert_close, check, reference, turned, values};

    fn param(values: &[f32]) -> Param<Cpu> {
        Param::new(&Cpu::default(), vec![values.len()], values.to_vec()).unwrap()
    }

    #[test]
    fn gradients_match_finite_differences() {
        for relu in [false, true] {
            for statistics in [Statistics::Batch, Statistics::Running] {
                check(&[vec![3, 7, 2], vec![2], vec![2]], |trace, inputs| {
                    let (mut mean, mut var) = (param(&[0.1, -0.2]), param(&[0.8, 1.5]));
                    let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
                    let mode = Mode { statistics, relu };
                    let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
                    batch_norm(trace, &inputs[0].var, by)
                });
            }
        }
    }

    #[test]
    fn equals_pytorch() {
        let device = Cpu::default();
        let reference = reference("ops");
        let get = |name: &str| values(&reference, &format!("bn_relu.{name}"));
        let param = |name: &str| param(&get(name).1);
        let (shape, x) = get("x");
        let [batch, channels, length] = [shape[0], shape[1], shape[2]];
        let mut x = Var::input(&device, turned(&x, channels, length), (batch, length, channels)).unwrap();
        x.traced = true;
        let (gamma, beta) = (param("gamma"), param("beta"));
        let (mut mean, mut var) = (param("running_mean"), param("running_var"));
        let mut normalize = |trace: &mut Trace<Cpu>, statistics| {
            let mode = Mode { statistics, relu: true };
            let by = Normalizer { gamma: &gamma, beta: &beta, running_mean: &mut mean, running_var: &mut var, mode };
            batch_norm(trace, &x, by).unwrap()
        };
        let back = |values: Vec<f32>| turned(&values, length, channels);
        let evaluated = normalize(&mut Trace::off(), Statistics::Running);
        assert_close("y of running statistics", &back(evaluated.to_vec()), &get("eval_y").1, 1e-5);
        let y = normalize(&mut Trace::off(), Statistics::Batch);
        assert_close("y", &back(y.to_vec()), &get("y").1, 1e-5);
        assert_close("running mean", &mean.to_vec(), &get("running_mean_after").1, 1e-5);
        assert_close("running var", &var.to_vec(), &get("running_var_after").1, 1e-5);

        let gy = Buffer::from(turned(&get("gy").1, channels, length));
        let mut gx = Gradient { values: Buffer::stale(gy.len()), fresh: true };
        let mut lent = [Some(vec![0.0; channels]), Some(vec![0.0; channels])];
        device.norm_gradient(y.normalized().unwrap(), y.shape, &gy, Some(&mut gx), &mut lent).unwrap();
        let [ggamma, gbeta] = lent.map(Option::unwrap);
        assert_close("gx", &back(gx.values.to_vec()), &get("gx").1, 1e-5);
        assert_close("ggamma", &ggamma, &get("ggamma").1, 1e-5);
        assert_close("gbeta", &gbeta, &get("gbeta").1, 1e-5);
    }
}
