use super::cpu::branch::Branch;
use super::*;
use crate::ops::cpu::Isa;
use crate::ops::gradient_check::{Reference, assert_close, check, reference, turned, values};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Gradient};

const TOLERANCE: f32 = 1e-5;

fn dropping(p: f64) -> Option<Dropping> {
    Dropping::new(p, &mut crate::seed::stream(3, "dropout", 0))
}

#[test]
fn gradients_match_finite_differences() {
    for (core, wide, inner) in [(Core::Attention(2), 18, 6), (Core::Gelu, 7, 7)] {
        for p in [0.0, 0.3] {
            let shapes = [vec![2, 5, 6], vec![6], vec![6], vec![wide, 6], vec![wide], vec![6, inner], vec![6]];
            check(&shapes, |trace, inputs| {
                let [gamma, beta, w1, b1, w2, b2] = [1, 2, 3, 4, 5, 6].map(|i| &inputs[i].param);
                let weights = Weights { gamma, beta, first: [w1, b1], second: [w2, b2] };
                branch(trace, &inputs[0].var, &weights, core, dropping(p))
            });
        }
    }
    check(&[vec![2, 4, 5], vec![5], vec![5]], |trace, inputs| {
        layer_norm(trace, &inputs[0].var, &inputs[1].param, &inputs[2].param)
    });
    check(&[vec![2, 11, 2], vec![4, 2, 3], vec![4], vec![1, 3, 4]], |trace, inputs| {
        let [weight, bias, positions] = [1, 2, 3].map(|i| &inputs[i].param);
        patches(trace, &inputs[0].var, &Stem { weight, bias, positions })
    });
}

/// The tensors of one case of the reference.
struct Case<'a>(&'a Reference, &'a str);

impl Case<'_> {
    fn get(&self, name: &str) -> Vec<f32> {
        values(self.0, &format!("{}.{name}", self.1)).1
    }

    fn x(&self) -> Var<Cpu> {
        let (shape, values) = values(self.0, &format!("{}.x", self.1));
        Var::input(&Cpu::default(), values, (shape[0], shape[1], shape[2])).unwrap()
    }

    /// Compares y and the gradients, of x and of the parameters `names`.
    fn equals(&self, isa: Isa, y: &[f32], gx: &[f32], gparams: Vec<Option<Vec<f32>>>, names: &[&str]) {
        let what = |name: &str| format!("{isa:?} {} {name}", self.1);
        assert_close(&what("y"), y, &self.get("y"), TOLERANCE);
        assert_close(&what("gx"), gx, &self.get("gx"), TOLERANCE);
        assert_eq!(gparams.len(), names.len());
        for (ours, name) in gparams.into_iter().zip(names) {
            assert_close(&what(name), &ours.unwrap(), &self.get(&format!("g{name}")), TOLERANCE);
        }
    }
}

const NAMES: [&str; 6] = ["gamma", "beta", "first_weight", "first_bias", "second_weight", "second_bias"];

/// Zeros to add gradients to.
fn zeros(like: &[Vec<f32>]) -> Vec<Option<Vec<f32>>> {
    like.iter().map(|values| Some(vec![0.0; values.len()])).collect()
}

/// y, gx and the gradients of the weights.
fn both_ways(
    isa: Isa,
    x: &Var<Cpu>,
    weights: &[Vec<f32>],
    core: Core,
    dropping: Option<Dropping>,
    gy: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<Option<Vec<f32>>>) {
    let [gamma, beta, w1, b1, w2, b2] = [0, 1, 2, 3, 4, 5].map(|i| &weights[i][..]);
    let branch = Branch::new(isa, x.view(), Weights { gamma, beta, first: [w1, b1], second: [w2, b2] }, core, dropping);
    let (y, kept) = branch.forward(true);
    let (again, none) = branch.forward(false);
    assert!(y[..] == again[..] && none.is_none(), "what is kept changes nothing");
    let mut gx = Gradient { values: Buffer::stale(y.len()), fresh: true };
    let mut gparams = zeros(weights);
    branch.gradient(kept.unwrap(), gy.to_vec().into(), WantedGradients { x: Some(&mut gx), params: &mut gparams });
    (y.to_vec(), gx.values.to_vec(), gparams)
}

