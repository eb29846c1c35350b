//! Who trains, who validates, who tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ecgraft::data::{
    Dataset, Datasets, MixTask, Pick, Record, Recording, Shares, Split, Wanted, mix_split, transfer_split,
};
use ecgraft::ecg::{Sex, superclass};
use ecgraft::manifest::*;

/// The mix called `name` with the usual shares.
fn task<'a>(name: &'a str, mix: &'a Mix, wanted: Wanted<'a>, transfer: Option<&'a Transfer>) -> MixTask<'a> {
    MixTask { name, mix, wanted, shares: SHARES, transfer }
}

/// `count` records of patients of `per_patient` records each; folds go round by patient, classes too;
/// every tenth record has no QRS.
fn dataset(source: &str, count: usize, per_patient: usize) -> Arc<Dataset> {
    let record = |index: usize| {
        let patient = index / per_patient;
        let second = patient.is_multiple_of(7).then_some(superclass::STTC);
        let qrs = (!index.is_multiple_of(10)).then_some((Target::QRS, 90.0));
        Record {
            id: index.to_string(),
            patient: format!("p{patient}"),
            fold: Some((patient % 10 + 1) as u8),
            measurements: [(Target::HR, 70.0), (Target::PR, 160.0), (Target::QT, 400.0)]
                .into_iter()
                .chain(qrs)
                .collect(),
            labels: std::iter::once(superclass::ALL[patient / 10 % 5]).chain(second).collect(),
            ..Record::default()
        }
    };
    Arc::new(Dataset {
        source: source.into(),
        data_set: source.into(),
        fingerprint: format!("content of {source}"),
        records: (0..count).map(record).collect(),
        leads: 1,
        length: 1,
        signals: ecgraft::data::Signals::Memory(vec![0.0; count]),
        samples: vec![],
        notes: vec![],
        told: vec![],
        warnings: vec![],
        left_out: vec![],
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
        ..MixPart::default()
    });
    Mix { records, parts: parts.collect() }
}

const SHARES: Shares = Shares { validation: 0.1, test: 0.1, epochs: 20 };

fn regress(mix: &Mix, target: Target, datasets: &Datasets, seed: u64) -> ecgraft::Result<Split> {
    let manifest = crate::example::manifest("m");
    mix_split(&task("half", mix, Wanted::Targets(&[target]), Some(&manifest.transfer)), datasets, seed)
}

fn transfer(datasets: &Datasets, fraction: f64, seed: u64) -> Split {
    let transfer = Transfer { labels: Labels::Multi, ..crate::example::manifest("m").transfer };
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
    let split = regress(&half, Target::HR, &data, 4).unwrap();
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
    let split = regress(&mix(None, &[("ptbxl", None, None)]), Target::QRS, &data, 0).unwrap();
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
    let split = regress(&mix(None, &[("ptbxl", None, None)]), Target::HR, &data, 0).unwrap();
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
    let error = regress(&greedy, Target::QRS, &data, 0).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error.message.contains("mix half: it asks for 100 records of simulated and there are 45 with a known qrs"),
        "{error}"
    );
    let none = mix(None, &[("ptbxl", None, Some(vec![9]))]);
    let error = regress(&none, Target::HR, &data, 0).unwrap_err();
    assert_eq!(
        error.message,
        "mix half: part 1 (ptbxl: fold 9) leaves no record with a known hr; ptbxl has 10 records in fold 9: 10 are of \
         patients that validate or test the classifier; give it other `folds`"
    );
    let one = datasets(&[("simulated", 1, 1)]);
    let error = regress(&mix(None, &[("simulated", None, None)]), Target::HR, &one, 0).unwrap_err();
    assert!(error.message.contains("1 records with a known hr of 1 patients are too few"), "{error}");
    let mut transfer = crate::example::manifest("m").transfer;
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
        regress(&mix(None, &[("simulated", Some(0.75), None), ("ptbxl", Some(0.25), None)]), Target::HR, &data, 0)
            .unwrap();
    // 0.75 N <= 50: N is 66 or, with the remainder's help, 67 (50.25 and 16.75: 50 and 17).
    assert_eq!((count(&all(&split), "simulated"), count(&all(&split), "ptbxl")), (50, 17));
    // Without shares: in proportion to what there is (ptbxl: 80 are not held out).
    let split =
        regress(&mix(Some(13), &[("simulated", None, None), ("ptbxl", None, None)]), Target::HR, &data, 0).unwrap();
    assert_eq!((count(&all(&split), "simulated"), count(&all(&split), "ptbxl")), (5, 8));
}

