use super::*;
use crate::ops::gradient_check::check;
use crate::tensor::Cpu;

#[test]
fn gradients_match_finite_differences() {
    check(&[vec![2, 5, 3]], |trace, inputs| {
        dropout(trace, inputs[0].var.clone(), 0.4, &mut crate::seed::stream(3, "dropout", 0))
    });
}

#[test]
fn keeps_the_mean_and_drops_the_share() {
    let x = Var::input(&Cpu::default(), vec![1.0; 40_000], (1, 1, 40_000)).unwrap();
    let y = dropout(&mut Trace::off(), x, 0.25, &mut crate::seed::stream(3, "dropout", 0)).unwrap().to_vec();
    let dropped = y.iter().filter(|y| **y == 0.0).count() as f64 / 40_000.0;
    let mean = y.iter().sum::<f32>() / 40_000.0;
    assert!((dropped - 0.25).abs() < 0.01 && (mean - 1.0).abs() < 0.02, "{dropped} {mean}");
}
