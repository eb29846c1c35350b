//! Files that are whole or not there, also after a loss of power.
//!
//! A file is written beside its place under a name of its own, synced, put in its place by renaming, and then its
//! folder is synced: whoever reads the place sees the old content or the new, and what was told to be there after
//! [`write()`] returned is there when the machine comes back.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::process;

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
    path.with_file_name(format!(".{name}@{}@{number}.{UNFINISHED}", process::name()))
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

/// A file that is written bit by bit, beside its place until it is finished; it goes where it is dropped before that.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    unfinished: PathBuf,
    /// `None` once it is finished.
    file: Option<BufWriter<File>>,
}

impl Unfinished {
    /// Begins the file that will be `path`, making its folder where it lacks.
    ///
    /// # Errors
    /// Where the folder or the file cannot be made.
    pub fn new(path: &Path) -> io::Result<Self> {
        let unfinished = unfinished(path);
        fs::create_dir_all(folder(path))?;
        let file = File::options().read(true).write(true).create_new(true).open(&unfinished)?;
        Ok(Self { path: path.into(), unfinished, file: Some(BufWriter::new(file)) })
    }

    /// The place of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `bytes` over the first ones of the file; nothing can be appended after that.
    ///
    /// # Errors
    /// Where the disk does not allow it.
    pub fn write_first(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.open()?;
        file.rewind()?;
        file.write_all(bytes)
    }

    /// Syncs the file and puts it in its place, durably; it stays open for reading.
    ///
    /// # Errors
    /// Where the disk does not allow it; the place is then as it was.
    pub fn finish(mut self) -> io::Result<File> {
        self.flush()?;
        self.open()?.get_ref().sync_all()?;
        put(&self.unfinished, &self.path)?;
        let file = self.file.take().ok_or(io::ErrorKind::NotFound)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open()?.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

/// A folder of this process's own among the system's temporary ones, which nobody else may read; it goes where it is
/// dropped, and those of processes that are gone are removed.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes one.
    ///
    /// # Errors
    /// Where the system's temporary folder does not allow it.
    pub fn new() -> io::Result<Self> {
        let path = unfinished(&std::env::temp_dir().join("ecgraft"));
        sweep_folders(folder(&path));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is swept by the next one.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the scratch folders of processes that are gone.
fn sweep_folders(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let is_scratch = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".ecgraft@"));
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    for path in paths.filter(|path| is_scratch(path) && writer_of(path).is_some_and(process::is_gone)) {
        let _ = fs::remove_dir_all(path);
    }
}

/// Makes sure that names of files in `folder` survive a loss of power.
///
/// # Errors
/// Where the system does not obey. Systems that do not sync folders, such as Windows, do without.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Whose unfinished file `path` is: the process's name (see [`process::name`]), if it has the name of one.
pub fn writer_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(UNFINISHED)?.strip_suffix('.')?;
    let mut parts = name.rsplitn(3, '@');
    parts.next()?.parse::<u64>().ok()?;
    let writer = parts.next()?;
    parts.next().map(|_| writer)
}

/// Removes what processes that are gone left unfinished in `folder`, and says how many files that were. What others
/// write, also on other machines, stays, unless its last change lies `stale` before `now`, the present time by the
/// clock that gives files their times. A folder that is not there has none.
pub fn sweep(folder: &Path, now: SystemTime, stale: Duration) -> usize {
    unfinished_in(folder, now, stale).iter().filter(|path| fs::remove_file(path).is_ok()).count()
}

/// The files that [`sweep`] removes.
pub fn unfinished_in(folder: &Path, now: SystemTime, stale: Duration) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_left = |path: &Path| {
        let Some(writer) = writer_of(path) else { return false };
        let changed = path.metadata().and_then(|metadata| metadata.modified());
        let is_stale = changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|since| since >= stale));
        process::is_gone(writer) || is_stale
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.filter(|path| is_left(path)).collect()
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
    fn a_file_that_is_written_bit_by_bit_is_seen_when_it_is_finished() {
        let folder = std::env::temp_dir().join(format!("ecgraft-bits-{}", std::process::id()));
        let path = folder.join("file");
        let begun = || {
            let mut file = Unfinished::new(&path).unwrap();
            file.write_all(b"..two").unwrap();
            assert!(!path.exists());
            file
        };
        drop(begun());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        let mut file = begun();
        file.write_first(b"on").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ontwo");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        let _ = fs::remove_dir_all(&folder);
    }

    #[test]
    fn unfinished_files_tell_who_wrote_them() {
        let path = unfinished(Path::new("a/b@c.safetensors"));
        assert_eq!(writer_of(&path), Some(process::name()));
        assert_ne!(path, unfinished(Path::new("a/b@c.safetensors")));
        for other in ["a/b.tmp", "a/.b.tmp", "a/.b@1.tmp", "a/b@x@1.tmp", ".b@x@1", ".b@x@y.tmp", "b"] {
            assert_eq!(writer_of(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn leftovers_of_the_dead_are_swept_and_those_of_the_living_stay() {
        let folder = std::env::temp_dir().join(format!("ecgraft-sweep-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (here, _) = process::name().rsplit_once('-').unwrap();
        let dead = format!(".a@{here}-4194304.1@0.tmp");
        let living = unfinished(&folder.join("a")).file_name().unwrap().to_string_lossy().into_owned();
        for name in ["a", ".hidden", ".a@elsewhere.1-1.1@0.tmp", &dead, &living] {
            fs::write(folder.join(name), "x").unwrap();
        }
        let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
        assert_eq!(sweep(&folder, now, day), 1);
        assert!(!folder.join(dead).exists() && folder.join(living).exists());
        assert_eq!(sweep(&folder, now + 2 * day, day), 2, "nobody writes for a day");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        assert_eq!(sweep(Path::new("/nowhere"), now, day), 0);
        let _ = fs::remove_dir_all(&folder);
    }
}
