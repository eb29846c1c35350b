//! Annotation files in the MIT format: what was marked, and at which sample.
//!
//! <https://physionet.org/physiotools/wag/annot-5.htm>: words of 16 bits, least significant byte first, of which the upper six
//! are what is marked and the lower ten how many samples after the one before.

/// Codes that are no marks but belong to them.
const SKIP: u16 = 59;
const NUM: u16 = 60;
const SUB: u16 = 61;
const CHN: u16 = 62;
const AUX: u16 = 63;

/// What can be marked, by the codes of the format's `ecgcodes.h`.
pub(in crate::source) mod code {
    /// A normal beat.
    pub const NORMAL: u8 = 1;
    /// The peak of a P wave.
    pub const P_WAVE: u8 = 24;
    /// The peak of a T wave.
    pub const T_WAVE: u8 = 27;
    /// The onset of a wave.
    pub const ONSET: u8 = 39;
    /// The end of a wave.
    pub const END: u8 = 40;
}

/// One mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) struct Annotation {
    /// The sample, from 0.
    pub sample: i64,
    /// What is marked there.
    pub code: u8,
}

/// The marks of a file, in its order.
///
/// # Errors
/// What is wrong, and at which byte.
pub(in crate::source) fn parse(bytes: &[u8]) -> Result<Vec<Annotation>, String> {
    let word = |at: usize| bytes.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    let short = |at: usize| format!("the file ends within the annotation at byte {at}");
    let (mut annotations, mut sample, mut at) = (Vec::new(), 0_i64, 0);
    loop {
        let Some(own) = word(at) else {
            // Some writers leave out the two zero bytes at the end.
            return if at == bytes.len() { Ok(annotations) } else { Err(short(at)) };
        };
        let (what, interval) = (own >> 10, own & 0x3ff);
        match what {
            0 if interval == 0 => return Ok(annotations),
            SKIP => {
                // Four bytes, the more significant word first.
                let (Some(high), Some(low)) = (word(at + 2), word(at + 4)) else { return Err(short(at)) };
                let skip = (u32::from(high) << 16 | u32::from(low)).cast_signed();
                sample = sample.checked_add(i64::from(skip)).ok_or_else(|| short(at))?;
                at += 4;
            }
            NUM | SUB | CHN => {}
            AUX => {
                let length = usize::from(interval).next_multiple_of(2);
                if bytes.len() < at + 2 + length {
                    return Err(short(at));
                }
                at += length;
            }
            _ => {
                sample += i64::from(interval);
                annotations.push(Annotation { sample, code: what as u8 });
            }
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(bytes: &[u8]) -> Vec<(i64, u8)> {
        parse(bytes).unwrap().into_iter().map(|mark| (mark.sample, mark.code)).collect()
    }

    /// The file and what wfdb-python reads of it are of `tests/fixtures/annotation/make.py`.
    #[test]
    fn marks_are_those_of_wfdb_python() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/annotation");
        for name in ["plain", "skips"] {
            let known = std::fs::read_to_string(folder.join(format!("{name}.csv"))).unwrap();
            let known: Vec<(i64, u8)> = known
                .lines()
                .skip(1)
                .map(|line| {
                    let (sample, code) = line.split_once(',').unwrap();
                    (sample.parse().unwrap(), code.parse().unwrap())
                })
                .collect();
            assert!(known.len() > 3);
            assert_eq!(marks(&std::fs::read(folder.join(format!("{name}.atr"))).unwrap()), known, "{name}");
        }
    }

    #[test]
    fn a_file_that_ends_early_is_told() {
        assert_eq!(marks(&[]), []);
        assert_eq!(marks(&[10, 4, 0, 0, 99]), [(10, 1)]);
        assert_eq!(marks(&[10, 4]), [(10, 1)]);
        for faulty in [&[10_u8, 4, 1][..], &[0, 0xec, 1, 0], &[200, 0xfc, 0, 0], &[0, 0xec]] {
            assert!(parse(faulty).unwrap_err().contains("the file ends within the annotation at byte"), "{faulty:?}");
        }
    }
}
