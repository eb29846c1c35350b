//! Submitting a study, and what is kept of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::command::{array_size, queued, said};
use super::elements::{Wave, waves};
use super::profile::Profile;
use super::script::{Script, list_name};
use crate::error::Error;
use crate::plan::Plan;
use crate::results::ResultsFolder;
use crate::store::Store;
use crate::{Result, durable, merge, run};

/// What was submitted, as the results folder keeps it: `slurm/TIME/submission.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Submission {
    /// Where it is kept.
    #[serde(skip)]
    pub place: PathBuf,
    /// When, RFC 3339, UTC.
    pub at: String,
    /// What jobs are called.
    pub name: String,
    /// The jobs, in the order in which they run.
    pub jobs: Vec<Job>,
}

/// A job: an array that trains, or the one that merges.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Job {
    /// Slurm's number.
    pub id: u64,
    /// The ids of the stages of each element, the first element being 1; none of the job that merges.
    pub elements: Vec<Vec<String>>,
}

/// What is going to be submitted: scripts, and who does what.
#[derive(Debug)]
pub struct Prepared {
    /// The waves.
    pub waves: Vec<Wave>,
    /// The script of each wave.
    pub scripts: Vec<String>,
    /// The script that merges.
    pub merge: String,
    place: PathBuf,
    name: String,
    /// The ids of the stages of each element of each wave.
    ids: Vec<Vec<Vec<String>>>,
}

impl Prepared {
    /// Where it is going to be kept.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The stages of each element of a wave, a line each.
    pub fn list(&self, wave: usize) -> String {
        self.ids[wave].iter().map(|ids| format!("{}\n", ids.join(" "))).collect()
    }
}

/// Makes `results` ready for workers that do not open its store: the plan is registered, shards are folded in, and of what
/// is done and others are grafted from shards are written. `tell` is told of it.
///
/// # Errors
/// Where the store cannot be written.
pub fn make_ready(plan: &Plan, results: &ResultsFolder, tell: &mut dyn FnMut(&str)) -> Result<()> {
    Store::open(results.path())?.register(plan)?;
    merge::fold_in_shards(plan, results, tell)?;
    let written = run::write_donors(plan, &(0..plan.stages.len()).collect::<Vec<_>>(), results)?;
    if written > 0 {
        tell(&format!("{written} shards written of stages that the store has"));
    }
    Ok(())
}

/// Prepares the jobs of what is not done of `plan`; writes nothing.
///
/// # Errors
/// A user error where the profile is faulty, and where the store cannot be read.
pub fn prepare(plan: &Plan, results: &ResultsFolder, manifests: &[PathBuf], profile: &Profile) -> Result<Prepared> {
    profile.check()?;
    let waves = waves(plan, results, profile, array_size())?;
    let whole =
        |path: &Path| std::path::absolute(path).map_err(|error| Error::user(format!("{}: {error}", path.display())));
    let results = whole(results.path())?;
    let place = results.join("slurm").join(chrono::Utc::now().format("%Y%m%dT%H%M%S%.3fZ").to_string());
    let program =
        std::env::current_exe().map_err(|error| Error::internal(format!("where this program is: {error}")))?;
    let folder = std::env::current_dir().map_err(|error| Error::user(format!("the present folder: {error}")))?;
    let manifests = manifests.iter().map(|path| whole(path)).collect::<Result<Vec<_>>>()?;
    let name = plan.experiments.first().map_or("study", |manifest| manifest.name.as_str());
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = format!("ecgraft-{name}").chars().map(plain).take(64).collect();
    let (program, folder, manifests) = (&program, &folder, &manifests[..]);
    let script = Script { profile, name: &name, program, folder, results: &results, manifests, place: &place };
    for path in [script.program, script.folder, script.results, script.place] {
        if path.to_string_lossy().contains(['\n', '\r', '%', '"', '\\']) {
            return Err(Error::user(format!("{}: Slurm cannot write to a folder of such a name", path.display())));
        }
    }
    let scripts = waves.iter().enumerate().map(|(wave, of)| script.wave(wave + 1, of.elements.len())).collect();
    let id = |&index: &usize| plan.stages[index].id.clone();
    let ids = waves.iter().map(|wave| wave.elements.iter().map(|of| of.iter().map(id).collect()).collect()).collect();
    let merge = script.merge();
    Ok(Prepared { waves, scripts, merge, place, name, ids })
}

