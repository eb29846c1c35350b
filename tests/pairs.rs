//! Two arms compared: with a baseline that is named, every two along a key, and as a manifest planned; and that what is found
//! of two arms is of nothing else.

use std::collections::BTreeMap;

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::compare::{Arm, Baseline, Comparison, Key, Planned, Selection, SignificanceTest, TestResults, compare};
use ecgraft::manifest::{Against, ArmPattern, Axis, Comparisons, Correction, Labels, PlannedComparison};
use ecgraft::metrics::NamedMetric;
use ecgraft::report::Format;
use ecgraft::report::format::Table;
use ecgraft::store::{Run, StageStatus, TestPredictions};
use rusqlite::Connection;
use serde_json::Value;

/// Differences, p-values and Holm's correction by SciPy: see `pairs.py` beside it.
fn reference() -> Value {
    serde_json::from_str(include_str!("fixtures/statistics/pairs.json")).unwrap()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The runs of the reference.
fn runs(reference: &Value) -> Vec<Run> {
    let run = |found: &Value| {
        let (arm, seed) = (&found["arm"], found["seed"].as_u64().unwrap());
        let id = format!("{arm}{seed}");
        Run {
            run_id: id.clone(),
            experiment: "study".into(),
            architecture: "cnn".into(),
            graft: text(&arm[0]).unwrap(),
            mix: text(&arm[1]),
            freeze: text(&arm[2]),
            label_fraction: 1.0,
            seed,
            device: None,
            status: StageStatus::Done,
            error: None,
            started_at: None,
            finished_at: None,
            wall_s: None,
            test_macro_auc: found["value"].as_f64(),
            test_accuracy: None,
            test_macro_f1: None,
            manifest_sha256: String::new(),
            data_fingerprint: "f".into(),
            version: None,
            stage_id: id,
            allow_overlap: None,
            frozen_at_best: None,
            test_errors: Vec::new(),
            variant: None,
            fold: None,
        }
    };
    reference["runs"].as_array().unwrap().iter().map(run).collect()
}

fn selection() -> Selection {
    Selection { experiments: vec!["study".into()], ..Selection::default() }
}

/// What an arm is in the reference.
fn key(arm: &Arm) -> Value {
    serde_json::json!([arm.graft, arm.mix, arm.freeze])
}

/// That these differences, of the first arm from the second, are those of the reference, one for one.
#[track_caller]
fn agree(found: &[(&Arm, Value)], expected: &Value) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    for (arm, against) in found {
        let same = |one: &&Value| one["arm"] == key(arm) && one["against"] == *against;
        let one = expected.iter().find(same).unwrap_or_else(|| panic!("{} from {against}", key(arm)));
        let difference = arm.delta.difference().unwrap();
        assert_eq!(difference.pairs as u64, one["pairs"].as_u64().unwrap());
        let (low, high) = difference.interval().unwrap();
        let numbers = [difference.mean, low, high, difference.p().unwrap(), arm.holm.unwrap()];
        for (number, name) in numbers.into_iter().zip(["delta", "low", "high", "p", "holm"]) {
            let expected = one[name].as_f64().unwrap();
            assert!((number - expected).abs() < 1e-9, "{name} of {} from {against}: {number}, {expected}", key(arm));
        }
    }
}

fn pairs(comparison: &Comparison) -> Vec<(&Arm, Value)> {
    comparison.experiments[0].pairs.iter().map(|pair| (&pair.arm, key(&pair.against))).collect()
}

