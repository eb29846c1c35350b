//! Text that keeps within the columns of a screen.

/// No line of text is longer, however wide the screen.
const TEXT_COLUMNS: usize = 100;

/// One line, without characters that move the cursor.
pub fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Number of characters.
pub fn letters(text: &str) -> usize {
    text.chars().count()
}

/// At most `columns` characters, the last an ellipsis where some are missing.
pub fn cut(text: &str, columns: usize) -> String {
    if letters(text) <= columns {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(columns.saturating_sub(1)).collect();
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// The text in lines of at most `columns` characters, and of what reads well.
pub fn wrapped(text: &str, columns: Option<usize>) -> String {
    filled(text, columns.map_or(TEXT_COLUMNS, |columns| columns.min(TEXT_COLUMNS)))
}

/// The text in lines of at most `columns` characters; a word that is longer has one of its own.
pub fn filled(text: &str, columns: usize) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        if length > 0 && length + 1 + letters > columns {
            lines.push('\n');
            length = 0;
        }
        if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += letters;
    }
    lines + "\n"
}

/// Like [`wrapped`], every line two blanks to the right.
pub fn indented(text: &str, columns: Option<usize>) -> String {
    let lines = wrapped(text, columns.map(|columns| columns.saturating_sub(2).max(20)));
    lines.lines().map(|line| format!("  {line}\n")).collect()
}
