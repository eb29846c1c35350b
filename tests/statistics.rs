//! Statistics against SciPy's, statsmodels' and pROC's (`fixtures/statistics/make.py`).

use crate::worlds::measure;
use ecgraft::manifest::Labels;
use ecgraft::statistics::bootstrap::{Measure, Patients, crossed, resampled};
use ecgraft::statistics::delong::{Area, area, area_by_patient, delong};
use ecgraft::statistics::distributions::*;
use ecgraft::statistics::mcnemar::{from_counts, mcnemar};
use ecgraft::statistics::ranks::friedman;
use ecgraft::statistics::wilcoxon::wilcoxon;
use ecgraft::statistics::{Difference, Rests, Sides, Spread, Unmeasurable, holm};
use serde_json::Value;

fn reference(of: &str) -> Vec<Value> {
    let path = format!("{}/tests/fixtures/statistics/reference.json", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all[of].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Within this much of the larger of 1e-3 of 1 and itself.
#[track_caller]
fn close(what: &str, found: f64, expected: f64, tolerance: f64) {
    let within = tolerance * expected.abs().max(1e-3);
    assert!((found - expected).abs() <= within, "{what}: {found} is not {expected}");
}

#[test]
fn distributions_are_scipys() {
    for case in reference("normal_p").iter().map(numbers) {
        close("normal p", normal_p(case[0]) / case[1], 1.0, 1e-9);
    }
    for case in reference("normal_quantile").iter().map(numbers) {
        close("normal quantile", normal_quantile(case[0]), case[1], 1e-9);
    }
    for case in reference("t_p").iter().map(numbers) {
        close("t p", t_p(case[0], case[1]) / case[2], 1.0, 1e-9);
        assert_eq!(t_p(case[0], case[1]), t_p(-case[0], case[1]));
    }
    for case in reference("t_quantile").iter().map(numbers) {
        close("t quantile", t_quantile(case[0], case[1]) / case[2], 1.0, 1e-8);
    }
    for case in reference("chi_squared_p").iter().map(numbers) {
        close("chi squared", chi_squared_p(case[0], case[1] as usize), case[2], 1e-9);
    }
    for case in reference("range_probability").iter().map(numbers) {
        close("range", range_probability(case[0], case[1] as usize), case[2], 1e-6);
    }
    assert!(t_quantile(0.975, 0.0).is_nan() && t_quantile(1.0, 3.0).is_nan() && t_quantile(f64::NAN, 3.0).is_nan());
    assert!(normal_quantile(0.0).is_nan() && range_quantile(1.0, 3).is_nan() && range_quantile(0.5, 1).is_nan());
    assert!(t_p(f64::NAN, 3.0).is_nan() && t_p(1.0, -1.0).is_nan() && chi_squared_p(1.0, 0).is_nan());
}

#[test]
fn delong_is_procs() {
    for case in reference("delong") {
        let truth: Vec<bool> = numbers(&case["truth"]).iter().map(|y| *y == 1.0).collect();
        let [a, b] = ["a", "b"].map(|name| area(&numbers(&case[name]), &truth).unwrap());
        let found = delong(&a, &b).unwrap();
        for (name, value) in [
            ("auc_a", a.auc),
            ("auc_b", b.auc),
            ("variance_a", a.variance()),
            ("variance_b", b.variance()),
            ("covariance", a.covariance(&b)),
            ("z", found.z),
            ("p", found.p),
            ("low", found.interval.0),
            ("high", found.interval.1),
        ] {
            close(name, value, case[name].as_f64().unwrap(), 1e-9);
        }
        assert!(a.influence.iter().sum::<f64>().abs() < 1e-12 * truth.len() as f64);
        // With one record for each patient nothing changes, whatever their order.
        let order: Vec<usize> = (0..truth.len()).rev().collect();
        let scores = numbers(&case["a"]);
        close("patients", area_by_patient(&scores, &truth, &order).unwrap().variance(), a.variance(), 1e-12);
        close("mean of one", Area::mean(std::slice::from_ref(&a)).unwrap().variance(), a.variance(), 1e-12);
    }
    let same = area(&[0.1, 0.2, 0.3, 0.4], &[false, true, false, true]).unwrap();
    assert_eq!(delong(&same, &same), Err(Unmeasurable::SameForPatients), "nothing varies");
    // One is always right, the other always wrong: a difference of 1 without any variance is no certainty.
    let wrong = area(&[0.2, 0.1, 0.4, 0.3], &[true, true, false, false]).unwrap();
    let right = area(&[0.8, 0.7, 0.4, 0.3], &[true, true, false, false]).unwrap();
    assert_eq!((right.auc - wrong.auc, delong(&right, &wrong)), (1.0, Err(Unmeasurable::SameForPatients)));
    assert!(area_by_patient(&[0.1, 0.9, 0.8], &[false, true, true], &[0, 1, 1]).is_none(), "one patient with it");
    assert!(area(&[0.1, 0.2, 0.3], &[false, true, false]).is_none(), "one positive has no variance");
    assert!(area(&[0.1, f64::NAN, 0.3, 0.4], &[false, true, false, true]).is_none());
    assert!(area(&[0.1], &[false, true]).is_none() && Area::mean(&[]).is_none());
}

#[test]
fn mcnemar_is_statsmodels() {
    for case in reference("mcnemar") {
        let count = |name: &str| case[name].as_u64().unwrap();
        let found = from_counts(count("only_first"), count("only_second"));
        let expected = |name: &str| case[name].as_f64().unwrap();
        close("exact", found.exact, expected("exact"), 1e-9);
        if count("only_first") + count("only_second") > 0 {
            close("mid", found.mid, expected("mid"), 1e-9);
        } else {
            assert_eq!(found.mid, 1.0, "no discordant record says nothing");
        }
    }
    assert!(mcnemar(&[true], &[]).is_none());
}

#[test]
fn wilcoxon_is_scipys() {
    for case in reference("wilcoxon") {
        let found = wilcoxon(&numbers(&case["differences"])).unwrap();
        close("sum", found.positive.min(found.negative), case["smaller"].as_f64().unwrap(), 1e-12);
        close("p", found.p, case["p"].as_f64().unwrap(), 1e-9);
    }
    assert_eq!(wilcoxon(&[0.1, 0.2, 0.3, 0.4, 0.5]).unwrap().p, 0.0625, "2 of 2^5");
    assert_eq!(wilcoxon(&[0.0]).unwrap().p, 1.0);
    assert!(wilcoxon(&[f64::NAN, 1.0]).is_none());
}

#[test]
fn holm_is_statsmodels() {
    for case in reference("holm") {
        let found = holm(&numbers(&case["p"]));
        for (found, expected) in found.iter().zip(numbers(&case["adjusted"])) {
            close("holm", *found, expected, 1e-12);
        }
    }
    assert!(holm(&[]).is_empty());
    let with_none = holm(&[0.01, f64::NAN, 0.04]);
    assert_eq!((with_none[0], with_none[2]), (0.02, 0.04));
    assert!(with_none[1].is_nan());
}

/// Against the mean squares and covariances of Obuchowski and Rockette, from which the formula is not made.
#[test]
fn seeds_and_patients_are_the_readers_and_cases_of_obuchowski_and_rockette() {
    for case in reference("readers") {
        let resampled: Vec<Vec<f64>> = case["resampled"].as_array().unwrap().iter().map(numbers).collect();
        let found = crossed(&numbers(&case["observed"]), &resampled, f64::INFINITY, None).unwrap();
        for (name, value) in [
            ("mean", found.mean),
            ("degrees", found.degrees),
            ("p", found.p),
            ("low", found.interval.0),
            ("high", found.interval.1),
        ] {
            close(name, value, case[name].as_f64().unwrap(), 1e-7);
        }
    }
}

#[test]
fn friedman_is_scipys_and_nemenyis_difference_is_demsars() {
    for case in reference("friedman") {
        let rows: Vec<Vec<f64>> = case["rows"].as_array().unwrap().iter().map(numbers).collect();
        let found = friedman(&rows).unwrap();
        close("statistic", found.statistic, case["statistic"].as_f64().unwrap(), 1e-9);
        close("p", found.p, case["p"].as_f64().unwrap(), 1e-9);
        for (arm, (rank, nemenyi)) in
            numbers(&case["ranks"]).into_iter().zip(numbers(&case["nemenyi_with_first"])).enumerate()
        {
            close("rank", found.ranks[arm], rank, 1e-12);
            assert!((found.nemenyi(0, arm).unwrap() - nemenyi).abs() < 1e-6, "{arm}");
        }
        assert!(found.nemenyi(0, rows[0].len()).is_none());
    }
    // Demšar 2006, table 5(a): q at 0.05, already divided by the root of 2.
    for (arms, q) in (2..).zip([1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]) {
        let rows = vec![(0..arms).map(|arm| arm as f64).collect(), vec![0.0; arms]];
        let step = ((arms * (arms + 1)) as f64 / 12.0).sqrt();
        let found = friedman(&rows).unwrap().critical_difference / step;
        assert!((found - q).abs() < 1.1e-3, "{arms}: {found}, {q}");
    }
    assert!(friedman(&[]).is_none() && friedman(&[vec![1.0, 2.0]]).is_none());
    assert!(friedman(&[vec![1.0, 2.0], vec![1.0]]).is_none());
    assert_eq!(friedman(&[vec![1.0, 1.0], vec![2.0, 2.0]]).unwrap().p, 1.0);
}

#[test]
fn the_paired_t_test_is_scipys() {
    // scipy 1.17.1: ttest_rel([0.84, 0.85, 0.85], [0.80, 0.82, 0.81]) and its confidence_interval(0.95)
    let found = Difference::from_pairs(&[0.84 - 0.80, 0.85 - 0.82, 0.85 - 0.81]).unwrap();
    close("p", found.p().unwrap(), 0.008163401865824335, 1e-9);
    close("low", found.interval().unwrap().0, 0.02232449090083523, 1e-9);
    assert_eq!(Difference::from_pairs(&[0.1]).unwrap().tested, Err(Unmeasurable::OneSeed));
    assert!(Difference::from_pairs(&[]).is_none() && Spread::from_values(&[]).is_none());
}

/// Records of 40 patients, two for every third, of three classes, with scores that know something of them.
fn example() -> (Vec<String>, Vec<f64>, Vec<bool>) {
    let (mut names, mut scores, mut truth) = (Vec::new(), Vec::new(), Vec::new());
    for patient in 0..40usize {
        for record in 0..1 + usize::from(patient.is_multiple_of(3)) {
            names.push(format!("patient {patient}"));
            let noise = |class: usize| ((patient * 7 + record * 5 + class * 11) % 13) as f64;
            let row: Vec<f64> =
                (0..3).map(|class| noise(class) + if patient % 3 == class { 6.0 } else { 0.0 }).collect();
            let sum: f64 = row.iter().sum();
            scores.extend(row.iter().map(|score| score / sum));
            truth.extend((0..3).map(|class| patient % 3 == class));
        }
    }
    (names, scores, truth)
}

#[test]
fn resamples_do_not_depend_on_threads_or_their_number() {
    let (names, scores, truth) = example();
    let patients = Patients::new(&names, &truth, 3).unwrap();
    assert_eq!((patients.count(), patients.strata(), patients.degrees()), (40, 3, 37));
    let measures: Vec<Box<dyn Measure>> = ["macro_auc", "macro_f1", "accuracy", "brier"]
        .map(|metric| measure(metric, Labels::Single, 3, &scores, &truth).unwrap())
        .into();
    let with = |threads: usize, resamples: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| resampled(&measures, &patients, resamples, 5))
    };
    let one = with(1, 333);
    assert!(one.iter().all(|of| of.len() == 333 && of.iter().all(|value| value.is_finite())));
    assert_eq!(one, with(3, 333));
    for (all, first) in one.iter().zip(with(2, 50)) {
        assert_eq!(all[..50], first);
    }
    assert_ne!(one, resampled(&measures, &patients, 333, 6));
}

