//! Networks beside PyTorch's, and what holds for every kind. A network's own file may ask for both:
//! [`assert_equals_pytorch`], [`assert_gradients_are_slopes`].

use crate::tensor::Cpu;

use super::*;
use crate::ops::gradient_check::{Reference, assert_close, reference, turned, values};
use crate::ops::step::loss::{Form, Loss, loss};
use crate::tensor::{Gradients, Var};

const TOLERANCE: f32 = 1e-4;
/// Of recurrent layers, whose rounding goes through all time steps: PyTorch's own in f32 reaches 6e-5 of gradients of 0.2.
const RECURRENT: f32 = 3e-4;

fn inception() -> Architecture {
    let config = Inception1dConfig { depth: 6, filters: 4, kernel: 40, bottleneck: 4, head: 8, dropout: 0.0 };
    Architecture::Inception1d(config)
}

fn cnn() -> Architecture {
    Architecture::Cnn(CnnConfig { channels: vec![6, 8, 10], kernels: vec![7, 5, 3], head: 8, dropout: 0.0 })
}

fn resnet() -> Architecture {
    let config = Resnet1dConfig { width: 8, blocks: 3, kernels: [5, 3], stem_kernel: 7, head: 8, dropout: 0.0 };
    Architecture::Resnet1d(config)
}

fn xresnet(depth: usize) -> Architecture {
    Architecture::Xresnet1d(Xresnet1dConfig { depth, kernel: 5, width: 4, head: 8, dropout: 0.0 })
}

