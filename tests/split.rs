//! Who trains, who validates, who tests.

mod example;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ecgraft::data::{Dataset, Datasets, Pick, Record, Shares, Split, Wanted, mix_split, transfer_split};
use ecgraft::manifest::*;

/// `count` records of patients of `per_patient` records each; folds go round by patient, classes too;
/// every tenth record has no QRS.
fn dataset(source: &str, count: usize, per_patient: usize) -> Arc<Dataset> {
    let record = |index: usize| {
        let patient = index / per_patient;
        let mut classes = [false; 5];
        classes[patient / 10 % 5] = true;
        classes[2] |= patient.is_multiple_of(7);
        Record {
            id: index.to_string(),
            patient: format!("p{patient}"),
            fold: Some((patient % 10 + 1) as u8),
            targets: [Some(70.0), Some(160.0), Some(400.0), (!index.is_multiple_of(10)).then_some(90.0)],
            classes,
        }
    };
    Arc::new(Dataset {
        source: source.into(),
        fingerprint: format!("content of {source}"),
        records: (0..count).map(record).collect(),
        leads: 1,
        length: 1,
        signals: vec![0.0; count],
        notes: vec![],
    })
}

fn datasets(of: &[(&str, usize, usize)]) -> Datasets {
    of.iter().map(|&(name, count, per_patient)| (name.to_owned(), dataset(name, count, per_patient))).collect()
}

/// Source, share, folds.
type Part<'a> = (&'a str, Option<f64>, Option<Vec<u8>>);

fn mix(records: Option<usize>, parts: &[Part<'_>]) -> Mix {
    let parts = parts.iter().map(|(source, share, folds)| MixPart {
        source: (*source).into(),
        share: *share,
        folds: folds.clone(),
    });
    Mix { records, parts: parts.collect() }
}

const SHARES: Shares = Shares { validation: 0.1, test: 0.1 };

fn regress(mix: &Mix, target: Target, datasets: &Datasets, seed: u64) -> ecgraft::Result<Split> {
    let manifest = example::manifest("m");
    mix_split("half", mix, Wanted::Targets(&[target]), SHARES, &manifest.transfer, datasets, seed)
}

fn transfer(datasets: &Datasets, fraction: f64, seed: u64) -> Split {
    let transfer = Transfer { labels: Labels::Multi, ..example::manifest("m").transfer };
    transfer_split(&transfer, datasets, fraction, seed).unwrap()
}

fn patients(datasets: &Datasets, picks: &[Pick]) -> BTreeSet<(String, String)> {
    picks
        .iter()
        .map(|pick| (pick.source.to_string(), datasets[&*pick.source].records[pick.record].patient.clone()))
        .collect()
}

fn count(picks: &[Pick], source: &str) -> usize {
    picks.iter().filter(|pick| &*pick.source == source).count()
}

fn all(split: &Split) -> Vec<Pick> {
    [&split.train[..], &split.validation, &split.test].concat()
}

#[test]
fn shares_are_exact_and_patients_stay_together() {
    let data = datasets(&[("simulated", 500, 1), ("ptbxl", 1000, 3)]);
    let half = mix(Some(301), &[("simulated", Some(0.5), None), ("ptbxl", Some(0.5), Some(vec![1, 2, 3]))]);
    let split = regress(&half, Target::Hr, &data, 4).unwrap();
    let chosen = all(&split);
    // 150.5 and 150.5: the odd one goes to the first of equal remainders.
    assert_eq!((count(&chosen, "simulated"), count(&chosen, "ptbxl")), (151, 150));
    assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), 301, "no record twice");
    for pick in chosen.iter().filter(|pick| &*pick.source == "ptbxl") {
        assert!(data["ptbxl"].records[pick.record].fold.unwrap() <= 3);
    }
    let [train, validation, test] = [&split.train, &split.validation, &split.test].map(|picks| patients(&data, picks));
    assert!(train.is_disjoint(&validation) && train.is_disjoint(&test) && validation.is_disjoint(&test));
    // A tenth each, to the nearest patient (of three records).
    assert!((29..=32).contains(&split.validation.len()), "{}", split.validation.len());
    assert!((29..=32).contains(&split.test.len()), "{}", split.test.len());
}

