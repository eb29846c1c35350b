//! The learning rate over time, as a factor on the optimiser's: PyTorch's schedulers in closed form. A warm-up starts
//! from 0, and is stepped in every step; `exponential` and `plateau` are stepped after each epoch.

use std::f64::consts::PI;

use crate::manifest::Schedule;

/// A schedule and what it remembers.
#[derive(Debug)]
pub(super) struct LearningRate {
    schedule: Schedule,
    epochs: usize,
    plateau: f64,
    waited: usize,
}

impl LearningRate {
    pub(super) fn new(schedule: &Schedule, epochs: usize) -> Self {
        Self { schedule: schedule.clone(), epochs, plateau: 1.0, waited: 0 }
    }

    /// The factor in step `step` of the `steps` of `epoch` (all from 0).
    pub(super) fn factor(&self, epoch: usize, step: usize, steps: usize) -> f64 {
        let at = epoch as f64 + step as f64 / steps as f64;
        let half_cosine = |x: f64| 0.5 * (1.0 + (PI * x.clamp(0.0, 1.0)).cos());
        let warmup = self.schedule.warmup_epochs();
        let warm = if at < warmup { at / warmup } else { 1.0 };
        match self.schedule {
            Schedule::Constant { .. } => warm,
            Schedule::Exponential { gamma, .. } => warm * gamma.powi(epoch as i32),
            Schedule::Cosine { .. } if at < warmup => warm,
            Schedule::Cosine { .. } => half_cosine((at - warmup) / (self.epochs as f64 - warmup).max(1e-9)),
            Schedule::OneCycle { warmup_share } => {
                // The last step up has the whole rate, the last step of all the lowest.
                let one = 1.0 / (self.epochs * steps) as f64;
                let (share, top) = (at / self.epochs as f64, warmup_share - one);
                let (low, last) = (1.0 / 25.0, 1.0 / 25.0 / 1e4);
                if share < top {
                    1.0 + (low - 1.0) * half_cosine(share / top)
                } else {
                    last + (1.0 - last) * half_cosine((share - top) / (1.0 - warmup_share))
                }
            }
            Schedule::Plateau { .. } => warm * self.plateau,
        }
    }

    /// What it remembers: the plateaus' factor so far, and how many epochs it has waited.
    pub(super) fn memory(&self) -> (f64, usize) {
        (self.plateau, self.waited)
    }

    /// Remembers that.
    pub(super) fn remember(&mut self, (plateau, waited): (f64, usize)) {
        (self.plateau, self.waited) = (plateau, waited);
    }

    /// Tells the schedule whether the epoch improved the watched metric. A plateau ends with the first epoch
    /// without improvement after `patience` such epochs, as PyTorch counts (there with a threshold of 0).
    pub(super) fn epoch_done(&mut self, improved: bool) {
        self.waited = if improved { 0 } else { self.waited + 1 };
        if let Schedule::Plateau { factor, patience, .. } = self.schedule
            && self.waited > patience
        {
            self.plateau *= factor;
            self.waited = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{assert_close, reference, values};

    const EPOCHS: usize = 6;
    const STEPS: usize = 5;

    /// The factor of every step.
    fn factors(schedule: &Schedule) -> Vec<f32> {
        let rate = LearningRate::new(schedule, EPOCHS);
        let steps = (0..EPOCHS).flat_map(|epoch| (0..STEPS).map(move |step| (epoch, step)));
        steps.map(|(epoch, step)| rate.factor(epoch, step, STEPS) as f32).collect()
    }

    #[test]
    fn factors_are_those_of_pytorch() {
        let reference = reference("training");
        for (name, schedule) in [
            ("constant_warmup", Schedule::Constant { warmup_epochs: 2.0 }),
            ("exponential", Schedule::Exponential { gamma: 0.8, warmup_epochs: 0.0 }),
            ("exponential_warmup", Schedule::Exponential { gamma: 0.8, warmup_epochs: 2.0 }),
            ("cosine", Schedule::Cosine { warmup_epochs: 0.0 }),
            ("cosine_warmup", Schedule::Cosine { warmup_epochs: 2.0 }),
            ("one_cycle", Schedule::OneCycle { warmup_share: 0.3 }),
            ("one_cycle_early", Schedule::OneCycle { warmup_share: 0.02 }),
        ] {
            let expected = values(&reference, &format!("schedule.{name}")).1;
            assert_close(name, &factors(&schedule), &expected, 1e-6);
        }
    }

    #[test]
    fn plateaus_are_those_of_pytorch() {
        let reference = reference("training");
        for patience in [1, 2] {
            let schedule = Schedule::Plateau { factor: 0.5, patience, warmup_epochs: 0.0 };
            let mut rate = LearningRate::new(&schedule, 10);
            let (mut seen, mut best) = (Vec::new(), f32::INFINITY);
            for loss in values(&reference, "schedule.plateau.losses").1 {
                rate.epoch_done(loss < best);
                best = best.min(loss);
                seen.push(rate.factor(0, 0, STEPS) as f32);
            }
            let expected = values(&reference, &format!("schedule.plateau.patience{patience}")).1;
            assert_eq!(seen, expected, "patience {patience}");
        }
    }

    #[test]
    fn a_warm_up_multiplies_a_plateau() {
        let mut rate = LearningRate::new(&Schedule::Plateau { factor: 0.5, patience: 1, warmup_epochs: 4.0 }, 10);
        (0..2).for_each(|_| rate.epoch_done(false));
        assert_eq!([rate.factor(2, 0, STEPS), rate.factor(4, 0, STEPS)], [0.25, 0.5]);
    }

    #[test]
    fn a_constant_rate_is_one() {
        assert!(factors(&Schedule::Constant { warmup_epochs: 0.0 }).iter().all(|factor| *factor == 1.0));
    }

    #[test]
    fn a_cycle_of_few_steps_is_finite() {
        for (epochs, steps) in [(1, 1), (1, 2), (2, 1), (10, 1)] {
            for share in [0.1, 0.5, 0.9] {
                let rate = LearningRate::new(&Schedule::OneCycle { warmup_share: share }, epochs);
                let all = (0..epochs).flat_map(|epoch| (0..steps).map(move |step| (epoch, step)));
                for (epoch, step) in all {
                    let factor = rate.factor(epoch, step, steps);
                    assert!(factor > 0.0 && factor <= 1.0, "{epochs} {steps} {share}: {factor}");
                }
                assert!(rate.factor(epochs - 1, steps - 1, steps) < 5e-6, "the last step has the lowest rate");
            }
        }
    }
}
