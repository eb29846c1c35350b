//! Files that are whole or not there, also after a loss of power.
//!
//! A file is written beside its place under a name of its own, synced, put in its place by renaming, and then its
//! folder is synced: whoever reads the place sees the old content or the new, and what was told to be there after
//! [`write()`] returned is there when the machine comes back.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The ending of files that are not yet in their place.
const UNFINISHED: &str = "tmp";

/// Writes `content` to `path`, making its folder where it lacks.
///
/// # Errors
/// Where the folder, the file or the disk do not allow it; `path` is then as it was.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with(path, |file| file.write_all(content))
}

/// As [`write()`], with the content written by `fill`.
///
/// # Errors
/// As [`write()`], and those of `fill`.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let unfinished = unfinished(path);
    write_unfinished(&unfinished, fill)?;
    put(&unfinished, path)
}

/// A name beside `path` that nobody else uses: of this process, and another at every call.
pub fn unfinished(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}.{number}.{UNFINISHED}", std::process::id()))
}

/// Writes and syncs a file that is to be [`put`] in its place; leaves nothing behind where that fails.
///
/// # Errors
/// As [`write_with`].
pub fn write_unfinished(
    unfinished: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    fs::create_dir_all(folder(unfinished))?;
    let written = File::create(unfinished).and_then(|file| {
        let mut file = BufWriter::new(file);
        fill(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(unfinished);
    }
    written
}

/// Puts a file that [`write_unfinished`] wrote in its place, durably; removes it where that fails.
///
/// # Errors
/// Where it cannot be renamed, or the folder cannot be synced.
pub fn put(unfinished: &Path, path: &Path) -> io::Result<()> {
    let done = fs::rename(unfinished, path).and_then(|()| sync_folder(folder(path)));
    if done.is_err() {
        let _ = fs::remove_file(unfinished);
    }
    done
}

/// Makes sure that names of files in `folder` survive a loss of power.
///
/// # Errors
/// Where the system does not obey. Systems that do not sync folders, such as Windows, do without.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Whether `path` has the name of an unfinished file, and the number of the process that wrote it.
pub fn writer_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?.strip_prefix('.')?;
    let mut parts = name.rsplit('.');
    (parts.next()? == UNFINISHED && parts.next()?.parse::<u64>().is_ok()).then_some(())?;
    parts.next()?.parse().ok()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_as_it_was_and_nothing_is_left_behind() {
        let folder = std::env::temp_dir().join(format!("ecgraft-durable-{}", std::process::id()));
        let path = folder.join("deep/file");
        write(&path, b"old").unwrap();
        let failed = write_with(&path, |file| file.write_all(b"half").and(Err(io::Error::other("full"))));
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.join("deep")).unwrap().count(), 1);
        let _ = fs::remove_dir_all(&folder);
    }

    #[test]
    fn unfinished_files_tell_who_wrote_them() {
        let path = unfinished(Path::new("a/b.safetensors"));
        assert_eq!(writer_of(&path), Some(std::process::id()));
        assert_ne!(path, unfinished(Path::new("a/b.safetensors")));
        for other in ["a/b.tmp", "a/.b.tmp", "a/.b.1.tmp", ".b.x.1.tmp", ".b.1.x.tmp", "b"] {
            assert_eq!(writer_of(Path::new(other)), None, "{other}");
        }
    }
}
