//! A study from manifest to table, as a user sees it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::workbench::{Said, Workbench, sample, tiny};
use ecgraft::store::Cell;

#[test]
fn a_study_runs_once_and_is_found_done() {
    let bench = Workbench::new("study");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), ""));
    bench.write("experiments/elsewhere.toml", &tiny("elsewhere", "$ECG_DATA".as_ref(), ""));

    let plan = bench.run(&["plan"]).ok();
    assert!(
        plan.contains("8 distinct stages: 2 regressions (grafted 4 times) and 6 transfers; 0 done, 8 to run"),
        "{plan}"
    );
    assert!(!bench.path.join("results/ecgraft.sqlite").exists(), "planning writes no store");

    let first = bench.run(&["run"]);
    assert!(first.err.contains("elsewhere") && first.err.contains("$ECG_DATA is not set"), "{}", first.err);
    assert!(!first.err.contains('\u{1b}') && !first.err.contains('\r'), "calm when piped");
    let table = first.ok();
    for word in ["scratch", "half", "none", "probe", "AUC", "accuracy", "F1"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let trained = bench.ask("SELECT stage_id, finished_at FROM stages ORDER BY stage_id");
    assert_eq!(trained.len(), 8);

    let again = bench.run(&["run"]);
    assert_eq!(again.out, table);
    assert_eq!(
        bench.ask("SELECT stage_id, finished_at FROM stages ORDER BY stage_id"),
        trained,
        "nothing was done again"
    );
    assert!(bench.run(&["plan"]).ok().contains("8 done, 0 to run"));

    // Everything has an address.
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE status = 'done' AND test_macro_auc BETWEEN 0 AND 1"), 6.0);
    // Two regressions and six transfers at two epochs; each grafted run has its regression's curve too.
    assert_eq!(bench.number("SELECT count(*) FROM (SELECT DISTINCT run_id, stage_id FROM epochs)"), 6.0 + 4.0);
    assert_eq!(bench.number("SELECT count(*) FROM regression WHERE target = 'hr' AND split = 'test' AND mae > 0"), 2.0);
    // 72 test records, five classes, six runs.
    assert_eq!(bench.number("SELECT count(*) FROM predictions"), 72.0 * 5.0 * 6.0);
    assert_eq!(bench.number("SELECT count(*) FROM predictions WHERE class = 'MI' AND label = 1"), 16.0 * 6.0);
    let run = match &bench.ask("SELECT run_id FROM runs WHERE freeze = 'probe' ORDER BY run_id")[0][0] {
        Cell::Text(run) => run.clone(),
        other => panic!("{other:?}"),
    };
    let shown = bench.run(&["show", &run[..8]]).ok();
    for piece in [
        run.as_str(),
        "regression of hr on half",
        "mix half: 30 of simulated, 30 of ptbxl",
        "bpm",
        "72 to test",
        "weights: checkpoints/",
        "HYP",
    ] {
        assert!(shown.contains(piece), "{piece}: {shown}");
    }
    assert_eq!(bench.run(&["show", &run, "--manifest"]).ok(), tiny("tiny", &sample(), ""));
    assert!(bench.run(&["runs"]).ok().contains(&run[..8]));
    let csv = bench.run(&["query", "SELECT count(*) AS n FROM runs", "--format", "csv"]).ok();
    assert_eq!(csv, "n\n6\n");
    let csv = bench.run(&["compare", "--format", "csv"]).ok();
    assert_eq!(csv.lines().count(), 1 + 3 + 1, "three arms, and the commonest class alone: {csv}");

    // A study with one more seed trains that seed only.
    let longer = tiny("tiny", &sample(), "").replace("seed = [0, 1]", "seed = [0, 1, 2]");
    bench.write("experiments/tiny.toml", &longer);
    assert!(bench.run(&["run", "--dry-run"]).ok().contains("8 done, 4 to run"));
}

