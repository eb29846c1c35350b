use super::*;
use crate::ops::gradient_check::{assert_close, check, param, reference, turned, values};
use crate::ops::layers::norm::{Normalizer, batch_norm};
use crate::tensor::{Cpu, GradientSlot, Mode, Statistics};

#[test]
fn gradients_match_finite_differences() {
    for (stride, length, channels, narrow) in [(1, 5, 3, 3), (2, 7, 21, 18), (2, 6, 4, 3), (3, 8, 2, 1), (4, 3, 5, 5)] {
        let shapes =
            [vec![2, usize::div_ceil(length, stride), channels], vec![2, 1, channels], vec![2, length, narrow]];
        check(&shapes, |trace, inputs| excite(trace, &inputs[0].var, &inputs[1].var, &inputs[2].var, stride));
    }
}

/// x and what is beside are read through the same norm.
#[test]
fn norms_are_read_through() {
    for statistics in [Statistics::Batch, Statistics::Running] {
        check(&[vec![2, 5, 19], vec![19], vec![19], vec![2, 1, 19]], |trace, inputs| {
            let (mut mean, mut var) = (param(&[0.1; 19]), param(&[0.8; 19]));
            let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
            let mode = Mode { statistics, relu: false };
            let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
            let x = batch_norm(trace, &inputs[0].var, by)?;
            excite(trace, &x, &inputs[3].var, &x, 1)
        });
    }
}

/// Values and gradients.
#[test]
fn equals_pytorch() {
    let (reference, device) = (reference("net1d_ops"), Cpu::default());
    let cases: Vec<&str> =
        reference.keys().filter_map(|key| key.strip_prefix("excite.")?.strip_suffix(".params")).collect();
    assert!(cases.len() >= 4, "{cases:?}");
    for case in cases {
        let get = |name: &str| values(&reference, &format!("excite.{case}.{name}"));
        let stride = get("params").1[0] as usize;
        let inputs = ["x", "gates", "beside"].map(|name| {
            let (shape, values) = get(name);
            let [batch, channels, length] = [shape[0], shape[1], shape[2]];
            let mut var = Var::input(&device, turned(&values, channels, length), (batch, length, channels)).unwrap();
            var.traced = true;
            var
        });
        let mut trace = Trace::on();
        let [x, gates, beside] = &inputs;
        let y = excite(&mut trace, x, gates, beside, stride).unwrap();
        let (_, length, channels) = y.dims();
        assert_close(case, &turned(&y.to_vec(), length, channels), &get("y").1, 1e-6);
        let edges = trace.edges.clone();
        trace.start(&y, turned(&get("gy").1, channels, length).into());
        let zero = crate::tensor::upstream::TensorFromVec::try_tensor_from_vec(&device, vec![0.0], ()).unwrap();
        trace.backward(zero).unwrap();
        for (name, input) in ["gx", "ggates", "gbeside"].iter().zip(&inputs) {
            let slot: GradientSlot<Cpu> = input.slot();
            let (_, length, channels) = input.dims();
            let found = edges.take(&slot).unwrap();
            assert_close(&format!("{case} {name}"), &turned(&found, length, channels), &get(name).1, 1e-6);
        }
    }
}
