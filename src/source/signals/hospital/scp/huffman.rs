//! Huffman codes of SCP-ECG's section 2.

use std::collections::HashMap;
use std::rc::Rc;

use crate::source::signals::channels::Faulty;

/// The number that stands for the table of the standard, in the place of the number of tables.
const DEFAULT: u16 = 19_999;

/// Most bits of a code.
const LONGEST: u8 = 32;

/// The tables of a file.
#[derive(Clone)]
pub(super) struct Tables(Rc<[Table]>);

/// Codes by their length and bits, the first that is sent highest.
type Table = HashMap<(u8, u32), Code>;

/// What a code means.
#[derive(Clone, Copy)]
enum Code {
    /// A value, to which as many bits are added as follow it: a whole number in two's complement.
    Value(i16, u8),
    /// From here on another table is used.
    Switch(usize),
}

impl Tables {
    /// The tables that a body of section 2 has.
    pub fn parse(body: &[u8]) -> Faulty<Self> {
        let cut = "section 2 is cut off";
        let [low, high, rest @ ..] = body else { return Err(cut.into()) };
        let count = u16::from_le_bytes([*low, *high]);
        if count == DEFAULT {
            return Ok(Self(Rc::new([standard()])));
        }
        let (mut rest, mut tables) = (rest, Vec::new());
        for _ in 0..count {
            let [low, high, after @ ..] = rest else { return Err(cut.into()) };
            let size = 9 * usize::from(u16::from_le_bytes([*low, *high]));
            let (codes, next) = after.split_at_checked(size).ok_or(cut)?;
            tables.push(codes.as_chunks::<9>().0.iter().map(code).collect::<Faulty<Table>>()?);
            rest = next;
        }
        if tables.is_empty() {
            return Err("section 2 has no Huffman table".into());
        }
        Ok(Self(tables.into()))
    }

    /// The first `count` values.
    pub fn decode(&self, bytes: &[u8], count: usize) -> Faulty<Vec<i32>> {
        let mut bits = Bits { bytes, at: 0 };
        let ends = |done: usize| format!("its Huffman codes end after {done} of {count} samples; the file is damaged");
        // A code has at least one bit.
        if count > bytes.len().saturating_mul(8) {
            return Err(format!(
                "its {} bytes of Huffman codes are no {count} samples; the file is damaged",
                bytes.len()
            ));
        }
        let mut values = Vec::with_capacity(count);
        let mut table = self.0.first().ok_or("section 2 has no Huffman table")?;
        while values.len() < count {
            match bits.code(table) {
                None => return Err(ends(values.len())),
                Some(Code::Value(value, 0)) => values.push(value.into()),
                Some(Code::Value(value, more)) => {
                    let more = bits.number(more).ok_or_else(|| ends(values.len()))?;
                    values.push(more.wrapping_add(value.into()));
                }
                Some(Code::Switch(to)) => {
                    table = self.0.get(to).ok_or_else(|| format!("there is no Huffman table {}", to + 1))?;
                }
            }
        }
        Ok(values)
    }
}

/// The standard's own table: 0 for 0; n times 1, 0 and the sign for n up to 8; nine times 1 and 0 before a number of 8 bits, ten
/// times 1 before one of 16.
fn standard() -> Table {
    let mut table = Table::from([((1, 0), Code::Value(0, 0))]);
    for size in 1..=8_u8 {
        let ones = (1_u32 << size) - 1;
        table.insert((size + 2, ones << 2), Code::Value(size.into(), 0));
        table.insert((size + 2, ones << 2 | 1), Code::Value(-i16::from(size), 0));
    }
    table.insert((10, 0b11_1111_1110), Code::Value(0, 8));
    table.insert((10, 0b11_1111_1111), Code::Value(0, 16));
    table
}

/// Bits of the code, bits with what follows, whether it is a value, the value, the code with its first bit lowest.
fn code(nine: &[u8; 9]) -> Faulty<((u8, u32), Code)> {
    let [prefix, total, mode, low, high, code @ ..] = *nine;
    let value = i16::from_le_bytes([low, high]);
    // Some writers have the two numbers in the other order. A value has 16 bits, and so has what is added to it.
    let (prefix, total) = (prefix.min(total), prefix.max(total));
    if prefix == 0 || prefix > LONGEST || total - prefix > 16 {
        return Err(format!("section 2: a Huffman code has {prefix} of {total} bits"));
    }
    let bits = u32::from_le_bytes(code).reverse_bits() >> (32 - prefix);
    let meaning = match mode {
        0 => Code::Switch(usize::try_from(value).unwrap_or(0).wrapping_sub(1)),
        _ => Code::Value(value, total - prefix),
    };
    Ok(((prefix, bits), meaning))
}

/// Bits of bytes, the highest first.
struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Bits<'_> {
    fn next(&mut self) -> Option<u32> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit.into())
    }

    fn code(&mut self, table: &Table) -> Option<Code> {
        let mut code = 0;
        for length in 1..=LONGEST {
            code = code << 1 | self.next()?;
            if let Some(found) = table.get(&(length, code)) {
                return Some(*found);
            }
        }
        None
    }

    /// A number of `size` bits in two's complement.
    fn number(&mut self, size: u8) -> Option<i32> {
        let mut number = 0_u32;
        for _ in 0..size {
            number = number << 1 | self.next()?;
        }
        let free = 32 - u32::from(size);
        Some((number << free).cast_signed() >> free)
    }
}
