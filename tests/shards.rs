//! Stages that are trained without the store, and stores and shards that are folded into one.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;

use crate::workbench::{Said, Workbench, sample, tiny};

/// What a store says of its stages and runs, but for when, where and by whom they were trained.
const SAID: [&str; 9] = [
    "SELECT stage_id, kind, architecture, mix, target, seed, settings, data_fingerprint, status, best_epoch, checkpoint,
            weights_sha256, findings_sha256, last_step, frozen_at_best, notes FROM stage ORDER BY stage_id",
    "SELECT run_id, experiment, manifest_sha256, architecture, mix, graft, freeze, label_fraction, seed, stage_id, position,
            current FROM trial ORDER BY run_id",
    "SELECT * FROM stage_input ORDER BY stage_id, position",
    "SELECT * FROM members ORDER BY record_set, data_set, record_id",
    "SELECT stage_id, split, records, people, record_set FROM membership ORDER BY stage_id, split",
    "SELECT * FROM patient ORDER BY data_fingerprint, record_id",
    "SELECT * FROM predictions ORDER BY run_id, record_id, class",
    "SELECT * FROM validation_predictions ORDER BY run_id, record_id, class",
    "SELECT * FROM evaluations ORDER BY stage_id, source, subject, metric",
];

fn said(bench: &Workbench, results: &str) -> String {
    let store = Connection::open(bench.path.join(results).join("ecgraft.sqlite")).unwrap();
    let mut text = String::new();
    for sql in SAID {
        let mut select = store.prepare(sql).unwrap();
        let count = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> = (0..count).map(|place| format!("{:?}", row.get_ref(place).unwrap())).collect();
            text.push_str(&format!("{}\n", cells.join("|")));
        }
        text.push_str("--\n");
    }
    text
}

/// Runs the commands that `plan --shell` prints, as a shell does; how many there were.
fn work(bench: &Workbench, manifest: &str, results: &str) -> usize {
    let commands = bench.run(&["plan", manifest, "--results", results, "--shell"]).ok();
    for line in commands.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[..2], ["ecgraft", "run-stage"], "{line}");
        bench.run(&words[1..]).ok();
    }
    commands.lines().count()
}

fn shards(bench: &Workbench, results: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(bench.path.join(results).join("shards")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "sqlite")).collect();
    found.sort();
    found
}

fn stages(bench: &Workbench, manifest: &str, results: &str) -> Vec<Value> {
    let text = bench.run(&["plan", manifest, "--results", results, "--json"]).ok();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn id(stage: &Value) -> &str {
    stage["id"].as_str().unwrap()
}

fn merge(bench: &Workbench, from: &[&Path], results: &str) -> Said {
    let from: Vec<String> = from.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut words: Vec<&str> = vec!["merge", "--results", results];
    words.extend(from.iter().map(String::as_str));
    bench.run(&words)
}

/// A study one of whose regressions is evaluated on another source.
fn study() -> String {
    tiny("s", &sample(), "").replace("[transfer]\n", "evaluate_on = [\"simulated\"]\n[transfer]\n")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let place = to.join(entry.file_name().unwrap());
        if entry.is_dir() { copy(&entry, &place) } else { assert!(fs::copy(&entry, &place).is_ok()) }
    }
}

