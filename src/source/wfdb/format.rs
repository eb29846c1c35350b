//! How samples lie in signal files: <https://physionet.org/physiotools/wag/signal-5.htm>.

/// How samples lie in a signal file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Format {
    /// 8: first differences, 8-bit two's complement.
    Difference8,
    /// 16: two's complement, least significant byte first.
    Int16,
    /// 24: two's complement, least significant byte first.
    Int24,
    /// 32: two's complement, least significant byte first.
    Int32,
    /// 61: 16-bit two's complement, most significant byte first.
    Big16,
    /// 80: 8-bit, 128 stands for 0.
    Offset8,
    /// 160: 16-bit, least significant byte first, 32768 stands for 0.
    Offset16,
    /// 212: pairs of 12-bit two's complement samples in three bytes.
    Packed212,
    /// 310: three 10-bit two's complement samples in two 16-bit words, the third in what the others leave.
    Packed310,
    /// 311: three 10-bit two's complement samples in the low 30 bits of four bytes.
    Packed311,
    /// 508, 516, 524: FLAC of samples of 8, 16 or 24 bits.
    Flac(u8),
}

/// The formats with the numbers that headers give them.
const NUMBERS: [(&str, Format); 13] = [
    ("8", Format::Difference8),
    ("16", Format::Int16),
    ("24", Format::Int24),
    ("32", Format::Int32),
    ("61", Format::Big16),
    ("80", Format::Offset8),
    ("160", Format::Offset16),
    ("212", Format::Packed212),
    ("310", Format::Packed310),
    ("311", Format::Packed311),
    ("508", Format::Flac(8)),
    ("516", Format::Flac(16)),
    ("524", Format::Flac(24)),
];

impl Format {
    /// The format of this number.
    pub fn numbered(number: &str) -> Option<Format> {
        NUMBERS.iter().find(|(own, _)| *own == number).map(|(_, format)| *format)
    }

    /// The numbers of all formats, for messages.
    pub fn numbers() -> String {
        NUMBERS.map(|(number, _)| number).join(", ")
    }

    /// Samples and bytes of a block: what cannot be divided.
    fn block(self) -> (usize, usize) {
        match self {
            Format::Difference8 | Format::Offset8 => (1, 1),
            Format::Int16 | Format::Big16 | Format::Offset16 => (1, 2),
            Format::Int24 => (1, 3),
            Format::Int32 => (1, 4),
            // What is packed has no blocks of its own.
            Format::Flac(bits) => (1, usize::from(bits) / 8),
            Format::Packed212 => (2, 3),
            Format::Packed310 | Format::Packed311 => (3, 4),
        }
    }

    /// Bytes that the first `samples` of a block take.
    fn part(self, samples: usize) -> usize {
        match (self, samples) {
            (_, 0) => 0,
            // The third sample of format 310 has no bytes of its own.
            (Format::Packed310, 2) => 4,
            _ => samples + 1,
        }
    }

    /// Bytes of `samples` samples; `None` where there is no such number.
    pub fn bytes(self, samples: usize) -> Option<usize> {
        let (per_block, bytes) = self.block();
        (samples / per_block).checked_mul(bytes)?.checked_add(self.part(samples % per_block))
    }

    /// How many samples `bytes` bytes hold in full.
    pub fn held(self, bytes: usize) -> usize {
        let (per_block, of_block) = self.block();
        let rest = (0..per_block).rev().find(|&samples| self.part(samples) <= bytes % of_block).unwrap_or(0);
        bytes / of_block * per_block + rest
    }

    /// Bytes that may follow `samples` samples because the last block is whole.
    pub fn padding(self, samples: usize) -> usize {
        let (per_block, of_block) = self.block();
        match samples % per_block {
            0 => 0,
            rest => of_block - self.part(rest),
        }
    }

    /// The value that marks a missing sample; format 8 has none.
    pub fn missing(self) -> Option<i32> {
        Some(match self {
            Format::Difference8 => return None,
            Format::Offset8 => -128,
            Format::Packed310 | Format::Packed311 => -512,
            Format::Packed212 => -2048,
            Format::Int16 | Format::Big16 | Format::Offset16 => -32_768,
            Format::Int24 => -8_388_608,
            Format::Int32 => i32::MIN,
            Format::Flac(bits) => -1 << (bits - 1),
        })
    }

    /// Whether differences of samples and baselines may need more than the 24 bits of an f32.
    pub fn is_wide(self) -> bool {
        matches!(self, Format::Difference8 | Format::Int24 | Format::Int32 | Format::Flac(24))
    }
}

