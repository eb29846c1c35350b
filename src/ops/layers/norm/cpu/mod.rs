//! Batch norms on the CPU.

use rayon::prelude::*;

use super::{EPS, Kernel, MOMENTUM};
use crate::ops::cpu::Isa;
use crate::tensor::memory::{Buffer, give};
use crate::tensor::{
    Cpu, DeferredNorm, Done, Flat, Gradient, Mode, Normalized, Shape3, Statistics, WantedGradients, flat,
};

mod back;
mod moments;

pub(in crate::ops) use back::{Back, sum_gradient};
pub use moments::Moments;
pub(in crate::ops) use moments::measure;

/// Vectors of channels whose sums stay in registers while all rows are gone over.
const BLOCK: usize = 4;

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
    ) -> Done<DeferredNorm<Cpu>, Cpu> {
        let Moments { values, length, channels } = moments;
        let records = values.chunks_exact(2 * channels);
        let (batch, length) = (records.len() as f64, length as f64);
        // Records' means and spreads put together (Chan, Golub and LeVeque 1983).
        let mut joined = vec![(0f64, 0f64); channels];
        for record in records.clone() {
            joined.iter_mut().zip(record).for_each(|((mean, _), of_record)| *mean += f64::from(*of_record));
        }
        joined.iter_mut().for_each(|(mean, _)| *mean /= batch);
        for record in records {
            let (means, spreads) = record.split_at(channels);
            for ((mean, spread), (of_record, own)) in joined.iter_mut().zip(means.iter().zip(spreads)) {
                *spread += f64::from(*own) + length * (f64::from(*of_record) - *mean).powi(2);
            }
        }
        joined.iter_mut().for_each(|(_, spread)| *spread /= batch * length);
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
        Ok(DeferredNorm::new(|c| joined[c].0 as f32, inverse, flat(gamma), flat(beta), mode))
    }

    fn norm_of_running(
        &self,
        gamma: &Flat<Cpu>,
        beta: &Flat<Cpu>,
        [mean, var]: [&Flat<Cpu>; 2],
        relu: bool,
    ) -> Done<DeferredNorm<Cpu>, Cpu> {
        let (mean, var) = (flat(mean), flat(var));
        let inverse = |c: usize| (1.0 / (f64::from(var[c]) + f64::from(EPS)).sqrt()) as f32;
        let mode = Mode { statistics: Statistics::Running, relu };
        Ok(DeferredNorm::new(|c| mean[c], inverse, flat(gamma), flat(beta), mode))
    }

    fn norm_gradient(
        &self,
        y: Normalized<'_, Cpu>,
        shape: Shape3,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        let (isa, values) = (Isa::best(), y.values);
        let back = &Back::new(Some(y), shape, gy, gparams);
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
}
