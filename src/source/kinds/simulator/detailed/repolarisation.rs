//! How the ventricles recover: ST segment and T wave.

use rand_chacha::ChaCha8Rng;

use super::infarct::Infarct;
use super::ventricles::{Ventricles, length};
use super::{Condition, Person};
use crate::source::kinds::simulator::dipole::{Bell, Vector};
use crate::source::kinds::simulator::draw::{log_normal, standard, uniform};
use crate::source::kinds::simulator::shape::{bell, scaled, turned};

/// The dipole of a T wave, mV.
const NORMAL: Vector = [0.32, 0.15, -0.22];

/// An ST segment that differs from the baseline by less than this, mV, does not.
const LEVEL: f64 = 0.015;

/// ST segment and T wave, as one wave.
pub(super) struct Repolarisation {
    pub bells: Vec<Bell>,
    /// From the end of the QRS complex to its start, as a share of the time from there to its end; negative where ST is
    /// raised or depressed, which starts within the complex.
    pub gap: f64,
}

impl Repolarisation {
    /// Draws that of ventricles.
    pub fn draw(
        conditions: &[Condition],
        person: &Person,
        ventricles: &Ventricles,
        infarct: Option<&Infarct>,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let usual = person.by_sex(1.1, 0.95) - 0.003 * (person.age - 45.0);
        let to_body = turned(random, ventricles.axis.map(|angle| (0.4 * angle).clamp(-20.0, 20.0)), 12.0);
        let mut t = to_body(scaled(NORMAL, usual * log_normal(random, 1.0, 0.3, 2.2)));
        let mut st = [0.0; 3];
        for condition in conditions {
            change(*condition, ventricles, &mut st, &mut t, random);
        }
        if let Some(infarct) = infarct {
            infarct.repolarise(&mut st, &mut t, random);
        }
        let turn: Vector = std::array::from_fn(|_| 0.04 * standard(random));
        Self::of(st, t, turn, random)
    }

    /// That of a beat from the ventricles: against its QRS complex.
    pub fn draw_ectopic(ventricles: &Ventricles, random: &mut ChaCha8Rng) -> Self {
        let share = uniform(random, 0.25, 0.4);
        Self::of(scaled(ventricles.main, -0.08), scaled(ventricles.main, -share), [0.0; 3], random)
    }

    fn of(st: Vector, t: Vector, turn: Vector, random: &mut ChaCha8Rng) -> Self {
        if length(st) < LEVEL {
            let bells = vec![bell(random, [0.0, 1.0], 0.62, t), bell(random, [0.0, 1.0], 0.48, turn)];
            return Self { bells, gap: uniform(random, 0.02, 0.12) };
        }
        let bells = vec![
            bell(random, [0.0, 0.85], 0.30, st),
            bell(random, [0.28, 1.0], 0.58, t),
            bell(random, [0.28, 1.0], 0.45, turn),
        ];
        Self { bells, gap: -uniform(random, 0.10, 0.14) }
    }
}

/// What a condition does to the dipoles of ST segment and T wave.
fn change(condition: Condition, ventricles: &Ventricles, st: &mut Vector, t: &mut Vector, random: &mut ChaCha8Rng) {
    let mut amount = |low, high| uniform(random, low, high);
    let towards = |by: f64, vector: Vector, to: &mut Vector| {
        to.iter_mut().zip(vector).for_each(|(value, axis)| *value += by * axis);
    };
    // Of the lateral wall, which lacks blood first.
    let lateral = [0.10, 0.065, -0.025];
    match condition {
        Condition::CompleteLeft => {
            *t = scaled(ventricles.main, -amount(0.20, 0.35));
            *st = scaled(ventricles.main, -amount(0.08, 0.14));
        }
        Condition::CompleteRight => towards(ventricles.size, [0.06, 0.0, 0.20], t),
        // Strain, in half of them.
        Condition::LeftHypertrophy if amount(0.0, 1.0) < 0.5 => {
            *t = scaled(ventricles.main, -amount(0.10, 0.22));
            *st = scaled(ventricles.main, -amount(0.03, 0.08));
        }
        Condition::RightHypertrophy => towards(amount(0.6, 1.2), [0.05, -0.10, 0.36], t),
        Condition::Ischaemia => {
            *t = scaled(*t, -amount(0.4, 0.9));
            towards(-amount(0.6, 1.5), lateral, st);
        }
        Condition::StDepression => {
            *t = scaled(*t, amount(0.4, 0.8));
            towards(-amount(0.8, 2.0), lateral, st);
        }
        Condition::FlatT => *t = scaled(*t, amount(0.15, 0.35)),
        Condition::InvertedT => *t = scaled(*t, -amount(0.5, 1.0)),
        Condition::LongQt => *t = scaled(*t, 0.85),
        _ => {}
    }
}
