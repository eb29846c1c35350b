//! Pieces of HTML.

use std::fmt::Write;

use crate::report::figure::Drawing;
use crate::report::figure::svg::escaped;

/// Height of a figure's caption, px: with it links arrive where they should before figures are drawn.
const CAPTION: f64 = 24.0;

/// What stands in backquotes as code.
fn code(escaped: &str) -> String {
    if !escaped.matches('`').count().is_multiple_of(2) {
        return escaped.to_owned();
    }
    let piece = |(number, piece): (usize, &str)| match number % 2 {
        0 => piece.to_owned(),
        _ => format!("<code>{piece}</code>"),
    };
    escaped.split('`').enumerate().map(piece).collect()
}

/// HTML text, piece by piece.
#[derive(Default)]
pub(crate) struct Html(pub String);

impl Html {
    /// Adds a line as it is: nothing of the user's in it that was not escaped. Writing to a text does not fail.
    pub fn push(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{line}");
    }

    /// A paragraph of words, escaped here.
    pub fn paragraph(&mut self, words: &str) {
        self.push(format_args!("<p>{}</p>", code(&escaped(words))));
    }

    /// A section's heading with its place in the table of contents.
    pub fn heading(&mut self, level: usize, id: &str, words: &str) {
        self.push(format_args!("<h{level} id=\"{id}\">{}</h{level}>", escaped(words)));
    }

    /// A figure. What is wider than the page is scrolled, with the keyboard too.
    pub fn figure(&mut self, id: &str, figure: &Drawing) {
        let title = escaped(&figure.title);
        self.push(format_args!(
            "<figure id=\"{id}\" class=\"late\" style=\"contain-intrinsic-size: auto {:.0}px\"><figcaption class=\"faint\">{title}</figcaption>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{title}\">\n{}</div></figure>",
            figure.height() + CAPTION,
            figure.inline(id)
        ));
    }

    /// A figure whose page allows no style but that of its sheets.
    pub fn figure_of_sheet(&mut self, id: &str, figure: &Drawing) {
        let title = escaped(&figure.title);
        self.push(format_args!(
            "<figure id=\"{id}\"><figcaption class=\"faint\">{title}</figcaption>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{title}\">\n{}</div></figure>",
            figure.inline(id)
        ));
    }

    /// The same of a small one, which is made narrower with the page.
    pub fn small_figure(&mut self, id: &str, figure: &Drawing) {
        self.push(format_args!("<figure id=\"{id}\">\n{}</figure>", figure.inline(id)));
    }

    /// The beginning of what is folded away; `class` beside `more`.
    pub fn fold(&mut self, class: &str, words: &str) {
        self.push(format_args!("<details class=\"more {class}\"><summary>{}</summary>", escaped(words)));
    }

    /// The end of what is folded away.
    pub fn end_fold(&mut self) {
        self.0.push_str("</details>\n");
    }

    /// A table: heads, those at and after place `numbers` set to the right, and rows of cells with the class of the row.
    /// The first cell of a row is its head. Cells are escaped here; the words of a table without numbers may go on several lines.
    pub fn table(&mut self, caption: &str, heads: &[&str], numbers: usize, rows: &[(&str, Vec<String>)]) {
        self.linked_table(caption, heads, numbers, rows, &|_| None);
    }

    /// The same with links on the heads of the rows that `link` knows by their number: where to, and what is there.
    pub fn linked_table(
        &mut self,
        caption: &str,
        heads: &[&str],
        numbers: usize,
        rows: &[(&str, Vec<String>)],
        link: &dyn Fn(usize) -> Option<[String; 2]>,
    ) {
        let class = |place: usize| if place >= numbers { " class=\"number\"" } else { "" };
        let label = escaped(caption);
        self.push(format_args!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{label}\"><table{} aria-label=\"{label}\"><thead><tr>",
            if numbers >= heads.len() { " class=\"words\"" } else { "" }
        ));
        for (place, head) in heads.iter().enumerate() {
            self.push(format_args!("<th scope=\"col\"{}>{}</th>", class(place), escaped(head)));
        }
        self.0.push_str("</tr></thead><tbody>\n");
        for (row, (of, cells)) in rows.iter().enumerate() {
            let _ = write!(self.0, "<tr class=\"{of}\">");
            for (place, cell) in cells.iter().enumerate() {
                let (tag, scope) = if place == 0 { ("th", " scope=\"row\"") } else { ("td", "") };
                let words = match link(row).filter(|_| place == 0) {
                    Some([to, what]) => {
                        format!("<a href=\"{}\" aria-label=\"{}\">{}</a>", escaped(&to), escaped(&what), escaped(cell))
                    }
                    None => escaped(cell),
                };
                let _ = write!(self.0, "<{tag}{scope}{}>{words}</{tag}>", class(place));
            }
            self.0.push_str("</tr>\n");
        }
        self.0.push_str("</tbody></table></div>\n");
    }
}
