use super::*;
use crate::ops::gradient_check::assert_close;

/// Vectors of every instruction set, and channels that fill none, against sums in f64.
#[test]
fn sums_are_those_of_their_definitions() {
    let (length, channels) = (45, 37);
    let wave = |step: f32, count: usize| -> Vec<f32> { (0..count).map(|i| (i as f32 * step).sin()).collect() };
    let (z, g) = (wave(0.7, length * channels), wave(1.3, length * channels));
    let (gamma, beta) = (wave(0.9, channels), wave(0.4, channels));
    let mode = Mode { statistics: Statistics::Batch, relu: true };
    let norm = DeferredNorm::new(|c| gamma[c] * 0.1, |_| 1.5, &gamma, &beta, mode);
    let reading = norm.reading();
    let column = |values: &[f32], c: usize| -> Vec<f64> {
        values.iter().skip(c).step_by(channels).map(|value| f64::from(*value)).collect()
    };
    let (mut moments, mut sums) = ([vec![], vec![]], [vec![], vec![]]);
    for c in 0..channels {
        let (z, g) = (column(&z, c), column(&g, c));
        let mean = z.iter().sum::<f64>() / length as f64;
        moments[0].push(mean as f32);
        moments[1].push(z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() as f32);
        let passed = |(z, g): (&f64, &f64)| if reading.value(*z as f32, c) > 0.0 { (*g, *z) } else { (0.0, 0.0) };
        let through: Vec<(f64, f64)> = z.iter().zip(&g).map(passed).collect();
        sums[0].push(through.iter().map(|(g, _)| g).sum::<f64>() as f32);
        sums[1].push(through.iter().map(|(g, z)| g * (z - f64::from(reading.mean[c]))).sum::<f64>() as f32);
    }
    for isa in Isa::available() {
        let mut found = vec![0.0; 2 * channels];
        measure(isa, &z, &mut found);
        assert_close(&format!("moments {isa:?}"), &found, &moments.concat(), 1e-5);
        found.fill(0.0);
        let (z, g, to): (&[f32], &[f32], &mut [f32]) = (&z, &g, &mut found);
        dispatch!(isa => gradient_sums(reading: Reading<'_>, z: &[f32], g: &[f32], to: &mut [f32]));
        assert_close(&format!("gradients {isa:?}"), &found, &sums.concat(), 1e-5);
    }
}
