//! How a table of a manifest is declared: once, where the values are used.
//!
//! A declaration gives each key its Rust field, type, range, unit, default and meaning. From it come the reading of
//! manifests with places of errors, the defaults, the JSON Schema, the reference page, and the settings that a stage's id
//! is hashed from. [`table`] declares a table, [`kinds`] one whose `kind` decides its keys, [`words`] the words that a
//! value can be.
//!
//! ```text
//! table! {
//!     /// Blocks of convolution, batch norm, ReLU and max pooling by 2.
//!     pub struct CnnConfig {
//!         /// Output channels of each block.
//!         pub channels: Vec<usize> = [32, 64, 128] in sequence(&count(1.0, 8192.0), 1, 16);
//!         /// Whether to be fast.
//!         pub fast: bool = false;
//!         /// How long to wait.
//!         pub patience: Option<usize> = none in count(1.0, 1e6), absent "forever", example "3", unit "epochs";
//!     }
//! }
//! ```
//!
//! A field is a key of the same name. What stands after `=` is the default as JSON; `none` means that there is no
//! value where the key is not written (`absent` says what that means), `required` that it must be written. What stands
//! after `in` is the [`Type`]; it may be left out where the Rust type says all, as `bool`, tables and words do. After it
//! come `unit`, `absent`, `example` and the other functions of [`Key`], and at last, behind `=>`, what serde must know.
//! A table that is `incomplete` (`pub struct Trials, incomplete`) has defaults that follow from other tables, so it is no
//! `Default`. The comments are the meaning that people read in the schema and the reference: one sentence or more.

mod defaults;
mod language;
mod names;
mod places;
mod table;

pub(crate) use defaults::{default_of, derive, stand_in};
pub(crate) use language::*;
pub(crate) use names::{choices, first, hint, list, nearest};
pub(crate) use places::{Faults, Places, Problem};
pub(crate) use table::{Table, Value, is_default, kinds, table, text, words};
