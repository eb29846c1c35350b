//! Whole networks: backbones, what joins their features, and the head.

use rand_chacha::ChaCha8Rng;

use super::Architecture;
use super::backbone::{Backbone, FreezeState};
use super::config::{HeadConfig, Init, Input};
use super::decoder::Decoder;
use super::fusion::{Fuse, Fusion};
use super::head::{Head, is_of_hidden};
use crate::Result;
use crate::error::Error;
use crate::ops::Backend;
use crate::ops::layers::combine;
use crate::tensor::{DeviceStorage, Param, Trace, Var};

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

/// The block of a hidden layer that was grafted, which freezes can name.
pub const HIDDEN: &str = "hidden";

/// Where a value in a network is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Which backbone; `None` for the head.
    pub backbone: Option<usize>,
    /// `stem`, `block1` ..., `hidden`, or `head`.
    pub block: &'a str,
    /// Name in the checkpoint, as PyTorch's `state_dict` would have it: `blocks.0.conv.weight`.
    pub name: &'a str,
    /// What it is.
    pub role: Role,
}

/// One or several backbones whose pooled features are joined, and a head; or one whose features over time are decoded.
#[derive(Clone, Debug)]
pub struct Network<D: Backend> {
    backbones: Vec<Backbone<D>>,
    fuse: Fuse<D>,
    top: Top<D>,
    /// Whether the head's hidden layer is a block of its own, which was grafted.
    has_hidden: bool,
}

