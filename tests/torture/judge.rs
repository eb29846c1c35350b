//! A study of less than a second, what it finds untouched, and whether a folder has just that.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, types::Value};

use crate::workbench::{Workbench, sample, tiny};

/// How long a command may take that takes a second when all is well.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How often something is done: `usual`, or as many times as `TORTURE` says.
pub fn count(usual: usize) -> usize {
    std::env::var("TORTURE").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// Says what was found, also where what tests print is not shown.
pub fn told(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "torture: {sentence}");
}

/// A study: its manifest, and what it finds when nobody touches it.
pub struct Study {
    pub manifest: String,
    /// Everything that the store and the checkpoints say of a stage, by stage.
    pub truth: BTreeMap<String, Found>,
    /// What a run takes from an empty folder.
    pub wall: Duration,
}

/// What was found of a stage: its rows and its tensors, as text.
pub type Found = Vec<String>;

/// What of a stage must come out the same: tables, and their columns after the stage's id.
const FINDINGS: [(&str, &str); 5] = [
    ("prediction", "record_id, class, probability, label"),
    ("regression_prediction", "target, source, record_id, patient, truth, measured"),
    ("score", "split, metric, class, value"),
    ("regression_score", "target, split, records, mae, rmse, r2, pearson_r"),
    ("epoch", "epoch, split, metric, value"),
];

impl Study {
    /// The study of less than a second.
    pub fn small() -> &'static Study {
        static STUDY: OnceLock<Study> = OnceLock::new();
        STUDY.get_or_init(|| Study::of("torture-small", tiny("small", &sample(), "")))
    }

    /// The same with stages of about a second, to be caught at work.
    pub fn slow() -> &'static Study {
        static STUDY: OnceLock<Study> = OnceLock::new();
        STUDY
            .get_or_init(|| Study::of("torture-slow", tiny("slow", &sample(), "").replace("epochs = 2", "epochs = 60")))
    }

    /// Runs it where nobody touches it.
    pub fn of(name: &str, manifest: String) -> Study {
        let bench = Workbench::new(name);
        bench.write("study.toml", &manifest);
        let begun = Instant::now();
        run(&bench, &[]).ended_well();
        let wall = begun.elapsed();
        let truth = found(&bench.results()).unwrap();
        assert!(truth.len() >= 8 && truth.values().all(|found| found.len() > 3), "{}", truth.len());
        Study { manifest, truth, wall }
    }

    /// A folder with the study in it.
    pub fn bench(&self, name: &str) -> Workbench {
        let bench = Workbench::new(&format!("torture-{name}"));
        bench.write("study.toml", &self.manifest);
        bench
    }

    /// Whether the results are those of the untouched study: all of them, bit for bit.
    pub fn is_in(&self, results: &Path) -> Result<(), String> {
        let found = found(results)?;
        for (stage, truth) in &self.truth {
            match found.get(stage) {
                None => return Err(format!("stage {stage} is not done")),
                Some(found) => same(stage, truth, found)?,
            }
        }
        Ok(())
    }

    /// Whether nothing is in the results that is other than in the untouched study; there may be less.
    pub fn agrees_with(&self, results: &Path) -> Result<(), String> {
        for (stage, found) in &found(results)? {
            self.truth.get(stage).map_or(Ok(()), |truth| same(stage, truth, found))?;
        }
        Ok(())
    }
}

/// A store that was not yet made is no fault.
pub fn no_table(why: String) -> Result<(), String> {
    if why.contains("no such table") { Ok(()) } else { Err(why) }
}

fn same(stage: &str, truth: &Found, found: &Found) -> Result<(), String> {
    let differ = truth.iter().zip(found).find(|(truth, found)| truth != found);
    match differ {
        Some((truth, found)) => Err(format!("stage {stage}: {found} instead of {truth}")),
        None if truth.len() != found.len() => Err(format!("stage {stage}: {} instead of {}", found.len(), truth.len())),
        None => Ok(()),
    }
}

