//! Training controls and freezes: what each does to the weights of a stage.

use super::super::examples::{Augments, Examples};
use super::super::labels::ExampleLabels;
use super::*;
use crate::nn::ARCHITECTURES;

/// Every control that a stage has, beside the usual ones.
pub(super) fn controlled() -> String {
    let controls = r#"
gradient_clipping = { norm = 0.5 }
optimizer = { kind = "rmsprop", learning_rate = 0.001, momentum = 0.5, weight_decay = 0.01 }
schedule = { kind = "plateau", patience = 1, warmup_epochs = 1.0 }
augment = ["gaussian-noise", "baseline-wander", "lead-dropout", "time-shift", "amplitude-scale",
           { kind = "random-crop", duration = 0.5 }]
"#;
    MANIFEST
        .replace("[regression]", &format!("[regression]\nloss = {{ kind = \"huber\", delta = 0.5 }}{controls}"))
        .replace("[transfer]", &format!("[transfer]\nloss = \"focal\"{controls}"))
        .replace("[freezes.gradual]", "[freezes.gradual]\nl2_sp = { alpha = 0.1, beta = 0.01 }")
}

#[test]
fn frozen_means_bit_identical_in_every_architecture() {
    for kind in ARCHITECTURES.known {
        let (start, end) = (MANIFEST.find("[architectures").unwrap(), MANIFEST.find("[freezes.probe]").unwrap());
        let text = format!("{}[architectures.inception]\nkind = {:?}\n", &MANIFEST[..start], kind.name);
        let mut blocks = parse(&text.replace("0.64", "2.56")).architectures["inception"].blocks();
        let frozen = blocks.drain(..blocks.len().div_ceil(2)).collect::<Vec<_>>();
        let text = format!("{text}[freezes.half]\nsteps = [{{ blocks = {frozen:?} }}]\n{}", &MANIFEST[end..])
            .replace("0.64", "2.56")
            .replace("epochs = 4", "epochs = 1");
        let adapting = text.replace("[freezes.half]", "[freezes.half]\nbatch_norm = \"adapt\"");
        let mut donor = regress(&text).network;
        for (text, freeze) in [(&text, "half"), (&adapting, "half"), (&text, "probe")] {
            let mut after = classify(text, std::slice::from_ref(&donor), Some(freeze)).network;
            let mut before = Vec::new();
            donor.visit(|place, param| {
                if place.backbone.is_some() {
                    before
                        .push((place.name.to_owned(), param.to_vec().iter().map(|x| x.to_bits()).collect::<Vec<_>>()));
                }
            });
            let mut before = before.into_iter();
            let mut moved = [0, 0];
            after.visit(|place, param| {
                if place.backbone.is_none() {
                    return;
                }
                let (name, bits) = before.next().unwrap();
                assert_eq!(name, place.name);
                let same = param.to_vec().iter().map(|x| x.to_bits()).eq(bits);
                let frozen = freeze == "probe" || frozen.iter().any(|block| block == place.block);
                if frozen && (place.role == Role::Parameter || *text != adapting) {
                    assert!(same, "{}, freeze {freeze}: {name} of {} has moved", kind.name, place.block);
                } else if !same {
                    moved[usize::from(frozen)] += 1;
                }
            });
            if freeze == "half" && !blocks.is_empty() {
                assert!(moved[0] > 0, "{}: blocks that are not frozen are trained", kind.name);
            }
            if *text == adapting && donor_has_statistics(&mut donor, &frozen) {
                assert!(moved[1] > 0, "{}: statistics of frozen blocks adapt", kind.name);
            }
        }
    }
}

fn donor_has_statistics(donor: &mut Network<Cpu>, blocks: &[String]) -> bool {
    let mut found = false;
    donor.visit(|place, _| found |= place.role == Role::Statistic && blocks.iter().any(|block| block == place.block));
    found
}