#[test]
fn fractions_are_nested_by_patient_and_stratified() {
    let data = datasets(&[("ptbxl", 2000, 2)]);
    let whole = transfer(&data, 1.0, 3);
    assert_eq!((whole.train.len(), whole.validation.len(), whole.test.len()), (1600, 200, 200));
    let mut larger: BTreeSet<Pick> = whole.train.iter().cloned().collect();
    let shares = |picks: &[Pick]| -> BTreeMap<usize, f64> {
        let has = |class: usize| {
            picks.iter().filter(|pick| data["ptbxl"].records[pick.record].has(superclass::ALL[class])).count()
        };
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
    let transfer = Transfer { labels: Labels::Single, ..crate::example::manifest("m").transfer };
    let split = transfer_split(&transfer, &data, 1.0, 0).unwrap();
    for pick in all(&split) {
        assert_eq!(data["ptbxl"].records[pick.record].labels.iter().count(), 1);
    }
    let several = data["ptbxl"].records.iter().filter(|record| record.labels.iter().count() > 1).count();
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
    let transfer = crate::example::manifest("m").transfer;
    let whole = mix(None, &[("ptbxl", None, None)]);
    let classes = [superclass::NORM, superclass::STTC].map(Class::from);
    let split = |labels| {
        let wanted = Wanted::Classes(&classes, labels);
        mix_split(&task("m", &whole, wanted, Some(&transfer)), &data, 1).unwrap()
    };
    for labels in [Labels::Single, Labels::Multi] {
        let split = split(labels);
        assert!(!split.train.is_empty() && !split.test.is_empty());
        for pick in all(&split) {
            let record = &data["ptbxl"].records[pick.record];
            let classes = record.labels.iter().count();
            assert!(record.has(superclass::NORM) || record.has(superclass::STTC));
            assert!(labels == Labels::Multi || classes == 1);
            assert!(record.fold.unwrap() < 9, "folds 9 and 10 are the transfer's");
        }
    }
    assert!(split(Labels::Multi).train.len() > split(Labels::Single).train.len());
    // Of several targets one that is known is enough.
    let any = Wanted::Targets(&[Target::HR, Target::QRS]);
    let split = mix_split(&task("m", &whole, any, Some(&transfer)), &data, 1).unwrap();
    assert!(all(&split).iter().any(|pick| data["ptbxl"].records[pick.record].measurement(Target::QRS).is_none()));
}

/// `dataset`, but that heart rate is 50 + index, age 20 + patient, not known of every fifth patient.
fn varied(source: &str, count: usize, per_patient: usize) -> Arc<Dataset> {
    let mut varied = Dataset::clone(&dataset(source, count, per_patient));
    for (index, record) in varied.records.iter_mut().enumerate() {
        let patient = index / per_patient;
        record.measurements.set(Target::HR, Some(50.0 + index as f32));
        record.age = (!patient.is_multiple_of(5)).then_some(20.0 + patient as f32);
        record.sex = Some(if patient.is_multiple_of(2) { Sex::Male } else { Sex::Female });
    }
    Arc::new(varied)
}

fn with(source: &str, condition: &str) -> MixPart {
    MixPart { source: source.into(), condition: Some(Condition::parse(condition).unwrap()), ..MixPart::default() }
}

#[test]
fn a_condition_takes_what_fulfils_it_and_nothing_unknown() {
    let data = Datasets::from([("ptbxl".into(), varied("ptbxl", 200, 2))]);
    let records = &data["ptbxl"].records;
    let chosen = |condition: &str| -> BTreeSet<usize> {
        let mix = Mix { records: None, parts: vec![with("ptbxl", condition)] };
        all(&regress(&mix, Target::HR, &data, 3).unwrap()).iter().map(|pick| pick.record).collect()
    };
    // Folds 9 and 10 are the classifier's.
    let expected =
        |keep: &dyn Fn(usize) -> bool| (0..200).filter(|i| i / 2 % 10 < 8 && keep(*i)).collect::<BTreeSet<_>>();
    assert_eq!(chosen("hr < 100 and fold != 1"), expected(&|i| i < 50 && i / 2 % 10 != 0));
    assert_eq!(chosen("hr >= 100 or sex = 'female'"), expected(&|i| i >= 50 || i / 2 % 2 == 1));
    let aged = chosen("age < 60");
    assert_eq!(aged, expected(&|i| (i / 2) % 5 != 0 && i / 2 < 40));
    let others = chosen("not age < 60");
    assert_eq!(others, expected(&|i| (i / 2) % 5 != 0 && i / 2 >= 40));
    assert!(aged.iter().chain(&others).all(|&i| records[i].age.is_some()));
    assert_eq!(chosen("MI"), expected(&|i| records[i].has(superclass::MI)));

    let mix = Mix { records: None, parts: vec![with("ptbxl", "age < 60")] };
    let notes = regress(&mix, Target::HR, &data, 3).unwrap().notes.join("\n");
    // Patients 40 to 99 without every fifth; every fifth of 100.
    assert!(notes.contains("96 records of ptbxl do not fulfil age < 60"), "{notes}");
    assert!(
        notes.contains("40 records of ptbxl are left out because what `age < 60` asks is not known of them"),
        "{notes}"
    );
}

#[test]
fn a_limit_draws_at_random_and_smaller_ones_draw_a_part_of_it() {
    let data = datasets(&[("simulated", 300, 1), ("ptbxl", 100, 1)]);
    let chosen = |limit: Option<usize>, records: Option<usize>, seed: u64| -> BTreeSet<Pick> {
        let mut mix = mix(records, &[("simulated", None, None)]);
        mix.parts[0].max_records = limit;
        all(&regress(&mix, Target::HR, &data, seed).unwrap()).into_iter().collect()
    };
    let (fifty, twenty) = (chosen(Some(50), None, 1), chosen(Some(20), None, 1));
    assert_eq!((fifty.len(), twenty.len(), chosen(Some(1000), None, 1).len()), (50, 20, 300));
    assert!(twenty.is_subset(&fifty) && fifty != chosen(Some(50), None, 2));
    assert_eq!(chosen(Some(50), Some(20), 1), twenty, "as if there were no more");
    assert_eq!(chosen(None, Some(20), 1), twenty);

    // What a limit leaves is there for a later part; records of one patient stay on one side.
    let data = datasets(&[("ptbxl", 400, 4)]);
    let mut twice = mix(None, &[("ptbxl", None, None), ("ptbxl", None, None)]);
    twice.parts[0].max_records = Some(30);
    let split = regress(&twice, Target::HR, &data, 0).unwrap();
    let given: Vec<usize> = split.composition.iter().map(|part| part.records.iter().sum()).collect();
    assert_eq!(given, [30, 290], "80 of 400 are held out");
    let [train, validation, test] = [&split.train, &split.validation, &split.test].map(|picks| patients(&data, picks));
    assert!(train.is_disjoint(&validation) && train.is_disjoint(&test) && validation.is_disjoint(&test));
}

#[test]
fn what_two_parts_have_in_common_belongs_to_the_first() {
    let data = Datasets::from([("ptbxl".into(), varied("ptbxl", 200, 2))]);
    let parts = vec![with("ptbxl", "hr < 150"), with("ptbxl", "hr < 200"), with("ptbxl", "not hr < 200")];
    let split = regress(&Mix { records: None, parts }, Target::HR, &data, 0).unwrap();
    // Of 100, 50 and 50 records 20, 8 and 12 are of folds 9 and 10.
    let given: Vec<usize> = split.composition.iter().map(|part| part.records.iter().sum()).collect();
    assert_eq!(given, [80, 42, 38]);
    assert!(split.notes.iter().any(|note| note == "80 records of ptbxl are those of an earlier part of the mix"));
}

#[test]
fn the_composition_says_what_a_mix_is_made_of() {
    let data =
        Datasets::from([("simulated".into(), varied("simulated", 40, 1)), ("ptbxl".into(), varied("ptbxl", 200, 2))]);
    let mut mix = Mix { records: Some(40), parts: vec![with("ptbxl", "age>=40"), with("simulated", "hr<60")] };
    for (part, share) in mix.parts.iter_mut().zip([0.75, 0.25]) {
        part.share = Some(share);
    }
    mix.parts[0].folds = Some(vec![2, 3, 4]);
    mix.parts[0].max_records = Some(35);
    let split = regress(&mix, Target::HR, &data, 5).unwrap();
    let [real, simulated] = &split.composition[..] else { panic!("two parts") };
    assert_eq!((&*real.source, &*real.filter), ("ptbxl", "folds 2, 3, 4; age >= 40; at most 35"));
    assert_eq!((&*simulated.source, &*simulated.filter), ("simulated", "hr < 60"));
    assert_eq!((real.offered, simulated.offered), (35, 10));
    for part in [real, simulated] {
        let of = |picks: &[Pick]| count(picks, &part.source);
        assert_eq!(part.records, [of(&split.train), of(&split.validation), of(&split.test)]);
        let whose = patients(&data, &all(&split)).into_iter().filter(|(source, _)| *source == part.source).count();
        assert_eq!(part.patients, whose);
    }
    assert_eq!((real.records.iter().sum::<usize>(), simulated.records.iter().sum::<usize>()), (30, 10));
    // 50 to 59 bpm: mean 54.5, sum of squares (10^3 - 10) / 12 = 82.5, by 9.
    let [hr] = &simulated.targets[..] else { panic!("one target") };
    assert_eq!((hr.target, hr.known, hr.mean, hr.range), (Target::HR, 10, Some(54.5), Some([50.0, 59.0])));
    assert!((hr.sd.unwrap() - (82.5f64 / 9.0).sqrt()).abs() < 1e-12);

    // Of a network of several targets each is told; QRS is not known of every tenth record. A classifier has none.
    let whole = Mix { records: None, parts: vec![with("simulated", "hr < 60")] };
    let transfer = crate::example::manifest("m").transfer;
    let several = Wanted::Targets(&[Target::HR, Target::QRS]);
    let split = mix_split(&task("m", &whole, several, Some(&transfer)), &data, 0).unwrap();
    let known: Vec<_> = split.composition[0].targets.iter().map(|of| (of.target, of.known, of.sd)).collect();
    assert_eq!(known, [(Target::HR, 10, hr.sd), (Target::QRS, 9, Some(0.0))]);
    let whole = Mix { records: None, parts: vec![with("ptbxl", "fold < 5")] };
    let all = superclass::ALL.map(Class::from);
    let classes = Wanted::Classes(&all, Labels::Multi);
    let split = mix_split(&task("m", &whole, classes, Some(&transfer)), &data, 0).unwrap();
    assert_eq!((split.composition[0].records.iter().sum::<usize>(), &split.composition[0].targets[..]), (80, &[][..]));
}

#[test]
fn a_curriculum_gives_each_training_record_its_epochs() {
    let data = datasets(&[("simulated", 100, 1), ("ptbxl", 100, 1)]);
    let mut mix = mix(None, &[("simulated", None, None), ("ptbxl", None, None)]);
    let plain = regress(&mix, Target::HR, &data, 0).unwrap();
    assert!(plain.epochs.is_empty());
    (mix.parts[0].until_epoch, mix.parts[1].from_epoch) = (Some(5), Some(4));
    let split = regress(&mix, Target::HR, &data, 0).unwrap();
    assert_eq!((&split.train, &split.validation, &split.test), (&plain.train, &plain.validation, &plain.test));
    assert_eq!(split.epochs.len(), split.train.len());
    for (pick, epochs) in split.train.iter().zip(&split.epochs) {
        assert_eq!(*epochs, if &*pick.source == "simulated" { 1..=5 } else { 4..=usize::MAX });
    }

    // All of a small part validates: none is left to train in the first epochs.
    mix.parts[0].max_records = Some(1);
    let manifest = crate::example::manifest("m");
    let shares = Shares { validation: 0.9, test: 0.0, ..SHARES };
    let wanted = Wanted::Targets(&[Target::HR]);
    let error =
        mix_split(&MixTask { shares, ..task("half", &mix, wanted, Some(&manifest.transfer)) }, &data, 0).unwrap_err();
    assert!(
        error.message.contains("mix half: in epoch 1 part 1 (simulated: at most 1) trains on 0 of its records"),
        "{error}"
    );
}

#[test]
fn a_part_without_records_is_told_with_where_they_went() {
    let data =
        Datasets::from([("simulated".into(), varied("simulated", 50, 1)), ("ptbxl".into(), varied("ptbxl", 200, 2))]);
    let error = |mix: &Mix, target| {
        let error = regress(mix, target, &data, 0).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.message
    };
    let part = MixPart { folds: Some(vec![1, 6]), ..with("ptbxl", "age >= 20") };
    let none = Mix { records: None, parts: vec![with("simulated", "hr > 0"), part] };
    assert_eq!(
        error(&none, Target::HR),
        "mix half: part 2 (ptbxl: folds 1, 6; age >= 20) leaves no record with a known hr; ptbxl has 40 records in folds \
         1, 6: 40 have not what `where` asks; loosen its `where`"
    );
    let mut greedy =
        Mix { records: Some(100), parts: vec![with("simulated", "hr<70"), with("ptbxl", "NORM or not NORM")] };
    (greedy.parts[0].share, greedy.parts[1].share) = (Some(0.5), Some(0.5));
    assert_eq!(
        error(&greedy, Target::HR),
        "mix half: it asks for 50 records of simulated and there are 20 with a known hr where hr < 70; lower `records` \
         to 40 or the part's `share`, or loosen its `where`"
    );
    greedy.parts[0].max_records = Some(10);
    assert_eq!(
        error(&greedy, Target::HR),
        "mix half: it asks for 50 records of simulated and its `max_records` leaves 10 of those with a known hr \
         where hr < 70; lower `records` to 20 or the part's `share`, or raise its `max_records`, or loosen its `where`"
    );
}

#[test]
fn nobody_is_in_both_halves_of_the_sample() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifests = ecgraft::manifest::load(&[root.join("tests/manifests/mixes.toml")]).unwrap();
    let manifest = &manifests[0];
    let cache = std::env::temp_dir().join(format!("ecgraft-halves-{}", std::process::id()));
    let load = |name: &str| {
        let dataset = ecgraft::data::load(name, &*manifest.sources[name], &manifest.signal, &cache).unwrap();
        (name.to_owned(), Arc::new(dataset))
    };
    let data = Datasets::from([load("ptbxl"), load("simulated")]);
    let transferred = transfer_split(&manifest.transfer, &data, 1.0, 0).unwrap();
    let classifier = patients(&data, &all(&transferred));
    assert!(transferred.train.len() > 80);
    for mix in ["half-a", "simulated-first"] {
        let shares = Shares { epochs: manifest.regression.epochs, ..SHARES };
        let wanted = Wanted::Targets(&[Target::HR]);
        let split = mix_split(
            &MixTask { shares, ..task(mix, &manifest.mixes[mix], wanted, Some(&manifest.transfer)) },
            &data,
            0,
        )
        .unwrap();
        assert!(patients(&data, &all(&split)).is_disjoint(&classifier), "{mix}");
    }
    std::fs::remove_dir_all(cache).unwrap();
}

