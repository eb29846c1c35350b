//! What is asked of a record's file, and what was found in it.

use super::Reading;
use crate::ecg::{Lead, RawRecord};

/// Which other leads of a record are read beside those that are used, as far as they can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherLeads {
    /// None.
    None,
    /// The limb leads, whose sums are looked at.
    Limb,
    /// All.
    All,
}

/// What is asked of a record's file: only this is checked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The leads that are used, or computed from others; `None` for all that there are.
    pub leads: Option<&'a [Lead]>,
    /// Of these, the time from the start that is used, s; `None` for all of it. What cannot be read after it ends the record.
    pub seconds: Option<f64>,
    /// Leads that are read too if they can be.
    pub others: OtherLeads,
    /// What the source says of its files.
    pub reading: &'a Reading,
}

/// What was found in a record's file.
#[derive(Clone, Debug)]
pub struct Found {
    /// The leads that are used, in the order of the file.
    pub raw: RawRecord,
    /// The others, of the same length.
    pub others: Vec<(Lead, Vec<f32>)>,
    /// Steps of a sample per mV, as the file or the source says; of the first lead.
    pub gain: f64,
    /// Whether the file has placeholders where checksums belong.
    pub unsummed: bool,
    /// Whether it was made, and is in no file.
    pub made: bool,
}

impl Found {
    /// What was made, and is in no file.
    pub fn made(raw: RawRecord) -> Self {
        Self { raw, others: Vec::new(), gain: f64::NAN, unsummed: false, made: true }
    }
}

impl<'a> Request<'a> {
    /// Everything that a file has.
    pub fn all(reading: &'a Reading) -> Self {
        Self { leads: None, seconds: None, others: OtherLeads::None, reading }
    }

    /// Those of the leads `there` that are used: each lead itself, or I and II where it follows from them.
    pub fn used(&self, there: &[Lead]) -> Vec<Lead> {
        let Some(leads) = self.leads else { return there.to_vec() };
        let used = |lead: &Lead| {
            leads.contains(lead)
                || [Lead::I, Lead::II].contains(lead)
                    && leads.iter().any(|other| is_derived(*other) && !there.contains(other))
        };
        there.iter().copied().filter(used).collect()
    }

    /// The first lead that is asked for and neither `there` nor computed.
    pub fn missing(&self, there: &[Lead]) -> Option<Lead> {
        let both = [Lead::I, Lead::II].iter().all(|lead| there.contains(lead));
        let is_had = |lead: Lead| there.contains(&lead) || is_derived(lead) && both;
        self.leads.into_iter().flatten().copied().find(|lead| !is_had(*lead))
    }

    /// Whether `lead`, which is not used, is read if it can be.
    pub fn wants(&self, lead: Lead) -> bool {
        // Of a limb lead that follows from I and II these tell whose recording it is.
        let tells = || self.leads.is_some_and(|leads| leads.iter().any(|lead| is_derived(*lead)));
        match self.others {
            _ if [Lead::I, Lead::II].contains(&lead) && tells() => true,
            OtherLeads::None => false,
            OtherLeads::Limb => Lead::LIMB.contains(&lead),
            OtherLeads::All => true,
        }
    }

    /// How many samples at `rate` are used at least.
    pub fn samples(&self, rate: f64) -> Option<usize> {
        // A product a rounding error above a whole number is that number.
        self.seconds.map(|seconds| (seconds * rate - 1e-6).ceil().max(1.0) as usize)
    }
}

fn is_derived(lead: Lead) -> bool {
    [Lead::III, Lead::AVR, Lead::AVL, Lead::AVF].contains(&lead)
}