/// The references of networks, what they are of, and how near to them we are.
fn references() -> [(&'static str, Architecture, f32); 10] {
    [
        ("inception1d", inception(), TOLERANCE),
        ("cnn", cnn(), TOLERANCE),
        ("resnet1d", resnet(), TOLERANCE),
        ("xresnet1d18", xresnet(18), TOLERANCE),
        ("xresnet1d50", xresnet(50), TOLERANCE),
        ("vit", vit(), TOLERANCE),
        ("rnn", RnnConfig { hidden: 20, head: 8, dropout: 0.0, ..RnnConfig::default() }.into(), RECURRENT),
        ("lstm", lstm(false), RECURRENT),
        ("lstm_bidirectional", lstm(true), RECURRENT),
        ("gru", Architecture::Gru(gru()), RECURRENT),
    ]
}

fn vit() -> Architecture {
    let config =
        VitConfig { patch: 10, dim: 16, depth: 2, heads: 4, mlp: 64, layer_dropout: 0.0, head: 8, dropout: 0.0 };
    Architecture::Vit(config)
}

/// A fresh network for `leads` leads of 100 samples and 5 classes.
fn fresh(architecture: &Architecture, leads: usize, backbones: usize) -> Network<Cpu> {
    let random = &mut crate::seed::stream(0, "init", 0);
    Network::new(&Cpu::default(), architecture, (leads, 100), (backbones, Fusion::Concat), 5, random).unwrap()
}

fn lstm(bidirectional: bool) -> Architecture {
    LstmConfig { hidden: 20, bidirectional, head: 8, dropout: 0.0, ..LstmConfig::default() }.into()
}

fn gru() -> GruConfig {
    GruConfig { hidden: 20, head: 8, dropout: 0.0, ..GruConfig::default() }
}

/// The reference's input, its channels side by side.
fn input(reference: &Reference) -> Var<Cpu> {
    let (shape, values) = values(reference, "input");
    let [batch, channels, length] = [shape[0], shape[1], shape[2]];
    Var::input(&Cpu::default(), turned(&values, channels, length), (batch, length, channels)).unwrap()
}

fn loaded(architecture: &Architecture, reference: &Reference) -> Network<Cpu> {
    let mut net = fresh(architecture, 3, 1);
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
    net.freeze(|_| FreezeState::default());
    net
}

fn step(net: &mut Network<Cpu>, reference: &Reference) -> (Var<Cpu>, f64, Gradients<Cpu>, Vec<f32>) {
    let classes = values(reference, "label").1.iter().map(|&class| class as usize).collect();
    let mut x = input(reference);
    x.traced = true;
    let mut pass = Pass::training(crate::seed::stream(0, "dropout", 0));
    let output = net.forward(&x, &mut pass).unwrap();
    let target = Loss::CrossEntropy { classes, weights: vec![1.0; 5], form: Form::Plain };
    let mut value = 0.0;
    let scalar = loss(&mut pass.trace, &output, &target, 1.0, 1.0, &mut value).unwrap();
    let (gradients, of_input) = pass.trace.backward_to(scalar, &x).unwrap();
    (output, value, gradients, of_input)
}

#[test]
fn outputs_and_gradients_equal_pytorch() {
    for (name, architecture, tolerance) in references() {
        assert_equals_pytorch(name, &architecture, tolerance);
    }
}

/// Outputs, gradients and running statistics are those of `tests/fixtures/nn/{name}.safetensors`, which `make.py` beside
/// it makes; `tolerance` is relative to the largest value.
pub(super) fn assert_equals_pytorch(name: &str, architecture: &Architecture, tolerance: f32) {
    let reference = reference(name);
    let mut net = loaded(architecture, &reference);
    let evaluated = net.forward(&input(&reference), &mut Pass::inference()).unwrap();
    assert_close("eval output", &evaluated.to_vec(), &values(&reference, "eval_output").1, tolerance);
    let (output, value, mut gradients, of_input) = step(&mut net, &reference);
    assert_close("output", &output.to_vec(), &values(&reference, "output").1, tolerance);
    assert_close("loss", &[value as f32], &values(&reference, "loss").1, tolerance);
    // Gradients that the head's batch norm cancels are 0 but for rounding.
    let gradients_of = reference.iter().filter(|(key, _)| key.starts_with("grad."));
    let largest = gradients_of.flat_map(|(_, (_, values))| values).fold(0f32, |top, x| top.max(x.abs()));
    let (shape, expected) = values(&reference, "grad_input");
    assert_close("input gradient", &turned(&of_input, shape[2], shape[1]), &expected, tolerance);
    net.visit(|place, param| match place.role {
        Role::Parameter => {
            let gradient = gradients.get_or_alloc_mut(&param.value).unwrap().to_vec();
            let expected = values(&reference, &format!("grad.{}", place.name)).1;
            let own = expected.iter().fold(0f32, |top, x| top.max(x.abs()));
            let tolerance = tolerance * (largest / 100.0 / own.max(1e-6)).max(1.0);
            assert_close(place.name, &gradient, &expected, tolerance);
        }
        Role::Statistic => {
            let after = values(&reference, &format!("after.{}", place.name)).1;
            assert_close(place.name, &param.to_vec(), &after, tolerance);
        }
    });
}

/// The step of the loss along the gradient of all weights is as long as the gradient says: a check of a whole backward
/// pass without PyTorch. Without dropout, for it is random.
pub(super) fn assert_gradients_are_slopes(architecture: &Architecture) {
    let mut net = fresh(architecture, 3, 1);
    net.freeze(|_| FreezeState::default());
    // Records that differ much: batch norms over records that are alike bend the loss.
    let random = &mut crate::seed::stream(3, "records", 0);
    let values = layer::uniform(8 * 100 * 3, 1, random);
    let x = Var::input(&Cpu::default(), values, (8, 100, 3)).unwrap();
    let classes = (0..8).map(|record| record % 5).collect();
    let target = Loss::CrossEntropy { classes, weights: vec![1.0; 5], form: Form::Plain };
    let run = |net: &mut Network<Cpu>| {
        let (mut pass, mut value) = (Pass::training(crate::seed::stream(0, "dropout", 0)), 0.0);
        let output = net.forward(&x, &mut pass).unwrap();
        let scalar = loss(&mut pass.trace, &output, &target, 1.0, 1.0, &mut value).unwrap();
        (value, pass.trace.backward(scalar).unwrap())
    };
    let (_, gradients) = run(&mut net);
    let mut direction: Vec<Vec<f32>> = Vec::new();
    net.visit(|place, param| {
        if place.role == Role::Parameter {
            direction.push(gradients.get(&param.value).as_vec());
        }
    });
    let norm = direction.iter().flatten().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let moved = |net: &mut Network<Cpu>, by: f64| {
        let mut direction = direction.iter();
        net.visit(|place, param| {
            if place.role == Role::Parameter {
                let step = direction.next().unwrap();
                let values = param.to_vec();
                let values: Vec<f32> = values.iter().zip(step).map(|(w, g)| w + (by / norm) as f32 * g).collect();
                param.value.copy_from(&values);
            }
        });
    };
    // As far as changes the loss by about this much: more is bent, less is rounding.
    let step = 2e-3 / norm;
    moved(&mut net, step);
    let (above, _) = run(&mut net);
    moved(&mut net, -2.0 * step);
    let (below, _) = run(&mut net);
    let slope = (above - below) / (2.0 * step);
    assert!((slope - norm).abs() < 0.05 * norm, "the loss changes by {slope}, the gradient is {norm}");
}

/// What holds for every kind at its defaults, whoever adds it.
#[test]
fn every_kind_keeps_its_word() {
    for kind in ARCHITECTURES.known {
        let architecture = Architecture::at_defaults(kind.name).unwrap();
        assert_eq!(architecture.kind(), kind.name);
        let json = serde_json::to_value(&architecture).unwrap();
        assert_eq!(serde_json::from_value::<Architecture>(json).unwrap(), architecture, "{}", kind.name);
        let mut net = fresh(&architecture, 2, 2);
        let mut seen = Vec::new();
        net.visit(|place, _| {
            if place.backbone == Some(1) && !seen.contains(&place.block.to_owned()) {
                seen.push(place.block.to_owned());
            }
        });
        let mut names = architecture.blocks();
        assert_eq!(net.backbones()[0].blocks(), names);
        names.sort();
        seen.sort();
        assert_eq!(seen, names, "every block of `{}` has values", kind.name);
        let x = Var::input(&Cpu::default(), vec![0.5; 2 * 100 * 2], (2, 100, 2)).unwrap();
        let features = net.features(&x, &mut Pass::inference()).unwrap().to_vec();
        assert_eq!(
            features.len(),
            2 * 2 * 2 * architecture.channels(),
            "maxima and means, two backbones: {}",
            kind.name
        );
        let [short, long] = [100, 200].map(|length| architecture.cost(Input { leads: 2, length }));
        assert!(0 < short.multiplications && short.multiplications < long.multiplications, "{}", kind.name);
        assert!(0 < short.kept && short.kept < long.kept && short.largest < long.largest, "{}", kind.name);
    }
}

#[test]
fn frozen_blocks_get_no_gradient_and_keep_their_statistics() {
    for (name, architecture, _) in references() {
        for batch_norm in [BatchNormMode::Frozen, BatchNormMode::Adapt] {
            frozen_blocks(name, &architecture, batch_norm);
        }
    }
}

fn frozen_blocks(name: &str, architecture: &Architecture, batch_norm: BatchNormMode) {
    const FROZEN: [&str; 3] = ["stem", "block1", "block2"];
    let reference = reference(name);
    let mut net = loaded(architecture, &reference);
    net.freeze(|name| FreezeState { frozen: FROZEN.contains(&name), batch_norm });
    let (_, _, gradients, _) = step(&mut net, &reference);
    net.visit(|place, param| {
        let frozen = FROZEN.contains(&place.block);
        let before = values(&reference, &format!("weight.{}", place.name)).1;
        match place.role {
            Role::Statistic => {
                let still = frozen && batch_norm == BatchNormMode::Frozen;
                assert_eq!(param.to_vec() == before, still, "{} {batch_norm:?}", place.name);
            }
            Role::Parameter => {
                assert_eq!(param.trainable, !frozen);
                let gradient = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| gradients.get(&param.value)));
                assert_eq!(gradient.is_ok(), !frozen, "{}", place.name);
            }
        }
    });
}

