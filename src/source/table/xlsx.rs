//! Tables in Excel's `.xlsx`: the first sheet of a workbook, each cell as the text that a CSV file would have.
//!
//! ECMA-376, part 1, 18.3 (worksheets) and 18.4 (shared strings). Formulas have the value that was stored with them; dates are the days
//! since 1900 that Excel has for them, as nothing in a cell says that it is one. Cells with an error (`#N/A`) are empty.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use csv::ByteRecord;
use roxmltree::{Document, Node};

use crate::source::files::unreadable;
use crate::source::zip::{self, Member, Stream};
use crate::{Error, Result};

/// Bytes of a part of a workbook, at most.
const LARGEST: u64 = 1 << 28;

/// Columns of a sheet, at most: as in Excel.
const MOST_COLUMNS: usize = 16_384;

/// A row: its number in the sheet, and the cells that are not empty, by their columns.
type Cells = (u64, Vec<(usize, String)>);

/// The rows below the header.
pub(super) struct Rows {
    rows: std::vec::IntoIter<Cells>,
    columns: usize,
}

/// The columns, which are the first row that is not empty, and the rows below.
pub(super) fn open(path: &Path) -> Result<(Vec<String>, Rows)> {
    let rows = rows(path)?;
    let mut rows = rows.into_iter();
    let header = rows.next().ok_or_else(|| faulty(path, "its first sheet is empty"))?;
    let count = header.1.iter().map(|(place, _)| place + 1).max().unwrap_or(0);
    let mut columns = vec![String::new(); count];
    header.1.into_iter().for_each(|(place, name)| columns[place] = name.trim().to_owned());
    Ok((columns, Rows { rows, columns: count }))
}

/// How many rows it has below the header.
pub(super) fn count(path: &Path) -> Result<usize> {
    rows(path).map(|rows| rows.len().saturating_sub(1))
}

impl Rows {
    /// The next row; `false` after the last.
    pub fn read(&mut self, fields: &mut ByteRecord) -> bool {
        let Some((number, row)) = self.rows.next() else { return false };
        let mut texts = vec![""; self.columns];
        for (place, text) in &row {
            if let Some(slot) = texts.get_mut(*place) {
                *slot = text;
            }
        }
        fields.clear();
        texts.iter().for_each(|text| fields.push_field(text.as_bytes()));
        let mut position = csv::Position::new();
        position.set_line(number);
        fields.set_position(Some(position));
        true
    }
}

/// The rows of the first sheet that are not empty, with their numbers in it.
fn rows(path: &Path) -> Result<Vec<Cells>> {
    let members = zip::members(path).map_err(|error| unreadable(path, &error))?;
    let members: HashMap<&str, &Member> = members.iter().map(|member| (member.name.as_str(), member)).collect();
    let part = |name: &str| members.get(name).map(|member| text(path, member)).transpose();
    let missing =
        |what: &str| faulty(path, format!("there is no {what} in it; a workbook of Excel (.xlsx) was expected"));
    let book = part("xl/workbook.xml")?.ok_or_else(|| missing("workbook"))?;
    let links = part("xl/_rels/workbook.xml.rels")?.ok_or_else(|| missing("list of its sheets"))?;
    let sheet = sheet(&parse(path, &book)?, &parse(path, &links)?).ok_or_else(|| missing("sheet"))?;
    let cells = part(&sheet)?.ok_or_else(|| missing("first sheet"))?;
    let strings = part("xl/sharedStrings.xml")?.map(|text| shared(&parse(path, &text)?)).transpose()?;
    let strings = strings.unwrap_or_default();
    let document = parse(path, &cells)?;
    let mut rows = Vec::new();
    for (place, row) in elements(document.root(), "row").enumerate() {
        crate::stop::check()?;
        let number = row.attribute("r").and_then(|number| number.parse().ok()).unwrap_or(place as u64 + 1);
        let row = read_row(row, &strings).map_err(|why| faulty(path, format!("row {number}: {why}")))?;
        if !row.is_empty() {
            rows.push((number, row));
        }
    }
    Ok(rows)
}

