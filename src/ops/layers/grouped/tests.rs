use super::*;
use crate::ops::gradient_check::{assert_close, check, param, reference, turned, values};
use crate::ops::layers::norm::batch_norm;
use crate::tensor::upstream::TensorFromVec;
use crate::tensor::{Cpu, Mode};

#[test]
fn gradients_match_finite_differences() {
    // length, (output, channels of a group, taps), stride, groups
    let cases = [
        (11, [4, 3, 8], 1, 1),
        (9, [6, 2, 4], 2, 3),
        (10, [4, 2, 3], 2, 2),
        (7, [4, 1, 1], 3, 2),
        (3, [2, 2, 16], 2, 1),
    ];
    for (length, weight, stride, groups) in cases {
        check(&[vec![2, length, weight[1] * groups], weight.to_vec()], |trace, inputs| {
            grouped(trace, &inputs[0].var, &inputs[1].param, (stride, groups), None)
        });
    }
}

/// Read through one batch norm, and normalised by another.
#[test]
fn gradients_through_batch_norms_match_finite_differences() {
    for statistics in [Statistics::Batch, Statistics::Running] {
        check(&[vec![5, 8, 4], vec![4, 2, 4], vec![4], vec![4], vec![4], vec![4]], |trace, inputs| {
            let mode = Mode { statistics, relu: false };
            let (mut mean, mut var) = (param(&[0.1; 4]), param(&[0.8; 4]));
            let (gamma, beta) = (&inputs[2].param, &inputs[3].param);
            let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
            let x = batch_norm(trace, &inputs[0].var, by)?;
            let (mut mean, mut var) = (param(&[0.1; 4]), param(&[0.8; 4]));
            let (gamma, beta) = (&inputs[4].param, &inputs[5].param);
            let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
            grouped(trace, &x, &inputs[1].param, (2, 2), Some(by))
        });
    }
}

/// y, gx and gw of x (batch, length, input).
fn run(x: (Vec<f32>, Shape3), w: (Vec<f32>, Vec<usize>), how: (usize, usize), gy: &[f32]) -> [Vec<f32>; 3] {
    let device = Cpu::default();
    let mut x = Var::input(&device, x.0, x.1).unwrap();
    x.traced = true;
    let w = Param::new(&device, w.1, w.0).unwrap();
    let mut trace = Trace::on();
    let y = grouped(&mut trace, &x, &w, how, None).unwrap();
    let edges = trace.edges.clone();
    trace.start(&y, gy.to_vec().into());
    let mut gradients = trace.backward(device.try_tensor_from_vec(vec![0.0], ()).unwrap()).unwrap();
    let gx = edges.take(&x.slot()).unwrap().to_vec();
    [y.to_vec(), gx, gradients.get_or_alloc_mut(&w.value).unwrap().to_vec()]
}

#[test]
fn equals_pytorch() {
    let reference = reference("net1d_ops");
    let cases: Vec<&str> =
        reference.keys().filter_map(|key| key.strip_prefix("grouped.")?.strip_suffix(".params")).collect();
    assert!(cases.len() >= 5, "{cases:?}");
    for case in cases {
        let get = |name: &str| values(&reference, &format!("grouped.{case}.{name}"));
        let ((shape, x), (w_shape, w), (_, params)) = (get("x"), get("w"), get("params"));
        let [batch, input, length] = [shape[0], shape[1], shape[2]];
        let how = (params[0] as usize, params[1] as usize);
        let (after, output) = (length.div_ceil(how.0), w_shape[0]);
        let gy = turned(&get("gy").1, output, after);
        let [y, gx, gw] = run((turned(&x, input, length), (batch, length, input)), (w, w_shape), how, &gy);
        assert_close(&format!("{case} y"), &turned(&y, after, output), &get("y").1, 1e-5);
        assert_close(&format!("{case} gx"), &turned(&gx, length, input), &get("gx").1, 1e-5);
        assert_close(&format!("{case} gw"), &gw, &get("gw").1, 1e-5);
    }
}

#[test]
fn one_and_many_threads_give_the_same_bits() {
    let wave = |count: usize, step: f32| -> Vec<f32> { (0..count).map(|i| (i as f32 * step).sin()).collect() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (x, w) = (wave(9 * 61 * 32, 0.37), wave(48 * 16 * 16, 0.91));
            run((x, (9, 61, 32)), (w, vec![48, 16, 16]), (2, 2), &wave(9 * 31 * 48, 0.53))
        })
    };
    let one = with(1);
    assert!(one == with(2) && one == with(5));
}
