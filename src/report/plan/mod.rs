//! What a plan comes to: its trials, the distinct stages that they share, what is done and what will run.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

mod stages;

pub use stages::{commands, json_lines};

use super::layout;
use crate::Result;
use crate::manifest::Manifest;
use crate::plan::{Plan, TaskKind, Trial};
use crate::results::ResultsFolder;
use crate::run::{self, Device};
use crate::source::Excluded;
use crate::store::{StageStatus, Store};
use crate::words::number::percent;

/// Most stages that are listed by name.
const LISTED: usize = 200;

/// What `ecgraft run` would do with `plan` in `results`, in lines of at most `columns` characters where that is said.
///
/// # Errors
/// Where there is a store that cannot be read.
pub fn describe(plan: &Plan, results: &Path, columns: Option<usize>) -> Result<String> {
    let statuses = match Store::open_read_only(results) {
        Ok(store) => store.statuses()?,
        Err(_) if !ResultsFolder::new(results).store().exists() => HashMap::new(),
        Err(error) => return Err(error),
    };
    let done = |index: usize| statuses.get(&plan.stages[index].id) == Some(&StageStatus::Done);
    let todo: Vec<usize> = (0..plan.stages.len()).filter(|&index| !done(index)).collect();
    let (memory, available) = run::memory(plan, &ResultsFolder::new(results), Device::Cpu);
    let mut text = trials(plan, &done, columns);
    text.push_str(&plan.describe_overlaps());
    let excluded: BTreeSet<String> = plan.experiments.iter().flat_map(|manifest| excluded(manifest)).collect();
    text.extend(excluded.iter().map(|line| format!("{line}\n")));
    text.push_str(&counts(plan, todo.len()));
    text.push_str(&stages(plan, &todo, &statuses, &memory));
    if let Some(most) = todo.iter().map(|&index| memory[index]).max() {
        let there_are = available.map(|bytes| format!("; {} are available", run::size(bytes))).unwrap_or_default();
        text.push_str(&format!("memory: at most about {} for one stage on the CPU{there_are}\n", run::size(most)));
    }
    Ok(text)
}

/// How many records of the sources that `manifest` uses are left out because a list names them; whether these records are
/// there is told when the data are read.
pub fn excluded(manifest: &Manifest) -> Vec<String> {
    let of = |name: &String| {
        let list = manifest.source(name)?.reading()?.exclude.as_ref()?;
        // A variable that is not set is told anyway.
        list.resolved.as_ref().ok()?;
        let (name, path) = (name.as_str(), list.written.as_str());
        Some(match Excluded::read(list) {
            Ok(excluded) => {
                format!("source {name}: {} records are left out, as `exclude` ({path}) names them", excluded.count())
            }
            Err(error) => format!("source {name}: `exclude` cannot be read: {}", error.message),
        })
    };
    manifest.used_sources().iter().filter_map(of).collect()
}

/// One line per experiment.
fn trials(plan: &Plan, done: &dyn Fn(usize) -> bool, columns: Option<usize>) -> String {
    let mut table = layout::table(
        &["experiment", "trials", "arms", "done", "to run"],
        &["trials", "arms", "done", "to run"],
        false,
    );
    let mut names: Vec<&str> = plan.experiments.iter().map(|manifest| manifest.name.as_str()).collect();
    names.dedup();
    for name in names {
        let is_of = |trial: &&Trial| plan.experiments[trial.experiment].name == name;
        let (mut trials, mut finished, mut arms, mut last) = (0, 0, HashSet::new(), None);
        for trial in plan.trials.iter().filter(is_of) {
            trials += 1;
            finished += usize::from(done(trial.stage));
            let network = (trial.architecture, trial.mix, &trial.graft, (trial.backbones, trial.fusion));
            let arm = (network, trial.freeze, trial.label_fraction.to_bits(), trial.variant);
            // Seeds of one arm come one after the other.
            if last.replace(arm) != Some(arm) {
                let ((architecture, mix, ..), freeze, labels, variant) = arm;
                arms.insert((architecture, mix, trial.graft_label(), freeze, labels, variant));
            }
        }
        let counts = [trials, arms.len(), finished, trials - finished].map(|count| count.to_string());
        table.add_row(std::iter::once(name.to_owned()).chain(counts));
    }
    layout::shown(table, columns)
}

/// How many distinct stages there are, by what they are trained for.
fn counts(plan: &Plan, to_run: usize) -> String {
    let mut numbers: HashMap<TaskKind, usize> = HashMap::new();
    plan.stages.iter().for_each(|stage| *numbers.entry(stage.kind.task()).or_default() += 1);
    let number = |task: TaskKind| numbers.get(&task).copied().unwrap_or_default();
    let donors = TaskKind::ALL.iter().filter(|task| **task != TaskKind::Transfer).map(|task| (number(*task), *task));
    let donors: Vec<_> = donors.collect();
    let none = donors.iter().all(|(count, _)| *count == 0);
    let donors = donors.into_iter().filter(|(count, task)| *count > 0 || none && *task == TaskKind::Regression);
    let named = |count: usize, task: TaskKind| match task {
        TaskKind::Masked | TaskKind::Contrastive => counted(count, &format!("{} network", task.name())),
        TaskKind::Weights => counted(count, "file") + " of weights",
        _ => counted(count, task.name()),
    };
    let donors: Vec<String> = donors.map(|(count, task)| named(count, task)).collect();
    let users: usize = plan.trials.iter().map(|trial| trial.graft.len()).sum();
    format!(
        "{} distinct stages: {} (grafted {users} times) and {}; {} done, {to_run} to run\n",
        plan.stages.len(),
        donors.join(", "),
        counted(number(TaskKind::Transfer), TaskKind::Transfer.name()),
        plan.stages.len() - to_run
    )
}

/// The distinct stages, those to run by name.
fn stages(plan: &Plan, todo: &[usize], statuses: &HashMap<String, StageStatus>, memory: &[u64]) -> String {
    let costs = run::costs(plan);
    let total: f64 = todo.iter().map(|&index| costs[index]).sum();
    let line = |&index: &usize| {
        let stage = &plan.stages[index];
        let state = match statuses.get(&stage.id) {
            Some(status @ (StageStatus::Failed | StageStatus::Running)) => status.name(),
            _ => "to run",
        };
        format!(
            "  {state:8} {}  {}  ({} of the work, about {} of memory)\n",
            &stage.id[..8],
            stage.describe(plan),
            percent((costs[index] / total * 1000.0).round() / 1000.0),
            run::size(memory[index])
        )
    };
    let mut text: String = todo.iter().take(LISTED).map(line).collect();
    if todo.len() > LISTED {
        text.push_str(&format!("  and {} more\n", todo.len() - LISTED));
    }
    text
}

/// `1 regression`, `2 regressions`
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
