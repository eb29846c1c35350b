//! The operation's kernels on the GPU.

use dfdx::prelude::{Cuda, Storage};

use super::*;

impl Kernel for Cuda {
    fn sum_of_squares(&self, gradient: &Self::Vec) -> Done<f64, Self> {
        todo!()
    }
    fn shrink(&self, gradient: &mut Self::Vec, factor: f32) -> Done<(), Self> {
        todo!()
    }
    fn pull(
        &self,
        gradient: &mut Self::Vec,
        strength: f32,
        weights: &Flat<Self>,
        origin: Option<&Flat<Self>>,
    ) -> Done<(), Self> {
        todo!()
    }
    fn divide_by_rms(&self, gradient: &mut Self::Vec, squares: &mut Self::Vec, alpha: f64) -> Done<(), Self> {
        todo!()
    }
}
