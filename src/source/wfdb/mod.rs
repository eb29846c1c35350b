//! Records in PhysioNet's WFDB form: a `.hea` header and its signal files, formats 16 and 212.
//!
//! Header: <https://physionet.org/physiotools/wag/header-5.htm>; signal files:
//! <https://physionet.org/physiotools/wag/signal-5.htm>.

pub(super) mod annotation;
mod header;
mod read;
pub mod write;

pub use read::read;
pub(super) use read::{files, is_there, read_for};
