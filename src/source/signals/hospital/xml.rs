//! XML as text and as a tree, whose elements are known by their names without their namespaces.

use std::borrow::Cow;

use roxmltree::{Document, Node, ParsingOptions};

use crate::source::signals::channels::Faulty;

/// The text of a file: UTF-16 by its mark, else UTF-8, else Latin-1, whatever its first line says.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|two| unit([two[0], two[1]])).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => text(rest),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
        },
    }
}

/// The tree. Documents may name a DTD, as MUSE's do; none is fetched.
pub(super) fn parse(text: &str) -> Faulty<Document<'_>> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| format!("it is no XML that can be read: {error}"))
}

/// Whether the beginning of a file opens an element of one of these names.
pub(super) fn names(start: &[u8], roots: &[&str]) -> bool {
    // A character may be cut off at the end.
    let text = text(start);
    let after = |before: char| matches!(before, '<' | ':');
    let is_end = |next: Option<char>| next.is_none_or(|next| next == '>' || next == '/' || next.is_whitespace());
    roots.iter().any(|root| {
        text.match_indices(root).any(|(at, _)| {
            text[..at].chars().next_back().is_some_and(after) && is_end(text[at + root.len()..].chars().next())
        })
    })
}

/// The children called `name`.
pub(super) fn children<'x>(node: Node<'x, 'x>, name: &'static str) -> impl Iterator<Item = Node<'x, 'x>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

/// The first of each name below the one before.
pub(super) fn below<'x>(node: Node<'x, 'x>, names: &[&'static str]) -> Option<Node<'x, 'x>> {
    names.iter().try_fold(node, |node, name| children(node, name).next())
}

/// All text in it, with single spaces.
pub(super) fn words(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter(Node::is_text).filter_map(|text| text.text());
    texts.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// The text of the first child called `name`; `None` where it is empty.
pub(super) fn word<'x>(node: Node<'x, 'x>, name: &'static str) -> Option<String> {
    below(node, &[name]).map(words).filter(|words| !words.is_empty())
}

/// The number in the first child called `name`: some systems write commas.
pub(super) fn number<'x>(node: Node<'x, 'x>, name: &'static str) -> Option<f64> {
    decimal(&word(node, name)?)
}

/// A finite number, with a point or a comma.
pub(super) fn decimal(text: &str) -> Option<f64> {
    text.trim().replace(',', ".").parse().ok().filter(|number: &f64| number.is_finite())
}
