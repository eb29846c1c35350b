//! Files that commands write: only in place of files of the same kind, and whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::durable;
use crate::{Error, Result};

/// How much of a file says of what kind it is.
const LOOK: u64 = 512;

/// The kinds of file that commands write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Html,
    Svg,
    Png,
    Pdf,
    Csv,
    Parquet,
    /// What a search found, as a variant of a manifest.
    Found,
}

/// A kind of file that may be written, as it is called, recognised and begun.
struct Described {
    /// With its article.
    name: &'static str,
    /// Endings of its names, lower case; the first is the usual one.
    endings: &'static [&'static str],
    /// What files of it begin with, lower case, after white space; none of what is plain text of any kind.
    begins: &'static [&'static [u8]],
}

impl Kind {
    fn described(self) -> Described {
        let (name, endings, begins): (_, &[_], &[&[u8]]) = match self {
            Kind::Html => ("an HTML page", &["html", "htm"], &[b"<!doctype html", b"<html"]),
            Kind::Svg => ("an SVG figure", &["svg"], &[b"<svg", b"<?xml", b"<!doctype svg"]),
            Kind::Png => ("a PNG figure", &["png"], &[b"\x89png\r\n\x1a\n"]),
            Kind::Pdf => ("a PDF figure", &["pdf"], &[b"%pdf-"]),
            Kind::Csv => ("a table", &["csv"], &[]),
            Kind::Found => ("what a search found", &["toml"], &[b"# ecgraft search"]),
            Kind::Parquet => ("a Parquet file", &["parquet"], &[b"par1"]),
        };
        Described { name, endings, begins }
    }

    /// The usual ending of its names.
    pub(crate) fn ending(self) -> &'static str {
        self.described().endings[0]
    }

    /// The kind of `kinds` that the ending of `path` names; a name without one is of the only kind there is.
    ///
    /// # Errors
    /// A user error where the ending is that of none of them, or has to choose and is not there.
    pub(crate) fn of(path: &Path, kinds: &[Kind]) -> Result<Kind> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        let found = match &ending {
            None => kinds.first().filter(|_| kinds.len() == 1),
            Some(ending) => kinds.iter().find(|kind| kind.described().endings.contains(&ending.as_str())),
        };
        found.copied().ok_or_else(|| {
            let names: Vec<String> = kinds.iter().map(|kind| format!(".{}", kind.described().endings[0])).collect();
            let one = kinds.first().map_or("a file", |kind| kind.described().name);
            let what = if kinds.len() == 1 { one } else { "a figure" };
            Error::user(format!("{}: the name of {what} ends in {}", path.display(), one_of(&names)))
        })
    }
}

/// `.svg, .png or .pdf`
fn one_of(names: &[String]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => names.join(""),
    }
}

/// Refuses to write a file of `kind` to `path` where something of another kind is: a store, a checkpoint, a manifest,
/// whatever a slip of the tongue would destroy.
///
/// # Errors
/// A user error that says what is there.
pub(crate) fn check(path: &Path, kind: Kind) -> Result<()> {
    let place = path.display();
    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    if metadata.is_dir() {
        return Err(Error::user(format!("{place}: cannot be written: it is a folder")));
    }
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(());
    }
    let mut begin = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LOOK).read_to_end(&mut begin))
        .map_err(|error| Error::user(format!("{place}: what is there cannot be looked at: {error}")))?;
    let Described { name, begins, .. } = kind.described();
    let fits = match begins {
        [] => looks_like(&begin).is_none() && !begin.contains(&0),
        begins => begins.iter().any(|known| trimmed(&begin).to_ascii_lowercase().starts_with(known)),
    };
    if fits {
        return Ok(());
    }
    let found = looks_like(&begin).map_or_else(String::new, |what| format!(" but {what}"));
    Err(Error::user(format!(
        "{place}: what is there is not {name}{found}, and is left as it is; give another name, or move it away"
    )))
}

/// The beginning without white space and a byte order mark.
fn trimmed(begin: &[u8]) -> &[u8] {
    begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin).trim_ascii_start()
}

/// What a file that begins so seems to be, of what lies about where ecgraft is used.
fn looks_like(begin: &[u8]) -> Option<&'static str> {
    let begins = [
        (&b"SQLite format 3\0"[..], "an SQLite file, as ecgraft's store is"),
        (b"ecgraft1", "a cache of ecgraft's"),
        (b"PAR1", "a Parquet file"),
        (b"%PDF-", "a PDF file"),
        (b"\x89PNG", "a PNG image"),
        (b"<svg", "an SVG image"),
        (b"<!DOCTYPE", "a page"),
    ];
    if begin.get(8) == Some(&b'{') && begin[..8].iter().skip(4).all(|byte| *byte == 0) {
        return Some("a checkpoint");
    }
    let is_so = |known: &&(&[u8], &str)| trimmed(begin).starts_with(known.0);
    begins.iter().find(is_so).map(|(_, what)| *what)
}

/// Writes a file of `kind`: durably, and in place of none but one of the same kind.
///
/// # Errors
/// A user error where something else is there, or the file cannot be written; what was there is then as it was.
pub(crate) fn write(path: &Path, kind: Kind, content: &[u8]) -> Result<()> {
    check(path, kind)?;
    put(path, content).map_err(|error| Error::user(format!("{}: cannot be written: {error}", path.display())))
}

/// Through links to where they lead; into pipes and devices as they are.
fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_file() => durable::write(&fs::canonicalize(path)?, content),
        Ok(_) => fs::write(path, content),
        Err(_) => {
            // Folders are not made: a name with a slip in it would make them.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            folder.map_or(Ok(()), |folder| fs::metadata(folder).map(drop))?;
            durable::write(path, content)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_decides_whether_it_is_replaced() {
        let folder = std::env::temp_dir().join(format!("ecgraft-output-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("file");
        let checkpoint = [&16_u64.to_le_bytes()[..], b"{\"a\":{}}"].concat();
        for (content, fits) in [
            (&b""[..], vec![Kind::Html, Kind::Svg, Kind::Png, Kind::Pdf, Kind::Csv, Kind::Parquet]),
            (b"\xef\xbb\xbf\n<!DOCTYPE HTML>", vec![Kind::Html]),
            (b"<svg xmlns", vec![Kind::Svg]),
            (b"\x89PNG\r\n\x1a\n", vec![Kind::Png]),
            (b"%PDF-1.7", vec![Kind::Pdf]),
            (b"PAR1", vec![Kind::Parquet]),
            (b"name = \"study\"", vec![Kind::Csv]),
            (b"SQLite format 3\0", vec![]),
            (&checkpoint, vec![]),
        ] {
            fs::write(&path, content).unwrap();
            for kind in [Kind::Html, Kind::Svg, Kind::Png, Kind::Pdf, Kind::Csv, Kind::Parquet] {
                let text = String::from_utf8_lossy(content);
                assert_eq!(check(&path, kind).is_ok(), fits.contains(&kind), "{text} {kind:?}");
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
