//! Pooling over time: maxima of windows, and the concatenation of maximum and mean.

use dfdx::prelude::Cpu;
use rayon::prelude::*;

use super::cpu::Isa;
use super::memory::{Buffer, pieces};
use super::norm::{Lens, Reading, sum_gradient};
use super::simd::{Simd, dispatch};
use super::{Backend, Done, Gradient, Lend, Seen, Shape3, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
pub(super) mod cuda;

/// Sizes of a max pool.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Samples in a window.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Samples added on each side, never the maximum.
    pub padding: usize,
}

impl Window {
    /// Output length: (length + 2 padding - kernel) / stride + 1.
    pub fn output_length(&self, length: usize) -> usize {
        (length + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// The samples, of `length`, that window `number` covers.
    fn samples(&self, number: usize, length: usize) -> std::ops::Range<usize> {
        let start = number * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel).saturating_sub(self.padding).min(length)
    }
}

/// Pooling on a device.
pub trait Kernel: Lend {
    /// Where the maxima over the whole length were.
    type Places: 'static;
    /// Maxima.
    fn max_pool(&self, window: Window, x: Seen<'_, Self>) -> Done<Self::Buffer, Self>;
    /// Adds to the input's gradient.
    fn max_pool_gradient(
        &self,
        window: Window,
        x: Seen<'_, Self>,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self>;
    /// (batch, length, channels) to (batch, 1, 2 channels): maxima over time, then means.
    fn concat_pool(&self, x: Seen<'_, Self>) -> Done<(Self::Buffer, Self::Places), Self>;
    /// Adds to the input's gradient.
    fn concat_pool_gradient(
        &self,
        shape: Shape3,
        places: &Self::Places,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self>;
}

/// The maximum of each window; of equal ones the first.
///
/// # Errors
/// Where the device fails.
pub fn max_pool<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, window: Window) -> Result<Var<D>> {
    let (batch, length, channels) = x.dims();
    let device = x.device.clone();
    let values = device.max_pool(window, x.seen()).map_err(device_error)?;
    let shape = (batch, window.output_length(length), channels);
    let y = Var::new(&device, values, shape, None, trace.wants(&[x.traced]));
    if y.traced {
        let kept = x.clone();
        trace.record_each(&y, &[x], move |gy, _, gx| device.max_pool_gradient(window, kept.seen(), gy, gx));
    }
    Ok(y)
}

/// Maximum and mean over time, concatenated: (batch, length, channels) to (batch, 1, 2 channels).
///
/// # Errors
/// Where the device fails.
pub fn concat_pool<D: Backend>(trace: &mut Trace<D>, x: &Var<D>) -> Result<Var<D>> {
    let (device, shape) = (x.device.clone(), x.dims());
    let (values, places) = device.concat_pool(x.seen()).map_err(device_error)?;
    let y = Var::new(&device, values, (shape.0, 1, 2 * shape.2), None, trace.wants(&[x.traced]));
    if y.traced {
        trace.record_each(&y, &[x], move |gy, _, gx| device.concat_pool_gradient(shape, &places, gy, gx));
    }
    Ok(y)
}

/// One record of a max pool.
struct Record<'a> {
    window: Window,
    reading: Option<Reading<'a>>,
    x: &'a [f32],
    length: usize,
    channels: usize,
}

impl Record<'_> {
    /// The part of `x` that window `number` covers.
    fn covered(&self, number: usize) -> std::ops::Range<usize> {
        let samples = self.window.samples(number, self.length);
        samples.start * self.channels..samples.end * self.channels
    }

    fn see(&self, c: usize, x: f32) -> f32 {
        self.reading.map_or(x, |reading| reading.value(x, c))
    }
}

#[inline(always)]
fn pool_record<S: Simd>(record: &Record<'_>, y: &mut [f32]) {
    let channels = record.channels;
    let whole = channels / S::LANES * S::LANES;
    for (number, y) in y.chunks_exact_mut(channels).enumerate() {
        let rows = &record.x[record.covered(number)];
        for c in (0..whole).step_by(S::LANES) {
            let top = top::<S>(rows, channels, c, &Lens::new(record.reading, c));
            S::store(top, &mut y[c..]);
        }
        for c in whole..channels {
            let seen = rows.chunks_exact(channels).map(|x| record.see(c, x[c]));
            y[c] = seen.fold(f32::NEG_INFINITY, |top, x| if x > top { x } else { top });
        }
    }
}

/// The maxima of a vector of channels, from `c` on.
#[inline(always)]
fn top<S: Simd>(rows: &[f32], channels: usize, c: usize, lens: &Lens<S>) -> S::V {
    let mut top = S::splat(f32::NEG_INFINITY);
    for x in rows.chunks_exact(channels) {
        top = S::max(lens.see(S::load(&x[c..])), top);
    }
    top
}

/// Gives each output's gradient to the first sample that is the maximum.
#[inline(always)]
fn gradient_record<S: Simd>(record: &Record<'_>, gy: &[f32], fresh: bool, gx: &mut [f32]) {
    let channels = record.channels;
    let whole = channels / S::LANES * S::LANES;
    if fresh {
        gx.fill(0.0);
    }
    for (number, g) in gy.chunks_exact(channels).enumerate() {
        let rows = record.covered(number);
        let (rows, gx) = (&record.x[rows.clone()], &mut gx[rows]);
        for c in (0..whole).step_by(S::LANES) {
            let lens = Lens::<S>::new(record.reading, c);
            let top = top::<S>(rows, channels, c, &lens);
            let mut left = S::load(&g[c..]);
            for (x, gx) in rows.chunks_exact(channels).zip(gx.chunks_exact_mut(channels)) {
                let given = S::where_reaching(lens.see(S::load(&x[c..])), top, left);
                left = S::sub(left, given);
                S::store(S::add(S::load(&gx[c..]), given), &mut gx[c..]);
            }
        }
        for c in whole..channels {
            let (mut place, mut top) = (0, f32::NEG_INFINITY);
            for (sample, x) in rows.chunks_exact(channels).enumerate() {
                let x = record.see(c, x[c]);
                if x > top {
                    (place, top) = (sample, x);
                }
            }
            gx[place * channels + c] += g[c];
        }
    }
}

/// Samples over which maxima and sums stay in registers.
const BLOCK: usize = 16;

/// Maxima, their places, and means of one record. Places are counted in f32, which is exact below 2^24 samples.
#[inline(always)]
fn concat_record<S: Simd>(reading: Option<Reading<'_>>, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    let channels = places.len();
    let whole = channels / S::LANES * S::LANES;
    let (maxima, means) = y.split_at_mut(channels);
    maxima.fill(f32::NEG_INFINITY);
    let (mut numbers, mut sums, mut line) = (vec![0f32; channels], vec![0f64; channels], [0f32; 16]);
    for (block, rows) in x.chunks(BLOCK * channels).enumerate() {
        let first = block * BLOCK;
        for c in (0..whole).step_by(S::LANES) {
            let lens = Lens::<S>::new(reading, c);
            let (mut top, mut place, mut sum) = (S::load(&maxima[c..]), S::load(&numbers[c..]), S::splat(0.0));
            for (sample, row) in rows.chunks_exact(channels).enumerate() {
                let x = lens.see(S::load(&row[c..]));
                let here = S::splat((first + sample) as f32);
                place = S::add(place, S::where_above(x, top, S::sub(here, place)));
                top = S::max(x, top);
                sum = S::add(sum, x);
            }
            S::store(top, &mut maxima[c..]);
            S::store(place, &mut numbers[c..]);
            S::store(sum, &mut line);
            sums[c..].iter_mut().zip(&line[..S::LANES]).for_each(|(sum, part)| *sum += f64::from(*part));
        }
        for c in whole..channels {
            for (sample, row) in rows.chunks_exact(channels).enumerate() {
                let x = reading.map_or(row[c], |reading| reading.value(row[c], c));
                if x > maxima[c] {
                    (maxima[c], numbers[c]) = (x, (first + sample) as f32);
                }
                sums[c] += f64::from(x);
            }
        }
    }
    places.iter_mut().zip(&numbers).for_each(|(place, number)| *place = *number as u32);
    let share = channels as f64 / x.len() as f64;
    means.iter_mut().zip(&sums).for_each(|(mean, sum)| *mean = (sum * share) as f32);
}

#[inline(always)]
fn concat_gradient_record<S: Simd>(places: &[u32], gy: &[f32], fresh: bool, gx: &mut [f32]) {
    let channels = places.len();
    let (maxima, means) = gy.split_at(channels);
    let share = channels as f32 / gx.len() as f32;
    for gx in gx.chunks_exact_mut(channels) {
        for c in 0..channels {
            gx[c] = if fresh { 0.0 } else { gx[c] } + means[c] * share;
        }
    }
    for (c, &place) in places.iter().enumerate() {
        gx[place as usize * channels + c] += maxima[c];
    }
}

impl Kernel for Cpu {
    type Places = Vec<u32>;

