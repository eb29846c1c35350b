//! The decoder of masked reconstruction: one linear layer, from the features at each place of the backbone's output to the
//! samples of the signal that lie there, as the head of SimMIM (Xie 2022, <https://doi.org/10.1109/CVPR52688.2022.00943>).
//!
//! A backbone gives features at fewer places than the signal has samples. Place i stands for the samples from i length /
//! places to (i + 1) length / places, each rounded down; the layer has outputs for as many as the longest of these pieces
//! has, sample by sample and in each lead by lead. A backbone with one place stands for the whole signal.

use std::ops::Range;

use super::backbone::{Backbone, Visit};
use super::layer::Linear;
use super::{Init, Pass};
use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Var};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Decoder<D: DeviceStorage> {
    layer: Linear<D>,
    pieces: Vec<Range<usize>>,
}

impl<D: Backend> Decoder<D> {
    /// A fresh one for signals of a number of leads and samples.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn new(
        backbone: &mut Backbone<D>,
        (leads, length): (usize, usize),
        init: &mut Init<'_, D>,
    ) -> Result<Self> {
        let silence = Var::input(init.device, vec![0.0; length * leads], (1, length, leads))?;
        let (_, places, features) = backbone.map(&silence, &mut Pass::inference())?.dims();
        let pieces: Vec<_> = (0..places).map(|place| place * length / places..(place + 1) * length / places).collect();
        let longest = pieces.iter().map(Range::len).max().unwrap_or(0);
        Ok(Self { layer: Linear::new(features, longest * leads, false, init)?, pieces })
    }

    /// The samples that each place stands for.
    pub(super) fn pieces(&self) -> &[Range<usize>] {
        &self.pieces
    }

    /// (batch, places, features) to (batch, places, samples x leads).
    pub(super) fn forward(&self, map: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        self.layer.forward(map, pass)
    }

    pub(super) fn visit(&mut self, f: &mut Visit<'_, D>) {
        self.layer.visit("decoder", f);
    }
}
