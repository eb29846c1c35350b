//! The data loader: where batches come from. Signals that a thread prepares ahead, or signals or features that stay on the device.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use rayon::prelude::*;

use crate::Result;
use crate::error::{Blame, Error};
use crate::nn::{Network, Pass};
use crate::ops::Backend;
use crate::ops::step::gather::{gather, keep};
use crate::ops::step::loss::Loss;
use crate::tensor::{Var, device_error};

use super::examples::{Augments, Examples, Prepared};
use super::pretext::Pretext;
use super::{Watch, features};

/// Rows after which it is looked whether to stop, where nothing is trained.
const LOOK: usize = 64;
/// Batches made ready while the ones before them are worked on.
const AHEAD: usize = 2;

/// The examples of a split, and what is kept of them from epoch to epoch.
pub(super) struct DataLoader<'a, D: Backend> {
    examples: &'a Examples<'a>,
    /// Signals, once they were asked for and where the device has room.
    signals: Option<D::Table>,
    asked: bool,
    /// Of a backbone that holds still.
    features: Option<Rows<D>>,
}

impl<'a, D: Backend> DataLoader<'a, D> {
    /// Examples of which nothing is kept.
    pub(super) fn new(examples: &'a Examples<'a>) -> Self {
        Self { examples, signals: None, asked: false, features: None }
    }

    /// Those that it loads.
    pub(super) fn examples(&self) -> &'a Examples<'a> {
        self.examples
    }

    /// Whether features are kept, so that a network's head alone is asked.
    pub(super) fn has_features(&self) -> bool {
        self.features.is_some()
    }

    /// Makes ready for epochs: keeps features where the backbones of `net` are `fixed`, else signals if the device
    /// takes them; nothing of what is drawn anew for each epoch.
    pub(super) fn ready(&mut self, device: &D, net: &mut Network<D>, fixed: bool, watch: &dyn Watch) -> Result<()> {
        self.features = None;
        if !self.examples.are_fixed() {
            return Ok(());
        }
        if fixed {
            self.features = Some(self.features_of(device, net, watch)?);
        } else if !self.asked {
            self.asked = true;
            let (leads, length) = self.examples.shape;
            self.signals = device.table(self.examples.rows(), leads * length).map_err(device_error)?;
            if let Some(table) = &mut self.signals {
                upload(device, table, self.examples)?;
            }
        }
        Ok(())
    }

    /// Features of all backbones of `net` side by side; those of a backbone that other stages have met are taken from there.
    fn features_of(&self, device: &D, net: &mut Network<D>, watch: &dyn Watch) -> Result<Rows<D>> {
        let Some((shared, scope)) = watch.features() else {
            let mut pass = |x: &Var<D>| net.features(x, &mut Pass::inference());
            return self.infer(device, &mut pass, watch);
        };
        let mut parts = Vec::new();
        for number in 0..net.backbones().len() {
            let key = features::key(scope, net, number, self.examples);
            if let Some(known) = shared.get(&key) {
                parts.push(known);
                continue;
            }
            let mut pass = |x: &Var<D>| net.features_of(number, x, &mut Pass::inference());
            let values = Arc::new(self.infer(device, &mut pass, watch)?.into_values(device)?);
            shared.keep(key, values.clone(), self.examples.records());
            parts.push(values);
        }
        let rows = self.examples.rows();
        let widths: Vec<usize> = parts.iter().map(|part| part.len() / rows.max(1)).collect();
        let mut values = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        for row in 0..rows {
            parts
                .iter()
                .zip(&widths)
                .for_each(|(part, width)| values.extend_from_slice(&part[row * width..][..*width]));
        }
        Ok(Rows::Host { width: widths.iter().sum(), values })
    }

