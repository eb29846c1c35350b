//! What an ECG is made of, whatever file it lies in: leads, samples, who it is of, what is measured in it and what it is
//! called.
//!
//! - [`Lead`], [`Voltage`] and [`RawRecord`]: the signal, in mV.
//! - [`Measurement`] with a name and a unit, and [`Measurements`], those that are known of one record. HR, PR, QT and QRS
//!   are built in; a source may have any others.
//! - [`Label`] out of a [`Vocabulary`], and [`LabelSet`], those of one record. PTB-XL's [`superclass`]es are built in; a
//!   source may have any others.
//! - [`Sex`], [`OLDEST`].
//! - `filter` and `resample`: signals through filters, and at other rates.

pub(crate) mod filter;
pub(crate) mod half;
mod intern;
mod label;
mod lead;
mod measurement;
mod person;
mod raw;
pub(crate) mod resample;
pub mod superclass;
mod voltage;

pub use intern::{intern, intern_all};
pub use label::{Label, LabelName, LabelSet, Vocabulary};
pub use lead::Lead;
pub use measurement::{Measurement, Measurements};
pub use person::{OLDEST, Sex};
pub use raw::RawRecord;
pub use voltage::Voltage;
