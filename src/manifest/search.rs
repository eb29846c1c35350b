//! The search for settings on the validation folds: what is varied, and how much of it is tried.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::Donor;
use super::keys::{GRAFTED_OR_NONE, SEED, SHARE};
use crate::declare::{Names, Type, count, list_of, table, words};

words! {
    /// How a search spends its budget.
    pub enum SearchMethod as "method of search" {
        /// every candidate is trained to the end
        Random = "random",
        /// successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943): all candidates are trained for `first_epochs`, one
        /// of `eta` goes on with `eta` times as many, until `transfer.epochs` are reached
        Halving = "halving",
    }
}

table! {
    /// `ecgraft search` draws settings, trains one trial with each, and tells the best on the validation folds. Test folds
    /// are not looked at: nothing that it trains is tested.
    pub struct Search {
        /// What is varied: ways of keys, as in `variants`, to lists of values, or to ranges such as
        /// `{ from = 1e-4, to = 1e-2, scale = "log" }`, which are of whole numbers where both ends are.
        pub over: BTreeMap<String, Choices> = {} in Type::Named(&Type::Choices);
        /// How the budget is spent.
        pub method: SearchMethod = "random";
        /// Candidates that are drawn; at most so many as lists have combinations.
        pub trials: usize = 20 in count(1.0, 100_000.0);
        /// Seed of the draws.
        pub seed: u64 = 0 in SEED;
        /// Seeds that each candidate is trained with: the mean over them counts.
        pub seeds: Vec<u64> = [0] in list_of(&SEED, 1);
        /// The metric on the validation folds that is to be best.
        pub metric: String = "macro_auc";
        /// With `halving`: of so many candidates one goes on, for so many times the epochs.
        pub eta: usize = 3 in count(2.0, 100.0);
        /// With `halving`: epochs of the transfer in the first round.
        pub first_epochs: usize = 3 in count(1.0, 1e6), unit "epochs";
        /// The trial: its mix.
        pub mix: Option<String> = none in Type::Name(Names::Mix), absent "the first of `trials.mix`", example "\"synthetic\"";
        /// The trial: its architecture.
        pub architecture: Option<String> = none in Type::Name(Names::Architecture), absent "the first of `trials.architecture`",
            example "\"cnn\"";
        /// The trial: its grafted networks; `[]` from scratch.
        pub from: Option<Vec<Donor>> = none in GRAFTED_OR_NONE, absent "the first of `trials.from`", example "[]";
        /// The trial: its freeze.
        pub freeze: Option<String> = none in Type::Name(Names::Freeze), absent "the first of `trials.freeze`", example "\"none\"";
        /// The trial: its share of the labels.
        pub label_fraction: Option<f64> = none in SHARE, absent "the first of `trials.label_fraction`", example "1.0";
    }
}

/// Values that a key is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choices {
    /// Any of these.
    Any(Vec<Value>),
    /// Any between these.
    Between {
        /// The least.
        from: f64,
        /// The largest.
        to: f64,
        /// Whether equal ratios are equally likely, rather than equal differences.
        log: bool,
        /// Whether they are whole numbers.
        whole: bool,
    },
}

impl Choices {
    /// From a manifest.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the key.
    pub(super) fn read(value: &DeValue<'_>) -> Result<Self, String> {
        match value {
            DeValue::Array(items) if items.is_empty() => Err("is an empty list; name the values to try".into()),
            DeValue::Array(items) => Ok(Choices::Any(items.iter().map(|item| json(item.get_ref())).collect())),
            DeValue::Table(table) => range(table),
            _ => Err("must be a list of values, or a range such as { from = 1e-4, to = 1e-2, scale = \"log\" }".into()),
        }
    }

    /// One of the values.
    pub fn draw(&self, random: &mut ChaCha8Rng) -> Value {
        match self {
            Choices::Any(values) => values[random.random_range(0..values.len())].clone(),
            Choices::Between { from, to, log, whole } => {
                let at: f64 = random.random();
                // The end itself is as likely as any other whole number.
                let (low, high) = if *whole { (*from, *to + 1.0) } else { (*from, *to) };
                let value = if *log { low * (high / low).powf(at) } else { low + (high - low) * at };
                match whole {
                    true => Value::from(value.floor().min(*to) as i64),
                    // Four digits say it, and can be written down.
                    false => Value::from(format!("{value:.3e}").parse::<f64>().unwrap_or(value).clamp(*from, *to)),
                }
            }
        }
    }

    /// How many values there are, where they can be counted.
    pub fn count(&self) -> Option<usize> {
        match self {
            Choices::Any(values) => Some(values.len()),
            Choices::Between { from, to, whole: true, .. } => Some((*to - *from) as usize + 1),
            Choices::Between { .. } => None,
        }
    }
}

fn range(table: &DeTable<'_>) -> Result<Choices, String> {
    let known = ["from", "to", "scale"];
    if let Some(key) = table.keys().map(|key| key.get_ref().as_ref()).find(|key| !known.contains(key)) {
        return Err(format!("has `{key}`; a range has `from`, `to` and `scale`"));
    }
    let end = |name: &str| match table.get(name).map(|value| json(value.get_ref())) {
        Some(Value::Number(number)) => Ok((number.as_f64().unwrap_or(f64::NAN), number.is_i64())),
        _ => Err(format!("needs the number `{name}`")),
    };
    let ((from, whole_from), (to, whole_to)) = (end("from")?, end("to")?);
    let log = match table.get("scale").map(|value| value.get_ref().as_str()) {
        None | Some(Some("linear")) => false,
        Some(Some("log")) => true,
        _ => return Err("has a `scale` that is neither \"linear\" nor \"log\"".into()),
    };
    if !(from < to && to.is_finite()) {
        return Err(format!("goes from {from} to {to}; `from` must be less"));
    }
    if log && from <= 0.0 {
        return Err(format!("begins at {from}; a range with scale = \"log\" begins above 0"));
    }
    Ok(Choices::Between { from, to, log, whole: whole_from && whole_to })
}

/// A value as JSON.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let of = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                (key.to_string(), json(value.get_ref()))
            };
            Value::Object(table.iter().map(of).collect())
        }
    }
}

/// A value as a manifest has it.
pub fn written(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => {
            let key = |key: &String| Value::from(key.as_str()).to_string();
            let pairs = table.iter().map(|(name, value)| format!("{} = {}", key(name), written(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) if number.is_f64() => format!("{:?}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}
