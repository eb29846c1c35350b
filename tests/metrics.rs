//! Metrics against scikit-learn's (`fixtures/metrics/make.py`), and properties that hold for any data.

use ecgraft::manifest::Labels;
use ecgraft::metrics::{
    ClassScore, Confusion, NamedMetric, Predictions, ThresholdRule, classifier_metrics, regression,
};
use ecgraft::statistics::auc;
use ecgraft::statistics::bootstrap::LANES;
use rand::RngExt;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const TOLERANCE: f64 = 1e-12;
/// What the fixtures have of each class, and, but for the last, as a mean over classes.
const OF_CLASSES: [&str; 13] = [
    "auc",
    "auprc",
    "f1",
    "f2",
    "f0.5",
    "precision",
    "recall",
    "specificity",
    "ppv",
    "npv",
    "sensitivity_at_0.95",
    "sensitivity_at_0.8",
    "mcc",
];
/// What they have of all classes at once, whatever weights records have.
const OF_ALL: [&str; 3] = ["mcc", "f_max", "challenge_f2"];

/// Every metric of a fixture with what is expected of it.
fn expected_of<'c>(case: &'c Value, of_all: &[&str]) -> Vec<(String, &'c Value)> {
    let expected = &case["expected"];
    let mut all: Vec<(String, &Value)> =
        of_all.iter().map(|metric| ((*metric).to_owned(), &expected[*metric])).collect();
    for metric in &OF_CLASSES[..OF_CLASSES.len() - 1] {
        all.push((format!("macro_{metric}"), &expected[format!("macro_{metric}")]));
    }
    for (class, of_class) in expected["per_class"].as_array().unwrap().iter().enumerate() {
        all.extend(OF_CLASSES.iter().map(|metric| (format!("{metric}:{class}"), &of_class[*metric])));
    }
    all
}

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/fixtures/metrics/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn labels(case: &Value) -> Labels {
    match case["labels"].as_str().unwrap() {
        "single" => Labels::Single,
        "multi" => Labels::Multi,
        other => panic!("{other}"),
    }
}

fn measured(case: &Value) -> (usize, Predictions) {
    let classes = case["classes"].as_u64().unwrap() as usize;
    let truth: Vec<bool> = numbers(&case["truth"]).iter().map(|y| *y == 1.0).collect();
    (classes, Predictions::of_network(labels(case), classes, &numbers(&case["probabilities"]), &truth).unwrap())
}

/// Classes by their places.
fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// A metric as it is written on the command line.
fn value(predictions: &Predictions, metric: &str) -> Option<f64> {
    NamedMetric::parse(metric).value(predictions, &names(predictions.classes().len()))
}

/// All that is of one class.
fn per_class(predictions: &Predictions) -> Vec<ClassScore> {
    let scores = predictions.scores(&names(predictions.classes().len()));
    scores.into_iter().filter(|score| score.class.is_some()).collect()
}

