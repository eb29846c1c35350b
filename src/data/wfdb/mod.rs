//! Records in PhysioNet's WFDB form.

pub mod write;
