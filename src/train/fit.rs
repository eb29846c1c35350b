//! One stage's training, from the first step to the choice of the best epoch.

use std::time::{Duration, Instant};

use rand::seq::SliceRandom;

use crate::Result;
use crate::data::Subset;
use crate::error::{Blame, Error};
use crate::manifest::{
    Augment, EarlyStopping, Freeze, GradientClipping, Optimizer as OptimizerSettings, Schedule, StoppingFrom,
};
use crate::nn::Network;
use crate::ops::Backend;
use crate::tensor::{Gradients, device_error, memory};

use super::examples::{Augments, Examples, Objective};
use super::finite::not_finite;
use super::gradients::{StartingPoint, clip};
use super::optimizer::Optimizer;
use super::saving::Saver;
use super::schedule::LearningRate;
use super::state::{Best, State};
use super::step::Step;
use super::supply::{Source, Supply, predict};
use super::timeline::Timeline;
use super::{EpochValue, Randomness, Watch, curriculum, freeze};

/// Everything that decides how a network is trained.
#[derive(Debug)]
pub(super) struct Recipe<'a> {
    pub epochs: usize,
    pub batch_size: usize,
    pub optimizer: &'a OptimizerSettings,
    pub schedule: &'a Schedule,
    pub clipping: Option<&'a GradientClipping>,
    pub early_stopping: Option<&'a EarlyStopping>,
    pub objective: Objective,
    pub freeze: &'a Freeze,
    pub curriculum: &'a curriculum::Epochs,
    pub augment: &'a [Augment],
    pub sampling_rate: f64,
    pub randomness: &'a Randomness,
}

/// What validation says of an epoch.
#[derive(Debug)]
pub(super) struct Judgement {
    /// The watched metric, higher is better.
    pub score: f64,
    /// For the learning curves.
    pub values: Vec<(&'static str, f64)>,
    /// For the progress line.
    pub text: String,
}

/// After each epoch it gets the outputs on the validation examples, (examples, outputs).
pub(super) type Judge<'a> = dyn FnMut(&[f32]) -> Result<Judgement> + 'a;

/// The best epoch's network and how it came about.
pub(super) struct Fitted<D: Backend> {
    pub network: Network<D>,
    pub best_epoch: usize,
    pub last_step: Option<usize>,
    pub epochs: Vec<EpochValue>,
    /// What readers of its numbers should know.
    pub notes: Vec<String>,
    /// From the first step on, pauses not counted.
    pub seconds: f64,
}

/// A network in training. It can be stopped between any two steps: what is saved then, and every now and then, is all
/// that is needed to go on, bit for bit.
pub(super) struct Fit<'a, D: Backend> {
    task: Task<'a, D>,
    train: Supply<'a, D>,
    validation: Supply<'a, D>,
    state: State<D>,
    saver: Saver,
    started: Instant,
    /// Seconds of earlier trainings that this one goes on from.
    before: f64,
    /// How long the last validation took.
    validated: Duration,
}

/// What does not change while a network is trained.
struct Task<'a, D: Backend> {
    device: &'a D,
    recipe: &'a Recipe<'a>,
    timeline: Timeline,
    examples: &'a Examples<'a>,
    /// The network before the first step.
    grafted: Network<D>,
    start: Option<StartingPoint<D>>,
    /// Steps of an epoch in which all examples take part.
    most_steps: usize,
}

