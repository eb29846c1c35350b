//! The twelve leads, and the names that files give them.

use serde::{Deserialize, Serialize};

/// A standard lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Lead {
    I,
    II,
    III,
    #[serde(rename = "aVR")]
    AVR,
    #[serde(rename = "aVL")]
    AVL,
    #[serde(rename = "aVF")]
    AVF,
    V1,
    V2,
    V3,
    V4,
    V5,
    V6,
}

/// What may stand before a lead's name, in lower case with single spaces: `Lead I`, `ECG_I`, `ECG lead II`, and the
/// nomenclature of ISO/IEEE 11073-10101, `MDC_ECG_LEAD_I`.
const BEFORE: [&str; 4] = ["mdc ecg lead ", "ecg lead ", "lead ", "ecg "];

/// Other names of leads, in lower case: the bipolar limb leads as Portuguese and Spanish write them (CODE-15 %).
/// Names that mean different leads to different makers (`1`, `C1`, `MLII`) are in no list.
const OTHER: [(&str, Lead); 3] = [("di", Lead::I), ("dii", Lead::II), ("diii", Lead::III)];

impl Lead {
    /// The twelve leads in the usual order.
    pub const ALL: [Lead; 12] = [
        Lead::I,
        Lead::II,
        Lead::III,
        Lead::AVR,
        Lead::AVL,
        Lead::AVF,
        Lead::V1,
        Lead::V2,
        Lead::V3,
        Lead::V4,
        Lead::V5,
        Lead::V6,
    ];

    /// The six limb leads.
    pub const LIMB: [Lead; 6] = [Lead::I, Lead::II, Lead::III, Lead::AVR, Lead::AVL, Lead::AVF];

    /// The usual spelling: `I`, `aVR`, `V1` ...
    pub fn name(self) -> &'static str {
        ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"][self as usize]
    }

    /// The lead with this name, in upper or lower case (PTB-XL writes `AVR`): the usual one, one of it after `Lead`, `ECG`,
    /// `ECG lead` or `MDC_ECG_LEAD`, with spaces or underscores between, or `DI`, `DII`, `DIII`.
    ///
    /// # Examples
    /// ```
    /// use ecgraft::ecg::Lead;
    /// for name in ["II", "ii", "Lead II", "ECG lead II", "ecg_ii", "MDC_ECG_LEAD_II", "DII"] {
    ///     assert_eq!(Lead::parse(name), Some(Lead::II));
    /// }
    /// assert_eq!(Lead::parse("MLII"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Lead> {
        let words = name.to_lowercase().replace('_', " ");
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let bare = BEFORE.iter().find_map(|before| words.strip_prefix(before)).unwrap_or(&words);
        let usual = Lead::ALL.into_iter().find(|lead| lead.name().eq_ignore_ascii_case(bare));
        usual.or_else(|| OTHER.iter().find(|(other, _)| *other == bare).map(|(_, lead)| *lead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_lead_and_of_none() {
        for (name, lead) in [
            ("I", Lead::I),
            (" i ", Lead::I),
            ("Lead I", Lead::I),
            ("lead_i", Lead::I),
            ("ecg_i", Lead::I),
            ("ECG I", Lead::I),
            ("MDC_ECG_LEAD_I", Lead::I),
            ("ECG lead  II", Lead::II),
            ("MDC_ECG_LEAD_AVR", Lead::AVR),
            ("AVR", Lead::AVR),
            ("LEAD aVF", Lead::AVF),
            ("v6", Lead::V6),
            ("DIII", Lead::III),
        ] {
            assert_eq!(Lead::parse(name), Some(lead), "{name}");
        }
        // An inverted lead, a modified one, one elsewhere on the chest, a vector lead, a number, nothing.
        for name in ["-aVR", "MDC_ECG_LEAD_AVRneg", "MLII", "V4R", "vx", "1", "C1", "lead", "", "IIII", "lead lead I"] {
            assert_eq!(Lead::parse(name), None, "{name}");
        }
    }
}
