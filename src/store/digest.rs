//! A SHA-256 of everything that a stage found, so that no row of it changes, comes or goes without a trace.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Params};
use sha2::{Digest, Sha256};

/// What is hashed: tables, and their columns without the stage's id. Columns that are added later are not: checksums
/// that are stored already must stay true.
const HASHED: [(&str, &str); 8] = [
    ("epoch", "epoch, split, metric, value"),
    ("mix_part", "part, source, filter, from_epoch, until_epoch, offered, train, validation, test, patients"),
    ("mix_target", "part, position, target, known, mean, sd, lowest, highest"),
    ("regression_score", "target, split, records, mae, rmse, r2, pearson_r"),
    ("source_score", "target, split, source, records, mae, bias, sd, rmse, r2, pearson_r"),
    ("regression_prediction", "target, source, record_id, patient, truth, measured"),
    ("score", "split, metric, class, value"),
    ("prediction", "record_id, class, probability, label"),
];

/// The checksum of a stage's rows, in the order of their values.
pub(super) fn findings(connection: &Connection, stage: &str) -> rusqlite::Result<String> {
    let mut hash = Sha256::new();
    for (table, columns) in HASHED {
        hash.update(format!("{table} ({columns})\n"));
        let sql = format!("SELECT {columns} FROM {table} WHERE stage_id = ?1 ORDER BY {columns}");
        rows(connection, &sql, [stage], &mut hash)?;
    }
    medians(connection, stage, &mut hash)?;
    validation(connection, stage, &mut hash)?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What the medians of a stage's targets are worth; nothing where it is not there, as in stores that were written before it
/// was kept.
fn medians(connection: &Connection, stage: &str, hash: &mut Sha256) -> rusqlite::Result<()> {
    let is_there = "SELECT EXISTS (SELECT 1 FROM median_score WHERE stage_id = ?1)";
    if !connection.prepare_cached(is_there)?.query_row([stage], |row| row.get(0))? {
        return Ok(());
    }
    hash.update("median_score\n");
    let all = "SELECT target, split, unit, median, mae, rmse, r2, gain_low, gain_high FROM median_score
               WHERE stage_id = ?1 ORDER BY target, split";
    rows(connection, all, [stage], hash)
}

/// What a stage said of its validation records, and these; nothing where it is not there, as in stores that were written
/// before it was kept.
fn validation(connection: &Connection, stage: &str, hash: &mut Sha256) -> rusqlite::Result<()> {
    let ids = "SELECT validation_id, set_id FROM validation WHERE stage_id = ?1";
    let found = connection.prepare_cached(ids)?.query_row([stage], |row| Ok([row.get(0)?, row.get(1)?])).optional()?;
    let Some([validation_id, set_id]): Option<[i64; 2]> = found else { return Ok(()) };
    hash.update("validation\n");
    rows(connection, "SELECT classes FROM validation_set WHERE set_id = ?1", [set_id], hash)?;
    let records = "SELECT number, record_id, patient, labels FROM validation_record WHERE set_id = ?1 ORDER BY number";
    rows(connection, records, [set_id], hash)?;
    let said = "SELECT place, probability FROM validation_probability WHERE validation_id = ?1 ORDER BY place";
    rows(connection, said, [validation_id], hash)
}

/// Every cell of the rows of a statement.
fn rows(connection: &Connection, sql: &str, params: impl Params, hash: &mut Sha256) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached(sql)?;
    let count = select.column_count();
    let mut rows = select.query(params)?;
    while let Some(row) = rows.next()? {
        for column in 0..count {
            cell(hash, row.get_ref(column)?);
        }
    }
    Ok(())
}

/// Type, length and bits, so that no two rows look alike.
fn cell(hash: &mut Sha256, value: ValueRef<'_>) {
    let (kind, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (b'n', &[]),
        ValueRef::Integer(number) => (b'i', &number.to_le_bytes()),
        ValueRef::Real(number) => (b'r', &number.to_bits().to_le_bytes()),
        ValueRef::Text(bytes) => (b't', bytes),
        ValueRef::Blob(bytes) => (b'b', bytes),
    };
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}
