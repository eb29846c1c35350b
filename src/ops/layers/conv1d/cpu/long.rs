//! The convolution on the CPU for long odd kernels that keep the length: by products of spectra.

use super::batch::{self, Flowing, Input};
use super::spectral::{Bank, SLACK, Towards, products};
use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::read;
use crate::ops::layers::conv1d::Sizes;
use crate::ops::layers::norm::Moments;
use crate::tensor::memory::{Buffer, give};
use crate::tensor::{Cpu, View, WantedGradients};

/// `None` where the direct sum is faster, or the only way.
pub(in crate::ops::layers::conv1d) fn bank(isa: Isa, s: Sizes) -> Option<Bank> {
    s.keeps_length().then(|| Bank::new(isa, s.input, s.output, &[s.kernel], s.length)).flatten()
}

/// One record's input with zeros around it, rows of whole vectors.
fn padded(isa: Isa, s: Sizes, bank: &Bank, input: Input<'_>) -> (usize, Buffer) {
    let row = s.input.next_multiple_of(isa.lanes());
    let mut seen = Buffer::stale(s.length * s.input);
    read(isa, input.reading, input.x, &mut seen);
    let mut padded = Buffer::zeros(bank.rows() * row + SLACK);
    for (to, from) in padded[bank.before() * row..].chunks_exact_mut(row).zip(seen.chunks_exact(s.input)) {
        to[..s.input].copy_from_slice(from);
    }
    (row, padded)
}

/// As the direct one's.
pub(in crate::ops::layers::conv1d) fn forward(
    isa: Isa,
    s: Sizes,
    bank: &Bank,
    x: View<'_, Cpu>,
    w: &[f32],
    wanted: bool,
) -> (Buffer, Option<Moments>) {
    let (of_weights, weights) = bank.weights(&[w], Towards::Outputs);
    batch::forward(isa, s, x, wanted, |input, z| {
        let (row, padded) = padded(isa, s, bank, input);
        let (inputs, outputs) = (bank.of_inputs(), bank.of_outputs());
        let (mut spectra, mut results) = (inputs.room(), outputs.room());
        bank.transform_input(&padded, row, inputs, &mut spectra);
        products(isa, (of_weights, &weights), (inputs, &spectra), outputs, &mut results);
        bank.outputs_of(outputs, &results, z, s.output);
    })
}

/// As the direct one's; `wanted.params` holds the one gradient of the weights, if it is wanted.
pub(in crate::ops::layers::conv1d) fn gradient(
    isa: Isa,
    s: Sizes,
    bank: &Bank,
    x: View<'_, Cpu>,
    w: &[f32],
    flowing: Flowing<'_>,
    wanted: WantedGradients<'_, Cpu>,
) {
    let WantedGradients { x: gx, params: gw } = wanted;
    let of_weights_wanted = gw.iter().any(Option::is_some);
    if gx.is_none() && !of_weights_wanted {
        return;
    }
    let (of_weights, weights) = bank.weights(&[w], Towards::Inputs);
    let total = batch::gradient(s, x, flowing, gx, |records| {
        let mut sum = of_weights_wanted.then(|| Buffer::zeros(bank.of_weights().len()));
        let (inputs, outputs) = (bank.of_inputs(), bank.of_outputs());
        let (mut of_x, mut of_g) = (inputs.room(), outputs.room());
        for mut record in records {
            let y_size = record.flowing.z.len();
            let mut gz = Buffer::stale(y_size + SLACK);
            gz[y_size..].fill(0.0);
            record.flowing.back.rows(isa, record.flowing.z, record.flowing.g, &mut gz[..y_size]);
            bank.transform_gradient(&gz, s.output, outputs, &mut of_g);
            if let Some(sum) = &mut sum {
                let (row, padded) = padded(isa, s, bank, record.input);
                bank.transform_input(&padded, row, inputs, &mut of_x);
                bank.add_weight_gradient((inputs, &of_x), (outputs, &of_g), sum);
            }
            if let Some(gx) = record.gx.as_deref_mut() {
                let row = s.input;
                let mut wide = Buffer::zeros(bank.rows() * row + SLACK);
                let mut results = inputs.room();
                products(isa, (of_weights, &weights), (outputs, &of_g), inputs, &mut results);
                bank.input_gradient_of(inputs, &results, &mut wide, row);
                give(record.fresh, &wide[bank.before() * row..][..gx.len()], gx);
                record.sum_gradient(isa);
            }
        }
        sum
    });
    if let Some(total) = total {
        bank.add_taps(&total, gw);
    }
}
