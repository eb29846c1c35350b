//! How stages are trained, as users see it: schedules that wait for each other, stages that go on after a stop,
//! trainings that come to nothing.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::workbench::{Workbench, sample, tiny};
use ecgraft::store::Cell;

/// Twelve frozen epochs and little patience, at a reduced size. `broken` is no good once it thaws.
fn late_thaw() -> String {
    let data = sample();
    format!(
        r#"name = "late-thaw"
[sources.simulated]
kind = "simulator"
records = 60
[sources.ptbxl]
kind = "ptb-xl"
path = "{data}"
features = "{data}/features/ecgdeli_features.csv"
[signal]
leads = ["I", "V2"]
sampling_rate = 50
[mixes.s]
parts = [{{ source = "simulated" }}]
[architectures.cnn]
kind = "cnn"
channels = [4, 8, 8]
head = 8
[freezes.probe]
steps = [{{ blocks = ["*"] }}]
[freezes.late]
steps = [{{ blocks = ["*"], epochs = 12 }}]
[freezes.broken]
steps = [{{ blocks = ["*"], epochs = 12 }}]
learning_rate_scale = {{ "block*" = 1000.0 }}
[regression]
targets = ["qrs"]
epochs = 2
[transfer]
source = "ptbxl"
labels = "multi"
epochs = 20
batch_size = 64
optimizer = {{ kind = "adam", learning_rate = 0.01 }}
early_stopping = {{ patience = 2, metric = "macro_auc" }}
[trials]
mix = ["s"]
architecture = ["cnn"]
from = [["qrs"]]
freeze = ["probe", "late", "broken"]
seed = [0, 1, 2]
"#,
        data = data.display()
    )
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_run_that_is_to_thaw_thaws_and_those_that_keep_an_earlier_epoch_are_marked() {
    let bench = Workbench::new("late-thaw");
    bench.write("experiments/late.toml", &late_thaw());
    let table = bench.run(&["run"]).ok();
    let of = |freeze: &str, what: &str| {
        bench.number(&format!(
            "SELECT {what} FROM runs JOIN stages s USING (stage_id) WHERE \"freeze\" = '{freeze}' AND current"
        ))
    };
    let epochs = "min((SELECT max(epoch) FROM epochs e WHERE e.stage_id = s.stage_id))";
    assert!(of("probe", epochs) < 12.0, "there is a run that patience would have ended before its thaw");
    for freeze in ["late", "broken"] {
        assert!(of(freeze, epochs) >= 14.0, "{freeze}: all thaw, and get their patience");
        assert_eq!(of(freeze, "count(s.last_step = 13)"), 3.0);
        assert_eq!(of(freeze, "sum(s.frozen_at_best = (s.best_epoch < 13))"), 3.0);
    }
    assert_eq!(of("probe", "count(s.last_step) + count(s.frozen_at_best)"), 0.0);
    assert_eq!(of("broken", "sum(s.frozen_at_best)"), 3.0);
    let late = of("late", "sum(s.frozen_at_best)");

    // In the table, in every format, in the run itself.
    let legend =
        format!("‡: {} of {} runs kept an epoch before their last thaw", 3.0 + late, if late > 0.0 { 6 } else { 3 });
    assert!(table.contains("3 ‡") && table.contains(&legend), "{legend}\n{table}");
    for format in ["markdown", "latex", "typst"] {
        let shown = bench.run(&["compare", "--format", format]).ok();
        let mark = if format == "latex" { "$^\\ddagger$" } else { "‡" };
        assert!(
            shown.contains(&format!("3 {mark}")) && shown.contains(&legend[legend.find(": ").unwrap()..]),
            "{shown}"
        );
    }
    let rows: serde_json::Value = serde_json::from_str(&bench.run(&["compare", "--format", "json"]).ok()).unwrap();
    let of_arm = |freeze: &str| {
        let arm = rows.as_array().unwrap().iter().find(|row| row["freeze"] == freeze).unwrap();
        arm["frozen_at_best"].clone()
    };
    assert_eq!((of_arm("broken"), of_arm("probe")), (3.into(), serde_json::Value::Null));
    assert_eq!(of_arm("late").as_f64(), Some(late));
    assert!(bench.run(&["compare", "--format", "csv"]).ok().lines().next().unwrap().contains(",frozen_at_best,"));
    let run = text(&bench.ask("SELECT run_id FROM runs WHERE \"freeze\" = 'broken'")[0][0]);
    let shown = bench.run(&["show", &run]).ok();
    assert!(shown.contains("; kept before its last thaw, with epoch 13"), "{shown}");
    assert!(shown.contains("lies before epoch 13, from which everything trains"), "{shown}");
    let listed = bench.run(&["runs", "--format", "csv"]).ok();
    assert!(listed.lines().next().unwrap().ends_with(",frozen_at_best,test_mae"), "{listed}");
    bench.run(&["report", "-o", "report.html"]).ok();
    let page = std::fs::read_to_string(bench.path.join("report.html")).unwrap();
    assert!(page.contains("‡") && page.contains("kept an epoch before their last thaw"));

    // Asked for later epochs, it keeps those, and is not marked.
    let from = late_thaw().replace("metric = \"macro_auc\"", "metric = \"macro_auc\", from = \"last-step\"");
    bench.write("experiments/late.toml", &from);
    let table = bench.run(&["run"]).ok();
    assert!(!table.contains('‡'), "{table}");
    for freeze in ["late", "broken"] {
        assert!(of(freeze, "min(s.best_epoch)") >= 13.0 && of(freeze, "sum(s.frozen_at_best)") == 0.0, "{freeze}");
    }
}

#[test]
fn freeze_steps_that_no_epoch_reaches_are_faults_of_the_manifest() {
    let bench = Workbench::new("unreachable");
    let text = late_thaw();
    for (epochs, steps, place, says) in [
        (3, "{ blocks = [\"*\"], epochs = 5 }", "epochs = 5", "ends after epoch 5 and the transfer stage has 3"),
        (12, "{ blocks = [\"*\"], epochs = 12 }", "epochs = 12", "what this step holds never thaws"),
        (
            9,
            "{ blocks = [\"*\"], epochs = 9 }, { blocks = [\"block1\"] }",
            "{ blocks = [\"block1\"]",
            "no epoch reaches this step: those before it take 9 epochs",
        ),
        (
            9,
            "{ blocks = [\"*\"], epochs = 4 }, { blocks = [\"block1\"], epochs = 5 }",
            "epochs = 5",
            "raise transfer.epochs above 9",
        ),
    ] {
        let wrong = text
            .replace(
                "[freezes.late]\nsteps = [{ blocks = [\"*\"], epochs = 12 }]",
                &format!("[freezes.late]\nsteps = [{steps}]"),
            )
            .replace("[freezes.broken]\nsteps = [{ blocks = [\"*\"], epochs = 12 }]", "[freezes.broken]")
            .replace("epochs = 20", &format!("epochs = {epochs}"));
        bench.write("experiments/late.toml", &wrong);
        let line = wrong.lines().position(|line| line == format!("steps = [{steps}]")).unwrap();
        // Of an item, or of its value after the key.
        let column = wrong.lines().nth(line).unwrap().find(place).unwrap() + 1;
        let column = if place.starts_with("epochs") { column + "epochs = ".len() } else { column };
        bench.run(&["check"]).users_fault(&[&format!("late.toml:{}:{column}:", line + 1), says]);
    }
    // To the end, or with an epoch left, it is none.
    for (epochs, steps) in [(12, "{ blocks = [\"*\"] }"), (13, "{ blocks = [\"*\"], epochs = 12 }")] {
        let right = text.replace("{ blocks = [\"*\"], epochs = 12 }", steps);
        bench.write("experiments/late.toml", &right.replace("epochs = 20", &format!("epochs = {epochs}")));
        bench.run(&["check"]).ok();
    }
}

/// Everything that a study finds, but times.
fn found(bench: &Workbench) -> Vec<Vec<Vec<Cell>>> {
    [
        "SELECT stage_id, status, best_epoch, last_step, frozen_at_best, notes FROM stages ORDER BY stage_id",
        "SELECT * FROM epochs ORDER BY stage_id, epoch, split, metric",
        "SELECT * FROM predictions ORDER BY run_id, record_id, class",
        "SELECT run_id, test_macro_auc, test_accuracy, test_macro_f1 FROM runs ORDER BY run_id",
    ]
    .map(|sql| bench.ask(sql))
    .into()
}

/// Tensors by name.
type Tensors = Vec<(String, Vec<u8>)>;

/// The tensors of all checkpoints, by file.
fn weights(bench: &Workbench) -> Vec<(PathBuf, Tensors)> {
    let folder = std::fs::read_dir(bench.results().join("checkpoints")).unwrap();
    let mut all: Vec<_> = folder
        .map(|file| {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let mut tensors: Vec<_> =
                tensors.iter().map(|(name, tensor)| (name.to_owned(), tensor.data().to_vec())).collect();
            tensors.sort();
            (path.file_name().unwrap().into(), tensors)
        })
        .collect();
    all.sort();
    all
}

/// A study whose stages take a second or so each.
fn longer() -> String {
    tiny("longer", &sample(), "")
        .replace("epochs = 2", "epochs = 24\nbatch_size = 4")
        .replace("seed = [0, 1]", "seed = [0]")
}

/// Runs the study of `bench`, which takes `whole`, ending it with `signal` again and again; how often it went on within
/// a stage.
#[cfg(unix)]
fn run_with_ends(bench: &Workbench, whole: Duration, signal: &str, more: &[&str]) -> usize {
    let mut went_on = 0;
    for turn in 0_u32.. {
        assert!(turn < 100, "it does not come to its end");
        let mut command = bench.command(&[&["run"], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Anywhere within it; later and later, lest a machine that became slow never gets anywhere.
        let after = whole.mul_f64((0.2 + 0.6 * (f64::from(turn) * 0.618).fract()) * (1.0 + f64::from(turn) / 10.0));
        let started = Instant::now();
        while started.elapsed() < after && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let is_over = child.try_wait().unwrap().is_some();
        if !is_over {
            std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        went_on += said.matches("goes on from where it was stopped").count();
        assert!(!said.contains("begins anew"), "{said}");
        if output.status.success() {
            return went_on;
        }
        // A stage that was killed several times is given up for this run, and tried again by the next.
        let given_up = output.status.code() == Some(2) && said.contains("without a word");
        assert!(!is_over || output.status.code() == Some(130) || given_up, "{said}");
    }
    unreachable!()
}

#[cfg(unix)]
#[test]
fn a_study_that_is_stopped_and_killed_ends_where_it_would_have() {
    let bench = Workbench::new("unstopped");
    bench.write("experiments/longer.toml", &longer());
    let started = Instant::now();
    bench.run(&["run", "--threads", "2"]).ok();
    let whole = started.elapsed();
    let expected = (found(&bench), weights(&bench));
    let mut within = 0;
    for (signal, more) in [
        ("-INT", &["--threads", "1"][..]),
        ("-INT", &["--threads", "2", "--jobs", "2"]),
        ("-KILL", &["--save-every", "0", "--threads", "1"]),
        ("-KILL", &["--save-every", "0.05", "--threads", "2", "--jobs", "1"]),
    ] {
        let bench = Workbench::new("stopped");
        bench.write("experiments/longer.toml", &longer());
        within += run_with_ends(&bench, whole, signal, more);
        assert!(found(&bench) == expected.0, "{signal} {more:?}: other results");
        assert!(weights(&bench) == expected.1, "{signal} {more:?}: other weights");
        // There is no folder where nothing was ever saved.
        let kept = std::fs::read_dir(bench.results().join("progress")).into_iter().flatten();
        let kept: Vec<_> = kept.map(|file| file.unwrap().path()).filter(|path| !is_unfinished(path)).collect();
        assert!(kept.is_empty(), "{kept:?}");
    }
    assert!(within > 0, "it was never stopped within a stage");
}

/// Whether a file was being written when its process was killed.
fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "tmp")
}

#[test]
fn damaged_progress_is_told_and_passed_over() {
    let bench = Workbench::new("damaged-progress");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), ""));
    let stages: Vec<String> = {
        bench.run(&["run"]).ok();
        bench.ask("SELECT stage_id FROM stages").iter().map(|row| text(&row[0])).collect()
    };
    let expected = (found(&bench), weights(&bench));
    let bench = Workbench::new("damaged-progress-again");
    bench.write("experiments/tiny.toml", &tiny("tiny", &sample(), ""));
    stages.iter().for_each(|stage| drop(bench.write(&format!("results/progress/{stage}"), &"x".repeat(100))));
    let said = bench.run(&["run"]);
    assert_eq!(said.err.matches("begins anew").count(), stages.len(), "{}", said.err);
    said.ok();
    assert!((found(&bench), weights(&bench)) == expected);
    // Of a stage that is done there is none.
    let left = bench.write(&format!("results/progress/{}", stages[0]), "left behind");
    bench.run(&["run"]).ok();
    assert!(!left.exists());
    let wrong = bench.run(&["run", "--save-every", "-1"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
}

#[test]
fn weights_that_are_not_finite_end_their_stage_with_the_epoch() {
    let xresnet = "kind = \"xresnet1d\"\ndepth = 18\n";
    let small = "kind = \"cnn\"\nchannels = [4, 8]\nkernels = [5, 3]\nhead = 8\n";
    for (name, architecture, transfer, advice) in [
        ("rate", xresnet, "optimizer = { kind = \"adam\", learning_rate = 1e30 }", "lower optimizer.learning_rate"),
        ("noise", small, "augment = [{ kind = \"gaussian-noise\", sd = 1e300 }]", "what `augment` adds"),
    ] {
        let bench = Workbench::new(&format!("diverged-{name}"));
        let study = tiny(name, &sample(), "").replace(small, architecture);
        let study = study.replace("[transfer]\n", &format!("[transfer]\n{transfer}\n"));
        bench.write("experiments/diverged.toml", &study.replace("seed = [0, 1]", "seed = [0]"));
        let said = bench.run(&["run"]).users_fault(&["training diverged", "in epoch 1", advice]);
        assert!(said.contains("is not finite") || said.contains("became") || said.contains("output"), "{said}");
        assert_eq!(bench.number("SELECT count(*) FROM stages WHERE kind = 'transfer' AND status = 'done'"), 0.0);
    }
}

/// The sample, with records of one class alone in fold 9.
fn one_class_validates(bench: &Workbench) -> PathBuf {
    let (from, to) = (sample(), bench.path.join("data"));
    std::fs::create_dir_all(&to).unwrap();
    for name in ["records100", "features", "scp_statements.csv"] {
        #[cfg(unix)]
        std::os::unix::fs::symlink(from.join(name), to.join(name)).unwrap();
    }
    let mut reader = csv::Reader::from_path(from.join("ptbxl_database.csv")).unwrap();
    let head = reader.headers().unwrap().clone();
    let place = |name: &str| head.iter().position(|column| column == name).unwrap();
    let (codes, fold) = (place("scp_codes"), place("strat_fold"));
    let mut writer = csv::Writer::from_path(to.join("ptbxl_database.csv")).unwrap();
    writer.write_record(&head).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        let moved = &record[fold] == "9" && !record[codes].contains("'NORM'");
        writer
            .write_record(record.iter().enumerate().map(|(i, cell)| if i == fold && moved { "8" } else { cell }))
            .unwrap();
    }
    to
}

#[cfg(unix)]
#[test]
fn a_validation_fold_of_one_class_is_told_before_training() {
    let bench = Workbench::new("one-class");
    let data = one_class_validates(&bench);
    let study = tiny("one-class", &data, "").replace("labels = \"multi\"", "labels = \"single\"");
    bench.write("experiments/one.toml", &study);
    let said = bench.run(&["run"]).users_fault(&[
        "no epoch can be chosen by macro_auc",
        "validation records have the same classes, NORM (folds that validate a transfer: 9)",
        "metric = \"loss\"",
    ]);
    assert!(!said.contains("learning_rate"), "{said}");
    assert_eq!(
        bench.number("SELECT count(*) FROM epochs e JOIN stages s USING (stage_id) WHERE s.kind = 'transfer'"),
        0.0
    );
    // The way on works.
    let watched = study.replace("[transfer]\n", "[transfer]\nearly_stopping = { metric = \"loss\", patience = 99 }\n");
    bench.write("experiments/one.toml", &watched);
    bench.run(&["run"]).ok();
}
