//! Nobody trains what they validate or test, whatever their sources are called: planned, run, kept and audited.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::workbench::{Workbench, sample};
use ecgraft::progress::Progress;
use ecgraft::results::ResultsFolder;
use ecgraft::run::{self, Device};
use ecgraft::{manifest, plan};

/// A classifier that is grafted under one of the same kind: of `mix`, tested on `transfer`. Networks of a moment.
fn study(name: &str, top: &str, sources: &str, parts: &str) -> String {
    format!(
        r#"name = "{name}"
{top}
{sources}
[signal]
leads = ["I", "III", "V2"]
sampling_rate = 50
[mixes.all]
parts = [{parts}]
[architectures.tiny]
kind = "cnn"
channels = [4, 8]
kernels = [5, 3]
head = 8
[freezes.probe]
steps = [{{ blocks = ["*"] }}]
[classification]
epochs = 1
[transfer]
source = "real"
labels = "multi"
epochs = 1
[trials]
from = [["classification"]]
freeze = ["probe"]
scratch = false
random_probe = false
"#
    )
}

fn source(name: &str, path: &Path, more: &str) -> String {
    format!("[sources.{name}]\nkind = \"ptb-xl\"\npath = \"{}\"\n{more}\n", path.display())
}

fn features() -> String {
    format!("features = \"{}/features/ecgdeli_features.csv\"", sample().display())
}

/// Changes a row, of which it is given the number and the columns, and says whether it is to be there.
type Change<'a> = &'a dyn Fn(usize, &[String], &mut Vec<String>) -> bool;

/// A table in PTB-XL's layout in a folder of its own, whose signals are those of the sample.
fn excerpt(bench: &Workbench, name: &str, change: Change<'_>) {
    let mut reader = csv::Reader::from_path(sample().join("ptbxl_database.csv")).unwrap();
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns).unwrap();
    for (index, row) in reader.records().enumerate() {
        let mut row: Vec<String> = row.unwrap().iter().map(str::to_owned).collect();
        let place = columns.iter().position(|column| column == "filename_lr").unwrap();
        row[place] = sample().join(&row[place]).display().to_string();
        if change(index, &columns, &mut row) {
            writer.write_record(&row).unwrap();
        }
    }
    let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    bench.write(&format!("{name}/ptbxl_database.csv"), &text);
    fs::copy(sample().join("scp_statements.csv"), bench.path.join(name).join("scp_statements.csv")).unwrap();
}

fn set(columns: &[String], row: &mut [String], column: &str, value: &str) {
    row[columns.iter().position(|own| own == column).unwrap()] = value.to_owned();
}

fn get<'r>(columns: &[String], row: &'r [String], column: &str) -> &'r str {
    &row[columns.iter().position(|own| own == column).unwrap()]
}

/// Recordings that took part in a donor, and those that are also in the transfer's validation or test: by what is written
/// in the store, without the tool's own comparison.
fn donors_and_shared(bench: &Workbench) -> (f64, f64) {
    let donors =
        "SELECT m.recording FROM membership s JOIN members m USING (record_set) WHERE s.kind = 'classification'";
    let judges = "SELECT m.recording FROM membership s JOIN members m USING (record_set)
                  WHERE s.kind = 'transfer' AND s.split <> 'train'";
    (
        bench.number(&format!("SELECT count(*) FROM ({donors})")),
        bench.number(&format!("SELECT count(*) FROM ({donors}) WHERE recording IN ({judges})")),
    )
}

/// Rows of the sample in folds 9 and 10, whose patients are held out: 116 people with 118 records.
const HELD_OUT: f64 = 118.0;

#[test]
fn two_names_of_one_folder_are_one_data_set() {
    let bench = Workbench::new("two-names");
    let sources = source("real", &sample(), "") + &source("measured", &sample(), &features());
    bench.write("study.toml", &study("two-names", "", &sources, "{ source = \"measured\" }"));
    let said = bench.run(&["check", "study.toml"]).ok();
    assert!(said.contains("real and measured are of one data set, ptb-xl"), "{said}");
    let told = "two-names: measured and real share 305 people and 311 recordings; 116 of them validate or test the classifier, \
                and train nothing that is grafted under it";
    let said = bench.run(&["plan", "study.toml"]).ok();
    assert!(said.contains(told), "{said}");
    let run = bench.run(&["run", "study.toml"]);
    assert!(run.err.contains(told), "{}", run.err);
    run.ok();
    assert_eq!(donors_and_shared(&bench), (311.0 - HELD_OUT, 0.0));
    let notes = bench.ask("SELECT notes FROM stages WHERE kind = 'classification'");
    let why = "118 records of measured are left out because the classifier is validated or tested on their patients";
    assert!(format!("{notes:?}").contains(why), "{notes:?}");

    let proof = bench.run(&["audit"]).ok();
    for line in [
        "two-names: 1 of 1 done runs proved; looked up again in the data of measured, real",
        "transfer: train 193 records of 189 people, validation 46 of 46, test 72 of 70; 0 in common",
        "; 0 in common, 0 with those who validate or test the transfer",
    ] {
        assert!(proof.contains(line), "{line}\n{proof}");
    }
    assert_eq!(bench.run(&["audit", "two-*"]).ok(), proof);
    bench.run(&["audit", "other"]).users_fault(&["no experiment is called `other`", "two-names"]);
}

