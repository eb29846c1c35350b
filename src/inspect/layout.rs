//! What files of signals do not say themselves, from what is in some of them: which array, the rate, the leads, the unit.
//!
//! What columns or numbers tell is written as a key with the reason behind it; what they make likely is called a guess; what
//! nothing tells is a comment, to be filled in.

use std::path::PathBuf;

use super::draft::quoted;
use super::profile::Profile;
use super::relation;
use super::roles::{self, find};
use crate::ecg::{Lead, Voltage};
use crate::source::plausible::{AMPLITUDE, SAMPLING_RATE, digits};
use crate::source::signals::{Array, Layout, Look, Place, look, read};
use crate::source::{Found, Reading, Request};
use crate::statistics::median;

/// Records that are read.
const READ: usize = 6;

/// Usual rates, Hz.
const RATES: [f64; 13] = [100.0, 125.0, 128.0, 200.0, 240.0, 250.0, 256.0, 300.0, 360.0, 400.0, 500.0, 512.0, 1000.0];

/// The usual length of a recording, s.
const USUAL: f64 = 10.0;

/// What arrays of signals are usually called.
const ARRAYS: [&str; 12] =
    ["tracings", "ecg", "ecgs", "signal", "signals", "p_signal", "waveform", "waveforms", "data", "val", "x", "leads"];

/// Orders of twelve leads that are known: the usual one, that of MIMIC-IV-ECG, and chest leads first.
const ORDERS: [[Lead; 12]; 3] = {
    use Lead::{AVF, AVL, AVR, I, II, III, V1, V2, V3, V4, V5, V6};
    [
        Lead::ALL,
        [I, II, III, AVR, AVF, AVL, V1, V2, V3, V4, V5, V6],
        [V1, V2, V3, V4, V5, V6, I, II, III, AVR, AVL, AVF],
    ]
};

/// What is known of the files.
pub(super) struct Silent<'a> {
    profile: &'a Profile,
    files: &'a [PathBuf],
    look: Look,
    layout: Layout,
    /// Whether a file holds many records.
    many: bool,
    pub lines: Vec<String>,
    pub odd: Vec<String>,
}

/// An array's records, and the smaller and the larger side of one.
pub(super) fn sides(array: &Array) -> Option<(usize, usize, usize)> {
    let squeeze = |shape: &[usize]| shape.iter().copied().filter(|side| *side != 1).collect::<Vec<_>>();
    let (records, rest) = match (squeeze(&array.shape).len(), array.shape.as_slice()) {
        (3, [records, rest @ ..]) => (*records, squeeze(rest)),
        (_, all) => (1, squeeze(all)),
    };
    match rest.as_slice() {
        [length] => Some((records, 1, *length)),
        [a, b] => Some((records, *a.min(b), *a.max(b))),
        _ => None,
    }
}

impl<'a> Silent<'a> {
    /// Looks at `files`; `None` where they say all themselves or the first is not readable at all.
    pub fn new(profile: &'a Profile, files: &'a [PathBuf]) -> Option<Self> {
        let first = files.first()?;
        let place = Place { path: first.clone(), entry: None };
        if read(&place, &Layout::default(), &Request::all(&Reading::default())).is_ok() {
            return None;
        }
        let look = look(first, &Layout::default()).ok()?;
        let (layout, lines, odd) = Default::default();
        let mut silent = Self { profile, files, look, layout, many: false, lines, odd };
        silent.array();
        silent.rate();
        silent.leads_and_unit();
        Some(silent)
    }

    /// Records in the first file.
    pub fn entries(&self) -> usize {
        self.chosen().and_then(sides).map_or(1, |(records, ..)| records)
    }

    /// The numbers of the first file that may be the names of its records.
    pub fn names(&self) -> Vec<&str> {
        let entries = self.entries();
        let arrays = self.look.arrays.iter().filter(|array| array.shape == [entries]);
        arrays.map(|array| array.name.as_str()).collect()
    }

    fn chosen(&self) -> Option<&Array> {
        let is_it = |array: &&Array| self.layout.array.as_ref().is_none_or(|name| array.name == *name);
        let of_two = |array: &&Array| sides(array).is_some_and(|(_, leads, _)| leads > 1);
        let all = || self.look.arrays.iter().filter(is_it);
        all().find(of_two).or_else(|| all().next())
    }

