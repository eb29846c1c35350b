//! Inputs out of seeds, by a few small changes each: of bits, bytes, numbers, words, pieces.

#[path = "../chance.rs"]
mod chance;

pub use chance::Chance;

/// What numbers become.
const NUMBERS: [&str; 22] = [
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "255",
    "256",
    "32767",
    "-32768",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999",
    "1e308",
    "1e-320",
    "-1e400",
    "NaN",
    "inf",
    "0.1",
    "1_000",
];

/// What is put somewhere.
const WORDS: [&str; 30] = [
    "\0", "\n", "\r\n", "\t", " ", ",", "\"", "'", "#", "=", "[", "]", "{", "}", "[[", "]]", "\\", "/", ":", "(", ")",
    "\u{feff}", "\u{202e}", "é", "😀", "true", "null", "../", "not ", "0x7f",
];

/// No input is longer: what is long only takes longer.
const LONGEST: usize = 1 << 18;

/// Input `number` of a parser.
pub fn input(name: &str, seeds: &[Vec<u8>], number: usize) -> Vec<u8> {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut chance = Chance(hash ^ (number as u64).wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut input = seeds[chance.below(seeds.len())].clone();
    let changes = 1 << chance.below(5);
    for _ in 0..changes {
        change(&mut input, seeds, &mut chance);
        input.truncate(LONGEST);
    }
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(input.len() + 1);
    let piece = |chance: &mut Chance, of: usize| {
        let start = chance.below(of + 1);
        let length = 1 << chance.below(10);
        start..(start + chance.below(length) + 1).min(of).max(start)
    };
    match chance.below(11) {
        0 if at < input.len() => input[at] ^= 1 << chance.below(8),
        1 if at < input.len() => input[at] = chance.next() as u8,
        2 if at < input.len() => input[at] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'-', b'.'][chance.below(8)],
        3 => drop(input.drain(piece(chance, input.len()))),
        4 => input.truncate(at),
        5 => {
            let again = input[piece(chance, input.len())].to_vec();
            input.splice(at..at, again);
        }
        6 => {
            let other = &seeds[chance.below(seeds.len())];
            let range = piece(chance, other.len());
            input.splice(at..at, other[range].iter().copied());
        }
        7 => drop(input.splice(at..at, chance.of(&WORDS).bytes()).collect::<Vec<_>>()),
        8 => {
            let most = 1 << chance.below(12);
            let filled = vec![chance.next() as u8; chance.below(most)];
            input.splice(at..at, filled);
        }
        // Whole numbers of bytes, as lengths are written in files.
        9 if at + 8 <= input.len() => {
            let value = [0, 1, u64::MAX, u64::from(u32::MAX), 1 << 31, 1 << 62, chance.next()][chance.below(7)];
            input[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        _ => number(input, at, chance),
    }
}

/// The next number in the text becomes another.
fn number(input: &mut Vec<u8>, at: usize, chance: &mut Chance) {
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.' || *byte == b'-';
    let Some(start) = input[at..].iter().position(is_part).map(|offset| at + offset) else { return };
    let length = input[start..].iter().take_while(|byte| is_part(byte)).count();
    input.splice(start..start + length, chance.of(&NUMBERS).bytes());
}
