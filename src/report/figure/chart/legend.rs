//! The key of a figure.

use super::svg::{Svg, width};

/// Height of a line of the key, px.
const LINE: f64 = 20.0;
/// The sample of a line and the room beside it, px.
const SAMPLE: f64 = 33.0;
const GAP: f64 = 20.0;

/// One line or mark, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// `base`, or `c` and the colour's number.
    pub class: String,
    pub dash: &'static str,
    pub text: String,
}

/// Draws the key from `left`, `top` in a room of `room` px; how high it is.
pub(crate) fn legend(svg: &mut Svg, entries: &[Entry], [left, top]: [f64; 2], room: f64) -> f64 {
    let (mut x, mut row) = (0.0, 0);
    for entry in entries {
        let wide = SAMPLE + width(&entry.text);
        if x > 0.0 && x + wide > room {
            (x, row) = (0.0, row + 1);
        }
        svg.group(&entry.class, left + x, top + LINE * (f64::from(row) + 0.7));
        svg.line("line", entry.dash, [(0.0, -4.0), (26.0, -4.0)].into_iter());
        svg.dot("dot", 13.0, -4.0, 2.6);
        svg.text("small", "start", SAMPLE, 0.0, &entry.text);
        svg.end();
        x += wide + GAP;
    }
    if entries.is_empty() { 0.0 } else { LINE * f64::from(row + 1) + 6.0 }
}