#[test]
fn stages_trained_one_by_one_and_merged_in_any_order_are_one_local_run_bit_for_bit() {
    let bench = Workbench::new("shards");
    bench.write("s.toml", &study());
    bench.run(&["run", "s.toml", "--results", "local"]).ok();
    let planned = stages(&bench, "s.toml", "far");
    assert_eq!(planned.len(), 8);
    assert!(planned.iter().all(|stage| stage["status"] == "pending" && stage["weights_sha256"].is_null()));
    let work_in_all: f64 = planned.iter().map(|stage| stage["work"].as_f64().unwrap()).sum();
    assert!((work_in_all - 1.0).abs() < 1e-9);
    let ready = |stage: &&Value| stage["ready"] == true;
    assert_eq!(planned.iter().filter(ready).count(), 4, "two regressions, two from scratch");
    assert!(planned.iter().filter(ready).all(|stage| stage["inputs"] == serde_json::json!([])));
    // A worker elsewhere does not so much as look at the store: this is none.
    bench.write("far/ecgraft.sqlite", "not a store");
    let store = bench.path.join("far/ecgraft.sqlite");
    fs::remove_file(&store).unwrap();
    let first = bench.run(&["plan", "s.toml", "--results", "far", "--shell"]).ok();
    bench.write("far/ecgraft.sqlite", "not a store");
    for line in first.lines() {
        bench.run(&line.split(' ').skip(1).collect::<Vec<_>>()).ok();
    }
    assert_eq!(fs::read_to_string(&store).unwrap(), "not a store");
    fs::remove_file(&store).unwrap();
    assert_eq!(work(&bench, "s.toml", "far"), 4, "what is grafted from them");
    assert_eq!(work(&bench, "s.toml", "far"), 0);
    assert!(stages(&bench, "s.toml", "far").iter().all(|stage| stage["status"] == "shard" && stage["ready"] == false));
    // A stage that has its shard is not trained again.
    let again = bench.run(&["run-stage", id(&planned[0]), "--manifest", "s.toml", "--results", "far"]).ok();
    assert_eq!(again, "0 trained, 1 had a shard\n");
    // Backwards, so that most wait for what comes later, one after the other, and twice.
    let mut files = shards(&bench, "far");
    assert_eq!(files.len(), 8);
    files.reverse();
    let backwards: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    assert!(merge(&bench, &backwards, "merged").ok().contains("8 of 8 stages new"));
    assert!(merge(&bench, &backwards[3..], "merged").ok().contains("0 of 5 stages new, 5 here already"));
    assert_eq!(said(&bench, "merged"), said(&bench, "local"));
    bench.run(&["verify", "--results", "merged"]).ok();
    bench.run(&["audit", "--results", "merged"]).ok();
    let ran = bench.run(&["run", "s.toml", "--results", "merged"]);
    assert!(!ran.err.contains("done    "), "nothing is left to train: {}", ran.err);
    assert_eq!(ran.ok(), bench.run(&["compare", "s", "--results", "local"]).ok());
    assert_eq!(said(&bench, "merged"), said(&bench, "local"));
    // `run` itself takes what shards have.
    let ran = bench.run(&["run", "s.toml", "--results", "far"]);
    assert!(ran.err.contains("8 of 8 stages new") && !ran.err.contains("done    "), "{}", ran.err);
    assert_eq!(said(&bench, "far"), said(&bench, "local"));
    // And a store folds in another one.
    merge(&bench, &[&bench.path.join("local")], "third").ok();
    assert_eq!(said(&bench, "third"), said(&bench, "local"));
}

