//! All that the figures of one experiment are made of.

use super::Test;
use super::arms::{Arm, Comparison, Experiment};
use super::figure::{self, Course, Curve, Figure, Measured, Tested};
use crate::manifest::Target;
use crate::plan::percent;
use crate::store::{LearningCurves, PredictionsOfRun, Run, Store, TrainedStage, TrainedStages};
use crate::{Error, Result};

/// What can be drawn of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Test macro AUC over the share of the labels.
    LabelEfficiency,
    /// Differences from the baseline with their intervals.
    Forest,
    /// Validation macro AUC by epoch.
    LearningCurves,
    /// Loss of the classifiers on training and validation records by epoch.
    Loss,
    /// Loss of the networks that are grafted by epoch.
    RegressionLoss,
    /// What regressions measured over what is true, target by target.
    RegressionScatter,
    /// Differences of measured and true values over their means, target by target.
    BlandAltman,
    /// Sensitivity over 1 - specificity, class by class.
    Roc,
    /// Stated probabilities against what came true, class by class.
    Calibration,
    /// True against predicted classes.
    Confusion,
}

impl Kind {
    /// Refuses to draw of one run what is of a whole experiment.
    ///
    /// # Errors
    /// A user error that says of what the figure is.
    pub(super) fn check_run(self) -> Result<()> {
        let (name, what) = match self {
            Kind::LabelEfficiency => ("label-efficiency", "every arm at every share of the labels"),
            Kind::Forest => ("forest", "the differences of all arms"),
            _ => return Ok(()),
        };
        Err(Error::user(format!("--run: {name} has {what}, and none of one run; leave it out, or draw another figure")))
    }
}

/// One experiment with all that was found in the store.
pub(super) struct Evidence<'a> {
    pub experiment: &'a Experiment,
    /// How its differences were tested, and with how many resamples of the patients.
    test: (Test, usize),
    /// Its runs, in the order of the plan.
    pub runs: Vec<&'a Run>,
    curves: LearningCurves,
    pub stages: TrainedStages,
    /// The arm that is shown in detail, where one has been tested.
    pub shown: Option<Shown<'a>>,
    /// The run that was asked for: figures by epoch are of it alone.
    asked: Option<&'a Run>,
    /// What one regression measured of its test records, target by target.
    measured: Vec<Measured>,
}

/// An arm in detail, with its baseline.
pub(super) struct Shown<'a> {
    pub arm: &'a Arm,
    baseline: Option<&'a Arm>,
    /// Its tested runs with their predictions, and those of the baseline.
    runs: Vec<(&'a Run, PredictionsOfRun)>,
    baseline_runs: Vec<PredictionsOfRun>,
    /// The run of the highest test macro AUC, by its place in `runs`.
    best: usize,
}

impl Shown<'_> {
    /// The run that is shown alone, and its predictions.
    pub fn best(&self) -> Option<(&Run, &PredictionsOfRun)> {
        self.runs.get(self.best).map(|(run, predictions)| (*run, predictions))
    }

    /// The arm in full: `cnn, qrs from synthetic, freeze none, 100% of the labels`.
    pub fn name(&self) -> String {
        full_name(self.arm)
    }
}

fn full_name(arm: &Arm) -> String {
    format!("{}, {}, {} of the labels", arm.architecture, arm.name(), percent(arm.label_fraction))
}

impl<'a> Evidence<'a> {
    /// Reads what belongs to `experiment`; `all` are the runs of the store. In detail is shown the run whose id starts
    /// with `run` and its arm, or the arm of the highest mean test macro AUC.
    ///
    /// # Errors
    /// Where the store cannot be read; a user error where no tested run of the experiment has such an id.
    pub fn of(
        store: &Store,
        comparison: &Comparison,
        experiment: &'a Experiment,
        all: &'a [Run],
        run: Option<&str>,
    ) -> Result<Self> {
        let runs: Vec<&Run> = all.iter().filter(|run| run.experiment == experiment.name).collect();
        let stages = store.stages(&experiment.name)?;
        let curves = store.learning_curves(&experiment.name)?;
        let shown = shown(store, experiment, &runs, run)?;
        let measured = measured(store, &stages, shown.as_ref())?;
        let asked = run.and_then(|_| shown.as_ref()?.runs.get(shown.as_ref()?.best)).map(|(run, _)| *run);
        let test = (comparison.test, comparison.resamples);
        Ok(Self { experiment, test, runs, curves, stages, shown, asked, measured })
    }