#[test]
fn every_two_along_a_key_and_a_named_baseline_are_as_scipy_has_them() {
    let (reference, runs) = (reference(), runs(&reference()));
    for (axis, name) in [(Key::Mix, "along_mix"), (Key::Graft, "along_graft")] {
        let found = compare(&runs, &Selection { against: Some(axis), ..selection() });
        agree(&pairs(&found), &reference[name]);
        assert_eq!(found.family, found.experiments[0].pairs.len(), "Holm is over what is shown");
        assert!(found.experiments[0].arms.iter().all(|arm| arm.holm.is_none()), "the table of arms is not shown");
    }
    // Without a second value there is nothing to compare.
    assert!(pairs(&compare(&runs, &Selection { against: Some(Key::Architecture), ..selection() })).is_empty());

    let baseline = Baseline::parse(&["graft=qrs,mix=simulated".into()]).unwrap();
    let found = compare(&runs, &Selection { baseline, ..selection() });
    let arms = &found.experiments[0].arms;
    let compared = arms.iter().filter(|arm| arm.delta.difference().is_some());
    let base = |arm: &Arm| serde_json::json!(["qrs", "simulated", arm.freeze]);
    agree(&compared.map(|arm| (arm, base(arm))).collect::<Vec<_>>(), &reference["baseline"]);
    let text = Table::default().write(&found).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Δ AUC vs qrs, simulated") && !text.contains("scratch with"), "{text}");
    assert!(text.contains("the arm with graft=qrs, mix=simulated that has the same architecture, freeze"), "{text}");
    // A network from scratch has no freeze, so that it is like neither; where the freeze is named it is compared.
    assert!(text.contains("Δ is — where no arm with graft=qrs, mix=simulated is like it in all else."), "{text}");
    let named = Baseline::parse(&["graft=qrs,mix=simulated".into(), "freeze=none".into()]).unwrap();
    let found = compare(&runs, &Selection { baseline: named, ..selection() });
    let scratch = found.experiments[0].arms.iter().find(|arm| arm.graft == "scratch").unwrap();
    let along_graft = reference["along_graft"].as_array().unwrap();
    let mirrored =
        along_graft.iter().find(|one| one["arm"] == serde_json::json!(["qrs", "simulated", "none"])).unwrap();
    let difference = scratch.delta.difference().unwrap();
    assert!((difference.mean + mirrored["delta"].as_f64().unwrap()).abs() < 1e-12);
}

fn pattern(graft: Option<&str>, mix: Option<&str>, freeze: Option<&str>) -> ArmPattern {
    let [graft, mix, freeze] = [graft, mix, freeze].map(|name| name.map(str::to_owned));
    ArmPattern { graft, mix, freeze, ..ArmPattern::default() }
}

fn planned(name: &str, arm: ArmPattern, against: Against) -> PlannedComparison {
    PlannedComparison { name: name.into(), arm, against, metric: None }
}

#[test]
fn planned_families_are_corrected_each_on_its_own() {
    let (reference, runs) = (reference(), runs(&reference()));
    let plan = |correction| Comparisons {
        correction,
        primary: vec![planned(
            "simulator against DeepFake",
            pattern(Some("qrs"), Some("simulated"), None),
            Against::Arm(pattern(Some("qrs"), Some("deepfake"), None)),
        )],
        secondary: vec![
            planned("frozen", pattern(None, Some("real"), Some("probe")), Against::Axis(Axis::Scratch)),
            planned("targets", pattern(None, Some("real"), Some("none")), Against::Axis(Axis::Graft)),
        ],
    };
    let shown = |correction| {
        let plan = Planned { plan: plan(correction), reads_records: false, targets: Vec::new() };
        let has_plan = ["study".to_owned()].into();
        compare(&runs, &Selection { planned: BTreeMap::from([("study".into(), plan)]), has_plan, ..selection() })
    };
    let found = shown(Correction::Holm);
    let families = &found.experiments[0].planned;
    assert_eq!(
        families.iter().map(|family| (family.name, family.size)).collect::<Vec<_>>(),
        [("primary", 2), ("secondary", 3)]
    );
    for family in families {
        let pairs: Vec<_> = family.pairs.iter().map(|pair| (&pair.arm, key(&pair.against))).collect();
        agree(&pairs, &reference[family.name]);
    }
    let text = Table::default().write(&found);
    let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for piece in [
        "study: primary comparisons, as planned (architecture cnn, graft qrs, labels 100%)",
        "study: secondary comparisons, as planned",
        "study (exploratory, not planned)",
        "Holm's method for the 2 comparisons of the primary family, and for nothing else",
        "Holm's method for the 3 comparisons of the secondary family, and for nothing else",
        "In the other tables p is corrected by Holm's method for all 12 differences in them",
    ] {
        assert!(said.contains(piece), "{piece}\n{text}");
    }
    let places: Vec<usize> =
        ["primary comp", "secondary comp", "exploratory, not"].map(|name| text.find(name).unwrap()).into();
    assert!(places.is_sorted(), "{text}");
    for columns in [60, 80, 100] {
        let table = Table { columns: Some(columns), colour: false }.write(&found);
        assert!(table.lines().all(|line| line.chars().count() <= columns), "{columns}\n{table}");
    }
    let uncorrected = shown(Correction::None);
    for pair in uncorrected.experiments[0].planned.iter().flat_map(|family| &family.pairs) {
        assert_eq!(pair.arm.holm, pair.arm.delta.difference().unwrap().p());
    }
    assert!(Table::default().write(&uncorrected).contains("p is not corrected, as planned."));
}

