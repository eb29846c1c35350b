//! From a path to a source.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::draft::{Draft, quoted};
use super::files::Files;
use super::odd::{self, Seen};
use super::profile::Profile;
use super::study;
use crate::source::files::{has_extension, unreadable};
use crate::source::{recognise, recognised_in};
use crate::{Error, Result, manifest};

/// A source for what lies at a path, as a manifest says it.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The name of the source.
    name: String,
    /// `[sources.NAME]` and its keys.
    keys: String,
    seen: Seen,
    /// Folds to train, validate and test, where their names say so.
    split: Option<[Vec<u8>; 3]>,
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
        study::manifest(&self.name, &self.source(), &self.seen, self.split.as_ref())
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
    let (mut odd, mut split) = (Vec::new(), None);
    let lines = match recognise(&path) {
        Some(known) => {
            let keys = known.keys.iter().map(|(key, value)| format!("{key} = {}", quoted(value)));
            std::iter::once(format!("kind = {}", quoted(known.kind))).chain(keys).collect()
        }
        None => {
            let (table, draft) = draft(&path)?;
            odd.extend(draft.odd);
            split = draft.split;
            let known = recognised_in(&path);
            if !known.is_empty() {
                let known: Vec<String> = known.iter().map(|(name, kind)| format!("{name} ({kind})")).collect();
                odd.push(format!("folders here have kinds of their own: {}; inspect each by itself", known.join(", ")));
            }
            let start = ["kind = \"table\"".to_owned(), format!("path = {}", text(&table))];
            start.into_iter().chain(draft.lines).collect::<Vec<_>>()
        }
    };
    let mut keys = format!("[sources.{name}]\n{}\n", lines.join("\n"));
    let mut seen = match read(&name, &keys) {
        Ok(source) => odd::look(source.source(&name).ok_or_else(|| Error::internal("a source was not read"))?),
        Err(why) => return Err(Error::internal(format!("{keys}is no source: {why}"))),
    };
    keys.extend(seen.keys.drain(..).map(|line| line + "\n"));
    odd.append(&mut seen.odd);
    seen.odd = odd;
    Ok(Proposal { name, keys, seen, split })
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
    let (files, mut paths) = match path.parent().filter(|_| path.is_file()) {
        Some(folder) => (Files::look(folder)?, vec![path.to_owned()]),
        None => (Files::look(path)?, Vec::new()),
    };
    paths.extend(files.tables.iter().filter(|table| *table != path).cloned());
    if path.is_dir() && files.signals.iter().any(|signal| has_extension(signal, "hea")) {
        paths.push(path.to_owned());
    }
    let (mut tables, mut faults) = (Vec::new(), Vec::new());
    for table in paths {
        match Profile::read(&table) {
            Ok(profile) => tables.push((table, profile)),
            Err(error) if table == path => return Err(error),
            Err(error) => faults.push(error.message),
        }
    }
    // Of a file that is named others are only what it may be joined with.
    let count = if path.is_file() { 1 } else { tables.len() };
    let mut best: Option<(usize, Draft)> = None;
    for place in 0..count {
        let draft = Draft::new(&tables, place, &files);
        if best.as_ref().is_none_or(|(_, best)| draft.score > best.score) {
            best = Some((place, draft));
        }
    }
    let best = best.filter(|(_, draft)| path.is_file() || draft.score > 1);
    let best = best.and_then(|(place, draft)| Some((tables.get(place)?.0.clone(), draft)));
    best.ok_or_else(|| {
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
