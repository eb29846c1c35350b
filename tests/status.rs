//! How far a study is, as its user sees it.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::workbench::{Said, Workbench, sample, tiny};
use chrono::Utc;
use ecgraft::data::Subset;
use ecgraft::plan::{Plan, Stage, StageKind};
use ecgraft::store::{Claim, Finish, Outcome, Score, Store};

const LEASE: Duration = Duration::from_secs(30);

/// Two regressions and then two transfers, written down and not begun.
fn study(bench: &Workbench) -> (Plan, Store) {
    let mut manifest = crate::example::manifest("study");
    manifest.trials.seed = vec![0, 1];
    let plan = crate::example::plan(&[manifest]);
    let mut store = Store::open(&bench.results()).unwrap();
    store.register(&plan).unwrap();
    let (regressions, transfers): (Vec<&Stage>, Vec<&Stage>) =
        plan.stages.iter().partition(|stage| matches!(stage.kind, StageKind::Regression { .. }));
    let order: Vec<String> = regressions.into_iter().chain(transfers).map(|stage| stage.id.clone()).collect();
    store.want(&order).unwrap();
    (plan, store)
}

fn claim(store: &mut Store, worker: &str, lease: Duration) -> String {
    match store.claim(worker, lease).unwrap() {
        Claim::Stage(id) => id,
        other => panic!("{other:?}"),
    }
}

fn finish(store: &mut Store, id: &str, worker: &str, wall_s: f64) {
    let auc = Score { split: Subset::Test, metric: "macro_auc".into(), class: None, value: Some(0.75) };
    let outcome = Outcome { wall_s, scores: vec![auc], ..Outcome::default() };
    let finish =
        Finish { device: "cpu".into(), version: "0".into(), checkpoint: None, started_at: Utc::now(), weights: None };
    store.finish(id, worker, &outcome, &finish).unwrap();
}

#[test]
fn stages_are_told_as_they_wait_run_end_and_fail() {
    let bench = Workbench::new("status");
    bench.run(&["status"]).users_fault(&["there are no results yet", "ecgraft run"]);
    let (plan, mut store) = study(&bench);
    let status = || bench.run(&["status"]).ok();

    let text = status();
    assert!(text.contains("study  0 of 2 trials done, 2 waiting\n"), "{text}");
    assert!(text.contains("0 of 2 trials and 0 of 4 stages done; 4 waiting\n"), "nothing tells how long: {text}");
    assert!(text.contains("nothing is running; `ecgraft run` goes on"), "{text}");

    let first = claim(&mut store, "elsewhere-1", LEASE);
    let text = status();
    assert!(text.contains("0 of 4 stages done; 1 running, 3 waiting\n"), "{text}");
    let regression = plan.stages.iter().find(|stage| stage.id == first).unwrap();
    assert!(text.contains(&format!("running\n  {}  ", regression.describe(&plan))), "{text}");

    // One took 50 minutes, so that the other will; of transfers nothing is known but their cost.
    finish(&mut store, &first, "elsewhere-1", 3000.0);
    let second = claim(&mut store, "elsewhere-1", LEASE);
    let text = status();
    assert!(text.contains("1 running, 2 waiting; about "), "{text}");
    assert!(text.contains(" s so far  about 50m left"), "{text}");

    // The second fails, and with it the trial that is grafted from it.
    store.fail(&second, "elsewhere-1", "the loss is not a number\nlower the learning rate").unwrap();
    let text = status();
    assert!(text.contains("study  0 of 2 trials done, 1 waiting, 1 failed\n"), "{text}");
    assert!(text.contains("1 of 4 stages done; 1 waiting, 2 failed\n"), "{text}");
    assert!(text.contains("seed 1\n    the loss is not a number\n    lower the learning rate\n"), "{text}");

    // A worker whose lease ran out runs no more.
    let third = claim(&mut store, "elsewhere-1", Duration::ZERO);
    std::thread::sleep(Duration::from_millis(20));
    let text = status();
    assert!(text.contains("1 waiting") && !text.contains("running\n"), "{text}");
    assert!(text.contains("1 stage was begun by a run that is gone; the next one takes over"), "{text}");

    finish(&mut store, &third, "elsewhere-1", 3.0);
    let text = status();
    assert!(
        text.contains("study  1 of 2 trials done, 1 failed\n") && text.contains("test macro AUC 0.750  3.0 s"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}') && !text.contains(" left"), "{text}");
    // Nothing is left to wait for.
    let watched = bench.run(&["status", "--watch"]).ok();
    assert!(watched.ends_with("Z  1 of 2 trials and 2 of 4 stages done; 2 failed\n"), "{watched}");
    assert_eq!(watched.lines().count(), 1);
}

#[test]
fn a_run_is_watched_to_its_end_by_another_process() {
    let bench = Workbench::new("watch");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), "").replace("epochs = 2", "epochs = 12"));
    let run = bench.command(&["run", "--jobs", "1"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    let is_begun = || {
        bench.results().join("ecgraft.sqlite").exists()
            && !Store::open_read_only(&bench.results()).unwrap().runs().unwrap().is_empty()
    };
    while !is_begun() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the run does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let watched = bench.run(&["status", "--watch"]).ok();
    assert!(Said::of(&run.wait_with_output().unwrap()).code == Some(0));
    let lines: Vec<&str> = watched.lines().collect();
    assert!(lines.len() > 1, "{watched}");
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "only what changed: {watched}");
    assert!(lines.last().unwrap().ends_with("Z  6 of 6 trials and 8 of 8 stages done"), "{watched}");
    assert!(!watched.contains('\u{1b}') && !watched.contains('\r'), "calm when piped");
}

#[test]
fn a_terminal_is_redrawn_in_place_and_left_by_ctrl_c() {
    if Command::new("script").arg("--version").output().is_err() {
        let test = "a_terminal_is_redrawn_in_place_and_left_by_ctrl_c";
        crate::workbench::skipped(test, "there is no `script` to make a terminal");
        return;
    }
    let bench = Workbench::new("screen");
    let (_, mut store) = study(&bench);
    claim(&mut store, "elsewhere-1", LEASE);
    let ecgraft = env!("CARGO_BIN_EXE_ecgraft");
    let line = format!("stty cols 60 rows 20; timeout --foreground -s INT 2.5 {ecgraft} status --watch");
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(&bench.path).env("TERM", "xterm").env_remove("COLUMNS");
    let said = Said::of(&command.stdin(Stdio::null()).output().unwrap());
    let frames: Vec<&str> = said.out.split("\u{1b}[").collect();
    assert!(frames.len() > 2, "drawn more than once: {:?}", said.out);
    // Up by as many rows as were drawn, and all below is erased.
    let rows = frames[0].lines().count();
    assert!(frames[1].starts_with(&format!("{rows}A")) && frames[2].starts_with('J'), "{:?}", said.out);
    assert!(frames[0].lines().all(|line| line.chars().count() < 60), "{:?}", said.out);
}