/// Both absent, or both there and equal.
fn assert_close(what: &str, found: Option<f64>, expected: &Value) {
    let expected = if expected.is_null() { None } else { Some(expected.as_f64().unwrap()) };
    let close = match (found, expected) {
        (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE,
        (None, None) => true,
        _ => false,
    };
    assert!(close, "{what}: {found:?}, expected {expected:?}");
}

#[test]
fn classification_is_scikit_learns() {
    for case in cases("classification.json") {
        let (name, expected) = (case["name"].as_str().unwrap(), &case["expected"]);
        let (classes, found) = measured(&case);
        assert_eq!(Some(found.records() as u64), expected["records"].as_u64());
        let of_all = [&OF_ALL[..], &["accuracy", "subset_accuracy", "brier"]].concat();
        for (metric, expected) in expected_of(&case, &of_all) {
            assert_close(&format!("{name}: {metric}"), value(&found, &metric), expected);
        }
        assert_close(&format!("{name}: ece"), value(&found, "ece"), &expected["expected_calibration_error"]);
        assert_eq!(found.classes(), 0..classes);
        for class in found.classes() {
            let expected = &expected["per_class"][class];
            assert_close(name, Some(found.positives(class) as f64), &expected["positives"]);
        }
        let confusion = match found.confusion() {
            Confusion::Single(counts) => serde_json::json!(counts),
            Confusion::Multi(tables) => serde_json::json!(tables),
        };
        assert_eq!(confusion, expected["confusion"], "{name}");
        let known = |metric: &str| {
            let classes = expected["per_class"].as_array().unwrap();
            classes.iter().filter(|class| !class[metric].is_null()).count()
        };
        let scores = found.scores(&names(classes));
        let counted = ["classes_counted", "auc_classes_counted"].map(|metric| score(&scores, metric, None).unwrap());
        assert_eq!(counted, [known("f1") as f64, known("auc") as f64], "{name}");
    }
}

/// What the bootstrap computes is scikit-learn's with sample weights, which are 0 for who is not drawn.
#[test]
fn weighted_records_are_scikit_learns() {
    for case in cases("weighted.json") {
        let (name, (classes, found)) = (case["name"].as_str().unwrap(), measured(&case));
        let places = names(classes);
        let weights: Vec<[f32; LANES]> =
            numbers(&case["weights"]).iter().map(|weight| [*weight as f32; LANES]).collect();
        for (metric, expected) in expected_of(&case, &OF_ALL) {
            let measure = NamedMetric::parse(&metric).measure(&found, &places).unwrap();
            let value = Some(measure.on(&weights)[LANES - 1]).filter(|value| !value.is_nan());
            assert_close(&format!("{name}: {metric}"), value, expected);
        }
    }
}

/// The highest of those that are best, by scikit-learn's curves.
#[test]
fn thresholds_are_the_best_of_scikit_learns_curves() {
    let mut chosen = 0;
    for case in cases("classification.json") {
        let (_, found) = measured(&case);
        for class in found.classes() {
            let expected = &case["expected"]["thresholds"][class];
            for (rule, name) in [(ThresholdRule::Youden, "youden"), (ThresholdRule::F1, "f1")] {
                let threshold = rule.choose(&found.probabilities_of(class), &found.truth_of(class));
                assert_eq!(threshold, expected[name].as_f64(), "{}: {name} of class {class}", case["name"]);
                chosen += usize::from(threshold.is_some());
            }
        }
    }
    assert!(chosen > 80, "{chosen}");
}

#[test]
fn names_with_a_parameter_are_as_people_write_numbers() {
    for name in ["f3", "f0.5", "sensitivity_at_0.99"] {
        let (mean, of_class) =
            (NamedMetric::parse(&format!("macro_{name}")), NamedMetric::parse(&format!("{name}:MI")));
        assert_eq!(mean.classifier().unwrap().name(), name);
        assert_eq!(of_class.classifier().unwrap().name(), name);
        assert!(NamedMetric::parse(name).classifier().is_none(), "{name} of nothing");
    }
    assert_eq!(NamedMetric::parse("f0.5:MI").heading(), "F0.5 MI");
    let wrong =
        ["f", "f0", "f-1", "f01", "f2.0", "f1e3", "finf", "fNaN", "f_beta", "sensitivity_at_1", "sensitivity_at_"];
    for name in wrong {
        assert!(NamedMetric::parse(&format!("macro_{name}")).classifier().is_none(), "{name}");
    }
}

#[test]
fn regression_is_scikit_learns() {
    for case in cases("regression.json") {
        let name = case["name"].as_str().unwrap();
        let found = regression(&numbers(&case["truth"]), &numbers(&case["predicted"])).unwrap();
        assert_close(&format!("{name}: mae"), Some(found.mae), &case["mae"]);
        assert_close(&format!("{name}: rmse"), Some(found.rmse), &case["rmse"]);
        assert_close(&format!("{name}: r2"), found.r2, &case["r2"]);
        assert_close(&format!("{name}: pearson_r"), found.pearson_r, &case["pearson_r"]);
    }
}

/// The pairs with a higher positive, counted one by one.
fn auc_by_pairs(scores: &[f64], positive: &[bool]) -> f64 {
    let of = |which| scores.iter().zip(positive).filter(move |(_, p)| **p == which).map(|(s, _)| *s);
    let wins = |a: f64, b: f64| if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
    let total: f64 = of(true).map(|a| of(false).map(|b| wins(a, b)).sum::<f64>()).sum();
    total / (of(true).count() * of(false).count()) as f64
}

#[test]
fn auc_knows_order_only() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for round in 0..200 {
        let records = random.random_range(2..80);
        let levels = random.random_range(1..40); // few levels: many ties
        let mut positive: Vec<bool> = (0..records).map(|_| random.random()).collect();
        (positive[0], positive[1]) = (true, false);
        let scores: Vec<f64> = (0..records).map(|_| f64::from(random.random_range(0..=levels)) / 64.0).collect();
        let found = auc(&scores, &positive).unwrap();
        assert!((found - auc_by_pairs(&scores, &positive)).abs() < 1e-12, "round {round}");

        let reversed: Vec<f64> = scores.iter().map(|s| 1.0 - s).collect();
        assert!((auc(&reversed, &positive).unwrap() - (1.0 - found)).abs() < 1e-12, "round {round}");
        let opposite: Vec<bool> = positive.iter().map(|p| !p).collect();
        assert!((auc(&scores, &opposite).unwrap() - (1.0 - found)).abs() < 1e-12, "round {round}");
        let stretched: Vec<f64> = scores.iter().map(|s| s.powi(3) - 0.5).collect();
        assert_eq!(auc(&stretched, &positive), Some(found), "round {round}");
    }
}

