//! What a classifier starts from: networks that were trained for something else first.

use serde::{Deserialize, Serialize};

use super::{Fusion, Target};

/// What one regression network measures: one target, or several with an output each.
/// In a manifest `"hr"`, or `["hr", "qrs"]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Measured", into = "Measured")]
pub struct Targets(Vec<Target>);

impl Targets {
    /// The targets, each once, in the order of the network's outputs: those that are built in first, then by name.
    pub fn of(targets: &[Target]) -> Self {
        let mut targets = targets.to_vec();
        targets.sort();
        targets.dedup();
        Self(targets)
    }

    /// The targets, in the order of the network's outputs.
    pub fn list(&self) -> &[Target] {
        &self.0
    }

    /// As tables show it: `hr`, or `hr&qrs` for one network that measures both.
    pub fn label(&self) -> String {
        self.0.iter().map(|target| target.name()).collect::<Vec<_>>().join("&")
    }
}

impl From<Target> for Targets {
    fn from(target: Target) -> Self {
        Self(vec![target])
    }
}

/// [`Targets`] as written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Measured {
    One(Target),
    Several(Vec<Target>),
}

impl From<Measured> for Targets {
    fn from(written: Measured) -> Self {
        match written {
            Measured::One(target) => target.into(),
            Measured::Several(targets) => Targets::of(&targets),
        }
    }
}

impl From<Targets> for Measured {
    fn from(targets: Targets) -> Self {
        match *targets.0 {
            [target] => Measured::One(target),
            _ => Measured::Several(targets.0),
        }
    }
}

/// What a grafted network was trained to do on its mix, or the file that its weights come from. In a manifest a target, a
/// list of targets, `"classification"`, `"masked"`, `"contrastive"`, or `"weights:NAME"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "WrittenDonor", into = "WrittenDonor")]
pub enum Donor {
    /// Measure.
    Regression(Targets),
    /// Classify the mix's own records.
    Classification,
    /// Give what is masked of a record.
    Masked,
    /// Tell two views of a record from those of others.
    Contrastive,
    /// Nobody knows: the weights of this name come from elsewhere.
    Weights(String),
}

/// What weights from elsewhere are written with before their name.
const WEIGHTS: &str = "weights:";

impl Donor {
    /// A network trained to classify.
    pub const CLASSIFICATION: Donor = Donor::Classification;

    /// As tables show it: `hr`, `hr&qrs`, `classification`, `masked`, `weights:NAME`.
    pub fn label(&self) -> String {
        match self {
            Donor::Regression(targets) => targets.label(),
            Donor::Classification => "classification".into(),
            Donor::Masked => "masked".into(),
            Donor::Contrastive => "contrastive".into(),
            Donor::Weights(name) => format!("{WEIGHTS}{name}"),
        }
    }

    /// Whether it is trained on a mix.
    pub fn is_of_mix(&self) -> bool {
        !matches!(self, Donor::Weights(_))
    }
}

/// [`Donor`] as written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenDonor {
    Word(String),
    Several(Vec<Target>),
}

impl TryFrom<WrittenDonor> for Donor {
    type Error = String;

    fn try_from(written: WrittenDonor) -> Result<Self, String> {
        let word = match written {
            WrittenDonor::Several(targets) => return Ok(Donor::Regression(Targets::of(&targets))),
            WrittenDonor::Word(word) => word,
        };
        Ok(match (word.as_str(), word.strip_prefix(WEIGHTS)) {
            ("classification", _) => Donor::Classification,
            ("masked", _) => Donor::Masked,
            ("contrastive", _) => Donor::Contrastive,
            (_, Some(name)) => Donor::Weights(name.to_owned()),
            (name, None) => Target::named(name, "").into(),
        })
    }
}

impl From<Donor> for WrittenDonor {
    fn from(donor: Donor) -> Self {
        match donor {
            Donor::Regression(targets) => match *targets.0 {
                [target] => WrittenDonor::Word(target.name().to_owned()),
                _ => WrittenDonor::Several(targets.0),
            },
            other => WrittenDonor::Word(other.label()),
        }
    }
}

impl From<Target> for Donor {
    fn from(target: Target) -> Self {
        Donor::Regression(target.into())
    }
}

/// The graft of one network that nothing is grafted into.
pub const SCRATCH: &str = "scratch";

/// The graft of one network of fresh weights that hold still.
pub const RANDOM: &str = "random";

/// A graft as tables show it: `hr`, `hr+qrs` side by side, `gate(hr+qrs)`, `mean(hr+qrs)`; without donors
/// `scratch`, or `scratch x4` for four fresh backbones, and `random` where these hold still by a freeze.
pub fn graft_label(donors: &[Donor], backbones: usize, fusion: Fusion, freeze: Option<&str>) -> String {
    let fresh = if freeze.is_some() { RANDOM } else { SCRATCH };
    let list = match donors {
        [] if backbones == 1 => fresh.into(),
        [] => format!("{fresh} x{backbones}"),
        donors => donors.iter().map(Donor::label).collect::<Vec<_>>().join("+"),
    };
    match fusion {
        Fusion::Gate | Fusion::Mean if backbones > 1 => format!("{}({list})", fusion.name()),
        _ => list,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn donors_are_written_as_in_a_manifest() {
        let several = Donor::Regression(Targets::of(&[Target::QRS, Target::HR]));
        for (donor, written) in [
            (Target::QT.into(), json!("qt")),
            (several.clone(), json!(["hr", "qrs"])),
            (Donor::CLASSIFICATION, json!("classification")),
            (Donor::Masked, json!("masked")),
            (Donor::Contrastive, json!("contrastive")),
            (Donor::Weights("a b".into()), json!("weights:a b")),
        ] {
            assert_eq!(serde_json::to_value(&donor).unwrap(), written);
            assert_eq!(serde_json::from_value::<Donor>(written).unwrap(), donor);
        }
        assert_eq!(serde_json::from_value::<Donor>(json!(["qrs", "hr"])).unwrap(), several, "the order says nothing");
        assert_eq!(serde_json::from_value::<Donor>(json!(["qt"])).unwrap(), Target::QT.into());
        assert_eq!(serde_json::from_value::<Donor>(json!("axis")).unwrap(), Target::named("axis", "degrees").into());
        for word in ["classification", "masked", "contrastive"] {
            assert!(serde_json::from_value::<Donor>(json!([word])).is_err());
        }
    }

    #[test]
    fn labels_tell_grafts_apart() {
        let both = [Donor::from(Target::HR), Donor::Regression(Targets::of(&[Target::PR, Target::QT]))];
        assert_eq!(graft_label(&[], 1, Fusion::Gate, None), "scratch");
        assert_eq!(graft_label(&[], 4, Fusion::Concat, None), "scratch x4");
        assert_eq!(graft_label(&both[..1], 1, Fusion::Gate, None), "hr");
        assert_eq!(graft_label(&both, 2, Fusion::Concat, None), "hr+pr&qt");
        assert_eq!(graft_label(&both, 2, Fusion::Mean, None), "mean(hr+pr&qt)");
    }
}