impl<'a, D: Backend> Fit<'a, D> {
    /// A training that begins with `grafted`, or goes on from where an earlier one was saved.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn new(
        device: &'a D,
        grafted: Network<D>,
        recipe: &'a Recipe<'a>,
        train: &'a Examples<'a>,
        validation: &'a Examples<'a>,
        watch: &mut dyn Watch,
    ) -> Result<Self> {
        // What was grafted may be in other hands too.
        let net = grafted.copied()?;
        let start = recipe.freeze.l2_sp.map(|strengths| StartingPoint::of(&net, strengths)).transpose()?;
        let all: Vec<usize> = (0..train.len()).collect();
        let task = Task {
            device,
            recipe,
            timeline: Timeline::new(recipe.epochs, recipe.freeze, recipe.curriculum, recipe.schedule),
            examples: train,
            grafted,
            start,
            most_steps: batches(&all, recipe.batch_size).len(),
        };
        let rate = LearningRate::new(recipe.schedule, recipe.epochs);
        let mut fit = Self {
            task,
            train: Supply::new(train),
            validation: Supply::new(validation),
            state: State::new(device, net, Optimizer::new(recipe.optimizer), rate)?,
            saver: Saver::new(watch.saving()),
            started: Instant::now(),
            before: 0.0,
            validated: Duration::ZERO,
        };
        fit.take_up(watch)?;
        Ok(fit)
    }

    /// Goes where an earlier training of the stage was saved, if it was.
    fn take_up(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let Some(stage) = self.saver.stage() else { return Ok(()) };
        let found = match self.saver.found() {
            Ok(None) => return Ok(()),
            Ok(Some(content)) => self.state.take_up(self.task.device, stage, &content)?,
            Err(reason) => Err(reason),
        };
        match found {
            Ok(seconds) => {
                self.before = seconds;
                let (epoch, step) = (self.state.epoch + 1, self.state.step + 1);
                watch.tell(&match self.state.over {
                    true => format!("goes on from where it was stopped: all {epoch} epochs are trained"),
                    false => format!("goes on from where it was stopped: epoch {epoch}, step {step}"),
                });
            }
            Err(reason) => watch.tell(&format!("begins anew: {} is of no use, {reason}", self.saver.path())),
        }
        Ok(())
    }

    /// Trains all epochs, or as many as early stopping wants.
    ///
    /// # Errors
    /// Where training diverges or the device fails, and [`Blame::Interrupted`] where the watch says stop.
    pub(super) fn run(&mut self, judge: &mut Judge<'_>, watch: &mut dyn Watch) -> Result<()> {
        let outcome = self.epochs(judge, watch);
        memory::release();
        self.unless_stopped(outcome, watch)
    }

    /// Outputs of the best epoch's network for `examples`, (examples, outputs).
    ///
    /// # Errors
    /// As [`Fit::run`].
    pub(super) fn evaluate(&mut self, examples: &Examples<'_>, watch: &mut dyn Watch) -> Result<Vec<f32>> {
        let outputs = match &mut self.state.best {
            Some(best) => predict(self.task.device, &mut best.network, &Supply::new(examples), watch),
            None => Err(nothing_kept()),
        };
        self.unless_stopped(outputs, watch)
    }

    /// What came of it.
    ///
    /// # Errors
    /// Where no epoch could be kept.
    pub(super) fn finish(self) -> Result<Fitted<D>> {
        let seconds = self.seconds();
        let State { best, curves, parts, .. } = self.state;
        let Best { epoch, network, .. } = best.ok_or_else(nothing_kept)?;
        let last_step = self.task.timeline.last_thaw().map(|thaw| thaw + 1);
        let mut notes = Vec::new();
        if parts > 1 {
            notes.push(format!("batches were worked on in {parts} parts: there was no memory for all of one at once"));
        }
        if let Some(last) = last_step.filter(|last| epoch + 1 < *last) {
            let ends = self.task.recipe.freeze.steps.iter().all(|step| step.epochs.is_some());
            let then =
                if ends { "from which everything trains" } else { "with which the last step of its freeze begins" };
            notes.push(format!("kept epoch {} lies before epoch {last}, {then}", epoch + 1));
        }
        Ok(Fitted { network, best_epoch: epoch + 1, last_step, epochs: curves, notes, seconds })
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    fn epochs(&mut self, judge: &mut Judge<'_>, watch: &mut dyn Watch) -> Result<()> {
        let mut phase = None;
        while !self.state.over {
            let now = Some(freeze::phase(self.task.recipe.freeze, self.state.epoch));
            if phase != now {
                phase = now;
                self.enter_phase(watch)?;
            }
            self.steps(watch)?;
            self.still_finite()?;
            self.save_if_due(self.validated, watch)?;
            self.judge(judge, watch)?;
            if self.state.over {
                // Records are tested next, which may take as long again.
                self.save_if_due(self.validated, watch)?;
            }
        }
        Ok(())
    }

    /// Holds what the freeze holds now.
    fn enter_phase(&mut self, watch: &dyn Watch) -> Result<()> {
        let Self { task, train, validation, state: State { net, epoch, .. }, .. } = self;
        net.hold(|block| freeze::hold(task.recipe.freeze, *epoch, block));
        // A backbone that is a fixed function of its input is run once, not once an epoch.
        let fixed = net.is_probe() && task.recipe.augment.is_empty();
        for supply in [train, validation] {
            supply.ready(task.device, net, fixed, watch)?;
        }
        Ok(())
    }

    /// Makes the steps of the epoch that are still to be made.
    fn steps(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let epoch = self.state.epoch;
        let order = self.task.order(epoch);
        let batches = batches(&order, self.task.recipe.batch_size);
        let augments = self.task.augments(epoch);
        let left = batches.get(self.state.step..).unwrap_or_default();
        // Apart from the rest, as batches are taken from it all the while.
        let train = std::mem::replace(&mut self.train, Supply::new(self.task.examples));
        let done = std::thread::scope(|scope| {
            let mut source = train.source(scope, left, Some(&augments));
            for batch in left {
                if watch.stopped() {
                    return Err(Error::interrupted());
                }
                self.save_if_due(Duration::ZERO, watch)?;
                self.task.step(&mut self.state, &mut source, batch, batches.len())?;
                self.state.step += 1;
            }
            Ok(())
        });
        self.train = train;
        done
    }

    /// Looks for weights that are not finite numbers.
    fn still_finite(&mut self) -> Result<()> {
        let State { net, epoch, .. } = &mut self.state;
        match not_finite(self.task.device, net)? {
            Some(what) => Err(self.task.diverged(&format!("{what} is not finite"), *epoch)),
            None => Ok(()),
        }
    }

    /// Validates the epoch, notes how it went, and decides how to go on.
    fn judge(&mut self, judge: &mut Judge<'_>, watch: &mut dyn Watch) -> Result<()> {
        let Self { task, state, .. } = self;
        let (epoch, epochs) = (state.epoch, task.recipe.epochs);
        let losses = task.device.total(&state.losses).map_err(device_error)?;
        let loss = task.finite(losses, epoch)? / state.counted as f64;
        let norms = match task.recipe.clipping {
            Some(_) => Some(task.device.total(&state.norms).map_err(device_error)? / state.step as f64),
            None => None,
        };
        let started = Instant::now();
        let outputs = predict(task.device, &mut state.net, &self.validation, watch)?;
        self.validated = started.elapsed();
        if outputs.iter().any(|output| !output.is_finite()) {
            return Err(task.diverged("a validation output is not a finite number", epoch));
        }
        let judgement = judge(&outputs)?;
        let mut note = |split, metric: &'static str, value| {
            state.curves.push(EpochValue { epoch: epoch + 1, split, metric: metric.into(), value });
        };
        note(Subset::Train, "loss", loss);
        let factor = state.rate.factor(epoch, 0, state.step);
        note(Subset::Train, "learning_rate", task.recipe.optimizer.learning_rate() * factor);
        norms.iter().for_each(|norm| note(Subset::Train, "gradient_norm", *norm));
        judgement.values.iter().for_each(|(metric, value)| note(Subset::Validation, metric, *value));
        watch.epoch(epoch + 1, epochs, &judgement.text);
        self.decide(judgement.score)
    }

    /// Keeps the epoch if it is the best so far, and goes to the next unless there is none.
    fn decide(&mut self, score: f64) -> Result<()> {
        let Self { task: Task { device, recipe, timeline, .. }, state, .. } = self;
        let epoch = state.epoch;
        let improved = score.is_finite() && state.best.as_ref().is_none_or(|best| score > best.score);
        if improved {
            state.best = Some(Best { score, epoch, network: state.net.copied()? });
        }
        // What changes may bring the improvement that was not.
        state.rate.epoch_done(improved || timeline.changes_at(epoch + 1));
        let waited = timeline.waited(epoch, state.best.as_ref().map(|best| best.epoch));
        state.over =
            epoch + 1 == recipe.epochs || recipe.early_stopping.is_some_and(|stopping| waited >= stopping.patience);
        if state.over {
            return Ok(());
        }
        let after_the_last = recipe.early_stopping.is_some_and(|stopping| stopping.from == StoppingFrom::LastStep);
        if after_the_last && epoch + 1 == timeline.last() {
            state.best = None;
        }
        state.enter(device, epoch + 1)
    }

    /// Saves where the time has come, or will have before the next chance, which is `ahead`.
    fn save_if_due(&mut self, ahead: Duration, watch: &mut dyn Watch) -> Result<()> {
        if self.saver.is_due(ahead) { self.save(watch) } else { Ok(()) }
    }

    /// Begins to save the state as it is.
    fn save(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let seconds = self.seconds();
        let Some(stage) = self.saver.stage() else { return Ok(()) };
        match self.state.written(self.task.device, stage, seconds)? {
            Ok(content) => self.saver.begin(content, watch),
            Err(what) => return Err(self.task.diverged(&format!("{what} is not finite"), self.state.epoch)),
        }
        Ok(())
    }

    /// The outcome; where it is that the watch said stop, after the state was saved.
    fn unless_stopped<T>(&mut self, outcome: Result<T>, watch: &mut dyn Watch) -> Result<T> {
        if outcome.as_ref().is_err_and(|error| error.blame == Blame::Interrupted) {
            self.save(watch)?;
            self.saver.wait(watch);
        }
        outcome
    }
}

