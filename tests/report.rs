//! Comparisons, lists of runs and the formats they are written in, from runs made by hand.

use ecgraft::compare::{Arm, Comparison, Delta, Selection, compare, select};
use ecgraft::report::format::{Csv, Json, Latex, Markdown, Table};
use ecgraft::report::runs::{self, Filter};
use ecgraft::report::{Format, ListFormat};
use ecgraft::statistics::Unmeasurable;
use ecgraft::store::{Run, StageStatus, TestClass, TestSet};

/// A done run from scratch.
fn scratch(seed: u64, auc: f64, accuracy: f64, f1: f64) -> Run {
    Run {
        run_id: format!("{seed:02}abcdef0123456789ab"),
        experiment: "first_look".into(),
        architecture: "cnn".into(),
        mix: None,
        graft: "scratch".into(),
        freeze: None,
        label_fraction: 0.1,
        variant: None,
        fold: None,
        seed,
        device: Some("cpu".into()),
        status: StageStatus::Done,
        error: None,
        started_at: Some("2026-05-04T13:30:00.000Z".into()),
        finished_at: Some("2026-05-04T13:37:12.345Z".into()),
        wall_s: Some(80.0),
        test_macro_auc: Some(auc),
        test_accuracy: Some(accuracy),
        test_macro_f1: Some(f1),
        manifest_sha256: "0".repeat(64),
        data_fingerprint: "f".into(),
        version: Some("0.1.0".into()),
        stage_id: "9".repeat(20),
        allow_overlap: None,
        frozen_at_best: None,
        test_errors: Vec::new(),
    }
}

/// A done run grafted from `qrs`.
fn grafted(seed: u64, auc: f64, accuracy: f64, f1: f64) -> Run {
    Run {
        run_id: format!("{seed:02}fedcba9876543210ab"),
        graft: "qrs".into(),
        mix: Some("half_real".into()),
        freeze: Some("probe".into()),
        ..scratch(seed, auc, accuracy, f1)
    }
}

fn unfinished(run: Run, status: StageStatus) -> Run {
    Run {
        status,
        error: (status == StageStatus::Failed).then(|| "the loss is not a number; lower the learning rate".into()),
        finished_at: None,
        wall_s: None,
        test_macro_auc: None,
        test_accuracy: None,
        test_macro_f1: None,
        ..run
    }
}

/// Two arms of three seeds, the grafted one first as in a plan.
fn runs() -> Vec<Run> {
    vec![
        grafted(0, 0.84, 0.75, 0.65),
        grafted(1, 0.85, 0.74, 0.61),
        grafted(2, 0.85, 0.79, 0.69),
        scratch(0, 0.80, 0.70, 0.60),
        scratch(1, 0.82, 0.72, 0.63),
        scratch(2, 0.81, 0.74, 0.66),
    ]
}

