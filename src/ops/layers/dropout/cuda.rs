//! Dropout on the GPU.

use super::Kernel;
use crate::ops::cpu::philox::Dropping;
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch, reading};
use crate::tensor::{Cuda, Done, Gradient, Shape3, View};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("dropout", include_str!("dropout.cu"))];

/// How many threads have four values each, and the numbers that the kernels are told of a record and the factors.
fn size_arguments(shape: Shape3, dropping: Dropping) -> OnCuda<(usize, [i32; 5])> {
    let width = shape.1 * shape.2;
    let threads = shape.0 * width.div_ceil(256) * 64;
    let [a, b] = dropping.key.map(u32::cast_signed);
    Ok((threads, [int(threads)?, int(width)?, a, b, dropping.threshold.cast_signed()]))
}

impl Kernel for Cuda {
    fn scale(&self, x: View<'_, Self>, dropping: Dropping) -> Done<Self::Buffer, Self> {
        let y = Buffer::stale(x.shape.0 * x.shape.1 * x.shape.2)?;
        let (count, [threads, width, a, b, threshold]) = size_arguments(x.shape, dropping)?;
        launch!(
            "dropout_scale", Grid::each(count);
            x.values.address(), reading(x.norm), y.address(), threads, width, int(x.shape.2)?, a, b, threshold,
            dropping.scale
        )?;
        Ok(y)
    }

    fn scale_gradient(
        &self,
        dropping: Dropping,
        shape: Shape3,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self> {
        let (count, [threads, width, a, b, threshold]) = size_arguments(shape, dropping)?;
        launch!(
            "dropout_scale_gradient", Grid::each(count);
            gy.address(), gx.values.address(), gx.fresh, threads, width, a, b, threshold, dropping.scale
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::Backend;
    use crate::ops::cuda_twins::{gpu, twin};
    use crate::ops::layers::dropout::dropout;
    use crate::tensor::{Cpu, Trace, Var};

    twin!(dropout_of_short_records, [[3, 5, 7]], |trace, inputs| {
        dropout(trace, inputs[0].var.clone(), 0.4, &mut crate::seed::stream(3, "dropout", 0))
    });

    twin!(dropout_of_long_records, [[2, 9, 64]], |trace, inputs| {
        dropout(trace, inputs[0].var.clone(), 0.25, &mut crate::seed::stream(3, "dropout", 0))
    });

    #[test]
    fn masks_are_the_cpus_bit_for_bit() {
        fn dropped<D: Backend>(device: &D) -> Vec<f32> {
            let x = Var::input(device, vec![1.0; 3 * 1001], (3, 7, 143)).unwrap();
            dropout(&mut Trace::off(), x, 0.3, &mut crate::seed::stream(4, "dropout", 0)).unwrap().to_vec()
        }
        assert!(dropped(&gpu()) == dropped(&Cpu::default()));
    }
}