#[test]
fn frozen_recurrent_layers_get_no_gradient_and_pass_none_on() {
    let reference = reference("lstm_bidirectional");
    let label = values(&reference, "label").1.iter().map(|&class| class as usize).collect();
    let target = Loss::CrossEntropy { classes: label, weights: vec![1.0; 5], form: Form::Plain };
    for (frozen, traced) in [(&["block1"][..], true), (&["block2"][..], true), (&["block1", "block2"][..], false)] {
        let mut net = loaded(&lstm(true), &reference);
        net.freeze(|name| FreezeState { frozen: frozen.contains(&name), batch_norm: BatchNormMode::Frozen });
        let mut pass = Pass::training(crate::seed::stream(0, "dropout", 0));
        let features = net.features(&input(&reference), &mut pass).unwrap();
        assert_eq!(features.traced, traced, "{frozen:?}");
        let output = net.head(&features, &mut pass).unwrap();
        let scalar = loss(&mut pass.trace, &output, &target, 1.0, 1.0, &mut 0.0).unwrap();
        let gradients = pass.trace.backward(scalar).unwrap();
        net.visit(|place, param| {
            if place.role == Role::Statistic {
                return;
            }
            if frozen.contains(&place.block) {
                let gradient = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| gradients.get(&param.value)));
                assert!(gradient.is_err(), "{}", place.name);
            } else {
                let expected = values(&reference, &format!("grad.{}", place.name)).1;
                assert_close(place.name, &gradients.get(&param.value).as_vec(), &expected, RECURRENT);
            }
        });
    }
}

