//! Errors of regressions again, from what was measured of each test record.

use std::collections::BTreeSet;

use super::Found;
use super::scores::{agree, shown};
use crate::Result;
use crate::data::Subset;
use crate::metrics::{MedianScore, RegressionMetrics, bias, regression};
use crate::store::{MeasuredRecord, MeasuredSource, MeasuredTarget, Store, StoredStage};

/// What is compared of one target, or of one source of it: name, stored and computed value.
type Compared = (&'static str, Option<f64>, Option<f64>);

/// Compares the test errors of a regression stage, over all and source by source, with those of what it measured.
pub(super) fn regressor(store: &Store, stage: &StoredStage, is_present: bool, found: &mut Found) -> Result<()> {
    let stored = store.test_errors(&stage.row.stage_id)?;
    let by_source = store.errors_by_source(&stage.row.stage_id)?;
    let values = store.measured_of(&stage.row.stage_id)?;
    found.measured += values.len();
    if values.is_empty() && !is_present {
        found.regressions_without_values += usize::from(!stored.is_empty());
        return Ok(());
    }
    for score in &stored {
        let own: Vec<&MeasuredRecord> = values.iter().filter(|value| value.target == score.target).collect();
        found.errors += compare(stage, &score.target, target_compared(score, &own), own.len(), found);
    }
    let is_stored = |value: &&MeasuredRecord| stored.iter().any(|score| score.target == value.target);
    if let Some(value) = values.iter().find(|value| !is_stored(value)) {
        let (id, target) = (&stage.row.stage_id, &value.target);
        found.disagree(format!("stage {id}: {target} was measured of test records, and no test score of it is stored"));
    }
    sources(stage, &by_source, &values, found);
    Ok(())
}

/// The same source by source; nothing of a stage that was trained before these were kept.
fn sources(stage: &StoredStage, stored: &[MeasuredSource], values: &[MeasuredRecord], found: &mut Found) {
    if stored.is_empty() {
        return;
    }
    let stored: Vec<&MeasuredSource> = stored.iter().filter(|score| score.split == Subset::Test).collect();
    for score in &stored {
        let MeasuredSource { target, source, .. } = score;
        let is_own = |value: &&MeasuredRecord| (&value.target, &value.source) == (target, source);
        let own: Vec<&MeasuredRecord> = values.iter().filter(is_own).collect();
        let what = format!("{target} within {source}");
        found.errors_by_source += compare(stage, &what, source_compared(score, &own), own.len(), found);
    }
    let measured: BTreeSet<(&str, &str)> = values.iter().map(|value| (&*value.target, &*value.source)).collect();
    let is_stored = |(target, source): &(&str, &str)| {
        stored.iter().any(|score| (&*score.target, &*score.source) == (*target, *source))
    };
    if let Some((target, source)) = measured.into_iter().find(|place| !is_stored(place)) {
        found.disagree(format!(
            "stage {}: {target} was measured of test records of {source}, and no test score of it is stored",
            stage.row.stage_id
        ));
    }
}

/// True and measured values.
fn columns(values: &[&MeasuredRecord]) -> (Vec<f64>, Vec<f64>) {
    values.iter().map(|value| (value.truth, value.measured)).unzip()
}

fn target_compared(score: &MeasuredTarget, values: &[&MeasuredRecord]) -> std::result::Result<Vec<Compared>, String> {
    let (truth, measured) = columns(values);
    let computed = regression(&truth, &measured)?;
    let &MeasuredTarget { mae, rmse, r2, pearson_r, .. } = score;
    let stored = RegressionMetrics { mae, rmse, r2, pearson_r };
    let mut compared = metrics(score.records, &stored, values.len(), &computed);
    if let Some(median) = score.median {
        let people: Vec<(&str, &str)> = values.iter().map(|value| (&*value.source, &*value.patient)).collect();
        let own = MedianScore::new(median, &truth, &measured, &people)?;
        let (low, high) = own.gain.unzip();
        compared.push(("mae of the median", score.median_mae, Some(own.mae)));
        compared.push(("rmse of the median", score.median_rmse, Some(own.rmse)));
        compared.push(("r2 of the median", score.median_r2, own.r2));
        compared.push(("gain over the median, low", score.gain_low, low));
        compared.push(("gain over the median, high", score.gain_high, high));
    }
    Ok(compared)
}

fn source_compared(score: &MeasuredSource, values: &[&MeasuredRecord]) -> std::result::Result<Vec<Compared>, String> {
    let (truth, measured) = columns(values);
    let computed = regression(&truth, &measured)?;
    let &MeasuredSource { mae, rmse, r2, pearson_r, .. } = score;
    let stored = RegressionMetrics { mae, rmse, r2, pearson_r };
    let mut compared = metrics(score.records, &stored, values.len(), &computed);
    let spread = bias(&truth, &measured);
    compared.push(("bias", Some(score.bias), spread.map(|spread| spread.mean)));
    compared.push(("sd", score.sd, spread.and_then(|spread| spread.sd)));
    Ok(compared)
}

fn metrics(stored_of: usize, stored: &RegressionMetrics, of: usize, computed: &RegressionMetrics) -> Vec<Compared> {
    let pairs = stored.by_name().into_iter().zip(computed.by_name());
    let records = ("records", Some(stored_of as f64), Some(of as f64));
    std::iter::once(records).chain(pairs.map(|((name, stored), (_, computed))| (name, stored, computed))).collect()
}

/// Compares what there is of `what`, numbers of so many records: how many agree.
fn compare(
    stage: &StoredStage,
    what: &str,
    compared: std::result::Result<Vec<Compared>, String>,
    records: usize,
    found: &mut Found,
) -> usize {
    let id = &stage.row.stage_id;
    let compared = match compared {
        Ok(compared) => compared,
        Err(why) => {
            found.disagree(format!("stage {id}: its test scores of {what} cannot be had from what it measured: {why}"));
            return 0;
        }
    };
    let mut agreeing = 0;
    for (metric, stored, computed) in compared {
        if agree(stored, computed, records) {
            agreeing += 1;
        } else {
            let (stored, computed) = (shown(stored), shown(computed));
            found.disagree(format!(
                "stage {id}: test {metric} of {what} is stored as {stored}, and {computed} from what it measured"
            ));
        }
    }
    agreeing
}
