//! The block on the GPU: products that read where the values lie and write into the block's channels. The pooled
//! branch takes its maxima while it reads.

use super::{Beside, Input, Kernel, Output, Sizes, Weights};
use crate::ops::cuda::product::{Layout, Rows, To, packed, product, weight_gradient};
use crate::ops::cuda::{Buffer, OnCuda, Source};
use crate::ops::layers::norm::Kernel as _;
use crate::ops::layers::norm::cuda::Through;
use crate::ops::layers::pool::Window;
use crate::ops::layers::pool::cuda::max_pool_gradient;
use crate::tensor::{Cuda, Flat, Normalized, View, WantedGradients, address};

/// None of its own.
pub(in crate::ops) const SOURCES: &[Source] = &[];

/// What the pooled branch takes the maximum of.
const AROUND: Window = Window { kernel: 3, stride: 1, padding: 1 };

impl Sizes {
    /// The bottleneck's samples that outputs of a kernel are made of.
    fn windows(&self, narrow: &Buffer, kernel: usize) -> Rows {
        self.around(Rows::flat(narrow.address(), self.batch, self.bottleneck), kernel)
    }

    /// Rows of `kernel` samples around each sample.
    fn around(&self, rows: Rows, kernel: usize) -> Rows {
        Rows { length: self.length, count: self.length, first: -((kernel / 2) as isize), taps: kernel, ..rows }
    }

    /// The channels of one branch of the gradient of the block's.
    fn branch(&self, gz: u64, number: usize) -> Rows {
        let rows = Rows::flat(gz, self.batch, self.output());
        let rows = Rows { offset: number * self.filters, channels: self.filters, ..rows };
        self.around(rows, 1)
    }

    /// A kernel's weight (filters, bottleneck, taps) as a matrix towards outputs.
    fn towards_outputs(&self, taps: usize) -> Layout {
        let (channels, outputs) = (self.bottleneck, self.filters);
        Layout { taps, channels, outputs, first: 0, tap: 1, channel: taps, output: channels * taps }
    }

    /// And towards inputs, the last tap first.
    fn towards_inputs(&self, taps: usize) -> Layout {
        let (channels, outputs) = (self.filters, self.bottleneck);
        Layout { taps, channels, outputs, first: taps - 1, tap: -1, channel: outputs * taps, output: taps }
    }

    /// The bottleneck of `x`.
    fn narrow(&self, x: View<'_, Cuda>, weight: &Flat<Cuda>) -> OnCuda<Buffer> {
        let narrow = Buffer::stale(self.batch * self.length * self.bottleneck)?;
        let matrix = packed(weight, Layout::linear(self.input, self.bottleneck))?;
        let to = To { length: self.length, ..To::flat(narrow.address(), self.bottleneck) };
        product(&Rows::samples(x), matrix.address(), self.bottleneck, &to)?;
        Ok(narrow)
    }
}

impl Kernel for Cuda {
    fn inception(
        &self,
        sizes: &Sizes,
        x: View<'_, Cuda>,
        weights: &Weights<Flat<Cuda>>,
        beside: Beside,
    ) -> OnCuda<Output<Cuda>> {
        let shape = (sizes.batch, sizes.length, sizes.output());
        let z = Buffer::stale(shape.0 * shape.1 * shape.2)?;
        let branch =
            |number: usize| To { length: shape.1, offset: number * sizes.filters, ..To::flat(z.address(), shape.2) };
        let narrow = sizes.narrow(x, &weights.bottleneck)?;
        for (number, (weight, &kernel)) in weights.bank.iter().zip(&sizes.kernels).enumerate() {
            let matrix = packed(weight, sizes.towards_outputs(kernel))?;
            product(&sizes.windows(&narrow, kernel), matrix.address(), sizes.filters, &branch(number))?;
        }
        let matrix = packed(&weights.pooled, Layout::linear(sizes.input, sizes.filters))?;
        let maxima = Rows { pooled: true, ..Rows::samples(x) };
        product(&maxima, matrix.address(), sizes.filters, &branch(sizes.kernels.len()))?;
        let moments = if beside.moments { Some(self.moments(&z, shape)?) } else { None };
        Ok(Output { values: z, moments, narrow: None })
    }