/// Two networks on the records of forty patients, and a third whose probabilities are no numbers.
#[test]
fn what_cannot_be_resampled_says_nothing_of_others() {
    let truth: Vec<bool> = (0..80).map(|at| (at / 2) % 2 == at % 2).collect();
    let names: Vec<String> = (0..40).map(|record| format!("record {record:02}")).collect();
    let scores = |more: usize| (0..80).map(|at| ((at * 13 + more * 29) % 31) as f64 / 31.0).collect::<Vec<f64>>();
    let set = |stages: Vec<(String, Vec<f64>)>| TestPredictions {
        labels: Labels::Multi,
        classes: vec!["A".into(), "B".into()],
        records: names.clone(),
        patients: names.clone(),
        patients_known: true,
        facts: Vec::new(),
        truth: truth.clone(),
        numbers: None,
        stages,
    };
    let reference = reference();
    let runs: Vec<Run> = runs(&reference).into_iter().filter(|run| run.freeze.as_deref() != Some("probe")).collect();
    let stages: Vec<(String, Vec<f64>)> =
        runs.iter().enumerate().map(|(place, run)| (run.stage_id.clone(), scores(place))).collect();
    let metrics = vec![NamedMetric::parse("macro_auc")];
    let shown = |sets: Vec<TestPredictions>| {
        let test_results = TestResults::new(sets, &metrics, 200);
        let test = SignificanceTest::Bootstrap;
        let found = compare(
            &runs,
            &Selection { test, test_results, against: Some(Key::Mix), metrics: metrics.clone(), ..selection() },
        );
        let p = |(arm, _): &(&Arm, Value)| arm.delta.difference().unwrap().p().unwrap().to_bits();
        pairs(&found).iter().map(p).collect::<Vec<_>>()
    };
    let alone = shown(vec![set(stages.clone())]);
    let broken = ("another".to_owned(), vec![f64::NAN; 80]);
    assert_eq!(shown(vec![set([vec![broken.clone()], stages.clone()].concat())]), alone);
    // In pieces, in another order, beside networks that were tested on other records.
    let mut other = set(vec![("third".to_owned(), scores(1))]);
    other.truth.rotate_left(1);
    let (first, last) = stages.split_at(7);
    assert_eq!(shown(vec![other, set(last.to_vec()), set(vec![broken]), set(first.to_vec())]), alone);
}

/// A study with two mixes, and what `[comparisons]` says.
fn study(name: &str, comparisons: &str) -> String {
    let manifest = tiny(name, &sample(), "[mixes.sim]\nparts = [{ source = \"simulated\" }]");
    manifest.replace("mix = [\"half\"]", "mix = [\"half\", \"sim\"]") + comparisons
}

const PLAN: &str = r#"
[[comparisons.primary]]
name = "mixes"
arm = { graft = "hr", mix = "half" }
against = { mix = "sim" }
[[comparisons.primary]]
name = "helps"
arm = { mix = "sim", freeze = "none" }
against = "scratch"
[[comparisons.secondary]]
name = "infarction"
against = "freeze"
metric = "auc:MI"
"#;

fn json(bench: &Workbench, arguments: &[&str]) -> Vec<Value> {
    let said = bench.run(&[&["compare"], arguments, &["--format", "json"]].concat()).ok();
    serde_json::from_str::<Value>(&said).unwrap().as_array().unwrap().clone()
}

