//! SVG to other files, a file for each kind: `render` takes the SVG and returns what is written.

pub(super) mod pdf;
pub(super) mod png;
mod tree;

/// px to an inch.
const DPI: f32 = 96.0;
