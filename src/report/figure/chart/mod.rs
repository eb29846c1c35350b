//! What figures are drawn with: axes, panels, keys, colours, SVG; and what several figures draw alike.

pub(super) mod axis;
pub(super) mod epochs;
pub(super) mod legend;
pub(super) mod panel;
pub(super) mod records;
pub(in crate::report) mod style;
pub(in crate::report) mod svg;
