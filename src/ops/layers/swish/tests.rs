use super::cpu::{backward, forward};
use super::*;
use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::dispatch;
use crate::ops::gradient_check::{assert_close, check, param, reference, values};
use crate::ops::layers::norm::{Normalizer, batch_norm};
use crate::tensor::{Mode, Statistics};

#[test]
fn gradients_match_finite_differences() {
    check(&[vec![2, 5, 3]], |trace, inputs| swish(trace, &inputs[0].var));
}

#[test]
fn gradients_through_a_batch_norm_match_finite_differences() {
    for statistics in [Statistics::Batch, Statistics::Running] {
        check(&[vec![2, 5, 19], vec![19], vec![19]], |trace, inputs| {
            let (mut mean, mut var) = (param(&[0.1; 19]), param(&[0.8; 19]));
            let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
            let mode = Mode { statistics, relu: false };
            let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
            let x = batch_norm(trace, &inputs[0].var, by)?;
            swish(trace, &x)
        });
    }
}

/// Values and gradients, on every instruction set of this machine.
#[test]
fn equals_pytorch() {
    let reference = reference("net1d_ops");
    let get = |name: &str| values(&reference, &format!("swish.{name}")).1;
    for isa in Isa::available() {
        let (mut y, mut slopes, gy) = (get("x"), get("x"), get("gy"));
        let (ours, theirs, g): (&mut [f32], &mut [f32], &[f32]) = (&mut y, &mut slopes, &gy);
        dispatch!(isa => forward(ours: &mut [f32]));
        dispatch!(isa => backward(g: &[f32], theirs: &mut [f32]));
        assert_close(&format!("y {isa:?}"), &y, &get("y"), 1e-6);
        assert_close(&format!("gx {isa:?}"), &slopes, &get("gx"), 1e-6);
    }
}
