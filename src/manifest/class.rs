//! The classes of a classifier: names, and which records have them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Condition, ConditionName};
use crate::ecg::{Label, LabelName, intern};

/// One class of a classifier, an output of its network.
///
/// In a manifest the name of a label, `"AFIB"`, or an entry of a table: `{ AF = "AFIB or AFLT", STEMI = ["AMI", "IMI"],
/// other = "*" }`. In JSON one that is a label is its name alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "Written")]
pub struct Class {
    name: &'static str,
    rule: Rule,
}

/// Which records have a class.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// Those with the label that is called so.
    Label(LabelName),
    /// Those that fulfil a condition; of those for which it is neither true nor false the class is not known.
    Condition(Condition),
    /// Those that have none of the others.
    Rest,
}

/// How [`Rule::Rest`] is written.
const REST: &str = "*";

/// A class as JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Label(String),
    Rule { name: String, is: RuleText },
}

// Its name is interned, which what is derived would borrow.
impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer).map(Class::from)
    }
}

/// A rule as text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct RuleText(Rule);

impl From<RuleText> for String {
    fn from(text: RuleText) -> String {
        match text.0 {
            Rule::Label(name) => Condition::Has(name).to_string(),
            Rule::Condition(condition) => condition.to_string(),
            Rule::Rest => REST.to_owned(),
        }
    }
}

impl TryFrom<String> for RuleText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.trim() == REST {
            return Ok(RuleText(Rule::Rest));
        }
        Condition::parse(&text).map(|condition| RuleText(Rule::Condition(condition))).map_err(|fault| fault.message)
    }
}

impl From<Written> for Class {
    fn from(written: Written) -> Self {
        match written {
            Written::Label(name) => Self { name: intern(&name), rule: Rule::Label(LabelName::parse(&name)) },
            Written::Rule { name, is } => Self::new(&name, is.0),
        }
    }
}

impl From<Class> for Written {
    fn from(class: Class) -> Self {
        match class.rule {
            Rule::Label(_) => Written::Label(class.name.to_owned()),
            rule => Written::Rule { name: class.name.to_owned(), is: RuleText(rule) },
        }
    }
}

/// The class of the records that have this label.
impl From<Label> for Class {
    fn from(label: Label) -> Self {
        Self { name: label.name(), rule: Rule::Label(label.into()) }
    }
}

impl Class {
    /// The class called `name`; one whose rule is the label of its own name is written as that.
    pub fn new(name: &str, rule: Rule) -> Self {
        match rule {
            Rule::Condition(Condition::Has(label)) if label.to_string() == name => {
                Self { name: intern(name), rule: Rule::Label(label) }
            }
            rule => Self { name: intern(name), rule },
        }
    }

    /// The class of the records that have this label of its vocabulary, called as the label is: what another vocabulary calls
    /// so is not meant.
    pub fn of_vocabulary(label: Label) -> Self {
        let qualified = LabelName::parse(&format!("{}:{}", label.vocabulary().name(), label.name()));
        Self::new(label.name(), Rule::Condition(Condition::Has(qualified)))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The labels that its rule names.
    pub fn labels(&self) -> Vec<LabelName> {
        let of_condition =
            |name: ConditionName| if let ConditionName::Label(label) = name { Some(label) } else { None };
        match &self.rule {
            Rule::Label(label) => vec![*label],
            Rule::Condition(condition) => condition.names().into_iter().filter_map(of_condition).collect(),
            Rule::Rest => Vec::new(),
        }
    }

    /// Whether its rule names a label whose criteria are in mV: PTB-XL's hypertrophies, and what it says of voltage.
    pub fn is_told_by_voltage(&self) -> bool {
        const LABELS: [&str; 7] = ["HYP", "LVH", "RVH", "SEHYP", "VCLVH", "HVOLT", "LVOLT"];
        let is_one = |label: LabelName| LABELS.contains(&label.to_string().rsplit(':').next().unwrap_or_default());
        self.labels().into_iter().any(is_one)
    }

    /// Which records have it.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The rule that a text of a table of classes gives.
pub(super) fn is_rest(text: &str) -> bool {
    text.trim() == REST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_label_alone_is_written_as_one() {
        let json = r#"["NORM",{"name":"AF","is":"AFIB or AFLT"},"subclass:AMI",{"name":"other","is":"*"}]"#;
        let classes: Vec<Class> = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&classes).unwrap(), json);
        assert_eq!(classes[3].rule(), &Rule::Rest);
        let same: Class = serde_json::from_str(r#"{"name":"MI","is":"(MI)"}"#).unwrap();
        assert_eq!(serde_json::to_string(&same).unwrap(), r#""MI""#);
        assert!(serde_json::from_str::<Class>(r#"{"name":"x","is":"AFIB or"}"#).is_err());
    }
}