#[test]
fn order_of_records_does_not_matter() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for case in cases("classification.json") {
        let (classes, found) = measured(&case);
        let (probabilities, truth) = (numbers(&case["probabilities"]), numbers(&case["truth"]));
        let mut rows: Vec<(&[f64], &[f64])> = probabilities.chunks(classes).zip(truth.chunks(classes)).collect();
        rows.shuffle(&mut random);
        let probabilities: Vec<f64> = rows.iter().flat_map(|(p, _)| p.iter().copied()).collect();
        let truth: Vec<bool> = rows.iter().flat_map(|(_, y)| y.iter().map(|y| *y == 1.0)).collect();
        let shuffled = Predictions::of_network(labels(&case), classes, &probabilities, &truth).unwrap();

        assert_eq!(per_class(&shuffled), per_class(&found));
        assert_eq!(shuffled.confusion(), found.confusion());
        assert_eq!(value(&shuffled, "accuracy"), value(&found, "accuracy"));
        assert!((value(&shuffled, "brier").unwrap() - value(&found, "brier").unwrap()).abs() < 1e-12);
        assert!((value(&shuffled, "ece").unwrap() - value(&found, "ece").unwrap()).abs() < 1e-12);
    }
}

/// What a network gives are `f32`; decisions and counts are those of the same numbers in `f64`.
#[test]
fn single_precision_is_welcome() {
    for case in cases("classification.json") {
        let (classes, found) = measured(&case);
        let probabilities: Vec<f32> = numbers(&case["probabilities"]).iter().map(|p| *p as f32).collect();
        let truth: Vec<bool> = numbers(&case["truth"]).iter().map(|y| *y == 1.0).collect();
        let single = Predictions::of_network(labels(&case), classes, &probabilities, &truth).unwrap();
        assert_eq!(per_class(&single), per_class(&found));
        assert_eq!(single.confusion(), found.confusion());
        assert!((value(&single, "brier").unwrap() - value(&found, "brier").unwrap()).abs() < 1e-6);
    }
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let refused = |labels, classes, probabilities: &[f64], truth: &[bool]| {
        Predictions::of_network(labels, classes, probabilities, truth).unwrap_err()
    };
    let (single, multi) = (Labels::Single, Labels::Multi);
    let truth = [true, false, false, true];
    for (probabilities, said) in [
        ([0.5, 0.5, f64::NAN, 0.5], "class 1 of record 2 is NaN"),
        ([0.5, f64::INFINITY, 0.5, 0.5], "class 2 of record 1 is inf"),
        ([0.5, 0.5, 0.5, -2.0], "class 2 of record 2 is -2"),
    ] {
        for labels in [single, multi] {
            let message = refused(labels, 2, &probabilities, &truth);
            assert!(message.contains(said), "{message}");
        }
    }
    assert!(refused(multi, 2, &[], &[]).contains("no records"));
    assert!(refused(multi, 0, &[0.5], &[true]).contains("no classes"));
    assert!(refused(multi, 2, &[0.5, 0.5], &truth).contains("2 probabilities but 4 labels"));
    assert!(refused(multi, 3, &[0.5; 4], &truth).contains("whole number of records"));
    assert!(refused(single, 2, &[0.5, 0.5, 0.5, 0.4], &truth).contains("record 2 sum to 0.9"));
    assert!(refused(single, 2, &[0.5; 4], &[true, false, true, true]).contains("record 2 has 2 classes"));
    assert!(refused(single, 2, &[0.5; 4], &[false, false, true, false]).contains("record 1 has 0 classes"));

    assert!(regression(&[], &[]).unwrap_err().contains("no records"));
    assert!(regression(&[1.0], &[1.0, 2.0]).unwrap_err().contains("1 true values but 2 predictions"));
    assert!(regression(&[1.0, 2.0], &[1.0, f64::NAN]).unwrap_err().contains("prediction of record 2 of 2 is NaN"));
    assert_eq!(auc(&[f64::NAN, 0.5], &[true, false]), None);
}

