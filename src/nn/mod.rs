//! Networks: one or several backbones of named blocks, and a head.

use rand_chacha::ChaCha8Rng;

use crate::Result;
use crate::manifest::{Architecture, BatchNormMode, Fusion};
use crate::ops::Backend;
use crate::ops::layers::recurrent::Cell;
use crate::ops::layers::{combine, pool};
use crate::tensor::{DeviceStorage, Param, Trace, Var};

mod cnn;
mod fusion;
mod head;
mod inception1d;
mod layer;
mod recurrent;
mod residual;
mod resnet1d;
#[cfg(test)]
mod tests;
mod vit;
mod xresnet1d;

use cnn::Cnn;
use fusion::Fuse;
use head::Head;
use inception1d::Inception1d;
use recurrent::Recurrent;
use resnet1d::Resnet1d;
use vit::Vit;
use xresnet1d::Xresnet1d;

/// What one pass through a network needs beside its input.
#[derive(Debug)]
pub struct Pass<D: DeviceStorage> {
    /// The tape, or none.
    pub trace: Trace<D>,
    /// Batch statistics and dropout (training), or running statistics and none (inference).
    pub training: bool,
    /// Where dropout draws from.
    pub random: ChaCha8Rng,
}

impl<D: Backend> Pass<D> {
    /// Inference: nothing is traced, nothing is random.
    pub fn inference() -> Self {
        Self { trace: Trace::off(), training: false, random: crate::seed::stream(0, "unused", 0) }
    }

    /// A training step whose dropout draws from `random`.
    pub fn training(random: ChaCha8Rng) -> Self {
        Self { trace: Trace::on(), training: true, random }
    }
}

/// What a value in a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Trained by the optimiser.
    Parameter,
    /// A batch norm's running mean or variance.
    Statistic,
}

/// Where a value in a network is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Which backbone; `None` for the head.
    pub backbone: Option<usize>,
    /// `stem`, `block1` ..., or `head`.
    pub block: &'a str,
    /// Name in the checkpoint, as PyTorch's `state_dict` would have it: `blocks.0.conv.weight`.
    pub name: &'a str,
    /// What it is.
    pub role: Role,
}

/// Goes through the values of a layer: name, role, value.
type Visit<'a, D> = dyn FnMut(&str, Role, &mut Param<D>) + 'a;

/// Whether and how a block holds still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// Its weights get no gradient.
    pub frozen: bool,
    /// What its running statistics do while it is frozen.
    pub batch_norm: BatchNormMode,
}

impl Hold {
    /// Whether batch norms use and move the batch's statistics.
    fn batch_statistics(self, training: bool) -> bool {
        training && (!self.frozen || self.batch_norm == BatchNormMode::Adapt)
    }
}

#[derive(Clone, Debug)]
enum Kind<D: DeviceStorage> {
    Cnn(Cnn<D>),
    Inception1d(Inception1d<D>),
    Resnet1d(Box<Resnet1d<D>>),
    Xresnet1d(Xresnet1d<D>),
    Vit(Box<Vit<D>>),
    Recurrent(Recurrent<D>),
}

/// A backbone: (batch, length, leads) to features (batch, fewer or as many samples, features).
#[derive(Clone, Debug)]
pub struct Backbone<D: DeviceStorage> {
    kind: Kind<D>,
    names: Vec<String>,
    holds: Vec<Hold>,
}

/// Is shown each value of a backbone: the number of its block, its name, its role, itself.
type BlockVisitor<'a, D> = dyn FnMut(usize, &str, Role, &mut Param<D>) + 'a;

impl<D: Backend> Backbone<D> {
    /// A fresh backbone for signals of a number of leads and samples; weights are drawn as PyTorch draws them (uniform
    /// in plus and minus 1 / sqrt(fan in), He 2015 with a = sqrt 5), but where an architecture says otherwise.
    ///
    /// # Errors
    /// Where the device fails, and where the architecture needs longer signals.
    pub fn new(
        device: &D,
        architecture: &Architecture,
        (leads, length): (usize, usize),
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let kind = match architecture {
            Architecture::Cnn(config) => Kind::Cnn(Cnn::new(device, config, leads, random)?),
            Architecture::Inception1d(config) => Kind::Inception1d(Inception1d::new(device, config, leads, random)?),
            Architecture::Resnet1d(config) => Kind::Resnet1d(Box::new(Resnet1d::new(device, config, leads, random)?)),
            Architecture::Xresnet1d(config) => Kind::Xresnet1d(Xresnet1d::new(device, config, leads, random)?),
            Architecture::Vit(config) => Kind::Vit(Box::new(Vit::new(device, config, leads, length, random)?)),
            Architecture::Rnn(config) => Kind::Recurrent(Recurrent::new(device, Cell::Rnn, config, leads, random)?),
            Architecture::Lstm(config) => Kind::Recurrent(Recurrent::new(device, Cell::Lstm, config, leads, random)?),
            Architecture::Gru(config) => Kind::Recurrent(Recurrent::new(device, Cell::Gru, config, leads, random)?),
        };
        let names = architecture.blocks();
        Ok(Self { kind, holds: vec![Hold::default(); names.len()], names })
    }

