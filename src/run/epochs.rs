//! The learning curves of a stage while it trains, for who watches: a file of a few lines beside its progress.
//!
//! The store has the curves of stages that are done, and what is saved to go on from has those of half a minute ago
//! between all weights. This file has an epoch a line, of which nothing depends: where it cannot be written nobody sees
//! the stage's curves before it is done. It goes with the progress.
//!
//! Its first line is a [`Head`], the others an [`Epoch`] each, as JSON.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::plan::{Stage, StageKind};
use crate::results::ResultsFolder;
use crate::train::EpochValue;
use crate::{durable, process};

/// More of a file is not read: epochs are a few hundred bytes each.
const LONGEST: u64 = 16 << 20;

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// What is trained: the stage's [`TaskKind`](crate::plan::TaskKind), architecture, mix, target and seed, as the store has
    /// them.
    pub kind: String,
    pub architecture: String,
    pub mix: Option<String>,
    pub target: Option<String>,
    pub seed: u64,
    /// The most epochs there can be.
    pub of: usize,
    /// The machine's name, where it has one, and the process, as [`process::name`] has it.
    pub host: Option<String>,
    pub process: String,
    /// When the training began or went on, seconds since 1970, UTC.
    pub since: f64,
}

/// What a line says of an epoch, from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    pub epoch: usize,
    /// Split, metric and value; `null` is no number.
    pub values: Vec<(String, String, Option<f64>)>,
}

/// Writes the file of one stage.
#[derive(Debug)]
pub(super) struct Epochs {
    path: PathBuf,
    head: Head,
    /// How many values are written; `None` before the first time.
    written: Option<usize>,
}

impl Epochs {
    /// Of a stage.
    pub fn of(results: &ResultsFolder, stage: &Stage) -> Self {
        let target = match &stage.kind {
            StageKind::Regression { targets, .. } => Some(targets.label()),
            _ => None,
        };
        let head = Head {
            kind: stage.kind.task().name().to_owned(),
            architecture: stage.architecture.to_owned(),
            mix: stage.mix().map(str::to_owned),
            target,
            seed: stage.seed,
            of: 0,
            host: host(),
            process: process::name().to_owned(),
            since: 0.0,
        };
        Self::new(results.epochs_of(&stage.id), head)
    }

    fn new(path: PathBuf, head: Head) -> Self {
        Self { path, head, written: None }
    }

    /// Writes what is new of `curves`, which are all so far, of at most `of` epochs. What another process left is replaced.
    pub fn tell(&mut self, curves: &[EpochValue], of: usize) {
        let appended = self.written.and_then(|written| append(&self.path, &lines(curves.get(written..)?)).ok());
        let done = match appended {
            Some(()) => Ok(()),
            // Another process may have taken the file away.
            None => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                (self.head.of, self.head.since) = (of, since.as_secs_f64());
                begin(&self.path, &self.head, &lines(curves))
            }
        };
        // What was not written now is the next time.
        self.written = done.is_ok().then_some(curves.len());
    }
}

/// Removes the file of stage `id`.
pub(super) fn forget(results: &ResultsFolder, id: &str) {
    let _ = fs::remove_file(results.epochs_of(id));
}

/// An epoch a line.
fn lines(curves: &[EpochValue]) -> String {
    let epochs = curves.chunk_by(|one, next| one.epoch == next.epoch);
    let line = |values: &[EpochValue]| {
        let value = |of: &EpochValue| {
            (of.split.name().to_owned(), of.metric.to_string(), Some(of.value).filter(|value| value.is_finite()))
        };
        let epoch = Epoch { epoch: values.first()?.epoch, values: values.iter().map(value).collect() };
        serde_json::to_string(&epoch).ok().map(|line| line + "\n")
    };
    epochs.filter_map(line).collect()
}

