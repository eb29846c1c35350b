//! A folder of its own for a test, and ecgraft run in it as a user runs it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ecgraft::store::{Cell, Store};

/// Goes with the test.
pub struct Workbench {
    pub path: PathBuf,
}

impl Workbench {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ecgraft-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// ecgraft, in this folder, without the user's data.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // Or one that was carried along with the tests.
        let ecgraft = std::env::var_os("ECGRAFT").unwrap_or_else(|| env!("CARGO_BIN_EXE_ecgraft").into());
        let mut command = Command::new(ecgraft);
        command.args(arguments).current_dir(&self.path).env_remove("ECG_DATA");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().unwrap())
    }

    /// Where commands keep results.
    pub fn results(&self) -> PathBuf {
        self.path.join("results")
    }

    /// What the store in `results` answers.
    pub fn ask(&self, sql: &str) -> Vec<Vec<Cell>> {
        Store::open_read_only(&self.results()).unwrap().query(sql).unwrap().rows
    }

    /// The one number that the store answers.
    pub fn number(&self, sql: &str) -> f64 {
        match self.ask(sql).first().and_then(|row| row.first()) {
            Some(Cell::Integer(value)) => *value as f64,
            Some(Cell::Real(value)) => *value,
            other => panic!("{sql}: {other:?}"),
        }
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Standard output of a command that went well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }

    /// Standard error of a command that found a fault of the user's, without a panic.
    #[track_caller]
    pub fn users_fault(self, says: &[&str]) -> String {
        assert_eq!(self.code, Some(2), "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        for piece in says {
            assert!(self.err.contains(piece), "{piece:?} is not in:\n{}", self.err);
        }
        self.err
    }
}

/// Says that `test` was skipped, and why: also where what tests print is not shown.
pub fn skipped(test: &str, why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: {test}, as {why}");
}

/// The bundled records of PTB-XL.
pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/data/ptbxl-sample")
}

/// A study of seconds: two seeds of a scratch and a grafted arm. `more` goes before `[trials]`.
pub fn tiny(name: &str, data: &Path, more: &str) -> String {
    format!(
        r#"name = "{name}"
[sources.simulated]
kind = "simulator"
records = 40
seed = 1
[sources.ptbxl]
kind = "ptb-xl"
path = "{data}"
features = "{data}/features/ecgdeli_features.csv"
[signal]
leads = ["I", "V2"]
sampling_rate = 50
[mixes.half]
records = 60
parts = [{{ source = "simulated", share = 0.5 }}, {{ source = "ptbxl", share = 0.5 }}]
[architectures.tiny]
kind = "cnn"
channels = [4, 8]
kernels = [5, 3]
head = 8
[freezes.none]
[freezes.probe]
steps = [{{ blocks = ["*"] }}]
[regression]
epochs = 2
[transfer]
source = "ptbxl"
labels = "multi"
epochs = 2
{more}
[trials]
random_probe = false
mix = ["half"]
architecture = ["tiny"]
from = [["hr"]]
freeze = ["none", "probe"]
seed = [0, 1]
"#,
        data = data.display()
    )
}
