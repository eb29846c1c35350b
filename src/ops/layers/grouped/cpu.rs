//! The convolution on the CPU: the channels of a group are laid side by side, and its outputs are a matrix product of rows
//! that overlap, as `conv1d::cpu::direct` makes them.
//!
//! Each record is one piece of work; weight gradients of [`PIECE`] records are summed in record order, and the pieces' sums
//! in piece order, whatever the number of threads.

use rayon::prelude::*;

use super::{Kernel, Sizes};
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, Right, accumulate, multiply, summed};
use crate::ops::cpu::reading::read;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::conv1d;
use crate::ops::layers::conv1d::cpu::PIECE;
use crate::ops::layers::conv1d::cpu::batch::add_taps;
use crate::ops::layers::conv1d::cpu::direct::{self, Turned};
use crate::ops::layers::norm::{Back, Moments, measure, sum_gradient};
use crate::tensor::memory::{Buffer, give, pieces};
use crate::tensor::{Cpu, Done, Flat, Gradient, Normalized, View, WantedGradients, flat};

/// Rows of `width` neighbouring channels of `x`, whose rows have `pitch`, into `to`, side by side.
#[inline(always)]
fn gather_rows<S: Simd>(x: &[f32], pitch: usize, width: usize, to: &mut [f32]) {
    let whole = width / S::LANES * S::LANES;
    for (to, x) in to.chunks_exact_mut(width).zip(x.chunks(pitch)) {
        for c in (0..whole).step_by(S::LANES) {
            S::store(S::load(&x[c..]), &mut to[c..]);
        }
        to[whole..width].copy_from_slice(&x[whole..width]);
    }
}

/// A group's rows between `before` rows of zeros and others behind.
fn gather(isa: Isa, x: &[f32], (pitch, first, width): (usize, usize, usize), before: usize, to: &mut [f32]) {
    let start = before * width;
    let end = start + x.len() / pitch * width;
    to[..start].fill(0.0);
    to[end..].fill(0.0);
    let (x, to): (&[f32], &mut [f32]) = (&x[first..], &mut to[start..end]);
    dispatch!(isa => gather_rows(x: &[f32], pitch: usize, width: usize, to: &mut [f32]));
}

/// One convolution, and how it is made.
struct Work<'a> {
    isa: Isa,
    s: Sizes,
    group: conv1d::Sizes,
    x: View<'a, Cpu>,
    w: &'a [f32],
}

impl<'a> Work<'a> {
    fn new(s: Sizes, x: View<'a, Cpu>, w: &'a Flat<Cpu>) -> Self {
        let group = s.of_group();
        Self { isa: Isa::suiting(group.output), s, group, x, w: flat(w) }
    }

    /// Values of a group's weights.
    fn weights(&self) -> usize {
        self.group.output * self.group.input * self.group.kernel
    }

    /// What a record's readers see, in `room` where that is not what is in memory.
    fn seen<'r>(&'r self, record: usize, room: &'r mut Option<Buffer>) -> &'r [f32] {
        let x = self.x.record(record);
        match self.x.reading() {
            None => x,
            reading => {
                let room = room.get_or_insert_with(|| Buffer::stale(x.len()));
                read(self.isa, reading, x, room);
                room
            }
        }
    }

    /// Zeros about a group's samples included.
    fn padded(&self) -> Buffer {
        Buffer::stale((self.group.length + 2 * self.group.padding) * self.group.input)
    }

    fn gather(&self, seen: &[f32], group: usize, padded: &mut [f32]) {
        let Sizes { input, .. } = self.s;
        gather(self.isa, seen, (input, group * self.group.input, self.group.input), self.group.padding, padded);
    }

    fn forward(&self, wanted: bool) -> (Buffer, Option<Moments>) {
        let Self { isa, s, group, .. } = *self;
        let packed: Vec<Packed> =
            self.w.par_chunks_exact(self.weights()).map(|w| direct::packed(isa, group, w)).collect();
        let size = s.output_length() * s.output;
        let mut y = Buffer::stale(s.batch * size);
        let mut moments = wanted.then(|| Moments::new(s.output_shape()));
        let mut slots = pieces(moments.as_mut().map(|moments| &mut *moments.values), 2 * s.output, s.batch);
        y.par_chunks_exact_mut(size).zip(slots.par_iter_mut()).enumerate().for_each(|(record, (z, moments))| {
            let (mut room, mut padded) = (None, self.padded());
            let seen = self.seen(record, &mut room);
            for (number, packed) in packed.iter().enumerate() {
                self.gather(seen, number, &mut padded);
                multiply(isa, direct::rows(group, &padded), packed, false, &mut z[number * group.output..], s.output);
            }
            if let Some(moments) = moments {
                measure(isa, z, moments);
            }
        });
        (y, moments)
    }