    /// Its blocks' names, from the input up.
    pub fn blocks(&self) -> &[String] {
        &self.names
    }

    /// Whether all of it holds still, statistics included: its features are a fixed function of the input.
    pub fn is_fixed(&self) -> bool {
        self.holds.iter().all(|hold| hold.frozen && hold.batch_norm == BatchNormMode::Frozen)
    }

    /// Pooled features (batch, 1, 2 features): maximum and mean over time.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn features(&mut self, x: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        let y = match &mut self.kind {
            Kind::Cnn(net) => net.forward(x, &self.holds, pass)?,
            Kind::Inception1d(net) => net.forward(x, &self.holds, pass)?,
            Kind::Resnet1d(net) => net.forward(x, &self.holds, pass)?,
            Kind::Xresnet1d(net) => net.forward(x, &self.holds, pass)?,
            Kind::Vit(net) => net.forward(x, &self.holds, pass)?,
            Kind::Recurrent(net) => net.forward(x, &self.holds, pass)?,
        };
        pool::concat_pool(&mut pass.trace, &y)
    }

    /// Goes through all values: block index, name, role, value.
    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        match &mut self.kind {
            Kind::Cnn(net) => net.visit(f),
            Kind::Inception1d(net) => net.visit(f),
            Kind::Resnet1d(net) => net.visit(f),
            Kind::Xresnet1d(net) => net.visit(f),
            Kind::Vit(net) => net.visit(f),
            Kind::Recurrent(net) => net.visit(f),
        }
    }

    fn width(architecture: &Architecture) -> usize {
        match architecture {
            Architecture::Cnn(config) => config.channels.last().copied().unwrap_or(0),
            Architecture::Inception1d(config) => 4 * config.filters,
            Architecture::Resnet1d(config) => config.width,
            Architecture::Xresnet1d(config) => config.features(),
            Architecture::Vit(config) => config.dim,
            Architecture::Rnn(config) | Architecture::Lstm(config) | Architecture::Gru(config) => {
                config.hidden * config.directions()
            }
        }
    }
}

/// One or several backbones whose pooled features are joined, and a head.
#[derive(Clone, Debug)]
pub struct Network<D: DeviceStorage> {
    backbones: Vec<Backbone<D>>,
    fuse: Fuse<D>,
    head: Head<D>,
}

impl<D: Backend> Network<D> {
    /// A fresh network with `outputs` outputs for signals of a number of leads and samples: a number of backbones of the
    /// architecture, each with weights of its own, and how their features are joined.
    ///
    /// # Errors
    /// Where the device fails, and where the architecture needs longer signals.
    pub fn new(
        device: &D,
        architecture: &Architecture,
        signal: (usize, usize),
        (backbones, fusion): (usize, Fusion),
        outputs: usize,
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let parts: Result<Vec<_>> =
            (0..backbones).map(|_| Backbone::new(device, architecture, signal, random)).collect();
        let (hidden, dropout) = match architecture {
            Architecture::Cnn(config) => (config.head, config.dropout),
            Architecture::Inception1d(config) => (config.head, config.dropout),
            Architecture::Resnet1d(config) => (config.head, config.dropout),
            Architecture::Xresnet1d(config) => (config.head, config.dropout),
            Architecture::Vit(config) => (config.head, config.dropout),
            Architecture::Rnn(config) | Architecture::Lstm(config) | Architecture::Gru(config) => {
                (config.head, config.dropout)
            }
        };
        let width = 2 * Backbone::<D>::width(architecture);
        let fuse = Fuse::new(device, fusion, backbones, width)?;
        let mut head = Head::new(device, fuse.features(backbones, width), hidden, outputs, dropout, random)?;
        if let Architecture::Xresnet1d(_) = architecture {
            head = head.he_normal(random);
        }
        Ok(Self { backbones: parts?, fuse, head })
    }

