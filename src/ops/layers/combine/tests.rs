use super::cpu::{Part, add_rectified};
use super::*;
use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::dispatch;
use crate::ops::gradient_check::{assert_close, check, param};
use crate::ops::layers::norm::{Normalizer, batch_norm};
use crate::tensor::upstream::TensorFromVec;
use crate::tensor::{Cpu, Mode, Statistics};

#[test]
fn gradients_match_finite_differences() {
    check(&[vec![2, 5, 3], vec![2, 5, 1]], |trace, inputs| {
        let (a, b) = (inputs[0].var.clone(), inputs[1].var.clone());
        concat(trace, &[a.clone(), b, a])
    });
    check(&[vec![2, 5, 3], vec![2, 5, 3]], |trace, inputs| add_relu(trace, &inputs[0].var, &inputs[1].var));
    check(&[vec![2, 5, 3]], |trace, inputs| add_relu(trace, &inputs[0].var, &inputs[0].var));
    check(&[vec![2, 5, 3]], |trace, inputs| {
        let fixed = Var::input(&Cpu::default(), vec![0.3; 30], (2, 5, 3))?;
        add_relu(trace, &inputs[0].var, &fixed)
    });
}

fn wave(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin()).collect()
}

/// Gradients of both parts and of the batch norms' scale and shift, for a sum that is read again. Parts are
/// seen through a batch norm where told; `written`: what is seen of them is in memory.
fn gradients(seen_through: [bool; 2], twice: bool, written: bool) -> [Vec<f32>; 4] {
    let (device, shape, count) = (Cpu::default(), (3, 7, 19), 3 * 7 * 19);
    let inputs = [0.37, 0.91].map(|step| {
        let mut x = Var::input(&device, wave(count, step), shape).unwrap();
        x.traced = true;
        x
    });
    let (gamma, beta) = (param(&wave(19, 0.7)), param(&wave(19, 0.3)));
    let mut trace = Trace::on();
    let mut part = |which: usize, relu: bool| {
        let mut x = inputs[which].clone();
        if seen_through[which] {
            let (mut mean, mut var) = (param(&[0.1; 19]), param(&[0.8; 19]));
            let mode = Mode { statistics: Statistics::Batch, relu };
            let (running_mean, running_var) = (&mut mean, &mut var);
            let by = Normalizer { gamma: &gamma, beta: &beta, running_mean, running_var, mode };
            x = batch_norm(&mut trace, &x, by).unwrap();
        }
        if written { concat(&mut trace, &[x]).unwrap() } else { x }
    };
    let (a, b) = (part(0, false), part(1, true));
    let sum = add_relu(&mut trace, &a, if twice { &a } else { &b }).unwrap();
    // The gradient of b changes after the sums over it were taken.
    let y = add_relu(&mut trace, &sum, &b).unwrap();
    trace.start(&y, wave(count, 0.53).into());
    let edges = trace.edges.clone();
    let mut gradients = trace.backward(device.try_tensor_from_vec(vec![0.0], ()).unwrap()).unwrap();
    let [of_a, of_b] = inputs.map(|x| edges.take(&x.slot()).unwrap().to_vec());
    let [gamma, beta] = [gamma, beta].map(|param| gradients.get_or_alloc_mut(&param.value).unwrap().to_vec());
    [of_a, of_b, gamma, beta]
}

#[test]
fn sums_through_batch_norms_have_the_gradients_of_sums_in_memory() {
    for seen_through in [[true, true], [true, false], [false, true]] {
        for twice in [false, true] {
            let found = gradients(seen_through, twice, false);
            for (found, expected) in found.iter().zip(&gradients(seen_through, twice, true)) {
                assert_close(&format!("{seen_through:?} {twice}"), found, expected, 1e-5);
            }
        }
    }
}

#[test]
fn sums_are_the_same_on_every_instruction_set() {
    let (device, shape, channels) = (Cpu::default(), (1, 2, 21), 21);
    let (gamma, beta) = (param(&wave(21, 0.7)), param(&wave(21, 0.3)));
    let (mut mean, mut var) = (param(&wave(21, 0.2)), param(&[0.8; 21]));
    let mode = Mode { statistics: Statistics::Running, relu: true };
    let by = Normalizer { gamma: &gamma, beta: &beta, running_mean: &mut mean, running_var: &mut var, mode };
    let x = Var::input(&device, wave(42, 0.37), shape).unwrap();
    let a = batch_norm(&mut Trace::off(), &x, by).unwrap();
    let b = Var::input(&device, wave(42, 0.91), shape).unwrap();
    let expected: Vec<f32> = a.to_vec().iter().zip(&b.to_vec()).map(|(a, b)| (a + b).max(0.0)).collect();
    for isa in Isa::available() {
        let mut sum = vec![f32::NAN; 42];
        let [a, b] = [a.view(), b.view()].map(|part| Part { x: part.values, reading: part.reading() });
        let y: &mut [f32] = &mut sum;
        dispatch!(isa => add_rectified(a: Part<'_>, b: Part<'_>, channels: usize, y: &mut [f32]));
        assert_eq!(sum, expected, "{isa:?}");
    }
}
