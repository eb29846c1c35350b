//! What a stage found, into the store's tables.

use rusqlite::{Connection, params};

use super::{Outcome, members, validation};
use crate::data::{Record, Subset};
use crate::ecg::Sex;
use crate::outcome::RegressionScore;

/// What [`Store::finish`] fills, and [`Store::forget`] empties.
pub(super) const TABLES_OF_FINDINGS: [&str; 11] = [
    "epoch",
    "mix_part",
    "mix_target",
    "regression_score",
    "median_score",
    "source_score",
    "regression_prediction",
    "score",
    "prediction",
    "validation",
    "stage_set",
];

/// Writes all that stage `id` found.
pub(super) fn write(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    epochs(connection, id, outcome)?;
    composition(connection, id, outcome)?;
    outcome.members.iter().try_for_each(|who| members::write(connection, id, who))?;
    regression_scores(connection, id, outcome)?;
    source_scores(connection, id, outcome)?;
    regression_predictions(connection, id, outcome)?;
    scores(connection, id, outcome)?;
    predictions(connection, id, outcome)?;
    facts(connection, id, outcome)?;
    validation::write(connection, id, outcome)
}

fn epochs(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare("INSERT INTO epoch (stage_id, epoch, split, metric, value) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for value in &outcome.epochs {
        insert.execute(params![id, value.epoch as i64, value.split, value.metric, value.value])?;
    }
    Ok(())
}

fn regression_scores(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO regression_score (stage_id, target, split, records, mae, rmse, r2, pearson_r) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for score in &outcome.regression {
        let metrics = &score.metrics;
        insert.execute(params![
            id,
            score.target,
            score.split,
            score.records as i64,
            metrics.mae,
            metrics.rmse,
            metrics.r2,
            metrics.pearson_r
        ])?;
    }
    let mut insert = connection.prepare(
        "INSERT INTO median_score (stage_id, target, split, unit, median, mae, rmse, r2, gain_low, gain_high)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for RegressionScore { target, unit, split, of_median: own, .. } in &outcome.regression {
        let (low, high) = own.gain.unzip();
        insert.execute(params![id, target, split, unit, own.median, own.mae, own.rmse, own.r2, low, high])?;
    }
    Ok(())
}

fn source_scores(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO source_score (stage_id, target, split, source, records, mae, bias, sd, rmse, r2, pearson_r)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for score in &outcome.by_source {
        let metrics = &score.metrics;
        insert.execute(params![
            id,
            score.target,
            score.split,
            score.source,
            score.records as i64,
            metrics.mae,
            score.bias,
            score.sd,
            metrics.rmse,
            metrics.r2,
            metrics.pearson_r
        ])?;
    }
    Ok(())
}

fn regression_predictions(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO regression_prediction (stage_id, target, source, record_id, patient, truth, measured)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for value in &outcome.measured {
        insert.execute(params![
            id,
            value.target,
            value.source,
            value.record_id,
            value.patient,
            value.truth,
            value.measured
        ])?;
    }
    Ok(())
}

fn scores(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare("INSERT INTO score (stage_id, split, metric, class, value) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for score in &outcome.scores {
        insert.execute(params![id, score.split, score.metric, score.class.unwrap_or(""), score.value])?;
    }
    Ok(())
}

fn predictions(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO prediction (stage_id, record_id, class, probability, label) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut whose = connection.prepare(
        "INSERT OR IGNORE INTO patient (data_fingerprint, record_id, patient)
         SELECT data_fingerprint, ?2, ?3 FROM stage WHERE stage_id = ?1",
    )?;
    let mut last = None;
    for prediction in &outcome.predictions {
        if last.replace(&prediction.record_id) != Some(&prediction.record_id) {
            whose.execute(params![id, prediction.record_id, prediction.patient])?;
        }
        insert.execute(params![
            id,
            prediction.record_id,
            prediction.class,
            f64::from(prediction.probability),
            prediction.label
        ])?;
    }
    Ok(())
}

/// What is known of those whose records a classifier was tested on.
fn facts(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let Some(members) = outcome.members.as_ref().filter(|_| !outcome.predictions.is_empty()) else { return Ok(()) };
    let mut update = connection.prepare(
        "UPDATE patient SET sex = ?3, age = ?4, site = ?5
         WHERE record_id = ?2 AND data_fingerprint = (SELECT data_fingerprint FROM stage WHERE stage_id = ?1)",
    )?;
    for pick in &members.picks[Subset::Test as usize] {
        let record = members.datasets.get(&*pick.source).and_then(|dataset| dataset.records.get(pick.record));
        let Some(Record { id: record_id, sex, age, labels, .. }) = record else { continue };
        let site = labels.iter().find(|label| label.vocabulary().name() == SITE).map(|label| label.name());
        update.execute(params![id, record_id, sex.map(Sex::name), age.map(f64::from), site])?;
    }
    Ok(())
}

/// The vocabulary of sites, which a table's column of them is read as.
const SITE: &str = "site";

fn composition(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO mix_part (stage_id, part, source, filter, from_epoch, until_epoch, offered, train, validation, test, patients)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut insert_target = connection.prepare(
        "INSERT INTO mix_target (stage_id, part, position, target, known, mean, sd, lowest, highest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (number, part) in (1_i64..).zip(&outcome.composition) {
        let [train, validation, test] = part.records.map(|records| records as i64);
        insert.execute(params![
            id,
            number,
            part.source,
            part.filter,
            *part.epochs.start() as i64,
            i64::try_from(*part.epochs.end()).ok().filter(|until| *until < i64::MAX),
            part.offered as i64,
            train,
            validation,
            test,
            part.patients as i64
        ])?;
        for (position, of) in part.targets.iter().enumerate() {
            let [lowest, highest] = of.range.map_or([None; 2], |range| range.map(Some));
            insert_target.execute(params![
                id,
                number,
                position as i64,
                of.target.name(),
                of.known as i64,
                of.mean,
                of.sd,
                lowest,
                highest
            ])?;
        }
    }
    Ok(())
}
