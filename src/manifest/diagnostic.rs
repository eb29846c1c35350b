//! One problem of a manifest, with its place and the line it stands in.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One problem of a manifest. Shown as `file:line:column: message` with the line underlined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The manifest.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
    /// The whole line, without its end.
    pub source_line: String,
    /// How many characters of the line are at fault; at least 1.
    pub width: usize,
}

impl Diagnostic {
    /// The problem at the bytes `span` of `text`. Only the first line of a longer span is underlined.
    pub(super) fn new(path: &Path, text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let floor = |mut index: usize| {
            index = index.min(text.len());
            while !text.is_char_boundary(index) {
                index -= 1;
            }
            index
        };
        let (start, end) = (floor(span.start), floor(span.end));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let faulty = text[start..end.clamp(start, line_end)].trim_end();
        Self {
            path: path.to_path_buf(),
            line: before.matches('\n').count() + 1,
            column: text[line_start..start].chars().filter(|c| *c != '\u{feff}').count() + 1,
            message: message.into(),
            source_line: text[line_start..line_end].trim_end_matches('\r').trim_start_matches('\u{feff}').to_string(),
            width: faulty.chars().count().max(1),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs stay tabs, so that the underline stands below its text however wide a tab is.
        let indent: String =
            self.source_line.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let indent = format!("{indent:<width$}", width = self.column - 1);
        writeln!(f, "{}:{}:{}: {}", self.path.display(), self.line, self.column, self.message)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.source_line)?;
        write!(f, "{margin} | {indent}{}", "^".repeat(self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_long_spans_end_with_their_line() {
        let text = "a = 1\r\nü = \"é\" # x\r\nb = [\n1]\n";
        let start = text.find("\"é\"").unwrap();
        let one = Diagnostic::new(Path::new("m.toml"), text, start..start + 4, "no");
        assert_eq!((one.line, one.column, one.width), (2, 5, 3));
        assert_eq!(one.to_string(), "m.toml:2:5: no\n  |\n2 | ü = \"é\" # x\n  |     ^^^");
        let start = text.find('[').unwrap();
        let two = Diagnostic::new(Path::new("m.toml"), text, start..start + 4, "no");
        assert_eq!((two.line, two.column, two.width), (3, 5, 1));
        let end = Diagnostic::new(Path::new("m.toml"), text, text.len()..text.len() + 9, "no");
        assert_eq!((end.line, end.column, end.width), (5, 1, 1));
    }
}
