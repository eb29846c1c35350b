//! Records in PhysioNet's WFDB form: a `.hea` header and its signal files, in every format, of one piece or
//! of segments.
//!
//! Of signals with several samples per frame each frame's mean is taken; signals that are late (skew) are aligned, and the
//! record ends where the first of them does.
//!
//! Header: <https://physionet.org/physiotools/wag/header-5.htm>; signal files:
//! <https://physionet.org/physiotools/wag/signal-5.htm>.

pub(super) mod annotation;
mod flac;
mod format;
mod header;
mod read;
mod segments;
pub mod write;

pub use read::read;
pub(super) use read::{Silent, files, header, headers, is_there, read_for, read_with};
