//! Gradients against central differences, and values against PyTorch's, for the tests of operations.

use std::collections::BTreeMap;

use dfdx::prelude::{Cpu, TensorFromVec};
use rand::RngExt;

use super::cpu::view;
use super::{Param, Shape3, Trace, Var};
use crate::Result;

/// One input of an operation under test.
pub(super) struct Input {
    pub param: Param<Cpu>,
}

impl Input {
    /// The input as an activation whose gradient is wanted; it shares the parameter's gradient.
    pub fn as_var(&self, shape: Shape3) -> Var<Cpu> {
        Var { value: dfdx::prelude::ReshapeTo::reshape_like(self.param.value.clone(), &shape), traced: true }
    }
}

/// Checks every gradient of sum(c y), c random, against central differences.
pub(super) fn check(shapes: &[Vec<usize>], run: impl Fn(&mut Trace<Cpu>, &Cpu, &[Input]) -> Result<Var<Cpu>>) {
    let device = Cpu::default();
    let mut random = crate::seed::stream(7, "gradient check", 0);
    let values: Vec<Vec<f32>> = shapes
        .iter()
        .map(|shape| (0..shape.iter().product()).map(|_| random.random::<f32>() * 2.0 - 1.0).collect())
        .collect();
    let inputs = |values: &[Vec<f32>]| -> Vec<Input> {
        values
            .iter()
            .zip(shapes)
            .map(|(v, s)| Input { param: Param::new(&device, s.clone(), v.clone()).unwrap() })
            .collect()
    };
    let outputs = |values: &[Vec<f32>]| {
        let y = run(&mut Trace::off(), &device, &inputs(values)).unwrap();
        view(&y.value).to_vec()
    };
    let factors: Vec<f32> = (0..outputs(&values).len()).map(|_| random.random::<f32>() * 2.0 - 1.0).collect();

    let inputs_now = inputs(&values);
    let mut trace = Trace::on();
    let y = run(&mut trace, &device, &inputs_now).unwrap();
    assert!(y.traced);
    let (ghost, seed) = (y.value.ghost(), factors.clone());
    trace.record(move |grads| {
        **grads.get_or_alloc_mut(&ghost)? = seed;
        Ok(())
    });
    let gradients = trace.backward(device.try_tensor_from_vec(vec![0.0], ()).unwrap()).unwrap();
    for (which, input) in inputs_now.iter().enumerate() {
        let analytic = gradients.get(&input.param.value).as_vec();
        for (i, analytic) in analytic.iter().enumerate() {
            let at = |step: f32| {
                let mut moved = values.clone();
                moved[which][i] += step;
                outputs(&moved).iter().zip(&factors).map(|(y, c)| f64::from(*y) * f64::from(*c)).sum::<f64>()
            };
            let difference = (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!(
                (difference - f64::from(*analytic)).abs() < 5e-3 * (1.0 + difference.abs()),
                "input {which}, value {i}: {difference} and {analytic}"
            );
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