/// `dataset` of the data set `data_set`, whose records have recordings of their own.
fn recorded(data_set: &str, source: &str, count: usize, per_patient: usize) -> Dataset {
    let mut own = Dataset::clone(&dataset(source, count, per_patient));
    own.data_set = data_set.into();
    for (index, record) in own.records.iter_mut().enumerate() {
        record.recording = Some(recording(data_set, index));
    }
    own
}

fn recording(data_set: &str, index: usize) -> Recording {
    let mut hash = [data_set.len() as u8; 32];
    hash[..8].copy_from_slice(&(index as u64).to_be_bytes());
    Recording::new(hash)
}

fn together(of: Vec<Dataset>) -> Datasets {
    of.into_iter().map(|dataset| (dataset.source.clone(), Arc::new(dataset))).collect()
}

#[test]
fn whoever_is_held_out_is_so_under_any_source_name_and_id() {
    let whole = recorded("ptb-xl", "ptbxl", 200, 2);
    // Another source of the data set, of other content: an excerpt, a copy with a row less.
    let mut excerpt = recorded("ptb-xl", "excerpt", 150, 2);
    excerpt.records.remove(3);
    excerpt.fingerprint = "other".into();
    // The same signals under ids and patients of another data set, all in training folds.
    let mut renamed = recorded("ptb-xl", "renamed", 200, 2);
    renamed.data_set = "another".into();
    for (index, record) in renamed.records.iter_mut().enumerate() {
        (record.id, record.patient, record.fold) = (format!("r{index}"), format!("q{index}"), Some(1));
    }
    for other in [excerpt, renamed] {
        let source = other.source.clone();
        let kept: Vec<usize> = (0..other.records.len())
            .filter(|&index| {
                let own = other.records[index].recording;
                let twin = whole.records.iter().find(|record| record.recording == own).unwrap();
                twin.fold.unwrap() < 9
            })
            .collect();
        let data = together(vec![whole.clone(), other]);
        let split = regress(&mix(None, &[(&source, None, None)]), Target::HR, &data, 0).unwrap();
        let chosen: Vec<usize> =
            all(&split).iter().map(|pick| pick.record).collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(chosen, kept, "{source}");
        assert_eq!(split.held_out, data[&source].records.len() - kept.len());
        assert!(split.notes.iter().any(|note| note.contains("because the classifier is validated or tested on")));
        // Without a transfer to keep out, everybody takes part.
        let whole = mix(None, &[(&source, None, None)]);
        let split = mix_split(&task("m", &whole, Wanted::Targets(&[Target::HR]), None), &data, 0).unwrap();
        assert_eq!((all(&split).len(), split.held_out), (data[&source].records.len(), 0));
    }
}

