//! Where signals are: a path with columns in it, such as `records/{id}.h5`.

use std::borrow::Cow;

/// A text into which values of columns are filled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern<C> {
    pieces: Vec<Piece<C>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece<C> {
    Text(String),
    /// A column, and with how many digits its number is written at least.
    Column(C, usize),
}

/// Most digits.
const WIDEST: usize = 20;

impl Pattern<String> {
    /// Reads a pattern: `{column}`, or `{column:05}` for a number of at least five digits.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(open);
            let inside = after.strip_prefix('{').ok_or("a `}` has no `{` before it")?;
            let (column, behind) = inside.split_once('}').ok_or("a `{` has no `}` after it")?;
            pieces.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
            let (name, width) = match column.rsplit_once(":0") {
                Some((name, width)) => match width.parse() {
                    Ok(width) if width <= WIDEST => (name, width),
                    _ => return Err(format!("`{{{column}}}` asks for no number of digits, as `{{{name}:05}}` does")),
                },
                None => (column, 0),
            };
            if name.trim().is_empty() {
                return Err("a pair of braces names no column".into());
            }
            pieces.push(Piece::Column(name.trim().to_owned(), width));
            rest = behind;
        }
        pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
        Ok(Self { pieces })
    }
}

impl<C> Pattern<C> {
    /// The columns in it.
    pub fn columns(&self) -> impl Iterator<Item = &C> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Column(column, _) => Some(column),
            Piece::Text(_) => None,
        })
    }

    /// The same over what `find` gives for each column.
    pub fn resolve<D>(&self, mut find: impl FnMut(&C) -> crate::Result<D>) -> crate::Result<Pattern<D>> {
        let piece = |piece: &Piece<C>| {
            Ok(match piece {
                Piece::Text(text) => Piece::Text(text.clone()),
                Piece::Column(column, width) => Piece::Column(find(column)?, *width),
            })
        };
        Ok(Pattern { pieces: self.pieces.iter().map(piece).collect::<crate::Result<_>>()? })
    }

    /// The text with the values that `value` gives.
    pub fn fill(&self, mut value: impl FnMut(&C) -> crate::Result<String>) -> crate::Result<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Column(column, width) => {
                    let value = value(column)?;
                    text.push_str(&padded(&value, *width));
                }
            }
        }
        Ok(text)
    }
}

fn padded(value: &str, width: usize) -> Cow<'_, str> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && value.len() < width { format!("{value:0>width$}").into() } else { value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(pattern: &str) -> String {
        Pattern::parse(pattern).unwrap().fill(|column| Ok(if column == "id" { "7" } else { "a b" }.into())).unwrap()
    }

    #[test]
    fn columns_are_filled_in() {
        assert_eq!(filled("records/{id}.h5"), "records/7.h5");
        assert_eq!(filled("{path name}/x{id:05}_hr"), "a b/x00007_hr");
        assert_eq!(filled("tracings.hdf5"), "tracings.hdf5");
        assert_eq!(filled("{path:05}"), "a b");
        for (faulty, part) in
            [("{id", "no `}`"), ("id}", "no `{`"), ("{}", "names no column"), ("{id:0x}", "number of digits")]
        {
            let told = Pattern::parse(faulty).unwrap_err();
            assert!(told.contains(part), "{faulty}: {told}");
        }
    }
}
