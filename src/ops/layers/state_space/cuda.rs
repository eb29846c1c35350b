//! The layer on the GPU: kernels from their powers, then direct sums, each thread some neighbouring samples of a channel.

use super::{Kernel, Weights};
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch, reading};
use crate::tensor::{Cuda, Flat, View, WantedGradients, address, length};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("state_space", include_str!("state_space.cu"))];

/// Samples or lags of a thread, as in state_space.cu.
const TOGETHER: usize = 8;

/// Numbers that most kernels take.
struct Sizes {
    batch: usize,
    length: usize,
    channels: usize,
    states: usize,
    directions: usize,
}

impl Sizes {
    fn new((batch, samples, channels): (usize, usize, usize), weights: &Weights<Flat<Cuda>>) -> Self {
        let poles = length(&weights.a_imag);
        let directions = length(&weights.c) / (2 * poles);
        Self { batch, length: samples, channels, states: poles / channels, directions }
    }

    /// Threads that have each [`TOGETHER`] samples of a channel.
    fn threads(&self) -> usize {
        self.batch * self.length.div_ceil(TOGETHER) * self.channels
    }

    /// Lags of both directions: -length + 1 to length - 1.
    fn lags(&self) -> usize {
        2 * self.length - 1
    }
}

impl Kernel for Cuda {
    /// The kernels by lag, (2 length - 1, channels); d is in that of 0.
    type Kept = Buffer;

    fn state_space(
        &self,
        x: View<'_, Cuda>,
        weights: &Weights<Flat<Cuda>>,
        keep: bool,
    ) -> OnCuda<(Buffer, Option<Buffer>)> {
        let s = Sizes::new(x.shape, weights);
        let kernels = Buffer::stale(s.lags() * s.channels)?;
        let Weights { log_dt, log_a_real, a_imag, c, d } = weights;
        launch!("state_space_kernels", Grid::each(s.lags() * s.channels); address(log_dt), address(log_a_real),
            address(a_imag), address(c), address(d), kernels.address(), int(s.length)?, int(s.channels)?, int(s.states)?,
            int(s.directions)?)?;
        let y = Buffer::stale(s.batch * s.length * s.channels)?;
        launch!("state_space_forward", Grid::each(s.threads()); x.values.address(), reading(x.norm), kernels.address(),
            y.address(), int(s.batch)?, int(s.length)?, int(s.channels)?)?;
        Ok((y, keep.then_some(kernels)))
    }

    fn state_space_gradient(
        &self,
        x: View<'_, Cuda>,
        weights: &Weights<Flat<Cuda>>,
        kernels: Buffer,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: gx, params } = wanted;
        let s = Sizes::new(x.shape, weights);
        if let Some(gx) = gx {
            launch!("state_space_backward", Grid::each(s.threads()); gy.address(), kernels.address(), gx.values.address(),
                int(s.batch)?, int(s.length)?, int(s.channels)?, !gx.fresh)?;
        }
        if params.iter().all(Option::is_none) {
            return Ok(());
        }
        let of_kernels = Buffer::stale(s.lags() * s.channels)?;
        launch!("state_space_lags", Grid::each(s.lags().div_ceil(TOGETHER) * s.channels); x.values.address(),
            reading(x.norm), gy.address(), of_kernels.address(), int(s.batch)?, int(s.length)?, int(s.channels)?)?;
        let [of_dt, of_real, of_imag, of_c, of_d] = params else { return Ok(()) };
        let to = [of_dt, of_real, of_imag, of_c, of_d].map(|param| param.as_ref().map_or(0, |param| param.address));
        // Of each state, what it adds to the gradient of log_dt.
        let parts = Buffer::stale(s.channels * s.states)?;
        let Weights { log_dt, log_a_real, a_imag, c, .. } = weights;
        launch!("state_space_parameters", Grid::new(s.channels * s.states, 32); address(log_dt), address(log_a_real),
            address(a_imag), address(c), of_kernels.address(), parts.address(), to[1], to[2], to[3], int(s.length)?,
            int(s.channels)?, int(s.states)?, int(s.directions)?)?;
        launch!("state_space_channels", Grid::each(s.channels); parts.address(), of_kernels.address(), to[0], to[4],
            int(s.length)?, int(s.channels)?, int(s.states)?)
    }
}

#[cfg(test)]
mod tests {
    use crate::Result;
    use crate::ops::Backend;
    use crate::ops::cuda_twins::{normalized, twin};
    use crate::ops::gradient_check::Input;
    use crate::ops::layers::state_space::{Weights, state_space};
    use crate::tensor::{Trace, Var};

    fn space_of<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, inputs: &[Input<D>]) -> Result<Var<D>> {
        let [log_dt, log_a_real, a_imag, c, d] = [0, 1, 2, 3, 4].map(|i| &inputs[i].param);
        state_space(trace, x, &Weights { log_dt, log_a_real, a_imag, c, d })
    }

    twin!(
        state_space_of_one_direction,
        [[2, 19, 5], [5], [5, 3], [5, 3], [1, 5, 3, 2], [5]],
        |trace, inputs| space_of(trace, &inputs[0].var, &inputs[1..])
    );
    twin!(
        state_space_of_two_directions,
        [[3, 40, 17], [17], [17, 2], [17, 2], [2, 17, 2, 2], [17]],
        |trace, inputs| space_of(trace, &inputs[0].var, &inputs[1..])
    );
    twin!(
        state_space_through_norms,
        [[2, 9, 16], [16], [16], [16], [16, 1], [16, 1], [2, 16, 1, 2], [16]],
        |trace, inputs| {
            let x = normalized(trace, inputs)?;
            space_of(trace, &x, &inputs[3..])
        }
    );
}