impl<'a, D: Backend> Task<'a, D> {
    /// The examples of `epoch`, shuffled.
    fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order = curriculum::examples(self.recipe.curriculum, self.examples.len(), epoch);
        order.shuffle(&mut self.recipe.randomness.order(epoch));
        order
    }

    fn augments(&self, epoch: usize) -> Augments<'a> {
        let Recipe { augment: list, sampling_rate, randomness, .. } = *self.recipe;
        Augments { list, sampling_rate, randomness, epoch }
    }

    /// One step of the `steps` of an epoch.
    fn step(&self, state: &mut State<D>, source: &mut Source<'_, D>, batch: &[usize], steps: usize) -> Result<()> {
        let (device, recipe) = (self.device, self.recipe);
        let mut gradients = self.gradients(state, source, batch)?;
        state.counted += batch.len();
        if let Some(losses) = D::known(&state.losses) {
            self.finite(losses, state.epoch)?;
        }
        if let Some(start) = &self.start {
            start.pull(device, &mut state.net, &mut gradients)?;
        }
        if let Some(clipping) = recipe.clipping {
            clip(device, &mut state.net, &mut gradients, clipping.norm, &mut state.norms)?;
        }
        let factor = state.rate.factor(state.epoch, state.step, steps);
        state.optimizer.step(device, &mut state.net, &mut gradients, factor, &|block| recipe.freeze.scale(block))
    }

    /// The gradients of a batch, worked on in as many parts as there is memory for.
    fn gradients(&self, state: &mut State<D>, source: &mut Source<'_, D>, batch: &[usize]) -> Result<Gradients<D>> {
        let State { epoch, step, .. } = *state;
        let number = (epoch * self.most_steps + step) as u64;
        let x = source.next(self.device, batch)?;
        let target = self.recipe.objective.loss(&self.examples.truth, batch)?;
        let random = |part: usize| self.recipe.randomness.dropout(number, part);
        let task = Step { x: &x, of_features: source.gives_features(), target: &target, random: &random };
        loop {
            match task.gradients(self.device, &mut state.net, state.parts, &mut state.losses) {
                Err(error) if error.blame == Blame::Memory => {
                    state.parts = more_parts(state.parts, batch.len(), &mut state.net, &error)?;
                    // The step may have gone as far as its loss, and as the head's running statistics.
                    state.forget_losses(self.device)?;
                    if number == 0 {
                        state.net = self.grafted.copied()?;
                        state.net.hold(|block| freeze::hold(self.recipe.freeze, epoch, block));
                    }
                }
                other => break other,
            }
        }
    }

    /// The sum of an epoch's losses, if training has not diverged.
    fn finite(&self, sum: f64, epoch: usize) -> Result<f64> {
        if sum.is_finite() { Ok(sum) } else { Err(self.diverged(&format!("the training loss became {sum}"), epoch)) }
    }

    /// What to say where numbers left all bounds in `epoch` (from 0).
    fn diverged(&self, what: &str, epoch: usize) -> Error {
        let added = if self.recipe.augment.is_empty() { "" } else { " and in what `augment` adds to them" };
        Error::user(format!(
            "training diverged: {what} in epoch {}; lower optimizer.learning_rate, or look for extreme values in the \
             data{added}",
            epoch + 1
        ))
    }
}