#[test]
fn a_recording_is_taken_once_and_a_person_is_on_one_side_of_a_mix() {
    // The same patients in two sources, half of the recordings too.
    let a = recorded("ptb-xl", "a", 100, 2);
    let mut b = recorded("ptb-xl", "b", 100, 2);
    b.fingerprint = "other".into();
    for (index, record) in b.records.iter_mut().enumerate().filter(|(index, _)| index % 2 == 1) {
        record.recording = Some(recording("something else", index));
    }
    // And one of a's own under another id and patient.
    b.records[41].recording = Some(recording("something else", 39));
    let data = together(vec![a, b]);
    let parts = [("a", None, Some(vec![1, 2, 3, 4])), ("b", None, Some(vec![1, 2, 3, 4]))];
    let split = regress(&mix(None, &parts), Target::HR, &data, 1).unwrap();
    let of = |source: &str| count(&all(&split), source);
    // Folds 1 to 4 of 100 records: 40; in b, 20 are those of a, and record 41 is record 39 again, if both are in.
    let twins = [39, 41].iter().all(|index| data["b"].records[*index].fold.unwrap() <= 4);
    assert_eq!((of("a"), of("b")), (40, 20 - usize::from(twins)));
    assert!(
        split.notes.iter().any(|note| note == "20 records of b are those of an earlier part of the mix"),
        "{:?}",
        split.notes
    );
    let whose = |picks: &[Pick]| -> BTreeSet<String> {
        picks.iter().map(|pick| data[&*pick.source].records[pick.record].patient.clone()).collect()
    };
    let [train, validation, test] = [&split.train, &split.validation, &split.test].map(|picks| whose(picks));
    assert!(train.is_disjoint(&validation) && train.is_disjoint(&test) && validation.is_disjoint(&test));
}

