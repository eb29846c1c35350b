//! Values as bytes, in full and in half precision, and their checksums.

use crate::ecg::half::{from_half, to_half};
use crate::manifest::Storage;

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
