use super::*;
use crate::ops::gradient_check::check;
use crate::tensor::Cpu;

fn dropping(p: f64) -> Option<Dropping> {
    Dropping::new(p, &mut crate::seed::stream(3, "dropout", 0))
}

fn run<D: Backend>(trace: &mut Trace<D>, [x, beside]: [&Var<D>; 2], layer: [&Param<D>; 2], p: f64) -> Result<Var<D>> {
    gated(trace, x, beside, layer, dropping(p))
}

#[test]
fn gradients_match_finite_differences() {
    for (length, channels) in [(5, 3), (50, 2), (4, 17)] {
        for p in [0.0, 0.4] {
            let shapes = [
                vec![2, length, channels],
                vec![2, length, channels],
                vec![2 * channels, channels, 1],
                vec![2 * channels],
            ];
            check(&shapes, |trace, inputs| {
                run(trace, [&inputs[0].var, &inputs[1].var], [&inputs[2].param, &inputs[3].param], p)
            });
        }
    }
}

/// What is beside is read through its batch norm, and so is x.
#[test]
fn norms_are_read_through() {
    use crate::ops::layers::norm::{Normalizer, batch_norm};
    use crate::tensor::{Mode, Statistics};
    check(&[vec![3, 4, 3], vec![6, 3, 1], vec![6], vec![3], vec![3]], |trace, inputs| {
        let device = Cpu::default();
        let mut normal = |x: &Var<Cpu>| {
            let mut mean = Param::new(&device, vec![3], vec![0.1; 3])?;
            let mut var = Param::new(&device, vec![3], vec![0.8; 3])?;
            let mode = Mode { statistics: Statistics::Batch, relu: false };
            let (gamma, beta) = (&inputs[3].param, &inputs[4].param);
            let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
            batch_norm(trace, x, by)
        };
        let (x, beside) = (normal(&inputs[0].var)?, normal(&inputs[0].var)?);
        run(trace, [&x, &beside], [&inputs[1].param, &inputs[2].param], 0.0)
    });
}

/// Channels are dropped over all samples of a record, and what is beside never is.
#[test]
fn channels_are_dropped_as_a_whole() {
    let device = Cpu::default();
    let (length, channels) = (7, 40);
    let x = Var::input(&device, vec![1.0; 2 * length * channels], (2, length, channels)).unwrap();
    let beside = Var::input(&device, vec![3.0; 2 * length * channels], (2, length, channels)).unwrap();
    let weight = Param::new(&device, vec![2 * channels, channels, 1], vec![0.0; 2 * channels * channels]).unwrap();
    // A gate of 1 / 2 before values of 2.
    let bias: Vec<f32> = (0..2 * channels).map(|c| if c < channels { 2.0 } else { 0.0 }).collect();
    let bias = Param::new(&device, vec![2 * channels], bias).unwrap();
    let y = run(&mut Trace::off(), [&x, &beside], [&weight, &bias], 0.5).unwrap().to_vec();
    for record in y.chunks_exact(length * channels) {
        let first = &record[..channels];
        assert!(record.chunks_exact(channels).all(|row| row == first));
        let dropped = first.iter().filter(|y| **y == 3.0).count();
        assert!((8..32).contains(&dropped), "{dropped} of {channels}");
        assert!(first.iter().all(|y| *y == 3.0 || (*y - 5.0).abs() < 1e-5), "{first:?}");
    }
    assert!(y[..channels] != y[length * channels..][..channels], "records have masks of their own");
}
