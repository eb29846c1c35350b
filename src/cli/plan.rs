//! `ecgraft plan`

use std::collections::HashMap;
use std::fmt::Write;

use clap::Args;

use super::planned;
use crate::Result;
use crate::plan::{Plan, StageKind};
use crate::report::layout;
use crate::run::{self, Device};
use crate::store::{StageStatus, Store};
use crate::terminal;
use crate::words::number::percent;

/// Show the trials of manifests, the distinct stages they share, what is done and what will run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft plan
  ecgraft plan my-study.toml --only 'my-*'")]
pub struct Options {
    #[command(flatten)]
    manifests: super::Manifests,
    #[command(flatten)]
    results: super::Results,
    /// Only experiments whose name matches
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
}

/// Most stages that are listed by name.
const LISTED: usize = 200;

/// Runs the command.
///
/// # Errors
/// A user error for a faulty manifest or data that cannot be read.
pub fn run(options: Options) -> Result<()> {
    print(&options.manifests, &options.results, options.only.as_deref())
}

/// What `ecgraft run` would do.
pub(super) fn print(manifests: &super::Manifests, results: &super::Results, only: Option<&str>) -> Result<()> {
    let (plan, broken) = planned::planned(manifests, results, only)?;
    let statuses = match Store::open_read_only(&results.dir) {
        Ok(store) => store.statuses()?,
        Err(_) if !results.dir.join("ecgraft.sqlite").exists() => HashMap::new(),
        Err(error) => return Err(error),
    };
    let done = |index: usize| statuses.get(&plan.stages[index].id) == Some(&StageStatus::Done);
    let mut text = trials(&plan, &done);
    text.push_str(&planned::overlaps(&plan));
    let memory = run::memory(&plan, &results.dir, Device::Cpu);
    text.push_str(&stages(&plan, &done, &statuses, &memory)?);
    super::print(&text)?;
    broken.into_result("cannot be planned (see above)")
}

/// One line per experiment.
fn trials(plan: &Plan, done: &dyn Fn(usize) -> bool) -> String {
    let mut table = layout::table(
        &["experiment", "trials", "arms", "done", "to run"],
        &["trials", "arms", "done", "to run"],
        false,
    );
    for (experiment, manifest) in plan.experiments.iter().enumerate() {
        let trials: Vec<_> = plan.trials.iter().filter(|trial| trial.experiment == experiment).collect();
        let arms: std::collections::HashSet<_> = trials
            .iter()
            .map(|trial| {
                let labels = trial.label_fraction.to_bits();
                (&trial.architecture, &trial.mix, trial.graft_label(), &trial.freeze, labels)
            })
            .collect();
        let finished = trials.iter().filter(|trial| done(trial.stage)).count();
        let counts = [trials.len(), arms.len(), finished, trials.len() - finished].map(|count| count.to_string());
        table.add_row(std::iter::once(manifest.name.clone()).chain(counts));
    }
    layout::shown(table, terminal::stdout_columns())
}

/// The distinct stages, those to run by name.
fn stages(
    plan: &Plan,
    done: &dyn Fn(usize) -> bool,
    statuses: &HashMap<String, StageStatus>,
    (memory, available): &(Vec<u64>, Option<u64>),
) -> Result<String> {
    let number = |is: &dyn Fn(&StageKind) -> bool| plan.stages.iter().filter(|stage| is(&stage.kind)).count();
    let donors = [
        (number(&|kind| matches!(kind, StageKind::Regression { .. })), "regression"),
        (number(&|kind| matches!(kind, StageKind::Classification { .. })), "classification"),
    ];
    let transfers = number(&|kind| matches!(kind, StageKind::Transfer { .. }));
    let donors = donors.iter().filter(|(count, what)| *count > 0 || *what == "regression");
    let donors: Vec<String> = donors.map(|(count, what)| counted(*count, what)).collect();
    let all: Vec<usize> = (0..plan.stages.len()).collect();
    let todo: Vec<usize> = all.iter().copied().filter(|&index| !done(index)).collect();
    let users: usize = plan.trials.iter().map(|trial| trial.graft.len()).sum();
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").map_err(|error| crate::Error::internal(error.to_string()));
    line(format!(
        "{} distinct stages: {} (grafted {users} times) and {}; {} done, {} to run",
        all.len(),
        donors.join(", "),
        counted(transfers, "transfer"),
        all.len() - todo.len(),
        todo.len()
    ))?;
    let costs = run::costs(plan);
    let total: f64 = todo.iter().map(|&index| costs[index]).sum();
    for &index in todo.iter().take(LISTED) {
        let stage = &plan.stages[index];
        let state = match statuses.get(&stage.id) {
            Some(StageStatus::Failed) => "failed",
            Some(StageStatus::Running) => "running",
            _ => "to run",
        };
        line(format!(
            "  {state:8} {}  {}  ({} of the work, about {} of memory)",
            &stage.id[..8],
            stage.describe(plan),
            percent((costs[index] / total * 1000.0).round() / 1000.0),
            run::size(memory[index])
        ))?;
    }
    if todo.len() > LISTED {
        line(format!("  and {} more", todo.len() - LISTED))?;
    }
    if let Some(most) = todo.iter().map(|&index| memory[index]).max() {
        let there_are = available.map(|bytes| format!("; {} are available", run::size(bytes))).unwrap_or_default();
        line(format!("memory: at most about {} for one stage on the CPU{there_are}", run::size(most)))?;
    }
    Ok(text)
}

/// `1 regression`, `2 regressions`
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
