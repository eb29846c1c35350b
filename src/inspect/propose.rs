//! From a path to a source.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::draft::{Draft, quoted};
use super::files::Files;
use super::odd::{self, Seen};
use super::study;
use crate::source::files::unreadable;
use crate::source::recognise;
use crate::{Error, Result, manifest};

/// A source for what lies at a path, as a manifest says it.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The name of the source.
    name: String,
    /// `[sources.NAME]` and its keys.
    keys: String,
    seen: Seen,
}

impl Proposal {
    /// The source as TOML to paste into a manifest, and below it as comments what was seen and what is odd.
    pub fn source(&self) -> String {
        let mut text = self.keys.clone();
        self.seen.seen.iter().for_each(|line| comment(&mut text, "seen", line));
        self.seen.odd.iter().for_each(|line| comment(&mut text, "odd", line));
        text
    }

    /// A whole manifest with the source: networks that learn from its labels, with and without what a simulator taught.
    pub fn study(&self) -> String {
        study::manifest(&self.name, &self.source(), &self.seen)
    }
}

fn comment(text: &mut String, what: &str, line: &str) {
    let _ = writeln!(text, "# {what}: {}", line.replace(char::is_control, " "));
}

/// Looks at a folder or a file.
///
/// # Errors
/// A user error where there is nothing that any source reads.
pub fn propose(path: &Path) -> Result<Proposal> {
    let path = path.canonicalize().map_err(|error| unreadable(path, &error))?;
    let name = name(&path);
    let mut odd = Vec::new();
    let lines = match recognise(&path) {
        Some(known) => {
            let paths = known.paths.iter().map(|(key, path)| format!("{key} = {}", text(path)));
            std::iter::once(format!("kind = {}", quoted(known.kind))).chain(paths).collect()
        }
        None => {
            let (table, draft) = draft(&path)?;
            odd.extend(draft.odd);
            let start = ["kind = \"table\"".to_owned(), format!("path = {}", text(&table))];
            start.into_iter().chain(draft.lines).collect::<Vec<_>>()
        }
    };
    let keys = format!("[sources.{name}]\n{}\n", lines.join("\n"));
    let mut seen = match read(&name, &keys) {
        Ok(source) => odd::look(source.source(&name).ok_or_else(|| Error::internal("a source was not read"))?),
        Err(why) => return Err(Error::internal(format!("{keys}is no source: {why}"))),
    };
    odd.append(&mut seen.odd);
    seen.odd = odd;
    Ok(Proposal { name, keys, seen })
}

fn text(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// The source as a manifest has it.
fn read(name: &str, keys: &str) -> std::result::Result<manifest::Manifest, String> {
    let around = "[sources.a-simulator]\nkind = \"simulator\"\n[sources.a-ptb-xl]\nkind = \"ptb-xl\"\npath = \"none\"\n\
                  [transfer]\nsource = \"a-ptb-xl\"\n[architectures.any]\nkind = \"cnn\"\n\
                  [mixes.any]\nparts = [{ source = \"a-simulator\" }]\n[freezes.none]\n";
    let text = format!("name = \"{name}\"\n{keys}{around}");
    let env = |name: &str| std::env::var(name).ok();
    manifest::parse(Path::new("inspect.toml"), &text, &env)
        .map_err(|problems| problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; "))
}

/// The table at `path` that fits best, and what it gives.
fn draft(path: &Path) -> Result<(PathBuf, Draft)> {
    if path.is_file() {
        let folder = path.parent().unwrap_or(Path::new(""));
        return Ok((path.to_owned(), Draft::new(path, &Files::look(folder)?)?));
    }
    let files = Files::look(path)?;
    let mut tables = files.tables.clone();
    if files.signals.iter().any(|signal| signal.extension().is_some_and(|ending| ending == "hea")) {
        tables.push(path.to_owned());
    }
    let mut best: Option<(PathBuf, Draft)> = None;
    let mut faults = Vec::new();
    for table in tables {
        match Draft::new(&table, &files) {
            Ok(draft) if best.as_ref().is_none_or(|(_, best)| draft.score > best.score) => best = Some((table, draft)),
            Ok(_) => {}
            Err(error) => faults.push(error.message),
        }
    }
    best.filter(|(_, draft)| draft.score > 1).ok_or_else(|| {
        let faults = faults.first().map(|fault| format!("; {fault}")).unwrap_or_default();
        Error::user(format!(
            "{}: there is no table with a row for each record (CSV, Parquet) and there are no WFDB headers in this folder or \
             below{faults}",
            path.display()
        ))
    })
}

/// A name for the source: that of the folder or file, in letters that need no quotes.
fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let letters: String =
        stem.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let name = letters.trim_matches('-');
    if name.is_empty() { "mine".into() } else { name.to_owned() }
}