fn compared(runs: &[Run]) -> Comparison {
    compare(runs, &Selection { experiments: select(runs, &[]).unwrap(), ..Selection::default() })
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

#[test]
fn means_spreads_and_the_paired_difference_are_right() {
    let comparison = compared(&runs());
    let experiment = &comparison.experiments[0];
    assert_eq!((experiment.runs.planned, experiment.runs.done), (6, 6));
    let [base, graft] = &experiment.arms[..] else { panic!("two arms, not {}", experiment.arms.len()) };
    assert!(base.is_baseline() && base.delta == Delta::Baseline, "the baseline comes first");

    // Means by hand; sd = sqrt(sum (x - mean)^2 / (n - 1)): scratch AUC sqrt((1 + 1 + 0) 1e-4 / 2) = 0.01,
    // grafted AUC sqrt((4/9 + 1/9 + 1/9) 1e-4 / 2) = 0.01 / sqrt(3); the others with numpy.std(ddof=1).
    let spread = |arm: &Arm, metric: usize| arm.metrics[metric].as_ref().map(|summary| summary.spread);
    assert_eq!((base.judged, graft.judged), (spread(base, 0), spread(graft, 0)));
    for (spread, mean, sd) in [
        (base.judged, 0.81, 0.01),
        (spread(base, 1), 0.72, 0.02),
        (spread(base, 2), 0.63, 0.03),
        (graft.judged, 2.54 / 3.0, 0.01 / 3f64.sqrt()),
        (spread(graft, 1), 0.76, 0.026457513110645932),
        (spread(graft, 2), 0.65, 0.04),
    ] {
        let spread = spread.unwrap();
        assert_eq!(spread.n, 3);
        close(spread.mean, mean);
        close(spread.sd.unwrap(), sd);
    }

    // Differences 0.04, 0.03, 0.04: scipy 1.17.1, ttest_rel([0.84, 0.85, 0.85], [0.80, 0.82, 0.81])
    // .confidence_interval(0.95); that is 11/300 -+ 4.302652729749462 (0.01 / sqrt(3)) / sqrt(3).
    let difference = graft.delta.difference().unwrap();
    assert_eq!(difference.pairs, 3);
    close(difference.mean, 0.11 / 3.0);
    let (low, high) = difference.interval().unwrap();
    close(low, 0.02232449090083523);
    close(high, 0.05100884243249802);
    assert!(difference.excludes_zero());
}

#[test]
fn one_seed_has_a_mean_and_a_difference_but_no_spread_and_no_interval() {
    let comparison = compared(&[grafted(0, 0.84, 0.75, 0.65), scratch(0, 0.80, 0.70, 0.60)]);
    let arm = &comparison.experiments[0].arms[1];
    assert_eq!(arm.judged.unwrap().sd, None);
    let difference = arm.delta.difference().unwrap();
    assert_eq!((difference.pairs, difference.why_not()), (1, Some(&Unmeasurable::OneSeed)));
    assert!(!difference.excludes_zero());
    let table = Table::default().write(&comparison);
    assert!(table.contains("0.840 ± —*") && table.contains("  +0.040 ‡\n"), "{table}");
    assert!(table.contains("‡: no interval and no p, as there is one seed."), "{table}");
    assert!(!table.contains('†') && !table.contains("multiple comparisons"), "{table}");
    assert!(Latex.write(&comparison).contains("$\\mathbf{0.840} \\pm$ ---"));
}

#[test]
fn pairs_need_both_seeds_done_and_an_auc() {
    let mut runs = runs();
    runs[1].test_macro_auc = None; // seed 1, grafted: not defined
    let comparison = compared(&runs);
    let arm = &comparison.experiments[0].arms[1];
    assert_eq!((arm.judged.unwrap().n, arm.metrics[1].as_ref().unwrap().spread.n, arm.without_auc), (2, 3, 1));
    // Differences 0.04 and 0.04.
    let difference = arm.delta.difference().unwrap();
    assert_eq!(difference.pairs, 2);
    close(difference.mean, 0.04);
    let table = Table::default().write(&comparison);
    assert!(table.contains("(2 pairs)"), "{table}");
    assert!(table.contains("1 done run has no macro AUC"), "{table}");
    assert!(Csv.write(&comparison).contains(",3,3,0,,0.845,"), "mean of 0.84 and 0.85, three seeds");
}

#[test]
fn an_auc_that_no_run_has_is_a_dash() {
    let mut runs = runs();
    for run in &mut runs {
        run.test_macro_auc = None;
    }
    let comparison = compared(&runs);
    assert!(comparison.experiments[0].arms.iter().all(|arm| arm.judged.is_none()));
    assert_eq!(comparison.experiments[0].arms[1].delta, Delta::NoPairs);
    let markdown = Markdown.write(&comparison);
    assert!(markdown.contains("| 10% | 3 | — | 0.720 ± 0.020 | 0.630 ± 0.030 | baseline |"), "{markdown}");
    assert!(markdown.contains("6 done runs have no macro AUC"), "{markdown}");
}

#[test]
fn only_done_runs_count_and_the_others_are_told_of() {
    let mut runs = runs();
    runs[2] = unfinished(runs[2].clone(), StageStatus::Failed);
    runs[4] = unfinished(runs[4].clone(), StageStatus::Running);
    runs[5] = unfinished(runs[5].clone(), StageStatus::Pending);
    let comparison = compared(&runs);
    let experiment = &comparison.experiments[0];
    assert_eq!((experiment.arms[0].seeds.done, experiment.arms[1].seeds.done), (1, 2));
    close(experiment.arms[1].judged.unwrap().mean, 0.845);
    assert_eq!(experiment.arms[1].delta.difference().unwrap().pairs, 1, "seed 0 only");
    for text in [Table::default().write(&comparison), Markdown.write(&comparison)] {
        assert!(text.contains("3 of 6 runs done, 1 in work; 1 failed: see `ecgraft runs --status failed`"), "{text}");
        assert!(text.contains(" 2/3 ") && text.contains(" 1/3 "), "{text}");
    }
    let nothing: Vec<Run> = runs.into_iter().map(|run| unfinished(run, StageStatus::Pending)).collect();
    let table = Table::default().write(&compared(&nothing));
    assert!(table.contains("0 of 6 runs done") && table.contains(" 0/3 ") && !table.contains("±"), "{table}");
}

#[test]
fn without_a_baseline_there_is_no_difference() {
    let comparison = compared(&runs()[..3]);
    assert_eq!(comparison.experiments[0].arms[0].delta, Delta::NoBaseline);
    let table = Table::default().write(&comparison);
    assert!(table.contains("no baseline from scratch"), "{table}");
    assert!(!table.contains('*'), "one arm is not the best of its column: {table}");
    // A baseline of other labels or of another architecture is none.
    for other in [
        Run { label_fraction: 1.0, ..scratch(0, 0.9, 0.9, 0.9) },
        Run { architecture: "inception".into(), ..scratch(0, 0.9, 0.9, 0.9) },
        Run { experiment: "second".into(), ..scratch(0, 0.9, 0.9, 0.9) },
    ] {
        let comparison = compared(&[grafted(0, 0.8, 0.8, 0.8), other]);
        let arms = comparison.experiments.iter().flat_map(|experiment| &experiment.arms);
        let arm = arms.into_iter().find(|arm| !arm.is_baseline()).unwrap();
        assert_eq!(arm.delta, Delta::NoBaseline);
    }
}

#[test]
fn arms_come_in_the_order_of_the_plan_with_each_baseline_before_its_grafts() {
    let mut runs = Vec::new();
    // The order of a plan: mix, architecture, graft, freeze, fraction, seed; then baselines.
    for (mix, architecture) in [("m2", "z"), ("m2", "a"), ("m1", "z"), ("m1", "a")] {
        for (graft, freeze) in [("qrs", "probe"), ("qrs", "none"), ("hr", "probe")] {
            for label_fraction in [0.5, 0.1] {
                runs.push(Run {
                    mix: Some(mix.into()),
                    architecture: architecture.into(),
                    graft: graft.into(),
                    freeze: Some(freeze.into()),
                    label_fraction,
                    ..grafted(0, 0.8, 0.8, 0.8)
                });
            }
        }
    }
    for architecture in ["z", "a"] {
        for label_fraction in [0.5, 0.1] {
            runs.push(Run { architecture: architecture.into(), label_fraction, ..scratch(0, 0.7, 0.7, 0.7) });
        }
    }
    let comparison = compared(&runs);
    let keys: Vec<String> = comparison.experiments[0]
        .arms
        .iter()
        .map(|arm| {
            let name = |name: &Option<String>| name.clone().unwrap_or_default();
            format!(
                "{} {} {} {} {}",
                arm.architecture,
                arm.label_fraction,
                arm.graft,
                name(&arm.mix),
                name(&arm.freeze)
            )
        })
        .collect();
    assert_eq!(keys.len(), 28);
    assert_eq!(
        keys[..8],
        [
            "z 0.5 scratch  ",
            "z 0.5 qrs m2 probe",
            "z 0.5 qrs m2 none",
            "z 0.5 qrs m1 probe",
            "z 0.5 qrs m1 none",
            "z 0.5 hr m2 probe",
            "z 0.5 hr m1 probe",
            "z 0.1 scratch  ",
        ]
    );
    assert_eq!(keys[14], "a 0.5 scratch  ");
    assert_eq!(keys[27], "a 0.1 hr m1 probe");
}

#[test]
fn csv_and_json_have_all_digits_and_are_read_back() {
    let comparison = compared(&runs());
    let text = Csv.write(&comparison);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        header.join(","),
        "experiment,architecture,graft,mix,freeze,label_fraction,seeds,seeds_planned,seeds_failed,frozen_at_best,\
         test_macro_auc_mean,test_macro_auc_sd,test_macro_auc_seeds,test_macro_auc_low,test_macro_auc_high,test_macro_auc_unmeasurable,\
         test_accuracy_mean,test_accuracy_sd,test_accuracy_seeds,test_accuracy_low,test_accuracy_high,\
         test_accuracy_unmeasurable,test_macro_f1_mean,test_macro_f1_sd,test_macro_f1_seeds,test_macro_f1_low,\
         test_macro_f1_high,test_macro_f1_unmeasurable,delta_macro_auc,delta_low,delta_high,delta_pairs,delta_p,\
         delta_p_holm,delta_fewest_patients,delta_unmeasurable"
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    let cell = |row: usize, name: &str| rows[row][header.iter().position(|head| head == name).unwrap()].to_owned();
    assert_eq!((cell(0, "mix"), cell(0, "delta_macro_auc")), (String::new(), String::new()));
    assert_eq!((cell(1, "mix"), cell(1, "label_fraction")), ("half_real".into(), "0.1".into()));
    let arm = &comparison.experiments[0].arms[1];
    assert_eq!(cell(1, "test_macro_auc_mean").parse::<f64>().unwrap(), arm.judged.unwrap().mean);
    assert_eq!(cell(1, "delta_low").parse::<f64>().unwrap(), arm.delta.difference().unwrap().interval().unwrap().0);

    let rows: serde_json::Value = serde_json::from_str(&Json.write(&comparison)).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert!(rows[0]["delta_macro_auc"].is_null() && rows[0]["mix"].is_null());
    assert_eq!(rows[1]["test_macro_auc_mean"].as_f64().unwrap(), arm.judged.unwrap().mean);
    let mut keys: Vec<&String> = rows[1].as_object().unwrap().keys().collect();
    let mut names: Vec<&String> = header.iter().collect();
    keys.sort();
    names.sort();
    assert_eq!(keys, names, "one set of names");
    assert_eq!(Csv.write(&Comparison::default()).lines().count(), 1, "a header without rows");
}

#[test]
fn names_are_escaped_where_they_must_be() {
    let mut runs = runs();
    for run in &mut runs {
        run.experiment = "50%_of|it".into();
    }
    let comparison = compared(&runs);
    let latex = Latex.write(&comparison);
    assert!(latex.contains("half\\_real & probe & 10\\% & 3 & $\\mathbf{0.847 \\pm 0.006}$"), "{latex}");
    assert!(latex.contains("$+0.037\\ [0.022, 0.051]^\\dagger$"), "{latex}");
    assert!(latex.contains("50\\%\\_of$|$it") && latex.contains("\\toprule"), "{latex}");
    assert!(latex.lines().filter(|line| line.starts_with("cnn")).all(|line| line.ends_with("\\\\")), "{latex}");
    let bare = latex.lines().filter(|line| !line.starts_with('%'));
    assert!(bare.into_iter().all(|line| !line.contains("±") && !line.contains("Δ")), "{latex}");

    let markdown = Markdown.write(&comparison);
    assert!(markdown.contains("### 50%\\_of\\|it"), "{markdown}");
    let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.matches('|').count() == 12), "{markdown}");
    assert!(rows[3].contains("**0.847 ± 0.006**") && rows[3].contains("+0.037 [0.022, 0.051] †"), "{markdown}");
}

