//! How far what was submitted is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::command::{Queued, queued};
use super::submission::{Submission, all};
use crate::results::ResultsFolder;
use crate::store::Store;
use crate::{Error, Result};

/// How far one submission is.
#[derive(Clone, Debug)]
pub struct Standing {
    /// What was submitted.
    pub submission: Submission,
    /// Its jobs, in order.
    pub jobs: Vec<JobStanding>,
}

/// How far one job is.
#[derive(Clone, Debug, Default)]
pub struct JobStanding {
    /// Slurm's number.
    pub id: u64,
    /// Whether it is the one that merges.
    pub merges: bool,
    /// Its stages, and those of them that are done.
    pub stages: [usize; 2],
    /// Elements in Slurm's queue by what Slurm says of them, such as `PENDING`.
    pub queue: BTreeMap<String, usize>,
    /// Where elements run.
    pub running: Vec<Element>,
    /// Elements that are no longer queued, and have stages that are not done.
    pub ended: Vec<Element>,
}

/// An element of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its number, from 1.
    pub number: usize,
    /// Where it runs, or its log.
    pub place: String,
    /// Its stages, and those of them that are done.
    pub stages: [usize; 2],
}

/// How far the last submission of a results folder is, and earlier ones that are in the queue.
///
/// # Errors
/// A user error where nothing was submitted, or Slurm does not answer.
pub fn standing(results: &ResultsFolder) -> Result<Vec<Standing>> {
    let submissions = all(results)?;
    if submissions.is_empty() {
        return Err(super::latest(results).err().unwrap_or_else(Error::interrupted));
    }
    let done = if results.store().exists() {
        Store::open_read_only(results.path())?.checksums()?.into_keys().collect()
    } else {
        std::collections::HashSet::new()
    };
    let is_done = |id: &String| done.contains(id) || results.shard(id).exists();
    let last = submissions.len() - 1;
    let mut found = Vec::new();
    for (place, submission) in submissions.into_iter().enumerate() {
        let ids: Vec<u64> = submission.jobs.iter().map(|job| job.id).collect();
        let queue = queued(&ids)?;
        if place < last && queue.is_empty() {
            continue;
        }
        let jobs = submission.jobs.iter().map(|job| {
            let own: Vec<&Queued> = queue.iter().filter(|of| of.job == job.id).collect();
            let mut standing = JobStanding { id: job.id, merges: job.elements.is_empty(), ..JobStanding::default() };
            for of in &own {
                let state = match &*of.reason {
                    "" | "None" => of.state.clone(),
                    reason if of.state == "PENDING" => format!("{} ({reason})", of.state),
                    _ => of.state.clone(),
                };
                *standing.queue.entry(state).or_default() += 1;
            }
            for (number, stages) in (1..).zip(&job.elements) {
                let counts = [stages.len(), stages.iter().filter(|id| is_done(id)).count()];
                standing.stages = [standing.stages[0] + counts[0], standing.stages[1] + counts[1]];
                let of_queue = own.iter().find(|of| of.element == Some(number));
                match of_queue {
                    Some(of) if of.state == "RUNNING" => {
                        standing.running.push(Element { number, place: of.node.clone(), stages: counts });
                    }
                    Some(_) => {}
                    None if counts[1] < counts[0] => {
                        let log = log(&submission, job.id, number);
                        standing.ended.push(Element { number, place: log.display().to_string(), stages: counts });
                    }
                    None => {}
                }
            }
            standing
        });
        let jobs = jobs.collect();
        found.push(Standing { submission, jobs });
    }
    Ok(found)
}

fn log(submission: &Submission, job: u64, element: usize) -> PathBuf {
    submission.place.join("logs").join(format!("{job}_{element}.log"))
}

/// The logs of the last submission that has stage `word` (an id, or its beginning), or, without one, of its elements that
/// ended before their stages were done; all of it where there is none.
///
/// # Errors
/// A user error where nothing was submitted, or no element has such a stage.
pub fn logs(results: &ResultsFolder, word: Option<&str>) -> Result<Vec<PathBuf>> {
    let Some(word) = word else {
        let ended = standing(results)?.into_iter().flat_map(|of| of.jobs).flat_map(|job| job.ended);
        // One that was cancelled before it began has none.
        return Ok(ended.map(|element| PathBuf::from(element.place)).filter(|log| log.exists()).collect());
    };
    for submission in all(results)?.iter().rev() {
        for job in &submission.jobs {
            let has = |ids: &&Vec<String>| ids.iter().any(|id| id.starts_with(word));
            let mine = (1..).zip(&job.elements).filter(|(_, ids)| has(ids));
            let found: Vec<PathBuf> = mine.map(|(number, _)| log(submission, job.id, number)).collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }
    Err(Error::user(format!("{word}: no stage that was submitted has an id that begins so")))
}