#[test]
fn whoever_the_classifier_is_tested_on_trains_no_regression() {
    let data = datasets(&[("ptbxl", 600, 2)]);
    let split = regress(&mix(None, &[("ptbxl", None, None)]), Target::Qrs, &data, 0).unwrap();
    let transferred = transfer(&data, 1.0, 0);
    let held_out = patients(&data, &[transferred.validation, transferred.test].concat());
    assert!(patients(&data, &all(&split)).is_disjoint(&held_out));
    // 600 records, two of ten folds held out: 480; those with a number that ends in 0 have no QRS.
    let known = (0..600).filter(|index| index / 2 % 10 < 8 && index % 10 != 0).count();
    assert_eq!(all(&split).len(), known);
    let notes = split.notes.join("\n");
    assert!(notes.contains(&format!("{} records of ptbxl have no qrs", 480 - known)), "{notes}");
    assert!(
        notes.contains("120 records of ptbxl are left out because the classifier is validated or tested"),
        "{notes}"
    );
}

#[test]
fn a_patient_with_one_record_in_a_test_fold_is_held_out_whole() {
    let mut data = datasets(&[("ptbxl", 200, 2)]);
    let mut dataset = (*data["ptbxl"]).clone();
    dataset.records[1].fold = Some(10); // the other record of this patient is in fold 1
    data.insert("ptbxl".into(), Arc::new(dataset));
    let split = regress(&mix(None, &[("ptbxl", None, None)]), Target::Hr, &data, 0).unwrap();
    assert!(all(&split).iter().all(|pick| data["ptbxl"].records[pick.record].patient != "p0"));
    let split = transfer(&data, 1.0, 0);
    let who = |picks: &[Pick]| patients(&data, picks).contains(&("ptbxl".into(), "p0".into()));
    assert!(who(&split.test) && !who(&split.train) && !who(&split.validation));
    assert!(
        split.notes.iter().any(|note| note.contains("1 records of ptbxl are left out because their patient")),
        "{:?}",
        split.notes
    );
}

#[test]
fn more_than_there_is_and_nothing_at_all_are_told() {
    let data = datasets(&[("simulated", 50, 1), ("ptbxl", 100, 1)]);
    let greedy = mix(Some(200), &[("simulated", Some(0.5), None), ("ptbxl", Some(0.5), Some(vec![1, 2]))]);
    let error = regress(&greedy, Target::Qrs, &data, 0).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error.message.contains("mix half: it asks for 100 records of simulated and there are 45 with a known qrs"),
        "{error}"
    );
    let none = mix(None, &[("ptbxl", None, Some(vec![9]))]);
    assert!(regress(&none, Target::Hr, &data, 0).unwrap_err().message.contains("too few"));
    let mut transfer = example::manifest("m").transfer;
    transfer.labels = Labels::Multi;
    let ten = datasets(&[("ptbxl", 9, 1)]); // patients 0 to 8: folds 1 to 9
    let error = transfer_split(&transfer, &ten, 1.0, 0).unwrap_err();
    assert!(
        error.message.contains("transfer.test_folds: no record of ptbxl") && error.message.contains("in fold 10"),
        "{error}"
    );
}

#[test]
fn shares_without_a_total_take_as_many_as_they_can() {
    let data = datasets(&[("simulated", 50, 1), ("ptbxl", 100, 1)]);
    let split =
        regress(&mix(None, &[("simulated", Some(0.75), None), ("ptbxl", Some(0.25), None)]), Target::Hr, &data, 0)
            .unwrap();
    // 0.75 N <= 50: N is 66 or, with the remainder's help, 67 (50.25 and 16.75: 50 and 17).
    assert_eq!((count(&all(&split), "simulated"), count(&all(&split), "ptbxl")), (50, 17));
    // Without shares: in proportion to what there is (ptbxl: 80 are not held out).
    let split =
        regress(&mix(Some(13), &[("simulated", None, None), ("ptbxl", None, None)]), Target::Hr, &data, 0).unwrap();
    assert_eq!((count(&all(&split), "simulated"), count(&all(&split), "ptbxl")), (5, 8));
}

