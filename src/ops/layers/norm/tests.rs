use super::*;
use crate::ops::gradient_check::{assert_close, check, param, reference, turned, values};
use crate::tensor::Cpu;
use crate::tensor::memory::Buffer;

#[test]
fn gradients_match_finite_differences() {
    for relu in [false, true] {
        for statistics in [Statistics::Batch, Statistics::Running] {
            check(&[vec![3, 7, 2], vec![2], vec![2]], |trace, inputs| {
                let (mut mean, mut var) = (param(&[0.1, -0.2]), param(&[0.8, 1.5]));
                let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
                let mode = Mode { statistics, relu };
                let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
                batch_norm(trace, &inputs[0].var, by)
            });
        }
    }
}

#[test]
fn equals_pytorch() {
    let device = Cpu::default();
    let reference = reference("ops");
    let get = |name: &str| values(&reference, &format!("bn_relu.{name}"));
    let param = |name: &str| param(&get(name).1);
    let (shape, x) = get("x");
    let [batch, channels, length] = [shape[0], shape[1], shape[2]];
    let x = Var::input(&device, turned(&x, channels, length), (batch, length, channels)).unwrap();
    let (gamma, beta) = (param("gamma"), param("beta"));
    let (mut mean, mut var) = (param("running_mean"), param("running_var"));
    let mut normalize = |statistics| {
        let mode = Mode { statistics, relu: true };
        let by = Normalizer { gamma: &gamma, beta: &beta, running_mean: &mut mean, running_var: &mut var, mode };
        batch_norm(&mut Trace::off(), &x, by).unwrap()
    };
    let back = |values: Vec<f32>| turned(&values, length, channels);
    let evaluated = normalize(Statistics::Running);
    assert_close("y of running statistics", &back(evaluated.to_vec()), &get("eval_y").1, 1e-5);
    let y = normalize(Statistics::Batch);
    assert_close("y", &back(y.to_vec()), &get("y").1, 1e-5);
    assert_close("running mean", &mean.to_vec(), &get("running_mean_after").1, 1e-5);
    assert_close("running var", &var.to_vec(), &get("running_var_after").1, 1e-5);

    let gy = Buffer::from(turned(&get("gy").1, channels, length));
    let mut gx = Gradient { values: Buffer::stale(gy.len()), fresh: true };
    let mut gparams = [Some(vec![0.0; channels]), Some(vec![0.0; channels])];
    device
        .norm_gradient(
            y.normalized().unwrap(),
            y.shape,
            &gy,
            WantedGradients { x: Some(&mut gx), params: &mut gparams },
        )
        .unwrap();
    let [ggamma, gbeta] = gparams.map(Option::unwrap);
    assert_close("gx", &back(gx.values.to_vec()), &get("gx").1, 1e-5);
    assert_close("ggamma", &ggamma, &get("ggamma").1, 1e-5);
    assert_close("gbeta", &gbeta, &get("gbeta").1, 1e-5);
}
