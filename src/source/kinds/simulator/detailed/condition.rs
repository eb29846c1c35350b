//! What records of the detailed model can be called, and of whom such records are.

use Condition::*;

use crate::ecg::LabelSet;
use crate::source::maps::{Codes, Labels};

/// Conditions of one group exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Normal,
    Rhythm,
    Ectopy,
    Av,
    Bundle,
    Fascicle,
    Infarction,
    Hypertrophy,
    Repolarisation,
    Qt,
}

/// What is known of a condition: its names, its group, and of whom PTB-XL's records of it are: mean and standard deviation of
/// the age, and the share of women.
struct Facts {
    /// The code and what it means.
    names: [&'static str; 2],
    group: Group,
    age: [f64; 2],
    women: f64,
}

/// Declares the conditions, each in one line: what it is, its code and what that means, its group, and of whom PTB-XL's records of it
/// are.
macro_rules! conditions {
    ($($(#[$meaning:meta])* $name:ident: $code:literal $text:literal, $group:ident, $age:expr, $women:expr;)+) => {
        /// What a record is called: an SCP-ECG statement as PTB-XL writes it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Condition {
            $(#[doc = concat!("`", $code, "`: ", $text, ".")] $(#[$meaning])* $name,)+
        }

        impl Condition {
            /// All, in the order of the documentation.
            pub const ALL: [Condition; [$($code),+].len()] = [$($name),+];

            fn facts(self) -> Facts {
                match self {
                    $($name => Facts { names: [$code, $text], group: Group::$group, age: $age, women: $women },)+
                }
            }
        }
    };
}

conditions! {
    /// No other, and every interval within normal limits.
    Normal: "NORM" "normal ECG", Normal, [48.0, 18.0], 0.55;
    Bradycardia: "SBRAD" "sinus bradycardia", Rhythm, [55.0, 20.0], 0.45;
    Tachycardia: "STACH" "sinus tachycardia", Rhythm, [60.0, 18.0], 0.48;
    Fibrillation: "AFIB" "atrial fibrillation", Rhythm, [73.0, 11.0], 0.43;
    Ventricular: "PVC" "premature ventricular complexes", Ectopy, [69.0, 14.0], 0.44;
    Atrial: "PAC" "premature atrial complexes", Ectopy, [71.0, 15.0], 0.50;
    AvBlock: "1AVB" "first degree AV block", Av, [69.0, 14.0], 0.35;
    IncompleteRight: "IRBBB" "incomplete right bundle branch block", Bundle, [54.0, 19.0], 0.32;
    CompleteRight: "CRBBB" "complete right bundle branch block", Bundle, [67.0, 14.0], 0.28;
    CompleteLeft: "CLBBB" "complete left bundle branch block", Bundle, [71.0, 11.0], 0.50;
    LeftAnterior: "LAFB" "left anterior fascicular block", Fascicle, [66.0, 16.0], 0.36;
    Inferior: "IMI" "inferior infarction", Infarction, [66.0, 13.0], 0.30;
    Inferolateral: "ILMI" "inferolateral infarction", Infarction, [66.0, 13.0], 0.30;
    Anteroseptal: "ASMI" "anteroseptal infarction", Infarction, [68.0, 13.0], 0.43;
    Anterior: "AMI" "anterior infarction", Infarction, [67.0, 14.0], 0.40;
    Anterolateral: "ALMI" "anterolateral infarction", Infarction, [69.0, 12.0], 0.42;
    Lateral: "LMI" "lateral infarction", Infarction, [66.0, 13.0], 0.40;
    LeftHypertrophy: "LVH" "left ventricular hypertrophy", Hypertrophy, [68.0, 16.0], 0.45;
    RightHypertrophy: "RVH" "right ventricular hypertrophy", Hypertrophy, [62.0, 18.0], 0.45;
    /// ST depressed, T inverted.
    Ischaemia: "ISC_" "ischaemic ST-T changes", Repolarisation, [71.0, 12.0], 0.45;
    StDepression: "STD_" "ST depression", Repolarisation, [70.0, 13.0], 0.50;
    FlatT: "NDT" "flat T waves", Repolarisation, [63.0, 16.0], 0.54;
    InvertedT: "INVT" "inverted T waves", Repolarisation, [67.0, 14.0], 0.52;
    LongQt: "LNGQT" "long QT", Qt, [66.0, 16.0], 0.60;
}

impl Condition {
    /// The infarctions.
    pub const INFARCTIONS: [Condition; 6] = [Inferior, Inferolateral, Anteroseptal, Anterior, Anterolateral, Lateral];

    /// The statement: `AFIB`.
    pub fn code(self) -> &'static str {
        self.facts().names[0]
    }

    /// What it means.
    pub fn description(self) -> &'static str {
        self.facts().names[1]
    }

    /// The statement with its subclass and superclass, if it has them.
    pub fn labels(self) -> LabelSet {
        Labels::of(Codes::Scp).get([self.code()])
    }

    /// The condition with this code.
    pub fn with_code(code: &str) -> Option<Condition> {
        Self::ALL.into_iter().find(|condition| condition.code() == code)
    }

    /// Mean and standard deviation of the age, years.
    pub(super) fn age(self) -> [f64; 2] {
        self.facts().age
    }

    /// Share of women.
    pub(super) fn women(self) -> f64 {
        self.facts().women
    }

    /// Whether no record has both.
    pub(super) fn excludes(self, other: Condition) -> bool {
        let groups = [self, other].map(|condition| condition.facts().group);
        let are = |a: Condition, b: &[Condition]| self == a && b.contains(&other) || other == a && b.contains(&self);
        self == other
            || groups[0] == groups[1]
            || groups.contains(&Group::Normal)
            // Nothing conducts, and no sinus beat comes early.
            || are(Fibrillation, &[AvBlock, Atrial])
            // The left bundle has its fascicles with it, and its block hides what a ventricle looks like.
            || are(CompleteLeft, &[LeftAnterior, RightHypertrophy])
            || are(CompleteLeft, &Self::INFARCTIONS)
            // The cycle is too short for it.
            || are(Tachycardia, &[AvBlock, Atrial, LongQt, Ventricular])
    }
}
