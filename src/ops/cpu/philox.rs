//! Random numbers that are a function of their place: Philox 4x32 with 10 rounds (Salmon, Moraes, Dror and Shaw
//! 2011). A mask of dropout need not be kept, since any part of it can be made again, on any thread.

use rand::Rng;

use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::{Simd, dispatch};

/// Counters that go through the rounds side by side; each gives four numbers.
const LANES: usize = 64;

/// Dropout of one operation in one step: each value is zeroed with probability p, the others scaled by
/// 1 / (1 - p) (Srivastava 2014).
#[derive(Clone, Copy, Debug)]
pub struct Dropping {
    pub(in crate::ops) key: [u32; 2],
    /// Smaller numbers drop: p 2^32.
    pub(in crate::ops) threshold: u32,
    /// 1 / (1 - p).
    pub(in crate::ops) scale: f32,
}

impl Dropping {
    /// With probability `p` (below 1) and a key from `random`; `None` where `p` is 0: nothing is dropped and
    /// nothing drawn.
    pub fn new(p: f64, random: &mut impl Rng) -> Option<Self> {
        if p <= 0.0 {
            return None;
        }
        let key = random.next_u64();
        let threshold = (p * 2f64.powi(32)) as u32;
        Some(Self { key: [key as u32, (key >> 32) as u32], threshold, scale: (1.0 / (1.0 - p)) as f32 })
    }
}

/// What the values of one part of one record are multiplied by: 0 or 1 / (1 - p), or 1 where nothing is dropped.
/// `place` is the number of the part and of the record.
pub(in crate::ops) fn factors(isa: Isa, dropping: Option<Dropping>, place: [usize; 2], out: &mut [f32]) {
    match dropping {
        None => out.fill(1.0),
        Some(dropping) => {
            let place = place.map(|number| number as u32);
            dispatch!(isa => fill(dropping: Dropping, place: [u32; 2], out: &mut [f32]));
        }
    }
}

#[inline(always)]
fn fill<S: Simd>(dropping: Dropping, [part, record]: [u32; 2], out: &mut [f32]) {
    let mut drawn = [[0u32; LANES]; 4];
    for (number, out) in out.chunks_mut(4 * LANES).enumerate() {
        let first = (number * LANES) as u32;
        let [a, b, c, d] = &mut drawn;
        for lane in 0..LANES {
            [a[lane], b[lane], c[lane], d[lane]] = philox([first + lane as u32, record, part, 0], dropping.key);
        }
        for (out, drawn) in out.chunks_mut(LANES).zip(&drawn) {
            for (out, &drawn) in out.iter_mut().zip(drawn) {
                *out = if drawn >= dropping.threshold { dropping.scale } else { 0.0 };
            }
        }
    }
}

/// Four numbers from a counter and a key.
#[inline(always)]
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [a, b] = [u64::from(counter[0]) * 0xD251_1F53, u64::from(counter[2]) * 0xCD9E_8D57];
        counter = [(b >> 32) as u32 ^ counter[1] ^ key[0], b as u32, (a >> 32) as u32 ^ counter[3] ^ key[1], a as u32];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_paper() {
        // Known answers of Random123, the authors' library.
        let all = u32::MAX;
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([all; 4], [all; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox(counter, key), expected, "{counter:x?}");
        }
    }

    #[test]
    fn factors_keep_the_mean_and_are_one_on_all_instruction_sets() {
        let dropping = Dropping::new(0.25, &mut crate::seed::stream(3, "dropout", 0));
        let of = |isa, place| {
            let mut out = vec![0.0; 40_001];
            factors(isa, dropping, place, &mut out);
            out
        };
        let here = of(Isa::Portable, [1, 2]);
        let dropped = here.iter().filter(|factor| **factor == 0.0).count() as f32 / here.len() as f32;
        let mean = here.iter().sum::<f32>() / here.len() as f32;
        assert!((dropped - 0.25).abs() < 0.01 && (mean - 1.0).abs() < 0.02, "{dropped} {mean}");
        for isa in Isa::available() {
            assert!(of(isa, [1, 2]) == here, "{isa:?}");
        }
        // Other records and parts have masks of their own: two agree as often as chance has it.
        for place in [[1, 3], [2, 2], [2, 1]] {
            let same = of(Isa::best(), place).iter().zip(&here).filter(|(a, b)| a == b).count();
            let share = same as f32 / here.len() as f32;
            assert!((share - (0.75 * 0.75 + 0.25 * 0.25)).abs() < 0.01, "{place:?}: {share}");
        }
        assert!(Dropping::new(0.0, &mut crate::seed::stream(3, "dropout", 0)).is_none());
    }
}
