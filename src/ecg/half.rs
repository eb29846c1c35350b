//! Numbers of half precision, IEEE 754 binary16.

/// The largest of them.
pub(crate) const LARGEST_HALF: f32 = 65504.0;

/// The nearest number of IEEE 754 binary16, of two the even one; beyond the largest, infinity.
pub(crate) fn to_half(value: f32) -> u16 {
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

/// The number with these bits.
pub(crate) fn from_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff);
    let bits = match magnitude {
        0..0x0400 => (magnitude as f32 / 16_777_216.0).to_bits(),
        0x0400..0x7c00 => (magnitude << 13) + (112 << 23),
        _ => 0x7f80_0000 | (magnitude & 0x03ff) << 13,
    };
    f32::from_bits(sign | bits)
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
}
