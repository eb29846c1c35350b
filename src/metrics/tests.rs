use rand::RngExt;

use super::registry::{Accuracy, SubsetAccuracy};
use super::*;
use crate::manifest::Labels;
use crate::seed::stream;
use crate::statistics::bootstrap::{LANES, Lanes, Patients, crossed, resampled};

const CLASSES: usize = 4;

/// Every metric that can be resampled, over all classes and of one.
fn resampled_metrics() -> Vec<(&'static dyn ClassifierMetric, Option<usize>)> {
    let all = classifier_metrics().filter(|metric| metric.tests(None).bootstrap);
    all.flat_map(|metric| {
        let one = metric.over().has_classes().then_some((metric, Some(1)));
        std::iter::once((metric, None)).chain(one)
    })
    .collect()
}

/// A record that counts three times is as good as three records.
#[test]
fn weights_are_repetitions() {
    let mut random = stream(1, "test", 0);
    assert!(resampled_metrics().len() >= 11);
    for labels in [Labels::Single, Labels::Multi] {
        for round in 0..20 {
            let records = 30;
            // Few different scores, so that many are equal.
            let mut rows: Vec<Vec<f64>> = Vec::new();
            let mut truth: Vec<Vec<bool>> = Vec::new();
            for _ in 0..records {
                rows.push((0..CLASSES).map(|_| f64::from(random.random_range(0..5u8)) / 4.0).collect());
                let one = random.random_range(0..CLASSES - usize::from(round % 2 == 0));
                let has = |class: usize, coin: bool| if labels == Labels::Single { class == one } else { coin };
                truth.push((0..CLASSES).map(|class| has(class, random.random())).collect());
            }
            let weights: Vec<Lanes<f32>> =
                (0..records).map(|_| std::array::from_fn(|_| f32::from(random.random_range(0..4u8)))).collect();
            let predictions = |rows: &[Vec<f64>], truth: &[Vec<bool>]| {
                Predictions::of_scores(labels, CLASSES, &rows.concat(), &truth.concat()).unwrap()
            };
            for (metric, class) in resampled_metrics() {
                let all = predictions(&rows, &truth).measure(metric, class).unwrap().on(&weights);
                for lane in 0..LANES {
                    let repeat = |record: usize| std::iter::repeat_n(record, weights[record][lane] as usize);
                    let picked: Vec<usize> = (0..records).flat_map(repeat).collect();
                    let rows: Vec<Vec<f64>> = picked.iter().map(|&record| rows[record].clone()).collect();
                    let truth: Vec<Vec<bool>> = picked.iter().map(|&record| truth[record].clone()).collect();
                    let expected = predictions(&rows, &truth).value(metric, class).unwrap_or(f64::NAN);
                    let found = all[lane];
                    let same = (found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan());
                    assert!(same, "{} of {class:?}: {found} is not {expected}", metric.name());
                }
            }
        }
    }
}

#[test]
fn names_are_found_again() {
    for (named, metric) in NamedMetric::of_classifiers() {
        let found = named.classifier().unwrap_or_else(|| panic!("{named} is not found"));
        assert_eq!(found.name(), metric.name());
        assert_eq!(NamedMetric::parse(&named.to_string()), named);
        let (low, high) = named.range(None);
        assert!(low < high, "{named}");
        // What is tested by its areas, or by what is right, is resampled too.
        assert!(
            metric.tests(None).bootstrap
                || metric.tests(None) == Tests { bootstrap: false, delong: false, mcnemar: false }
        );
    }
    let mut names: Vec<&str> =
        classifier_metrics().map(Metric::name).chain(regression_metrics().map(Metric::name)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "two metrics of one name");
    let values = regression(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0]).unwrap().by_name();
    assert_eq!(values.map(|(name, _)| name).to_vec(), regression_metrics().map(Metric::name).collect::<Vec<_>>());
    assert!(NamedMetric::parse("sparkle").classifier().is_none() && NamedMetric::parse("auc").classifier().is_none());
    assert_eq!(NamedMetric::parse("of_another_version:MI").heading(), "of another version MI");
}

