use super::*;
use crate::ops::gradient_check::{assert_close, check, reference, values};
use crate::tensor::Cpu;
use crate::tensor::memory::Buffer;

#[test]
fn gradients_match_finite_differences() {
    check(&[vec![3, 1, 8], vec![3, 1, 2]], |trace, inputs| gated(trace, &inputs[0].var, &inputs[1].var));
    check(&[vec![3, 1, 6]], |trace, inputs| mean(trace, &inputs[0].var, 3));
}

#[test]
fn values_and_gradients_equal_pytorch() {
    let reference = reference("fuse");
    let read = |name: &str| values(&reference, name).1;
    let device = Cpu::default();
    let input = |name: &str, channels| {
        let values = read(name);
        let shape = (values.len() / channels, 1, channels);
        Var::input(&device, values, shape).unwrap()
    };
    let (x, scores, gy) = (input("x", 12), input("scores", 3), Buffer::from(read("gy")));
    assert_close("y", &device.gated(x.view(), scores.view()).unwrap(), &read("y"), 1e-6);
    let fresh = |len| Gradient { values: Buffer::stale(len), fresh: true };
    let mut gx = fresh(read("x").len());
    device.gated_gradient(scores.view(), &gy, &mut gx).unwrap();
    assert_close("gx", &gx.values, &read("gx"), 1e-6);
    let mut gscores = fresh(read("scores").len());
    device.score_gradient(x.view(), scores.view(), &gy, &mut gscores).unwrap();
    assert_close("gscores", &gscores.values, &read("gscores"), 1e-6);
    let average = mean(&mut Trace::off(), &x, 3).unwrap();
    assert_close("mean", &average.to_vec(), &read("mean"), 1e-6);
}