    /// The figure of this kind.
    ///
    /// # Errors
    /// A user error where there is nothing to draw yet.
    pub fn figure(&self, kind: Kind) -> Result<Figure> {
        let name = &self.experiment.name;
        let all: Vec<&Arm> = self.experiment.arms.iter().collect();
        let (figure, missing) = match kind {
            Kind::LabelEfficiency => return figure::label_efficiency(self.experiment),
            Kind::Forest => return figure::forest(self.experiment, self.test.0, self.test.1),
            Kind::LearningCurves => {
                (self.macro_auc_of(&all, name), "no run is done yet that has a validation macro AUC")
            }
            Kind::Loss => (self.loss_of(&all, name), "no run is done yet"),
            Kind::RegressionLoss if self.asked.is_some_and(|run| !self.stages.grafts.contains_key(&run.stage_id)) => {
                (None, "the run is from scratch: no network is grafted into it")
            }
            Kind::RegressionLoss => (self.regression_loss(), "no network that is grafted is trained yet"),
            Kind::RegressionScatter => (
                figure::scatter(format!("{name}: measured over true values"), &self.measured),
                "no regression is done yet of which each test record's value is kept",
            ),
            Kind::BlandAltman => (
                figure::bland_altman(format!("{name}: differences of measured and true values"), &self.measured),
                "no regression is done yet of which each test record's value is kept",
            ),
            Kind::Roc => {
                (self.roc(), "no run is done yet with a class that is both present and absent in the test records")
            }
            Kind::Calibration => (self.of_best("calibration", figure::calibration), "no run is done yet"),
            Kind::Confusion => (self.of_best("confusion", figure::confusion), "no run is done yet"),
        };
        figure.ok_or_else(|| Error::user(format!("{name}: {missing}")))
    }

