use super::cpu::{Layer, Plan};
use super::*;
use crate::ops::cpu::Isa;
use crate::ops::gradient_check::{Reference, assert_close, check, reference, turned, values};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Gradient};

const TOLERANCE: f32 = 1e-5;

#[test]
fn gradients_match_finite_differences() {
    for (directions, length, channels, states) in
        [(1, 7, 3, 2), (2, 7, 3, 2), (2, 5, 17, 1), (2, 33, 1, 3), (1, 1, 2, 1)]
    {
        let shapes = [
            vec![2, length, channels],
            vec![channels],
            vec![channels, states],
            vec![channels, states],
            vec![directions, channels, states, 2],
            vec![channels],
        ];
        check(&shapes, |trace, inputs| {
            let [log_dt, log_a_real, a_imag, c, d] = [1, 2, 3, 4, 5].map(|i| &inputs[i].param);
            state_space(trace, &inputs[0].var, &Weights { log_dt, log_a_real, a_imag, c, d })
        });
    }
}

const NAMES: [&str; 5] = ["log_dt", "log_a_real", "a_imag", "c", "d"];

/// One case of the reference: its input and output gradient with channels side by side.
struct Case<'a>(&'a Reference, &'a str);

impl Case<'_> {
    fn get(&self, name: &str) -> Vec<f32> {
        values(self.0, &format!("{}.{name}", self.1)).1
    }

    fn x(&self) -> Var<Cpu> {
        let (shape, values) = values(self.0, &format!("{}.x", self.1));
        let [batch, channels, length] = [shape[0], shape[1], shape[2]];
        Var::input(&Cpu::default(), turned(&values, channels, length), (batch, length, channels)).unwrap()
    }
}

/// y, gx and the gradients of the parameters.
fn both_ways(isa: Isa, x: &Var<Cpu>, weights: &[Vec<f32>], gy: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<Option<Vec<f32>>>) {
    let [log_dt, log_a_real, a_imag, c, d] = [0, 1, 2, 3, 4].map(|i| &weights[i][..]);
    let weights_of = Weights { log_dt, log_a_real, a_imag, c, d };
    let plan = Plan::of(x.shape.1);
    let layer = Layer::new(isa, &Cpu::default(), x.view(), &weights_of, &plan).unwrap();
    let spectra = layer.spectra();
    let y = layer.forward(&spectra);
    let mut gx = Gradient { values: Buffer::stale(y.len()), fresh: true };
    let mut params: Vec<_> = weights.iter().map(|values| Some(vec![0.0; values.len()])).collect();
    layer.gradient(&spectra, gy, WantedGradients { x: Some(&mut gx), params: &mut params });
    (y.to_vec(), gx.values.to_vec(), params)
}

#[test]
fn equals_pytorch_on_every_instruction_set() {
    let reference = reference("state_space");
    let cases: Vec<&str> = reference.keys().filter_map(|key| key.strip_suffix(".log_dt")).collect();
    assert_eq!(cases.len(), 6, "{cases:?}");
    for isa in Isa::available() {
        for name in &cases {
            let case = Case(&reference, name);
            let x = case.x();
            let (_, length, channels) = x.dims();
            let gy = turned(&case.get("gy"), channels, length);
            let (y, gx, params) = both_ways(isa, &x, &NAMES.map(|name| case.get(name)), &gy);
            let what = |of: &str| format!("{isa:?} {name} {of}");
            assert_close(&what("y"), &turned(&y, length, channels), &case.get("y"), TOLERANCE);
            assert_close(&what("gx"), &turned(&gx, length, channels), &case.get("gx"), TOLERANCE);
            for (ours, of) in params.iter().zip(NAMES) {
                assert_close(&what(of), ours.as_ref().unwrap(), &case.get(&format!("g{of}")), 10.0 * TOLERANCE);
            }
        }
    }
}

#[test]
fn is_the_same_bits_on_any_number_of_threads() {
    let reference = reference("state_space");
    for name in reference.keys().filter_map(|key| key.strip_suffix(".log_dt")) {
        let case = Case(&reference, name);
        let x = case.x();
        let gy = turned(&case.get("gy"), x.dims().2, x.dims().1);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| both_ways(Isa::best(), &case.x(), &NAMES.map(|name| case.get(name)), &gy))
        };
        assert!(with(1) == with(3), "{name}");
    }
}

/// No record knows of the others, whatever is in them.
#[test]
fn records_do_not_touch_each_other() {
    let reference = reference("state_space");
    let name = reference.keys().find_map(|key| key.strip_suffix(".log_dt")).unwrap();
    let case = Case(&reference, name);
    let x = case.x();
    let (batch, length, channels) = x.dims();
    let one = length * channels;
    let weights = NAMES.map(|name| case.get(name));
    let gy = turned(&case.get("gy"), channels, length);
    let (y, gx, _) = both_ways(Isa::best(), &x, &weights, &gy);
    let mut others = x.to_vec();
    others[..(batch - 1) * one].fill(f32::NAN);
    let last = Var::input(&Cpu::default(), others, (batch, length, channels)).unwrap();
    let (again, gx_again, _) = both_ways(Isa::best(), &last, &weights, &gy);
    assert!(y[(batch - 1) * one..] == again[(batch - 1) * one..] && gx == gx_again);
}
