//! Slurm's own commands.

use std::io::ErrorKind;
use std::process::Command;

use crate::Result;
use crate::error::Error;

/// Whether Slurm's commands are on this machine.
pub fn is_there() -> bool {
    Command::new("sbatch").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// What a command of Slurm's says on its standard output.
pub(super) fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| {
        Error::user(match error.kind() {
            ErrorKind::NotFound => format!(
                "{program} is not on the PATH: submit where Slurm's commands are; `--dry-run` prints the scripts anywhere"
            ),
            _ => format!("{program} cannot be started: {error}"),
        })
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::user(format!("{program} {}: {why}", arguments.join(" "))))
}

/// The most elements that an array may have here, by `scontrol show config`; Slurm's own default where it does not say.
pub(super) fn array_size() -> usize {
    const DEFAULT: usize = 1001;
    let config = said("scontrol", &["show", "config"]).unwrap_or_default();
    let line = config.lines().find_map(|line| line.trim().strip_prefix("MaxArraySize"));
    let size = line.and_then(|line| line.trim_start_matches([' ', '=']).trim().parse().ok());
    // Of the numbers of elements, which start at 0.
    size.unwrap_or(DEFAULT).max(2) - 1
}

/// Elements of jobs that are queued or running, as `JOB_ELEMENT`, with their state and node.
pub(super) fn queued(jobs: &[u64]) -> Result<Vec<Queued>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let list = jobs.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    match said("squeue", &["--noheader", "--array", "--format=%F %K %T %N|%r", "--jobs", &list]) {
        Ok(text) => Ok(text.lines().filter_map(queued_line).collect()),
        // So it says of jobs that ended some minutes ago.
        Err(error) if error.message.contains("Invalid job id") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// One element in Slurm's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    pub job: u64,
    /// `None` of a job that is no array.
    pub element: Option<usize>,
    /// `RUNNING`, `PENDING` ...
    pub state: String,
    /// Where it runs.
    pub node: String,
    /// Why it waits.
    pub reason: String,
}

fn queued_line(line: &str) -> Option<Queued> {
    let (words, reason) = line.split_once('|')?;
    let mut words = words.split_whitespace();
    let (job, element, state) = (words.next()?.parse().ok()?, words.next()?, words.next()?.to_owned());
    let node = words.next().unwrap_or_default().to_owned();
    Some(Queued { job, element: element.parse().ok(), state, node, reason: reason.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_queue_is_read() {
        let line = queued_line("17 3 RUNNING n1|None").unwrap();
        assert_eq!((line.job, line.element, &*line.state, &*line.node), (17, Some(3), "RUNNING", "n1"));
        let line = queued_line("18 N/A PENDING |Dependency").unwrap();
        assert_eq!((line.job, line.element, &*line.node, &*line.reason), (18, None, "", "Dependency"));
        assert_eq!(queued_line("slurm_load_jobs error"), None);
    }
}
