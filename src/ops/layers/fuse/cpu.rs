//! Averages of features on the CPU.

use super::Kernel;
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, DeviceStorage, Done, Gradient, View};

/// Weights that are 1 together.
fn softmax(scores: &[f32]) -> Vec<f32> {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = scores.iter().map(|score| (score - top).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

fn add(fresh: bool, value: f32, to: &mut f32) {
    *to = if fresh { value } else { *to + value };
}

impl Kernel for Cpu {
    fn gated(&self, x: View<'_, Cpu>, scores: View<'_, Cpu>) -> Done<Buffer, Cpu> {
        let (parts, all) = (scores.shape.2, x.shape.2);
        let (x, scores) = (self.read_view(x)?, self.read_view(scores)?);
        let mut y = Buffer::zeros(x.len() / parts);
        for ((y, x), scores) in y.chunks_exact_mut(all / parts).zip(x.chunks_exact(all)).zip(scores.chunks_exact(parts))
        {
            for (weight, x) in softmax(scores).into_iter().zip(x.chunks_exact(all / parts)) {
                y.iter_mut().zip(x).for_each(|(y, x)| *y += weight * x);
            }
        }
        Ok(y)
    }

    fn gated_gradient(&self, scores: View<'_, Cpu>, gy: &Buffer, gx: &mut Gradient<Cpu>) -> Done<(), Cpu> {
        let parts = scores.shape.2;
        let scores = self.read_view(scores)?;
        let (fresh, width) = (gx.fresh, gy.len() / (scores.len() / parts));
        let records = gx.values.chunks_exact_mut(parts * width).zip(gy.chunks_exact(width));
        for ((gx, gy), scores) in records.zip(scores.chunks_exact(parts)) {
            for (weight, gx) in softmax(scores).into_iter().zip(gx.chunks_exact_mut(width)) {
                gx.iter_mut().zip(gy).for_each(|(gx, gy)| add(fresh, weight * gy, gx));
            }
        }
        Ok(())
    }

    fn score_gradient(
        &self,
        x: View<'_, Cpu>,
        scores: View<'_, Cpu>,
        gy: &Buffer,
        gscores: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let (parts, all, fresh) = (scores.shape.2, x.shape.2, gscores.fresh);
        let (x, scores) = (self.read_view(x)?, self.read_view(scores)?);
        let width = all / parts;
        let records = x.chunks_exact(all).zip(gy.chunks_exact(width)).zip(scores.chunks_exact(parts));
        for (((x, gy), scores), gscores) in records.zip(gscores.values.chunks_exact_mut(parts)) {
            let weights = softmax(scores);
            let of = |x: &[f32]| x.iter().zip(gy).map(|(x, gy)| x * gy).sum::<f32>();
            let slopes: Vec<f32> = x.chunks_exact(width).map(of).collect();
            let average: f32 = weights.iter().zip(&slopes).map(|(weight, slope)| weight * slope).sum();
            for ((gscore, weight), slope) in gscores.iter_mut().zip(&weights).zip(&slopes) {
                add(fresh, weight * (slope - average), gscore);
            }
        }
        Ok(())
    }
}