/// Makes the file anew: whoever reads it sees the old one or the new.
fn begin(path: &Path, head: &Head, lines: &str) -> std::io::Result<()> {
    let head = serde_json::to_string(head)?;
    let unfinished = durable::unfinished(path);
    fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    let done = fs::write(&unfinished, format!("{head}\n{lines}")).and_then(|()| fs::rename(&unfinished, path));
    if done.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    done
}

fn append(path: &Path, lines: &str) -> std::io::Result<()> {
    File::options().append(true).open(path)?.write_all(lines.as_bytes())
}

/// The machine's name, as its people know it.
fn host() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The curves so far of a stage that is in work.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watched {
    /// Who trains it, and how long at most.
    pub head: Head,
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
    /// How long ago the last was told of.
    pub age: Duration,
}

impl Watched {
    /// What the file at `path` says; `None` where it cannot be read, or is none of ours. A line that is not whole yet is
    /// left out.
    pub fn read(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        if metadata.len() > LONGEST {
            return None;
        }
        let age = metadata.modified().ok()?.elapsed().unwrap_or_default();
        let text = fs::read_to_string(path).ok()?;
        let mut lines = text.lines();
        let head: Head = serde_json::from_str(lines.next()?).ok()?;
        let mut epochs: Vec<Epoch> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        epochs.sort_by_key(|of| of.epoch);
        epochs.dedup_by_key(|of| of.epoch);
        Some(Self { head, epochs, age })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Subset;

    /// The losses on a split, by epoch.
    fn losses(seen: &Watched, split: Subset) -> Vec<(usize, f64)> {
        let of = |epoch: &Epoch| {
            let found = epoch.values.iter().find(|(of, ..)| of == split.name())?;
            Some((epoch.epoch, found.2?))
        };
        seen.epochs.iter().filter_map(of).collect()
    }

    fn value(epoch: usize, split: Subset, value: f64) -> EpochValue {
        EpochValue { epoch, split, metric: "loss".into(), value }
    }

    #[test]
    fn epochs_are_told_one_by_one_and_anew_by_who_takes_over() {
        let folder = std::env::temp_dir().join(format!("ecgraft-epochs-{}", std::process::id()));
        let results = ResultsFolder::new(&folder);
        let (first, second) = (value(1, Subset::Train, 0.5), value(2, Subset::Train, f64::NAN));
        let third = value(2, Subset::Validation, 0.25);
        let path = results.epochs_of("1f");
        let head: Head = serde_json::from_str(
            r#"{"kind":"regression","architecture":"cnn","mix":"m","target":"qt","seed":3,"of":0,"host":null,"process":"x","since":0}"#,
        )
        .unwrap();
        let mut epochs = Epochs::new(path.clone(), head.clone());
        epochs.tell(std::slice::from_ref(&first), 9);
        epochs.tell(&[first.clone(), second, third], 9);
        let seen = Watched::read(&results.epochs_of("1f")).unwrap();
        assert_eq!((seen.head.of, seen.epochs.len()), (9, 2));
        assert_eq!(losses(&seen, Subset::Train), [(1, 0.5)], "what is no number is left out");
        assert_eq!(losses(&seen, Subset::Validation), [(2, 0.25)]);

        assert_eq!((&*seen.head.kind, seen.head.seed), ("regression", 3));
        Epochs::new(path, head).tell(&[first], 9);
        fs::File::options().append(true).open(results.epochs_of("1f")).unwrap().write_all(b"{\"epoch\":2,").unwrap();
        let seen = Watched::read(&results.epochs_of("1f")).unwrap();
        assert_eq!(losses(&seen, Subset::Train), [(1, 0.5)], "and what is not whole");
        forget(&results, "1f");
        epochs.tell(&[value(1, Subset::Train, 0.5), value(2, Subset::Train, 0.4), value(3, Subset::Train, 0.3)], 9);
        let seen = Watched::read(&results.epochs_of("1f")).unwrap();
        assert_eq!(seen.epochs.len(), 3, "all of it where it was taken away");
        forget(&results, "1f");
        assert!(Watched::read(&results.epochs_of("1f")).is_none());
        fs::remove_dir_all(folder).unwrap();
    }
}
