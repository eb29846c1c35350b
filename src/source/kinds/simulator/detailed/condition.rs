//! What records of the detailed model can be called, and of whom such records are.

use Condition::*;

use crate::ecg::LabelSet;
use crate::source::maps::{Codes, Labels};

/// What a record is called: an SCP-ECG statement as PTB-XL writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `NORM`: no other, and every interval within normal limits.
    Normal,
    /// `SBRAD`: sinus bradycardia.
    Bradycardia,
    /// `STACH`: sinus tachycardia.
    Tachycardia,
    /// `AFIB`: atrial fibrillation.
    Fibrillation,
    /// `PVC`: premature ventricular complexes.
    Ventricular,
    /// `PAC`: premature atrial complexes.
    Atrial,
    /// `1AVB`: first degree AV block.
    AvBlock,
    /// `IRBBB`: incomplete right bundle branch block.
    IncompleteRight,
    /// `CRBBB`: complete right bundle branch block.
    CompleteRight,
    /// `CLBBB`: complete left bundle branch block.
    CompleteLeft,
    /// `LAFB`: left anterior fascicular block.
    LeftAnterior,
    /// `IMI`: inferior infarction.
    Inferior,
    /// `ILMI`: inferolateral infarction.
    Inferolateral,
    /// `ASMI`: anteroseptal infarction.
    Anteroseptal,
    /// `AMI`: anterior infarction.
    Anterior,
    /// `ALMI`: anterolateral infarction.
    Anterolateral,
    /// `LMI`: lateral infarction.
    Lateral,
    /// `LVH`: left ventricular hypertrophy.
    LeftHypertrophy,
    /// `RVH`: right ventricular hypertrophy.
    RightHypertrophy,
    /// `ISC_`: ischaemic ST-T changes: ST depressed, T inverted.
    Ischaemia,
    /// `STD_`: ST depression.
    StDepression,
    /// `NDT`: T flat.
    FlatT,
    /// `INVT`: T inverted.
    InvertedT,
    /// `LNGQT`: long QT.
    LongQt,
}

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

const fn facts(names: [&'static str; 2], group: Group, age: [f64; 2], women: f64) -> Facts {
    Facts { names, group, age, women }
}

impl Condition {
    /// All, in the order of the documentation.
    pub const ALL: [Condition; 24] = [
        Normal,
        Bradycardia,
        Tachycardia,
        Fibrillation,
        Ventricular,
        Atrial,
        AvBlock,
        IncompleteRight,
        CompleteRight,
        CompleteLeft,
        LeftAnterior,
        Inferior,
        Inferolateral,
        Anteroseptal,
        Anterior,
        Anterolateral,
        Lateral,
        LeftHypertrophy,
        RightHypertrophy,
        Ischaemia,
        StDepression,
        FlatT,
        InvertedT,
        LongQt,
    ];

    /// The infarctions.
    pub const INFARCTIONS: [Condition; 6] = [Inferior, Inferolateral, Anteroseptal, Anterior, Anterolateral, Lateral];

    fn facts(self) -> Facts {
        match self {
            Normal => facts(["NORM", "normal ECG"], Group::Normal, [48.0, 18.0], 0.55),
            Bradycardia => facts(["SBRAD", "sinus bradycardia"], Group::Rhythm, [55.0, 20.0], 0.45),
            Tachycardia => facts(["STACH", "sinus tachycardia"], Group::Rhythm, [60.0, 18.0], 0.48),
            Fibrillation => facts(["AFIB", "atrial fibrillation"], Group::Rhythm, [73.0, 11.0], 0.43),
            Ventricular => facts(["PVC", "premature ventricular complexes"], Group::Ectopy, [69.0, 14.0], 0.44),
            Atrial => facts(["PAC", "premature atrial complexes"], Group::Ectopy, [71.0, 15.0], 0.50),
            AvBlock => facts(["1AVB", "first degree AV block"], Group::Av, [69.0, 14.0], 0.35),
            IncompleteRight => {
                facts(["IRBBB", "incomplete right bundle branch block"], Group::Bundle, [54.0, 19.0], 0.32)
            }
            CompleteRight => facts(["CRBBB", "complete right bundle branch block"], Group::Bundle, [67.0, 14.0], 0.28),
            CompleteLeft => facts(["CLBBB", "complete left bundle branch block"], Group::Bundle, [71.0, 11.0], 0.50),
            LeftAnterior => facts(["LAFB", "left anterior fascicular block"], Group::Fascicle, [66.0, 16.0], 0.36),
            Inferior => facts(["IMI", "inferior infarction"], Group::Infarction, [66.0, 13.0], 0.30),
            Inferolateral => facts(["ILMI", "inferolateral infarction"], Group::Infarction, [66.0, 13.0], 0.30),
            Anteroseptal => facts(["ASMI", "anteroseptal infarction"], Group::Infarction, [68.0, 13.0], 0.43),
            Anterior => facts(["AMI", "anterior infarction"], Group::Infarction, [67.0, 14.0], 0.40),
            Anterolateral => facts(["ALMI", "anterolateral infarction"], Group::Infarction, [69.0, 12.0], 0.42),
            Lateral => facts(["LMI", "lateral infarction"], Group::Infarction, [66.0, 13.0], 0.40),
            LeftHypertrophy => facts(["LVH", "left ventricular hypertrophy"], Group::Hypertrophy, [68.0, 16.0], 0.45),
            RightHypertrophy => facts(["RVH", "right ventricular hypertrophy"], Group::Hypertrophy, [62.0, 18.0], 0.45),
            Ischaemia => facts(["ISC_", "ischaemic ST-T changes"], Group::Repolarisation, [71.0, 12.0], 0.45),
            StDepression => facts(["STD_", "ST depression"], Group::Repolarisation, [70.0, 13.0], 0.50),
            FlatT => facts(["NDT", "flat T waves"], Group::Repolarisation, [63.0, 16.0], 0.54),
            InvertedT => facts(["INVT", "inverted T waves"], Group::Repolarisation, [67.0, 14.0], 0.52),
            LongQt => facts(["LNGQT", "long QT"], Group::Qt, [66.0, 16.0], 0.60),
        }
    }

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
