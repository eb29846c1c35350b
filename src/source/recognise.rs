//! Folders in the layout of a kind of source.

use std::path::{Path, PathBuf};

use super::kinds::LAYOUTS;

/// What a manifest says of a folder whose layout is a kind's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recognised {
    /// The kind.
    pub kind: &'static str,
    /// Its keys that are paths.
    pub paths: Vec<(&'static str, PathBuf)>,
}

/// What a manifest says of the folder, where its layout is that of a kind.
pub(crate) type Recognise = fn(&Path) -> Option<Recognised>;

/// What a manifest says of the folder `path`, where its layout is that of any kind.
pub(crate) fn recognise(path: &Path) -> Option<Recognised> {
    LAYOUTS.iter().find_map(|own| own(path))
}