/// The standard error of the bootstrap is that of DeLong's formula, which knows nothing of it, over patients and classes.
#[test]
fn the_bootstrap_agrees_with_delong() {
    let (names, scores, truth) = example();
    let patients = Patients::new(&names, &truth, 3).unwrap();
    let column = |class: usize| {
        let pick = |of: &[f64]| of.iter().skip(class).step_by(3).copied().collect::<Vec<f64>>();
        let has: Vec<bool> = truth.iter().skip(class).step_by(3).copied().collect();
        area_by_patient(&pick(&scores), &has, patients.of_records()).unwrap()
    };
    let macro_area = Area::mean(&[column(0), column(1), column(2)]).unwrap();
    let area = measure("macro_auc", Labels::Single, 3, &scores, &truth).unwrap();
    close("area", area.value().unwrap(), macro_area.auc, 1e-12);
    let resamples = resampled(&[area], &patients, 20_000, 0);
    let found = crossed(&[macro_area.auc], &resamples, patients.degrees() as f64, Some((0.0, 1.0))).unwrap();
    let ratio = found.standard_error / macro_area.variance().sqrt();
    assert!((ratio - 1.0).abs() < 0.08, "{ratio}");
}

#[test]
fn what_cannot_be_resampled_is_none() {
    let (names, scores, truth) = example();
    assert!(Patients::new(&names, &truth, 2).is_none() && Patients::new(&names, &truth, 0).is_none());
    assert!(Patients::new(&["one", "one"], &[true, false], 1).is_none(), "one patient");
    assert!(measure("auc:3", Labels::Single, 3, &scores, &truth).is_none());
    assert!(measure("macro_auc", Labels::Single, 3, &scores[1..], &truth).is_none());
    assert!(measure("macro_auc", Labels::Single, 3, &[], &[]).is_none());
    assert!(measure("macro_auc", Labels::Single, 1, &[f64::NAN], &[true]).is_none());
    assert_eq!(measure("macro_auc", Labels::Multi, 1, &[0.5, 0.5], &[true, true]).unwrap().value(), None);
    let share = Some((0.0, 1.0));
    for (observed, resampled) in
        [(vec![], vec![]), (vec![0.5], vec![vec![0.5; 19]]), (vec![0.5], vec![vec![f64::NAN; 50]])]
    {
        assert_eq!(crossed(&observed, &resampled, 5.0, share), Err(Unmeasurable::Undefined));
    }
    for equal in [0.5, 1.0] {
        assert_eq!(crossed(&[equal], &[vec![equal; 50]], 5.0, share), Err(Unmeasurable::SameForPatients));
    }
    // Patients of rare combinations are drawn together: never one alone, who would be drawn always or never.
    let few = Patients::new(&["a", "b", "c"], &[true, false, false, true, true, true], 2).unwrap();
    assert_eq!(few.strata(), 1);
}