#[test]
fn dropout_between_layers_comes_before_trained_ones_in_training_only() {
    let config = GruConfig { layer_dropout: 0.5, ..gru() };
    let reference = reference("gru");
    let features = |net: &mut Network<Cpu>, training: bool, seed: u64| {
        let mut pass = Pass::training(crate::seed::stream(seed, "dropout", 0));
        pass.training = training;
        net.features(&input(&reference), &mut pass).unwrap().to_vec()
    };
    let mut net = loaded(&Architecture::Gru(config), &reference);
    let evaluated = features(&mut net, false, 0);
    assert_eq!(evaluated, features(&mut loaded(&Architecture::Gru(gru()), &reference), true, 0));
    assert_ne!(evaluated, features(&mut net, true, 0));
    assert_eq!(features(&mut net, true, 1), features(&mut net, true, 1));
    assert_ne!(features(&mut net, true, 1), features(&mut net, true, 2));
    net.freeze(|name| FreezeState { frozen: name != "block1", batch_norm: BatchNormMode::Frozen });
    assert_eq!(evaluated, features(&mut net, true, 0));
}

#[test]
fn block_names_are_those_of_the_architecture() {
    for (_, architecture, _) in references() {
        let mut net = fresh(&architecture, 8, 2);
        let mut seen = Vec::new();
        net.visit(|place, _| {
            if place.backbone == Some(1) && !seen.contains(&place.block.to_owned()) {
                seen.push(place.block.to_owned());
            }
        });
        let mut names = architecture.blocks();
        names.sort();
        seen.sort();
        assert_eq!(seen, names);
    }
}

/// As PyTorch's `kaiming_normal_` for all weights, no bias at first, and scale 0 where a residual block ends.
#[test]
fn an_xresnet_starts_as_the_benchmark_does() {
    let random = &mut crate::seed::stream(0, "init", 0);
    let config = Xresnet1dConfig { depth: 50, ..Xresnet1dConfig::default() };
    let mut net =
        Network::new(&Cpu::default(), &Architecture::Xresnet1d(config), (8, 1000), (1, Fusion::Concat), 5, random)
            .unwrap();
    let (mut silent, mut blocks) = (0, Vec::new());
    net.visit(|place, param| {
        let values = param.to_vec();
        if let Some((block, _)) = place.name.split_once(".convs.")
            && !blocks.contains(&block.to_owned())
        {
            blocks.push(block.to_owned());
        }
        match param.shape[..] {
            [_] if place.name.ends_with("bias") || place.name.ends_with("mean") => {
                assert!(values.iter().all(|x| *x == 0.0), "{}", place.name);
            }
            [_] if place.name.ends_with(".convs.2.bn.weight") => {
                assert!(values.iter().all(|x| *x == 0.0), "{}", place.name);
                silent += 1;
            }
            [_] => assert!(values.iter().all(|x| *x == 1.0), "{}", place.name),
            _ => {
                let fan_in = param.shape[1..].iter().product::<usize>() as f64;
                let squares = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / values.len() as f64;
                // The variance of n normal values is off by sqrt(2 / n); five times that is far out.
                let off = (squares * fan_in / 2.0 - 1.0).abs();
                assert!(off < 5.0 * (2.0 / values.len() as f64).sqrt(), "{}: off by {off}", place.name);
            }
        }
    });
    assert_eq!((silent, blocks.len()), (16, 16));
}

