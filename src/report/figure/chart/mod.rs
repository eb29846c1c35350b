//! What figures are drawn with: axes, panels, keys, colours, SVG; and what several figures draw alike.

pub(super) mod axis;
pub(in crate::report) mod epochs;
pub(super) mod legend;
pub(super) mod panel;
pub(super) mod records;
pub(crate) mod style;
pub(crate) mod svg;