/// Seeds that give the same but for the last digits are no measure of what other seeds would give.
#[test]
fn values_that_do_not_vary_have_no_interval_and_no_p() {
    for same in [
        vec![0.125; 2],
        vec![0.125; 3],
        vec![0.0; 5],
        // 0.04 three ways, apart by rounding: sd 4e-17.
        vec![0.84 - 0.80, 0.85 - 0.81, 0.29 - 0.25],
    ] {
        assert_eq!(Difference::from_pairs(&same).unwrap().tested, Err(Unmeasurable::SameForSeeds), "{same:?}");
        assert_eq!(Spread::from_values(&same).unwrap().interval(), Err(Unmeasurable::SameForSeeds), "{same:?}");
    }
    let least = Difference::from_pairs(&[0.125, 0.125 + 1e-9]).unwrap();
    assert!(least.p().unwrap() > 0.0 && least.interval().unwrap().1 > 0.125);
}

#[test]
fn a_difference_goes_no_further_than_its_metric() {
    let wide = Difference::from_pairs(&[0.1, -0.5]).unwrap();
    // -0.2 -+ 12.7062 (0.424264 / 1.41421) = -0.2 -+ 3.811861
    close("low", wide.interval().unwrap().0, -4.01186142, 1e-8);
    assert_eq!(wide.clone().cut_to((0.0, 1.0)).interval(), Some((-1.0, 1.0)));
    assert_eq!(wide.clone().cut_to((0.0, 2.0)).interval(), Some((-2.0, 2.0)));
    assert_eq!(wide.clone().cut_to((0.0, f64::INFINITY)).interval(), wide.interval());
}

