//! Numbers in files.

use crate::ecg::half::from_half;

/// What a number is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Float,
    Signed,
    Unsigned,
}

/// The type of the numbers in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    class: Class,
    /// Bytes.
    pub size: usize,
    big_endian: bool,
}

impl Number {
    /// `None` where there are no numbers of this class and size.
    pub fn new(class: Class, size: usize, big_endian: bool) -> Option<Self> {
        let known = match class {
            Class::Float => [2, 4, 8].contains(&size),
            Class::Signed | Class::Unsigned => [1, 2, 4, 8].contains(&size),
        };
        known.then_some(Self { class, size, big_endian })
    }

    /// As NumPy spells it: `f4`, `i2`.
    pub fn name(self) -> String {
        let letter = match self.class {
            Class::Float => 'f',
            Class::Signed => 'i',
            Class::Unsigned => 'u',
        };
        format!("{letter}{}", self.size)
    }

    /// The numbers in `bytes`, as f64: whole numbers above 2^53 are rounded.
    pub fn decode(self, bytes: &[u8]) -> Vec<f64> {
        bytes.chunks_exact(self.size).map(|bytes| self.one(bytes)).collect()
    }

    fn one(self, bytes: &[u8]) -> f64 {
        let mut wide = [0; 8];
        for (place, byte) in bytes.iter().enumerate() {
            wide[if self.big_endian { self.size - 1 - place } else { place }] = *byte;
        }
        let bits = u64::from_le_bytes(wide);
        let unused = 64 - 8 * self.size as u32;
        match (self.class, self.size) {
            (Class::Float, 2) => f64::from(from_half(bits as u16)),
            (Class::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (Class::Float, _) => f64::from_bits(bits),
            (Class::Signed, _) => ((bits << unused) as i64 >> unused) as f64,
            (Class::Unsigned, _) => bits as f64,
        }
    }
}