/// What is on top of the backbones.
#[derive(Clone, Debug)]
enum Top<D: Backend> {
    Head(Box<Head<D>>),
    Decoder(Decoder<D>),
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
        let head = architecture.head();
        Self::with_head(device, (architecture, head), signal, (backbones, fusion), outputs, random)
    }

    /// As [`Network::new`] of one backbone, whose head projects to `outputs` numbers, and drops nothing.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn projecting(
        device: &D,
        architecture: &Architecture,
        signal: (usize, usize),
        outputs: usize,
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let head = HeadConfig { dropout: 0.0, ..architecture.head() };
        Self::with_head(device, (architecture, head), signal, (1, Fusion::Concat), outputs, random)
    }

    /// A fresh backbone with a decoder, whose outputs are a signal's samples again: see `Network::pieces`.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn reconstructing(
        device: &D,
        architecture: &Architecture,
        signal: (usize, usize),
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let (leads, length) = signal;
        let mut init = Init { device, random };
        let mut backbone = Backbone::new(architecture, Input { leads, length }, &mut init)?;
        let decoder = Decoder::new(&mut backbone, (leads, length), &mut init)?;
        let fuse = Fuse::new(device, Fusion::Concat, 1, 2 * architecture.channels())?;
        Ok(Self { backbones: vec![backbone], fuse, top: Top::Decoder(decoder), has_hidden: false })
    }

    fn with_head(
        device: &D,
        (architecture, head): (&Architecture, HeadConfig),
        (leads, length): (usize, usize),
        (backbones, fusion): (usize, Fusion),
        outputs: usize,
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let mut init = Init { device, random };
        let fresh = (0..backbones).map(|_| Backbone::new(architecture, Input { leads, length }, &mut init));
        let fresh: Result<Vec<_>> = fresh.collect();
        // Concatenated pooling: a maximum and a mean of each channel.
        let width = 2 * architecture.channels();
        let fuse = Fuse::new(device, fusion, backbones, width)?;
        let head = Head::new(&head, fuse.features(backbones, width), outputs, &mut init)?;
        Ok(Self { backbones: fresh?, fuse, top: Top::Head(Box::new(head)), has_hidden: false })
    }

    /// The backbones.
    pub fn backbones(&self) -> &[Backbone<D>] {
        &self.backbones
    }

    /// Whether the head's hidden layer is a block of its own: see [`Network::graft_hidden`].
    pub fn has_hidden(&self) -> bool {
        self.has_hidden
    }

    /// Sets which blocks hold still.
    pub fn freeze(&mut self, freeze: impl Fn(&str) -> FreezeState) {
        for backbone in &mut self.backbones {
            backbone.freeze(&freeze);
        }
        self.fuse.visit(&mut |_, role, param| param.trainable = role == Role::Parameter);
        match &mut self.top {
            Top::Head(head) if self.has_hidden => head.freeze(freeze(HIDDEN)),
            Top::Head(head) => head.freeze(FreezeState::default()),
            Top::Decoder(decoder) => decoder.visit(&mut |_, role, param| param.trainable = role == Role::Parameter),
        }
    }

    /// Whether every backbone is a fixed function of the input (see [`Backbone::is_fixed`]).
    pub fn is_probe(&self) -> bool {
        self.backbones.iter().all(Backbone::is_fixed)
    }

    /// Whether what a backbone makes of a record in training does not depend on the others of the batch: none has a
    /// batch norm that uses the batch's statistics.
    pub fn knows_no_batch(&mut self) -> bool {
        self.backbones.iter_mut().all(Backbone::knows_no_batch)
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

    /// Pooled features of one backbone (batch, 1, its share of the features) from `x` (batch, length, leads).
    ///
    /// # Errors
    /// Where the device fails.
    pub fn features_of(&mut self, number: usize, x: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        self.backbones[number].features(x, pass)
    }

    /// The pieces of a signal, as ranges of samples, that the decoder gives one after another;
    /// none where there is no decoder.
    pub(crate) fn pieces(&self) -> Option<&[std::ops::Range<usize>]> {
        match &self.top {
            Top::Decoder(decoder) => Some(decoder.pieces()),
            Top::Head(_) => None,
        }
    }

    /// Outputs (batch, 1, outputs) from the pooled features of all backbones.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn head(&mut self, features: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        let features = self.fuse.forward(features, self.backbones.len(), pass)?;
        match &mut self.top {
            Top::Head(head) => head.forward(&features, pass),
            Top::Decoder(_) => Err(Error::internal("a network that decodes features over time was given pooled ones")),
        }
    }

    /// Outputs (batch, 1, outputs) from `x` (batch, length, leads): logits or standardised targets. Of a decoder (batch,
    /// pieces, samples x leads), see [`Network::reconstructing`].
    ///
    /// # Errors
    /// Where the device fails.
    pub fn forward(&mut self, x: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        if let (Top::Decoder(decoder), [backbone]) = (&mut self.top, &mut self.backbones[..]) {
            let map = backbone.map(x, pass)?; // (batch, pieces, features)
            return decoder.forward(&map, pass);
        }
        let features = self.features(x, pass)?;
        self.head(&features, pass)
    }

    /// Goes through all values in a fixed order. With several backbones their names start with
    /// `backbones.N.`.
    pub fn visit(&mut self, mut f: impl FnMut(Place<'_>, &mut Param<D>)) {
        let several = self.backbones.len() > 1;
        for (number, backbone) in self.backbones.iter_mut().enumerate() {
            let names = backbone.blocks().to_vec();
            backbone.visit(&mut |block, name, role, param| {
                let full = if several { format!("backbones.{number}.{name}") } else { name.to_owned() };
                f(Place { backbone: Some(number), block: &names[block], name: &full, role }, param);
            });
        }
        let has_hidden = self.has_hidden;
        let mut show = |name: &str, role: Role, param: &mut Param<D>| {
            let block = if has_hidden && is_of_hidden(name) { HIDDEN } else { "head" };
            f(Place { backbone: None, block, name, role }, param);
        };
        self.fuse.visit(&mut show);
        match &mut self.top {
            Top::Head(head) => head.visit(&mut show),
            Top::Decoder(decoder) => decoder.visit(&mut show),
        }
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

    /// A copy of the hidden layer of another network of the same architecture, with the norms before and after it, under
    /// this one's outputs. From now on it is the block [`HIDDEN`].
    ///
    /// # Errors
    /// An internal one where one of the two has no head.
    pub fn graft_hidden(&mut self, donor: &Network<D>) -> Result<()> {
        let (Top::Head(own), Top::Head(other)) = (&mut self.top, &donor.top) else {
            return Err(Error::internal("a hidden layer was to be grafted where there is none"));
        };
        own.graft_hidden(other);
        self.has_hidden = true;
        Ok(())
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