#[test]
fn mixes_with_conditions_and_a_curriculum_show_what_they_are_made_of() {
    let bench = Workbench::new("mixes");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests/mixes.toml");
    bench.run(&["run", manifest.to_str().unwrap()]).ok();
    let text = |value: &str| Cell::Text(value.into());
    let parts =
        bench.ask("SELECT mix, part, source, filter, from_epoch, until_epoch FROM composition ORDER BY mix, part");
    let folds = "folds 1, 2, 3, 4";
    assert_eq!(
        parts,
        [
            [text("half-a"), Cell::Integer(1), text("ptbxl"), text(folds), Cell::Integer(1), Cell::Null].to_vec(),
            [
                text("simulated-first"),
                Cell::Integer(1),
                text("simulated"),
                text("hr >= 50 and qrs < 120; at most 30"),
                Cell::Integer(1),
                Cell::Integer(2)
            ]
            .to_vec(),
            [
                text("simulated-first"),
                Cell::Integer(2),
                text("ptbxl"),
                text("folds 1, 2, 3, 4; age >= 40 and not MI"),
                Cell::Integer(2),
                Cell::Null
            ]
            .to_vec(),
        ]
    );
    // Of each of folds 1 to 4 the sample has 24 records; 5 of them have MI (its README).
    assert_eq!(bench.number("SELECT train + validation + test FROM composition WHERE mix = 'half-a'"), 96.0);
    let older = bench.number("SELECT offered FROM composition WHERE source = 'ptbxl' AND mix = 'simulated-first'");
    assert!((1.0..=76.0).contains(&older), "{older}");
    assert_eq!(bench.number("SELECT max(train + validation + test) FROM composition WHERE source = 'simulated'"), 30.0);
    assert_eq!(bench.number("SELECT count(*) FROM composition WHERE lowest < mean AND mean < highest AND sd > 0"), 3.0);

    let show = |mix: &str| match &bench.ask(&format!("SELECT run_id FROM runs WHERE mix = '{mix}'"))[0][0] {
        Cell::Text(run) => bench.run(&["show", run]).ok(),
        other => panic!("{other:?}"),
    };
    let shown = show("simulated-first");
    let line =
        |text: &str, word: &str| text.lines().find(|line| line.trim().starts_with(word)).map(str::to_owned).unwrap();
    for (word, pieces) in [
        ("source ", &["records", "epochs", "train", "validation", "test", "patients", "hr, bpm"] as &[_]),
        ("simulated ", &["hr >= 50 and qrs < 120; at most 30", "1 to 2", " ± ", " to "]),
        ("ptbxl ", &["folds 1, 2, 3, 4; age >= 40 and not MI", "from 2"]),
    ] {
        let line = line(&shown, word);
        assert!(pieces.iter().all(|piece| line.contains(piece)), "{line}");
    }
    assert!(!line(&show("half-a"), "source ").contains("epochs"), "there is no curriculum");
    assert!(bench.run(&["plan", manifest.to_str().unwrap()]).ok().contains("4 done, 0 to run"));
}

#[test]
fn a_probe_leaves_the_grafted_backbone_as_it_was_bit_for_bit() {
    let bench = Workbench::new("probe");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), ""));
    bench.run(&["run"]).ok();
    let weights = |id: &Cell| -> BTreeMap<String, Vec<u8>> {
        let Cell::Text(id) = id else { panic!("{id:?}") };
        let bytes = std::fs::read(bench.path.join("results").join(id)).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        tensors.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect()
    };
    for (freeze, still) in [("probe", true), ("none", false)] {
        let pairs = bench.ask(&format!(
            "SELECT t.checkpoint, g.checkpoint FROM runs r JOIN stages t ON t.stage_id = r.stage_id
             JOIN run_stages s ON s.run_id = r.run_id JOIN stages g ON g.stage_id = s.stage_id AND g.kind = 'regression'
             WHERE r.freeze = '{freeze}'"
        ));
        assert_eq!(pairs.len(), 2);
        for pair in pairs {
            let (classifier, regressor) = (weights(&pair[0]), weights(&pair[1]));
            let shared: Vec<&String> = regressor.keys().filter(|name| name.contains("block")).collect();
            assert!(shared.iter().any(|name| name.contains("running_var")), "{:?}", regressor.keys());
            assert_eq!(shared.iter().all(|name| classifier[*name] == regressor[*name]), still, "{freeze}");
        }
    }
}

