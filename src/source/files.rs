//! The files a source is read from.

use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use crate::{Error, Result, stop};

/// A file, and what tells whether it has changed.
#[derive(Clone, Debug)]
pub struct File {
    /// What it is called within its source, with `/` between folders; where the source lies is not in it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Last change of content, and of content or attributes where the system keeps it: ns since 1970.
    pub changed: [i128; 2],
}

impl File {
    /// Looks at one file.
    pub fn look(name: impl Into<String>, path: &Path) -> Result<Self> {
        let metadata = path.metadata().map_err(|error| unreadable(path, &error))?;
        if metadata.is_dir() {
            return Err(Error::user(format!("{} is a folder; a file was expected", path.display())));
        }
        Ok(Self { name: name.into(), path: path.into(), size: metadata.len(), changed: changed(&metadata) })
    }
}

/// Paths below `folder`, at most `depth` folders down, that `keep` wants; sorted. Links are followed.
/// Folders that `enter` does not want are not looked into.
pub(crate) fn paths_below(
    folder: &Path,
    depth: usize,
    enter: impl Fn(&DirEntry) -> bool,
    keep: impl Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Err(not_a_folder(folder));
    }
    let entries = WalkDir::new(folder).max_depth(depth).follow_links(true).into_iter();
    let mut paths = Vec::new();
    for entry in entries.filter_entry(|entry| entry.depth() == 0 || !entry.file_type().is_dir() || enter(entry)) {
        stop::check()?;
        let entry = entry.map_err(|error| Error::user(format!("{}: {error}", folder.display())))?;
        if entry.file_type().is_file() && keep(entry.path()) {
            paths.push(entry.into_path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Looks at many files, called as they are below `folder`.
pub(crate) fn look_at_all(folder: &Path, paths: Vec<PathBuf>) -> Result<Vec<File>> {
    let files: Vec<_> = paths.into_par_iter().map(|path| File::look(name_below(folder, &path), &path)).collect();
    files.into_iter().collect()
}

/// How many line breaks the file has: at least as many as a table has rows below its header.
///
/// # Errors
/// A user error where it cannot be read.
pub(crate) fn lines(path: &Path) -> Result<usize> {
    let mut file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let (mut buffer, mut lines) = (vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut buffer).map_err(|error| unreadable(path, &error))? {
            0 => return Ok(lines),
            read => lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count(),
        }
    }
}

/// The name of `path` within `folder`, with `/` between folders.
pub(crate) fn name_below(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Whether the file's name ends in `.extension`, in upper or lower case.
pub(crate) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension))
}

/// The error for a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    Error::user(match error.kind() {
        io::ErrorKind::NotFound => format!("{path}: there is no such file"),
        io::ErrorKind::IsADirectory => format!("{path} is a folder; a file was expected"),
        _ => format!("{path}: it cannot be read: {error}"),
    })
}

/// The error for a folder that is none.
pub(crate) fn not_a_folder(path: &Path) -> Error {
    let what = if path.exists() { "this is a file; a folder was expected" } else { "there is no such folder" };
    Error::user(format!("{}: {what}", path.display()))
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> [i128; 2] {
    use std::os::unix::fs::MetadataExt;
    let nanoseconds = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
    [modified(metadata), nanoseconds]
}

#[cfg(not(unix))]
fn changed(metadata: &Metadata) -> [i128; 2] {
    [modified(metadata); 2]
}

fn modified(metadata: &Metadata) -> i128 {
    let Ok(time) = metadata.modified() else { return 0 };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}