    fn inception_gradient(
        &self,
        sizes: &Sizes,
        Input { x, .. }: Input<'_, Cuda>,
        weights: &Weights<Flat<Cuda>>,
        y: Option<Normalized<'_, Cuda>>,
        gy: Buffer,
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        let Some((of_norm, gparams)) = gparams.split_at_checked(2) else { return Ok(()) };
        let [of_bottleneck, of_pooled, of_bank @ ..] = gparams else { return Ok(()) };
        let (rows, output) = (sizes.batch * sizes.length, sizes.output());
        if let Some(y) = y {
            // In place: nobody else has it.
            let through = Through::new(y, (sizes.batch, sizes.length, output), &gy, of_norm)?;
            through.apply(gy.address(), gy.address(), false)?;
        }
        let gz = gy.address();
        if of_bank.iter().any(Option::is_some) {
            let narrow = sizes.narrow(x, &weights.bottleneck)?;
            for (number, (gw, &kernel)) in of_bank.iter().zip(&sizes.kernels).enumerate() {
                if let Some(gw) = gw {
                    let g = (output, number * sizes.filters);
                    weight_gradient(&sizes.windows(&narrow, kernel), gz, g, sizes.towards_outputs(kernel), gw.address)?;
                }
            }
        }
        if let Some(gw) = of_pooled {
            let maxima = Rows { pooled: true, ..Rows::samples(x) };
            let g = (output, sizes.kernels.len() * sizes.filters);
            weight_gradient(&maxima, gz, g, Layout::linear(sizes.input, sizes.filters), gw.address)?;
        }
        if gx.is_none() && of_bottleneck.is_none() {
            return Ok(());
        }
        let narrow_gradient = Buffer::stale(rows * sizes.bottleneck)?;
        for (number, (weight, &kernel)) in weights.bank.iter().zip(&sizes.kernels).enumerate() {
            let matrix = packed(weight, sizes.towards_inputs(kernel))?;
            let to = To::flat(narrow_gradient.address(), sizes.bottleneck);
            let to = To { length: sizes.length, add: number > 0, ..to };
            product(&sizes.around(sizes.branch(gz, number), kernel), matrix.address(), sizes.bottleneck, &to)?;
        }
        if let Some(gw) = of_bottleneck {
            let layout = Layout::linear(sizes.input, sizes.bottleneck);
            weight_gradient(&Rows::samples(x), narrow_gradient.address(), (sizes.bottleneck, 0), layout, gw.address)?;
        }
        let Some(gx) = gx else { return Ok(()) };
        let of_rows = Rows::flat(narrow_gradient.address(), rows, sizes.bottleneck);
        let to = To { add: !gx.fresh, ..To::flat(gx.values.address(), sizes.input) };
        product(&of_rows, address(&weights.bottleneck), sizes.input, &to)?;
        let of_maxima = Buffer::stale(rows * sizes.input)?;
        let to = To { length: sizes.length, ..To::flat(of_maxima.address(), sizes.input) };
        product(&sizes.branch(gz, sizes.kernels.len()), address(&weights.pooled), sizes.input, &to)?;
        max_pool_gradient(AROUND, x, of_maxima.address(), gx.values.address(), true)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::Backend;
    use crate::ops::cuda_twins::{normalized, twin};
    use crate::ops::gradient_check::Input;
    use crate::ops::layers::inception::{Weights, inception};
    use crate::ops::layers::norm::Normalizer;
    use crate::tensor::{Mode, Param, Statistics, Trace, Var};

    /// The block on `x` with the weights from input `first` on: bottleneck, pooled, two kernels, gamma, beta.
    fn block<D: Backend>(
        trace: &mut Trace<D>,
        x: &Var<D>,
        inputs: &[Input<D>],
        first: usize,
        statistics: Statistics,
    ) -> crate::Result<Var<D>> {
        let [bottleneck, pooled, a, b, gamma, beta] = [0, 1, 2, 3, 4, 5].map(|i| &inputs[first + i].param);
        let channels = gamma.shape[0];
        let mut mean = Param::new(&x.device, vec![channels], vec![0.1; channels])?;
        let mut var = Param::new(&x.device, vec![channels], vec![0.8; channels])?;
        // With ReLU, rounding would move values over its edge.
        let mode = Mode { statistics, relu: false };
        let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
        inception(trace, x, &Weights { bottleneck, pooled, bank: vec![a, b] }, by)
    }

    twin!(
        of_few_channels,
        [[2, 40, 3], [4, 3, 1], [5, 3, 1], [5, 4, 9], [5, 4, 3], [15], [15]],
        |trace, inputs| block(trace, &inputs[0].var, inputs, 1, Statistics::Batch)
    );
    twin!(
        of_many_channels,
        [[2, 50, 16], [32, 16, 1], [32, 16, 1], [32, 32, 19], [32, 32, 1], [96], [96]],
        |trace, inputs| block(trace, &inputs[0].var, inputs, 1, Statistics::Running)
    );
    twin!(
        through_norms,
        [[2, 40, 8], [8], [8], [4, 8, 1], [8, 8, 1], [8, 4, 9], [8, 4, 3], [24], [24]],
        |trace, inputs| {
            let x = normalized(trace, inputs)?;
            block(trace, &x, inputs, 3, Statistics::Batch)
        }
    );
}
