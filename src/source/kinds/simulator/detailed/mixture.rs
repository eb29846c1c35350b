//! Which records have which conditions.

use std::collections::BTreeMap;

use super::Condition;
use crate::declare::hint;

/// How far from 1 shares may be together.
const ROUNDING: f64 = 1e-6;

/// Conditions that a record has together, each with the share of records that have them.
#[derive(Clone, Debug)]
pub(in super::super) struct Mixture(Vec<(Vec<Condition>, f64)>);

impl Mixture {
    /// Of a manifest's `conditions`; what is not understood is left out. Without any every record is normal.
    pub fn of(conditions: &BTreeMap<String, f64>) -> Self {
        let parts = conditions.iter().filter_map(|(codes, share)| Some((parse(codes).ok()?, *share)));
        Self(parts.collect())
    }

    /// What is wrong with `conditions`: the name, unless it is of all together, and why.
    pub fn faults(conditions: &BTreeMap<String, f64>) -> Vec<(Option<String>, String)> {
        let wrong = conditions.keys().filter_map(|codes| Some((Some(codes.clone()), parse(codes).err()?)));
        let mut faults: Vec<_> = wrong.collect();
        let total: f64 = conditions.values().sum();
        if faults.is_empty() && !conditions.is_empty() && (total - 1.0).abs() > ROUNDING {
            let total = (total / ROUNDING).round() * ROUNDING;
            faults.push((None, format!("the shares of `conditions` are {} together; they must be 1", short(total))));
        }
        faults
    }

    /// The conditions at `place`, from 0 to 1, of all records.
    pub fn at(&self, place: f64) -> &[Condition] {
        let mut below = 0.0;
        let found = self.0.iter().find(|(_, share)| {
            below += share;
            place < below
        });
        found.or(self.0.last()).map_or(&[Condition::Normal], |(conditions, _)| conditions)
    }
}

/// A number with at most six places after the point.
fn short(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The conditions that `codes` name: one, or several with `+` between.
fn parse(codes: &str) -> Result<Vec<Condition>, String> {
    let mut conditions: Vec<Condition> = Vec::new();
    for code in codes.split('+').map(str::trim) {
        let condition = Condition::with_code(code)
            .ok_or_else(|| format!("unknown condition `{code}`{}", hint(code, Condition::ALL.map(Condition::code))))?;
        if let Some(other) = conditions.iter().find(|other| other.excludes(condition)) {
            return Err(match *other == condition {
                true => format!("`{code}` comes twice in `{codes}`"),
                false => format!("no record is both {} and {code}", other.code()),
            });
        }
        conditions.push(condition);
    }
    Ok(conditions)
}