#[test]
fn headings_are_those_of_tables() {
    let said = |text: &str| {
        let metric = NamedMetric::parse(text);
        [metric.heading(), metric.in_text(), metric.difference_heading("scratch"), metric.column()]
    };
    assert_eq!(said("macro_auc"), ["test macro AUC", "test macro AUC", "Δ AUC vs scratch", "macro_auc"]);
    assert_eq!(said("auc:MI"), ["AUC MI", "test AUC MI", "Δ AUC MI vs scratch", "auc_MI"]);
    assert_eq!(said("macro_f1")[..2], ["macro F1", "test macro F1"]);
    assert_eq!(said("subset_accuracy")[0], "subset accuracy");
    assert_eq!(said("mae:hr")[..2], ["MAE of hr", "test MAE of hr"]);
}

/// Against the definitions of docs/statistics.md.
#[test]
fn ranges_are_those_of_the_definitions() {
    let of = |name: &str, labels| NamedMetric::parse(name).range(labels);
    assert_eq!(of("brier", Some(Labels::Single)), (0.0, 2.0), "certain of the wrong one of two classes: 1 + 1");
    assert_eq!(of("brier", Some(Labels::Multi)), (0.0, 1.0), "a mean over classes");
    assert_eq!(of("brier", None), (0.0, 2.0));
    assert_eq!(of("auc:MI", Some(Labels::Single)), (0.0, 1.0));
    assert_eq!(of("pearson_r:hr", None), (-1.0, 1.0));
    assert_eq!(of("r2:hr", None).1, 1.0);
    assert_eq!(of("mae:hr", None), (0.0, f64::INFINITY));
}

#[test]
fn a_record_is_right_where_all_its_classes_are() {
    let truth = [true, false, true, true, false, false];
    let scores = [0.5, 0.4, 0.6, 0.4, 0.1, 0.2];
    let predictions = Predictions::of_scores(Labels::Multi, 2, &scores, &truth).unwrap();
    assert_eq!(predictions.value(&SubsetAccuracy, None), Some(2.0 / 3.0));
    assert_eq!(predictions.value(&Accuracy, None), Some(5.0 / 6.0));
    let right: Vec<bool> =
        predictions.rows().map(|(row, truth)| decision::is_right(Labels::Multi, row, truth)).collect();
    assert_eq!(right, [true, false, true]);
}

/// A metric that is a file and a line is listed, named, computed, shown, resampled and given an interval.
#[test]
fn a_metric_is_a_file_and_a_line() {
    // Of A: TN 2, FP 0; of B: TN 1, FP 1.
    let truth = [true, false, true, false, false, true, false, true];
    let probabilities = [0.9, 0.1, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6];
    let classes = ["A", "B"];
    let predictions = Predictions::of_network(Labels::Single, 2, &probabilities, &truth).unwrap();

    let scores = predictions.scores(&classes);
    let score = |name: &str, class: Option<usize>| {
        scores.iter().find(|score| score.metric == name && score.class == class).unwrap().value
    };
    assert_eq!(score("macro_specificity", None), Some(0.75));
    assert_eq!([0, 1].map(|class| score("specificity", Some(class))), [Some(1.0), Some(0.5)]);

    let metric = NamedMetric::parse("specificity:B");
    assert_eq!(metric.value(&predictions, &classes), Some(0.5));
    assert_eq!((metric.heading(), metric.digits(), metric.is_error()), ("specificity B".to_owned(), 3, false));
    assert_eq!(NamedMetric::parse("macro_specificity").in_text(), "test macro specificity");
    assert_eq!(metric.tests(None), Tests { bootstrap: true, delong: false, mcnemar: false });

    let patients = Patients::new(&["a", "b", "c", "d"], &truth, 2).unwrap();
    let measure = metric.measure(&predictions, &classes).unwrap();
    assert_eq!(measure.value(), Some(0.5));
    let resamples = resampled(&[measure], &patients, 200, 0);
    let estimate = crossed(&[0.5], &resamples, patients.degrees() as f64, Some(metric.range(None))).unwrap();
    assert!(estimate.interval.0 < 0.5 && estimate.interval.1 > 0.5, "{estimate:?}");
}