/// What was found of each difference, without its correction.
fn uncorrected(rows: &[Value]) -> Vec<[String; 6]> {
    let of = |row: &Value| {
        ["graft", "mix", "freeze", "delta_p", "delta_low", "delta_high"].map(|name| row[name].to_string())
    };
    rows.iter().filter(|row| row["experiment"] == "study").map(of).collect()
}

#[test]
fn a_p_value_is_the_same_whatever_else_the_store_has() {
    let bench = Workbench::new("same-p");
    bench.write("study.toml", &study("study", ""));
    bench.run(&["run", "study.toml"]).ok();
    let questions: [&[&str]; 4] = [&[], &["--against", "mix"], &["--baseline", "mix=sim"], &["--test", "t"]];
    let ask = |more: &[&str]| questions.map(|question| uncorrected(&json(&bench, &[question, more].concat())));
    let alone = ask(&[]);
    assert!(alone.iter().flatten().any(|row| row[3] != "null"));

    // Other experiments: of the same records with other seeds and arms, with one label each, and of classes that are called
    // the same and are others.
    let more =
        study("more", "").replace("seed = [0, 1]", "seed = [0, 1, 2]").replace("[[\"hr\"]]", "[[\"qrs\"], [\"hr\"]]");
    bench.write("more.toml", &more);
    let single = study("a-single", "").replace("labels = \"multi\"", "labels = \"single\"");
    bench.write("single.toml", &single);
    let classes =
        "labels = \"multi\"\nclasses = { NORM = \"MI\", MI = \"NORM\", STTC = \"CD\", CD = \"STTC\", HYP = \"HYP\" }";
    bench.write("classes.toml", &study("a-other", "").replace("labels = \"multi\"", classes));
    bench.run(&["run", "more.toml", "single.toml", "classes.toml"]).ok();
    // And a crowd: more than a thousand runs, which are those of the study once more.
    let connection = Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
    connection
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 110)
             INSERT INTO trial (run_id, experiment, manifest_sha256, architecture, mix, graft, freeze, label_fraction, seed,
                                stage_id, position, current)
             SELECT run_id || '-' || i, 'crowd' || i, manifest_sha256, architecture, mix, graft, freeze, label_fraction, seed,
                    stage_id, position, current
             FROM trial, n WHERE experiment = 'study'",
        )
        .unwrap();
    drop(connection);
    assert!(bench.number("SELECT count(*) FROM runs WHERE status = 'done'") > 1000.0);
    assert_eq!(ask(&["study"]), alone, "named alone");
    assert_eq!(ask(&[]), alone, "among all");
    assert_eq!(ask(&["study", "more", "a-*"]), alone, "among some");
    // What the command names decides the correction, and that alone.
    let corrected = |rows: Vec<Value>| {
        rows.iter().find(|row| row["experiment"] == "study" && row["freeze"] == "none").cloned().unwrap()
    };
    let (few, many) = (corrected(json(&bench, &["study"])), corrected(json(&bench, &[])));
    assert_eq!(few["delta_p"], many["delta_p"]);
    assert!(few["delta_p_holm"].as_f64() <= many["delta_p_holm"].as_f64());
    let only = corrected(json(&bench, &["study", "--only", "mix=half", "--only", "freeze=none"]));
    assert_eq!((&only["delta_p"], &only["delta_p_holm"]), (&few["delta_p"], &few["delta_p"]), "a family of one");
}

/// Holm's method by its definition: the i-th smallest of m times m - i + 1, no less than that before it.
fn holm(mut p: Vec<f64>) -> Vec<f64> {
    p.sort_by(f64::total_cmp);
    let (count, mut least) = (p.len(), 0f64);
    let step = |(rank, p): (usize, f64)| {
        least = least.max((p * (count - rank) as f64).min(1.0));
        least
    };
    p.into_iter().enumerate().map(step).collect()
}

