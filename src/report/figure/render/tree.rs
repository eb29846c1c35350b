//! SVG read, with the fonts of the system.

use std::sync::{Arc, OnceLock};

use resvg::usvg::{Options, Tree, fontdb};

use super::DPI;
use crate::{Error, Result};

/// What is taken of the fonts that there are: the first of these, or any.
const FAMILIES: [&str; 7] =
    ["Helvetica Neue", "Segoe UI", "Noto Sans", "Liberation Sans", "Arial", "DejaVu Sans", "FreeSans"];

/// The picture, for both kinds.
pub(super) fn read(svg: &str) -> Result<Tree> {
    let options = Options { fontdb: fonts()?, dpi: DPI, ..Options::default() };
    Tree::from_str(svg, &options).map_err(|error| Error::internal(format!("the figure is no SVG: {error}")))
}

/// The fonts of the system, read once.
fn fonts() -> Result<Arc<fontdb::Database>> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_system_fonts();
        if let Some(family) = family(&fonts) {
            fonts.set_sans_serif_family(&family);
            // What is tried in the end.
            fonts.set_serif_family(&family);
        }
        Arc::new(fonts)
    });
    if fonts.is_empty() {
        let why =
            "there are no fonts on this system, and PNG and PDF need one (DejaVu or Liberation, say); SVG needs none";
        return Err(Error::user(why));
    }
    Ok(fonts.clone())
}

fn family(fonts: &fontdb::Database) -> Option<String> {
    let names = || fonts.faces().flat_map(|face| &face.families).map(|(name, _)| name.as_str());
    let known = FAMILIES.into_iter().find(|family| names().any(|name| name == *family));
    known.or_else(|| names().next()).map(str::to_owned)
}
