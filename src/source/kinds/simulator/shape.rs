//! How the waves of a record look.

use rand_chacha::ChaCha8Rng;

use super::dipole::{Bell, Vector};
use super::draw::{log_normal, standard, truncated, uniform};
use super::visible::{Waves, intervals_seen};
use super::{Beat, Intervals, Origin};

/// At least so many ms lie between a P wave and its QRS complex.
const PQ_SEGMENT: f64 = 12.0;

/// The waves of a record.
pub(super) struct Shape {
    /// ms
    p_duration: f64,
    /// From the end of the QRS complex to the start of the T wave, ms.
    st_segment: f64,
    /// Bells of the P wave.
    pub p: Vec<Bell>,
    /// Bells of the QRS complex.
    pub qrs: Vec<Bell>,
    /// Bells of the T wave.
    pub t: Vec<Bell>,
}

impl Shape {
    /// Draws the waves of a record.
    ///
    /// Vectors are a normal adult's (Frank's axes: left, down, back): right and left atrium; septum, free wall and base of
    /// the ventricles; repolarisation. They vary in size, each and together, and in direction, together for the heart's
    /// electrical axis and each on its own.
    pub fn draw(intervals: &Intervals, seed: u64, index: u64) -> Self {
        let random = &mut crate::seed::stream(seed, "simulator/shape", index);
        let p_duration = truncated(random, 105.0, 10.0, [70.0, 140.0]).min(intervals.pr - PQ_SEGMENT);
        let st_segment = uniform(random, 0.10, 0.28) * (intervals.qt - intervals.qrs);

        let size = log_normal(random, 1.0, 0.2, 1.8);
        let axis = [truncated(random, -8.0, 26.0, [-75.0, 60.0]), truncated(random, 0.0, 13.0, [-35.0, 35.0])];

        let atria = turned(random, axis.map(|angle| 0.3 * angle), 8.0);
        let p_size = log_normal(random, 1.0, 0.22, 1.8);
        let p = vec![
            bell(random, [0.0, 0.72], 0.5, atria(scaled([0.05, 0.11, -0.05], p_size))),
            bell(random, [0.28, 1.0], 0.5, atria(scaled([0.07, 0.07, 0.05], p_size))),
        ];

        let ventricles = turned(random, axis, 4.0);
        let mut part = |support, peak, vector: Vector, spread: f64| {
            let varied = scaled(vector, size * log_normal(random, 1.0, spread, 2.0));
            let jitter = [0.04, 0.04, 0.05].map(|sd| size * sd * standard(random));
            bell(random, support, peak, ventricles(std::array::from_fn(|i| varied[i] + jitter[i])))
        };
        let slur = 0.05 + 0.5 * ((intervals.qrs - 105.0) / 45.0).clamp(0.0, 1.0);
        let qrs = vec![
            part([0.0, 0.44], 0.5, [-0.12, 0.02, -0.26], 0.3),
            part([0.12, 0.80], 0.5, [1.15, 0.68, 0.12], 0.12),
            part([0.48, 1.0], 0.45, [-0.14, -0.12, 0.58], 0.3),
            part([0.40, 0.95], 0.55, [0.3 * slur, 0.2 * slur, 0.9 * slur], 0.5),
        ];

        let recovery = turned(random, axis.map(|angle| 0.4 * angle), 12.0);
        let t_size = log_normal(random, 1.0, 0.3, 2.2);
        let turn: Vector = std::array::from_fn(|_| 0.05 * standard(random));
        let t = vec![
            bell(random, [0.0, 1.0], 0.62, recovery(scaled([0.27, 0.19, -0.19], t_size))),
            bell(random, [0.0, 1.0], 0.48, scaled(turn, t_size)),
        ];
        Self { p_duration, st_segment, p, qrs, t }
    }

    /// The beat whose QRS complex starts at `qrs_onset`.
    pub fn beat(&self, intervals: &Intervals, qrs_onset: f64) -> Beat {
        let (p_onset, qrs_offset) = (qrs_onset - intervals.pr, qrs_onset + intervals.qrs);
        Beat {
            origin: Origin::Sinus,
            p_onset,
            p_offset: p_onset + self.p_duration,
            qrs_onset,
            qrs_offset,
            t_onset: qrs_offset + self.st_segment,
            t_offset: qrs_onset + intervals.qt,
        }
    }

    /// The intervals that are to be seen, where those of the support are `intervals`.
    pub fn visible(&self, intervals: &Intervals) -> Intervals {
        let beat = self.beat(intervals, 0.0);
        let waves = Waves { p: &self.p, qrs: &self.qrs, t: &self.t };
        intervals_seen(intervals.hr, &beat, &waves)
    }
}

/// A bell; its inner edges and its peak vary a little, the wave's own start and end do not.
pub(super) fn bell(random: &mut ChaCha8Rng, support: [f64; 2], peak: f64, vector: Vector) -> Bell {
    let support = support.map(|edge| {
        let varied = edge + truncated(random, 0.0, 0.03, [-0.07, 0.07]);
        if edge > 0.0 && edge < 1.0 { varied.clamp(0.01, 0.99) } else { edge }
    });
    Bell { support, peak: peak + truncated(random, 0.0, 0.03, [-0.08, 0.08]), vector }
}

pub(super) fn scaled(vector: Vector, by: f64) -> Vector {
    vector.map(|value| by * value)
}

/// A rotation by `angles` degrees, and by normal ones of this standard deviation: in the frontal plane from left to down, then
/// in the horizontal plane from left to back.
pub(super) fn turned(random: &mut ChaCha8Rng, angles: [f64; 2], sd: f64) -> impl Fn(Vector) -> Vector + use<> {
    let [frontal, horizontal] = angles.map(|angle| (angle + sd * standard(random)).to_radians().sin_cos());
    move |[left, down, back]| {
        let (left, down) = (frontal.1 * left - frontal.0 * down, frontal.0 * left + frontal.1 * down);
        [horizontal.1 * left - horizontal.0 * back, down, horizontal.0 * left + horizontal.1 * back]
    }
}
