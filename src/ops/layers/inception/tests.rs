use super::cpu::{backward, forward};
use super::*;
use crate::ops::cpu::Isa;
use crate::ops::gradient_check::{assert_close, check, param};
use crate::ops::layers::norm::Back;
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Gradient, Mode};

#[test]
fn gradients_match_finite_differences() {
    for statistics in [Statistics::Batch, Statistics::Running] {
        // Direct sums and spectra (9 taps and 64 samples or more).
        for (length, channels, filters, kernels) in [(13, 2, 1, [5, 3]), (70, 3, 8, [11, 3])] {
            let mut shapes = vec![vec![1, length, channels], vec![filters, channels, 1], vec![filters, channels, 1]];
            shapes.extend(kernels.map(|kernel| vec![filters, filters, kernel]));
            shapes.extend([vec![3 * filters], vec![3 * filters]]);
            check(&shapes, |trace, inputs| {
                let count = 3 * filters;
                let (mut mean, mut var) = (param(&vec![0.1; count]), param(&vec![0.8; count]));
                let [bottleneck, pooled, a, b, gamma, beta] = [1, 2, 3, 4, 5, 6].map(|i| &inputs[i].param);
                let mode = Mode { statistics, relu: false };
                let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
                inception(trace, &inputs[0].var, &Weights { bottleneck, pooled, bank: vec![a, b] }, by)
            });
        }
    }
}

fn wave(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin()).collect()
}

/// Outputs and all gradients on an instruction set, with the bottleneck kept or made again; gradients are added to what is
/// there.
fn all(isa: Isa, sizes: &Sizes, keep: bool) -> Vec<(&'static str, Vec<f32>)> {
    let device = Cpu::default();
    let count = sizes.batch * sizes.length;
    let x = Buffer::from(wave(count * sizes.input, 0.37));
    let shape = (sizes.batch, sizes.length, sizes.input);
    let seen = View { values: &x, norm: None, shape };
    let flat = |count: usize, step: f32| Param::new(&device, vec![count], wave(count, step)).unwrap().value;
    let weights = Weights {
        bottleneck: flat(sizes.bottleneck * sizes.input, 0.71),
        pooled: flat(sizes.filters * sizes.input, 0.53),
        bank: sizes.kernels.iter().map(|k| flat(sizes.filters * sizes.bottleneck * k, 0.91)).collect(),
    };
    let beside = Beside { moments: true, narrow: keep };
    let Output { values: y, moments, narrow } = forward::forward(isa, sizes, seen, &weights, beside);
    let gy = wave(count * sizes.output(), 0.19);
    let back = Back::new(None, (sizes.batch, sizes.length, sizes.output()), &gy, &mut []);
    let mut gx = Gradient { values: Buffer::from(wave(x.len(), 0.11)), fresh: false };
    let mut gparams: Vec<Option<Vec<f32>>> = [sizes.bottleneck * sizes.input, sizes.filters * sizes.input]
        .into_iter()
        .chain(sizes.kernels.iter().map(|k| sizes.filters * sizes.bottleneck * k))
        .map(|count| Some(wave(count, 0.13)))
        .collect();
    let flowing = backward::Flowing { back: &back, z: None, g: Some(&gy) };
    let input = Input { x: seen, narrow: narrow.as_ref() };
    backward::gradient(
        isa,
        sizes,
        input,
        &weights,
        flowing,
        WantedGradients { x: Some(&mut gx), params: &mut gparams },
    );
    let mut found = vec![("y", y.to_vec()), ("moments", moments.unwrap().values), ("gx", gx.values.to_vec())];
    let names = ["gbottleneck", "gpooled", "gw0", "gw1", "gw2"];
    found.extend(names.into_iter().zip(gparams.into_iter().flatten()));
    found
}

/// Spectra against direct sums, instruction sets against each other, one thread against several; the direct
/// sums are checked against PyTorch by the networks' tests.
#[test]
fn all_ways_agree() {
    for (batch, length, input, bottleneck, filters, kernels) in
        [(5, 250, 20, 17, 9, vec![39, 19, 9]), (2, 64, 8, 32, 32, vec![11, 1, 3]), (3, 31, 4, 3, 5, vec![9, 5, 1])]
    {
        let sizes = Sizes { batch, length, input, bottleneck, filters, kernels };
        let expected = forward::without_spectra(|| all(Isa::Portable, &sizes, true));
        for isa in Isa::available() {
            let found = all(isa, &sizes, true);
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                assert_close(&format!("{name} {sizes:?} {isa:?}"), found, expected, 5e-5);
            }
        }
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| all(Isa::best(), &sizes, true))
        };
        assert_eq!(with(1), with(3), "the same bits on 1 and 3 threads");
        assert_eq!(with(1), all(Isa::best(), &sizes, false), "the same bits where the bottleneck is made again");
    }
}
