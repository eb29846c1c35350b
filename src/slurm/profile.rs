//! What jobs ask of a cluster.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::Error;

/// What each element of an array asks for, and how many run at once. Options of the command line come before the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Profile {
    /// `--partition`
    pub partition: Option<String>,
    /// `--account`
    pub account: Option<String>,
    /// `--qos`
    pub qos: Option<String>,
    /// `--gpus`: a number, or `TYPE:NUMBER`; with it stages are trained on a GPU.
    pub gpus: Option<String>,
    /// `--cpus-per-task`; each element trains with so many threads.
    pub cpus: Option<usize>,
    /// `--mem`, such as `8G`.
    pub memory: Option<String>,
    /// `--time`, as Slurm writes it: minutes, `HH:MM:SS`, `D-HH:MM:SS` ...
    pub time: Option<String>,
    /// Elements that run at once, at most.
    pub array_limit: Option<usize>,
    /// How long an element works, about, as `time` is written [default: a quarter of the time limit, at most an hour, and less
    /// where elements would be fewer than may run at once, but not under a minute].
    pub element_time: Option<String>,
    /// Lines of shell before the work: `module load cuda/12` ...
    #[serde(default)]
    pub setup: Vec<String>,
    /// Other options of `sbatch`, such as `--constraint=a100`.
    #[serde(default)]
    pub sbatch: Vec<String>,
    /// Folder of prepared records on each node [default: one in the node's temporary folder]. `shared` keeps them in the
    /// results folder.
    pub cache: Option<String>,
}

impl Profile {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// A user error where it cannot be read, or has a key that is not known; the message says where.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::user(format!("{}: cannot be read: {error}", path.display())))?;
        toml::from_str(&text).map_err(|error| Error::user(format!("{}: {error}", path.display()).trim_end().to_owned()))
    }

    /// These, and what `other` has where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let either = |own: Vec<String>, other: Vec<String>| if own.is_empty() { other } else { own };
        Self {
            partition: self.partition.or(other.partition),
            account: self.account.or(other.account),
            qos: self.qos.or(other.qos),
            gpus: self.gpus.or(other.gpus),
            cpus: self.cpus.or(other.cpus),
            memory: self.memory.or(other.memory),
            time: self.time.or(other.time),
            array_limit: self.array_limit.or(other.array_limit),
            element_time: self.element_time.or(other.element_time),
            setup: either(self.setup, other.setup),
            sbatch: either(self.sbatch, other.sbatch),
            cache: self.cache.or(other.cache),
        }
    }

    /// Seconds of the time limit, if there is one.
    ///
    /// # Errors
    /// A user error for what Slurm does not understand either.
    pub fn seconds(&self) -> Result<Option<u64>> {
        self.time.as_deref().map(|text| checked_seconds("--time", text)).transpose()
    }

    /// Seconds that an element is to work, and whether more of them may be made to run at once.
    ///
    /// # Errors
    /// As [`Profile::seconds`].
    pub(super) fn element(&self) -> Result<(f64, bool)> {
        const LONGEST: f64 = 3600.0;
        if let Some(text) = &self.element_time {
            return Ok((checked_seconds("--element-time", text)? as f64, false));
        }
        Ok((self.seconds()?.map_or(LONGEST, |limit| (limit as f64 / 4.0).clamp(1.0, LONGEST)), true))
    }

    /// That nothing in it would end a line of a script.
    ///
    /// # Errors
    /// A user error that names the value.
    pub fn check(&self) -> Result<()> {
        let words = [
            &self.partition,
            &self.account,
            &self.qos,
            &self.gpus,
            &self.memory,
            &self.time,
            &self.element_time,
            &self.cache,
        ];
        let all = words.into_iter().flatten().chain(&self.setup).chain(&self.sbatch);
        for value in all {
            if value.contains(['\n', '\r', '\0']) {
                return Err(Error::user(format!("{value:?} has a line feed, and goes into one line of a script")));
            }
        }
        if let Some(value) = words.into_iter().flatten().find(|value| value.contains(['"', '\\'])) {
            return Err(Error::user(format!("{value:?}: Slurm's directives take no quotes and no backslashes")));
        }
        if let Some(option) = self.sbatch.iter().find(|option| !option.starts_with('-')) {
            return Err(Error::user(format!("sbatch: {option:?} is no option; write it as --NAME=VALUE")));
        }
        match (self.cpus, self.array_limit) {
            (Some(0), _) | (_, Some(0)) => Err(Error::user("--cpus and --array-limit start at 1")),
            _ => self.seconds().and_then(|_| self.element()).map(drop),
        }
    }
}

fn checked_seconds(option: &str, text: &str) -> Result<u64> {
    seconds(text).filter(|seconds| *seconds > 0).ok_or_else(|| {
        Error::user(format!(
            "{option} {text}: write minutes, MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS, as for sbatch"
        ))
    })
}

/// As `sbatch` reads `--time` (<https://slurm.schedmd.com/sbatch.html>).
fn seconds(text: &str) -> Option<u64> {
    let number = |text: &str| text.parse::<u64>().ok();
    let parts = |text: &str| text.split(':').map(number).collect::<Option<Vec<u64>>>();
    match text.split_once('-') {
        Some((days, rest)) => {
            let parts = parts(rest).filter(|parts| parts.len() <= 3)?;
            let units = [3600, 60, 1];
            Some(number(days)? * 86_400 + parts.iter().zip(units).map(|(part, unit)| part * unit).sum::<u64>())
        }
        None => match parts(text)?[..] {
            [minutes] => Some(60 * minutes),
            [minutes, seconds] => Some(60 * minutes + seconds),
            [hours, minutes, seconds] => Some(3600 * hours + 60 * minutes + seconds),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_sbatch() {
        for (text, expected) in [
            ("90", Some(5400)),
            ("10:30", Some(630)),
            ("2:00:00", Some(7200)),
            ("1-0", Some(86_400)),
            ("1-12:30", Some(86_400 + 45_000)),
            ("2-03:04:05", Some(2 * 86_400 + 11_045)),
            ("soon", None),
            ("1:2:3:4", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn the_command_line_comes_before_the_file() {
        let file = Profile { partition: Some("slow".into()), cpus: Some(4), ..Profile::default() };
        let line = Profile { partition: Some("fast".into()), ..Profile::default() };
        let both = line.or(file);
        assert_eq!((both.partition.as_deref(), both.cpus), (Some("fast"), Some(4)));
        assert!(Profile { setup: vec!["a\nb".into()], ..Profile::default() }.check().is_err());
        assert!(Profile { sbatch: vec!["constraint=a".into()], ..Profile::default() }.check().is_err());
    }
}
