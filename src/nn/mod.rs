//! Networks: one or several backbones of named blocks, and a head.
//!
//! A file is a network: `cnn`, `inception1d` and so on hold a configuration with its keys and defaults, blocks, forward
//! pass and cost; [`Architecture`] is one of them. What they have in common is in `layer` (layers with weights),
//! `residual`, `head`, `decoder` and `fusion`.

mod backbone;
mod cnn;
mod config;
mod decoder;
mod fcn;
mod fusion;
mod head;
mod inception1d;
mod layer;
mod net1d;
mod network;
mod recurrent;
mod registry;
mod residual;
mod resnet1d;
mod s4;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;
mod vit;
mod xresnet1d;

pub use backbone::{Backbone, BatchNormMode, FreezeState};
pub use config::{Cost, Input};
pub use fusion::Fusion;
pub use network::{HIDDEN, Network, Pass, Place, Role};

pub(crate) use backbone::{BlockVisitor, Blocks};
pub(crate) use config::{Config, HeadConfig, Init, Signal};
pub(crate) use head::is_of_hidden;

use crate::Result;
use crate::declare::{Faults, Kind, Kinds, Table};
use crate::ops::Backend;
use crate::tensor::Var;

// Every kind of networks: the word of `kind` in manifests, and the configuration in its file.
registry::architectures! {
    "cnn" = Cnn(cnn::CnnConfig),
    "inception1d" = Inception1d(inception1d::Inception1dConfig),
    "resnet1d" = Resnet1d(resnet1d::Resnet1dConfig),
    "xresnet1d" = Xresnet1d(xresnet1d::Xresnet1dConfig),
    "vit" = Vit(vit::VitConfig),
    "rnn" = Rnn(recurrent::RnnConfig),
    "lstm" = Lstm(recurrent::LstmConfig),
    "gru" = Gru(recurrent::GruConfig),
    "s4" = S4(s4::S4Config),
    "fcn" = Fcn(fcn::FcnConfig),
    "net1d" = Net1d(net1d::Net1dConfig),
    #[cfg(test)]
    "toy" = Toy(toy::ToyConfig),
}
