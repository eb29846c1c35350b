//! An arm in words.

use super::Arm;
use crate::store::Run;
use crate::words::number::percent;

/// What an arm, or one of its runs, is called.
#[derive(Clone, Copy, Debug)]
pub struct ArmName<'a> {
    architecture: &'a str,
    graft: &'a str,
    mix: Option<&'a str>,
    freeze: Option<&'a str>,
    variant: Option<&'a str>,
    fold: Option<u8>,
    label_fraction: f64,
}

impl<'a> From<&'a Arm> for ArmName<'a> {
    fn from(arm: &'a Arm) -> Self {
        Self {
            architecture: &arm.architecture,
            graft: &arm.graft,
            mix: arm.mix.as_deref(),
            freeze: arm.freeze.as_deref(),
            variant: arm.variant.as_deref(),
            fold: arm.fold,
            label_fraction: arm.label_fraction,
        }
    }
}

impl<'a> From<&'a Run> for ArmName<'a> {
    fn from(run: &'a Run) -> Self {
        Self {
            architecture: &run.architecture,
            graft: &run.graft,
            mix: run.mix.as_deref(),
            freeze: run.freeze.as_deref(),
            variant: run.variant.as_deref(),
            fold: run.fold,
            label_fraction: run.label_fraction,
        }
    }
}

impl ArmName<'_> {
    /// `qrs from synthetic, freeze none`, or `scratch`: what it is beside architecture and labels.
    pub fn own(&self) -> String {
        let mut name = match (self.mix, self.freeze) {
            (Some(mix), Some(freeze)) => format!("{} from {mix}, freeze {freeze}", self.graft),
            (None, Some(freeze)) => format!("{}, freeze {freeze}", self.graft),
            _ => self.graft.to_owned(),
        };
        self.variant.iter().for_each(|variant| name.push_str(&format!(", variant {variant}")));
        self.fold.iter().for_each(|fold| name.push_str(&format!(", fold {fold}")));
        name
    }

    /// `cnn, hr+qrs from synthetic, freeze probe, 10% labels`
    pub fn short(&self) -> String {
        self.with(" labels")
    }

    /// `cnn, hr+qrs from synthetic, freeze probe, 10% of the labels`
    pub fn full(&self) -> String {
        self.with(" of the labels")
    }

    fn with(&self, labels: &str) -> String {
        let from = if self.mix.is_some() && self.freeze.is_some() { "," } else { " from" };
        format!("{}{from} {}, {}{labels}", self.architecture, self.own(), percent(self.label_fraction))
    }
}