#[test]
fn a_classifier_meets_a_recording_once_and_a_person_in_one_split_whatever_the_ids() {
    let mut own = recorded("ptb-xl", "ptbxl", 200, 2);
    // Records 0 and 1, of fold 1, are the recordings of 18 (fold 10) and 16 (fold 9); 21 is 20 again, of another patient.
    own.records[0].recording = own.records[18].recording;
    own.records[1].recording = own.records[16].recording;
    own.records[21].recording = own.records[20].recording;
    own.records[21].patient = "another".into();
    let data = together(vec![own]);
    let split = transfer(&data, 1.0, 0);
    let of = |picks: &[Pick]| picks.iter().map(|pick| pick.record).collect::<BTreeSet<_>>();
    let [train, validation, test] = [of(&split.train), of(&split.validation), of(&split.test)];
    // Patients 0 (records 0, 1), 8 (16, 17) and 9 (18, 19) are one person: who is tested.
    assert!(test.contains(&18) && test.contains(&19) && !train.contains(&0) && !train.contains(&1));
    assert!(!validation.contains(&16) && !validation.contains(&17));
    assert!(train.contains(&20) && !train.contains(&21));
    let notes = split.notes.join("\n");
    assert!(notes.contains("4 records of ptbxl are left out because their patient is in another split"), "{notes}");
    assert!(notes.contains("1 records of ptbxl are left out because another id has the same recording"), "{notes}");
}

