//! Tables and text that keep within the columns of a screen.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle, Width,
};

/// A column of text is not made narrower than this.
const NARROWEST_COLUMN: usize = 14;

/// Lines above and below the table and under its head, none between columns.
const STYLE: TableStyle = TableStyle::new()
    .top_border(horizontal('─'))
    .header_lines(ContentLineStyle::none())
    .header_separator(horizontal('─'))
    .content_lines(ContentLineStyle::none())
    .bottom_border(horizontal('─'));

const fn horizontal(line: char) -> LineStyle {
    LineStyle::none().fill(line).junction(line)
}

/// A table in the house's style with these heads, the columns called `right` set to the right. `rules`: with
/// lines between the rows.
pub(crate) fn table(heads: &[&str], right: &[&str], rules: bool) -> Table {
    let mut table = Table::new();
    table.load_style(if rules { STYLE.row_separator(horizontal('╌')) } else { STYLE });
    table.set_content_arrangement(ContentArrangement::Disabled).set_header(heads);
    for (column, head) in table.column_iter_mut().zip(heads) {
        // A blank is where other tables have a line: two part the columns.
        column.set_padding((0, 1));
        if right.contains(head) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The table as text, if it is no wider than `columns`.
pub(crate) fn fitting(table: &Table, columns: Option<usize>) -> Option<String> {
    // The blank after the last column is no part of it.
    let widest = width(table).saturating_sub(1);
    columns.is_none_or(|columns| widest <= columns).then(|| text(table, widest))
}

/// The table as text with column `flexible` as narrow as it must be, its cells on several lines; `None`
/// where that leaves too little of it.
pub(crate) fn squeezed(mut table: Table, flexible: usize, columns: usize) -> Option<String> {
    let excess = width(&table).saturating_sub(1).saturating_sub(columns);
    let own = usize::from(*table.column_max_content_widths().get(flexible)?);
    let left = own.checked_sub(excess).filter(|left| *left >= NARROWEST_COLUMN)?;
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(columns + 1).ok()?);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_constraint(if index == flexible {
            ColumnConstraint::Absolute(Width::Fixed(u16::try_from(left + 1).ok()?))
        } else {
            ColumnConstraint::ContentWidth
        });
    }
    Some(text(&table, columns))
}

/// The table as text: whole where it fits the screen, with cells on several lines where not.
pub(crate) fn shown(mut table: Table, columns: Option<usize>) -> String {
    if let Some(text) = fitting(&table, columns) {
        return text;
    }
    if let Some(columns) = columns.and_then(|columns| u16::try_from(columns).ok()) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    let width = width(&table);
    text(&table, width)
}

fn width(table: &Table) -> usize {
    table.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

fn text(table: &Table, columns: usize) -> String {
    let lines = table.lines().map(|line| line.chars().take(columns).collect::<String>().trim_end().to_owned() + "\n");
    lines.collect()
}

/// The table with what is best (`*`) in bold, and what is significant (`†`) in green, or red where it is negative; the other way
/// round where differences are of errors.
pub(crate) fn coloured(table: &str, of_errors: bool) -> String {
    let [below, above] = if of_errors { ["32", "31"] } else { ["31", "32"] };
    let cell = |cell: &str| {
        let style = match cell.trim_start() {
            text if text.ends_with('†') && text.starts_with('-') => below,
            text if text.ends_with('†') => above,
            text if text.ends_with('*') => "1",
            _ => return cell.to_owned(),
        };
        let text = cell.trim_start();
        format!("{}\x1b[{style}m{text}\x1b[0m", &cell[..cell.len() - text.len()])
    };
    // Two blanks part the cells.
    let line = |line: &str| line.split("  ").map(cell).collect::<Vec<_>>().join("  ") + "\n";
    table.lines().map(line).collect()
}