/// Submits it. Each job is written down as soon as Slurm has it, so that it can be cancelled whatever comes next.
///
/// # Errors
/// A user error where one of the stages is queued already, or Slurm does not take a job: what it took before is kept.
pub fn submit(prepared: &Prepared, results: &ResultsFolder) -> Result<Submission> {
    not_queued(prepared, results)?;
    let place = &prepared.place;
    let write = |name: &str, text: &str| {
        let path = place.join(name);
        durable::write(&path, text.as_bytes())
            .map(|()| path.clone())
            .map_err(|error| Error::user(format!("{} cannot be written: {error}", path.display())))
    };
    std::fs::create_dir_all(place.join("logs"))
        .map_err(|error| Error::user(format!("{} cannot be made: {error}", place.display())))?;
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let mut submission = Submission { place: place.clone(), at, name: prepared.name.clone(), jobs: Vec::new() };
    let mut add = |script: &Path, elements: Vec<Vec<String>>| {
        let after = submission.jobs.last().map(|job| format!("--dependency=afterany:{}", job.id));
        let script = script.to_string_lossy();
        let arguments: Vec<&str> = ["--parsable"].into_iter().chain(after.as_deref()).chain([&*script]).collect();
        let told = said("sbatch", &arguments)?;
        let id = told.trim().split(';').next().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| Error::user(format!("sbatch says {:?}, which is no job's number", told.trim())))?;
        submission.jobs.push(Job { id, elements });
        let text = serde_json::to_string_pretty(&submission).map_err(|error| Error::internal(error.to_string()))?;
        write("submission.json", &text).map(drop)
    };
    for (wave, script) in prepared.scripts.iter().enumerate() {
        write(&list_name(wave + 1), &prepared.list(wave))?;
        add(&write(&format!("wave-{}.sh", wave + 1), script)?, prepared.ids[wave].clone())?;
    }
    add(&write("merge.sh", &prepared.merge)?, Vec::new())?;
    Ok(submission)
}

/// That none of the stages waits or runs already.
fn not_queued(prepared: &Prepared, results: &ResultsFolder) -> Result<()> {
    let wanted: BTreeSet<&String> = prepared.ids.iter().flatten().flatten().collect();
    for earlier in all(results)? {
        let overlaps = |job: &Job| job.elements.iter().flatten().any(|id| wanted.contains(id));
        let jobs: Vec<u64> = earlier.jobs.iter().filter(|job| overlaps(job)).map(|job| job.id).collect();
        if let Some(busy) = queued(&jobs)?.first() {
            return Err(Error::user(format!(
                "job {} of {} is in the queue and has some of these stages; wait for it (`ecgraft slurm status`), or end it \
                 first (`ecgraft slurm cancel`)",
                busy.job, earlier.at
            )));
        }
    }
    Ok(())
}

/// All submissions of a results folder, the earliest first.
///
/// # Errors
/// A user error where one cannot be read.
pub(super) fn all(results: &ResultsFolder) -> Result<Vec<Submission>> {
    let Ok(entries) = std::fs::read_dir(results.path().join("slurm")) else { return Ok(Vec::new()) };
    let mut places: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    places.sort();
    let read = |place: PathBuf| {
        let path = place.join("submission.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            // Nothing of it was submitted.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::user(format!("{}: cannot be read: {error}", path.display()))),
        };
        let found: Submission = serde_json::from_str(&text)
            .map_err(|error| Error::user(format!("{}: not what was written: {error}", path.display())))?;
        Ok(Some(Submission { place, ..found }))
    };
    places.into_iter().map(read).filter_map(Result::transpose).collect()
}

/// The last submission of a results folder.
///
/// # Errors
/// A user error where there is none.
pub fn latest(results: &ResultsFolder) -> Result<Submission> {
    all(results)?.pop().ok_or_else(|| {
        Error::user(format!(
            "{}: nothing was submitted from here; `ecgraft slurm submit` does",
            results.path().display()
        ))
    })
}

/// Cancels every job of the submissions of a results folder that is in the queue; their numbers.
///
/// # Errors
/// A user error where Slurm does not answer.
pub fn cancel(results: &ResultsFolder) -> Result<Vec<u64>> {
    latest(results)?;
    let jobs: Vec<u64> = all(results)?.iter().flat_map(|submission| submission.jobs.iter().map(|job| job.id)).collect();
    let mut busy: Vec<u64> = queued(&jobs)?.into_iter().map(|of| of.job).collect();
    busy.sort_unstable();
    busy.dedup();
    // Those that wait for others first, so that none begins as the others end.
    for job in busy.iter().rev() {
        said("scancel", &[&job.to_string()])?;
    }
    Ok(busy)
}
