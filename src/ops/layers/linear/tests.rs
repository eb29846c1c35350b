use super::*;
use crate::ops::gradient_check::check;

#[test]
fn gradients_match_finite_differences() {
    for relu in [false, true] {
        check(&[vec![3, 2, 11], vec![4, 11], vec![4]], |trace, inputs| {
            linear(trace, &inputs[0].var, &inputs[1].param, &inputs[2].param, relu)
        });
    }
}