    fn gradient(&self, back: &Back<'_>, z: &[f32], gy: &[f32], wanted: WantedGradients<'_, Cpu>) {
        let WantedGradients { x: gx, params } = wanted;
        let gw = params.first_mut().and_then(Option::as_mut);
        if gx.is_none() && gw.is_none() {
            return;
        }
        let Self { isa, s, group, .. } = *self;
        let fresh = gx.as_ref().is_some_and(|gx| gx.fresh);
        let turned: Option<Vec<Turned>> =
            gx.is_some().then(|| self.w.par_chunks_exact(self.weights()).map(|w| Turned::new(isa, group, w)).collect());
        let (x_size, y_size) = (s.length * s.input, s.output_length() * s.output);
        let mut of_x = gx.as_ref().and_then(|_| self.x.room_for_sums());
        let count = s.batch.div_ceil(PIECE);
        let slots = pieces(of_x.as_deref_mut(), PIECE * 2 * s.input, count);
        let gxs = pieces(gx.map(|Gradient { values, .. }| &mut **values), PIECE * x_size, count);
        let (line, turned) = (summed(isa, group.output), turned.as_deref());
        let of_group = group.kernel * group.input * line;
        let sums: Vec<Option<Buffer>> = gxs
            .into_par_iter()
            .zip(slots)
            .enumerate()
            .map(|(piece, (mut gx, mut slots))| {
                let mut sum = gw.is_some().then(|| Buffer::zeros(s.groups * of_group));
                for number in 0..PIECE.min(s.batch - piece * PIECE) {
                    let record = piece * PIECE + number;
                    let at = record * y_size..(record + 1) * y_size;
                    let mut gz = Buffer::stale(y_size);
                    back.rows(isa, &z[at.clone()], &gy[at], &mut gz);
                    let gx = gx.as_deref_mut().map(|gx| &mut gx[number * x_size..][..x_size]);
                    let sums = slots.as_deref_mut().map(|slots| &mut slots[number * 2 * s.input..][..2 * s.input]);
                    self.gradient_record(record, &gz, sum.as_deref_mut(), To { turned, gx, fresh, sums });
                }
                sum
            })
            .collect();
        self.x.keep_sums(of_x);
        let Some(gw) = gw else { return };
        gw.par_chunks_exact_mut(self.weights()).enumerate().for_each(|(number, gw)| {
            for sum in sums.iter().flatten() {
                add_taps(group, &sum[number * of_group..][..of_group], line, gw);
            }
        });
    }

    /// `gz` is the gradient of the record's outputs as they are in memory.
    fn gradient_record(&self, record: usize, gz: &[f32], mut sum: Option<&mut [f32]>, to: To<'_>) {
        let Self { isa, s, group, .. } = *self;
        let To { turned, mut gx, fresh, sums } = to;
        let (mut room, mut padded) = (None, self.padded());
        let seen = if sum.is_some() { self.seen(record, &mut room) } else { &[] };
        let count = s.output_length();
        let (before, rows) =
            turned.and_then(<[Turned]>::first).map_or((0, count), |turned| (turned.before, turned.rows));
        // Sums of products read a vector's length more.
        let mut own_gz = Buffer::stale(rows * group.output + isa.lanes());
        let mut own_gx = Buffer::stale(group.length * group.input);
        for number in 0..s.groups {
            gather(isa, gz, (s.output, number * group.output, group.output), before, &mut own_gz);
            if let (Some(gx), Some(turned)) = (gx.as_deref_mut(), turned) {
                turned[number].multiply(isa, group, &own_gz, true, &mut own_gx);
                let rows = gx.chunks_exact_mut(s.input).zip(own_gx.chunks_exact(group.input));
                rows.for_each(|(gx, own)| give(fresh, own, &mut gx[number * group.input..][..group.input]));
            }
            if let Some(sum) = sum.as_deref_mut() {
                let of_group = sum.len() / s.groups;
                self.gather(seen, number, &mut padded);
                let (start, step) = (before * group.output, group.output);
                let right = Right { values: &own_gz, start, step, width: group.output };
                accumulate(isa, direct::rows(group, &padded), right, &mut sum[number * of_group..][..of_group]);
            }
        }
        if let (Some(reading), Some(gx), Some(sums)) = (self.x.reading(), gx, sums) {
            sum_gradient(isa, reading, self.x.record(record), gx, sums);
        }
    }
}

/// Where the gradient of a record's input goes.
struct To<'a> {
    /// The weights of each group, where it is wanted.
    turned: Option<&'a [Turned]>,
    gx: Option<&'a mut [f32]>,
    /// It is to be written, not added to.
    fresh: bool,
    /// Sums over it, for its batch norm.
    sums: Option<&'a mut [f32]>,
}

impl Kernel for Cpu {
    fn grouped(
        &self,
        sizes: Sizes,
        x: View<'_, Cpu>,
        w: &Flat<Cpu>,
        moments: bool,
    ) -> Done<(Buffer, Option<Moments>), Cpu> {
        Ok(Work::new(sizes, x, w).forward(moments))
    }

    fn grouped_gradient(
        &self,
        sizes: Sizes,
        x: View<'_, Cpu>,
        w: &Flat<Cpu>,
        y: Option<Normalized<'_, Cpu>>,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        let WantedGradients { x: gx, params } = wanted;
        let Some((gw, of_norm)) = params.split_at_mut_checked(1) else { return Ok(()) };
        let back = Back::new(y, sizes.output_shape(), gy, of_norm);
        let z: &[f32] = y.map_or(&**gy, |y| &**y.values);
        Work::new(sizes, x, w).gradient(&back, z, gy, WantedGradients { x: gx, params: gw });
        Ok(())
    }
}