#[test]
fn fractions_are_nested_by_patient_and_stratified() {
    let data = datasets(&[("ptbxl", 2000, 2)]);
    let whole = transfer(&data, 1.0, 3);
    assert_eq!((whole.train.len(), whole.validation.len(), whole.test.len()), (1600, 200, 200));
    let mut larger: BTreeSet<Pick> = whole.train.iter().cloned().collect();
    let shares = |picks: &[Pick]| -> BTreeMap<usize, f64> {
        let has = |class: usize| picks.iter().filter(|pick| data["ptbxl"].records[pick.record].classes[class]).count();
        (0..5).map(|class| (class, has(class) as f64 / picks.len() as f64)).collect()
    };
    for fraction in [0.5, 0.3, 0.1, 0.01] {
        let split = transfer(&data, fraction, 3);
        assert_eq!(
            (&split.validation, &split.test),
            (&whole.validation, &whole.test),
            "only training records are fewer"
        );
        assert_eq!(split.train.len() as f64, fraction * 1600.0);
        let smaller: BTreeSet<Pick> = split.train.iter().cloned().collect();
        assert!(smaller.is_subset(&larger), "{fraction}");
        for pick in &split.train {
            let twin = Pick { record: pick.record ^ 1, ..pick.clone() };
            assert!(smaller.contains(&twin), "both records of a patient or none");
        }
        if fraction >= 0.1 {
            for (class, share) in shares(&split.train) {
                assert!((share - shares(&whole.train)[&class]).abs() < 0.03, "class {class} at {fraction}: {share}");
            }
        }
        larger = smaller;
    }
    assert_eq!(transfer(&data, 0.1, 3).train, transfer(&data, 0.1, 3).train);
    assert_ne!(transfer(&data, 0.1, 3).train, transfer(&data, 0.1, 4).train, "another seed, other patients");
}

#[test]
fn single_labels_keep_records_of_exactly_one_class() {
    let data = datasets(&[("ptbxl", 1000, 1)]);
    let transfer = Transfer { labels: Labels::Single, ..example::manifest("m").transfer };
    let split = transfer_split(&transfer, &data, 1.0, 0).unwrap();
    for pick in all(&split) {
        assert_eq!(data["ptbxl"].records[pick.record].classes.iter().filter(|has| **has).count(), 1);
    }
    let several =
        data["ptbxl"].records.iter().filter(|record| record.classes.iter().filter(|has| **has).count() > 1).count();
    assert!(
        split
            .notes
            .iter()
            .any(|note| note.contains(&format!("{several} of 1000 records of ptbxl have not exactly one class")))
    );
}

#[test]
fn classifiers_that_are_grafted_see_the_classes_of_their_mix_and_nobody_held_out() {
    let data = datasets(&[("ptbxl", 300, 2)]);
    let transfer = example::manifest("m").transfer;
    let whole = mix(None, &[("ptbxl", None, None)]);
    let split = |labels| {
        let wanted = Wanted::Classes(&[Superclass::Norm, Superclass::Sttc], labels);
        mix_split("m", &whole, wanted, SHARES, &transfer, &data, 1).unwrap()
    };
    for labels in [Labels::Single, Labels::Multi] {
        let split = split(labels);
        assert!(!split.train.is_empty() && !split.test.is_empty());
        for pick in all(&split) {
            let record = &data["ptbxl"].records[pick.record];
            let classes = record.classes.iter().filter(|has| **has).count();
            assert!(record.has(Superclass::Norm) || record.has(Superclass::Sttc));
            assert!(labels == Labels::Multi || classes == 1);
            assert!(record.fold.unwrap() < 9, "folds 9 and 10 are the transfer's");
        }
    }
    assert!(split(Labels::Multi).train.len() > split(Labels::Single).train.len());
    // Of several targets one that is known is enough.
    let any = Wanted::Targets(&[Target::Hr, Target::Qrs]);
    let split = mix_split("m", &whole, any, SHARES, &transfer, &data, 1).unwrap();
    assert!(all(&split).iter().any(|pick| data["ptbxl"].records[pick.record].target(Target::Qrs).is_none()));
}
