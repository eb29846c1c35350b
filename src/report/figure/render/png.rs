//! SVG to PNG.

use resvg::tiny_skia::{Pixmap, Transform};

use super::tree;
use crate::{Error, Result};

/// Pixels to a px.
const SCALE: f32 = 2.0;

/// The picture on white as a PNG file.
pub(in crate::report::figure) fn render(svg: &str) -> Result<Vec<u8>> {
    let tree = tree::read(svg)?;
    let [width, height] = [tree.size().width(), tree.size().height()].map(|side| (side * SCALE).ceil() as u32);
    let too_large =
        || Error::user(format!("the figure is too large for a PNG ({width} x {height} pixels); write an SVG"));
    let mut picture = Pixmap::new(width, height).ok_or_else(too_large)?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut picture.as_mut());
    picture.encode_png().map_err(|error| Error::internal(format!("the figure does not become a PNG: {error}")))
}
