//! Curves over the epochs of training.

use super::results::stage_name;
use super::{ExperimentResults, Input};
use crate::compare::Arm;
use crate::data::Subset;
use crate::report::figure::chart::epochs::{Curve, CurvePanel};
use crate::words::number::percent;

/// Split and metric of a curve: `[Validation, "loss"]`.
type Series<'s> = (Subset, &'s str);

impl Input<'_> {
    /// These series of the runs of each arm, an arm a panel.
    pub(in crate::report::figure) fn curves_by_arm(&self, series: &[Series<'_>]) -> Vec<CurvePanel> {
        self.arms.iter().filter_map(|arm| self.results.curves_of_arm(arm, series)).collect()
    }
}

impl ExperimentResults<'_> {
    /// How a title goes on where figures are of one run: `, run 3f2a..., seed 1`; nothing where they are of all.
    pub(in crate::report::figure) fn of_asked(&self) -> String {
        self.asked.map_or_else(String::new, |run| format!(", run {}, seed {}", run.run_id, run.seed))
    }

    /// Whether the run that was asked for has nothing grafted into it.
    pub(in crate::report::figure) fn is_asked_from_scratch(&self) -> bool {
        self.asked.is_some_and(|run| !self.stages.grafts.contains_key(&run.stage_id))
    }

    /// Loss of the stages that are grafted: a panel for each architecture, mix and target.
    pub(in crate::report::figure) fn curves_of_grafts(&self) -> Vec<CurvePanel> {
        let mut panels: Vec<CurvePanel> = Vec::new();
        for stage in self.grafted().into_iter().filter(|stage| self.is_asked(&stage.stage_id)) {
            let curves =
                self.curves_of(&stage.stage_id, stage.seed, &[(Subset::Train, "loss"), (Subset::Validation, "loss")]);
            let title = [stage_name(stage), stage.architecture.clone()];
            match panels.iter_mut().find(|panel| panel.title == title) {
                Some(panel) => panel.curves.extend(curves),
                None if curves.is_empty() => {}
                None => panels.push(CurvePanel { title, curves }),
            }
        }
        panels
    }

    /// Whether a run, or a stage, is among those that figures by epoch are of.
    fn is_asked(&self, stage: &str) -> bool {
        self.asked.is_none_or(|run| {
            let grafts = self.stages.grafts.get(&run.stage_id);
            run.stage_id == stage || grafts.is_some_and(|grafts| grafts.iter().any(|graft| graft == stage))
        })
    }

    /// The panel of an arm; `None` where it has no curve.
    fn curves_of_arm(&self, arm: &Arm, series: &[Series<'_>]) -> Option<CurvePanel> {
        let runs = self.runs.iter().filter(|run| arm.has(run) && self.is_asked(&run.stage_id));
        let curves: Vec<Curve> = runs.flat_map(|run| self.curves_of(&run.stage_id, run.seed, series)).collect();
        let of = arm.mix.as_ref().map_or_else(|| arm.graft.clone(), |mix| format!("{} from {mix}", arm.graft));
        let freeze = arm.freeze.as_ref().map_or_else(String::new, |freeze| format!(", freeze {freeze}"));
        let below = format!("{}{freeze}, {} labels", arm.architecture, percent(arm.label_fraction));
        (!curves.is_empty()).then_some(CurvePanel { title: [of, below], curves })
    }

    fn curves_of(&self, stage: &str, seed: u64, series: &[Series<'_>]) -> Vec<Curve> {
        let Some(known) = self.curves.get(stage) else { return Vec::new() };
        let best = self.stages.by_id.get(stage).and_then(|stage| stage.best_epoch);
        let curve = |&(split, metric): &Series<'_>| {
            let points = known.get(&(split, metric.to_owned()))?.clone();
            Some(Curve { seed, training: split == Subset::Train, points, best })
        };
        series.iter().filter_map(curve).collect()
    }
}
