//! Losses on the GPU. What outputs are measured against goes to the device with each batch; nothing comes back.

use super::{Form, Kernel, Loss};
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch};
use crate::tensor::{Cuda, Done, View};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("loss", include_str!("loss.cu"))];

/// Its number in the kernels, and its parameter.
fn numbered(form: Form) -> (i32, f64) {
    match form {
        Form::Focal(gamma) => (1, gamma),
        Form::Plain | Form::Smoothed(_) => (0, form.smoothing()),
    }
}

/// Whole numbers, then weights, in one upload.
fn with_weights(words: impl Iterator<Item = u32>, weights: &[f32]) -> Done<Buffer, Cuda> {
    Buffer::upload_words(words.chain(weights.iter().map(|weight| weight.to_bits())))
}

impl Kernel for Cuda {
    fn loss(
        &self,
        outputs: View<'_, Self>,
        loss: &Loss,
        share: f64,
        weight: f64,
        sum: &mut Buffer,
    ) -> Done<Buffer, Self> {
        debug_assert!(outputs.norm.is_none() && outputs.shape.1 == 1);
        let (records, _, width) = outputs.shape;
        let count = records * width;
        let (gradient, values) = (Buffer::stale(count)?, Buffer::stale(2 * count)?);
        let [from, to, parts] = [outputs.values.address(), gradient.address(), values.address()];
        let residuals = |truth: &[f32], kind: i32, delta: f64| -> OnCuda<usize> {
            let known = truth.iter().filter(|t| !t.is_nan()).count().max(1) as f64;
            let truth = Buffer::upload(truth.to_vec())?;
            let each = Grid::each(count);
            launch!("loss_residuals", each; from, truth.address(), to, parts, int(count)?, kind, delta, known, share)?;
            Ok(count)
        };
        let parts_of_sum = match loss {
            Loss::CrossEntropy { classes, weights, form } => {
                let total: f64 = classes.iter().map(|&class| f64::from(weights[class])).sum();
                let (form, strength) = numbered(*form);
                let truth = with_weights(classes.iter().map(|&class| class as u32), weights)?;
                launch!(
                    "loss_softmax", Grid::new(records.div_ceil(4), 128);
                    from, truth.address(), to, parts, int(records)?, int(width)?, form, strength, total, share
                )?;
                records
            }
            Loss::BinaryCrossEntropy { labels, weights, form } => {
                let (form, strength) = numbered(*form);
                let truth = with_weights(labels.iter().map(|&label| label.into()), weights)?;
                launch!(
                    "loss_sigmoid", Grid::each(count);
                    from, truth.address(), to, parts, int(count)?, int(width)?, form, strength, share
                )?;
                count
            }
            Loss::Mae(truth) => residuals(truth, 0, 0.0)?,
            Loss::Mse(truth) => residuals(truth, 1, 0.0)?,
            Loss::Huber { truth, delta } => residuals(truth, 2, *delta)?,
            Loss::NtXent { views, temperature } => {
                debug_assert!(*views == records);
                // Doubles, each of two words: lengths, slopes by pair of views, and sums by feature.
                let norms = Buffer::stale(2 * records)?;
                let slopes = Buffer::stale(2 * records * records)?;
                let along = Buffer::stale(2 * count)?;
                let (rows, columns) = (int(records)?, int(width)?);
                let warps = Grid::new(records.div_ceil(4), 128);
                launch!("nt_xent_norms", warps; from, norms.address(), rows, columns)?;
                launch!(
                    "nt_xent_slopes", warps;
                    from, norms.address(), slopes.address(), parts, rows, columns, *temperature
                )?;
                launch!(
                    "nt_xent_gradient", warps;
                    from, norms.address(), slopes.address(), along.address(), to, rows, columns, *temperature, share
                )?;
                records
            }
        };
        launch!("loss_sum", Grid::new(1, 256); parts, int(parts_of_sum)?, weight, sum.address())?;
        Ok(gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Backend;
    use crate::ops::cuda_twins::gpu;
    use crate::ops::gradient_check::assert_close;
    use crate::tensor::{Cpu, Shape3, Var};

    /// The sum after two batches, one as a part, and their gradients.
    fn twice<D: Backend>(device: &D, outputs: &[f32], shape: Shape3, loss: &Loss) -> (f64, Vec<Vec<f32>>) {
        let mut sum = device.sum().ok().unwrap();
        let x = Var::input(device, outputs.to_vec(), shape).unwrap();
        let gradients = [(1.0, 64.0), (0.25, 16.0)].map(|(share, weight)| {
            let gradient = device.loss(x.view(), loss, share, weight, &mut sum).ok().unwrap();
            device.download(&gradient).ok().unwrap()
        });
        (device.total(&sum).ok().unwrap(), gradients.to_vec())
    }

    fn compare(outputs: &[f32], width: usize, loss: &Loss) {
        let shape = (outputs.len() / width, 1, width);
        let (sum, gradients) = twice(&gpu(), outputs, shape, loss);
        let (expected, theirs) = twice(&Cpu::default(), outputs, shape, loss);
        assert!((sum - expected).abs() <= 1e-9 * expected.abs(), "{loss:?}: {sum} {expected}");
        for (ours, theirs) in gradients.iter().zip(&theirs) {
            assert_close(&format!("{loss:?}"), ours, theirs, 1e-6);
        }
    }

    fn drawn(count: usize) -> Vec<f32> {
        use rand::RngExt;
        let mut random = crate::seed::stream(1, "outputs", 0);
        (0..count).map(|_| 8.0 * random.random::<f32>() - 4.0).collect()
    }

    #[test]
    fn every_loss_and_form_is_the_cpus() {
        let (records, width) = (37, 45);
        let mut outputs = drawn(records * width);
        outputs[..3].copy_from_slice(&[500.0, -500.0, 0.0]);
        let weights: Vec<f32> = (0..width).map(|k| 0.25 * (k % 5) as f32).collect();
        let forms = [
            Form::Plain,
            Form::Smoothed(0.1),
            Form::Smoothed(1.0),
            Form::Focal(0.0),
            Form::Focal(0.5),
            Form::Focal(2.0),
        ];
        for form in forms {
            let classes = (0..records).map(|i| 7 * i % width).collect();
            compare(&outputs, width, &Loss::CrossEntropy { classes, weights: weights.clone(), form });
            let labels = (0..records * width).map(|i| i % 3 == 0).collect();
            compare(&outputs, width, &Loss::BinaryCrossEntropy { labels, weights: weights.clone(), form });
        }
    }

    #[test]
    fn every_residual_is_the_cpus_and_what_is_not_known_counts_for_nothing() {
        let outputs = drawn(300);
        let mut truth: Vec<f32> = outputs.iter().enumerate().map(|(i, y)| y + (i % 7) as f32 - 3.0).collect();
        truth.iter_mut().step_by(5).for_each(|t| *t = f32::NAN);
        compare(&outputs, 3, &Loss::Mae(truth.clone()));
        compare(&outputs, 3, &Loss::Mse(truth.clone()));
        for delta in [0.5, 1.0, 2.5] {
            compare(&outputs, 3, &Loss::Huber { truth: truth.clone(), delta });
        }
        compare(&outputs, 3, &Loss::Mse(vec![f32::NAN; 300]));
    }

    #[test]
    fn nt_xent_is_the_cpus() {
        for (views, width, temperature) in [(2, 3, 0.1), (10, 1, 0.5), (38, 45, 0.1), (64, 128, 1.0)] {
            compare(&drawn(views * width), width, &Loss::NtXent { views, temperature });
        }
        let mut outputs = drawn(6 * 5);
        outputs[5..10].fill(0.0);
        compare(&outputs, 5, &Loss::NtXent { views: 6, temperature: 0.2 });
    }

    #[test]
    fn a_sum_that_is_not_finite_says_so() {
        let (sum, _) = twice(&gpu(), &[f32::NAN, 1.0], (2, 1, 1), &Loss::Mae(vec![0.0, 0.0]));
        assert!(sum.is_nan());
    }
}
