//! Every operation on the GPU beside its CPU twin: the same values in, the same values and gradients out. Run on a
//! GPU or under the emulator.

use std::path::PathBuf;

use rand::RngExt;

use crate::Result;
use crate::ops::cuda::with_precision;
use crate::ops::gradient_check::{Input, assert_close};
use crate::ops::layers::norm::{Normalizer, batch_norm};
use crate::ops::{Backend, open_cuda};
use crate::precision::Precision;
use crate::tensor::{Cpu, Cuda, Gradient, Mode, Param, Statistics, Trace, Var};

/// How far products may be from the CPU's: sums in another order.
pub(in crate::ops) const F32: f32 = 1e-5;
/// And where what is multiplied is rounded to 10 bits of mantissa.
pub(in crate::ops) const TF32: f32 = 1e-3;

/// The GPU of the tests.
pub(crate) fn gpu() -> Cuda {
    // Where the tests run, which need not be where they were built.
    let project =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    open_cuda(0, &project.join("target/kernels")).unwrap()
}

/// y, and the gradient of every input: as an activation, then as a parameter.
pub(in crate::ops) fn both_ways<D: Backend>(
    device: &D,
    shapes: &[Vec<usize>],
    run: impl Fn(&mut Trace<D>, &[Input<D>]) -> Result<Var<D>>,
    full: bool,
) -> Vec<(String, Vec<f32>)> {
    let mut random = crate::seed::stream(11, "twins", 0);
    let mut draw = |count: usize| -> Vec<f32> { (0..count).map(|_| random.random::<f32>() * 2.0 - 1.0).collect() };
    let inputs: Vec<Input<D>> =
        shapes.iter().map(|shape| Input::new(device, shape, &draw(shape.iter().product()))).collect();
    let mut trace = Trace::on();
    let y = run(&mut trace, &inputs).unwrap();
    let seen = y.to_vec();
    let edges = trace.edges.clone();
    let upload = |values: Vec<f32>| Gradient { values: device.upload(values).ok().unwrap(), fresh: false };
    if full {
        // Something that was there before must stay in the sum.
        for input in &inputs {
            edges.put(&input.var.slot(), upload(vec![0.5; input.var.slot().len]));
        }
    }
    edges.put(&y.slot(), upload(draw(seen.len())));
    let zero = device.try_tensor_from_vec(vec![0.0], ()).ok().unwrap();
    let mut gradients = trace.backward(zero).unwrap();
    let mut found = vec![("y".to_owned(), seen)];
    for (number, input) in inputs.iter().enumerate() {
        if let Some(gradient) = edges.take(&input.var.slot()) {
            found.push((format!("gradient of activation {number}"), device.download(&gradient).ok().unwrap()));
        }
        // Zeros where the input is no parameter.
        let _ = gradients.get_or_alloc_mut(&input.param.value);
        let gradient = gradients.get(&input.param.value).as_vec();
        found.push((format!("gradient of parameter {number}"), gradient));
    }
    found
}

/// Compares both devices, in f32 within [`F32`] and in TF32 within [`TF32`].
pub(in crate::ops) fn compare(
    what: &str,
    shapes: &[Vec<usize>],
    on_cpu: impl Fn(&mut Trace<Cpu>, &[Input<Cpu>]) -> Result<Var<Cpu>>,
    on_gpu: impl Fn(&mut Trace<Cuda>, &[Input<Cuda>]) -> Result<Var<Cuda>>,
) {
    compare_within(TF32, what, shapes, on_cpu, on_gpu);
}

/// The same, in TF32 within `rounded`: for several products in a row.
pub(in crate::ops) fn compare_within(
    rounded: f32,
    what: &str,
    shapes: &[Vec<usize>],
    on_cpu: impl Fn(&mut Trace<Cpu>, &[Input<Cpu>]) -> Result<Var<Cpu>>,
    on_gpu: impl Fn(&mut Trace<Cuda>, &[Input<Cuda>]) -> Result<Var<Cuda>>,
) {
    let gpu = gpu();
    for full in [false, true] {
        let expected = both_ways(&Cpu::default(), shapes, &on_cpu, full);
        for (precision, tolerance) in [(Precision::F32, F32), (Precision::Tf32, rounded)] {
            let found = with_precision(precision, || both_ways(&gpu, shapes, &on_gpu, full));
            assert_eq!(found.len(), expected.len());
            for ((name, ours), (_, theirs)) in found.iter().zip(&expected) {
                assert_close(
                    &format!("{what}, {shapes:?}, {precision:?}, full {full}: {name}"),
                    ours,
                    theirs,
                    tolerance,
                );
            }
            let again = with_precision(precision, || both_ways(&gpu, shapes, &on_gpu, full));
            assert!(found == again, "{what}: two runs differ");
        }
    }
}

/// The first input through a batch norm of the batch, with the scale and shift that the two after it are.
pub(in crate::ops) fn normalized<D: Backend>(trace: &mut Trace<D>, inputs: &[Input<D>]) -> Result<Var<D>> {
    let (device, channels) = (inputs[0].var.device.clone(), inputs[0].var.dims().2);
    let mut mean = Param::new(&device, vec![channels], vec![0.1; channels])?;
    let mut var = Param::new(&device, vec![channels], vec![0.8; channels])?;
    let mode = Mode { statistics: Statistics::Batch, relu: true };
    let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
    let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
    batch_norm(trace, &inputs[0].var, by)
}

/// A test that an operation is the same on both devices: `twin!(name, [shapes...], |trace, inputs| ...)`.
macro_rules! twin {
    ($name:ident, [$($shape:expr),+ $(,)?], |$trace:ident, $inputs:ident| $body:expr) => {
        #[test]
        fn $name() {
            fn run<D: $crate::ops::Backend>(
                $trace: &mut $crate::tensor::Trace<D>,
                $inputs: &[$crate::ops::gradient_check::Input<D>],
            ) -> $crate::Result<$crate::tensor::Var<D>> {
                $body
            }
            $crate::ops::cuda_twins::compare(stringify!($name), &[$($shape.to_vec()),+], run, run);
        }
    };
}
pub(in crate::ops) use twin;

#[test]
fn parameters_are_copied() {
    let gpu = gpu();
    let param = Param::new(&gpu, vec![3], vec![1.0, 2.0, 3.0]).unwrap();
    assert_eq!(param.copied().unwrap().to_vec(), [1.0, 2.0, 3.0]);
}
