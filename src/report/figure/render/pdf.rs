//! SVG to PDF.

use super::{DPI, tree};
use crate::{Error, Result};

/// The picture as a PDF file of one page.
pub(in crate::report::figure) fn render(svg: &str) -> Result<Vec<u8>> {
    let page = svg2pdf::PageOptions { dpi: DPI };
    svg2pdf::to_pdf(&tree::read(svg)?, svg2pdf::ConversionOptions::default(), page)
        .map_err(|error| Error::internal(format!("the figure does not become a PDF: {error}")))
}