/// The samples of a file, of all its signals in turn.
pub(super) enum Samples<'b> {
    /// Each in whole bytes.
    Bytes(Format, &'b [u8]),
    /// Unpacked.
    Unpacked(Vec<i32>),
}

/// Where the samples of a signal are in each frame.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Samples of a frame, of all signals together.
    pub frame: usize,
    /// Where those of the signal begin.
    pub start: usize,
    /// How many there are of it.
    pub count: usize,
}

impl<'b> Samples<'b> {
    /// The first `total` samples of `bytes`, which hold them.
    pub fn new(format: Format, bytes: &'b [u8], total: usize) -> Self {
        let mut samples = match format {
            Format::Packed212 => unpack::<3, 2>(bytes, |[low, middle, high]| {
                let [low, middle, high] = [low, middle, high].map(u32::from);
                [signed(low | (middle & 0x0f) << 8, 12), signed(high | (middle & 0xf0) << 4, 12)]
            }),
            Format::Packed310 => unpack::<4, 3>(bytes, |[a, b, c, d]| {
                let [first, second] = [[a, b], [c, d]].map(|word| u32::from(u16::from_le_bytes(word)));
                let third = first >> 11 | second >> 11 << 5;
                [signed(first >> 1, 10), signed(second >> 1, 10), signed(third, 10)]
            }),
            Format::Packed311 => unpack::<4, 3>(bytes, |four| {
                let bits = u32::from_le_bytes(four);
                [signed(bits, 10), signed(bits >> 10, 10), signed(bits >> 20, 10)]
            }),
            _ => return Samples::Bytes(format, bytes),
        };
        samples.truncate(total);
        Samples::Unpacked(samples)
    }

    /// The samples of one signal; `initial` is what those of format 8 begin from.
    pub fn of(&self, slot: Slot, initial: i32) -> Vec<i32> {
        match self {
            Samples::Unpacked(all) => {
                all.chunks_exact(slot.frame).flat_map(|frame| &frame[slot.start..][..slot.count]).copied().collect()
            }
            Samples::Bytes(format, bytes) => match format {
                Format::Int16 => take(bytes, slot, |two: [u8; 2]| i32::from(i16::from_le_bytes(two))),
                Format::Big16 => take(bytes, slot, |two: [u8; 2]| i32::from(i16::from_be_bytes(two))),
                Format::Offset16 => take(bytes, slot, |two: [u8; 2]| i32::from(u16::from_le_bytes(two)) - 32_768),
                Format::Int24 => take(bytes, slot, |[a, b, c]: [u8; 3]| i32::from_le_bytes([0, a, b, c]) >> 8),
                Format::Int32 => take(bytes, slot, i32::from_le_bytes),
                Format::Offset8 => take(bytes, slot, |[one]: [u8; 1]| i32::from(one) - 128),
                _ => {
                    let mut value = initial;
                    let mut samples = take(bytes, slot, |[one]: [u8; 1]| i32::from(one as i8));
                    for sample in &mut samples {
                        value = value.wrapping_add(*sample);
                        *sample = value;
                    }
                    samples
                }
            },
        }
    }
}

/// Samples of `W` bytes each.
fn take<const W: usize>(bytes: &[u8], slot: Slot, value: impl Fn([u8; W]) -> i32) -> Vec<i32> {
    let (own, _) = bytes.as_chunks::<W>();
    let frames = own.chunks_exact(slot.frame);
    match slot.count {
        1 => frames.map(|frame| value(frame[slot.start])).collect(),
        count => frames.flat_map(|frame| &frame[slot.start..][..count]).map(|sample| value(*sample)).collect(),
    }
}

/// `N` samples of each `W` bytes; the last are filled up with zeros.
fn unpack<const W: usize, const N: usize>(bytes: &[u8], samples: impl Fn([u8; W]) -> [i32; N]) -> Vec<i32> {
    let (blocks, rest) = bytes.as_chunks::<W>();
    let mut all: Vec<i32> = Vec::with_capacity((blocks.len() + 1) * N);
    all.extend(blocks.iter().flat_map(|block| samples(*block)));
    if !rest.is_empty() {
        let mut last = [0; W];
        last[..rest.len()].copy_from_slice(rest);
        all.extend(samples(last));
    }
    all
}

/// The lowest `bits` of `value` as two's complement.
fn signed(value: u32, bits: u32) -> i32 {
    (value << (32 - bits)) as i32 >> (32 - bits)
}