#[test]
fn results_do_not_depend_on_threads_and_jobs() {
    let bench = Workbench::new("threads");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), ""));
    let sql = "SELECT r.run_id, p.record_id, p.class, p.probability FROM runs r JOIN predictions p USING (run_id) ORDER BY 1, 2, 3";
    let mut answers = Vec::new();
    for (threads, jobs) in [("1", "1"), ("2", "1"), ("3", "2")] {
        let _ = std::fs::remove_dir_all(bench.path.join("results"));
        bench.run(&["run", "--threads", threads, "--jobs", jobs]).ok();
        answers.push(bench.ask(sql));
    }
    assert_eq!(answers[0].len(), 6 * 72 * 5);
    assert!(answers[0] == answers[1] && answers[0] == answers[2]);
}

/// Starts a study that takes a while, waits until some of it is done, and sends `signal`.
fn stop_midway(bench: &Workbench, signal: &str) -> Said {
    let long = tiny("tiny", &sample(), "")
        .replace("[transfer]", "early_stopping = { patience = 200 }\n[transfer]")
        .replace("epochs = 2", "epochs = 25");
    bench.write("experiments/tiny.toml", &long);
    let mut command = bench.command(&["run", "--jobs", "1"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let done = || {
        bench.path.join("results/ecgraft.sqlite").exists()
            && bench.number("SELECT count(*) FROM stages WHERE status = 'done'") >= 2.0
    };
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "too slow to stop midway");
        std::thread::sleep(Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    Said::of(&child.wait_with_output().unwrap())
}

#[test]
fn ctrl_c_loses_nothing_that_was_finished() {
    let bench = Workbench::new("ctrl-c");
    let said = stop_midway(&bench, "-INT");
    assert_eq!(said.code, Some(130), "{}", said.err);
    assert!(said.err.contains("what is finished is kept"), "{}", said.err);
    assert_eq!(bench.number("SELECT count(*) FROM stages WHERE status IN ('running', 'failed')"), 0.0, "given back");
    goes_on(&bench);
}

#[test]
fn a_killed_run_is_taken_up_at_once() {
    let bench = Workbench::new("killed");
    assert_eq!(stop_midway(&bench, "-KILL").code, None);
    goes_on(&bench);
}

fn goes_on(bench: &Workbench) {
    let sql = "SELECT stage_id, finished_at, wall_s FROM stages WHERE status = 'done' ORDER BY stage_id";
    let kept = bench.ask(sql);
    assert!((2..8).contains(&kept.len()), "{}", kept.len());
    bench.run(&["run"]).ok();
    let all = bench.ask(sql);
    assert_eq!(all.len(), 8);
    assert!(kept.iter().all(|stage| all.contains(stage)), "no finished stage was trained again");
    assert_eq!(bench.number("SELECT count(*) FROM (SELECT DISTINCT stage_id, epoch, split, metric FROM epochs WHERE metric = 'loss' AND split = 'train')"), bench.number("SELECT count(*) FROM (SELECT DISTINCT stage_id, epoch FROM epochs)"));
}

#[test]
fn weights_that_were_deleted_are_trained_again_when_needed() {
    let bench = Workbench::new("deleted");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), ""));
    bench.run(&["run"]).ok();
    std::fs::remove_dir_all(bench.path.join("results/checkpoints")).unwrap();
    // Nothing needs them: all is done.
    bench.run(&["run"]).ok();
    let more =
        tiny("tiny", &sample(), "").replace(r#"freeze = ["none", "probe"]"#, r#"freeze = ["none", "probe", "late"]"#);
    bench.write(
        "experiments/tiny.toml",
        &more.replace("[freezes.none]", "[freezes.none]\n[freezes.late]\nsteps = [{ blocks = [\"block1\"] }]"),
    );
    bench.run(&["run"]).ok();
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE status = 'done' AND current = 1"), 8.0);
}