#[test]
fn classes_and_conditions_of_ones_own_choose_the_records() {
    let data = datasets(&[("ptbxl", 300, 2)]);
    let mut transfer = crate::example::manifest("m").transfer;
    transfer.labels = Labels::Multi;
    // QRS is not known of every tenth record, and the classes of the others follow from two conditions.
    transfer.classes =
        serde_json::from_str(r#"[{"name":"wide","is":"qrs >= 80"},{"name":"sick","is":"not NORM"}]"#).unwrap();
    let split = transfer_split(&transfer, &data, 1.0, 0).unwrap();
    let all = |split: &Split| [&split.train, &split.validation, &split.test].into_iter().map(Vec::len).sum::<usize>();
    assert_eq!(all(&split), 270, "{:?}", split.notes);
    transfer.condition = Some(Condition::parse("MI and fold != 10 or NORM").unwrap());
    let split = transfer_split(&transfer, &data, 1.0, 0).unwrap();
    let is = |pick: &Pick| {
        let record = &data["ptbxl"].records[pick.record];
        record.has(superclass::NORM) || record.has(superclass::MI) && record.fold != Some(10)
    };
    assert!(split.train.iter().chain(&split.validation).chain(&split.test).all(is));
    // Patients 0 to 9 of every 50 are NORM and the next ten MI, of one in ten folds each; 2 records a patient.
    let told = format!(
        "{} of 300 records of ptbxl are left out as `MI and fold != 10 or NORM` is not true of them",
        300 - 3 * 2 * 10 - 3 * 2 * 9
    );
    assert!(split.notes.contains(&told), "{:?}", split.notes);
}

#[test]
fn classes_that_no_record_has_are_told_with_the_nearest_label() {
    let data = datasets(&[("ptbxl", 300, 2)]);
    let mut transfer = crate::example::manifest("m").transfer;
    transfer.classes = serde_json::from_str(r#"["NORM","MI","HYPP"]"#).unwrap();
    let split = transfer_split(&transfer, &data, 1.0, 0).unwrap();
    let told = "no record of ptbxl has the class HYPP, and none the label `HYPP`; did you mean `HYP`?";
    assert!(split.notes.iter().any(|note| note == told), "{:?}", split.notes);
    transfer.classes = serde_json::from_str(r#"["NORM",{"name":"AF","is":"AFIB or AFLT"}]"#).unwrap();
    let error = transfer_split(&transfer, &data, 1.0, 0).unwrap_err().message;
    let told = "transfer.classes: no record of ptbxl has the class AF, and none the label `AFIB`; a classifier needs two \
                classes with records. Its labels: CD, HYP, MI, NORM, STTC";
    assert_eq!(error, told);
}