    fn max_pool(&self, window: Window, x: Seen<'_, Cpu>) -> Done<Buffer, Cpu> {
        let (batch, length, channels) = x.shape;
        let (isa, size) = (Isa::best(), window.output_length(length) * channels);
        let mut y = Buffer::stale(batch * size);
        y.par_chunks_exact_mut(size).enumerate().for_each(|(number, y)| {
            let record = &Record { window, reading: x.reading(), x: x.record(number), length, channels };
            dispatch!(isa => pool_record(record: &Record<'_>, y: &mut [f32]));
        });
        Ok(y)
    }

    fn max_pool_gradient(
        &self,
        window: Window,
        x: Seen<'_, Cpu>,
        gy: &Buffer,
        gx: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let (batch, length, channels) = x.shape;
        let (isa, size, fresh) = (Isa::best(), window.output_length(length) * channels, gx.fresh);
        let mut sums = x.room_for_sums();
        let slots = pieces(sums.as_deref_mut(), 2 * channels, batch);
        let gx = gx.values.par_chunks_exact_mut(length * channels);
        gx.zip(gy.par_chunks_exact(size)).zip(slots).enumerate().for_each(|(number, ((gx, gy), sums))| {
            let record = &Record { window, reading: x.reading(), x: x.record(number), length, channels };
            dispatch!(isa => gradient_record(record: &Record<'_>, gy: &[f32], fresh: bool, gx: &mut [f32]));
            if let (Some(reading), Some(sums)) = (record.reading, sums) {
                sum_gradient(isa, reading, record.x, gx, sums);
            }
        });
        x.keep_sums(sums);
        Ok(())
    }

    fn concat_pool(&self, x: Seen<'_, Cpu>) -> Done<(Buffer, Vec<u32>), Cpu> {
        let (batch, _, channels) = x.shape;
        let (isa, reading) = (Isa::best(), x.reading());
        let (mut y, mut places) = (Buffer::stale(batch * 2 * channels), vec![0; batch * channels]);
        let slots = y.par_chunks_exact_mut(2 * channels).zip(places.par_chunks_exact_mut(channels));
        slots.enumerate().for_each(|(number, (y, places))| {
            let x = x.record(number);
            dispatch!(isa => concat_record(reading: Option<Reading<'_>>, x: &[f32], y: &mut [f32], places: &mut [u32]));
        });
        Ok((y, places))
    }

    fn concat_pool_gradient(
        &self,
        (_, length, channels): Shape3,
        places: &Vec<u32>,
        gy: &Buffer,
        gx: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let (isa, fresh) = (Isa::best(), gx.fresh);
        gx.values
            .par_chunks_exact_mut(length * channels)
            .zip(gy.par_chunks_exact(2 * channels))
            .zip(places.par_chunks_exact(channels))
            .for_each(|((gx, gy), places)| {
                dispatch!(isa => concat_gradient_record(places: &[u32], gy: &[f32], fresh: bool, gx: &mut [f32]))
            });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{assert_close, check, reference, turned, values};

    #[test]
    fn gradients_match_finite_differences() {
        for window in [Window { kernel: 3, stride: 1, padding: 1 }, Window { kernel: 2, stride: 2, padding: 0 }] {
            check(&[vec![2, 9, 3]], |trace, inputs| max_pool(trace, &inputs[0].var, window));
        }
        check(&[vec![2, 9, 3]], |trace, inputs| concat_pool(trace, &inputs[0].var));
    }

    #[test]
    fn equals_pytorch_ties_included() {
        let (device, reference) = (Cpu::default(), reference("ops"));
        let cases: Vec<&str> =
            reference.keys().filter_map(|key| key.strip_prefix("max_pool.")?.strip_suffix(".params")).collect();
        assert!(cases.len() >= 5, "{cases:?}");
        for case in cases {
            let get = |name: &str| values(&reference, &format!("max_pool.{case}.{name}"));
            let ((shape, x), params) = (get("x"), get("params").1);
            let [batch, channels, length] = [shape[0], shape[1], shape[2]];
            let window = Window { kernel: params[0] as usize, stride: params[1] as usize, padding: params[2] as usize };
            let x = Var::input(&device, turned(&x, channels, length), (batch, length, channels)).unwrap();
            let y = max_pool(&mut Trace::off(), &x, window).unwrap();
            let m = window.output_length(length);
            assert_close(case, &turned(&y.to_vec(), m, channels), &get("y").1, 1e-6);
            let gy = Buffer::from(turned(&get("gy").1, channels, m));
            let mut gx = Gradient { values: Buffer::stale(batch * length * channels), fresh: true };
            device.max_pool_gradient(window, x.seen(), &gy, &mut gx).unwrap();
            assert_close(case, &turned(&gx.values, length, channels), &get("gx").1, 1e-6);
        }
    }

    #[test]
    fn concat_pool_equals_pytorch() {
        let reference = reference("ops");
        let get = |name: &str| values(&reference, &format!("concat_pool.{name}"));
        let (shape, x) = get("x");
        let [batch, channels, length] = [shape[0], shape[1], shape[2]];
        let x = Var::input(&Cpu::default(), turned(&x, channels, length), (batch, length, channels)).unwrap();
        let y = concat_pool(&mut Trace::off(), &x).unwrap();
        assert_close("y", &y.to_vec(), &get("y").1, 1e-6);
    }

    /// On every instruction set, with ties, of channels that fill no vector.
    #[test]
    fn maxima_are_where_they_are_first() {
        let (length, channels) = (50, 37);
        let x: Vec<f32> = (0..length * channels).map(|i| (i * i % 11) as f32 - 20.0).collect();
        for isa in Isa::available() {
            let (mut y, mut places) = (vec![0.0; 2 * channels], vec![0; channels]);
            let (x, to, of): (&[f32], &mut [f32], &mut [u32]) = (&x, &mut y, &mut places);
            let none = None;
            dispatch!(isa => concat_record(none: Option<Reading<'_>>, x: &[f32], to: &mut [f32], of: &mut [u32]));
            for c in 0..channels {
                let column: Vec<f32> = x.iter().skip(c).step_by(channels).copied().collect();
                let top = column.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let place = column.iter().position(|x| *x == top).unwrap();
                let mean = column.iter().sum::<f32>() / length as f32;
                assert_eq!((y[c], places[c]), (top, place as u32), "{isa:?}");
                assert!((y[channels + c] - mean).abs() < 1e-4, "{isa:?}");
            }
        }
    }

    #[test]
    fn maxima_at_the_edges_ignore_the_padding() {
        let x = Var::input(&Cpu::default(), vec![-3.0, -1.0, -2.0, -5.0], (1, 4, 1)).unwrap();
        let y = max_pool(&mut Trace::off(), &x, Window { kernel: 3, stride: 1, padding: 1 }).unwrap();
        assert_eq!(y.to_vec(), [-1.0, -1.0, -1.0, -2.0]);
    }
}
