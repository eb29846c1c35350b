//! The randomness of one stage: its own, so that networks of one seed are as independent as networks of several.

use rand_chacha::ChaCha8Rng;

use crate::manifest::Target;
use crate::seed;

/// Every random stream of a stage's training. A stream is a function of the seed, of what the stage is, of what is
/// drawn, and of which epoch, step or example it is drawn for: nothing has to be remembered from draw to draw.
///
/// What a stage is are its kind and the targets it measures, and not its mix or its freeze: trials that differ in those
/// are compared with each other, draw by draw.
#[derive(Clone, Debug)]
pub struct Randomness {
    seed: u64,
    stage: String,
}

impl Randomness {
    /// Of the regression stage that measures `targets`.
    pub fn regression(targets: &[Target], seed: u64) -> Self {
        let targets: Vec<&str> = targets.iter().map(|target| target.name()).collect();
        Self { seed, stage: format!("regression of {}", targets.join(",")) }
    }

    /// Of a classifier that is to be grafted.
    pub fn classification(seed: u64) -> Self {
        Self { seed, stage: "classification".to_owned() }
    }

    /// Of masked reconstruction.
    pub fn masked(seed: u64) -> Self {
        Self { seed, stage: "masked".to_owned() }
    }

    /// Of contrastive learning.
    pub fn contrastive(seed: u64) -> Self {
        Self { seed, stage: "contrastive".to_owned() }
    }

    /// Of the views `number` of a stage of two views: what changes one has no part in the other.
    pub(super) fn of_view(&self, number: usize) -> Self {
        Self { seed: self.seed, stage: format!("{}, view {number}", self.stage) }
    }

    /// Of a transfer stage.
    pub fn transfer(seed: u64) -> Self {
        Self { seed, stage: "transfer".to_owned() }
    }

    /// The weights that training starts from.
    pub fn weights(&self) -> ChaCha8Rng {
        self.stream("weights", 0)
    }

    /// The order of the examples in `epoch`, from 0.
    pub(super) fn order(&self, epoch: usize) -> ChaCha8Rng {
        self.stream("shuffle", epoch as u64)
    }

    /// What is dropped in step `step` of all: by the head, which is part 0, or by the backbones over a part of a batch.
    pub(super) fn dropout(&self, step: u64, part: usize) -> ChaCha8Rng {
        match part {
            0 => self.stream("dropout", step),
            _ => self.stream(&format!("dropout of part {part}"), step),
        }
    }

    /// What example `index` is changed by in `epoch`, from 0.
    pub(super) fn augment(&self, epoch: usize, index: usize) -> ChaCha8Rng {
        self.stream("augment", ((epoch as u64) << 32) + index as u64)
    }

    /// Which window of example `index` is seen in `epoch`, from 0.
    pub(super) fn window(&self, epoch: usize, index: usize) -> ChaCha8Rng {
        self.stream("window", ((epoch as u64) << 32) + index as u64)
    }

    /// What is masked of example `index` in `epoch`, from 0.
    pub(super) fn mask(&self, epoch: usize, index: usize) -> ChaCha8Rng {
        self.stream("mask", ((epoch as u64) << 32) + index as u64)
    }

    /// What is masked of example `index` where nothing is trained.
    pub(super) fn mask_of_evaluation(&self, index: usize) -> ChaCha8Rng {
        self.stream("mask of evaluation", index as u64)
    }

    /// Where a view of example `index` lies in `epoch`, from 0.
    pub(super) fn view(&self, epoch: usize, index: usize) -> ChaCha8Rng {
        self.stream("view", ((epoch as u64) << 32) + index as u64)
    }

    /// Where a view of example `index` lies where nothing is trained.
    pub(super) fn view_of_evaluation(&self, index: usize) -> ChaCha8Rng {
        self.stream("view of evaluation", index as u64)
    }

    fn stream(&self, what: &str, index: u64) -> ChaCha8Rng {
        seed::stream(self.seed, &format!("{what} of {}", self.stage), index)
    }
}

#[cfg(test)]
mod tests {
    use crate::tensor::Cpu;
    use rand::{Rng, RngExt};

    use super::*;
    use crate::manifest::{Architecture, Fusion};
    use crate::nn::ARCHITECTURES;
    use crate::nn::{Network, Role};

    /// One stage of each kind, and of each target.
    fn stages(seed: u64) -> Vec<Randomness> {
        let regressions = [&[Target::HR][..], &[Target::PR], &[Target::QT], &[Target::QRS], &[Target::HR, Target::QRS]];
        let regressions = regressions.map(|targets| Randomness::regression(targets, seed));
        let alone = [Randomness::masked(seed), Randomness::contrastive(seed), Randomness::contrastive(seed).of_view(1)];
        let classifiers = [Randomness::classification(seed), Randomness::transfer(seed)];
        regressions.into_iter().chain(classifiers).chain(alone).collect()
    }

