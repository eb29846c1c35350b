//! Features of several networks into one: their average, plain or weighted.

use dfdx::prelude::Cpu;

use super::memory::Buffer;
use super::norm::Kernel as _;
use super::{Backend, Done, Gradient, Lend, Seen, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
mod cuda;

/// Averages of features on a device. Features are (batch, 1, parts x width), one part after another;
/// scores are (batch, 1, parts), and part i weighs softmax(scores)_i.
pub trait Kernel: Lend {
    /// sum_i softmax(scores)_i x_i, (batch, 1, width).
    fn gated(&self, x: Seen<'_, Self>, scores: Seen<'_, Self>) -> Done<Self::Buffer, Self>;
    /// Adds to the gradient of the features.
    fn gated_gradient(&self, scores: Seen<'_, Self>, gy: &Self::Buffer, gx: &mut Gradient<Self>) -> Done<(), Self>;
    /// Adds to the gradient of the scores.
    fn score_gradient(
        &self,
        x: Seen<'_, Self>,
        scores: Seen<'_, Self>,
        gy: &Self::Buffer,
        gscores: &mut Gradient<Self>,
    ) -> Done<(), Self>;
}

/// The average of the `parts` parts of `x` (batch, 1, parts x width), weighted by the softmax of `scores`
/// (batch, 1, parts): the mixture of experts of Jacobs 1991, eq. 1.
///
/// # Errors
/// Where the device fails.
pub fn gated<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, scores: &Var<D>) -> Result<Var<D>> {
    let device = x.device.clone();
    let values = device.gated(x.seen(), scores.seen()).map_err(device_error)?;
    let shape = (x.shape.0, 1, x.shape.2 / scores.shape.2);
    let y = Var::new(&device, values, shape, None, trace.wants(&[x.traced, scores.traced]));
    if y.traced {
        let (features, weights) = (x.clone(), scores.clone());
        trace.record_each(&y, &[x, scores], move |gy, number, gx| match number {
            0 => device.gated_gradient(weights.seen(), gy, gx),
            _ => device.score_gradient(features.seen(), weights.seen(), gy, gx),
        });
    }
    Ok(y)
}

/// The average of the `parts` parts of `x` (batch, 1, parts x width).
///
/// # Errors
/// Where the device fails.
pub fn mean<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, parts: usize) -> Result<Var<D>> {
    let batch = x.shape.0;
    let scores = Var::input(&x.device, vec![0.0; batch * parts], (batch, 1, parts))?;
    gated(trace, x, &scores)
}

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
    fn gated(&self, x: Seen<'_, Cpu>, scores: Seen<'_, Cpu>) -> Done<Buffer, Cpu> {
        let (parts, all) = (scores.shape.2, x.shape.2);
        let (x, scores) = (self.written(x)?, self.written(scores)?);
        let mut y = Buffer::zeros(x.len() / parts);
        for ((y, x), scores) in y.chunks_exact_mut(all / parts).zip(x.chunks_exact(all)).zip(scores.chunks_exact(parts))
        {
            for (weight, x) in softmax(scores).into_iter().zip(x.chunks_exact(all / parts)) {
                y.iter_mut().zip(x).for_each(|(y, x)| *y += weight * x);
            }
        }
        Ok(y)
    }

    fn gated_gradient(&self, scores: Seen<'_, Cpu>, gy: &Buffer, gx: &mut Gradient<Cpu>) -> Done<(), Cpu> {
        let parts = scores.shape.2;
        let scores = self.written(scores)?;
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
        x: Seen<'_, Cpu>,
        scores: Seen<'_, Cpu>,
        gy: &Buffer,
        gscores: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let (parts, all, fresh) = (scores.shape.2, x.shape.2, gscores.fresh);
        let (x, scores) = (self.written(x)?, self.written(scores)?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{assert_close, check, reference, values};

    #[test]
    fn gradients_match_finite_differences() {
        check(&[vec![3, 1, 8], vec![3, 1, 2]], |trace, inputs| gated(trace, &inputs[0].var, &inputs[1].var));
        check(&[vec![3, 1, 6]], |trace, inputs| mean(trace, &inputs[0].var, 3));
    }

    #[test]
    fn values_and_gradients_equal_pytorch() {
        let reference = reference("fuse");
        let read = |name: &str| values(&reference, name).1;
        let device = Cpu::default();
        let input = |name: &str, channels| {
            let values = read(name);
            let shape = (values.len() / channels, 1, channels);
            Var::input(&device, values, shape).unwrap()
        };
        let (x, scores, gy) = (input("x", 12), input("scores", 3), Buffer::from(read("gy")));
        assert_close("y", &device.gated(x.seen(), scores.seen()).unwrap(), &read("y"), 1e-6);
        let fresh = |len| Gradient { values: Buffer::stale(len), fresh: true };
        let mut gx = fresh(read("x").len());
        device.gated_gradient(scores.seen(), &gy, &mut gx).unwrap();
        assert_close("gx", &gx.values, &read("gx"), 1e-6);
        let mut gscores = fresh(read("scores").len());
        device.score_gradient(x.seen(), scores.seen(), &gy, &mut gscores).unwrap();
        assert_close("gscores", &gscores.values, &read("gscores"), 1e-6);
        let average = mean(&mut Trace::off(), &x, 3).unwrap();
        assert_close("mean", &average.to_vec(), &read("mean"), 1e-6);
    }
}
