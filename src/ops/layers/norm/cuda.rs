//! Batch norms on the GPU.

use std::sync::Mutex;

use super::{EPS, Kernel, MOMENTUM};
use crate::ops::cuda::{Buffer, Grid, OnCuda, ParamGradient, Source, int, launch, reading};
use crate::tensor::{Cuda, DeferredNorm, Flat, Mode, Normalized, Shape3, Statistics, WantedGradients, address, length};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("norm", include_str!("norm.cu"))];

/// Mean and spread of each channel over some rows at a time.
#[derive(Debug)]
pub struct Moments {
    /// (splits, 2, channels).
    values: Buffer,
    splits: usize,
    each: usize,
    rows: usize,
    channels: usize,
}

/// A norm's values as they are made: room for four numbers a channel.
fn made(relu: bool, statistics: Statistics, channels: usize) -> OnCuda<DeferredNorm<Cuda>> {
    let values = Buffer::stale(4 * channels)?;
    Ok(DeferredNorm { values, mode: Mode { statistics, relu }, sums: Mutex::new(None) })
}

/// Blocks that each sum some rows of 32 channels: how many rows that is, how many such parts there are.
fn split(rows: usize, channels: usize) -> (Grid, usize, usize) {
    let each = rows.div_ceil(512).max(16);
    let splits = rows.div_ceil(each);
    (Grid { blocks: [splits, channels.div_ceil(32), 1], threads: [32, 8], shared: 0 }, each, splits)
}

/// The gradient of what is in memory, from that of what readers see.
#[derive(Debug)]
pub(in crate::ops) struct Through<'a> {
    y: Normalized<'a, Cuda>,
    /// By channel, see norm.cu.
    back: Buffer,
    count: usize,
}

impl<'a> Through<'a> {
    /// Adds to the gradients of gamma and beta that are wanted, in `wanted.params`.
    pub fn new(
        y: Normalized<'a, Cuda>,
        shape: Shape3,
        gy: &Buffer,
        gparams: &[Option<ParamGradient>],
    ) -> OnCuda<Through<'a>> {
        let (rows, channels) = (shape.0 * shape.1, shape.2);
        let reading = reading(Some(y.norm));
        let wanted = |which: usize| gparams.get(which).copied().flatten().map_or(0, |gparams| gparams.address);
        let of_batch = y.norm.mode.statistics == Statistics::Batch;
        let (grid, each, mut splits) = split(rows, channels);
        let sums = Buffer::stale(splits * 2 * channels)?;
        if of_batch || wanted(0) != 0 || wanted(1) != 0 {
            launch!("norm_sums", grid; y.values.address(), gy.address(), reading, sums.address(), int(rows)?, int(each)?)?;
        } else {
            splits = 0;
        }
        let back = Buffer::stale(3 * channels)?;
        launch!("norm_back", Grid::new(channels, 128); sums.address(), reading, back.address(), wanted(0), wanted(1),
            int(splits)?, int(rows)?, of_batch)?;
        Ok(Through { y, back, count: rows * channels })
    }

    /// Writes or adds it to `to`, which may be where `gy` is.
    pub fn apply(&self, gy: u64, to: u64, add: bool) -> OnCuda<()> {
        launch!("norm_apply", Grid::each(self.count); self.y.values.address(), gy, reading(Some(self.y.norm)),
            self.back.address(), to, int(self.count)?, add)
    }
}

impl Kernel for Cuda {
    type Moments = Moments;

    fn moments(&self, values: &Buffer, shape: Shape3) -> OnCuda<Moments> {
        let (rows, channels) = (shape.0 * shape.1, shape.2);
        let (grid, each, splits) = split(rows, channels);
        let moments = Buffer::stale(splits * 2 * channels)?;
        launch!("norm_moments", grid; values.address(), moments.address(), int(rows)?, int(channels)?, int(each)?)?;
        Ok(Moments { values: moments, splits, each, rows, channels })
    }

    fn norm_of_batch(
        &self,
        moments: Moments,
        gamma: &Flat<Cuda>,
        beta: &Flat<Cuda>,
        [mean, var]: [&mut Flat<Cuda>; 2],
        relu: bool,
    ) -> OnCuda<DeferredNorm<Cuda>> {
        let Moments { values, splits, each, rows, channels } = moments;
        let norm = made(relu, Statistics::Batch, channels)?;
        launch!("norm_of_batch", Grid::new(channels, 128); values.address(), address(gamma), address(beta), address(mean),
            address(var), norm.values.address(), int(splits)?, int(each)?, int(rows)?, int(channels)?, MOMENTUM, EPS)?;
        Ok(norm)
    }

    fn norm_of_running(
        &self,
        gamma: &Flat<Cuda>,
        beta: &Flat<Cuda>,
        [mean, var]: [&Flat<Cuda>; 2],
        relu: bool,
    ) -> OnCuda<DeferredNorm<Cuda>> {
        let channels = length(gamma);
        let norm = made(relu, Statistics::Running, channels)?;
        launch!("norm_of_running", Grid::each(channels); address(gamma), address(beta), address(mean), address(var),
            norm.values.address(), int(channels)?, EPS)?;
        Ok(norm)
    }

    fn norm_gradient(
        &self,
        y: Normalized<'_, Cuda>,
        shape: Shape3,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        let through = Through::new(y, shape, gy, gparams)?;
        match gx {
            Some(gx) => through.apply(gy.address(), gx.values.address(), !gx.fresh),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Backend;
    use crate::ops::cuda_twins::twin;
    use crate::ops::layers::norm::{Normalizer, batch_norm};
    use crate::tensor::{Param, Trace, Var};

    /// Normalises the first input by the two after it.
    fn normalized<D: Backend>(
        trace: &mut Trace<D>,
        inputs: &[crate::ops::gradient_check::Input<D>],
        statistics: Statistics,
    ) -> crate::Result<Var<D>> {
        let (gamma, beta, device) = (&inputs[1].param, &inputs[2].param, inputs[0].var.device.clone());
        let channels = inputs[0].var.shape.2;
        let mut mean = Param::new(&device, vec![channels], vec![0.1; channels])?;
        let mut var = Param::new(&device, vec![channels], vec![0.8; channels])?;
        let mode = Mode { statistics, relu: true };
        let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
        let y = batch_norm(trace, &inputs[0].var, by)?;
        if statistics == Statistics::Batch {
            assert!(mean.to_vec().iter().all(|mean| *mean != 0.1) && var.to_vec().iter().all(|var| *var != 0.8));
        }
        Ok(y)
    }

    twin!(of_batches, [[3, 70, 37], [37], [37]], |trace, inputs| normalized(trace, inputs, Statistics::Batch));
    twin!(of_batches_of_few_channels, [[2, 9, 3], [3], [3]], |trace, inputs| normalized(
        trace,
        inputs,
        Statistics::Batch
    ));
    twin!(of_what_ran_before, [[3, 70, 37], [37], [37]], |trace, inputs| normalized(
        trace,
        inputs,
        Statistics::Running
    ));
}
