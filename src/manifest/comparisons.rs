//! What a study plans to compare, before it is seen what comes out.

use serde::{Deserialize, Serialize};

use super::keys::SHARE;
use crate::declare::{Names, Table as _, Type, Value, sequence, table, words};

table! {
    /// What is to be compared, said before it is seen what comes out: `run`, `compare` and `report` show it first, corrected as
    /// planned; every other difference is exploratory. It decides the id of no stage: it may be written after training, if nobody
    /// has seen the results.
    pub struct Comparisons {
        /// How the p-values of each family are corrected.
        pub correction: Correction = "holm";
        /// The family of comparisons that the study is made for. They are corrected together, and with nothing else.
        pub primary: Vec<PlannedComparison> = [] in sequence(&PlannedComparison::TYPE, 0, usize::MAX);
        /// The family of comparisons that it is not made for, but plans all the same; corrected together, and with nothing else.
        pub secondary: Vec<PlannedComparison> = [] in sequence(&PlannedComparison::TYPE, 0, usize::MAX);
    }
}

table! {
    /// One planned comparison. A key that `arm` does not name is open: the comparison is made in each place (in each
    /// architecture and variant, at each share of the labels, with each freeze), and each of them is a member of the family. In a key that
    /// `against` does not name, what is compared is alike; a network from scratch has neither mix nor freeze.
    pub struct PlannedComparison {
        /// What it is called, in tables too; comparisons of one name are one question.
        pub name: String = required, example "\"simulator against DeepFake\"";
        /// The arms that are compared.
        pub arm: ArmPattern = {}, example r#"{ "graft": "qrs", "mix": "synthetic" }"#;
        /// What they are compared with: an arm, the one from scratch, or each other along a key.
        pub against: Against = required, example "\"scratch\"";
        /// The metric, as `ecgraft compare --metric` takes it.
        pub metric: Option<String> = none in Type::Text(1), absent "the mean AUC of the classes, `macro_auc`",
            example "\"auc:MI\"";
    }
}

table! {
    /// Arms, by what tables show of them.
    pub struct ArmPattern {
        /// The architecture.
        pub architecture: Option<String> = none in Type::Name(Names::Architecture), absent "any", example "\"inception\"";
        /// The graft as tables have it: `qrs`, `hr+qrs`, `gate(hr+qrs)`, `scratch`, or `scratch x2` for two fresh backbones.
        pub graft: Option<String> = none in Type::Text(1), absent "any", example "\"qrs\"";
        /// The mix.
        pub mix: Option<String> = none in Type::Name(Names::Mix), absent "any", example "\"synthetic\"";
        /// The freeze.
        pub freeze: Option<String> = none in Type::Name(Names::Freeze), absent "any", example "\"none\"";
        /// The variant.
        pub variant: Option<String> = none in Type::Name(Names::Variant), absent "any", example "\"base\"";
        /// The share of the training records.
        pub label_fraction: Option<f64> = none in SHARE, absent "any", example "1.0";
    }
}

words! {
    /// How p-values that are looked at together are corrected.
    pub enum Correction as "correction" {
        /// by Holm's method, which keeps the probability of any false call
        Holm = "holm",
        /// not at all
        None = "none",
    }
}

words! {
    /// What arms are compared with, in a word.
    pub enum Axis as "key" {
        /// the network trained from scratch
        Scratch = "scratch",
        /// every two architectures, all else being the same
        Architecture = "architecture",
        /// every two grafts, `scratch` being one
        Graft = "graft",
        /// every two mixes
        Mix = "mix",
        /// every two freezes
        Freeze = "freeze",
        /// every two variants
        Variant = "variant",
        /// every two shares of the labels
        LabelFraction = "label_fraction",
    }
}

/// What an arm is compared with: in a manifest a word, or a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Against {
    /// The network from scratch, or the others along a key.
    Axis(Axis),
    /// The arm that agrees with this.
    Arm(ArmPattern),
}

impl Value for Against {
    const TYPE: Type = Type::WordOrTable(&Axis::WORDS, ArmPattern::KEYS);
}

impl Comparisons {
    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.primary.is_empty() && self.secondary.is_empty()
    }

    /// The families by their names, with their comparisons.
    pub fn families(&self) -> [(&'static str, &[PlannedComparison]); 2] {
        [("primary", &self.primary), ("secondary", &self.secondary)]
    }
}

impl ArmPattern {
    /// The keys that it names, by the columns of the view `runs`, with their values as text.
    pub fn named(&self) -> Vec<(&'static str, String)> {
        let Self { architecture, graft, mix, freeze, variant, label_fraction } = self;
        let values = [
            ("architecture", architecture.clone()),
            ("graft", graft.clone()),
            ("mix", mix.clone()),
            ("freeze", freeze.clone()),
            ("variant", variant.clone()),
            ("label_fraction", label_fraction.map(|share| share.to_string())),
        ];
        values.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

impl std::fmt::Display for ArmPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named: Vec<String> = self.named().into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
        f.write_str(&named.join(", "))
    }
}