#[test]
fn a_plan_is_shown_first_and_kept_with_the_results() {
    let bench = Workbench::new("planned");
    let path = bench.write("study.toml", &study("study", PLAN));
    let ran = bench.run(&["run", "study.toml"]).ok();
    let [primary, secondary, rest] =
        ["study: primary comparisons, as planned", "study: secondary", "study (exploratory"]
            .map(|title| ran.find(title).unwrap_or_else(|| panic!("{title}\n{ran}")));
    assert!(primary < secondary && secondary < rest, "{ran}");
    let stages = bench.number("SELECT count(*) FROM stage");
    let trained = bench.ask("SELECT stage_id, finished_at FROM stage ORDER BY stage_id");

    // It is in the store, not in the file.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(bench.run(&["compare"]).ok(), ran);
    let rows = json(&bench, &["--planned"]);
    // Two freezes; a scratch and a graft; two mixes.
    let of = |family: &str| rows.iter().filter(|row| row["family"] == family).cloned().collect::<Vec<_>>();
    assert_eq!((of("primary").len(), of("secondary").len(), rows.len()), (3, 2, 5));
    for family in ["primary", "secondary"] {
        let sorted = |name: &str| {
            let mut values: Vec<f64> = of(family).iter().map(|row| row[name].as_f64().unwrap()).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        assert_eq!(sorted("delta_p_corrected"), holm(sorted("delta_p")));
    }
    assert!(of("secondary").iter().all(|row| row["metric"] == "auc:MI" && row["freeze"] == "probe"));
    // The same as where it is asked for, if not its correction.
    let asked = json(&bench, &["--against", "freeze", "--metric", "auc:MI"]);
    let p = |rows: &[Value]| rows.iter().map(|row| row["delta_p"].to_string()).collect::<Vec<_>>();
    assert_eq!(p(&of("secondary")), p(&asked));
    for arguments in
        [&["--against", "mix"][..], &["--only", "mix=half"], &["--baseline", "mix=sim"], &["--metric", "brier"]]
    {
        let said = bench.run(&[&["compare"], arguments].concat()).ok();
        assert!(said.contains("exploratory, not planned") && said.contains("`ecgraft compare study` shows"), "{said}");
        assert!(!said.contains("as planned"), "{said}");
    }
    assert!(json(&bench, &[]).iter().all(|row| row["exploratory"] == true));
    for format in ["markdown", "latex", "typst", "csv"] {
        let said = bench.run(&["compare", "--format", format]).ok();
        assert_eq!(said.contains("primary comparisons"), format != "csv", "{format}\n{said}");
        let said = bench.run(&["compare", "--planned", "--format", format]).ok();
        assert!(said.contains("mixes") && !said.contains("vs scratch"), "{format}\n{said}");
        let said = bench.run(&["compare", "--against", "mix", "--format", format]).ok();
        assert!(said.contains("half") && said.contains("sim"), "{format}\n{said}");
    }
    figures_and_page(&bench);

    // Planned otherwise: nothing is trained again, and the plan is the new one.
    bench.write(
        "study.toml",
        &study(
            "study",
            "\n[comparisons]\ncorrection = \"none\"\nprimary = [{ name = \"one\", against = \"scratch\" }]\n",
        ),
    );
    let again = bench.run(&["run", "study.toml"]).ok();
    assert!(again.contains("p is not corrected, as planned") && !again.contains("secondary comparisons"), "{again}");
    assert_eq!(bench.number("SELECT count(*) FROM stage"), stages);
    assert_eq!(bench.ask("SELECT stage_id, finished_at FROM stage ORDER BY stage_id"), trained);
    bench.write("study.toml", &study("study", ""));
    let none = bench.run(&["run", "study.toml"]).ok();
    assert!(!none.contains("planned") && none.contains("Δ AUC vs scratch"), "{none}");
    bench.run(&["compare", "--planned"]).users_fault(&["no comparison was planned", "[comparisons]"]);
    bench.run(&["plot", "planned"]).users_fault(&["its manifest planned no comparison"]);
}

fn figures_and_page(bench: &Workbench) {
    let planned = bench.run(&["plot", "planned"]).ok();
    assert!(planned.contains("primary: ") && planned.contains("mixes"), "{planned}");
    let forest = bench.run(&["plot", "forest", "--against", "mix"]).ok();
    assert!(forest.contains("sim against half") && forest.contains("tiny, hr, freeze probe, 100% labels"), "{forest}");
    let forest = bench.run(&["plot", "forest", "--baseline", "mix=sim"]).ok();
    assert!(forest.contains("from the arm with mix=sim") && !forest.contains("from scratch"), "{forest}");
    bench.run(&["plot", "roc", "--against", "mix"]).users_fault(&["--against", "ecgraft plot forest"]);
    let page = |arguments: &[&str]| bench.run(&[&["report"], arguments].concat()).ok();
    let usual = page(&[]);
    for piece in
        ["e1-planned\"", "Planned comparisons", "e1-planned-differences", "exploratory, not planned", "e1-forest"]
    {
        assert!(usual.contains(piece), "{piece}");
    }
    let against = page(&["--against", "mix"]);
    assert!(against.contains("every two of mix") && against.contains("id=\"e1-pairs\""));
    assert!(!against.contains("id=\"e1-forest\"") && !against.contains("vs scratch"));
    assert!(page(&["--baseline", "mix=sim"]).contains("Δ AUC vs sim"));
}

#[test]
fn what_there_is_not_is_told_with_what_there_is() {
    let bench = Workbench::new("no-pairs");
    bench.write("study.toml", &study("study", ""));
    bench.run(&["run", "study.toml"]).ok();
    for (arguments, says) in [
        (&["--baseline", "mix=sym"][..], &["--baseline mix=sym: no run has this mix", "did you mean `sim`?"][..]),
        (&["--baseline", "mixx=sim"], &["`mixx`", "did you mean `mix`?"]),
        (&["--baseline", "sim"], &["`sim` is not KEY=VALUE"]),
        (&["--baseline", "seed=0"], &["seed by seed", "architecture, graft"]),
        (&["--baseline", "graft=scratch,mix=sim"], &["no run has all of these"]),
        (&["--baseline", "mix=sim,half", "--only", "graft=hr"], &["no other arm has the same"]),
        (
            &["--baseline", "freeze=none,mix=sim,half,graft=hr"],
            &["2 arms are that to", "from half", "from sim", "name one"],
        ),
        (&["--baseline", "label_fraction=1"], &["no other arm has the same", "architecture"]),
        (&["--against", "graf"], &["`graf`", "did you mean `graft`?"]),
        (&["--against", "architecture"], &["there is one architecture alone, tiny"]),
        (&["--against", "mix", "--only", "graft=scratch"], &["no run has a mix"]),
        (&["--against", "mix", "--baseline", "mix=sim"], &["--baseline"]),
        (&["--against", "mix", "--by", "graft"], &["--by"]),
    ] {
        bench.run(&[&["compare"], arguments].concat()).users_fault(says);
    }
    // Several words, or one word with commas, are one baseline; values are those of --only.
    let once = bench.run(&["compare", "--baseline", "graft=h*,mix=sim"]).ok();
    assert!(once.contains("Δ AUC vs h*, sim"), "{once}");
}

#[test]
fn a_plan_is_checked_against_the_trials() {
    let bench = Workbench::new("plan-checks");
    let one = |lines: &str| study("study", &format!("\n[[comparisons.primary]]\nname = \"one\"\n{lines}\n"));
    for (lines, says) in [
        (
            "arm = { graft = \"hrr\" }\nagainst = \"scratch\"",
            &["42:17", "no trial has the graft `hrr`", "did you mean `hr`?"][..],
        ),
        ("arm = { mix = \"sym\" }\nagainst = \"scratch\"", &["no mix is called `sym`", "did you mean `sim`?"]),
        ("arm = { label_fraction = 0.1 }\nagainst = \"scratch\"", &["no trial has the label_fraction `0.1`", "`1`"]),
        (
            "arm = { graft = \"scratch\", mix = \"sim\" }\nagainst = \"scratch\"",
            &["no trial has all of graft = scratch, mix = sim"],
        ),
        ("against = { graft = \"scratch\", freeze = \"probe\" }", &["no trial has all of", "the nearest has"]),
        ("against = {}", &["names no arm"]),
        ("against = \"mixs\"", &["unknown key `mixs`", "did you mean `mix`?"]),
        ("against = \"architecture\"", &["nothing to compare with", "architecture"]),
        ("arm = { graft = \"scratch\" }\nagainst = \"freeze\"", &["no two of its arms differ in their freeze"]),
        ("arm = { mix = \"sim\" }\nagainst = { mix = \"sim\" }", &["nothing to compare with"]),
        ("arm = { mix = \"sim\" }", &["needs the key `against`"]),
        ("against = \"scratch\"\nmetrics = \"auc\"", &["unknown key `metrics`", "did you mean `metric`?"]),
        (
            "against = \"scratch\"\nmetric = \"macro_acu\"",
            &["43:10", "no metric is called `macro_acu`", "did you mean `macro_auc`?"],
        ),
        ("against = \"scratch\"\nmetric = \"auc:IM\"", &["no class is called `IM`", "did you mean `MI`?"]),
        ("against = \"scratch\"\nmetric = \"mae:hr\"", &["before they are grafted"]),
        ("against = 3", &["a word in quotes or a table"]),
        ("against = \"mix\"\n[comparisons.tertiary]", &["unknown key `tertiary`"]),
    ] {
        bench.write("study.toml", &one(lines));
        bench.run(&["check", "study.toml"]).users_fault(says);
    }
    bench.write("study.toml", &study("study", PLAN));
    bench.run(&["check", "study.toml"]).ok();
    bench.write("study.toml", &one("against = \"scratch\"\nmetric = \"macro_acu\""));
    bench.run(&["run", "study.toml"]).users_fault(&["macro_acu", "nothing is left to run"]);
}

#[test]
fn an_architecture_is_an_axis_as_well() {
    let mut runs = runs(&reference());
    for run in &mut runs {
        run.architecture = run.freeze.take().unwrap_or_else(|| "none".into());
    }
    let found = compare(&runs, &Selection { against: Some(Key::Architecture), ..selection() });
    assert_eq!(found.experiments[0].pairs.len(), 6, "graft by mix");
}

/// Any key is an axis, variants too; folds that are tested in turn are pooled within their seed.
#[test]
fn variants_are_an_axis_and_folds_are_pooled() {
    let bench = Workbench::new("pairs-variants");
    let plan = "\n[variants.fast]\n\"transfer.optimizer.learning_rate\" = 0.02\n[[comparisons.primary]]\nname = \"rate\"\n\
                arm = { variant = \"fast\", freeze = \"none\" }\nagainst = { variant = \"base\" }\n";
    let manifest = tiny("study", &sample(), "") + "fold = [9, 10]\n" + plan;
    bench.write("study.toml", &manifest);
    let ran = bench.run(&["run", "study.toml"]).ok();
    assert!(ran.contains("primary comparisons, as planned"), "{ran}");
    let planned = json(&bench, &["--planned"]);
    assert_eq!(planned.len(), 1, "{planned:#?}");
    let all = json(&bench, &["--against", "variant"]);
    let same = |row: &&Value| row["freeze"] == "none" && row["graft"] == "hr";
    let one = all.iter().find(same).unwrap();
    for name in ["delta", "delta_p", "delta_pairs", "mean", "against_mean"] {
        assert_eq!(one[name], planned[0][name], "{name}");
    }
    assert_eq!(
        (&one["variant"], &one["against_variant"], &one["delta_pairs"]),
        (&"fast".into(), &"base".into(), &2.into())
    );
    // The mean over seeds of the mean over folds, of the values that the store has.
    let mean = |variant: &str| {
        let sql = format!(
            "SELECT avg(auc) FROM (SELECT avg(test_macro_auc) AS auc FROM runs
             WHERE graft = 'hr' AND freeze = 'none' AND variant = '{variant}' GROUP BY seed)"
        );
        bench.number(&sql)
    };
    assert!((one["delta"].as_f64().unwrap() - (mean("fast") - mean("base"))).abs() < 1e-12);
    // Told apart, folds are an axis like others: a network is tested on other records then.
    assert!(json(&bench, &["--against", "fold"]).iter().all(|row| row["fold"] == 10 || row["fold"] == "10"));
    let baseline = json(&bench, &["--baseline", "variant=base"]);
    let one = baseline.iter().find(|row| row["variant"] == "fast" && row["freeze"] == "none").unwrap();
    assert_eq!(one["delta_p"], planned[0]["delta_p"]);
}
