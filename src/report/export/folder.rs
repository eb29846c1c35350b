//! The folder of an export, which changes only once all of it is written.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::output::{self, Kind};
use crate::{Result, durable, run};

/// Says that a folder's files are ours, and may be replaced.
const MARK: &str = "ecgraft-export.txt";

/// See the module. Dropped before its end it takes away what it wrote.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Names of files that are written beside their places, and where.
    unfinished: Vec<(String, PathBuf)>,
}

impl Folder {
    /// Makes the folder where it lacks; `names` is what will be in it.
    ///
    /// # Errors
    /// A user error where it cannot be made, or has something of these names that no export wrote, or that is not of
    /// `kind`.
    pub(super) fn open(path: &Path, names: &[String], kind: Option<Kind>) -> Result<Folder> {
        fs::create_dir_all(path).map_err(|error| {
            Error::user(format!("{}: the folder cannot be made: {error}; name another one", path.display()))
        })?;
        if !path.join(MARK).exists()
            && let Some(taken) = names.iter().find(|name| path.join(name).exists())
        {
            return Err(Error::user(format!(
                "{}: this is no export of ecgraft's and is left as it is; name another folder, or move the file away",
                path.join(taken).display()
            )));
        }
        for (name, kind) in names.iter().flat_map(|name| kind.map(|kind| (name, kind))) {
            output::check(&path.join(name), kind)?;
        }
        Ok(Folder { path: path.to_owned(), unfinished: Vec::new() })
    }

    /// Where to write what will be called `name`.
    pub(super) fn file(&mut self, name: &str) -> PathBuf {
        let beside = durable::unfinished(&self.path.join(name));
        self.unfinished.push((name.to_owned(), beside.clone()));
        beside
    }

    /// Puts all in place, each file at once: what there is, a line each, under the folder's name.
    ///
    /// # Errors
    /// A user error where the folder cannot be written.
    pub(super) fn finish(self, results: &Path, lines: &[String]) -> Result<String> {
        self.mark(results, lines)?;
        // What is not put in its place is taken away at the end.
        for (name, beside) in &self.unfinished {
            let to = self.path.join(name);
            let synced = fs::File::open(beside).and_then(|file| file.sync_all());
            synced.and_then(|()| durable::put(beside, &to)).map_err(|error| unwritable(&to, &error))?;
        }
        let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        Ok(format!("{}\n{lines}", self.path.display()))
    }

    /// Writes down that the folder is ours and what it holds.
    ///
    /// # Errors
    /// A user error where the folder cannot be written.
    pub(super) fn mark(&self, results: &Path, lines: &[String]) -> Result<()> {
        let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let text = format!(
            "Exported at {time} by ecgraft {} from the store in {}. The next export here replaces these files.\n\n{}\n",
            run::VERSION,
            results.display(),
            lines.join("\n")
        );
        let to = self.path.join(MARK);
        durable::write(&to, text.as_bytes()).map_err(|error| unwritable(&to, &error))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for (_, beside) in &self.unfinished {
            let _ = fs::remove_file(beside);
        }
    }
}

/// That `path` cannot be written, and why.
pub(super) fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::user(format!("{}: cannot be written: {error}", path.display()))
}