    /// `batches` of rows one after another, drawn and changed by `augments` if they are signals.
    pub(super) fn batches<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        batches: &'scope [&[usize]],
        augments: Option<&'scope Augments<'_>>,
    ) -> Batches<'scope, D> {
        let shape = self.examples.shape;
        if let Some(features) = &self.features {
            return Batches::Features(features);
        }
        if let Some(table) = &self.signals {
            return Batches::Resident { shape, table, augments: augments.filter(|augments| !augments.list.is_empty()) };
        }
        let (sender, ready) = sync_channel(AHEAD);
        let examples = self.examples;
        scope.spawn(move || {
            // Nobody listens any more where training ended early.
            let _ = batches.iter().try_for_each(|batch| sender.send(examples.prepared(batch, augments)));
        });
        Batches::Prepared(ready)
    }

    /// Outputs of `net` for all examples, (examples, outputs), in order: those of several windows of a record joined. Waits for
    /// the device once, if it keeps rows.
    ///
    /// # Errors
    /// Where the device fails, and where the watch says stop.
    pub(super) fn predict(&self, device: &D, net: &mut Network<D>, watch: &dyn Watch) -> Result<Vec<f32>> {
        if let Some(pretext) = self.examples.pretext() {
            return self.worth(device, net, pretext, watch);
        }
        let of_features = self.features.is_some();
        let mut pass = |x: &Var<D>| match of_features {
            true => net.head(x, &mut Pass::inference()),
            false => net.forward(x, &mut Pass::inference()),
        };
        Ok(self.examples.joined(self.infer(device, &mut pass, watch)?.into_values(device)?))
    }

    /// What outputs are worth where labels do not say it, (rows, numbers): see [`Pretext::worth`].
    fn worth(&self, device: &D, net: &mut Network<D>, pretext: &dyn Pretext, watch: &dyn Watch) -> Result<Vec<f32>> {
        let order: Vec<usize> = (0..self.examples.rows()).collect();
        let batches = super::setup::batches(&order, pretext.batch(LOOK));
        std::thread::scope(|scope| {
            let mut loaded = self.batches(scope, &batches, None);
            let mut worth = Vec::new();
            for batch in &batches {
                if watch.stopped() {
                    return Err(Error::interrupted());
                }
                let (x, target) = loaded.next(device, batch)?;
                let target = target.ok_or_else(|| Error::internal("a batch came without what it is measured by"))?;
                let outputs = net.forward(&x, &mut Pass::inference())?.values()?;
                if outputs.iter().any(|output| !output.is_finite()) {
                    return Ok(vec![f32::NAN]);
                }
                worth.extend(pretext.worth(batch.len(), &outputs, &target));
            }
            Ok(worth)
        })
    }

    /// What `pass` gives for all rows, in order; fewer at a time where there is no memory for more.
    fn infer(&self, device: &D, pass: &mut InferencePass<'_, D>, watch: &dyn Watch) -> Result<Rows<D>> {
        let mut size = device.together();
        loop {
            match self.infer_by(size, device, pass, watch) {
                Err(error) if error.blame == Blame::Memory && size > 1 => size /= 2,
                other => return other,
            }
        }
    }

    /// The same, `size` at a time.
    fn infer_by(&self, size: usize, device: &D, pass: &mut InferencePass<'_, D>, watch: &dyn Watch) -> Result<Rows<D>> {
        let order: Vec<usize> = (0..self.examples.rows()).collect();
        let batches: Vec<&[usize]> = order.chunks(size).collect();
        std::thread::scope(|scope| {
            let mut loaded = self.batches(scope, &batches, None);
            let mut rows = Rows::Host { width: 0, values: Vec::new() };
            for (number, batch) in batches.iter().enumerate() {
                if (number * size).is_multiple_of(LOOK) && watch.stopped() {
                    return Err(Error::interrupted());
                }
                let (x, _) = loaded.next(device, batch)?; // (batch, length, leads) or (batch, 1, features)
                let y = pass(&x)?; // (batch, 1, width)
                if number == 0 {
                    rows = Rows::new(device, order.len(), y.dims().2)?;
                }
                rows.keep(device, number * size, &y)?;
            }
            Ok(rows)
        })
    }
}