    /// The arms by architecture and share of the labels, and what these are.
    pub fn groups(&self) -> Vec<(String, Vec<&'a Arm>)> {
        let groups = self
            .experiment
            .arms
            .chunk_by(|a, b| (&a.architecture, a.label_fraction) == (&b.architecture, b.label_fraction));
        let named = |arms: &'a [Arm]| {
            let first = arms.first()?;
            let name = format!("{}, {} of the labels", first.architecture, percent(first.label_fraction));
            Some((name, arms.iter().collect()))
        };
        groups.filter_map(named).collect()
    }

    /// Validation macro AUC by epoch, an arm a panel.
    pub fn macro_auc_of(&self, arms: &[&Arm], name: &str) -> Option<Figure> {
        let courses = self.courses(arms, &[("validation", "macro_auc")]);
        let title = format!("{name}: validation macro AUC by epoch{}", self.of_asked());
        figure::learning(title, &courses, "validation macro AUC")
    }

    /// Training and validation loss by epoch, an arm a panel.
    pub fn loss_of(&self, arms: &[&Arm], name: &str) -> Option<Figure> {
        let courses = self.courses(arms, &[("train", "loss"), ("validation", "loss")]);
        figure::learning(format!("{name}: loss by epoch{}", self.of_asked()), &courses, "loss")
    }

    /// How a title goes on where figures are of one run.
    fn of_asked(&self) -> String {
        self.asked.map_or_else(String::new, |run| format!(", run {}, seed {}", run.run_id, run.seed))
    }

    /// Whether a run, or a stage, is among those that figures by epoch are of.
    fn is_asked(&self, stage: &str) -> bool {
        self.asked.is_none_or(|run| {
            let grafts = self.stages.grafts.get(&run.stage_id);
            run.stage_id == stage || grafts.is_some_and(|grafts| grafts.iter().any(|graft| graft == stage))
        })
    }

    fn courses(&self, arms: &[&Arm], series: &[(&str, &str)]) -> Vec<Course> {
        let course = |arm: &&Arm| {
            let runs = self.runs.iter().filter(|run| arm.has(run) && self.is_asked(&run.stage_id));
            let curves: Vec<Curve> = runs.flat_map(|run| self.curves_of(&run.stage_id, run.seed, series)).collect();
            let of = arm.mix.as_ref().map_or_else(|| arm.graft.clone(), |mix| format!("{} from {mix}", arm.graft));
            let freeze = arm.freeze.as_ref().map_or_else(String::new, |freeze| format!(", freeze {freeze}"));
            let below = format!("{}{freeze}, {} labels", arm.architecture, percent(arm.label_fraction));
            (!curves.is_empty()).then_some(Course { title: [of, below], curves })
        };
        arms.iter().filter_map(course).collect()
    }

    fn curves_of(&self, stage: &str, seed: u64, series: &[(&str, &str)]) -> Vec<Curve> {
        let Some(known) = self.curves.get(stage) else { return Vec::new() };
        let best = self.stages.by_id.get(stage).and_then(|stage| stage.best_epoch);
        let curve = |&(split, metric): &(&str, &str)| {
            let points = known.get(&(split.to_owned(), metric.to_owned()))?.clone();
            Some(Curve { seed, training: split == "train", points, best })
        };
        series.iter().filter_map(curve).collect()
    }

    /// Loss by epoch of the stages that are grafted: a panel for each architecture, mix and target.
    pub fn regression_loss(&self) -> Option<Figure> {
        let mut courses: Vec<Course> = Vec::new();
        for stage in self.grafted().into_iter().filter(|stage| self.is_asked(&stage.stage_id)) {
            let curves = self.curves_of(&stage.stage_id, stage.seed, &[("train", "loss"), ("validation", "loss")]);
            let title = [stage_name(stage), stage.architecture.clone()];
            match courses.iter_mut().find(|course| course.title == title) {
                Some(course) => course.curves.extend(curves),
                None if curves.is_empty() => {}
                None => courses.push(Course { title, curves }),
            }
        }
        let of = self.of_asked();
        let title = format!("{}: loss of the networks that are grafted, by epoch{of}", self.experiment.name);
        figure::learning(title, &courses, "loss")
    }

    /// The stages that are grafted, in an order that keeps together what differs in seed only.
    pub fn grafted(&self) -> Vec<&TrainedStage> {
        grafted(&self.stages)
    }

    fn roc(&self) -> Option<Figure> {
        let shown = self.shown.as_ref()?;
        let runs = shown.runs.iter().map(|(_, predictions)| predictions).collect();
        let arm = Tested { name: shown.name(), runs };
        let baseline = shown.baseline.map(|baseline| Tested {
            name: format!("baseline: {}", full_name(baseline)),
            runs: shown.baseline_runs.iter().collect(),
        });
        figure::roc(format!("{}: ROC by class, {}", self.experiment.name, shown.name()), &arm, baseline.as_ref())
    }

    fn of_best(&self, what: &str, draw: fn(String, &PredictionsOfRun) -> Option<Figure>) -> Option<Figure> {
        let shown = self.shown.as_ref()?;
        let (run, predictions) = shown.best()?;
        draw(format!("{}: {what}, {}, seed {}", self.experiment.name, shown.name(), run.seed), predictions)
    }
}

/// `qrs on synthetic`
pub(super) fn stage_name(stage: &TrainedStage) -> String {
    let what = stage.target.as_deref().unwrap_or(&stage.kind);
    stage.mix.as_ref().map_or_else(|| what.to_owned(), |mix| format!("{what} on {mix}"))
}

fn grafted(stages: &TrainedStages) -> Vec<&TrainedStage> {
    let mut stages: Vec<&TrainedStage> = stages.by_id.values().filter(|stage| stage.kind != "transfer").collect();
    stages.sort_by_key(|stage| (&stage.architecture, &stage.mix, stage.target.as_deref().map(order), stage.seed));
    stages
}

