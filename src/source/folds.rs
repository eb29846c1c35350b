//! Folds of records that come without.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::Record;

/// Folds there are.
const FOLDS: usize = 10;

/// Gives each of `records` one of ten folds, those of a patient one and the same: patients in the order of the SHA-256 of seed
/// and name are dealt in turn, so that folds have equally many patients, whatever the order of the table.
pub(super) fn deal(records: &mut [Record], seed: u64) {
    let hash = |patient: &str| {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(patient);
        <[u8; 32]>::from(hash.finalize())
    };
    let patients: BTreeSet<&str> = records.iter().map(|record| record.patient.as_str()).collect();
    let order: BTreeSet<([u8; 32], &str)> = patients.into_iter().map(|patient| (hash(patient), patient)).collect();
    let fold = |(place, (_, patient)): (usize, ([u8; 32], &str))| (patient.to_owned(), (place % FOLDS) as u8 + 1);
    let folds: HashMap<String, u8> = order.into_iter().enumerate().map(fold).collect();
    for record in records {
        record.fold = folds.get(&record.patient).copied();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folds(patients: &[usize], seed: u64) -> Vec<u8> {
        let record = |patient: &usize| Record { patient: patient.to_string(), ..Record::default() };
        let mut records: Vec<Record> = patients.iter().map(record).collect();
        deal(&mut records, seed);
        records.iter().filter_map(|record| record.fold).collect()
    }

    #[test]
    fn a_patient_has_one_fold_whatever_the_order_and_folds_are_of_one_size() {
        let patients: Vec<usize> = (0..200).map(|record| record % 50).collect();
        let dealt = folds(&patients, 0);
        for fold in 1..=10 {
            assert_eq!(dealt.iter().filter(|own| **own == fold).count(), 20);
        }
        assert!((0..150).all(|record| dealt[record] == dealt[record + 50]));
        let reversed: Vec<usize> = patients.iter().rev().copied().collect();
        let mut again = folds(&reversed, 0);
        again.reverse();
        assert_eq!(again, dealt);
        assert_ne!(folds(&patients, 1), dealt);
    }
}
