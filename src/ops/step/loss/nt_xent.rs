//! NT-Xent on the CPU: see [`Loss::NtXent`](super::Loss::NtXent).
//!
//! With u_i the outputs z_i of view i, of length 1, s_ij = u_i u_j / temperature, and p(i) the other view of its record,
//! the loss is the mean over i of log(sum over j other than i of exp s_ij) - s_ip(i).

/// Below this the length of an output is this, as in PyTorch's `normalize`.
const SHORTEST: f64 = 1e-12;

/// How well one view was found among all others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Its part of the loss: the mean of all is the loss.
    pub loss: f64,
    /// Whether no other view is as near as that of its record.
    pub is_nearest: bool,
}

/// How well each of `views` views was found by `outputs` (views, outputs), the second ones of records after all first ones.
pub fn found(outputs: &[f32], views: usize, temperature: f64) -> Vec<Found> {
    let (units, _) = units(outputs, views);
    let one = |view: usize| {
        let (similarities, log_sum) = softmax(&units, views, view, temperature);
        let own = similarities[partner(view, views)];
        let nearer = (0..views).filter(|other| *other != view && similarities[*other] >= own).count();
        Found { loss: log_sum - own, is_nearest: nearer == 1 }
    };
    (0..views).map(one).collect()
}

/// The loss, and its gradient.
pub(super) fn evaluate(outputs: &[f32], views: usize, temperature: f64, gradient: &mut [f32]) -> f64 {
    let width = outputs.len() / views.max(1);
    let (units, norms) = units(outputs, views);
    let mut slopes = vec![0f64; views * views];
    let mut sum = 0.0;
    for (view, slopes) in slopes.chunks_exact_mut(views).enumerate() {
        let (similarities, log_sum) = softmax(&units, views, view, temperature);
        let own = partner(view, views);
        sum += log_sum - similarities[own];
        for (other, (slope, similarity)) in slopes.iter_mut().zip(&similarities).enumerate() {
            let probability = if other == view { 0.0 } else { (similarity - log_sum).exp() };
            *slope = probability - if other == own { 1.0 } else { 0.0 };
        }
    }
    let share = 1.0 / (views as f64 * temperature);
    let mut along = vec![0f64; width];
    for (view, gradient) in gradient.chunks_exact_mut(width.max(1)).enumerate().take(views) {
        along.fill(0.0);
        for other in 0..views {
            let slope = share * (slopes[view * views + other] + slopes[other * views + view]);
            along.iter_mut().zip(row(&units, width, other)).for_each(|(sum, unit)| *sum += slope * unit);
        }
        let own = row(&units, width, view);
        // What only makes the output longer changes nothing.
        let outwards: f64 = along.iter().zip(own).map(|(along, unit)| along * unit).sum();
        for ((gradient, along), unit) in gradient.iter_mut().zip(&along).zip(own) {
            *gradient = ((along - outwards * unit) / norms[view]) as f32;
        }
    }
    sum / views.max(1) as f64
}

/// The other view of the same record.
fn partner(view: usize, views: usize) -> usize {
    (view + views / 2) % views.max(1)
}

fn row(units: &[f64], width: usize, view: usize) -> &[f64] {
    &units[view * width..][..width]
}

/// Outputs of length 1, and their lengths.
fn units(outputs: &[f32], views: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut units, mut norms) = (Vec::with_capacity(outputs.len()), Vec::with_capacity(views));
    for row in outputs.chunks_exact((outputs.len() / views.max(1)).max(1)) {
        let norm = row.iter().map(|&z| f64::from(z) * f64::from(z)).sum::<f64>().sqrt().max(SHORTEST);
        units.extend(row.iter().map(|&z| f64::from(z) / norm));
        norms.push(norm);
    }
    (units, norms)
}

/// Similarities of a view to all, and the logarithm of the sum of their exponentials without its own.
fn softmax(units: &[f64], views: usize, view: usize, temperature: f64) -> (Vec<f64>, f64) {
    let width = units.len() / views.max(1);
    let own = row(units, width, view);
    let to = |other: usize| row(units, width, other).iter().zip(own).map(|(a, b)| a * b).sum::<f64>() / temperature;
    let similarities: Vec<f64> = (0..views).map(to).collect();
    let others =
        || similarities.iter().enumerate().filter(|(other, _)| *other != view).map(|(_, similarity)| *similarity);
    let top = others().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = others().map(|similarity| (similarity - top).exp()).sum::<f64>().ln() + top;
    (similarities, log_sum)
}
