//! PTB-XL's five diagnostic superclasses: the vocabulary that is built in.
//!
//! Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Sci Data 7:154 (2020).

use super::{Label, Vocabulary};

/// `NORM`, `MI`, `STTC`, `CD` and `HYP`, in PTB-XL's order.
pub static VOCABULARY: Vocabulary = Vocabulary::new("superclass", &["NORM", "MI", "STTC", "CD", "HYP"]);

/// Normal ECG.
pub const NORM: Label = Label::new(&VOCABULARY, 0);

/// Myocardial infarction.
pub const MI: Label = Label::new(&VOCABULARY, 1);

/// ST/T change.
pub const STTC: Label = Label::new(&VOCABULARY, 2);

/// Conduction disturbance.
pub const CD: Label = Label::new(&VOCABULARY, 3);

/// Hypertrophy.
pub const HYP: Label = Label::new(&VOCABULARY, 4);

/// All five, in PTB-XL's order.
pub const ALL: [Label; 5] = [NORM, MI, STTC, CD, HYP];
