//! One stage's training, from the first step to the choice of the best epoch. [`Fit::epochs`] is the loop.

use std::time::{Duration, Instant};

use super::configuration::TrainingConfiguration;
use super::curves::{Curve, ValidationMetrics};
use super::data_loader::DataLoader;
use super::examples::Examples;
use super::finite::not_finite;
use super::optimizer::Optimizer;
use super::saving::Saver;
use super::schedule::LearningRate;
use super::setup::{Setup, batches};
use super::state::{Best, State};
use super::task::Task;
use super::{EpochValue, Watch};
use crate::Result;
use crate::data::Subset;
use crate::error::{Blame, Error};
use crate::manifest::StoppingFrom;
use crate::nn::{FreezeState, Network};
use crate::ops::Backend;
use crate::tensor::device_error;

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
    setup: Setup<'a, D>,
    train: DataLoader<'a, D>,
    validation: DataLoader<'a, D>,
    state: State<D>,
    /// How the blocks hold still in the epoch, from the input up; none before the first.
    frozen: Option<Vec<FreezeState>>,
    saver: Saver,
    started: Instant,
    /// Seconds of earlier trainings that this one goes on from.
    before: f64,
    /// How long the last validation took.
    validated: Duration,
}

impl<'a, D: Backend> Fit<'a, D> {
    /// A training that begins with `grafted`, or goes on from where an earlier one was saved.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn new(
        device: &'a D,
        grafted: Network<D>,
        configuration: &'a TrainingConfiguration<'a>,
        [train, validation]: [&'a Examples<'a>; 2],
        watch: &mut dyn Watch,
    ) -> Result<Self> {
        // What was grafted may be in other hands too.
        let net = grafted.copied()?;
        let rate = LearningRate::new(configuration.schedule, configuration.epochs);
        let mut fit = Self {
            setup: Setup::new(device, configuration, train, grafted)?,
            train: DataLoader::new(train),
            validation: DataLoader::new(validation),
            state: State::new(device, net, Optimizer::new(configuration.optimizer), rate)?,
            frozen: None,
            saver: Saver::new(watch.saving()),
            started: Instant::now(),
            before: 0.0,
            validated: Duration::ZERO,
        };
        fit.take_up(watch)?;
        watch.curves(&fit.state.curves, fit.setup.configuration.epochs);
        Ok(fit)
    }

    /// Goes where an earlier training of the stage was saved, if it was.
    fn take_up(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let Some(stage) = self.saver.stage() else { return Ok(()) };
        let found = match self.saver.found() {
            Ok(None) => return Ok(()),
            Ok(Some(content)) => self.state.take_up(self.setup.device, stage, &content)?,
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
    pub(super) fn run(&mut self, task: &dyn Task, watch: &mut dyn Watch) -> Result<()> {
        let outcome = self.epochs(task, watch);
        self.unless_stopped(outcome, watch)
    }

    /// The loop.
    fn epochs(&mut self, task: &dyn Task, watch: &mut dyn Watch) -> Result<()> {
        while !self.state.over {
            self.freeze_blocks(watch)?;
            self.train_epoch(watch)?;
            self.still_finite()?;
            self.save_if_due(self.validated, watch)?;
            let trained = self.training_curves()?;
            let (metrics, outputs) = self.validate(task, watch)?;
            self.note(&trained, &metrics.values);
            watch.curves(&self.state.curves, self.setup.configuration.epochs);
            watch.epoch(self.state.epoch + 1, self.setup.configuration.epochs, &metrics.text);
            self.decide(metrics.score, outputs)?;
            if self.state.over {
                // Records are tested next, which may take as long again.
                self.save_if_due(self.validated, watch)?;
            }
        }
        Ok(())
    }

    /// Holds what the freeze holds in this epoch, where that is other than before.
    fn freeze_blocks(&mut self, watch: &dyn Watch) -> Result<()> {
        let Self { setup, train, validation, state: State { net, epoch, .. }, frozen, .. } = self;
        let now = Some(setup.freeze_states(*epoch));
        if *frozen == now {
            return Ok(());
        }
        *frozen = now;
        setup.freeze(net, *epoch);
        // A backbone that is a fixed function of its input is run once, not once an epoch.
        let fixed = net.is_probe() && setup.configuration.augment.is_empty();
        for loader in [train, validation] {
            loader.ready(setup.device, net, fixed, watch)?;
        }
        Ok(())
    }

    /// Makes the steps of the epoch that are still to be made.
    fn train_epoch(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let epoch = self.state.epoch;
        let order = self.setup.order(epoch);
        let batches = batches(&order, self.setup.configuration.batch_size);
        let augments = self.setup.augments(epoch);
        let left = batches.get(self.state.step..).unwrap_or_default();
        // Apart from the rest, as batches are taken from it all the while.
        let train = std::mem::replace(&mut self.train, DataLoader::new(self.setup.examples));
        let done = std::thread::scope(|scope| {
            let mut loaded = train.batches(scope, left, Some(&augments));
            for batch in left {
                if watch.stopped() {
                    return Err(Error::interrupted());
                }
                self.save_if_due(Duration::ZERO, watch)?;
                self.setup.step(&mut self.state, &mut loaded, batch, batches.len())?;
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
        match not_finite(self.setup.device, net)? {
            Some(what) => Err(self.setup.diverged(&format!("{what} is not finite"), *epoch)),
            None => Ok(()),
        }
    }

    /// How the epoch's steps went; waits for the device.
    fn training_curves(&self) -> Result<Vec<(Curve, f64)>> {
        let Self { setup: Setup { device, configuration, .. }, state, .. } = self;
        let losses = device.total(&state.losses).map_err(device_error)?;
        let loss = self.setup.finite(losses, state.epoch)? / state.counted as f64;
        let rate = configuration.optimizer.learning_rate() * state.rate.factor(state.epoch, 0, state.step);
        let mut curves = vec![(Curve::Loss, loss), (Curve::LearningRate, rate)];
        if configuration.clipping.is_some() {
            let norms = device.total(&state.norms).map_err(device_error)?;
            curves.push((Curve::GradientNorm, norms / state.step as f64));
        }
        Ok(curves)
    }

    /// Measures the network on the validation records, by the outputs that come along.
    fn validate(&mut self, task: &dyn Task, watch: &mut dyn Watch) -> Result<(ValidationMetrics, Vec<f32>)> {
        let Self { setup, validation, state, .. } = self;
        let started = Instant::now();
        let outputs = validation.predict(setup.device, &mut state.net, watch)?; // (records, outputs)
        self.validated = started.elapsed();
        if outputs.iter().any(|output| !output.is_finite()) {
            return Err(setup.diverged("a validation output is not a finite number", state.epoch));
        }
        let loss = match task.pretext() {
            Some(_) => f64::NAN,
            None => loss(setup, validation.examples(), &outputs)?,
        };
        Ok((task.evaluate(loss, &outputs)?, outputs))
    }

    /// Writes the epoch into the learning curves.
    fn note(&mut self, trained: &[(Curve, f64)], validated: &[(Curve, f64)]) {
        for (subset, curves) in [(Subset::Train, trained), (Subset::Validation, validated)] {
            let values = curves.iter().map(|(curve, value)| curve.value(subset, self.state.epoch, *value));
            self.state.curves.extend(values);
        }
    }

    /// Keeps the epoch if it is the best so far, and goes to the next unless there is none.
    fn decide(&mut self, score: f64, outputs: Vec<f32>) -> Result<()> {
        let Self { setup: Setup { device, configuration, timeline, .. }, state, .. } = self;
        let epoch = state.epoch;
        let improved = score.is_finite() && state.best.as_ref().is_none_or(|best| score > best.score);
        if improved {
            state.best = Some(Best { score, epoch, network: state.net.copied()?, validated: Some(outputs) });
        }
        // What changes may bring the improvement that was not.
        state.rate.epoch_done(improved || timeline.changes_at(epoch + 1));
        let waited = timeline.waited(epoch, state.best.as_ref().map(|best| best.epoch));
        let stopping = configuration.early_stopping;
        state.over = epoch + 1 == configuration.epochs || stopping.is_some_and(|stopping| waited >= stopping.patience);
        if state.over {
            return Ok(());
        }
        let after_the_last = stopping.is_some_and(|stopping| stopping.from == StoppingFrom::LastStep);
        if after_the_last && epoch + 1 == timeline.last() {
            state.best = None;
        }
        state.enter(device, epoch + 1)
    }

    /// Outputs of the best epoch's network for `examples`, (examples, outputs).
    ///
    /// # Errors
    /// As [`Fit::run`].
    pub(super) fn predict(&mut self, examples: &Examples<'_>, watch: &mut dyn Watch) -> Result<Vec<f32>> {
        let outputs = match &mut self.state.best {
            Some(best) => DataLoader::new(examples).predict(self.setup.device, &mut best.network, watch),
            None => Err(nothing_kept()),
        };
        self.unless_stopped(outputs, watch)
    }

    /// The same for the examples that validate: what was found when the epoch ended, unless another process did that.
    ///
    /// # Errors
    /// As [`Fit::run`].
    pub(super) fn predict_validation(&mut self, watch: &mut dyn Watch) -> Result<Vec<f32>> {
        match self.state.best.as_mut().and_then(|best| best.validated.take()) {
            Some(outputs) => Ok(outputs),
            None => self.predict(self.validation.examples(), watch),
        }
    }

    /// The same for the examples that train, as `examples` shows them. Where their features are known of a backbone that held
    /// still from that epoch on, they are taken: they are what is computed again otherwise.
    ///
    /// # Errors
    /// As [`Fit::run`].
    pub(super) fn predict_training(&mut self, examples: &Examples<'_>, watch: &mut dyn Watch) -> Result<Vec<f32>> {
        let Self { setup, train, state, .. } = self;
        let Some(best) = &mut state.best else { return Err(nothing_kept()) };
        let now = setup.freeze_states(state.epoch);
        let held_still = (best.epoch..=state.epoch).all(|epoch| setup.freeze_states(epoch) == now);
        let outputs = if held_still && train.has_features() && train.examples().show_the_same_as(examples) {
            train.predict(setup.device, &mut best.network, watch)
        } else {
            DataLoader::new(examples).predict(setup.device, &mut best.network, watch)
        };
        self.unless_stopped(outputs, watch)
    }

    /// The mean loss of `outputs` (examples, outputs).
    ///
    /// # Errors
    /// Where the loss is not one of such examples.
    pub(super) fn loss(&self, examples: &Examples<'_>, outputs: &[f32]) -> Result<f64> {
        loss(&self.setup, examples, outputs)
    }

    /// What came of it.
    ///
    /// # Errors
    /// Where no epoch could be kept.
    pub(super) fn finish(self) -> Result<Fitted<D>> {
        let seconds = self.seconds();
        let State { best, curves, micro_batches, .. } = self.state;
        let Best { epoch, network, .. } = best.ok_or_else(nothing_kept)?;
        let last_step = self.setup.timeline.last_thaw().map(|thaw| thaw + 1);
        let mut notes = Vec::new();
        if micro_batches > 1 {
            notes.push(format!(
                "batches were worked on in {micro_batches} parts: there was no memory for all of one at once"
            ));
        }
        if let Some(last) = last_step.filter(|last| epoch + 1 < *last) {
            let then = match self.setup.ends_thawed() {
                true => "from which everything trains",
                false => "with which the last step of its freeze begins",
            };
            notes.push(format!("kept epoch {} lies before epoch {last}, {then}", epoch + 1));
        }
        Ok(Fitted { network, best_epoch: epoch + 1, last_step, epochs: curves, notes, seconds })
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Saves where the time has come, or will have before the next chance, which is `ahead`.
    fn save_if_due(&mut self, ahead: Duration, watch: &mut dyn Watch) -> Result<()> {
        if self.saver.is_due(ahead) { self.save(watch) } else { Ok(()) }
    }

    /// Begins to save the state as it is.
    fn save(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let seconds = self.seconds();
        let Some(stage) = self.saver.stage() else { return Ok(()) };
        match self.state.written(self.setup.device, stage, seconds)? {
            Ok(content) => self.saver.begin(content, watch),
            Err(what) => return Err(self.setup.diverged(&format!("{what} is not finite"), self.state.epoch)),
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

/// The mean loss of `outputs` (examples, outputs).
fn loss<D: Backend>(setup: &Setup<'_, D>, examples: &Examples<'_>, outputs: &[f32]) -> Result<f64> {
    let every: Vec<usize> = (0..examples.len()).collect();
    Ok(setup.configuration.objective.loss(examples.labels, &every)?.evaluate(outputs).0)
}

/// Where no epoch has a score. It is looked for before training whether there can be one.
fn nothing_kept() -> Error {
    Error::internal("no epoch had a validation score that is a number")
}
