//! Gradients against central differences, and values against PyTorch's, for the tests of operations.

use std::collections::BTreeMap;

use rand::RngExt;

use crate::Result;
use crate::ops::Backend;
use crate::tensor::upstream::TensorFromVec;
use crate::tensor::{Cpu, DeviceStorage, Gradient, GradientSlot, Param, Shape3, Trace, Var};

/// One input of an operation under test: as a parameter, or as an activation (three dimensions).
pub(super) struct Input<D: DeviceStorage = Cpu> {
    pub param: Param<D>,
    pub var: Var<D>,
}

impl<D: Backend> Input<D> {
    pub(super) fn new(device: &D, shape: &[usize], values: &[f32]) -> Self {
        let dims: Shape3 = match *shape {
            [batch, length, channels] => (batch, length, channels),
            _ => (1, 1, values.len()),
        };
        let mut var = Var::input(device, values.to_vec(), dims).unwrap();
        var.traced = true;
        Self { param: Param::new(device, shape.to_vec(), values.to_vec()).unwrap(), var }
    }
}

/// A trainable parameter of one dimension.
pub(super) fn param(values: &[f32]) -> Param<Cpu> {
    Param::new(&Cpu::default(), vec![values.len()], values.to_vec()).unwrap()
}

/// Rows and columns exchanged, of each of the matrices (rows, columns) that `values` are.
pub(crate) fn turned(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let matrices = values.chunks_exact(rows * columns);
    matrices.flat_map(|m| (0..columns).flat_map(move |c| (0..rows).map(move |r| m[r * columns + c]))).collect()
}

/// Checks every gradient of sum(c y), c random, against central differences. An input may be used as parameter
/// and as activation; its gradient is the sum of both. Gradients are added to what is there.
pub(super) fn check(shapes: &[Vec<usize>], run: impl Fn(&mut Trace<Cpu>, &[Input]) -> Result<Var<Cpu>>) {
    let device = Cpu::default();
    let mut random = crate::seed::stream(7, "gradient check", 0);
    let values: Vec<Vec<f32>> = shapes
        .iter()
        .map(|shape| (0..shape.iter().product()).map(|_| random.random::<f32>() * 2.0 - 1.0).collect())
        .collect();
    let inputs = |values: &[Vec<f32>]| -> Vec<Input> {
        values.iter().zip(shapes).map(|(v, s)| Input::new(&device, s, v)).collect()
    };
    let outputs = |values: &[Vec<f32>]| run(&mut Trace::off(), &inputs(values)).unwrap().to_vec();
    let factors: Vec<f32> = (0..outputs(&values).len()).map(|_| random.random::<f32>() * 2.0 - 1.0).collect();

    for full in [false, true] {
        let inputs_now = inputs(&values);
        let mut trace = Trace::on();
        let y = run(&mut trace, &inputs_now).unwrap();
        assert!(y.traced);
        let edges = trace.edges.clone();
        let start = |place: GradientSlot<Cpu>, values: Vec<f32>| {
            edges.put(&place, Gradient { values: values.into(), fresh: false });
        };
        // Something that was there before must stay in the sum.
        let before = |input: &Input| vec![if full { 0.5 } else { 0.0 }; input.param.to_vec().len()];
        if full {
            inputs_now.iter().for_each(|input| start(input.var.slot(), before(input)));
        }
        start(y.slot(), factors.clone());
        let mut gradients = trace.backward(device.try_tensor_from_vec(vec![0.0], ()).unwrap()).unwrap();
        for (which, input) in inputs_now.iter().enumerate() {
            let as_param = gradients.get_or_alloc_mut(&input.param.value).unwrap().to_vec();
            let as_var = edges.take(&input.var.slot());
            for i in 0..as_param.len() {
                let analytic = as_param[i] + as_var.as_ref().map_or(0.0, |gradient| gradient[i] - before(input)[i]);
                let at = |step: f32| {
                    let mut moved = values.clone();
                    moved[which][i] += step;
                    outputs(&moved).iter().zip(&factors).map(|(y, c)| f64::from(*y) * f64::from(*c)).sum::<f64>()
                };
                let difference = (at(1e-3) - at(-1e-3)) / 2e-3;
                assert!(
                    (difference - f64::from(analytic)).abs() < 5e-3 * (1.0 + difference.abs()),
                    "input {which}, value {i}: {difference} and {analytic}"
                );
            }
        }
    }
}

/// Named tensors of a reference file made with PyTorch: shape and values.
pub(crate) type Reference = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Reads `tests/fixtures/nn/{name}.safetensors`.
pub(crate) fn reference(name: &str) -> Reference {
    let path = format!("{}/tests/fixtures/nn/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.tensors()
        .into_iter()
        .map(|(name, tensor)| {
            let values = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            (name, (tensor.shape().to_vec(), values))
        })
        .collect()
}

/// One tensor of a reference.
pub(crate) fn values(reference: &Reference, name: &str) -> (Vec<usize>, Vec<f32>) {
    reference
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in the reference; there are {:?}", reference.keys()))
        .clone()
}

/// The largest difference, relative to the largest reference value, is below `tolerance`.
pub(crate) fn assert_close(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs.iter().fold(1e-6f32, |top, x| top.max(x.abs()));
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst.is_finite() && worst <= tolerance * scale, "{what}: off by {worst:e}, largest value {scale:e}");
}