/// The copies that a public report found to train on test patients.
#[test]
fn an_excerpt_a_copy_and_renamed_signals_are_the_same_people() {
    // Test signals listed again as training records of others, beside the training records themselves.
    let again = |_: usize, columns: &[String], row: &mut Vec<String>| {
        let id = get(columns, row, "ecg_id").to_owned();
        set(columns, row, "ecg_id", &format!("9{id}"));
        set(columns, row, "patient_id", &format!("900{id}"));
        set(columns, row, "strat_fold", "1");
        true
    };
    let other_ids = |index: usize, columns: &[String], row: &mut Vec<String>| {
        set(columns, row, "ecg_id", &(index + 1).to_string());
        set(columns, row, "patient_id", &(500_000 + index).to_string());
        true
    };
    // Records, and those of them that validate or test.
    let changes: [(&str, Change<'_>, f64, f64); 4] = [
        ("excerpt", &|index, _, _| index % 3 != 0, 207.0, f64::NAN),
        ("one-row-less", &|index, _, _| index != 0, 310.0, HELD_OUT - 1.0),
        ("other-ids", &other_ids, 311.0, HELD_OUT),
        ("listed-again", &again, 311.0, HELD_OUT),
    ];
    for (name, change, records, held_out) in changes {
        let bench = Workbench::new(&format!("people-{name}"));
        excerpt(&bench, "copy", change);
        let sources = source("real", &sample(), "") + &source("copy", &bench.path.join("copy"), &features());
        bench.write("study.toml", &study(name, "", &sources, "{ source = \"copy\" }"));
        let said = bench.run(&["plan", "study.toml"]).ok();
        assert!(said.contains(&format!("{name}: copy and real share")), "{said}");
        assert!(said.contains(&format!("{records} recordings;")), "{said}");
        bench.run(&["run", "study.toml"]).ok();
        let (trained, shared) = donors_and_shared(&bench);
        assert_eq!(shared, 0.0, "{name}");
        if held_out.is_nan() {
            assert!(trained < records - 60.0, "{name}: {trained}");
        } else {
            // Patients of the transfer's own ids are kept out whole; under other ids their recordings and what hangs on them.
            assert_eq!(trained, records - held_out, "{name}");
        }
        bench.run(&["audit"]).ok();
    }
}

#[test]
fn two_collections_of_one_layout_are_told_apart_by_name() {
    let bench = Workbench::new("collections");
    bench.run(&["simulate", "folder", "--records", "40", "--seed", "5"]).ok();
    let sources = |more: &str| {
        let folder = bench.path.join("folder");
        source("real", &sample(), "")
            + &source("folder", &folder, &format!("features = \"folder/features/simulator_features.csv\"\n{more}"))
            + "[sources.same]\nkind = \"simulator\"\nrecords = 30\nseed = 5\n[sources.other]\nkind = \"simulator\"\nrecords = 30\nseed = 6\n"
    };
    let parts = "{ source = \"folder\" }, { source = \"same\" }, { source = \"other\" }";
    // The folder's patients have numbers that the other folder's have too: by chance, but who knows?
    excerpt(&bench, "few", &|index, columns, row| {
        set(columns, row, "patient_id", &(index + 1).to_string());
        index < 300
    });
    let clashing = sources("").replace(&sample().display().to_string(), &bench.path.join("few").display().to_string());
    // Simulated records have no classes.
    let study = |sources: &str| study("collections", "", sources, parts).replace("[\"classification\"]", "[\"hr\"]");
    bench.write("study.toml", &study(&clashing));
    let said = bench.run(&["plan", "study.toml"]).ok();
    assert!(said.contains("folder and real share 40 people and 0 recordings;"), "{said}");
    assert!(
        said.contains("(by patient alone, both being of data set ptb-xl: where they are two collections"),
        "{said}"
    );
    // The simulator's own records are known by their samples, at 100 Hz as at 500.
    assert!(said.contains("folder and same share 30 people and 30 recordings"), "{said}");
    assert!(!said.contains("other and") && !said.contains("and other"), "{said}");
    let named = clashing.replace("simulator_features.csv\"", "simulator_features.csv\"\ndata_set = \"simulated\"");
    // The real ones have no signals above 100 Hz.
    bench.run(&["simulate", "elsewhere", "--records", "40", "--seed", "9"]).ok();
    let [few, elsewhere] = ["few", "elsewhere"].map(|name| bench.path.join(name).display().to_string());
    for (rate, real) in [("sampling_rate = 50", &few), ("sampling_rate = 250", &elsewhere)] {
        bench.write("study.toml", &study(&named).replace("sampling_rate = 50", rate).replace(&few, real));
        let said = bench.run(&["plan", "study.toml"]).ok();
        assert!(said.contains("folder and same share 30 people and 30 recordings"), "{rate}: {said}");
        assert!(!said.contains("real"), "{rate}: {said}");
    }
    let said = bench.run(&["check", "study.toml"]).ok();
    assert!(!said.contains("one data set"), "{said}");
}

#[test]
fn a_manifest_may_allow_overlap_and_every_table_says_so() {
    let bench = Workbench::new("overlap");
    let sources = source("real", &sample(), "") + &source("measured", &sample(), &features());
    let folds = "{ source = \"measured\", folds = [9, 10] }";
    bench.write("study.toml", &study("overlap", "", &sources, folds));
    let why = ["fold", "is also in transfer.validation_folds", "`measured` and `real` are of one data set, ptb-xl"];
    bench.run(&["check", "study.toml"]).users_fault(&why);
    let reason = "flattery";
    bench.write("study.toml", &study("overlap", &format!("allow_overlap = \"{reason}\""), &sources, folds));
    let said = bench.run(&["check", "study.toml"]).ok();
    assert!(said.contains(reason), "{said}");
    let said = bench.run(&["plan", "study.toml"]).ok();
    assert!(said.contains("and may train what is grafted, as `allow_overlap` says"), "{said}");
    let table = bench.run(&["run", "study.toml"]).ok();
    assert!(table.contains(reason), "{table}");
    let (trained, shared) = donors_and_shared(&bench);
    assert!(trained == HELD_OUT && shared == HELD_OUT, "{trained} {shared}");
    for format in ["table", "markdown", "csv", "json", "latex", "typst"] {
        let said = bench.run(&["compare", "--format", format]).ok();
        assert!(said.contains(reason), "{format}: {said}");
    }
    bench.run(&["report", "-o", "page.html"]).ok();
    assert!(fs::read_to_string(bench.path.join("page.html")).unwrap().contains(reason));
    let id = bench.ask("SELECT run_id FROM runs WHERE allow_overlap IS NOT NULL")[0][0].to_string();
    assert!(bench.run(&["show", &id]).ok().contains(reason));
    let proof = bench.run(&["audit"]).ok();
    assert!(proof.contains(&format!("overlap with what is grafted is allowed: {reason}")), "{proof}");
    assert!(proof.contains("116 people and 118 recordings with those who validate or test the transfer"), "{proof}");
}

#[test]
fn an_audit_fails_where_someone_is_in_two_places_or_nobody_is_known() {
    let bench = Workbench::new("audit");
    let sources = source("real", &sample(), "") + &source("measured", &sample(), &features());
    bench.write("study.toml", &study("audited", "", &sources, "{ source = \"measured\" }"));
    bench.run(&["run", "study.toml"]).ok();
    let store = bench.results().join("ecgraft.sqlite");
    let good = fs::read(&store).unwrap();
    let restore = || {
        for ending in ["-wal", "-shm"] {
            let _ = fs::remove_file(bench.results().join(format!("ecgraft.sqlite{ending}")));
        }
        fs::write(&store, &good).unwrap();
    };
    let fails = |sql: &str, says: &[&str]| {
        restore();
        let connection = rusqlite::Connection::open(&store).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        let said = bench.run(&["audit"]);
        assert_eq!(said.code, Some(1), "{sql}: {}{}", said.out, said.err);
        for piece in says {
            assert!(said.out.contains(piece), "{piece} is not in:\n{}", said.out);
        }
        assert!(said.err.contains("1 of 1 done runs are not proved"), "{}", said.err);
    };
    // The donor trained on the test set.
    let donor = "(SELECT stage_id FROM stage WHERE kind = 'classification')";
    let test = "(SELECT set_id FROM stage_set JOIN stage USING (stage_id) WHERE kind = 'transfer' AND split = 'test')";
    fails(
        &format!("UPDATE stage_set SET set_id = {test} WHERE split = 'train' AND stage_id = {donor}"),
        &["is in train of classification on all, seed 0 and in test of the transfer", "record ", "of ptb-xl, patient "],
    );
    fails(
        &format!("UPDATE stage_set SET set_id = {test} WHERE split = 'train' AND stage_id <> {donor}"),
        &["is in train and in test of transfer, seed 0", "70 people and 72 recordings in common"],
    );
    fails(&format!("DELETE FROM stage_set WHERE stage_id = {donor}"), &["has no record of who took part"]);
    // What is written there is compared with its hash, and with the data.
    fails(
        "UPDATE recording SET patient = 'x' WHERE recording_id = 5",
        &["is not what was written", "in the data patient"],
    );
    fails("DELETE FROM record_set_word WHERE word = 1", &["is not what was written"]);
    // Without the data the store speaks alone.
    restore();
    let elsewhere = bench.path.join("gone");
    let connection = rusqlite::Connection::open(&store).unwrap();
    let moved = [sample().display().to_string(), elsewhere.display().to_string()];
    connection.execute("UPDATE manifest SET text = replace(text, ?1, ?2)", moved).unwrap();
    drop(connection);
    let said = bench.run(&["audit"]).ok();
    assert!(
        said.contains("by the store alone for measured, real") && said.contains("there is no such folder"),
        "{said}"
    );
}

#[test]
fn sets_are_kept_once_and_go_with_the_last_stage_that_uses_them() {
    let bench = Workbench::new("sets");
    let sources = source("real", &sample(), "") + &source("measured", &sample(), &features());
    let text = study("sets", "", &sources, "{ source = \"measured\" }");
    bench.write("study.toml", &text.replace("scratch = false", "seed = [0, 1]"));
    bench.run(&["run", "study.toml"]).ok();
    // Two donors of three sets; all transfers share theirs, as all labels are used.
    assert_eq!(bench.number("SELECT count(DISTINCT record_set) FROM membership"), 2.0 * 3.0 + 3.0);
    assert_eq!(bench.number("SELECT count(*) FROM membership"), 3.0 * 6.0);
    assert_eq!(bench.number("SELECT count(*) FROM recording"), 311.0);
    assert_eq!(bench.number("SELECT count(*) FROM members WHERE recording IS NULL OR length(recording) <> 64"), 0.0);
    let sizes = "SELECT count(*) FROM membership m WHERE records <> (SELECT count(*) FROM members s WHERE s.record_set = m.record_set)
                 OR people <> (SELECT count(DISTINCT patient) FROM members s WHERE s.record_set = m.record_set)";
    assert_eq!(bench.number(sizes), 0.0);
    let mut store = ecgraft::store::Store::open(&bench.results()).unwrap();
    let donors = bench.ask("SELECT stage_id FROM stages WHERE kind = 'classification'");
    store.forget(&donors[0][0].to_string()).unwrap();
    assert_eq!(bench.number("SELECT count(*) FROM record_set"), 3.0 + 3.0);
    assert_eq!(
        bench.number("SELECT count(*) FROM record_set_word WHERE set_id NOT IN (SELECT set_id FROM stage_set)"),
        0.0
    );
}

#[test]
fn labels_that_are_exchanged_after_planning_are_noticed() {
    let bench = Workbench::new("exchanged");
    excerpt(&bench, "data", &|_, _, _| true);
    let sources = source("real", &bench.path.join("data"), &features());
    let path = bench.write("study.toml", &study("exchanged", "", &sources, "{ source = \"real\" }"));
    let results = || ResultsFolder::new(bench.results());
    let planned = || {
        let found = run::fingerprints(manifest::load(std::slice::from_ref(&path)).unwrap(), &results());
        plan::expand(found.manifests, &found.fingerprints, &found.overlaps).unwrap()
    };
    let before = planned();
    let table = bench.path.join("data/ptbxl_database.csv");
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replace("'NORM'", "'XXXX'").replace("'IMI'", "'NORM'").replace("'XXXX'", "'IMI'")).unwrap();
    let train = |plan: &plan::Plan| {
        let options = run::Options {
            results: results(),
            device: Device::Cpu,
            threads: 1,
            jobs: 1,
            save_every: Duration::from_secs(30),
            only: None,
        };
        let progress = Progress::new(plan.stages.len(), &run::costs(plan));
        run::run(plan, &options, &progress).unwrap()
    };
    let summary = train(&before);
    assert_eq!((summary.trained, summary.failed, summary.faults), (0, 1, 0));
    let said = format!("{:?}", bench.ask("SELECT error FROM stages WHERE status = 'failed'"));
    assert!(
        said.contains("source real: the data changed since planning") && said.contains("ptbxl_database.csv"),
        "{said}"
    );
    // Planned anew they are other data, under another name.
    let after = planned();
    assert!(before.stages.iter().zip(&after.stages).all(|(before, after)| before.id != after.id));
    assert_eq!(train(&after).trained, 2);
}
