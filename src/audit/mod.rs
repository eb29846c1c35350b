//! Proof, run by run, that nobody trains what they validate or test: neither in a stage, nor in what is grafted under it.
//!
//! What is proved is what the store has of who took part. Where the data are still there, patients and samples are looked
//! up in them again, without any cache.

mod data;
mod sets;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use self::data::LookUps;
use self::sets::{Common, Sets};
use crate::compare::select;
use crate::data::Subset;
use crate::plan::TaskKind;
use crate::store::{Run, StageRow, StageSets, StageStatus, Store, TrainedStages};
use crate::{Error, Result};

/// Letters of an id that are shown.
const SHORT_ID: usize = 8;

/// What came of an audit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audit {
    /// The proof, or what stands against it, as lines.
    pub text: String,
    /// Done runs that were looked at.
    pub runs: usize,
    /// Those of which it is not proved.
    pub unproved: usize,
    /// The first reason why not.
    pub first: Option<String>,
}

/// Audits every done run of the experiments in the store of `results` that `globs` stand for; of all where there are none.
///
/// # Errors
/// A user error where there is no store, or no experiment has such a name. What is not proved is no error.
pub fn audit(results: &Path, globs: &[String]) -> Result<Audit> {
    let store = Store::open_read_only(results)?;
    let runs = store.runs()?;
    let names = select(&runs, globs).map_err(|error| error.at(results.display()))?;
    let mut auditor =
        Auditor { sets: Sets::from_store(&store)?, stage_sets: store.stage_sets()?, audit: Audit::default() };
    let mut look_ups = LookUps::new(results);
    for name in &names {
        let of: Vec<&Run> =
            runs.iter().filter(|run| run.experiment == *name && run.status == StageStatus::Done).collect();
        auditor.experiment(&store, name, &of, &mut look_ups)?;
    }
    Ok(auditor.audit)
}

struct Auditor<'a> {
    sets: Sets<'a>,
    stage_sets: std::collections::HashMap<String, StageSets>,
    audit: Audit,
}

/// A stage of a run, and the sets it was made of.
struct Part<'a> {
    stage: &'a StageRow,
    sets: [i64; 3],
}

/// Runs whose stages have all sets in common, and these stages.
type Group<'a> = (Vec<&'a Run>, Vec<Part<'a>>);

/// What makes runs a group: the sets of their stages, and the weights from elsewhere that are grafted in them.
type GroupKey = (Vec<[i64; 3]>, Vec<String>);

