//! SVG text: shapes, words and their widths.

use std::fmt::Write;

/// What an average letter takes of a line, px, in small text.
const LETTER: f64 = 6.1;

/// SVG elements one after another.
#[derive(Default)]
pub(crate) struct Svg(pub String);

impl Svg {
    /// Adds an element, or a piece of one, in a line of its own. Writing to a text does not fail.
    pub fn push(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{line}");
    }

    /// A group of this class, its origin at `x`, `y`; [`Svg::end`] closes it.
    pub fn group(&mut self, class: &str, x: f64, y: f64) {
        self.push(format_args!("<g class=\"{class}\" transform=\"translate({x:.1} {y:.1})\">"));
    }

    /// Closes a group.
    pub fn end(&mut self) {
        self.0.push_str("</g>\n");
    }

    /// Words that start, end or have their middle (`anchor`) at `x`, `y`; escaped here.
    pub fn text(&mut self, class: &str, anchor: &str, x: f64, y: f64, words: &str) {
        let words = escaped(words);
        self.push(format_args!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"
        ));
    }

    /// Words upwards beside an axis, their middle at `x`, `y`.
    pub fn upwards(&mut self, x: f64, y: f64, words: &str) {
        let words = escaped(words);
        self.push(format_args!(
            "<text class=\"small\" text-anchor=\"middle\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\">{words}</text>"
        ));
    }

    /// A line through `points`.
    pub fn line(&mut self, class: &str, dash: &str, points: impl Iterator<Item = (f64, f64)>) {
        let dash = if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
        let mut path = String::new();
        for (number, (x, y)) in points.enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
        }
        self.push(format_args!("<path class=\"{class}\"{dash} d=\"{path}\"/>"));
    }

    /// A dot.
    pub fn dot(&mut self, class: &str, x: f64, y: f64, radius: f64) {
        self.push(format_args!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/>"));
    }
}

/// Text as XML and HTML have it.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(letter),
            // XML has no other control characters, not even escaped.
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// About how wide small text is, px.
pub(crate) fn width(text: &str) -> f64 {
    LETTER * text.chars().count() as f64
}

/// The words, cut where they need more than `room` px.
pub(crate) fn fitted(text: &str, room: f64) -> String {
    let letters = (room / LETTER) as usize;
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

/// The words in lines of at most `room` px of small text.
pub(crate) fn wrapped(text: &str, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + width(word) + LETTER <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_wrapped() {
        assert_eq!(escaped("<a href=\"x\">'&'\u{1b}"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;\u{fffd}");
        let lines = wrapped("one two three four", 60.0);
        assert_eq!(lines, ["one two", "three", "four"]);
        assert!(wrapped("", 60.0).is_empty());
        assert_eq!((fitted("synthetic", 60.0), fitted("synthetic", 40.0)), ("synthetic".into(), "synth…".into()));
    }
}
