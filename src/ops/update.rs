//! What is done to a parameter's gradient, in its own memory, before an optimiser's kernel has it. Every
//! value is worked on alone, or summed in a fixed order: the number of threads changes no bit.

use dfdx::prelude::{Cpu, Storage};
use rayon::prelude::*;

use super::cpu::flat;
use super::{Done, Flat, Lend};

#[cfg(feature = "cuda")]
mod cuda;

/// Added to a root before something is divided by it, as in PyTorch's optimisers.
pub const EPS: f64 = 1e-8;

/// Changes of gradients on a device.
pub trait Kernel: Lend {
    /// The sum of the squares of its values, in f64.
    fn sum_of_squares(&self, gradient: &Self::Vec) -> Done<f64, Self>;
    /// gradient = factor gradient.
    fn shrink(&self, gradient: &mut Self::Vec, factor: f32) -> Done<(), Self>;
    /// gradient += strength (weights - origin), the gradient of strength / 2 |weights - origin|^2; no origin is 0.
    fn pull(
        &self,
        gradient: &mut Self::Vec,
        strength: f32,
        weights: &Flat<Self>,
        origin: Option<&Flat<Self>>,
    ) -> Done<(), Self>;
    /// squares = alpha squares + (1 - alpha) gradient^2, then gradient /= sqrt(squares) + [`EPS`]
    /// (RMSprop, Hinton 2012).
    fn divide_by_rms(&self, gradient: &mut Self::Vec, squares: &mut Self::Vec, alpha: f64) -> Done<(), Self>;
}

/// Values that are worked on in one go.
const PIECE: usize = 1 << 14;

impl Kernel for Cpu {
    fn sum_of_squares(&self, gradient: &<Cpu as Storage<f32>>::Vec) -> Done<f64, Cpu> {
        let sum = |piece: &[f32]| {
            let mut lanes = [0f64; 8];
            for values in piece.chunks(lanes.len()) {
                lanes.iter_mut().zip(values).for_each(|(lane, value)| *lane += f64::from(*value).powi(2));
            }
            lanes.iter().sum::<f64>()
        };
        let sums: Vec<f64> = gradient.par_chunks(PIECE).map(sum).collect();
        Ok(sums.iter().sum())
    }

    fn shrink(&self, gradient: &mut <Cpu as Storage<f32>>::Vec, factor: f32) -> Done<(), Cpu> {
        gradient.par_chunks_mut(PIECE).for_each(|piece| piece.iter_mut().for_each(|value| *value *= factor));
        Ok(())
    }

    fn pull(
        &self,
        gradient: &mut <Cpu as Storage<f32>>::Vec,
        strength: f32,
        weights: &Flat<Cpu>,
        origin: Option<&Flat<Cpu>>,
    ) -> Done<(), Cpu> {
        let pieces = gradient.par_chunks_mut(PIECE).zip(flat(weights).par_chunks(PIECE));
        match origin {
            None => pieces.for_each(|(gradient, weights)| {
                gradient.iter_mut().zip(weights).for_each(|(g, w)| *g += strength * w);
            }),
            Some(origin) => pieces.zip(flat(origin).par_chunks(PIECE)).for_each(|((gradient, weights), origin)| {
                let values = gradient.iter_mut().zip(weights).zip(origin);
                values.for_each(|((g, w), origin)| *g += strength * (w - origin));
            }),
        }
        Ok(())
    }

    fn divide_by_rms(
        &self,
        gradient: &mut <Cpu as Storage<f32>>::Vec,
        squares: &mut <Cpu as Storage<f32>>::Vec,
        alpha: f64,
    ) -> Done<(), Cpu> {
        let (kept, new, eps) = (alpha as f32, (1.0 - alpha) as f32, EPS as f32);
        let pieces = gradient.par_chunks_mut(PIECE).zip(squares.par_chunks_mut(PIECE));
        pieces.for_each(|(gradient, squares)| {
            for (g, square) in gradient.iter_mut().zip(squares) {
                *square = kept * *square + new * *g * *g;
                *g /= square.sqrt() + eps;
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::param;

    #[test]
    fn several_pieces_give_what_one_value_after_another_gives_on_any_number_of_threads() {
        let device = Cpu::default();
        let len = 2 * PIECE + 77;
        let drawn = |purpose: &str| -> Vec<f32> {
            use rand::RngExt;
            let mut random = crate::seed::stream(1, purpose, 0);
            (0..len).map(|_| random.random::<f32>() - 0.5).collect()
        };
        let (start, weights, origin) = (drawn("gradient"), param(&drawn("weights")), param(&drawn("origin")));
        let all = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut gradient = device.try_alloc_len(len).unwrap();
                let mut squares = device.try_alloc_len(len).unwrap();
                gradient.copy_from_slice(&start);
                let sum = device.sum_of_squares(&gradient).unwrap();
                device.shrink(&mut gradient, 0.5).unwrap();
                device.pull(&mut gradient, 0.1, &weights.value, Some(&origin.value)).unwrap();
                device.pull(&mut gradient, 0.2, &weights.value, None).unwrap();
                device.divide_by_rms(&mut gradient, &mut squares, 0.75).unwrap();
                (sum, gradient.to_vec(), squares.to_vec())
            })
        };
        let one = all(1);
        assert!(one == all(3));
        let (sum, gradient, squares) = one;
        let exact: f64 = start.iter().map(|g| f64::from(*g).powi(2)).sum();
        assert!((sum - exact).abs() < 1e-9 * exact, "{sum} {exact}");
        let (weights, origin) = (weights.to_vec(), origin.to_vec());
        for i in 0..len {
            let [g, w, o] = [start[i], weights[i], origin[i]].map(f64::from);
            let pulled = 0.5 * g + 0.1 * (w - o) + 0.2 * w;
            let square = 0.25 * pulled * pulled;
            assert!((f64::from(squares[i]) - square).abs() < 1e-6, "{i}");
            // Where both are near 0, the sign is all that counts.
            let expected = pulled / (square.sqrt() + EPS);
            assert!((f64::from(gradient[i]) - expected).abs() < 1e-3 || pulled.abs() < 1e-4, "{i}: {expected}");
        }
    }
}