    /// The backbones.
    pub fn backbones(&self) -> &[Backbone<D>] {
        &self.backbones
    }

    /// Sets which blocks hold still.
    pub fn hold(&mut self, hold: impl Fn(&str) -> Hold) {
        for backbone in &mut self.backbones {
            backbone.holds = backbone.names.iter().map(|name| hold(name)).collect();
            let holds = backbone.holds.clone();
            backbone
                .visit(&mut |block, _, role, param| param.trainable = role == Role::Parameter && !holds[block].frozen);
        }
        self.fuse.visit(&mut |_, role, param| param.trainable = role == Role::Parameter);
        self.head.visit(&mut |_, role, param| param.trainable = role == Role::Parameter);
    }

    /// Whether every backbone is a fixed function of the input (see [`Backbone::is_fixed`]).
    pub fn is_probe(&self) -> bool {
        self.backbones.iter().all(Backbone::is_fixed)
    }

    /// Whether what a backbone makes of a record in training does not depend on the others of the batch: none has a
    /// batch norm that uses the batch's statistics.
    pub fn knows_no_batch(&mut self) -> bool {
        self.backbones.iter_mut().all(|backbone| {
            let (holds, mut free) = (backbone.holds.clone(), true);
            backbone.visit(&mut |block, _, role, _| {
                free &= role != Role::Statistic || !holds[block].batch_statistics(true);
            });
            free
        })
    }

    /// Pooled features of all backbones side by side (batch, 1, features) from `x` (batch, length, leads).
    ///
    /// # Errors
    /// Where the device fails.
    pub fn features(&mut self, x: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut parts =
            self.backbones.iter_mut().map(|backbone| backbone.features(x, pass)).collect::<Result<Vec<_>>>()?;
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => combine::concat(&mut pass.trace, &parts),
        }
    }

    /// Outputs (batch, 1, outputs) from the pooled features of all backbones.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn head(&mut self, features: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        let features = self.fuse.forward(features, self.backbones.len(), pass)?;
        self.head.forward(&features, pass)
    }

    /// Outputs (batch, 1, outputs) from `x` (batch, length, leads): logits or standardised targets.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn forward(&mut self, x: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        let features = self.features(x, pass)?;
        self.head(&features, pass)
    }

    /// Goes through all values in a fixed order. With several backbones their names start with
    /// `backbones.N.`.
    pub fn visit(&mut self, mut f: impl FnMut(Place<'_>, &mut Param<D>)) {
        let several = self.backbones.len() > 1;
        for (number, backbone) in self.backbones.iter_mut().enumerate() {
            let names = backbone.names.clone();
            backbone.visit(&mut |block, name, role, param| {
                let full = if several { format!("backbones.{number}.{name}") } else { name.to_owned() };
                f(Place { backbone: Some(number), block: &names[block], name: &full, role }, param);
            });
        }
        let mut of_head = |name: &str, role: Role, param: &mut Param<D>| {
            f(Place { backbone: None, block: "head", name, role }, param);
        };
        self.fuse.visit(&mut of_head);
        self.head.visit(&mut of_head);
    }

    /// A copy that stays as it is when this one is trained.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub fn copied(&self) -> Result<Self> {
        let (mut copy, mut outcome) = (self.clone(), Ok(()));
        copy.visit(|_, param| match param.copied() {
            Ok(own) => *param = own,
            Err(error) => outcome = Err(error),
        });
        outcome.map(|()| copy)
    }

    /// A copy of backbone `number` from another network of the same architecture, under this one's head.
    pub fn graft(&mut self, number: usize, donor: &Network<D>) {
        self.backbones[number] = donor.backbones[0].clone();
    }

    /// Number of trained values (running statistics not counted), whole and in each block of the
    /// first backbone.
    pub fn parameters(&mut self) -> (usize, Vec<(String, usize)>) {
        let mut total = 0;
        let mut blocks: Vec<(String, usize)> = Vec::new();
        self.visit(|place, param| {
            if place.role != Role::Parameter {
                return;
            }
            let count = param.shape.iter().product();
            total += count;
            if place.backbone.unwrap_or(0) == 0 {
                match blocks.iter_mut().find(|(name, _)| name == place.block) {
                    Some((_, sum)) => *sum += count,
                    None => blocks.push((place.block.to_owned(), count)),
                }
            }
        });
        (total, blocks)
    }
}