impl Auditor<'_> {
    fn experiment(&mut self, store: &Store, name: &str, runs: &[&Run], look_ups: &mut LookUps<'_>) -> Result<()> {
        let stages = store.stages(name)?;
        // Runs of the same sets have the same proof.
        let mut groups: BTreeMap<GroupKey, Group<'_>> = BTreeMap::new();
        let (mut text, mut unproved, mut used) = (String::new(), 0, Vec::new());
        for run in runs {
            let elsewhere = taught_elsewhere(run, &stages);
            match self.parts(run, &stages) {
                Ok(parts) => {
                    used.extend(parts.iter().flat_map(|part| part.sets));
                    let key = (parts.iter().map(|part| part.sets).collect(), elsewhere);
                    groups.entry(key).or_insert_with(|| (Vec::new(), parts)).0.push(run);
                }
                Err(why) => {
                    unproved += 1;
                    self.stands_against(&mut text, name, &format!("run {}: {why}", short(&run.run_id)));
                }
            }
        }
        used.sort_unstable();
        used.dedup();
        let mut faults = Vec::new();
        for &set in &used {
            faults.extend(self.sets.load(set)?);
        }
        let looked_up = look_ups.check(store, runs, &stages, &self.sets.members(&used))?;
        faults.extend(looked_up.faults.iter().cloned());
        for fault in &faults {
            self.stands_against(&mut text, name, fault);
        }
        let mut groups: Vec<_> = groups.into_iter().map(|((_, elsewhere), group)| (elsewhere, group)).collect();
        groups.sort_by_key(|(_, (runs, _))| runs.first().map(|run| run.run_id.clone()));
        for (elsewhere, (of, parts)) in groups {
            let mut sound = self.group(&mut text, name, &of, &parts);
            for weights in elsewhere {
                let why = format!("{weights}: the people who taught it are not known");
                if of.iter().any(|run| run.allow_overlap.is_none()) {
                    let advice = "that none of them tests it cannot be proved; `allow_overlap` takes that in account";
                    self.stands_against(&mut text, name, &format!("{why}; {advice}"));
                    sound = false;
                } else {
                    let _ = writeln!(text, "    {why}");
                }
            }
            unproved += if sound && faults.is_empty() { 0 } else { of.len() };
        }
        let proved = runs.len() - unproved;
        let _ = writeln!(self.audit.text, "{name}: {proved} of {} done runs proved; {}", runs.len(), looked_up.text);
        self.audit.text.push_str(&text);
        self.audit.runs += runs.len();
        self.audit.unproved += unproved;
        Ok(())
    }

    fn stands_against(&mut self, text: &mut String, experiment: &str, why: &str) {
        let _ = writeln!(text, "  NOT PROVED: {why}");
        self.audit.first.get_or_insert_with(|| format!("{experiment}: {why}"));
    }

    /// The transfer of a run, then what was grafted; or which of them has no record of who took part.
    fn parts<'s>(&self, run: &Run, stages: &'s TrainedStages) -> std::result::Result<Vec<Part<'s>>, String> {
        let donors = stages.grafts.get(&run.stage_id).map(Vec::as_slice).unwrap_or_default();
        let part = |id: &String| {
            let missing = || {
                let stage = stages.by_id.get(id).map_or_else(|| "a stage".to_owned(), describe);
                format!(
                    "{stage} ({}) has no record of who took part; it was trained before that was kept: run it again in another \
                     results folder",
                    short(id)
                )
            };
            let sets = self.stage_sets.get(id).map_or([None; 3], |sets| *sets);
            let [Some(train), Some(validation), Some(test)] = sets else { return Err(missing()) };
            let stage = stages.by_id.get(id).ok_or_else(missing)?;
            Ok(Part { stage, sets: [train, validation, test] })
        };
        let is_trained_here = |id: &&String| stages.by_id.get(*id).is_none_or(|stage| stage.kind != TaskKind::Weights);
        std::iter::once(&run.stage_id).chain(donors).filter(is_trained_here).map(part).collect()
    }

    /// Writes the proof of runs that have all sets in common; whether it holds.
    fn group(&mut self, text: &mut String, experiment: &str, runs: &[&Run], parts: &[Part<'_>]) -> bool {
        let Some((transfer, donors)) = parts.split_first() else { return true };
        let allowed = runs.iter().find_map(|run| run.allow_overlap.as_deref());
        let count = if runs.len() == 1 { "run".to_owned() } else { format!("{} runs:", runs.len()) };
        let ids: Vec<&str> = runs.iter().take(4).map(|run| short(&run.run_id)).collect();
        let more = if runs.len() > ids.len() { " ..." } else { "" };
        let _ = writeln!(text, "  {count} {}{more}", ids.join(" "));
        let mut against = Vec::new();
        let within = self.within(transfer, &mut against);
        let _ = writeln!(text, "    transfer: {}; {within} in common", self.sizes(transfer));
        for donor in donors {
            let what = describe(donor.stage);
            let within = self.within(donor, &mut against);
            let mut across = Common::default();
            for (place, set) in donor.sets.iter().enumerate() {
                for judge in [1, 2] {
                    let common = self.sets.common(*set, transfer.sets[judge]);
                    if let Some(first) = common.first
                        && allowed.is_none()
                    {
                        let (role, judges) = (Subset::ALL[place], Subset::ALL[judge]);
                        against.push(format!(
                            "{} is in {role} of {what} and in {judges} of the transfer",
                            self.sets.describe(first)
                        ));
                    }
                    across.add(&common);
                }
            }
            let _ = writeln!(
                text,
                "    {what}: {}; {within} in common, {} with those who validate or test the transfer",
                self.sizes(donor),
                across.text()
            );
        }
        if let Some(reason) = allowed {
            let _ = writeln!(text, "    overlap with what is grafted is allowed: {reason}");
        }
        for why in &against {
            self.stands_against(text, experiment, why);
        }
        against.is_empty()
    }

    /// What the splits of one stage have in common, in words; records that are in two of them go to `against`.
    fn within(&mut self, part: &Part<'_>, against: &mut Vec<String>) -> String {
        let mut all = Common::default();
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let common = self.sets.common(part.sets[a], part.sets[b]);
            if let Some(first) = common.first {
                let (what, a, b) = (describe(part.stage), Subset::ALL[a], Subset::ALL[b]);
                against.push(format!("{} is in {a} and in {b} of {what}", self.sets.describe(first)));
            }
            all.add(&common);
        }
        all.text()
    }

    /// `train 240 records of 233 people, validation 31 of 30, test 36 of 36`
    fn sizes(&self, part: &Part<'_>) -> String {
        let [train, validation, test] = part.sets.map(|set| self.sets.size(set));
        format!(
            "train {} records of {} people, validation {} of {}, test {} of {}",
            train.0, train.1, validation.0, validation.1, test.0, test.1
        )
    }
}

/// The weights from elsewhere that are grafted in a run, as `weights:NAME`.
fn taught_elsewhere(run: &Run, stages: &TrainedStages) -> Vec<String> {
    let donors = stages.grafts.get(&run.stage_id).into_iter().flatten();
    let of_kind = donors.filter_map(|id| stages.by_id.get(id)).filter(|stage| stage.kind == TaskKind::Weights);
    of_kind.map(|stage| stage.task().to_owned()).collect()
}

/// `hr on half, seed 0`, `transfer, seed 0`
fn describe(stage: &StageRow) -> String {
    let mix = stage.mix.as_ref().map_or(String::new(), |mix| format!(" on {mix}"));
    format!("{}{mix}, seed {}", stage.task(), stage.seed)
}

fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

impl Audit {
    /// Nothing where all is proved.
    ///
    /// # Errors
    /// What is not proved, and why (exit code 1).
    pub fn into_result(self) -> Result<()> {
        match self.first {
            None => Ok(()),
            Some(first) => {
                let (unproved, runs) = (self.unproved, self.runs);
                Err(Error::internal(format!(
                    "{unproved} of {runs} done runs are not proved (see above). The first: {first}"
                )))
            }
        }
    }
}
