//! Pooling on the GPU.

use super::{Kernel, Window};
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch, reading};
use crate::tensor::{Cuda, Gradient, Shape3, View};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("pool", include_str!("pool.cu"))];

/// Adds to, or writes, the gradient of `x` at `gx`, from that of its maxima at `gy`.
pub(in crate::ops) fn max_pool_gradient(window: Window, x: View<'_, Cuda>, gy: u64, gx: u64, add: bool) -> OnCuda<()> {
    let (batch, length, channels) = x.shape;
    let count = batch * length * channels;
    launch!("max_pool_gradient", Grid::each(count); x.values.address(), reading(x.norm), gy, gx, int(count)?, int(length)?,
        int(window.output_length(length))?, int(channels)?, int(window.kernel)?, int(window.stride)?,
        int(window.padding)?, add)
}

impl Kernel for Cuda {
    /// As whole numbers, (batch, channels).
    type Places = Buffer;

    fn max_pool(&self, window: Window, x: View<'_, Cuda>) -> OnCuda<Buffer> {
        let (batch, length, channels) = x.shape;
        let out_length = window.output_length(length);
        let count = batch * out_length * channels;
        let y = Buffer::stale(count)?;
        launch!("max_pool", Grid::each(count); x.values.address(), reading(x.norm), y.address(), int(count)?, int(length)?,
            int(out_length)?, int(channels)?, int(window.kernel)?, int(window.stride)?, int(window.padding)?)?;
        Ok(y)
    }

    fn max_pool_gradient(&self, window: Window, x: View<'_, Cuda>, gy: &Buffer, gx: &mut Gradient<Cuda>) -> OnCuda<()> {
        max_pool_gradient(window, x, gy.address(), gx.values.address(), !gx.fresh)
    }

    fn concat_pool(&self, x: View<'_, Cuda>) -> OnCuda<(Buffer, Buffer)> {
        let (batch, length, channels) = x.shape;
        let (y, places) = (Buffer::stale(batch * 2 * channels)?, Buffer::stale(batch * channels)?);
        let grid = Grid { blocks: [batch, channels.div_ceil(32), 1], threads: [32, 8], shared: 0 };
        launch!("concat_pool", grid; x.values.address(), reading(x.norm), y.address(), places.address(), int(length)?,
            int(channels)?)?;
        Ok((y, places))
    }

    fn concat_pool_gradient(
        &self,
        (batch, length, channels): Shape3,
        places: &Buffer,
        gy: &Buffer,
        gx: &mut Gradient<Cuda>,
    ) -> OnCuda<()> {
        let count = batch * length * channels;
        launch!("concat_pool_gradient", Grid::each(count); places.address(), gy.address(), gx.values.address(), int(count)?,
            int(length)?, int(channels)?, !gx.fresh)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::cuda_twins::{normalized, twin};
    use crate::ops::layers::pool::{Window, concat_pool, max_pool};

    const AROUND: Window = Window { kernel: 3, stride: 1, padding: 1 };
    const HALVES: Window = Window { kernel: 3, stride: 2, padding: 1 };

    twin!(maxima, [[2, 19, 5]], |trace, inputs| max_pool(trace, &inputs[0].var, AROUND));
    twin!(maxima_of_every_other, [[2, 19, 37]], |trace, inputs| max_pool(trace, &inputs[0].var, HALVES));
    twin!(maxima_through_norms, [[2, 19, 5], [5], [5]], |trace, inputs| {
        let x = normalized(trace, inputs)?;
        max_pool(trace, &x, AROUND)
    });
    twin!(over_time, [[3, 50, 37]], |trace, inputs| concat_pool(trace, &inputs[0].var));
    twin!(over_time_through_norms, [[3, 50, 5], [5], [5]], |trace, inputs| {
        let x = normalized(trace, inputs)?;
        concat_pool(trace, &x)
    });

    /// Where values are equal, the first has the gradient, as on the CPU.
    #[test]
    fn of_equal_values_the_first_counts() {
        use crate::tensor::{Cpu, Var};
        fn places<D: crate::ops::Backend>(device: &D) -> Vec<f32> {
            let x: Vec<f32> = (0..40).map(|i| (i * i % 3) as f32).collect();
            let mut x = Var::input(device, x, (1, 20, 2)).unwrap();
            x.traced = true;
            let mut trace = crate::tensor::Trace::on();
            let y = max_pool(&mut trace, &x, AROUND).unwrap();
            let z = concat_pool(&mut trace, &y).unwrap();
            trace.start(&z, device.upload(vec![1.0, 2.0, 3.0, 4.0]).ok().unwrap());
            let zero = device.try_tensor_from_vec(vec![0.0], ()).ok().unwrap();
            trace.backward_to(zero, &x).unwrap().1
        }
        assert_eq!(places(&crate::ops::cuda_twins::gpu()), places(&Cpu::default()));
    }
}
