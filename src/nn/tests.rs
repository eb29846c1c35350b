use dfdx::prelude::Cpu;

use super::*;
use crate::manifest::{CnnConfig, Inception1dConfig};
use crate::ops::Gradients;
use crate::ops::gradient_check::{Reference, assert_close, reference, turned, values};
use crate::ops::loss::{Form, Loss, loss};

const TOLERANCE: f32 = 1e-4;

fn inception() -> Architecture {
    let config = Inception1dConfig { depth: 6, filters: 4, kernel: 40, bottleneck: 4, head: 8, dropout: 0.0 };
    Architecture::Inception1d(config)
}

fn cnn() -> Architecture {
    Architecture::Cnn(CnnConfig { channels: vec![6, 8, 10], kernels: vec![7, 5, 3], head: 8, dropout: 0.0 })
}

/// The reference's input, its channels side by side.
fn input(reference: &Reference) -> Var<Cpu> {
    let (shape, values) = values(reference, "input");
    let [batch, channels, length] = [shape[0], shape[1], shape[2]];
    Var::input(&Cpu::default(), turned(&values, channels, length), (batch, length, channels)).unwrap()
}

fn loaded(architecture: &Architecture, reference: &Reference) -> Network<Cpu> {
    let mut net =
        Network::new(&Cpu::default(), architecture, 3, (1, Fusion::Concat), 5, &mut crate::seed::stream(0, "init", 0))
            .unwrap();
    let mut seen = 0;
    net.visit(|place, param| {
        let (shape, values) = values(reference, &format!("weight.{}", place.name));
        assert_eq!(shape, param.shape, "{}", place.name);
        param.value.copy_from(&values);
        seen += 1;
    });
    let named =
        reference.keys().filter(|key| key.starts_with("weight.") && !key.ends_with("num_batches_tracked")).count();
    assert_eq!(seen, named, "every weight of the reference has its place");
    net.hold(|_| Hold::default());
    net
}

fn step(net: &mut Network<Cpu>, reference: &Reference) -> (Var<Cpu>, f64, Gradients<Cpu>, Vec<f32>) {
    let classes = values(reference, "label").1.iter().map(|&class| class as usize).collect();
    let mut x = input(reference);
    x.traced = true;
    let mut pass = Pass::training(crate::seed::stream(0, "dropout", 0));
    let output = net.forward(&x, &mut pass).unwrap();
    let target = Loss::CrossEntropy { classes, weights: vec![1.0; 5], form: Form::Plain };
    let (scalar, value) = loss(&mut pass.trace, &output, &target).unwrap();
    let (gradients, of_input) = pass.trace.backward_to(scalar, &x).unwrap();
    (output, value, gradients, of_input)
}

#[test]
fn outputs_and_gradients_equal_pytorch() {
    for (name, architecture) in [("inception1d", inception()), ("cnn", cnn())] {
        let reference = reference(name);
        let mut net = loaded(&architecture, &reference);
        let evaluated = net.forward(&input(&reference), &mut Pass::inference()).unwrap();
        assert_close("eval output", &evaluated.to_vec(), &values(&reference, "eval_output").1, TOLERANCE);
        let (output, value, mut gradients, of_input) = step(&mut net, &reference);
        assert_close("output", &output.to_vec(), &values(&reference, "output").1, TOLERANCE);
        assert_close("loss", &[value as f32], &values(&reference, "loss").1, TOLERANCE);
        let (shape, expected) = values(&reference, "grad_input");
        assert_close("input gradient", &turned(&of_input, shape[2], shape[1]), &expected, TOLERANCE);
        net.visit(|place, param| match place.role {
            Role::Parameter => {
                let gradient = gradients.get_or_alloc_mut(&param.value).unwrap().to_vec();
                assert_close(place.name, &gradient, &values(&reference, &format!("grad.{}", place.name)).1, TOLERANCE);
            }
            Role::Statistic => {
                let after = values(&reference, &format!("after.{}", place.name)).1;
                assert_close(place.name, &param.to_vec(), &after, TOLERANCE);
            }
        });
    }
}

#[test]
fn frozen_blocks_get_no_gradient_and_keep_their_statistics() {
    let reference = reference("inception1d");
    for batch_norm in [BatchNormMode::Frozen, BatchNormMode::Adapt] {
        let mut net = loaded(&inception(), &reference);
        net.hold(|name| Hold { frozen: ["block1", "block2", "block3"].contains(&name), batch_norm });
        let (_, _, gradients, _) = step(&mut net, &reference);
        net.visit(|place, param| {
            let frozen = ["block1", "block2", "block3"].contains(&place.block);
            let before = values(&reference, &format!("weight.{}", place.name)).1;
            match place.role {
                Role::Statistic => {
                    let still = frozen && batch_norm == BatchNormMode::Frozen;
                    assert_eq!(param.to_vec() == before, still, "{} {batch_norm:?}", place.name);
                }
                Role::Parameter => {
                    assert_eq!(param.trainable, !frozen);
                    let gradient =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| gradients.get(&param.value)));
                    assert_eq!(gradient.is_ok(), !frozen, "{}", place.name);
                }
            }
        });
    }
}

#[test]
fn block_names_are_those_of_the_architecture() {
    for architecture in [inception(), cnn()] {
        let mut net = Network::new(
            &Cpu::default(),
            &architecture,
            8,
            (2, Fusion::Concat),
            5,
            &mut crate::seed::stream(0, "init", 0),
        )
        .unwrap();
        let mut seen = Vec::new();
        net.visit(|place, _| {
            if place.backbone == Some(1) && !seen.contains(&place.block.to_owned()) {
                seen.push(place.block.to_owned());
            }
        });
        seen.sort();
        assert_eq!(seen, architecture.blocks());
    }
}
