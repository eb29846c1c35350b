use super::cpu::{backward, forward};
use super::*;
use crate::ops::cpu::Isa;
use crate::ops::gradient_check::{assert_close, check};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Gradient};

const CELLS: [Cell; 3] = [Cell::Rnn, Cell::Lstm, Cell::Gru];

fn sizes(cell: Cell, directions: usize) -> Sizes {
    Sizes { cell, batch: 19, length: 37, input: 5, hidden: 21, directions }
}

#[test]
fn gradients_match_finite_differences() {
    for cell in CELLS {
        for directions in [1, 2] {
            let (input, hidden) = (2, 3);
            let rows = cell.gates() * hidden;
            let mut shapes = vec![vec![2, 18, input]];
            for _ in 0..directions {
                shapes.extend([vec![rows, input], vec![rows, hidden], vec![rows], vec![rows]]);
            }
            check(&shapes, |trace, inputs| {
                let weights: Vec<Weights<&Param<Cpu>>> = inputs[1..]
                    .chunks_exact(4)
                    .map(|of| {
                        let [input, hidden, input_bias, hidden_bias] = [0, 1, 2, 3].map(|i| &of[i].param);
                        Weights { input, hidden, input_bias, hidden_bias }
                    })
                    .collect();
                recurrent(trace, &inputs[0].var, cell, &weights)
            });
        }
    }
}

fn wave(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin()).collect()
}

fn weights(s: &Sizes) -> Vec<Weights<Flat<Cpu>>> {
    let rows = s.cell.gates() * s.hidden;
    let flat = |count: usize, step: f32| {
        let values = wave(count, step).iter().map(|value| value * 0.3).collect();
        Param::new(&Cpu::default(), vec![count], values).unwrap().value
    };
    let of = |direction: usize| {
        let step = 0.37 + direction as f32;
        Weights {
            input: flat(rows * s.input, step),
            hidden: flat(rows * s.hidden, step + 0.1),
            input_bias: flat(rows, step + 0.2),
            hidden_bias: flat(rows, step + 0.3),
        }
    };
    (0..s.directions).map(of).collect()
}

/// What gradients are added to: the input's, then the weights'.
fn before(s: &Sizes) -> (Vec<f32>, Vec<Vec<f32>>) {
    let rows = s.cell.gates() * s.hidden;
    let each = [rows * s.input, rows * s.hidden, rows, rows];
    let of_weights = (0..s.directions).flat_map(|_| each.map(|count| wave(count, 0.13))).collect();
    (wave(s.batch * s.length * s.input, 0.11), of_weights)
}

/// The output, the gradient of the input and those of the weights that are wanted.
fn all(isa: Isa, s: &Sizes, x: &[f32], wanted: impl Fn(usize) -> bool, of_input: bool) -> Vec<Option<Vec<f32>>> {
    let weights = weights(s);
    let (y, kept) = forward::forward(isa, s, x, &weights, true);
    let gy = wave(y.len(), 0.19);
    let (input, of_weights) = before(s);
    let mut gx = of_input.then(|| Gradient { values: Buffer::from(input), fresh: false });
    let mut gparams: Vec<Option<Vec<f32>>> =
        of_weights.into_iter().enumerate().map(|(number, values)| Some(values).filter(|_| wanted(number))).collect();
    backward::gradient(
        isa,
        s,
        x,
        &weights,
        (&y, &gy),
        kept.unwrap(),
        WantedGradients { x: gx.as_mut(), params: &mut gparams },
    );
    let mut found = vec![Some(y.to_vec()), gx.map(|gx| gx.values.to_vec())];
    found.extend(gparams);
    found
}

fn input(s: &Sizes) -> Vec<f32> {
    wave(s.batch * s.length * s.input, 0.71)
}

#[test]
fn instruction_sets_agree() {
    for cell in CELLS {
        let s = sizes(cell, 2);
        let expected = all(Isa::Portable, &s, &input(&s), |_| true, true);
        for isa in Isa::available() {
            let found = all(isa, &s, &input(&s), |_| true, true);
            for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let what = format!("{cell:?} {isa:?}, number {number}");
                assert_close(&what, found.as_ref().unwrap(), expected.as_ref().unwrap(), 2e-5);
            }
        }
    }
}

#[test]
fn threads_and_neighbours_change_no_bit() {
    for cell in CELLS {
        let s = sizes(cell, 2);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| all(Isa::best(), &s, &input(&s), |_| true, true))
        };
        let one = with(1);
        for threads in [2, 3, 7, 40] {
            assert_eq!(one, with(threads), "{cell:?} on {threads} threads");
        }
        let alone = Sizes { batch: 1, ..s.clone() };
        let x = input(&s);
        let (y, _) = forward::forward(Isa::best(), &alone, &x[..s.length * s.input], &weights(&s), false);
        assert_eq!(*y, one[0].as_ref().unwrap()[..s.length * s.output()], "{cell:?}: a record alone");
    }
}

#[test]
fn what_is_kept_and_what_is_wanted_changes_nothing_else() {
    for cell in CELLS {
        let s = sizes(cell, 2);
        let everything = all(Isa::best(), &s, &input(&s), |_| true, true);
        let (y, kept) = forward::forward(Isa::best(), &s, &input(&s), &weights(&s), false);
        assert!(kept.is_none());
        assert_eq!(Some(y.to_vec()), everything[0], "{cell:?}");
        for number in 0..8 {
            let found = all(Isa::best(), &s, &input(&s), |wanted| wanted == number, false);
            let wanted: Vec<usize> = (1..10).filter(|place| found[*place].is_some()).collect();
            assert_eq!(wanted, [number + 2]);
            assert_eq!(found[number + 2], everything[number + 2], "{cell:?}, weight {number}");
        }
        let of_input = all(Isa::best(), &s, &input(&s), |_| false, true);
        assert_eq!(of_input[1], everything[1], "{cell:?}");
        assert!(of_input[2..].iter().all(Option::is_none));
    }
}

#[test]
fn a_norm_of_the_input_is_applied() {
    use crate::ops::gradient_check::param;
    use crate::ops::layers::norm::{Normalizer, batch_norm};
    use crate::tensor::{Mode, Statistics};
    let s = Sizes { batch: 2, length: 7, input: 5, hidden: 4, directions: 1, cell: Cell::Gru };
    let x = Var::input(&Cpu::default(), input(&s), (s.batch, s.length, s.input)).unwrap();
    let (mut mean, mut var) = (param(&[0.1; 5]), param(&[0.7; 5]));
    let (gamma, beta) = (param(&[0.5; 5]), param(&[0.2; 5]));
    let mode = Mode { statistics: Statistics::Running, relu: true };
    let by = Normalizer { gamma: &gamma, beta: &beta, running_mean: &mut mean, running_var: &mut var, mode };
    let pending = batch_norm(&mut Trace::off(), &x, by).unwrap();
    let written = Var::input(&Cpu::default(), pending.to_vec(), x.dims()).unwrap();
    let of = |x: &Var<Cpu>| Cpu::default().recurrent(&s, x.view(), &weights(&s), false).unwrap().0.to_vec();
    assert!(pending.norm.is_some());
    assert_eq!(of(&pending), of(&written));
}
