//! How well a target was measured within each source of a mix: a mean over sources that differ says little of any.

use std::collections::BTreeMap;

use super::{MeasuredValue, SourceScore};
use crate::data::Subset;
use crate::metrics::{bias, regression};
use crate::statistics::Spread;
use crate::{Error, Result};

/// A target and a source.
type Group<'a> = (&'static str, &'a str);

/// The scores of each target within each source, by target and source.
///
/// # Errors
/// Where a value is not finite.
pub fn by_source(split: Subset, values: &[MeasuredValue]) -> Result<Vec<SourceScore>> {
    let mut groups: BTreeMap<Group<'_>, Vec<&MeasuredValue>> = BTreeMap::new();
    for value in values {
        groups.entry((value.target, &value.source)).or_default().push(value);
    }
    let score = |((target, source), values): (Group<'_>, Vec<&MeasuredValue>)| {
        let (truth, measured): (Vec<f64>, Vec<f64>) = values.iter().map(|value| (value.truth, value.measured)).unzip();
        let metrics =
            regression(&truth, &measured).map_err(|why| Error::user(format!("{target} of {source}: {why}")))?;
        let records = truth.len();
        let none = || Error::internal("a source without records was scored");
        let Spread { mean: bias, sd, .. } = bias(&truth, &measured).ok_or_else(none)?;
        Ok(SourceScore { target, split, source: source.to_owned(), records, bias, sd, metrics })
    };
    groups.into_iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_kept_apart() {
        let value = |source: &str, truth: f64, measured: f64| MeasuredValue {
            target: "pr",
            source: source.into(),
            record_id: String::new(),
            patient: String::new(),
            truth,
            measured,
        };
        // Within each source measured values say nothing; over both they seem to.
        let values = [
            value("real", 190.0, 197.0),
            value("real", 200.0, 195.0),
            value("simulated", 150.0, 162.0),
            value("real", 195.0, 196.0),
            value("simulated", 160.0, 158.0),
        ];
        let scores = by_source(Subset::Test, &values).unwrap();
        assert_eq!(
            scores.iter().map(|score| (&*score.source, score.records)).collect::<Vec<_>>(),
            [("real", 3), ("simulated", 2)]
        );
        // Errors 7, -5, 1: mean 1, squares about it 36 + 36 + 0.
        let real = &scores[0];
        assert!((real.bias - 1.0).abs() < 1e-12 && (real.sd.unwrap() - 6.0).abs() < 1e-12);
        assert!((real.metrics.mae - 13.0 / 3.0).abs() < 1e-12);
        // 1 - (49 + 25 + 1) / (25 + 25 + 0)
        assert!((real.metrics.r2.unwrap() + 0.5).abs() < 1e-12);
        // Errors 12 and -2.
        assert!((scores[1].bias - 5.0).abs() < 1e-12 && (scores[1].sd.unwrap() - 98f64.sqrt()).abs() < 1e-12);
        assert_eq!(by_source(Subset::Test, &values[..1]).unwrap()[0].sd, None);
    }
}
