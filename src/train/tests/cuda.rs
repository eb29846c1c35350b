//! Training on the GPU beside the CPU's.

use crate::tensor::Cuda;

use super::super::examples::{Augments, Examples};
use super::super::labels::ExampleLabels;
use super::*;
use crate::manifest::{Augment, L2Sp};
use crate::ops::cuda::{waits, with_precision};
use crate::ops::cuda_twins::gpu;
use crate::ops::step::gather::{Kernel as _, gather, keep};
use crate::ops::step::sum::Kernel as _;
use crate::precision::Precision;
use crate::tensor::Var;

/// Calls `act` with examples of two leads and 64 samples at 100 Hz.
fn with_examples<T>(act: impl FnOnce(&Examples<'_>) -> T) -> T {
    let manifest = parse(MANIFEST);
    let (datasets, split) = records(40);
    let labels = ExampleLabels::Numbers(vec![0.0; split.train.len()], 1);
    act(&Examples::new(&manifest.signal, &datasets, &split.train, None, &labels))
}

/// The examples `indices`, changed on the GPU.
fn changed(examples: &Examples<'_>, indices: &[usize], augments: &Augments<'_>) -> Vec<f32> {
    let (gpu, (leads, length)) = (gpu(), examples.shape);
    let all: Vec<usize> = (0..examples.len()).collect();
    let mut table = gpu.table(all.len(), leads * length).unwrap().unwrap();
    let x = Var::input(&gpu, examples.signals(&all, None).unwrap(), (all.len(), length, leads)).unwrap();
    keep(&gpu, &mut table, 0, &x).unwrap();
    let changes = augments.draw(indices, examples.shape);
    gather(&gpu, &table, indices, (length, leads), Some(&changes)).unwrap().values().unwrap()
}

fn shifting() -> Augment {
    Augment::TimeShift { shift: 0.2 }
}

#[test]
fn every_augment_but_noise_is_the_cpus_in_any_order() {
    let each = [
        Augment::BaselineWander { amplitude: 0.5 },
        Augment::LeadDropout { p: 0.4 },
        Augment::RandomCrop { duration: 0.4 },
        Augment::AmplitudeScale { range: 0.5 },
        shifting(),
    ];
    let mut lists: Vec<Vec<Augment>> = each.iter().map(|augment| vec![augment.clone()]).collect();
    for turn in 0..each.len() {
        let mut list = each.to_vec();
        list.rotate_left(turn);
        list.insert(2, shifting());
        lists.push(list.clone());
        list.reverse();
        lists.push(list);
    }
    with_examples(|examples| {
        for list in &lists {
            let augments = Augments { list, sampling_rate: 100.0, randomness: &randomness(), epoch: 7 };
            let indices = [4, 0, 11, 4, 7];
            let found = changed(examples, &indices, &augments);
            let expected = examples.signals(&indices, Some(&augments)).unwrap();
            let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{list:?}: off by {worst}");
        }
    });
}

#[test]
fn noise_has_its_moments_and_depends_on_record_and_epoch_alone() {
    with_examples(|examples| {
        let indices: Vec<usize> = (0..examples.len()).collect();
        let list = [Augment::GaussianNoise { sd: 0.5 }, Augment::GaussianNoise { sd: 1.2 }, shifting()];
        let noisy = |indices: &[usize], epoch: usize| {
            changed(
                examples,
                indices,
                &Augments { list: &list[..2], sampling_rate: 100.0, randomness: &randomness(), epoch },
            )
        };
        let whole = noisy(&indices, 5);
        let clean = Var::input(&gpu(), examples.signals(&indices, None).unwrap(), (indices.len(), 64, 2)).unwrap();
        let noise: Vec<f64> = whole.iter().zip(clean.values().unwrap()).map(|(a, b)| f64::from(a - b) / 1.3).collect();
        let moment = |power: i32| noise.iter().map(|x| x.powi(power)).sum::<f64>() / noise.len() as f64;
        let within =
            |found: f64, expected: f64, sd: f64| (found - expected).abs() < 4.0 * sd / (noise.len() as f64).sqrt();
        let moments = [1, 2, 3, 4].map(moment);
        assert!(within(moments[0], 0.0, 1.0) && within(moments[1], 1.0, 2f64.sqrt()), "{moments:?}");
        assert!(within(moments[2], 0.0, 15f64.sqrt()) && within(moments[3], 3.0, 96f64.sqrt()), "{moments:?}");
        let near = noise.iter().filter(|x| x.abs() < 1.0).count() as f64 / noise.len() as f64;
        assert!(within(near, 0.6827, (0.6827f64 * 0.3173).sqrt()), "{near}");
        // Neighbours know nothing of each other.
        let product = noise.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / noise.len() as f64;
        assert!(within(product, 0.0, 1.0), "{product}");

        let size = 2 * 64;
        assert_eq!(noisy(&[2, 4], 5), [&whole[2 * size..3 * size], &whole[4 * size..5 * size]].concat());
        assert_ne!(noisy(&[2], 6), whole[2 * size..3 * size]);
        // Noise moves with the record that it was added to.
        let (first, then) = ([list[0].clone(), shifting()], list[0].clone());
        let randomness = randomness();
        let augments = |list| Augments { list, sampling_rate: 100.0, randomness: &randomness, epoch: 5 };
        let moved = changed(examples, &[9], &augments(&first));
        let still = changed(examples, &[9], &augments(std::slice::from_ref(&then)));
        let by = (-20..=20isize).find(|by| {
            (0..64isize).all(|i| {
                let from = usize::try_from(i - by).ok().filter(|from| *from < 64);
                (0..2).all(|lead| moved[2 * i as usize + lead] == from.map_or(0.0, |from| still[2 * from + lead]))
            })
        });
        assert!(by.is_some());
    });
}

fn rows<D: Backend>(device: &D) -> Vec<f32> {
    let x = Var::input(device, (0..60).map(|i| i as f32).collect(), (5, 4, 3)).unwrap();
    let Some(mut table) = device.table(7, 12).ok().unwrap() else { return Vec::new() };
    keep(device, &mut table, 2, &x).unwrap();
    let all = device.rows(&table).ok().unwrap();
    let some = gather(device, &table, &[6, 2, 2], (4, 3), None).unwrap().values().unwrap();
    assert_eq!(some, [&all[72..84], &all[24..36], &all[24..36]].concat());
    all[24..].to_vec()
}

#[test]
fn rows_that_are_kept_come_back() {
    assert_eq!(rows(&gpu()), (0..60).map(|i| i as f32).collect::<Vec<_>>());
    assert!(rows(&Cpu::default()).is_empty());
    // More than there is.
    assert!(gpu().table(1 << 40, 1 << 10).unwrap().is_none());
}

const SMALL_CNN: &str =
    "[architectures.inception]\nkind = \"cnn\"\nchannels = [4, 8]\nkernels = [7, 5]\nhead = 6\ndropout = 0.25\n";

/// The small network of these tests, as a cnn, with every control but noise.
fn manifest() -> Manifest {
    let start = MANIFEST.find("[architectures.inception]").unwrap();
    let end = MANIFEST.find("[freezes.probe]").unwrap();
    let text = format!("{}{SMALL_CNN}{}", &MANIFEST[..start], &MANIFEST[end..]);
    let controls =
        "gradient_clipping = { norm = 0.5 }\naugment = [\"lead-dropout\", \"time-shift\", \"amplitude-scale\"]\n";
    parse(&text.replace("[regression]\n", &format!("[regression]\n{controls}")))
}

fn curves<D: Backend>(device: &D) -> Vec<EpochValue> {
    curves_of(device, &manifest())
}

fn curves_of<D: Backend>(device: &D, manifest: &Manifest) -> Vec<EpochValue> {
    let (datasets, split) = records(40);
    regressed(device, manifest, &[Target::HR], (&split, &datasets), &mut Silent).unwrap().outcome.epochs
}

/// A stage on both devices in turn; on the GPU twice.
fn compare(expected: Vec<EpochValue>, run: impl Fn(&Cuda) -> Vec<EpochValue>) {
    let gpu = gpu();
    let found = with_precision(Precision::F32, || run(&gpu));
    assert_eq!(found.len(), expected.len());
    for (ours, theirs) in found.iter().zip(&expected) {
        assert_eq!((ours.epoch, ours.split, &ours.metric), (theirs.epoch, theirs.split, &theirs.metric));
        let off = (ours.value - theirs.value).abs();
        assert!(off < 1e-3 * theirs.value.abs().max(1.0), "{ours:?} {theirs:?}");
    }
    assert!(with_precision(Precision::F32, || run(&gpu)) == found, "two runs differ");
}

#[test]
fn a_stage_goes_on_from_where_it_was_stopped_on_the_gpu_too() {
    let (gpu, manifest, (datasets, split)) = (gpu(), manifest(), records(40));
    let train = |watch: &mut dyn Watch| {
        let trained = regressed(&gpu, &manifest, &[Target::HR], (&split, &datasets), watch)?;
        let mut network = trained.network;
        let mut weights = Vec::new();
        network.visit(|_, param| weights.push(param.to_vec()));
        Ok((weights, trained.outcome.epochs)) as Result<_>
    };
    with_precision(Precision::F32, || {
        let (expected, file) = (train(&mut Silent).unwrap(), resume::path("gpu"));
        // In the first epoch, between two, in the last.
        for steps in [2, 3, 7] {
            assert!(train(&mut resume::watch(&file, steps)).is_err());
            let mut watch = resume::watch(&file, usize::MAX);
            assert!(train(&mut watch).unwrap() == expected, "stopped after {steps} steps");
            assert!(watch.told[0].starts_with("goes on from where it was stopped"), "{:?}", watch.told);
        }
        std::fs::remove_file(file).unwrap();
        // Sums on the device, bit by bit.
        for value in [0.0, -0.0, 1.5e-300, f64::MAX, f64::NAN] {
            let sum = gpu.sum_from(value).unwrap();
            assert_eq!(gpu.total(&sum).unwrap().to_bits(), value.to_bits());
        }
    });
}

#[test]
fn weights_that_are_not_finite_are_found_on_the_gpu_too() {
    let (gpu, manifest, (datasets, split)) = (gpu(), manifest(), records(40));
    let mut net = regressed(&gpu, &manifest, &[Target::HR], (&split, &datasets), &mut Silent).unwrap().network;
    assert_eq!(not_finite(&gpu, &mut net).unwrap(), None);
    net.visit(|place, param| {
        if place.name == "blocks.1.conv.weight" {
            let mut values = param.to_vec();
            values[3] = f32::NAN;
            param.value.copy_from(&values);
        }
    });
    assert_eq!(not_finite(&gpu, &mut net).unwrap().as_deref(), Some("weight blocks.1.conv.weight"));
}

#[test]
fn regression_follows_the_cpus() {
    compare(curves(&Cpu::default()), curves);
}

/// Transfer of a network that was trained on the same device, under the freeze `name` or none.
fn curves_of_transfer<D: Backend>(device: &D, labels: &str, loss: &str, freeze: Option<&str>) -> Vec<EpochValue> {
    let mut manifest = manifest();
    let text = format!("[transfer]\nlabels = \"{labels}\"\n{loss}\nclass_weights = \"balanced\"\n");
    manifest.transfer = parse(&MANIFEST.replace("[transfer]\n", &text)).transfer;
    if let Some(gradual) = manifest.freezes.get_mut("gradual") {
        gradual.l2_sp = Some(L2Sp { alpha: 0.1, beta: 0.01 });
    }
    let (datasets, split) = records(40);
    let donors = [regressed(device, &manifest, &[Target::HR], (&split, &datasets), &mut Silent).unwrap().network];
    let freeze = freeze.map(|name| &manifest.freezes[name]);
    let graft = Graft { donors: &donors, backbones: 1, fusion: Fusion::Concat, freeze };
    transferred(device, &manifest, &graft, (&split, &datasets), &mut Silent).unwrap().outcome.epochs
}

#[test]
fn transfer_follows_the_cpus_with_every_loss_and_freeze() {
    for (labels, loss, freeze) in [
        ("single", "loss = \"cross-entropy\"\nlabel_smoothing = 0.1", None),
        ("single", "loss = \"focal\"", Some("gradual")),
        ("multi", "loss = \"cross-entropy\"", Some("probe")),
    ] {
        let expected = curves_of_transfer(&Cpu::default(), labels, loss, freeze);
        compare(expected, |gpu| curves_of_transfer(gpu, labels, loss, freeze));
    }
}

#[test]
fn an_epoch_waits_for_the_device_as_often_whatever_the_number_of_its_steps() {
    if waits().is_none() {
        return;
    }
    // Opened before anything is counted.
    let gpu = gpu();
    let of = |epochs: usize, batch_size: usize| {
        let mut manifest = manifest();
        (manifest.regression.epochs, manifest.regression.batch_size) = (epochs, batch_size);
        waits();
        curves_of(&gpu, &manifest);
        waits().unwrap()
    };
    let (few, more) = (of(2, 8), of(5, 8));
    assert_eq!((few, more), (of(2, 2), of(5, 2)));
    // For the sum of losses, that of the norms of gradients, the outputs, and whether the weights are finite.
    assert_eq!(more - few, 3 * 4);
}