/// Where no epoch has a score. It is looked for before training whether there can be one.
fn nothing_kept() -> Error {
    Error::internal("no epoch had a validation score that is a number")
}

/// How many parts to work on a batch of `batch` records in, where `parts` need too much memory.
fn more_parts<D: Backend>(parts: usize, batch: usize, net: &mut Network<D>, error: &Error) -> Result<usize> {
    if !net.knows_no_batch() {
        return Err(Error::memory(format!(
            "a batch of {batch} records: {}; it cannot be worked on in parts, because batch norms use the statistics \
             of all of it",
            error.message
        )));
    }
    match parts < batch {
        true => Ok(2 * parts),
        false => Err(error.clone()),
    }
}

/// Batches of `size` in the order given. A last one of a single example, on which batch norm is
/// not defined, joins the one before it.
fn batches(order: &[usize], size: usize) -> Vec<&[usize]> {
    let mut batches: Vec<&[usize]> = order.chunks(size).collect();
    if batches.len() > 1 && batches.last().is_some_and(|batch| batch.len() == 1) {
        batches.truncate(batches.len() - 2);
        batches.push(&order[batches.len() * size..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_last_batch_of_one_joins_the_one_before() {
        let order: Vec<usize> = (0..9).collect();
        let sizes = |count: usize, size: usize| {
            super::batches(&order[..count], size).iter().map(|b| b.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(9, 4), [4, 5]);
        assert_eq!(sizes(8, 4), [4, 4]);
        assert_eq!(sizes(7, 4), [4, 3]);
        assert_eq!(sizes(1, 4), [1]);
        assert_eq!(super::batches(&order, 4).concat(), order);
    }
}