#[test]
fn sides_are_counted_in_patients() {
    let (names, _, truth) = example();
    // Of 40 patients 0, 3, ... 39 have the first class, two records each: 14; 13 have each of the others.
    let sides = Sides::new(&names, &["A", "B", "C"], &truth);
    let fewest = |rests| sides.support(rests).unwrap().to_string();
    assert_eq!(fewest(Rests::Both(Some("A"))), "14 patients with A");
    assert_eq!(
        (fewest(Rests::Both(None)), fewest(Rests::With(None))),
        ("13 patients with B".into(), "13 patients with B".into())
    );
    assert_eq!(fewest(Rests::Records), "40 patients");
    close("degrees of records", sides.degrees(Rests::Records), 39.0, 1e-12);
    close("degrees of a recall", sides.degrees(Rests::With(Some("B"))), 12.0, 1e-12);
    // (1/13 + 1/27)^2 / (1 / (13^2 12) + 1 / (27^2 26))
    close("degrees of an AUC", sides.degrees(Rests::Both(Some("B"))), 23.79182156, 1e-8);
    // A patient on both sides is on both; a class that none has is not averaged over; one without the class is too few.
    let few = Sides::new(&["a", "a", "b", "c"], &["A", "B"], &[true, false, false, false, true, false, true, false]);
    let support = few.support(Rests::Both(None)).unwrap();
    assert_eq!((support.to_string().as_str(), support.suffices()), ("1 patient without A", false));
    assert!(few.support(Rests::With(Some("B"))).is_none());
}

/// Against the formulas of the paper, pair by pair.
#[test]
fn areas_by_patient_are_obuchowskis() {
    for case in reference("clustered") {
        let truth: Vec<bool> = numbers(&case["truth"]).iter().map(|y| *y == 1.0).collect();
        let patients: Vec<usize> = numbers(&case["patients"]).iter().map(|of| *of as usize).collect();
        let of = |name: &str| area_by_patient(&numbers(&case[name]), &truth, &patients).unwrap();
        let (a, b) = (of("a"), of("b"));
        for (name, value) in [
            ("auc_a", a.auc),
            ("auc_b", b.auc),
            ("variance_a", a.variance()),
            ("variance_b", b.variance()),
            ("covariance", a.covariance(&b)),
        ] {
            close(name, value, case[name].as_f64().unwrap(), 1e-9);
        }
        assert!(a.influence.iter().sum::<f64>().abs() < 1e-12 * truth.len() as f64);
        let test = delong(&a, &b).unwrap();
        let expected = a.variance() + b.variance() - 2.0 * a.covariance(&b);
        close("variance of the difference", test.standard_error.powi(2), expected, 1e-9);
    }
}