/// Weights that L2-SP pulls, of the backbone.
fn kernels(net: &mut Network<Cpu>) -> Vec<f32> {
    let mut all = Vec::new();
    net.visit(|place, param| {
        if place.backbone.is_some() && param.shape.len() > 1 {
            all.extend(param.to_vec());
        }
    });
    all
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn a_strong_pull_keeps_weights_near_the_grafted_ones() {
    let mut donor = regress(MANIFEST).network;
    // Forty steps; the pull undoes all but the last of them.
    let sgd =
        "[transfer]\nschedule = \"constant\"\noptimizer = { kind = \"sgd\", learning_rate = 0.01, momentum = 0.0 }";
    let text = MANIFEST
        .replace("[transfer]", sgd)
        .replace("epochs = 4", "epochs = 1")
        .replace("batch_size = 8", "batch_size = 2")
        + "[freezes.free]\n[freezes.pulled]\nl2_sp = { alpha = 100 }\n";
    let after = |freeze: &str| {
        let donors = std::slice::from_ref(&donor);
        kernels(&mut classify_of(160, &text, donors, Fusion::Concat, Some(freeze)).network)
    };
    let (free, pulled) = (after("free"), after("pulled"));
    let start = kernels(&mut donor);
    let [far, near] = [free, pulled].map(|weights| distance(&weights, &start));
    assert!(near > 0.0 && near < 0.5 * far, "{near} {far}");
}

#[test]
fn a_gradual_thaw_frees_blocks_from_the_head_down() {
    let mut donor = regress(MANIFEST).network;
    for epochs in 1..=6 {
        let text = MANIFEST.replace("epochs = 4", &format!("epochs = {epochs}"))
            + "[freezes.thawing]\ngradual_thaw = { every = 1 }\n";
        let mut after = classify(&text, std::slice::from_ref(&donor), Some("thawing"));
        for (block, thaw) in [("block3", 1), ("block2", 2), ("block1", 3)] {
            let same = values(&mut donor, Some(block)) == values(&mut after.network, Some(block));
            assert_eq!(same, after.outcome.best_epoch <= thaw, "{block} in epoch {}", after.outcome.best_epoch);
        }
        let last_thaw_in_time = [None, Some(2), Some(3), Some(4)][epochs.min(4) - 1];
        assert_eq!(after.outcome.last_step, last_thaw_in_time, "{epochs} epochs");
    }
}

#[test]
fn a_freeze_without_effect_on_gradients_changes_no_bit() {
    let donor = regress(MANIFEST).network;
    let text = MANIFEST.to_owned() + "[freezes.free]\n[freezes.zero]\nl2_sp = { alpha = 0, beta = 0 }\n";
    let after = |freeze| values(&mut classify(&text, std::slice::from_ref(&donor), Some(freeze)).network, None);
    assert_eq!(after("free"), after("zero"));
}

#[test]
fn clipped_gradients_move_weights_no_further_than_they_may() {
    let text = MANIFEST.replace("epochs = 4", "epochs = 1").replace(
        "[transfer]",
        "[transfer]\ngradient_clipping = { norm = 0.01 }\nschedule = \"constant\"\n\
         optimizer = { kind = \"sgd\", learning_rate = 1.0, momentum = 0.0 }",
    );
    let mut donor = regress(&text).network;
    let trained = classify(&text, std::slice::from_ref(&donor), Some("none"));
    let mut after = trained.network;
    let moved = distance(&kernels(&mut after), &kernels(&mut donor));
    // 20 records make 3 steps.
    assert!(moved > 0.0 && moved <= 0.03, "{moved}");
    let norm = trained.outcome.epochs.iter().find(|value| value.metric == "gradient_norm").unwrap();
    assert!(norm.split == Subset::Train && norm.value > 0.01, "{norm:?}");
    let unclipped = classify(MANIFEST, std::slice::from_ref(&donor), Some("none"));
    assert!(unclipped.outcome.epochs.iter().all(|value| value.metric != "gradient_norm"));
}

#[test]
fn a_learning_rate_scale_scales_the_steps_of_its_blocks_alone() {
    // One step of plain gradient descent, so that distances are proportional to rates.
    let text = MANIFEST
        .replace("batch_size = 8", "batch_size = 64")
        .replace("epochs = 4", "epochs = 1")
        .replace("[transfer]", "[transfer]\nschedule = \"constant\"\noptimizer = { kind = \"sgd\", momentum = 0.0 }")
        + "[freezes.free]\n[freezes.scaled]\nlearning_rate_scale = { block1 = 0.25, block2 = 0, head = 4 }\n";
    let donor = regress(&text).network;
    let free = classify(&text, std::slice::from_ref(&donor), Some("free")).network;
    let scaled = classify(&text, std::slice::from_ref(&donor), Some("scaled")).network;
    let parameters = |net: &Network<Cpu>, block: &str| {
        let mut all = Vec::new();
        net.clone().visit(|place, param| {
            if place.block == block && place.role == Role::Parameter {
                all.extend(param.to_vec());
            }
        });
        all
    };
    for (block, scale) in [("block1", 0.25), ("block2", 0.0), ("block3", 1.0)] {
        let start = parameters(&donor, block);
        let [whole, part] = [&free, &scaled].map(|net| distance(&parameters(net, block), &start));
        assert!(whole > 0.0 && (part - scale * whole).abs() < 1e-3 * whole, "{block}: {part} of {whole}");
    }
    assert_ne!(parameters(&free, "head"), parameters(&scaled, "head"));
}

#[test]
fn random_changes_depend_on_record_and_epoch_alone() {
    let manifest = parse(&controlled());
    let (datasets, split) = records(40);
    let labels = ExampleLabels::Numbers(vec![0.0; split.train.len()], 1);
    let examples = Examples::new(&manifest.signal, &datasets, &split.train, None, &labels);
    let draw = |indices: &[usize], epoch: usize| {
        let list = &manifest.transfer.augment;
        let augments =
            Augments { list, sampling_rate: manifest.signal.sampling_rate, randomness: &randomness(), epoch };
        examples.signals(indices, Some(&augments)).unwrap()
    };
    let size = 2 * manifest.signal.length();
    let whole = draw(&[4, 7, 2], 5);
    // In another order, and without the epochs before.
    assert_eq!(draw(&[2, 4], 5), [&whole[2 * size..], &whole[..size]].concat());
    assert_ne!(draw(&[4], 6), whole[..size]);
    assert_ne!(draw(&[4], 5), examples.signals(&[4], None).unwrap());
}

#[test]
fn every_transfer_loss_learns() {
    for labels in ["single", "multi"] {
        for loss in ["loss = \"cross-entropy\"\nlabel_smoothing = 0.1", "loss = \"focal\""] {
            let settings = format!(
                "labels = {labels:?}\n{loss}\nclass_weights = \"balanced\"\n\
                 optimizer = {{ learning_rate = 0.01 }}\nepochs = 30\n"
            );
            let text = MANIFEST.replace(
                "classes = [\"NORM\", \"MI\"]\nepochs = 4\n",
                &format!("classes = [\"NORM\", \"MI\"]\n{settings}"),
            );
            let text = text.replace("kernel = 12", "kernel = 12\ndropout = 0.0");
            let outcome = classify_of(160, &text, &[], Fusion::Concat, None).outcome;
            let auc =
                outcome.scores.iter().find(|score| score.split == Subset::Test && score.metric == "macro_auc").unwrap();
            assert!(auc.value.unwrap() > 0.9, "{labels} {loss}: {auc:?}");
        }
    }
}
