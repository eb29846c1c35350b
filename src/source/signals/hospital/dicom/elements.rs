//! Elements of a DICOM file: <https://dicom.nema.org/medical/dicom/current/output/html/part05.html>, 7 and annex A.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::DeflateDecoder;

use crate::source::signals::channels::Faulty;

/// Sequences within sequences.
const DEPTH: usize = 16;

/// Bytes of a data set that was packed, at most.
const LARGEST: u64 = 1 << 28;

const ITEM: u32 = 0xfffe_e000;
const ITEM_END: u32 = 0xfffe_e00d;
const SEQUENCE_END: u32 = 0xfffe_e0dd;
const UNDEFINED: u32 = u32::MAX;

/// The sequences that are looked into: without value representations nothing else tells that they are some.
const SEQUENCES: [u32; 7] = [0x5400_0100, 0x003a_0200, 0x003a_0208, 0x003a_0211, 0x0040_b020, 0x0040_a043, 0x0040_08ea];

/// Elements by their tags, group before element.
#[derive(Debug, Default)]
pub(super) struct Set<'f>(Vec<(u32, Value<'f>)>);

/// What an element has.
#[derive(Debug)]
enum Value<'f> {
    Bytes(&'f [u8]),
    Items(Vec<Set<'f>>),
}

impl<'f> Set<'f> {
    /// The bytes of an element.
    pub fn bytes(&self, tag: u32) -> Option<&'f [u8]> {
        self.0.iter().find_map(|(own, value)| match value {
            Value::Bytes(bytes) if *own == tag => Some(*bytes),
            _ => None,
        })
    }

    /// The sets in a sequence; none where it is not there.
    pub fn items(&self, tag: u32) -> &[Set<'f>] {
        let found = self.0.iter().find_map(|(own, value)| match value {
            Value::Items(items) if *own == tag => Some(items.as_slice()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// The text of an element; `None` where it is empty.
    pub fn text(&self, tag: u32) -> Option<String> {
        let text = super::super::xml::text(self.bytes(tag)?);
        let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A number that is written as text; of several the first.
    pub fn decimal(&self, tag: u32) -> Option<f64> {
        let text = self.text(tag)?;
        super::super::xml::decimal(text.split('\\').next()?)
    }

    /// A whole number of two or four bytes.
    pub fn whole(&self, tag: u32) -> Option<u32> {
        match *self.bytes(tag)? {
            [a, b] => Some(u16::from_le_bytes([a, b]).into()),
            [a, b, c, d, ..] => Some(u32::from_le_bytes([a, b, c, d])),
            _ => None,
        }
    }
}

/// The data set of a file, unpacked, and whether its elements say what they are.
pub(super) fn open(bytes: &[u8]) -> Faulty<(Cow<'_, [u8]>, bool)> {
    let mut rest = bytes.get(132..).unwrap_or_default();
    // The file's own elements are of group 2, and always say what they are.
    let mut own = Vec::new();
    while rest.starts_with(&[2, 0]) {
        own.push(Parser { explicit: true }.element(&mut rest, 0)?);
    }
    let syntax = Set(own).text(0x0002_0010).unwrap_or_default();
    match syntax.as_str() {
        "1.2.840.10008.1.2" => Ok((rest.into(), false)),
        "1.2.840.10008.1.2.1" => Ok((rest.into(), true)),
        "1.2.840.10008.1.2.1.99" => {
            let mut unpacked = Vec::new();
            let read = DeflateDecoder::new(rest).take(LARGEST).read_to_end(&mut unpacked);
            read.map_err(|error| format!("its data set is damaged: {error}"))?;
            Ok((unpacked.into(), true))
        }
        other => Err(format!("its transfer syntax `{other}` is not read; write it as explicit VR little endian")),
    }
}

/// The elements of a data set.
pub(super) fn parse(bytes: &[u8], explicit: bool) -> Faulty<Set<'_>> {
    Parser { explicit }.set(&mut { bytes }, DEPTH)
}

/// A reader of elements.
#[derive(Clone, Copy)]
struct Parser {
    /// Whether elements say what they are.
    explicit: bool,
}

impl Parser {
    /// All elements, up to the end of the item or of the bytes.
    fn set<'f>(self, rest: &mut &'f [u8], depth: usize) -> Faulty<Set<'f>> {
        let mut elements = Vec::new();
        // What is padded with zeros at the end has no more elements.
        while rest.len() >= 8 {
            let (tag, value) = self.element(rest, depth)?;
            match tag {
                ITEM_END => break,
                _ => elements.push((tag, value)),
            }
        }
        Ok(Set(elements))
    }

    fn element<'f>(self, rest: &mut &'f [u8], depth: usize) -> Faulty<(u32, Value<'f>)> {
        let tag = tag(rest)?;
        let is_mark = tag >> 16 == 0xfffe;
        let (kind, length) = if self.explicit && !is_mark { explicit_length(rest)? } else { (*b"  ", long(rest)?) };
        let is_sequence = &kind == b"SQ" || SEQUENCES.contains(&tag) || length == UNDEFINED && !is_mark;
        if is_sequence && depth > 0 {
            // One of an unknown kind is written as if no element said what it is.
            let parser = if &kind == b"UN" { Parser { explicit: false } } else { self };
            return Ok((tag, Value::Items(parser.items(rest, length, depth - 1)?)));
        }
        if length == UNDEFINED {
            return Err(format!("element {} has no end", shown(tag)));
        }
        let bytes = take(rest, length as usize).map_err(|why| format!("element {}: {why}", shown(tag)))?;
        Ok((tag, Value::Bytes(bytes)))
    }

    /// The items of a sequence of `length` bytes, or up to its end mark.
    fn items<'f>(self, rest: &mut &'f [u8], length: u32, depth: usize) -> Faulty<Vec<Set<'f>>> {
        let mut own: &[u8];
        let is_open = length == UNDEFINED;
        let bytes: &mut &'f [u8] = if is_open {
            rest
        } else {
            own = take(rest, length as usize)?;
            &mut own
        };
        let mut items = Vec::new();
        while bytes.len() >= 8 {
            let (tag, length) = (tag(bytes)?, long(bytes)?);
            match (tag, length) {
                (SEQUENCE_END, _) => break,
                (ITEM, UNDEFINED) => items.push(self.set(bytes, depth)?),
                (ITEM, _) => items.push(self.set(&mut take(bytes, length as usize)?, depth)?),
                _ => return Err(format!("{} is where an item of a sequence belongs", shown(tag))),
            }
        }
        Ok(items)
    }
}