/// Parameters at defaults without the head, counted by hand.
#[test]
fn residual_networks_have_the_benchmarks_sizes() {
    let backbone = |architecture: Architecture| {
        let random = &mut crate::seed::stream(0, "init", 0);
        let mut net = Network::new(&Cpu::default(), &architecture, (8, 1000), (1, Fusion::Concat), 5, random).unwrap();
        let (_, blocks) = net.parameters();
        blocks.into_iter().filter(|(name, _)| name != "head").map(|(_, count)| count).collect::<Vec<_>>()
    };
    let norm = |channels: usize| 2 * channels;
    let block = 128 * 128 * (5 + 3) + 2 * norm(128);
    let strided = block + 128 * 128 + norm(128);
    let stem = 8 * 128 * 7 + norm(128);
    assert_eq!(backbone(Architecture::Resnet1d(Resnet1dConfig::default())), [stem, block, strided, strided]);

    let stem = (8 * 32 + 32 * 32 + 32 * 64) * 5 + norm(32) + norm(32) + norm(64);
    let basic = 2 * (64 * 64 * 5 + norm(64));
    let of_depth = |depth| Architecture::Xresnet1d(Xresnet1dConfig { depth, ..Xresnet1dConfig::default() });
    assert_eq!(backbone(of_depth(34)), [stem, 3 * basic, 4 * basic, 6 * basic, 3 * basic]);
    let bottleneck = 256 * 64 + 64 * 64 * 5 + 64 * 256 + norm(64) + norm(64) + norm(256);
    let first = bottleneck - (256 - 64) * 64 + 64 * 256 + norm(256);
    let stages = [3, 4, 23, 3].map(|blocks| blocks * bottleneck);
    let expected = [stem, first + stages[0] - bottleneck, stages[1], stages[2], stages[3]];
    assert_eq!(backbone(of_depth(101)), expected);
}

#[test]
fn frozen_blocks_of_a_vit_drop_nothing() {
    let Architecture::Vit(config) = vit() else { unreachable!() };
    let mut net = fresh(&Architecture::Vit(VitConfig { layer_dropout: 0.5, ..config }), 3, 1);
    let x = input(&reference("vit"));
    let inferred = net.features(&x, &mut Pass::inference()).unwrap().to_vec();
    let mut trained = |frozen: &[&str], seed| {
        net.freeze(|name| FreezeState { frozen: frozen.contains(&name), ..FreezeState::default() });
        net.features(&x, &mut Pass::training(crate::seed::stream(seed, "dropout", 0))).unwrap().to_vec()
    };
    assert!(trained(&["stem", "block1", "block2"], 0) == inferred);
    for frozen in [&["stem", "block1"], &["stem", "block2"]] {
        let once = trained(frozen, 0);
        assert!(once != inferred && once == trained(frozen, 0) && once != trained(frozen, 1), "{frozen:?}");
    }
}

/// Of `vit` at its defaults: dim 128, 20 patches of 50 samples of 8 leads.
/// Trained values of a fresh backbone.
pub(super) fn parameters(architecture: &Architecture, leads: usize) -> usize {
    let (_, blocks) = fresh(architecture, leads, 1).parameters();
    blocks.iter().filter(|(block, _)| block != "head").map(|(_, count)| count).sum()
}

#[test]
fn parameters_of_a_vit_are_counted_by_block() {
    let random = &mut crate::seed::stream(0, "init", 0);
    let architecture = Architecture::Vit(VitConfig::default());
    let (_, blocks) =
        Network::new(&Cpu::default(), &architecture, (8, 1000), (1, Fusion::Concat), 5, random).unwrap().parameters();
    let norm = 2 * 128;
    let block = (384 * 128 + 384) + (128 * 128 + 128) + (512 * 128 + 512) + (128 * 512 + 128) + 2 * norm;
    assert_eq!(blocks[0], ("stem".to_owned(), 128 * 8 * 50 + 128 + 20 * 128));
    assert_eq!(blocks[1], ("block1".to_owned(), block));
    assert_eq!(blocks[6], ("block6".to_owned(), block + norm));
    assert_eq!(blocks[7].0, "head");
}
