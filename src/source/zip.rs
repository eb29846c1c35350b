//! ZIP archives, as far as `.npz` and `.xlsx` files need: stored and deflated members, with 64-bit sizes.
//!
//! PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", version 6.3.10.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::Path;

use flate2::read::DeflateDecoder;

/// A file in an archive.
pub(in crate::source) struct Member {
    pub name: String,
    deflated: bool,
    /// Where its local header is.
    header: u64,
    /// Bytes in the archive.
    compressed: u64,
}

/// Bytes of a file, or of a member of an archive.
pub(in crate::source) enum Stream {
    Plain(Take<BufReader<File>>),
    Deflated(DeflateDecoder<Take<BufReader<File>>>),
}

impl Stream {
    /// Those of a whole file.
    pub fn file(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Stream::Plain(BufReader::new(file).take(length)))
    }

    /// Those of a member of the archive `path`.
    pub fn member(path: &Path, member: &Member) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        file.seek(SeekFrom::Start(member.header))?;
        let mut header = [0; 30];
        file.read_exact(&mut header)?;
        if header[..4] != *b"PK\x03\x04" {
            return Err(faulty("a member of the archive is not where its directory says"));
        }
        file.seek_relative(i64::from(short(&header, 26)) + i64::from(short(&header, 28)))?;
        let bytes = file.take(member.compressed);
        Ok(if member.deflated { Stream::Deflated(DeflateDecoder::new(bytes)) } else { Stream::Plain(bytes) })
    }

    /// Goes on by `count` bytes.
    pub fn skip(&mut self, count: u64) -> io::Result<()> {
        match self {
            Stream::Plain(bytes) if count <= bytes.limit() => {
                let rest = bytes.limit() - count;
                bytes.get_mut().seek_relative(i64::try_from(count).map_err(io::Error::other)?)?;
                bytes.set_limit(rest);
                Ok(())
            }
            Stream::Plain(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Stream::Deflated(bytes) => io::copy(&mut bytes.take(count), &mut io::sink()).map(|_| ()),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(bytes) => bytes.read(buffer),
            Stream::Deflated(bytes) => bytes.read(buffer),
        }
    }
}

/// The members of an archive, in the order of its directory.
pub(in crate::source) fn members(path: &Path) -> io::Result<Vec<Member>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    // The end record is 22 bytes and a comment; before it may be the locator of its 64-bit form.
    let tail_length = length.min(66_000);
    file.seek(SeekFrom::Start(length - tail_length))?;
    let mut tail = Vec::new();
    file.by_ref().take(tail_length).read_to_end(&mut tail)?;
    let end = tail.windows(22).rposition(|window| window.starts_with(b"PK\x05\x06"));
    let end = end.ok_or_else(|| faulty("it is no ZIP archive, or cut off"))?;
    let (mut size, mut start) = (u64::from(long(&tail, end + 12)), u64::from(long(&tail, end + 16)));
    if let Some(locator) = end.checked_sub(20).filter(|&at| tail[at..].starts_with(b"PK\x06\x07")) {
        let mut record = [0; 56];
        file.seek(SeekFrom::Start(wide(&tail, locator + 8)))?;
        file.read_exact(&mut record)?;
        (size, start) = (wide(&record, 40), wide(&record, 48));
    }
    if start.checked_add(size).is_none_or(|end| end > length) {
        return Err(faulty("its directory is outside of the archive"));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut directory = Vec::new();
    file.take(size).read_to_end(&mut directory)?;
    let mut members = Vec::new();
    let mut rest = directory.as_slice();
    while rest.len() >= 46 && rest.starts_with(b"PK\x01\x02") {
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(short(rest, at)));
        let whole = 46 + name + extra + comment;
        let Some(entry) = rest.get(..whole) else { return Err(faulty("its directory is cut off")) };
        members.push(member(entry, name, extra)?);
        rest = &rest[whole..];
    }
    Ok(members)
}

/// One entry of the directory.
fn member(entry: &[u8], name: usize, extra: usize) -> io::Result<Member> {
    let text = String::from_utf8_lossy(&entry[46..46 + name]).into_owned();
    let (size, mut compressed) = (long(entry, 24), u64::from(long(entry, 20)));
    let mut header = u64::from(long(entry, 42));
    let mut extras = &entry[46 + name..][..extra];
    while extras.len() >= 4 {
        let (kind, length) = (short(extras, 0), usize::from(short(extras, 2)));
        let Some(own) = extras.get(4..4 + length) else { break };
        if kind == 1 {
            // Those of uncompressed size, compressed size and offset that do not fit in 32 bits.
            let mut values = own.chunks_exact(8).map(|eight| wide(eight, 0));
            if size == u32::MAX {
                values.next();
            }
            for value in [&mut compressed, &mut header] {
                if *value == u64::from(u32::MAX) {
                    *value = values.next().unwrap_or(*value);
                }
            }
        }
        extras = &extras[4 + length..];
    }
    match short(entry, 10) {
        method @ (0 | 8) => Ok(Member { name: text, deflated: method == 8, header, compressed }),
        method => Err(faulty(&format!("`{text}` is packed by method {method}; stored and deflated members are read"))),
    }
}

fn faulty(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]))
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from(short(bytes, at)) | u32::from(short(bytes, at + 2)) << 16
}

fn wide(bytes: &[u8], at: usize) -> u64 {
    u64::from(long(bytes, at)) | u64::from(long(bytes, at + 4)) << 32
}
