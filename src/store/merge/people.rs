//! Whose the tested records are.

use std::collections::HashSet;

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::copy::{Rows, text};

/// The people of the data of one fingerprint.
#[derive(Clone, Debug)]
pub(super) struct People {
    rows: Rows,
    /// Equal rows have equal ones.
    digest: [u8; 32],
}

impl People {
    pub(super) fn read(connection: &Connection, fingerprint: &str) -> rusqlite::Result<Self> {
        let rows = Rows::read(connection, "patient", "data_fingerprint = ?1", [fingerprint])?;
        let mut hash = Sha256::new();
        hash.update(fingerprint);
        for row in rows.cells(COLUMNS) {
            hash.update(format!("{row:?}"));
        }
        Ok(Self { rows, digest: hash.finalize().into() })
    }

    /// Writes who is not known yet, and what is not known of the others, if that was not done already. The record of
    /// somebody else here, if there is one.
    pub(super) fn write(
        &self,
        connection: &Connection,
        written: &mut HashSet<[u8; 32]>,
    ) -> rusqlite::Result<Option<String>> {
        if written.contains(&self.digest) {
            return Ok(None);
        }
        let mut upsert = connection.prepare_cached(
            "INSERT INTO patient (data_fingerprint, record_id, patient, sex, age, site) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET sex = coalesce(sex, excluded.sex), age = coalesce(age, excluded.age),
                                       site = coalesce(site, excluded.site)
             WHERE patient.patient = excluded.patient",
        )?;
        for [fingerprint, record, patient, sex, age, site] in self.rows.cells(COLUMNS) {
            if upsert.execute(params![fingerprint, record, patient, sex, age, site])? == 0 {
                return Ok(Some(record.and_then(|record: &Value| text(record)).unwrap_or_default().to_owned()));
            }
        }
        written.insert(self.digest);
        Ok(None)
    }
}

const COLUMNS: [&str; 6] = ["data_fingerprint", "record_id", "patient", "sex", "age", "site"];
