//! A SHA-256 of everything that a stage found, so that no row of it changes, comes or goes without a trace.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
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
        let mut select = connection.prepare_cached(&sql)?;
        let count = select.column_count();
        let mut rows = select.query([stage])?;
        while let Some(row) = rows.next()? {
            (0..count).try_for_each(|column| {
                cell(&mut hash, row.get_ref(column)?);
                Ok::<_, rusqlite::Error>(())
            })?;
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
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
