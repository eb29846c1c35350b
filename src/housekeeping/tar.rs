//! Tar files of plain files, as POSIX.1-2001 has them ("ustar"): <https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html>.
//!
//! Times, owners and rights are the same of all files, so that equal content makes equal bytes.

use std::io::{self, Write};

/// Bytes of a block; a file begins at a block, after one with its name.
const BLOCK: usize = 512;

/// Writes a file with this name and content.
pub(super) fn file(to: &mut impl Write, name: &str, content: &[u8]) -> io::Result<()> {
    to.write_all(&header(name, content.len())?)?;
    to.write_all(content)?;
    to.write_all(&vec![0; content.len().next_multiple_of(BLOCK) - content.len()])
}

/// Writes the end: two blocks of zeros.
pub(super) fn end(to: &mut impl Write) -> io::Result<()> {
    to.write_all(&[0; 2 * BLOCK])
}

fn header(name: &str, size: usize) -> io::Result<[u8; BLOCK]> {
    let too = |what: &str| io::Error::other(format!("{name}: its {what} is more than a tar file can say"));
    if name.len() > 100 {
        return Err(too("name"));
    }
    if size >= 1 << 33 {
        return Err(too("size"));
    }
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    // Of the header with spaces in place of the sum itself.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}