/// What was measured of each target by the first regression that has values of it: of the grafts of the run that is shown
/// alone; where none of them has any, of all regressions, the lowest seed first.
fn measured(store: &Store, stages: &TrainedStages, shown: Option<&Shown<'_>>) -> Result<Vec<Measured>> {
    let best = shown.and_then(Shown::best).and_then(|(run, _)| stages.grafts.get(&run.stage_id));
    let own: Vec<&TrainedStage> = best.into_iter().flatten().filter_map(|id| stages.by_id.get(id)).collect();
    let mut all = grafted(stages);
    all.sort_by_key(|stage| stage.seed);
    for candidates in [own, all] {
        let mut found: Vec<Measured> = Vec::new();
        for stage in candidates {
            let has = |target: Target| found.iter().any(|of| of.target == target);
            let new = |target: &Target| !has(*target) && stage.measured.iter().any(|of| of.target == target.name());
            let new: Vec<Target> = Target::BUILT_IN.into_iter().filter(new).collect();
            if new.is_empty() {
                continue;
            }
            let network = format!("{} ({}, seed {})", stage_name(stage), stage.architecture, stage.seed);
            let values = store.measured_of(&stage.stage_id)?;
            for target in new {
                let of_target = values.iter().filter(|value| value.target == target.name());
                let pairs: Vec<(f64, f64)> = of_target.map(|value| (value.truth, value.measured)).collect();
                if !pairs.is_empty() {
                    found.push(Measured { target, network: network.clone(), pairs });
                }
            }
        }
        if !found.is_empty() {
            found.sort_by_key(|of| of.target);
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Single targets before several.
fn order(target: &str) -> (usize, &str) {
    (target.matches('&').count(), target)
}

/// The arm that is shown in detail.
fn shown<'a>(
    store: &Store,
    experiment: &'a Experiment,
    runs: &[&'a Run],
    wanted: Option<&str>,
) -> Result<Option<Shown<'a>>> {
    let done = |run: &&&Run| run.status == "done";
    let wanted = match wanted.map(str::to_ascii_lowercase) {
        Some(prefix) => {
            let mut found = runs.iter().filter(done).filter(|run| run.run_id.starts_with(&prefix));
            match (found.next(), found.next()) {
                (Some(run), None) => Some(*run),
                (None, _) => {
                    let why = "no done run has an id that starts so; `ecgraft runs --status done` lists them";
                    return Err(Error::user(format!("{prefix}: {why}")));
                }
                _ => {
                    return Err(Error::user(format!("{prefix}: several runs have ids that start so; give more of it")));
                }
            }
        }
        None => None,
    };
    let mean = |arm: &Arm| arm.macro_auc.map_or(f64::NEG_INFINITY, |auc| auc.mean);
    let arm = match wanted {
        Some(run) => experiment.arms.iter().find(|arm| arm.has(run)),
        // The first of equals.
        None => {
            experiment.arms.iter().filter(|arm| arm.seeds.done > 0).rev().max_by(|a, b| mean(a).total_cmp(&mean(b)))
        }
    };
    let Some(arm) = arm else { return Ok(None) };
    let of = |arm: &Arm| runs.iter().filter(|run| run.status == "done" && arm.has(run)).copied().collect::<Vec<_>>();
    let own = of(arm);
    let predictions = |run: &&'a Run| Ok((*run, store.test_predictions(&run.stage_id)?));
    let tested: Vec<(&Run, PredictionsOfRun)> = own.iter().map(predictions).collect::<Result<_>>()?;
    let auc = |run: &Run| run.test_macro_auc.unwrap_or(f64::NEG_INFINITY);
    let best = match wanted {
        Some(wanted) => own.iter().position(|run| run.run_id == wanted.run_id),
        None => (0..own.len()).rev().max_by(|&a, &b| auc(own[a]).total_cmp(&auc(own[b]))),
    };
    let same = |other: &&Arm| (&other.architecture, other.label_fraction) == (&arm.architecture, arm.label_fraction);
    let baseline = experiment.arms.iter().filter(same).find(|other| other.is_baseline() && !arm.is_baseline());
    let baseline_runs = baseline.map(of).unwrap_or_default();
    let baseline_runs =
        baseline_runs.iter().map(|run| store.test_predictions(&run.stage_id)).collect::<Result<Vec<_>>>()?;
    Ok(Some(Shown { arm, baseline, runs: tested, baseline_runs, best: best.unwrap_or(0) }))
}