/// What an element is, and how many bytes follow.
fn explicit_length(rest: &mut &[u8]) -> Faulty<([u8; 2], u32)> {
    let head = take(rest, 4)?;
    let kind = [head[0], head[1]];
    let is_long = [b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UR", b"UT", b"UN", b"SV", b"UV"];
    match is_long.contains(&&kind) {
        true => Ok((kind, long(rest)?)),
        false => Ok((kind, u16::from_le_bytes([head[2], head[3]]).into())),
    }
}

fn tag(rest: &mut &[u8]) -> Faulty<u32> {
    let four = take(rest, 4)?;
    let [group, element] = [0, 2].map(|at| u32::from(u16::from_le_bytes([four[at], four[at + 1]])));
    Ok(group << 16 | element)
}

fn long(rest: &mut &[u8]) -> Faulty<u32> {
    let four = take(rest, 4)?;
    Ok(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

fn take<'f>(rest: &mut &'f [u8], count: usize) -> Faulty<&'f [u8]> {
    let (own, after) = rest
        .split_at_checked(count)
        .ok_or_else(|| format!("it is cut off: {count} bytes should follow, and {} do", rest.len()))?;
    *rest = after;
    Ok(own)
}

fn shown(tag: u32) -> String {
    format!("({:04X},{:04X})", tag >> 16, tag & 0xffff)
}