#[test]
fn what_is_grafted_waits_for_its_donor_and_workers_say_what_they_lack() {
    let bench = Workbench::new("shards-wait");
    bench.write("s.toml", &study());
    let planned = stages(&bench, "s.toml", "far");
    let grafted = planned.iter().find(|stage| stage["inputs"] != serde_json::json!([])).unwrap();
    let donor = grafted["inputs"][0].as_str().unwrap();
    let on = |ids: &[&str]| {
        let mut words = vec!["run-stage"];
        words.extend(ids);
        words.extend(["--manifest", "s.toml", "--results", "far"]);
        bench.run(&words)
    };
    on(&[id(grafted)]).users_fault(&[donor, "there is no shard of it", &format!("ecgraft run-stage {donor}")]);
    on(&["0123"])
        .users_fault(&["no stage of these manifests has an id that begins with 0123", "data here are not the same"]);
    on(&[""]).users_fault(&["begins the ids of several stages"]);
    // Both at once, in whichever order they are named, by the beginnings of their ids.
    assert_eq!(on(&[&id(grafted)[..8], &donor[..8]]).ok(), "2 trained, 0 had a shard\n");
    let shard = |id: &str| bench.path.join(format!("far/shards/{id}.sqlite"));
    let left = merge(&bench, &[&shard(id(grafted))], "r");
    left.users_fault(&[
        &format!("was grafted from stage {donor}, which is not done here: merge that too"),
        id(grafted),
    ]);
    assert_eq!(bench_number(&bench, "r", "SELECT count(*) FROM stage WHERE status = 'done'"), 0);
    merge(&bench, &[&shard(donor)], "r").ok();
    merge(&bench, &[&shard(id(grafted))], "r").ok();
    bench.run(&["verify", "--results", "r"]).ok();
    // Weights that are not those of the shard are made again by who is asked for them, and by nobody else.
    fs::write(bench.path.join(format!("far/checkpoints/{donor}.safetensors")), "damaged").unwrap();
    on(&[id(grafted)]).ok();
    fs::remove_file(shard(id(grafted))).unwrap();
    on(&[id(grafted)]).users_fault(&["is not a whole checkpoint", &format!("ecgraft run-stage {donor}")]);
    let made = on(&[donor]);
    assert!(made.err.contains("it is trained again"), "{}", made.err);
    assert_eq!(made.ok(), "1 trained, 0 had a shard\n");
    assert_eq!(on(&[id(grafted)]).ok(), "1 trained, 0 had a shard\n");
    merge(&bench, &[&bench.path.join("far")], "r").ok();
}

