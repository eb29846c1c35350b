//! Runs and stages in MLflow's words.

use serde_json::Value;

use super::database::{MlflowMetric, MlflowRun, MlflowStatus};
use crate::seed;
use crate::store::{StageRow, StageStatus};

/// What runs and stages have in common. Settings that `own` has already are left out.
pub(super) fn entry(
    key: &str,
    experiment: &str,
    name: String,
    stage: &StageRow,
    own: &[(&str, Option<String>)],
) -> MlflowRun {
    let own = own.iter().filter_map(|(key, value)| Some(((*key).to_owned(), value.clone()?)));
    let mut params: Vec<(String, String)> = own.collect();
    if let Ok(settings) = serde_json::from_str(&stage.settings) {
        let mut all = Vec::new();
        flatten("", &settings, &mut all);
        all.retain(|(key, _)| !key.starts_with("grafts") && !params.iter().any(|(known, _)| known == key));
        params.extend(all);
    }
    let kind = stage.kind.to_string();
    let tags = [
        ("mlflow.runName", Some(&name)),
        ("ecgraft.kind", Some(&kind)),
        ("ecgraft.stage_id", Some(&stage.stage_id)),
        ("ecgraft.data_fingerprint", Some(&stage.data_fingerprint)),
        ("ecgraft.version", stage.version.as_ref()),
        ("ecgraft.device", stage.device.as_ref()),
        ("ecgraft.checkpoint", stage.checkpoint.as_ref()),
        ("ecgraft.error", stage.error.as_ref()),
    ];
    let tags = tags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.clone())));
    let best =
        stage.best_epoch.map(|epoch| MlflowMetric { key: "best_epoch/epoch".into(), step: 0, value: epoch as f64 });
    let wall = stage.wall_s.map(|value| MlflowMetric { key: "wall_s".into(), step: 0, value });
    MlflowRun {
        id: id(key, experiment),
        tags: tags.collect(),
        name,
        status: status(stage.status),
        started_at: milliseconds(stage.started_at.as_deref()),
        ended_at: milliseconds(stage.finished_at.as_deref()),
        artifacts: String::new(),
        params,
        metrics: best.into_iter().chain(wall).collect(),
    }
}

/// MLflow's id of a run or stage: it begins with ours. A stage that two experiments share is in both.
pub(super) fn id(key: &str, experiment: &str) -> String {
    let all = format!("{key}{}", seed::sha256_hex(experiment.as_bytes()));
    all.chars().take(32).collect()
}

pub(super) fn status(status: StageStatus) -> MlflowStatus {
    match status {
        StageStatus::Pending => MlflowStatus::Scheduled,
        StageStatus::Running => MlflowStatus::Running,
        StageStatus::Done => MlflowStatus::Finished,
        StageStatus::Failed => MlflowStatus::Failed,
    }
}

/// `transfer.optimizer.lr` and so on; lists of plain values are one setting.
fn flatten(prefix: &str, value: &Value, into: &mut Vec<(String, String)>) {
    let at = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| flatten(&at(key), value, into)),
        Value::Array(list) if list.iter().any(|value| value.is_object() || value.is_array()) => {
            list.iter().enumerate().for_each(|(index, value)| flatten(&at(&index.to_string()), value, into));
        }
        Value::Null => {}
        Value::String(text) => into.push((prefix.to_owned(), text.clone())),
        other => into.push((prefix.to_owned(), other.to_string())),
    }
}

pub(super) fn pretty(stage: &StageRow) -> String {
    let settings: Option<Value> = serde_json::from_str(&stage.settings).ok();
    settings.and_then(|settings| serde_json::to_string_pretty(&settings).ok()).unwrap_or_else(|| stage.settings.clone())
}

/// Since 1970, UTC.
pub(super) fn milliseconds(time: Option<&str>) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(time?).ok().map(|time| time.timestamp_millis())
}
