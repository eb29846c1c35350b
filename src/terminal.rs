//! How much room there is on the screen.

use std::io::IsTerminal;

use terminal_size::{Height, Width, terminal_size_of};

/// Columns and rows of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// Columns where standard output is shown: what `COLUMNS` says, or the terminal; `None` where it goes
/// to a file or another program.
pub fn stdout_columns() -> Option<usize> {
    let terminal = std::io::stdout().is_terminal();
    columns_variable().or_else(|| terminal.then(|| size(terminal_size_of(std::io::stdout())).columns))
}

/// Whether standard output is shown in colour: on a terminal, unless `NO_COLOR` is set.
pub fn stdout_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
    std::io::stdout().is_terminal() && !unwanted && !dumb
}

/// The screen of standard error; `None` where there is none that can be drawn on.
pub fn stderr_size() -> Option<Size> {
    screen(std::io::stderr().is_terminal(), || terminal_size_of(std::io::stderr()))
}

/// The screen of standard output; `None` where there is none that can be drawn on.
pub fn stdout_size() -> Option<Size> {
    screen(std::io::stdout().is_terminal(), || terminal_size_of(std::io::stdout()))
}

fn screen(is_terminal: bool, found: impl FnOnce() -> Option<(Width, Height)>) -> Option<Size> {
    if !is_terminal || std::env::var_os("TERM").is_some_and(|name| name == "dumb") {
        return None;
    }
    let size = size(found());
    Some(Size { columns: columns_variable().unwrap_or(size.columns), ..size })
}

fn columns_variable() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.trim().parse().ok().filter(|columns| *columns > 0)
}

fn size(found: Option<(Width, Height)>) -> Size {
    let (columns, rows) = found.map_or((0, 0), |(Width(columns), Height(rows))| (columns.into(), rows.into()));
    Size { columns: if columns == 0 { 80 } else { columns }, rows: if rows == 0 { 24 } else { rows } }
}