    /// Which array holds the signals, where there are several.
    fn array(&mut self) {
        let mut several: Vec<&Array> = self.look.arrays.iter().filter(|array| array.shape.len() > 1).collect();
        let called = |array: &Array| {
            let name = array.name.rsplit('/').next().unwrap_or_default().to_lowercase();
            ARRAYS.iter().position(|usual| *usual == name).unwrap_or(ARRAYS.len())
        };
        let size = |array: &Array| array.shape.iter().fold(1_usize, |size, side| size.saturating_mul(*side));
        several.sort_by_key(|array| (called(array), std::cmp::Reverse(size(array))));
        if let [first, others @ ..] = several.as_slice()
            && !others.is_empty()
        {
            let shape = |array: &Array| format!("{} {:?}", array.name, array.shape);
            let others: Vec<String> = others.iter().take(5).map(|array| shape(array)).collect();
            let name = first.name.clone();
            let line = format!("array = {} # {:?}; not {}", quoted(&name), first.shape, others.join(", "));
            self.lines.push(line);
            self.layout.array = Some(name);
        }
        self.many = self.entries() > 1;
    }

    fn rate(&mut self) {
        if self.look.sampling_rate.is_some() {
            return;
        }
        let samples = self.look.samples.or_else(|| self.chosen().and_then(sides).map(|(.., samples)| samples));
        let likely = samples.map(|samples| samples as f64 / USUAL).filter(|rate| RATES.contains(rate));
        let line = match (self.said(roles::SAMPLING_RATE, |rate| SAMPLING_RATE.contains(rate)), likely) {
            (Some((rate, column)), _) => {
                self.layout.sampling_rate = Some(rate);
                format!("sampling_rate = {rate:?} # as the column {column} says")
            }
            (None, Some(rate)) => {
                self.layout.sampling_rate = Some(rate);
                let samples = samples.unwrap_or_default();
                format!("sampling_rate = {rate:?} # a guess: {samples} samples are {USUAL} s then; no file says it")
            }
            (None, None) => {
                let has = samples.map_or(String::new(), |samples| format!("; the first has {samples} samples"));
                self.odd.push("no file says how many samples there are per second: fill in `sampling_rate`".into());
                format!("# sampling_rate = 500.0 # fill in: no file says it{has}")
            }
        };
        self.lines.push(line);
    }