/// The score of a class, A being the first.
fn score(scores: &[ClassScore], metric: &str, class: Option<&str>) -> Option<f64> {
    let place = class.map(|class| usize::from(class.as_bytes()[0] - b'A'));
    let mut found = scores.iter().filter(|score| score.metric == metric && score.class == place);
    let score = found.next().unwrap_or_else(|| panic!("no {metric} of {class:?}"));
    assert!(found.next().is_none(), "two rows of {metric} of {class:?}");
    score.value
}

/// Scores of four classes: three counts and all metrics, positives and metrics of each class, and 4 x 4 of confusion. Of the
/// metrics there are at least eight, four of them of classes.
fn rows() -> usize {
    let (all, of_classes) =
        (classifier_metrics().count(), classifier_metrics().filter(|metric| metric.over().has_classes()).count());
    assert!(all >= 8 && of_classes >= 4, "{all}, {of_classes}");
    3 + all + 4 * (1 + of_classes) + 4 * 4
}

#[test]
fn scores_are_rows_for_the_store() {
    // Truth A B B C, predicted A A B B; D never occurs.
    let probabilities = [[0.7, 0.1, 0.1, 0.1], [0.6, 0.2, 0.1, 0.1], [0.1, 0.8, 0.1, 0.0], [0.2, 0.4, 0.3, 0.1]];
    let truth = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]].concat();
    let truth: Vec<bool> = truth.iter().map(|y| *y == 1).collect();
    let classes = ["A", "B", "C", "D"];

    let found = Predictions::of_network(Labels::Single, 4, &probabilities.concat(), &truth).unwrap();
    let scores = found.scores(&classes);
    assert_eq!(score(&scores, "accuracy", None), Some(0.5));
    assert_eq!(score(&scores, "classes_counted", None), Some(3.0));
    assert_eq!(score(&scores, "macro_recall", None), Some(0.5)); // (1 + 1/2 + 0) / 3
    assert_eq!(score(&scores, "precision", Some("A")), Some(0.5));
    assert_eq!(score(&scores, "precision", Some("C")), Some(0.0));
    assert_eq!(score(&scores, "positives", Some("D")), Some(0.0));
    assert_eq!(score(&scores, "auc", Some("D")), None);
    assert_eq!(score(&scores, "confusion:A", Some("B")), Some(1.0)); // a B taken for an A
    assert_eq!(score(&scores, "confusion:B", Some("A")), Some(0.0));
    assert_eq!(score(&scores, "confusion:B", Some("C")), Some(1.0));
    assert_eq!(scores.len(), rows());

    let found = Predictions::of_network(Labels::Multi, 4, &probabilities.concat(), &truth).unwrap();
    let scores = found.scores(&classes);
    let table = ["tn", "fp", "fn", "tp"].map(|metric| score(&scores, metric, Some("B")));
    assert_eq!(table, [2.0, 0.0, 1.0, 1.0].map(Some));
    assert_eq!(score(&scores, "accuracy", None), Some(13.0 / 16.0)); // wrong: A and B of the second, C of the last
    assert_eq!(score(&scores, "subset_accuracy", None), Some(0.5));
    assert_eq!(scores.len(), rows());
}

/// What is resampled is the metric itself.
#[test]
fn measures_of_the_bootstrap_are_the_metrics() {
    for case in cases("classification.json") {
        let (classes, found) = measured(&case);
        let truth: Vec<bool> = numbers(&case["truth"]).iter().map(|y| *y == 1.0).collect();
        let probabilities = numbers(&case["probabilities"]);
        let (places, of_case) =
            (names(classes), Predictions::of_scores(labels(&case), classes, &probabilities, &truth));
        let check = |metric: &str| {
            let measure = NamedMetric::parse(metric).measure(of_case.as_ref().unwrap(), &places).unwrap();
            match (measure.value(), value(&found, metric)) {
                (Some(value), Some(expected)) => {
                    assert!((value - expected).abs() < 1e-12, "{metric}: {value}, {expected}")
                }
                (value, expected) => assert_eq!(value, expected, "{metric} of {}", case["name"]),
            }
        };
        for (named, metric) in NamedMetric::of_classifiers() {
            if !metric.tests(None).bootstrap {
                continue;
            }
            match named.of {
                Some(_) => places.iter().for_each(|class| check(&format!("{}:{class}", named.name))),
                None => check(&named.name),
            }
        }
    }
}
