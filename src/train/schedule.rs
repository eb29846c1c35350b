//! The learning rate over time, as a factor on the optimiser's.

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

    /// The factor at `progress` (0 to 1) through `epoch` (from 0).
    pub(super) fn factor(&self, epoch: usize, progress: f64) -> f64 {
        let at = epoch as f64 + progress;
        let half_cosine = |x: f64| 0.5 * (1.0 + (PI * x.clamp(0.0, 1.0)).cos());
        match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Exponential { gamma } => gamma.powi(epoch as i32),
            Schedule::Cosine { warmup_epochs } if at < warmup_epochs => at / warmup_epochs,
            Schedule::Cosine { warmup_epochs } => {
                half_cosine((at - warmup_epochs) / (self.epochs as f64 - warmup_epochs).max(1e-9))
            }
            Schedule::OneCycle { warmup_share } => {
                let (share, low, last) = (at / self.epochs as f64, 1.0 / 25.0, 1e-4);
                if share < warmup_share {
                    low + (1.0 - low) * (1.0 - half_cosine(share / warmup_share))
                } else {
                    last + (1.0 - last) * half_cosine((share - warmup_share) / (1.0 - warmup_share).max(1e-9))
                }
            }
            Schedule::Plateau { .. } => self.plateau,
        }
    }

    /// Tells the schedule whether the epoch improved the watched metric.
    pub(super) fn epoch_done(&mut self, improved: bool) {
        self.waited = if improved { 0 } else { self.waited + 1 };
        if let Schedule::Plateau { factor, patience } = self.schedule
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

    #[test]
    fn factors_at_the_corners() {
        let at =
            |schedule: &Schedule, epoch: usize, progress: f64| LearningRate::new(schedule, 10).factor(epoch, progress);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} and {b}");
        near(at(&Schedule::Constant, 7, 0.5), 1.0);
        near(at(&Schedule::Exponential { gamma: 0.5 }, 3, 0.9), 0.125);
        let cosine = Schedule::Cosine { warmup_epochs: 2.0 };
        near(at(&cosine, 1, 0.0), 0.5);
        near(at(&cosine, 2, 0.0), 1.0);
        near(at(&cosine, 6, 0.0), 0.5);
        near(at(&cosine, 9, 1.0), 0.0);
        let cycle = Schedule::OneCycle { warmup_share: 0.3 };
        near(at(&cycle, 0, 0.0), 0.04);
        near(at(&cycle, 3, 0.0), 1.0);
        near(at(&cycle, 9, 1.0), 1e-4);
    }

    #[test]
    fn plateau_waits_its_patience() {
        let mut rate = LearningRate::new(&Schedule::Plateau { factor: 0.1, patience: 1 }, 10);
        let mut seen = Vec::new();
        for improved in [true, false, false, false, false] {
            rate.epoch_done(improved);
            seen.push(rate.factor(0, 0.0));
        }
        assert_eq!(seen, [1.0, 1.0, 0.1, 0.1, 0.1 * 0.1]);
    }
}
