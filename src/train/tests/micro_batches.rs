//! Gradients from micro-batches beside those of whole batches.

use super::*;
use crate::nn::{FreezeState, Network};
use crate::ops::step::loss::{Form, Loss};
use crate::ops::step::sum::Kernel as _;
use crate::tensor::{Gradients, Param, Var};
use crate::train::batch::Batch;

fn network(architecture: &Architecture) -> Network<Cpu> {
    let random = &mut crate::seed::stream(1, "init", 0);
    let mut net = Network::new(&Cpu::default(), architecture, (2, 100), (1, Fusion::Concat), 5, random).unwrap();
    net.freeze(|_| FreezeState::default());
    net
}

/// The loss, all gradients and the running statistics after a step on 7 records in `parts` parts.
fn after(architecture: &Architecture, parts: usize) -> (f64, Vec<(String, Vec<f32>)>) {
    let (device, mut net) = (Cpu::default(), network(architecture));
    let values: Vec<f32> = (0..7 * 100 * 2).map(|i| (i as f32 * 0.37).sin()).collect();
    let x = Var::input(&device, values, (7, 100, 2)).unwrap();
    let target = Loss::CrossEntropy { classes: vec![0, 1, 2, 3, 4, 0, 1], weights: vec![1.0; 5], form: Form::Plain };
    let random = |part: usize| crate::seed::stream(4, "dropout", if part == 0 { 0 } else { part as u64 });
    let step = Batch { x: &x, records: x.dims().0, of_features: false, target: &target, random: &random };
    let mut sum = device.sum().unwrap();
    let mut gradients: Gradients<Cpu> = step.gradients(&device, &mut net, parts, &mut sum).unwrap();
    let mut found = Vec::new();
    net.visit(|place, param: &mut Param<Cpu>| {
        let values = match place.role {
            Role::Parameter => gradients.get_or_alloc_mut(&param.value).unwrap().to_vec(),
            Role::Statistic => param.to_vec(),
        };
        found.push((place.name.to_owned(), values));
    });
    (device.total(&sum).unwrap(), found)
}

/// Without dropout, which draws its masks part by part.
fn without_dropout(kind: &str) -> Architecture {
    let mut architecture = Architecture::at_defaults(kind).unwrap();
    match &mut architecture {
        Architecture::Vit(config) => (config.layer_dropout, config.dropout) = (0.0, 0.0),
        Architecture::Rnn(config) => config.dropout = 0.0,
        other => panic!("{other:?}"),
    }
    architecture
}

#[test]
fn parts_add_up_to_the_whole() {
    for kind in ["vit", "rnn"] {
        let architecture = without_dropout(kind);
        let (loss, whole) = after(&architecture, 1);
        for parts in [2, 4, 8] {
            let (found, in_parts) = after(&architecture, parts);
            assert!((found - loss).abs() < 1e-5 * loss, "{kind} in {parts}: {found} and {loss}");
            for ((name, ours), (_, theirs)) in in_parts.iter().zip(&whole) {
                // Some gradients nearly vanish, behind the head's batch norm: what is left of them is rounding.
                let scale = theirs.iter().fold(0f32, |top, x| top.max(x.abs()));
                let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst <= 2e-5 * scale + 1e-7, "{kind} in {parts}: {name}: off by {worst:e} of {scale:e}");
            }
        }
    }
}

#[test]
fn who_looks_at_the_batch_is_known() {
    for (kind, knows_none) in [("vit", true), ("gru", true), ("cnn", false), ("inception1d", false)] {
        let mut net = network(&Architecture::at_defaults(kind).unwrap());
        assert_eq!(net.knows_no_batch(), knows_none, "{kind}");
        net.freeze(|_| FreezeState { frozen: true, ..FreezeState::default() });
        assert!(net.knows_no_batch(), "{kind} that holds still");
    }
}