    /// The weights that are drawn, tensor by tensor: those that a norm starts with are the same in all networks.
    fn weights(kind: &str, randomness: &Randomness) -> Vec<(String, Vec<f32>)> {
        let architecture = Architecture::at_defaults(kind).unwrap();
        let random = &mut randomness.weights();
        let mut net = Network::new(&Cpu::default(), &architecture, (2, 100), (1, Fusion::Concat), 5, random).unwrap();
        let mut all = Vec::new();
        net.visit(|place, param| {
            let values = param.to_vec();
            // The poles of state spaces begin where a formula says, in all networks.
            let is_drawn = !place.name.ends_with("A_imag");
            if is_drawn && place.role == Role::Parameter && values.iter().any(|value| *value != values[0]) {
                all.push((place.name.to_owned(), values));
            }
        });
        all
    }

    fn correlation(a: &[f32], b: &[f32]) -> f64 {
        let mean = |values: &[f32]| values.iter().map(|x| f64::from(*x)).sum::<f64>() / values.len() as f64;
        let (of_a, of_b) = (mean(a), mean(b));
        let moment = |x: &[f32], of_x: f64, y: &[f32], of_y: f64| -> f64 {
            x.iter().zip(y).map(|(x, y)| (f64::from(*x) - of_x) * (f64::from(*y) - of_y)).sum()
        };
        moment(a, of_a, b, of_b) / (moment(a, of_a, a, of_a) * moment(b, of_b, b, of_b)).sqrt()
    }

    #[test]
    fn networks_of_one_seed_are_as_independent_as_those_of_several() {
        // Tensors for which a correlation of .05 is more than five standard errors.
        const LARGE: usize = 10_000;
        for kind in ARCHITECTURES.known {
            let mut drawn: Vec<_> = stages(0).iter().map(|stage| weights(kind.name, stage)).collect();
            drawn.push(weights(kind.name, &Randomness::regression(&[Target::HR], 1)));
            for (number, one) in drawn.iter().enumerate() {
                for other in &drawn[..number] {
                    // Each about its own mean: that step sizes are below 0 in all networks is no likeness of their draws.
                    let centred = |values: &Vec<f32>| -> Vec<f32> {
                        let mean = values.iter().sum::<f32>() / values.len() as f32;
                        values.iter().map(|value| value - mean).collect()
                    };
                    let whole = |all: &[(String, Vec<f32>)]| -> Vec<f32> {
                        all.iter().flat_map(|(_, values)| centred(values)).collect()
                    };
                    let pairs = one.iter().zip(other).filter(|((_, values), _)| values.len() >= LARGE);
                    let pairs = pairs.map(|((name, a), (_, b))| (name.as_str(), a.clone(), b.clone()));
                    let all = Some(("all", whole(one), whole(other))).filter(|(_, all, _)| all.len() >= LARGE);
                    for (name, a, b) in pairs.chain(all) {
                        let found = correlation(&a, &b);
                        assert!(found.abs() < 0.05, "{}: {name} of two networks: {found}", kind.name);
                    }
                }
            }
        }
    }

    #[test]
    fn every_stream_is_its_stages_alone_and_the_same_again() {
        let draws = |stage: &Randomness| {
            let streams = [stage.weights(), stage.order(0), stage.order(1), stage.dropout(0, 0), stage.dropout(0, 1)];
            let more = [stage.dropout(1, 0), stage.augment(0, 0), stage.augment(0, 1), stage.augment(1, 0)];
            let windows = [stage.window(0, 0), stage.window(0, 1), stage.window(1, 0)];
            let masks = [stage.mask(0, 0), stage.mask(1, 0), stage.mask_of_evaluation(0)];
            let views = [stage.view(0, 0), stage.view(1, 0), stage.view_of_evaluation(0)];
            streams
                .into_iter()
                .chain(more)
                .chain(windows)
                .chain(masks)
                .chain(views)
                .map(|mut stream| stream.next_u64())
                .collect::<Vec<_>>()
        };
        let all: Vec<u64> = [stages(3), stages(4)].concat().iter().flat_map(&draws).collect();
        let different: std::collections::BTreeSet<&u64> = all.iter().collect();
        assert_eq!(different.len(), 2 * 10 * 18);
        assert_eq!(all, [stages(3), stages(4)].concat().iter().flat_map(&draws).collect::<Vec<_>>());
        // Reading one to the end moves no other.
        let mut stage = stages(3).remove(0).order(0);
        let _: f64 = (0..100).map(|_| stage.random::<f64>()).sum();
        assert_eq!(draws(&stages(3)[0])[1], all[1]);
    }
}
