//! How the ventricles are depolarised: the QRS complex.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;

use super::infarct::Infarct;
use super::{Condition, Person};
use crate::source::kinds::simulator::dipole::{Bell, Vector};
use crate::source::kinds::simulator::draw::{log_normal, standard, truncated, uniform};
use crate::source::kinds::simulator::shape::{bell, scaled, turned};

/// A part of the ventricles, in the middle of its variation.
#[derive(Clone, Copy)]
struct Part {
    support: [f64; 2],
    peak: f64,
    vector: Vector,
    /// Of its size, sigma of the log-normal distribution.
    spread: f64,
}

const fn part(support: [f64; 2], peak: f64, vector: Vector, spread: f64) -> Part {
    Part { support, peak, vector, spread }
}

/// Septum, free wall of the left ventricle within and without, apex to base, base: narrow beside the faint edges of the complex.
const NORMAL: [Part; 5] = [
    part([0.0, 0.44], 0.56, [-0.14, -0.02, -0.28], 0.3),
    part([0.22, 0.62], 0.5, [1.10, 0.52, -0.13], 0.12),
    part([0.28, 0.82], 0.45, [0.18, 0.21, 0.0], 0.25),
    part([0.34, 0.72], 0.5, [0.10, 0.02, 0.62], 0.3),
    part([0.46, 1.0], 0.30, [-0.19, -0.03, 0.48], 0.3),
];

/// The septum from the right, then the left wall, slowly.
const LEFT_BLOCK: [Part; 3] = [
    part([0.0, 0.50], 0.55, [0.28, 0.22, 0.42], 0.25),
    part([0.14, 0.54], 0.5, [0.82, 0.28, 0.76], 0.15),
    part([0.44, 1.0], 0.40, [0.82, 0.12, 0.48], 0.2),
];

/// The right ventricle, late.
const RIGHT_BLOCK: Part = part([0.48, 1.0], 0.42, [-0.52, 0.05, -0.62], 0.25);

/// The same where the block is incomplete.
const INCOMPLETE_RIGHT_BLOCK: Part = part([0.60, 1.0], 0.45, [-0.28, 0.0, -0.40], 0.25);

/// A right ventricle as strong as the left.
const RIGHT_HYPERTROPHY: Part = part([0.28, 0.90], 0.45, [-0.95, 0.20, -0.85], 0.2);

/// How long a normal QRS complex is, ms: what blocks lengthen comes after it.
const NORMAL_QRS: f64 = 95.0;

/// How the ventricles are depolarised.
pub(super) struct Ventricles {
    pub qrs: Vec<Bell>,
    /// Where the free wall points, with its size, mV.
    pub main: Vector,
    /// The electrical axis: degrees from [`NORMAL`]'s in the frontal and in the horizontal plane.
    pub axis: [f64; 2],
    /// How large it is; 1 in the middle of young men.
    pub size: f64,
}

impl Ventricles {
    /// Draws those whose complex lasts `qrs` ms.
    pub fn draw(
        conditions: &[Condition],
        person: &Person,
        qrs: f64,
        infarct: Option<&Infarct>,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let (size, axis) = (size(conditions, person, random), axis(conditions, person, random));
        let to_body = turned(random, axis, 4.0);
        let parts = parts(conditions, qrs);
        let mut main = [0.0; 3];
        let mut bells = Vec::with_capacity(parts.len() + 3);
        for Part { support, peak, vector, spread } in parts {
            let varied = scaled(vector, size * log_normal(random, 1.0, spread, 2.0));
            let jitter = [0.03, 0.03, 0.04].map(|sd| size * sd * standard(random));
            let vector = to_body(std::array::from_fn(|i| varied[i] + jitter[i]));
            bells.push(bell(random, support, peak, vector));
            if length(vector) > length(main) {
                main = vector;
            }
        }
        if let Some(infarct) = infarct {
            infarct.scar(&mut bells, qrs, size, random);
        }
        notch(&mut bells, conditions, size, random);
        Self { qrs: bells, main, axis, size }
    }

    /// Draws the complex of a beat that starts in the ventricles: from the right one as a left bundle branch block, or from
    /// the left one.
    pub fn draw_ectopic(size: f64, random: &mut ChaCha8Rng) -> Self {
        let from_right = uniform(random, 0.0, 1.0) < 0.6;
        let down = uniform(random, -0.7, 0.9);
        let direction = if from_right { [0.75, down, 0.75] } else { [-0.65, down, -0.85] };
        let main = scaled(direction, size * log_normal(random, 1.1, 0.2, 1.8));
        let other: Vector = std::array::from_fn(|i| 0.7 * main[i] + 0.25 * size * standard(random));
        let qrs = vec![bell(random, [0.0, 0.70], 0.5, main), bell(random, [0.30, 1.0], 0.45, other)];
        Self { qrs, main, axis: [0.0; 2], size }
    }
}