/// What is found of every stage that is done.
fn found(results: &Path) -> Result<BTreeMap<String, Found>, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let store =
        Connection::open_with_flags(results.join("ecgraft.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(text)?;
    let sound: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(text)?;
    if sound != "ok" {
        return Err(format!("the store is damaged: {sound}"));
    }
    let mut select = store.prepare("SELECT stage_id, checkpoint FROM stage WHERE status = 'done'").map_err(text)?;
    let stages = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(text)?;
    let stages: Vec<(String, Option<String>)> = stages.collect::<rusqlite::Result<_>>().map_err(text)?;
    let mut all = BTreeMap::new();
    for (stage, checkpoint) in stages {
        let mut found = Vec::new();
        for (table, columns) in FINDINGS {
            let sql = format!("SELECT {columns} FROM {table} WHERE stage_id = ?1 ORDER BY {columns}");
            let mut select = store.prepare(&sql).map_err(text)?;
            let count = select.column_count();
            let rows = select.query_map([&stage], |row| {
                let cells = (0..count).map(|cell| row.get::<_, Value>(cell).map(|value| bits(&value)));
                Ok(format!("{table}: {}", cells.collect::<rusqlite::Result<Vec<_>>>()?.join(" ")))
            });
            found.extend(rows.map_err(text)?.collect::<rusqlite::Result<Vec<_>>>().map_err(text)?);
        }
        let place = checkpoint.ok_or(format!("stage {stage} is done and has no weights"))?;
        found.extend(
            tensors(&results.join(place)).map_err(|why| format!("stage {stage} is done, and its weights {why}"))?,
        );
        all.insert(stage, found);
    }
    Ok(all)
}

fn bits(value: &Value) -> String {
    match value {
        Value::Real(number) => format!("{:016x}", number.to_bits()),
        other => format!("{other:?}"),
    }
}

/// Names, shapes and bits of the tensors of a checkpoint.
fn tensors(path: &Path) -> Result<Vec<String>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let file = safetensors::SafeTensors::deserialize(&bytes).map_err(|error| format!("are not whole: {error}"))?;
    let tensors = file.tensors();
    let line = |(name, tensor): &(String, safetensors::tensor::TensorView<'_>)| {
        format!("{name} {:?} {}", tensor.shape(), ecgraft::seed::sha256_hex(tensor.data()))
    };
    let mut lines: Vec<String> = tensors.iter().map(line).collect();
    lines.sort();
    Ok(lines)
}

/// `ecgraft run` of the folder's study.
pub fn command(bench: &Workbench, more: &[&str]) -> Command {
    bench.command(&[&["run", "study.toml", "--threads", "2"], more].concat())
}

/// A command under way, what it says going to files beside its folder's results.
pub struct Running {
    pub child: Child,
    said: PathBuf,
}

/// Starts a command; `name` is that of the files that keep what it says.
pub fn start(bench: &Workbench, mut command: Command, name: &str) -> Running {
    let said = bench.path.join(format!("{name}.txt"));
    let file = std::fs::File::create(&said).unwrap();
    let child = command.stdout(Stdio::null()).stderr(file).stdin(Stdio::null()).spawn().unwrap();
    Running { child, said }
}

/// Runs the study to its end.
pub fn run(bench: &Workbench, more: &[&str]) -> Ended {
    start(bench, command(bench, more), "run").end(PATIENCE)
}

/// How a command ended.
pub struct Ended {
    /// `None` of one that had to be killed as it did not end.
    pub status: Option<ExitStatus>,
    pub said: String,
}

impl Running {
    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let signal = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &signal]).status().unwrap().success(), "{signal}");
    }

    /// Waits so long at most: whether it ended.
    pub fn ended_within(&mut self, patience: Duration) -> bool {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if begun.elapsed() > patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Waits for its end, and makes one after `patience`.
    pub fn end(mut self, patience: Duration) -> Ended {
        let status = if self.ended_within(patience) {
            self.child.try_wait().unwrap()
        } else {
            let _ = self.child.kill();
            let _ = self.child.wait();
            None
        };
        Ended { status, said: std::fs::read_to_string(&self.said).unwrap_or_default() }
    }
}

impl Ended {
    /// That it did what it was asked.
    #[track_caller]
    pub fn ended_well(&self) {
        assert!(self.status.is_some(), "it did not end:\n{}", self.said);
        assert!(self.status.is_some_and(|status| status.success()), "{:?}:\n{}", self.status, self.said);
    }

    /// That it ended by itself, and said why where not well: whether it ended well.
    #[track_caller]
    pub fn ended_clearly(&self) -> bool {
        let code = self.status.and_then(|status| status.code());
        assert!(!self.said.contains("panicked"), "{}", self.said);
        assert!(code == Some(0) || self.said.contains("error: "), "{:?}:\n{}", self.status, self.said);
        code == Some(0)
    }
}