#[test]
fn a_table_keeps_within_its_columns_and_uses_no_escape_codes() {
    let mut runs = runs();
    for run in &mut runs[..3] {
        run.graft = "hr+pr+qt+qrs".into();
    }
    runs.push(Run { architecture: "inception_of_the_study".into(), ..scratch(0, 0.9, 0.9, 0.9) });
    let comparison = compared(&runs);
    for columns in [40, 60, 80, 100, 120, 200] {
        let table = Table { columns: Some(columns), colour: false }.write(&comparison);
        for line in table.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
        assert!(!table.contains('\x1b'));
        assert!(table.contains("0.847") && table.contains("+0.037"), "{columns}: {table}");
    }
}

#[test]
fn experiments_are_picked_by_glob_in_the_order_asked() {
    let named = |name: &str| Run { experiment: name.into(), ..scratch(0, 0.8, 0.8, 0.8) };
    let runs = [named("alpha"), named("beta-1"), named("beta-2")];
    assert_eq!(select(&runs, &[]).unwrap(), ["alpha", "beta-1", "beta-2"]);
    let globs = ["beta-2", "*a*"].map(String::from);
    assert_eq!(select(&runs, &globs).unwrap(), ["beta-2", "alpha", "beta-1"]);
    let error = select(&runs, &["gamma*".to_owned()]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(error.message, "no experiment is called `gamma*`; there are alpha, beta-1, beta-2");
    assert!(select(&[], &[]).unwrap_err().message.contains("`ecgraft run`"));
    let table = Table::default().write(&compared(&runs));
    assert_eq!(table.matches("baseline").count(), 3, "a table each: {table}");
}

#[test]
fn different_versions_and_devices_are_noted() {
    let mut runs = runs();
    runs[0].version = Some("0.2.0".into());
    runs[1].device = Some("cuda".into());
    let table = Table::default().write(&compared(&runs));
    assert!(table.contains("different versions of ecgraft: 0.2.0, 0.1.0."), "{table}");
    assert!(table.contains("different devices: cpu, cuda."), "{table}");
}

#[test]
fn absent_classes_are_told_below_the_table() {
    let class = |name: &str, positives, has_auc| TestClass { name: name.into(), positives, has_auc };
    let classes = vec![class("NORM", 30, true), class("MI", 0, false), class("CD", 11, true), class("HYP", 0, false)];
    let test_sets = [("first_look".into(), TestSet { records: 41, classes, ..TestSet::default() })].into();
    let selection = Selection { experiments: vec!["first_look".into()], test_sets, ..Selection::default() };
    let table = Table::default().write(&compare(&runs(), &selection));
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        table.contains("41 test records: 30 NORM, 0 MI, 11 CD, 0 HYP. MI and HYP cannot be measured on them:"),
        "{table}"
    );
    assert!(table.contains("macro AUC is over the other 2 of 4 classes."), "{table}");
}

