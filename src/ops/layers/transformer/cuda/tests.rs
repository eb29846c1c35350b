use super::*;
use crate::ops::Backend;
use crate::ops::cuda_twins::{compare_within, twin};
use crate::ops::gradient_check::Input;
use crate::ops::layers::norm::{Normalizer, batch_norm};
use crate::ops::layers::transformer::{branch, layer_norm, patches};
use crate::tensor::{Mode, Param, Statistics, Trace, Var};

fn dropping(p: f64) -> Option<Dropping> {
    Dropping::new(p, &mut crate::seed::stream(3, "dropout", 0))
}

/// A branch on `x` with the six weights that follow.
fn branch_on<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    weights: &[Input<D>],
    core: Core,
    p: f64,
) -> crate::Result<Var<D>> {
    let [gamma, beta, w1, b1, w2, b2] = [0, 1, 2, 3, 4, 5].map(|i| &weights[i].param);
    branch(trace, x, &Weights { gamma, beta, first: [w1, b1], second: [w2, b2] }, core, dropping(p))
}

/// What TF32 rounds off in four products in a row, and where a softmax is sharp.
const GROWN: f32 = 5e-3;

/// Tests `$name` of a branch on `$x`, (batch, length, dim), its first layer giving `$wide` values and its second reading
/// `$inner`: without dropout and with it.
macro_rules! branches {
    ($name:ident, $core:expr, $x:expr, $wide:expr, $inner:expr) => {
        mod $name {
            use super::*;

            fn shapes() -> Vec<Vec<usize>> {
                let (x, dim) = ($x.to_vec(), $x[2]);
                vec![x, vec![dim], vec![dim], vec![$wide, dim], vec![$wide], vec![dim, $inner], vec![dim]]
            }

            fn whole<D: Backend>(trace: &mut Trace<D>, inputs: &[Input<D>]) -> crate::Result<Var<D>> {
                branch_on(trace, &inputs[0].var, &inputs[1..], $core, 0.0)
            }

            fn thinned<D: Backend>(trace: &mut Trace<D>, inputs: &[Input<D>]) -> crate::Result<Var<D>> {
                branch_on(trace, &inputs[0].var, &inputs[1..], $core, 0.3)
            }

            #[test]
            fn without_dropout() {
                compare_within(GROWN, stringify!($name), &shapes(), whole, whole);
            }

            #[test]
            fn with_dropout() {
                compare_within(GROWN, stringify!($name), &shapes(), thinned, thinned);
            }
        }
    };
}

branches!(attention_of_few_tokens, Core::Attention(1), [2, 5, 6], 18, 6);
branches!(attention_of_two_heads, Core::Attention(2), [3, 20, 6], 18, 6);
branches!(attention_of_many_tokens, Core::Attention(2), [1, 101, 8], 24, 8);
branches!(attention_of_wider_heads, Core::Attention(2), [2, 37, 24], 72, 24);
branches!(attention_of_wide_heads, Core::Attention(1), [1, 21, 40], 120, 40);
// More tokens than a block has threads, and more than shared memory has at once.
branches!(attention_of_very_wide_heads, Core::Attention(1), [1, 70, 72], 216, 72);
branches!(gelu, Core::Gelu, [2, 9, 6], 14, 14);
branches!(gelu_of_many_values, Core::Gelu, [3, 40, 12], 48, 48);

twin!(branch_through_a_norm, [[2, 5, 6], [6], [6], [6], [6], [18, 6], [18], [6, 6], [6]], |trace, inputs| {
    let device = inputs[0].var.device.clone();
    let mut mean = Param::new(&device, vec![6], vec![0.1; 6])?;
    let mut var = Param::new(&device, vec![6], vec![0.7; 6])?;
    let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
    let mode = Mode { statistics: Statistics::Running, relu: true };
    let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
    let x = batch_norm(trace, &inputs[0].var, by)?;
    branch_on(trace, &x, &inputs[3..], Core::Attention(2), 0.2)
});

twin!(layer_norms, [[3, 7, 5], [5], [5]], |trace, inputs| {
    layer_norm(trace, &inputs[0].var, &inputs[1].param, &inputs[2].param)
});
twin!(layer_norms_of_many_channels, [[2, 9, 70], [70], [70]], |trace, inputs| {
    layer_norm(trace, &inputs[0].var, &inputs[1].param, &inputs[2].param)
});

/// Patches of the first input; the others are weight, bias and positions.
fn patched<D: Backend>(trace: &mut Trace<D>, inputs: &[Input<D>]) -> crate::Result<Var<D>> {
    let [weight, bias, positions] = [1, 2, 3].map(|i| &inputs[i].param);
    patches(trace, &inputs[0].var, &Stem { weight, bias, positions })
}

twin!(whole_patches, [[2, 12, 4], [8, 4, 3], [8], [1, 4, 8]], |trace, inputs| patched(trace, inputs));
twin!(patches_with_a_rest, [[3, 23, 2], [5, 2, 7], [5], [1, 3, 5]], |trace, inputs| patched(trace, inputs));
