//! What an infarction takes away, and what it does to ST and T.

use rand_chacha::ChaCha8Rng;

use super::Condition;
use super::ventricles::length;
use crate::source::kinds::simulator::dipole::{Bell, Vector};
use crate::source::kinds::simulator::draw::uniform;

/// An infarction.
pub(super) struct Infarct {
    /// Of length 1, from the middle of the heart to the scar.
    territory: Vector,
    stage: Stage,
}

/// How old it is.
#[derive(Clone, Copy)]
enum Stage {
    /// ST is raised, T is tall.
    Acute,
    /// T is inverted.
    Recent,
    /// The Q wave is left.
    Old,
}

impl Infarct {
    /// Draws that of a record, if it has one: a quarter are acute, two fifths old.
    pub fn draw(conditions: &[Condition], random: &mut ChaCha8Rng) -> Option<Self> {
        let towards = |condition: &Condition| match condition {
            Condition::Inferior => Some([0.0, 1.0, 0.10]),
            Condition::Inferolateral => Some([0.65, 0.85, 0.20]),
            Condition::Anteroseptal => Some([-0.15, 0.10, -1.0]),
            Condition::Anterior => Some([0.25, 0.10, -1.0]),
            Condition::Anterolateral => Some([0.85, 0.0, -0.80]),
            Condition::Lateral => Some([1.0, -0.25, 0.10]),
            _ => None,
        };
        let towards: Vector = conditions.iter().find_map(towards)?;
        let size = length(towards);
        let place = uniform(random, 0.0, 1.0);
        let stage = if place < 0.25 {
            Stage::Acute
        } else if place < 0.6 {
            Stage::Recent
        } else {
            Stage::Old
        };
        Some(Self { territory: towards.map(|value| value / size), stage })
    }

    /// Takes what points to the scar from the QRS complex, which lasts `qrs` ms, and lets it start away from there: a Q wave.
    pub fn scar(&self, bells: &mut Vec<Bell>, qrs: f64, size: f64, random: &mut ChaCha8Rng) {
        let lost = uniform(random, 0.35, 0.65);
        for bell in bells.iter_mut() {
            let part: f64 = bell.vector.iter().zip(self.territory).map(|(value, axis)| value * axis).sum();
            for (value, axis) in bell.vector.iter_mut().zip(self.territory) {
                *value -= lost * part.max(0.0) * axis;
            }
        }
        let (lasts, depth) = (uniform(random, 48.0, 60.0), size * uniform(random, 0.35, 0.70));
        let vector = self.territory.map(|axis| -depth * axis);
        bells.push(Bell { support: [0.0, (lasts / qrs).min(0.65)], peak: 0.5, vector });
    }

    /// Changes the dipoles of ST segment and T wave.
    pub fn repolarise(&self, st: &mut Vector, t: &mut Vector, random: &mut ChaCha8Rng) {
        let (raised, turned) = match self.stage {
            Stage::Acute => (uniform(random, 0.12, 0.35), uniform(random, 0.10, 0.30)),
            Stage::Recent => (uniform(random, 0.03, 0.10), -uniform(random, 0.30, 0.50)),
            Stage::Old => (0.0, -uniform(random, 0.0, 0.20)),
        };
        for (place, axis) in self.territory.into_iter().enumerate() {
            st[place] += raised * axis;
            t[place] += turned * axis;
        }
    }
}