#[test]
fn runs_are_listed_with_the_errors_of_those_that_failed() {
    let mut runs = runs();
    runs[2] = unfinished(runs[2].clone(), StageStatus::Failed);
    let all = Filter::default().apply(&runs).unwrap();
    let table = runs::write(&all, ListFormat::Table { columns: None });
    assert!(table.contains("\n00fedcba  first_look  "), "{table}");
    assert!(table.contains("cnn, qrs from half_real, freeze probe, 10% labels"), "{table}");
    assert!(table.contains("1m20s") && table.contains("2026-05-04 13:37"), "{table}");
    assert!(table.contains("the loss is not a number; lower the learning rate"), "{table}");
    for columns in [40, 80, 120] {
        let table = runs::write(&all, ListFormat::Table { columns: Some(columns) });
        assert!(table.lines().all(|line| line.chars().count() <= columns), "{columns}\n{table}");
    }

    let failed = Filter { status: Some(StageStatus::Failed), ..Filter::default() };
    assert_eq!(failed.apply(&runs).unwrap().len(), 1);
    let text = runs::write(&failed.apply(&runs).unwrap(), ListFormat::Csv);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let row = reader.records().next().unwrap().unwrap();
    assert_eq!(row.len(), reader.headers().unwrap().len());
    assert_eq!(&row[0], "02fedcba9876543210ab");

    let none = Filter { status: Some(StageStatus::Pending), ..Filter::default() }.apply(&runs).unwrap();
    assert_eq!(runs::write(&none, ListFormat::Table { columns: None }), "no such runs\n");
    assert_eq!(runs::write(&none, ListFormat::Csv).lines().count(), 1);
    assert_eq!(runs::write(&none, ListFormat::Json), "[]\n");
    let error = Filter { experiment: Some("second".into()), ..Filter::default() }.apply(&runs).unwrap_err();
    assert!(error.message.ends_with("there are first_look"), "{}", error.message);
}

/// The walks of `docs/adding` show files as they are.
#[test]
fn the_figure_of_the_walk_is_the_one_that_is_tested() {
    let walk = include_str!("../docs/adding/figure.md");
    let toy = include_str!("../src/report/figure/toy.rs");
    let (figure, _) = toy.split_once("\n#[cfg(test)]").unwrap();
    assert!(walk.contains(figure), "docs/adding/figure.md does not show src/report/figure/toy.rs as it is");
}