/// The part with the first sheet.
fn sheet(book: &Document<'_>, links: &Document<'_>) -> Option<String> {
    let first = elements(book.root(), "sheet").next()?;
    let id = first.attributes().find(|attribute| attribute.name() == "id")?.value();
    let link = elements(links.root(), "Relationship").find(|link| link.attribute("Id") == Some(id))?;
    let target = link.attribute("Target")?;
    // From the archive's root, or from the workbook's folder.
    Some(target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned))
}

/// Texts that cells name by their number.
fn shared(document: &Document<'_>) -> Result<Vec<String>> {
    Ok(elements(document.root(), "si").map(written).collect())
}

fn read_row(row: Node<'_, '_>, strings: &[String]) -> std::result::Result<Vec<(usize, String)>, String> {
    let (mut texts, mut next) = (Vec::new(), 0);
    for cell in row.children().filter(|cell| cell.tag_name().name() == "c") {
        let place = cell.attribute("r").map_or(Some(next), column);
        let place = place.filter(|place| *place < MOST_COLUMNS).ok_or("a cell is in no column that there can be")?;
        next = place + 1;
        let text = value(cell, strings)?;
        if !text.trim().is_empty() {
            texts.push((place, text));
        }
    }
    Ok(texts)
}

/// What a cell has, as text.
fn value(cell: Node<'_, '_>, strings: &[String]) -> std::result::Result<String, String> {
    let value = cell.children().find(|child| child.tag_name().name() == "v").and_then(|value| value.text());
    let value = value.unwrap_or_default();
    Ok(match cell.attribute("t") {
        Some("s") => {
            let place = value.trim().parse::<usize>().ok();
            place
                .and_then(|place| strings.get(place))
                .ok_or_else(|| format!("there is no text number `{value}`"))?
                .clone()
        }
        Some("inlineStr") => written(cell),
        Some("str") => value.to_owned(),
        Some("b") => if value.trim() == "1" { "True" } else { "False" }.to_owned(),
        Some("e") => String::new(),
        // The shortest digits that give the same number again: Excel writes .1 as 0.10000000000000001.
        _ => value.trim().parse::<f64>().map_or_else(|_| value.to_owned(), |number| number.to_string()),
    })
}

/// All of a text, whatever it looks like, without how it is spoken.
fn written(node: Node<'_, '_>) -> String {
    let is_spoken = |text: &Node| text.ancestors().any(|above| above.tag_name().name() == "rPh");
    elements(node, "t").filter(|text| !is_spoken(text)).filter_map(|text| text.text()).collect()
}

/// The number of a column, from 0, out of a cell's name: `AB12`.
fn column(name: &str) -> Option<usize> {
    let letters =
        name.bytes().take_while(u8::is_ascii_alphabetic).map(|letter| usize::from(letter.to_ascii_uppercase() - b'A'));
    let number = letters.take(4).fold(0, |number, letter| number * 26 + letter + 1);
    number.checked_sub(1)
}

/// The elements below `node` that are called `name`, whatever their namespace.
fn elements<'x>(node: Node<'x, 'x>, name: &'static str) -> impl Iterator<Item = Node<'x, 'x>> {
    node.descendants().filter(move |own| own.is_element() && own.tag_name().name() == name)
}

fn text(path: &Path, member: &Member) -> Result<String> {
    let mut bytes = Vec::new();
    let read = Stream::member(path, member).and_then(|stream| stream.take(LARGEST).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 == LARGEST {
        return Err(faulty(path, format!("`{}` is too large; write the table as CSV or Parquet", member.name)));
    }
    String::from_utf8(bytes).map_err(|_| faulty(path, format!("`{}` is not in UTF-8", member.name)))
}

fn parse<'t>(path: &Path, text: &'t str) -> Result<Document<'t>> {
    Document::parse(text.trim_start_matches('\u{feff}')).map_err(|error| faulty(path, error))
}

fn faulty(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::user(format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::column;

    #[test]
    fn columns_by_their_letters() {
        for (name, number) in
            [("A1", Some(0)), ("z9", Some(25)), ("AA10", Some(26)), ("XFD1", Some(16_383)), ("12", None)]
        {
            assert_eq!(column(name), number, "{name}");
        }
    }
}