/// Voltages fall with the age, in men more; hypertrophy raises them.
fn size(conditions: &[Condition], person: &Person, random: &mut ChaCha8Rng) -> f64 {
    let years = (person.age - 30.0).clamp(0.0, 60.0);
    let usual = person.by_sex(1.10 - 0.004 * years, 0.95 - 0.0015 * years);
    let large = conditions.contains(&Condition::LeftHypertrophy);
    let grown = if large { uniform(random, 1.45, 2.1) } else { 1.0 };
    let largest = if conditions.contains(&Condition::Normal) { 1.4 } else { 1.7 };
    usual * grown * log_normal(random, 1.0, 0.19, largest)
}

/// The axis turns to the left with the age.
fn axis(conditions: &[Condition], person: &Person, random: &mut ChaCha8Rng) -> [f64; 2] {
    let has = |condition| conditions.contains(&condition);
    let frontal = if has(Condition::LeftAnterior) {
        truncated(random, -76.0, 7.0, [-95.0, -68.0])
    } else if has(Condition::RightHypertrophy) {
        truncated(random, 35.0, 12.0, [15.0, 60.0])
    } else {
        truncated(random, -0.3 * (person.age - 45.0), 18.0, [-50.0, 46.0])
    };
    let back = if has(Condition::LeftHypertrophy) { 10.0 } else { 0.0 };
    [frontal, back + truncated(random, 0.0, 13.0, [-35.0, 35.0])]
}

/// The parts of a complex that lasts `qrs` ms.
fn parts(conditions: &[Condition], qrs: f64) -> Vec<Part> {
    let has = |condition| conditions.contains(&condition);
    if has(Condition::CompleteLeft) {
        return LEFT_BLOCK.to_vec();
    }
    let late = [
        (Condition::CompleteRight, RIGHT_BLOCK),
        (Condition::IncompleteRight, INCOMPLETE_RIGHT_BLOCK),
        (Condition::RightHypertrophy, RIGHT_HYPERTROPHY),
    ];
    // What comes before the late part of a block takes as long as in a normal complex.
    let is_blocked = has(Condition::CompleteRight) || has(Condition::IncompleteRight);
    let squeeze = if is_blocked { (NORMAL_QRS / qrs).min(1.0) } else { 1.0 };
    let mut parts = NORMAL.map(|part| Part { support: part.support.map(|edge| squeeze * edge), ..part }).to_vec();
    if has(Condition::LeftAnterior) {
        // The septum's forces point down before the wall's point up; they turn with the axis, which is undone here.
        parts[0].vector = [-0.22, -0.10, -0.16];
    }
    if has(Condition::RightHypertrophy) {
        parts[1].vector = scaled(parts[1].vector, 0.6);
    }
    if has(Condition::LeftHypertrophy) {
        // It is the wall that grew.
        parts[0].vector = scaled(parts[0].vector, 0.6);
    }
    parts.extend(late.into_iter().filter(|(condition, _)| has(*condition)).map(|(_, part)| part));
    parts
}

/// Notches: of one complex in five, of half where muscle is scarred or a bundle blocked.
fn notch(bells: &mut Vec<Bell>, conditions: &[Condition], size: f64, random: &mut ChaCha8Rng) {
    use Condition::{CompleteLeft, CompleteRight};
    let often = conditions
        .iter()
        .any(|one| Condition::INFARCTIONS.contains(one) || [CompleteLeft, CompleteRight].contains(one));
    if uniform(random, 0.0, 1.0) >= if often { 0.5 } else { 0.2 } {
        return;
    }
    let (width, centre) = (uniform(random, 0.16, 0.26), uniform(random, 0.30, 0.80));
    let height = size * log_normal(random, 0.15, 0.4, 0.4);
    let (turn, up) = (uniform(random, 0.0, TAU), uniform(random, -1.0, 1.0));
    let around = (1.0 - up * up).sqrt();
    let vector = scaled([around * turn.cos(), up, around * turn.sin()], height);
    bells.push(Bell { support: [centre - width / 2.0, centre + width / 2.0], peak: 0.5, vector });
}

pub(super) fn length(vector: Vector) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}
