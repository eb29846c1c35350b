//! SVG to PDF.
//!
//! Letters are drawn as outlines: every reader and printer shows them alike, journals need no fonts, and the libraries that
//! would put fonts into the file take a fifth of ecgraft's first build.

use resvg::usvg::{Options, Tree, WriteOptions};

use super::{DPI, tree};
use crate::{Error, Result};

/// The picture as a PDF file of one page.
pub(in crate::report::figure) fn render(svg: &str) -> Result<Vec<u8>> {
    let fault = |error: &dyn std::fmt::Display| Error::internal(format!("the figure does not become a PDF: {error}"));
    // To a hundredth of a px, which no printer shows.
    let written = WriteOptions { preserve_text: false, coordinates_precision: 2, ..WriteOptions::default() };
    let outlines = tree::read(svg)?.to_string(&written);
    let options = Options { dpi: DPI, ..Options::default() };
    let tree = Tree::from_str(&outlines, &options).map_err(|error| fault(&error))?;
    let page = svg2pdf::PageOptions { dpi: DPI };
    svg2pdf::to_pdf(&tree, svg2pdf::ConversionOptions::default(), page).map_err(|error| fault(&error))
}
