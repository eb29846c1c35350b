//! Values as bytes, in full and in half precision, and their checksums.

use crate::manifest::Storage;

/// The largest number of half precision.
pub(crate) const LARGEST_HALF: f32 = 65504.0;

/// Appends `values` to `bytes`, least significant byte first.
pub(super) fn encode(values: &[f32], storage: Storage, bytes: &mut Vec<u8>) {
    bytes.reserve(values.len() * storage.bytes());
    match storage {
        Storage::F32 => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        Storage::F16 => bytes.extend(values.iter().flat_map(|value| to_half(*value).to_le_bytes())),
    }
}

/// The values in `bytes`, as many as `to` has.
pub(super) fn decode(bytes: &[u8], storage: Storage, to: &mut [f32]) {
    match storage {
        Storage::F32 => {
            for (value, bytes) in to.iter_mut().zip(bytes.chunks_exact(4)) {
                *value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        }
        Storage::F16 => {
            for (value, bytes) in to.iter_mut().zip(bytes.chunks_exact(2)) {
                *value = from_half(u16::from_le_bytes([bytes[0], bytes[1]]));
            }
        }
    }
}

/// Rounds values to those that are kept: nothing for `f32`, the nearest of half precision for `f16`.
pub(crate) fn round(values: &mut [f32], storage: Storage) {
    if storage == Storage::F16 {
        values.iter_mut().for_each(|value| *value = from_half(to_half(*value)));
    }
}

/// The nearest number of IEEE 754 binary16, of two the even one; beyond the largest, infinity.
fn to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    let half = if magnitude >= 0x4780_0000 {
        // 65536 and more; NaN stays one.
        if magnitude > 0x7f80_0000 { 0x7e00 } else { 0x7c00 }
    } else if magnitude >= 0x3880_0000 {
        // Normal: the exponent's bias goes from 127 to 15; a carry of the rounding goes into the exponent, where it belongs.
        let rebased = magnitude - (112 << 23);
        (rebased + 0x0fff + (rebased >> 13 & 1)) >> 13
    } else {
        // Subnormal: whole steps of 2^-24, which is exact in f32; ties go to the even one.
        (f32::from_bits(magnitude) * 16_777_216.0).round_ties_even() as u32
    };
    sign | half as u16
}

fn from_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff);
    let bits = match magnitude {
        0..0x0400 => (magnitude as f32 / 16_777_216.0).to_bits(),
        0x0400..0x7c00 => (magnitude << 13) + (112 << 23),
        _ => 0x7f80_0000 | (magnitude & 0x03ff) << 13,
    };
    f32::from_bits(sign | bits)
}

/// A checksum against damage, not against intent: FNV-1a over the values' bits, two at a time, in four lanes so
/// that processors can run ahead. Any one changed value changes it.
pub(super) fn checksum(values: &[f32]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    const LANES: usize = 4;
    let mut lanes = [0xcbf2_9ce4_8422_2325_u64; LANES];
    let mut add = |lane: usize, low: f32, high: f32| {
        let bits = u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32;
        lanes[lane] = (lanes[lane] ^ bits).wrapping_mul(PRIME).rotate_left(29);
    };
    let groups = values.chunks_exact(2 * LANES);
    let rest = groups.remainder();
    for group in groups {
        for lane in 0..LANES {
            add(lane, group[2 * lane], group[2 * lane + 1]);
        }
    }
    for &value in rest {
        add(0, value, 0.0);
    }
    lanes.into_iter().fold(values.len() as u64, |sum, lane| (sum ^ lane).wrapping_mul(PRIME).rotate_left(29))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of IEEE 754-2008, table 3.5 (binary16), and 1/3 and pi rounded by its rule.
    #[test]
    fn half_precision_is_that_of_the_standard() {
        for (half, value) in [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x0001, 2f32.powi(-24)),
            (0x03ff, 1023.0 * 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
            (0x3555, 0.333_251_95),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x4248, 3.140_625),
            (0x7bff, LARGEST_HALF),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(from_half(half).to_bits(), f32::to_bits(value), "{half:04x}");
            assert_eq!(to_half(value), half, "{value}");
        }
        assert_eq!((to_half(1.0 / 3.0), to_half(std::f32::consts::PI)), (0x3555, 0x4248));
        assert!(from_half(to_half(f32::NAN)).is_nan());
    }

    /// Every number of half precision comes back; between two the nearer one is taken, in the middle the even one.
    #[test]
    fn values_go_to_the_nearest_half() {
        for half in 0..0x7bff_u16 {
            let (low, high) = (from_half(half), from_half(half + 1));
            let middle = (low + high) / 2.0;
            let even = half + (half & 1);
            assert_eq!([low, middle, high].map(to_half), [half, even, half + 1]);
            let beside = [middle.to_bits() - 1, middle.to_bits() + 1].map(|bits| to_half(f32::from_bits(bits)));
            assert_eq!(beside, [half, half + 1]);
            assert_eq!(to_half(-low), half | 0x8000);
        }
        assert_eq!([65519.996, 65520.0, 1e9].map(to_half), [0x7bff, 0x7c00, 0x7c00]);
    }

    #[test]
    fn a_checksum_sees_any_changed_bit_and_order() {
        let values: Vec<f32> = (0..37).map(|value| value as f32).collect();
        let sum = checksum(&values);
        for place in 0..values.len() {
            for bit in 0..32 {
                let mut changed = values.clone();
                changed[place] = f32::from_bits(changed[place].to_bits() ^ (1 << bit));
                assert_ne!(checksum(&changed), sum, "value {place}, bit {bit}");
            }
        }
        let mut turned = values.clone();
        turned.swap(3, 11);
        assert_ne!(checksum(&turned), sum);
        assert_ne!(checksum(&values[..36]), sum);
        assert_ne!(checksum(&[0.0; 3]), checksum(&[0.0; 4]));
    }
}
