//! All kinds of source, for those who do not ask which one it is.

use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::kinds::ALL;
use super::{Knowledge, Source};
use crate::declare::{Kind, Kinds};

/// The manifest's description of a source.
pub(crate) const KINDS: Kinds = Kinds { what: "source", default: None, known: &DECLARATIONS, later: &[] };

const DECLARATIONS: [Kind; ALL.len()] = {
    let mut all = [ALL[0].declaration; ALL.len()];
    let mut place = 0;
    while place < ALL.len() {
        all[place] = ALL[place].declaration;
        place += 1;
    }
    all
};

/// The names of the kinds whose sources can know something, in the order of the list.
pub fn kinds_that(know: impl Fn(&Knowledge) -> bool) -> Vec<&'static str> {
    ALL.iter().filter(|kind| know(&kind.knows)).map(|kind| kind.name()).collect()
}

impl Serialize for dyn Source + '_ {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(settings) = self.settings().map_err(S::Error::custom)? else {
            return Err(S::Error::custom("a source's settings are no table"));
        };
        let mut map = serializer.serialize_map(Some(settings.len() + 1))?;
        map.serialize_entry("kind", self.kind().name())?;
        for (key, value) in &settings {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Box<dyn Source> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut settings = serde_json::Map::deserialize(deserializer)?;
        let kind = settings.remove("kind").ok_or_else(|| de::Error::missing_field("kind"))?;
        let known = ALL.iter().find(|known| kind == known.name());
        let known = known.ok_or_else(|| de::Error::custom(format_args!("unknown kind of source {kind}")))?;
        (known.from_json)(Value::Object(settings)).map_err(de::Error::custom)
    }
}

impl PartialEq for dyn Source {
    fn eq(&self, other: &Self) -> bool {
        self.kind().name() == other.kind().name() && self.settings().ok() == other.settings().ok()
    }
}

impl Clone for Box<dyn Source> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

impl<S: Source + 'static> From<S> for Box<dyn Source> {
    fn from(source: S) -> Self {
        Box::new(source)
    }
}