    /// The value of a column of `names` that is the same in all rows, and what the column is called.
    fn said(&mut self, names: &[&str], is_one: impl Fn(f64) -> bool) -> Option<(f64, String)> {
        let column = find(self.profile, names).filter(|column| column.is_numeric())?;
        let mut values: Vec<(f64, usize)> =
            column.counts.iter().filter_map(|(text, count)| Some((text.parse().ok()?, *count))).collect();
        values.retain(|(value, _)| is_one(*value));
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.total_cmp(&b.0)));
        let (value, _) = *values.first()?;
        if values.len() > 1 {
            let name = &column.name;
            self.odd.push(format!(
                "{} values in the column {name}, where a source has one: {value} is usual",
                values.len()
            ));
        }
        Some((value, column.name.clone()))
    }

    fn leads_and_unit(&mut self) {
        let names: Vec<Option<Lead>> = self.look.leads.iter().map(|name| Lead::parse(name)).collect();
        let is_named = names.iter().any(Option::is_some);
        if !is_named {
            let leads = self.chosen().and_then(sides).map_or(0, |(_, leads, _)| leads);
            self.order(leads);
        }
        let all = match &self.layout.order {
            None if !is_named => Vec::new(),
            _ => self.read(self.layout.order.clone()),
        };
        if self.look.unit.is_none() && self.look.gain.is_none() {
            self.unit(&all);
        }
    }

    /// Some records, in whatever unit, with the leads in this order.
    fn read(&self, order: Option<Vec<Lead>>) -> Vec<Found> {
        let layout = Layout { sampling_rate: self.layout.sampling_rate.or(Some(500.0)), order, ..self.layout.clone() };
        let reading = Reading::default().in_unit(Voltage::Millivolt);
        let count = if self.many { self.entries() } else { self.files.len() };
        let place = |index: usize| match (self.many, self.files) {
            (true, [first, ..]) => Some(Place { path: first.clone(), entry: Some(index) }),
            (_, files) => Some(Place { path: files.get(index)?.clone(), entry: None }),
        };
        let some = (0..count).step_by(count.div_ceil(READ).max(1)).filter_map(place);
        some.filter_map(|place| read(&place, &layout, &Request::all(&reading)).ok()).collect()
    }

    /// The order of leads that files do not name.
    fn order(&mut self, leads: usize) {
        let list = |order: &[Lead]| {
            let names: Vec<String> = order.iter().map(|lead| quoted(lead.name())).collect();
            format!("lead_order = [{}]", names.join(", "))
        };
        let broken = |silent: &Self, order: &[Lead]| {
            median(silent.read(Some(order.to_vec())).iter().filter_map(|found| relation::broken(&found.raw)))
        };
        let adds_up = |silent: &Self, order: &[Lead]| broken(silent, order).is_some_and(|by| by <= relation::MOST);
        match leads {
            12 => match ORDERS.into_iter().find(|order| adds_up(self, order)) {
                Some(order) => {
                    self.lines.push(format!(
                        "{} # the limb leads add up in this order, which tells nothing of V1 to V6",
                        list(&order)
                    ));
                    self.layout.order = Some(order.to_vec());
                }
                None => {
                    self.lines.push(format!("{} # a guess: the usual order", list(&Lead::ALL)));
                    self.odd.push(
                        "no file names its leads, and in no usual order the limb leads add up: say `lead_order`".into(),
                    );
                    self.layout.order = Some(Lead::ALL.to_vec());
                }
            },
            3 | 6 if adds_up(self, &Lead::LIMB[..leads]) => {
                self.lines.push(format!("{} # the limb leads add up in this order", list(&Lead::LIMB[..leads])));
                self.layout.order = Some(Lead::LIMB[..leads].to_vec());
            }
            _ => {
                let usual: Vec<Lead> = match leads {
                    8 => [&Lead::ALL[..2], &Lead::ALL[6..]].concat(),
                    count => Lead::ALL[..count.clamp(1, 12)].to_vec(),
                };
                self.lines.push(format!("# {} # fill in: no file names its {leads} leads", list(&usual)));
                self.odd.push(format!("no file names its {leads} leads: fill in `lead_order`"));
            }
        }
    }

    /// The unit of values that no file tells.
    fn unit(&mut self, all: &[Found]) {
        if let Some((gain, column)) = self.said(roles::GAIN, |gain| gain > 0.0) {
            self.lines.push(format!("gain = {gain:?} # steps per mV, as the column {column} says"));
            return;
        }
        let of_record = |found: &Found| {
            let rate = found.raw.sampling_rate;
            found.raw.signals.iter().map(|signal| relation::amplitude_of(signal, rate)).collect::<Vec<_>>()
        };
        let heights = all.iter().flat_map(of_record).filter(|height| *height > 0.0);
        let Some(height) = median(heights) else {
            self.lines.push("# unit = \"mV\" # fill in: no file says it".into());
            return;
        };
        let [low, high] = AMPLITUDE.median;
        let units = [("mV", 1.0), ("uV", 1e3), ("V", 1e-3), ("nV", 1e6)];
        let fits = units.into_iter().find(|(_, per)| (low..=high).contains(&(height / per)));
        let said = digits(height);
        self.lines.push(match fits {
            Some((unit, _)) => {
                format!(
                    "unit = {} # a guess: the median peak-to-peak amplitude is {said} then; no file says it",
                    quoted(unit)
                )
            }
            None => {
                self.odd
                    .push(format!("no unit makes an ECG of a median peak-to-peak amplitude of {said}: fill in `gain`"));
                let gain = digits(height / relation::USUAL);
                format!(
                    "# gain = {gain} # fill in, steps per mV: with these the amplitude were {} mV, as is usual",
                    relation::USUAL
                )
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_of_arrays() {
        let of = |shape: &[usize]| sides(&Array { name: String::new(), shape: shape.to_vec(), of: "f4".into() });
        assert_eq!(of(&[100, 4096, 12]), Some((100, 12, 4096)));
        assert_eq!(of(&[7, 1, 2500, 12]), Some((7, 12, 2500)));
        assert_eq!(of(&[12, 5000]), Some((1, 12, 5000)));
        assert_eq!(of(&[1, 12, 5000]), Some((1, 12, 5000)));
        assert_eq!(of(&[5000]), Some((1, 1, 5000)));
        assert_eq!(of(&[2, 3, 4, 5]), None);
    }
}