fn bench_number(bench: &Workbench, results: &str, sql: &str) -> i64 {
    let store = Connection::open(bench.path.join(results).join("ecgraft.sqlite")).unwrap();
    store.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn what_the_store_has_goes_to_workers_as_shards() {
    let bench = Workbench::new("shards-donors");
    bench.write("s.toml", &study().replace("freeze = [\"none\", \"probe\"]", "freeze = [\"none\"]"));
    bench.run(&["run", "s.toml"]).ok();
    bench.write("s.toml", &study());
    bench.run(&["run", "s.toml", "--results", "local"]).ok();
    let planned = bench.run(&["plan", "s.toml", "--shell"]);
    assert!(planned.err.contains("2 shards written of stages that the store has"), "{}", planned.err);
    assert_eq!(planned.ok().lines().count(), 2, "the two that are new");
    assert_eq!(work(&bench, "s.toml", "results"), 2);
    merge(&bench, &[&bench.path.join("results/shards")], "results").ok();
    bench.run(&["run", "s.toml"]).ok();
    assert_eq!(said(&bench, "results"), said(&bench, "local"));
}

#[test]
fn two_peoples_stores_become_one_and_the_other_stays_as_it_is() {
    let bench = Workbench::new("shards-people");
    bench.write("a.toml", &tiny("a", &sample(), "").replace("seed = [0, 1]", "seed = [0]"));
    bench.write("b.toml", &tiny("b", &sample(), ""));
    bench.run(&["run", "a.toml", "--results", "a"]).ok();
    bench.run(&["run", "b.toml", "--results", "b"]).ok();
    let before = fs::read(bench.path.join("b/ecgraft.sqlite")).unwrap();
    let told = merge(&bench, &[&bench.path.join("b")], "a").ok();
    assert!(told.contains("4 of 8 stages new, 4 here already with the same bits; 6 runs new"), "{told}");
    assert!(told.contains("4 checkpoints copied"), "{told}");
    assert_eq!(fs::read(bench.path.join("b/ecgraft.sqlite")).unwrap(), before);
    for name in ["a", "b"] {
        let here = bench.run(&["compare", name, "--results", "a"]).ok();
        assert_eq!(here, bench.run(&["compare", name, "--results", name]).ok());
    }
    bench.run(&["verify", "--results", "a"]).ok();
    bench.run(&["audit", "--results", "a"]).ok();
    let ran = bench.run(&["run", "a.toml", "b.toml", "--results", "a"]);
    assert!(!ran.err.contains("done    "), "{}", ran.err);
}

#[test]
fn other_bits_other_data_and_other_numbers_are_refused_and_both_sides_named() {
    let bench = Workbench::new("shards-refused");
    let data = bench.path.join("data");
    copy(&sample(), &data);
    bench.write("s.toml", &tiny("s", &data, ""));
    bench.run(&["run", "s.toml", "--results", "here"]).ok();
    let before = said(&bench, "here");
    copy(&bench.path.join("here"), &bench.path.join("there"));
    let there = Connection::open(bench.path.join("there/ecgraft.sqlite")).unwrap();
    let one: String = there
        .query_row("SELECT stage_id FROM stage WHERE kind = 'transfer' ORDER BY 1 LIMIT 1", [], |row| row.get(0))
        .unwrap();
    // As if it had been trained on another kind of machine.
    there.execute("UPDATE stage SET weights_sha256 = 'f00d', device = 'cuda:0' WHERE stage_id = ?1", [&one]).unwrap();
    let says =
        [&*format!("stage {one} (transfer, tiny, seed"), "weights f00d", "on cuda:0", "on cpu", "here/ecgraft.sqlite"];
    let refused = merge(&bench, &[&bench.path.join("there")], "here");
    assert!(refused.out.contains("0 of 7 stages new, 7 here already"), "{}", refused.out);
    refused.users_fault(&says);
    // Nor does what it found go into an empty store, once a probability is another.
    there.execute("UPDATE prediction SET probability = 0.5 WHERE stage_id = ?1", [&one]).unwrap();
    merge(&bench, &[&bench.path.join("there")], "empty").users_fault(&["is not what its checksum says", &one]);
    // Other numbers.
    let change = "UPDATE stage SET settings = json_set(settings, '$.numeric_version', 1)";
    there.execute(change, []).unwrap();
    let old = merge(&bench, &[&bench.path.join("there")], "new");
    old.users_fault(&["was trained with version 1 of the numbers", "cannot be compared"]);
    drop(there);
    // Other data under the same manifest.
    let table = data.join("ptbxl_database.csv");
    let text = fs::read_to_string(&table).unwrap();
    let (head, last) = text.trim_end().rsplit_once('\n').unwrap();
    assert!(!last.is_empty());
    fs::write(&table, format!("{head}\n")).unwrap();
    bench.run(&["run", "s.toml", "--results", "other"]).ok();
    let refused = merge(&bench, &[&bench.path.join("other")], "here");
    refused.users_fault(&["run s (", "of the same manifest: data of fingerprint", "there, and", "here/ecgraft.sqlite"]);
    assert_eq!(bench_number(&bench, "here", "SELECT count(*) FROM trial"), 6);
    bench.run(&["verify", "--results", "here"]).ok();
    assert_eq!(
        said(&bench, "here").lines().filter(|line| line.contains("transfer")).count(),
        before.lines().filter(|line| line.contains("transfer")).count()
    );
}

#[test]
fn what_is_damaged_is_named_and_the_rest_is_folded_in() {
    let bench = Workbench::new("shards-damaged");
    bench.write("s.toml", &study());
    work(&bench, "s.toml", "far");
    let files = shards(&bench, "far");
    assert_eq!(files.len(), 4);
    let bytes = fs::read(&files[0]).unwrap();
    fs::write(&files[0], &bytes[..bytes.len() / 2]).unwrap();
    fs::write(&files[1], "no SQLite file, but of more bytes than its header has ".repeat(50)).unwrap();
    Connection::open(&files[2]).unwrap().execute("UPDATE epoch SET value = value + 1", []).unwrap();
    bench.write("far/shards/other.sqlite", "");
    let told = merge(&bench, &[&bench.path.join("far")], "r");
    assert!(told.out.contains("1 of 1 stage new"), "{}", told.out);
    let name = |at: usize| files[at].file_name().unwrap().to_string_lossy().into_owned();
    told.users_fault(&[
        "4 stages or files were not folded in; the rest is",
        &name(0),
        &name(1),
        &name(2),
        "other.sqlite",
    ]);
    // What its set file says is proved too, and a copy without it is of no use.
    let sets = bench.path.join("far/shards/sets");
    for set in fs::read_dir(&sets).unwrap().map(|entry| entry.unwrap().path()) {
        Connection::open(set).unwrap().execute("UPDATE recording SET patient = patient || 'x'", []).unwrap();
    }
    merge(&bench, &[&files[3]], "again")
        .users_fault(&["which has others than its checksum says", "copy the folder `sets`"]);
    fs::remove_dir_all(&sets).unwrap();
    merge(&bench, &[&files[3]], "again").users_fault(&["which cannot be read", "copy the folder `sets`"]);
    merge(&bench, &[Path::new("nowhere")], "again").users_fault(&["nowhere"]);
    let empty = bench.path.join("empty");
    fs::create_dir_all(&empty).unwrap();
    merge(&bench, &[&empty], "again").users_fault(&["neither a store (ecgraft.sqlite) nor a shard"]);
    merge(&bench, &[], "again").users_fault(&["again/shards"]);
}

#[cfg(unix)]
#[test]
fn a_worker_that_is_stopped_goes_on_to_the_same_bits() {
    let bench = Workbench::new("shards-stopped");
    let long = study().replace("epochs = 2", "epochs = 40");
    bench.write("s.toml", &long);
    let first = stages(&bench, "s.toml", "far")
        .iter()
        .find(|stage| stage["kind"] == "transfer" && stage["ready"] == true)
        .map(|stage| id(stage).to_owned())
        .unwrap();
    let words = ["run-stage", &first, "--manifest", "s.toml", "--results", "far", "--save-every", "0"];
    bench.run(&["run-stage", &first, "--manifest", "s.toml", "--results", "whole"]).ok();
    let mut stopped = 0;
    while stopped < 20 {
        let mut child = bench
            .command(&words)
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(400));
        let _ = std::process::Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap();
        match child.wait().unwrap().code() {
            Some(0) => break,
            code => assert_eq!(code, Some(138)),
        }
        stopped += 1;
    }
    bench.run(&words).ok();
    let sums = |results: &str| {
        let shard = Connection::open(bench.path.join(format!("{results}/shards/{first}.sqlite"))).unwrap();
        let sql = "SELECT weights_sha256 || findings_sha256 FROM stage WHERE stage_id = ?1";
        shard.query_row(sql, [&first], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(sums("far"), sums("whole"));
    assert!(!bench.path.join("far/ecgraft.sqlite").exists());
}

#[test]
fn prepared_records_go_from_node_to_node_by_the_results_folder() {
    let bench = Workbench::new("shards-cache");
    bench.write("s.toml", &study());
    let planned = stages(&bench, "s.toml", "plan");
    let ready: Vec<&str> = planned.iter().filter(|stage| stage["ready"] == true).map(id).collect();
    let files = |folder: &str| {
        let entries = fs::read_dir(bench.path.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let named = entries.filter(|path| path.is_file());
        let mut files: Vec<(String, Vec<u8>)> = named
            .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let on = |node: &str, stage: &str| {
        bench.run(&["run-stage", stage, "--manifest", "s.toml", "--results", "far", "--cache", node]).ok()
    };
    on("node-1", ready[0]);
    let first = files("node-1");
    assert!(first.iter().filter(|(name, _)| name.ends_with(".bin")).count() >= 2, "both sources are prepared");
    assert_eq!(files("far/cache"), first, "what the first node prepared is given to all");
    let marked = bench.path.join("far/cache").join(&first.iter().find(|(name, _)| name.ends_with(".bin")).unwrap().0);
    let modified = fs::metadata(&marked).unwrap().modified().unwrap();
    on("node-2", ready[1]);
    assert_eq!(files("node-2"), first);
    assert_eq!(fs::metadata(&marked).unwrap().modified().unwrap(), modified, "and not written again");
}