#[test]
fn equals_pytorch_on_every_instruction_set() {
    let reference = reference("transformer");
    let cases = reference.keys().filter_map(|key| key.strip_suffix(".second_weight")).collect::<Vec<_>>();
    assert_eq!(cases.len(), 6, "{cases:?}");
    for isa in Isa::available() {
        for name in &cases {
            let case = Case(&reference, name);
            let core = match name.starts_with("attention") {
                true => Core::Attention(case.get("heads")[0] as usize),
                false => Core::Gelu,
            };
            let weights = NAMES.map(|name| case.get(name));
            let (y, gx, gparams) = both_ways(isa, &case.x(), &weights, core, None, &case.get("gy"));
            case.equals(isa, &y, &gx, gparams, &NAMES);
        }
        let case = Case(&reference, "layer_norm");
        let (x, norm) = (case.x(), ["gamma", "beta"].map(|name| case.get(name)));
        let norm_of = [&norm[0][..], &norm[1]];
        let y = super::cpu::layer_norm::forward(isa, x.view(), norm_of);
        let (mut gx, mut gparams) = (Gradient { values: Buffer::stale(y.len()), fresh: true }, zeros(&norm));
        super::cpu::layer_norm::backward(
            isa,
            x.view(),
            norm_of,
            case.get("gy").into(),
            WantedGradients { x: Some(&mut gx), params: &mut gparams },
        );
        case.equals(isa, &y, &gx.values, gparams, &["gamma", "beta"]);

        let case = Case(&reference, "patches");
        let names = ["weight", "bias", "positions"];
        let (batch, leads, length) = case.x().dims();
        let x = turned(&case.get("x"), leads, length);
        let x = Var::input(&Cpu::default(), x, (batch, length, leads)).unwrap();
        let params = names.map(|name| case.get(name));
        let stem = Stem { weight: &params[0][..], bias: &params[1][..], positions: &params[2][..] };
        let y = super::cpu::patches::forward(isa, x.view(), 5, &stem);
        let mut gx = Gradient { values: Buffer::stale(batch * length * leads), fresh: true };
        let mut gparams = zeros(&params);
        super::cpu::patches::backward(
            isa,
            x.view(),
            5,
            &stem,
            &case.get("gy").into(),
            WantedGradients { x: Some(&mut gx), params: &mut gparams },
        );
        case.equals(isa, &y, &turned(&gx.values, length, leads), gparams, &names);
    }
}

#[test]
fn a_branch_is_the_same_bits_on_any_number_of_threads() {
    let reference = reference("transformer");
    for name in reference.keys().filter_map(|key| key.strip_suffix(".second_weight")) {
        let case = Case(&reference, name);
        let core = if name.starts_with("attention") { Core::Attention(1) } else { Core::Gelu };
        let weights = NAMES.map(|name| case.get(name));
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| both_ways(Isa::best(), &case.x(), &weights, core, dropping(0.2), &case.get("gy")))
        };
        assert!(with(1) == with(3), "{name}");
    }
}

/// With gamma 0 the first layer gives its bias and the second is the identity: what is left is dropout.
#[test]
fn dropout_is_where_it_should_be() {
    let (isa, length, dim) = (Isa::best(), 5, 4);
    let dropping = dropping(0.4);
    let identity: Vec<f32> = (0..dim * dim).map(|i| if i % dim == i / dim { 1.0 } else { 0.0 }).collect();
    let x = Var::input(&Cpu::default(), vec![0.5; 2 * length * dim], (2, length, dim)).unwrap();
    let mask = |part: usize, record: usize, len: usize| {
        let mut mask = vec![0.0; len];
        crate::ops::cpu::philox::factors(isa, dropping, [part, record], &mut mask);
        mask
    };
    let added = |core, bias: Vec<f32>| {
        let zeros = vec![0.0; dim];
        let first = vec![0.0; bias.len() * dim];
        let weights = Weights {
            gamma: &zeros[..],
            beta: &zeros[..],
            first: [&first[..], &bias[..]],
            second: [&identity[..], &zeros[..]],
        };
        let (y, _) = Branch::new(isa, x.view(), weights, core, dropping).forward(false);
        y.iter().map(|y| y - 0.5).collect::<Vec<f32>>()
    };
    // GELU of 10 is 10.
    let mlp = added(Core::Gelu, vec![10.0; dim]);
    // Values of 1 under equal weights.
    let attention = added(Core::Attention(2), [[0.0; 8].as_slice(), &[1.0; 4]].concat());
    for record in 0..2 {
        let (output, hidden) = (mask(0, record, length * dim), mask(1, record, length * dim));
        let weighed = [1, 2].map(|part| mask(part, record, length * 16));
        for i in 0..length * dim {
            let at = record * length * dim + i;
            assert!((mlp[at] - 10.0 * hidden[i] * output[i]).abs() < 1e-5, "GELU, record {record}, value {i}");
            let (query, head) = (i / dim, i % dim / 2);
            let sum: f32 = (0..length).map(|key| weighed[head][key * 16 + query]).sum();
            let expected = output[i] * sum / length as f32;
            assert!((attention[at] - expected).abs() < 1e-5, "attention, record {record}, value {i}");
        }
        assert!(output.contains(&0.0) && hidden.contains(&0.0) && weighed[0].contains(&0.0));
    }
}
