//! The id of a stage again, from the settings that the store keeps of it.
//!
//! A stage's id is hashed from its manifest while a plan is expanded, and its settings are written for readers: two
//! accounts of one thing. Here is the way from the second back to the first. A plan is only written to the store where
//! they agree, so that whatever decides an id is in the settings, and an id can be proved for ever after.

use serde_json::Value;

use super::identity::{self, Common, Id};
use super::{NUMERIC_VERSION, Plan, Stage, TaskKind};
use crate::manifest::{BatchNormMode, Freeze, Fusion, Targets};
use crate::{Error, Result};

/// The id that stored settings stand for.
///
/// # Errors
/// What is missing or not understood, as the end of a sentence; also that the settings are of another numeric version,
/// whose way of making ids is not known here.
pub fn id_of_settings(settings: &Value) -> std::result::Result<String, String> {
    match settings["numeric_version"].as_u64() {
        Some(version) if version == u64::from(NUMERIC_VERSION) => {}
        Some(version) => {
            return Err(format!("they are of version {version} of the numbers, this is {NUMERIC_VERSION}"));
        }
        None => return Err("they have no numeric_version".into()),
    }
    let seed = settings["seed"].as_u64().ok_or("they have no seed")?;
    let common = Common::numeric()
        .value(part(settings, "signal")?)
        .value(part(settings, "compute")?)
        .value(&without_name(part(settings, "architecture")?));
    let id = match settings["kind"].as_str().and_then(|kind| kind.parse().ok()) {
        Some(TaskKind::Regression) => {
            let targets: Targets = serde_json::from_value(settings["target"].clone())
                .map_err(|error| format!("their target is not understood: {error}"))?;
            if targets.list().is_empty() {
                return Err("they have no target".into());
            }
            let regression = part(settings, "regression")?;
            let mix = mix(settings, &regression["epochs"])?;
            people(common.value(&mix).value(regression), settings).regression(&targets, seed)
        }
        Some(TaskKind::Classification) => {
            let classification = part(settings, "classification")?;
            let mix = mix(settings, &classification["training"]["epochs"])?;
            people(common.value(&mix).value(classification), settings).classification(seed)
        }
        Some(task @ (TaskKind::Masked | TaskKind::Contrastive)) => {
            let own = part(settings, task.name())?;
            let mix = mix(settings, &own["training"]["epochs"])?;
            people(common.value(&mix).value(own), settings).self_supervised(task, seed)
        }
        Some(TaskKind::Weights) => common.value(&without_name(part(settings, "weights")?)).weights(),
        Some(TaskKind::Transfer) => transfer(common, settings, seed)?,
        None => return Err("their kind is not known".into()),
    };
    Ok(identity::written(id))
}

/// The id of a run: of an experiment's trial, in a variant and with a test fold where it has them, whose transfer stage
/// has this id. `None` for what is no stage's id.
pub fn id_of_run(experiment: &str, variant: Option<&str>, fold: Option<u8>, stage_id: &str) -> Option<String> {
    Some(identity::written(identity::run_id(experiment, variant, fold, identity::read(stage_id)?)))
}

/// That the settings of a stage, as text, stand for its id.
///
/// # Errors
/// An internal error where they do not: something decides results that nobody could find out later.
pub(crate) fn check(plan: &Plan, stage: &Stage, settings: &str) -> Result<()> {
    let parsed = serde_json::from_str(settings).map_err(|error| error.to_string());
    let wrong = match parsed.and_then(|settings| id_of_settings(&settings)) {
        Ok(id) if id == stage.id => return Ok(()),
        Ok(id) => format!("they stand for {id}"),
        Err(why) => why,
    };
    let label = stage.describe(plan);
    Err(Error::internal(format!("the settings of stage {} ({label}) are not those of its id: {wrong}", stage.id)))
}

/// What is grafted, under which freeze, from how many labels.
fn transfer(common: Common, settings: &Value, seed: u64) -> std::result::Result<Id, String> {
    let mut transfer = part(settings, "transfer")?.clone();
    let fingerprint = transfer.as_object_mut().and_then(|object| object.remove("fingerprint"));
    transfer["source"] = fingerprint.ok_or("the transfer source has no fingerprint")?;
    let grafts = settings["grafts"].as_array().ok_or("they have no grafts")?;
    let graft = |graft: &Value| graft["stage_id"].as_str().and_then(identity::read);
    let inputs: Vec<Id> = grafts.iter().map(graft).collect::<Option<_>>().ok_or("a graft has no stage_id")?;
    let backbones = match settings.get("backbones") {
        None => 1,
        Some(count) => count.as_u64().and_then(|count| usize::try_from(count).ok()).ok_or("backbones is no number")?,
    };
    let fusion: Fusion = match settings.get("fusion") {
        None => Fusion::Concat,
        Some(word) => serde_json::from_value(word.clone()).map_err(|error| format!("their fusion: {error}"))?,
    };
    let freeze = match part(settings, "freeze") {
        Ok(freeze) => freeze_of(freeze),
        Err(_) => identity::freeze_digest(&Freeze::default()).map_err(|error| error.message)?,
    };
    let fraction = settings["label_fraction"].as_f64().ok_or("they have no label_fraction")?;
    let untested = settings.get("untested").is_some_and(|untested| *untested == Value::Bool(true));
    let common = people(common.value(&transfer), settings).untested(untested);
    Ok(common.transfer(&inputs, (backbones, fusion), freeze, fraction, seed))
}

/// As [`identity::freeze_digest`].
fn freeze_of(freeze: &Value) -> [u8; 32] {
    let mut freeze = without_name(freeze);
    if serde_json::from_value::<Freeze>(freeze.clone()).is_ok_and(|freeze| !freeze.freezes_any()) {
        freeze["batch_norm"] = serde_json::json!(BatchNormMode::default());
    }
    identity::digest(&freeze)
}

/// As [`identity::anonymous_mix`], for a stage of so many epochs.
fn mix(settings: &Value, epochs: &Value) -> std::result::Result<Value, String> {
    let epochs = epochs.as_u64().ok_or("they have no epochs")?;
    let mut mix = without_name(part(settings, "mix")?);
    for part in mix["parts"].as_array_mut().ok_or("their mix has no parts")? {
        let part = part.as_object_mut().ok_or("a part of their mix is no object")?;
        let fingerprint = part.remove("fingerprint").ok_or("a part of their mix has no fingerprint")?;
        part.insert("source".into(), fingerprint);
        if part.get("from_epoch").and_then(Value::as_u64).is_some_and(|from| from <= 1) {
            part.remove("from_epoch");
        }
        if part.get("until_epoch").and_then(Value::as_u64).is_some_and(|until| until >= epochs) {
            part.remove("until_epoch");
        }
    }
    Ok(mix)
}

/// With what decides who is who: nothing where nothing but the own data does.
fn people(common: Common, settings: &Value) -> Common {
    match settings.get("people").filter(|people| !people.is_null()) {
        Some(people) => common.value(people),
        None => common,
    }
}

fn part<'a>(settings: &'a Value, key: &str) -> std::result::Result<&'a Value, String> {
    settings.get(key).filter(|value| value.is_object()).ok_or_else(|| format!("they have no {key}"))
}

/// What is named in a manifest, without the name.
fn without_name(value: &Value) -> Value {
    let mut value = value.clone();
    value.as_object_mut().and_then(|object| object.remove("name"));
    value
}
