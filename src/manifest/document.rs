//! The text of a manifest with all that it includes, and the one document that it comes to.
//!
//! A text that stands for itself is what the store keeps: each included file follows the manifest, behind a line that
//! names it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Diagnostic;
use super::variants::overlay;
use crate::declare::Problem;

/// Begins the line before an included file.
const MARK: &str = "\n# ---- included by ecgraft: ";
/// Ends it.
const MARK_END: &str = " ----\n";
/// Most files that include each other in a row.
const DEPTH: usize = 16;

/// One file of a manifest.
#[derive(Clone, Debug)]
struct Part {
    path: PathBuf,
    /// Its bytes in the whole text.
    span: Range<usize>,
}

/// A manifest's text with what it includes.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// All of it.
    pub whole: String,
    parts: Vec<Part>,
}

impl Text {
    /// The text of the manifest at `path`, with the files it includes: those that follow it already, and others as they
    /// are on disk.
    ///
    /// # Errors
    /// What cannot be included.
    pub fn gather(path: &Path, text: &str) -> (Self, Vec<Problem>) {
        let mut gathered = Self::split(path, text);
        let mut problems = Vec::new();
        let mut next = 0;
        while next < gathered.parts.len() {
            gathered.include(next, &mut problems);
            next += 1;
        }
        (gathered, problems)
    }

    /// A text by the lines that name included files.
    fn split(path: &Path, text: &str) -> Self {
        let mut parts = Vec::new();
        let (mut start, mut name) = (0, path.to_path_buf());
        while let Some(mark) = text[start..].find(MARK).map(|at| start + at) {
            let named = mark + MARK.len();
            let Some(end) = text[named..].find(MARK_END).map(|at| named + at) else { break };
            parts.push(Part { path: name, span: start..mark + 1 });
            name = path.parent().unwrap_or(Path::new("")).join(&text[named..end]);
            start = end + MARK_END.len();
        }
        parts.push(Part { path: name, span: start..text.len() });
        Self { whole: text.to_owned(), parts }
    }

    /// Adds the files that a part includes and that are not there yet.
    fn include(&mut self, part: usize, problems: &mut Vec<Problem>) {
        let Part { path, span } = self.parts[part].clone();
        let text = self.whole[span.clone()].to_owned();
        let (document, errors) = DeTable::parse_recoverable(&text);
        if !errors.is_empty() {
            // Told when the document is read.
            return;
        }
        for (file, place) in included(document.get_ref()) {
            let file = path.parent().unwrap_or(Path::new("")).join(file);
            if self.parts.iter().any(|part| part.path == file) {
                continue;
            }
            let place = place.start + span.start..place.end + span.start;
            match std::fs::read_to_string(&file) {
                Ok(text) => {
                    // As seen from the manifest, wherever that lies.
                    let home = self.parts[0].path.parent().unwrap_or(Path::new(""));
                    let named = file.strip_prefix(home).unwrap_or(&file);
                    self.whole.push_str(&format!("{MARK}{}{MARK_END}", named.display()));
                    let start = self.whole.len();
                    self.whole.push_str(&text);
                    self.parts.push(Part { path: file, span: start..self.whole.len() });
                }
                Err(error) => problems
                    .push(Problem { span: place, message: format!("{}: cannot be included: {error}", file.display()) }),
            }
        }
    }

    /// The document it comes to: what a file says goes before what it includes, key by key, and of what it includes the
    /// later before the earlier. `env` is not asked here: paths of included files stay as they are written.
    pub fn document(&self) -> (DeTable<'_>, Vec<Problem>) {
        let mut problems = Vec::new();
        let document = self.document_of(0, &mut Vec::new(), &mut problems);
        (document, problems)
    }

    fn document_of(&self, number: usize, above: &mut Vec<usize>, problems: &mut Vec<Problem>) -> DeTable<'_> {
        let Part { path, span } = &self.parts[number];
        let (own, errors) = DeTable::parse_recoverable(&self.whole[span.clone()]);
        if !errors.is_empty() {
            problems.extend(syntax(&self.whole[span.clone()], &errors).into_iter().map(|problem| Problem {
                span: problem.span.start + span.start..problem.span.end + span.start,
                ..problem
            }));
            return own.into_inner();
        }
        let own = if span.start == 0 { own.into_inner() } else { moved(own.into_inner(), span.start) };
        above.push(number);
        let mut document = DeTable::new();
        for (file, place) in included(&own) {
            let file = path.parent().unwrap_or(Path::new("")).join(file);
            let Some(other) = self.parts.iter().position(|part| part.path == file) else { continue };
            if above.contains(&other) || above.len() >= DEPTH {
                let message = format!("{} is included by itself; leave one of the two out", file.display());
                problems.push(Problem { span: place, message });
                continue;
            }
            overlay(&mut document, &self.document_of(other, above, problems));
        }
        above.pop();
        overlay(&mut document, &own);
        document
    }

    /// The folder that a relative path starts at which is written at `place` of the text.
    pub fn folder_at(&self, place: usize) -> &Path {
        self.part_at(place).path.parent().unwrap_or(Path::new(""))
    }

    /// Problems with the file and the line they are in, in the order of the text.
    pub fn diagnostics(&self, mut problems: Vec<Problem>) -> Vec<Diagnostic> {
        problems.sort_by_key(|problem| problem.span.start);
        let mut found: Vec<Diagnostic> = Vec::new();
        for Problem { span, message } in problems {
            let part = self.part_at(span.start);
            let (start, text) = (part.span.start, &self.whole[part.span.clone()]);
            let own = span.start.saturating_sub(start)..span.end.saturating_sub(start);
            let diagnostic = Diagnostic::new(&part.path, text, own, message);
            // The same in several variants.
            if !found.contains(&diagnostic) {
                found.push(diagnostic);
            }
        }
        found
    }

    fn part_at(&self, place: usize) -> &Part {
        self.parts.iter().rev().find(|part| part.span.start <= place).unwrap_or(&self.parts[0])
    }
}

/// The files that a document includes, and where it says so; what is no path is told when the document is read.
fn included(document: &DeTable<'_>) -> Vec<(String, Range<usize>)> {
    let Some(value) = document.get("include") else { return Vec::new() };
    let of = |value: &Spanned<DeValue<'_>>| value.get_ref().as_str().map(|file| (file.to_owned(), value.span()));
    match value.get_ref() {
        DeValue::Array(files) => files.iter().filter_map(of).collect(),
        _ => of(value).into_iter().collect(),
    }
}

/// What is wrong with the syntax of a text.
fn syntax(text: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut syntax: Vec<Problem> = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let message = error.message().trim_end_matches(", expected nothing").to_string();
        // What follows on the same line is mostly a consequence of the first error in it.
        let is_consequence = syntax
            .last()
            .is_some_and(|last| text.get(last.span.start..span.start).is_some_and(|gap| !gap.contains('\n')));
        if !is_consequence {
            syntax.push(Problem { span, message });
        }
    }
    syntax
}

/// A table whose text begins at byte `by` of the whole.
fn moved(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let mut whole = DeTable::new();
    for (key, value) in table {
        let span = later(key.span(), by);
        whole.insert(Spanned::new(span, key.into_inner()), moved_value(value, by));
    }
    whole
}

fn later(span: Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

fn moved_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = later(value.span(), by);
    let inner = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(moved(table, by)),
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| moved_value(item, by)).collect()),
        other => other,
    };
    Spanned::new(span, inner)
}