/// A forward pass in which nothing is trained, through a network or part of it.
type InferencePass<'a, D> = dyn FnMut(&Var<D>) -> Result<Var<D>> + 'a;

/// Puts the signals of all rows to `table`, made ready by all threads.
fn upload<D: Backend>(device: &D, table: &mut D::Table, examples: &Examples<'_>) -> Result<()> {
    let (leads, length) = examples.shape;
    let order: Vec<usize> = (0..examples.rows()).collect();
    let together = device.together();
    for group in order.chunks(together * rayon::current_num_threads()) {
        let batches: Vec<Result<Vec<f32>>> =
            group.par_chunks(together).map(|batch| examples.signals(batch, None)).collect();
        for (batch, values) in group.chunks(together).zip(batches) {
            let x = Var::input(device, values?, (batch.len(), length, leads))?;
            keep(device, table, batch[0], &x)?;
        }
    }
    Ok(())
}

/// Batches of one epoch.
pub(super) enum Batches<'a, D: Backend> {
    /// Signals that a thread prepares.
    Prepared(Receiver<Result<Prepared>>),
    /// Signals on the device.
    Resident { shape: (usize, usize), table: &'a D::Table, augments: Option<&'a Augments<'a>> },
    /// Features.
    Features(&'a Rows<D>),
}

impl<D: Backend> Batches<'_, D> {
    /// The next batch, (batch, length, leads) or (batch, 1, features), and what it is measured by where its labels do not
    /// say it.
    pub(super) fn next(&mut self, device: &D, batch: &[usize]) -> Result<(Var<D>, Option<Loss>)> {
        match self {
            Batches::Features(features) => Ok((features.batch(device, batch)?, None)),
            Batches::Resident { shape: (leads, length), table, augments } => {
                let changes = augments.map(|augments| augments.draw(batch, (*leads, *length)));
                Ok((gather(device, table, batch, (*length, *leads), changes.as_deref())?, None))
            }
            Batches::Prepared(ready) => {
                let Prepared { values, shape, target } =
                    ready.recv().map_err(|_| Error::internal("batches are no longer prepared"))??;
                Ok((Var::input(device, values, shape)?, target))
            }
        }
    }

    /// Whether batches are features.
    pub(super) fn gives_features(&self) -> bool {
        matches!(self, Batches::Features(_))
    }
}

/// Features or outputs of all rows of the examples of a split: on the device where it keeps rows.
pub(super) enum Rows<D: Backend> {
    Device { width: usize, table: D::Table },
    Host { width: usize, values: Vec<f32> },
}

impl<D: Backend> Rows<D> {
    fn new(device: &D, rows: usize, width: usize) -> Result<Self> {
        Ok(match device.table(rows, width).map_err(device_error)? {
            Some(table) => Rows::Device { width, table },
            None => Rows::Host { width, values: Vec::with_capacity(rows * width) },
        })
    }

    /// Takes those from `first` on, the next ones.
    fn keep(&mut self, device: &D, first: usize, x: &Var<D>) -> Result<()> {
        match self {
            Rows::Device { table, .. } => keep(device, table, first, x),
            Rows::Host { values, .. } => {
                values.extend(x.values()?);
                Ok(())
            }
        }
    }

    /// (batch, 1, width).
    fn batch(&self, device: &D, indices: &[usize]) -> Result<Var<D>> {
        match self {
            Rows::Device { width, table } => gather(device, table, indices, (1, *width), None),
            Rows::Host { width, values } => {
                let rows = indices.iter().flat_map(|&i| values[i * width..][..*width].iter().copied()).collect();
                Var::input(device, rows, (indices.len(), 1, *width))
            }
        }
    }

    fn into_values(self, device: &D) -> Result<Vec<f32>> {
        match self {
            Rows::Device { table, .. } => device.rows(&table).map_err(device_error),
            Rows::Host { values, .. } => Ok(values),
        }
    }
}
