//! The cardiac dipole, and how the leads see it.

use super::{SAMPLES, STEP};
use crate::ecg::filter::Frame;

/// A dipole moment on Frank's axes: left, down, back. In mV: what an ideal lead of unit strength sees.
pub(super) type Vector = [f64; 3];

/// Eight leads, (samples) frames: I, II, V1, V2; and V3, V4, V5, V6. In mV.
pub(super) type Leads = [Vec<Frame>; 2];

/// A bell-shaped part of a wave along one direction.
#[derive(Clone, Debug)]
pub(super) struct Bell {
    /// Where in the wave it starts and ends; the wave goes from 0 to 1.
    pub support: [f64; 2],
    /// Where in its support it is highest, in (0, 1).
    pub peak: f64,
    /// The dipole at the peak, mV.
    pub vector: Vector,
}

impl Bell {
    /// Its height, from 0 to 1, at a time of its support, which goes from 0 to 1; 0 outside.
    pub fn height(&self, time: f64) -> f64 {
        biweight(self.bend(), time.clamp(0.0, 1.0))
    }

    /// What bends time so that the peak comes where it should.
    fn bend(&self) -> f64 {
        (1.0 - self.peak) / self.peak
    }
}

/// The kernel `(4 g (1 - g))^2` of a bent time, as [`add_wave`] says it.
fn biweight(bend: f64, u: f64) -> f64 {
    let bent = 1.0 + (bend - 1.0) * u;
    let parabola = 4.0 * bend * u * (1.0 - u) / (bent * bent);
    parabola * parabola
}

/// Dower's matrix: what each lead sees of a dipole of 1 on each of Frank's axes (Dower et al. 1980).
const DOWER: [[Vector; 4]; 2] = [
    [[0.632, -0.235, 0.059], [0.235, 1.066, -0.132], [-0.515, 0.157, -0.917], [0.044, 0.164, -1.387]],
    [[0.882, 0.098, -1.277], [1.213, 0.127, -0.601], [1.125, 0.127, -0.086], [0.831, 0.076, 0.230]],
];

/// Adds a wave that goes from `onset` to `offset` (ms); what lies outside the record is left out.
///
/// Each bell is the biweight kernel `(4 g (1 - g))^2`, a compact cousin of the Gaussian (like it, all of one sign and smooth,
/// but 0 with its slope at both ends), of a time `g` from 0 to 1 that is bent so that the peak comes where it should:
/// `g = a u / (1 + (a - 1) u)` with `a = (1 - peak) / peak`.
pub(super) fn add_wave(dipole: &mut [Vector], bells: &[Bell], onset: f64, offset: f64) {
    for bell in bells {
        let [start, end] = bell.support.map(|edge| if edge == 1.0 { offset } else { onset + edge * (offset - onset) });
        let bend = bell.bend();
        let scale = 1.0 / (end - start);
        let first = (start / STEP).ceil().max(0.0) as usize;
        let last = (end / STEP).floor().min(SAMPLES as f64 - 1.0);
        if last < first as f64 {
            continue;
        }
        for (i, moment) in dipole.iter_mut().enumerate().take(last as usize + 1).skip(first) {
            let u = ((i as f64 * STEP - start) * scale).clamp(0.0, 1.0);
            let height = biweight(bend, u);
            for (value, axis) in moment.iter_mut().zip(bell.vector) {
                *value += height * axis;
            }
        }
    }
}

/// What the leads see of the dipole.
pub(super) fn project(dipole: &[Vector]) -> Leads {
    DOWER.map(|rows| {
        let lead = |[left, down, back]: &Vector| rows.map(|row| row[0] * left + row[1] * down + row[2] * back);
        dipole.iter().map(lead).collect()
    })
}

/// What the eight leads see of one dipole moment.
pub(super) fn project_one([left, down, back]: &Vector) -> [f64; 8] {
    let mut seen = [0.0; 8];
    for (value, row) in seen.iter_mut().zip(DOWER.iter().flatten()) {
        *value = row[0] * left + row[1] * down + row[2] * back;
    }
    seen
}
