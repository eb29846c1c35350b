//! What shows when a source is listed and some of its records are read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::task::counted;
use crate::data::look::{look as look_at, tell};
use crate::ecg::Lead;
use crate::manifest::Signal;
use crate::source::plausible::digits;
use crate::source::signals::{Layout, look as look_at_file};
use crate::source::{Found, Listing, OtherLeads, Reading, Record, Request, Source};
use crate::statistics::median;

/// Records that are read.
const READ: usize = 40;

/// The rate, Hz, whose signals are read where there are some of several rates: that of manifests that say none.
const RATE: f64 = 100.0;

/// Labels that are listed.
const LISTED: usize = 12;

/// A lead that stays at its highest or lowest value for this long, s, is clipped.
const CLIPPED: f64 = 0.1;

/// Of the records that were read so many, of a hundred, may be shorter than what is proposed.
const SHORTER: usize = 5;

/// Where more than this share cannot be read, the proposal is wrong rather than the records.
const MOST_UNREADABLE: f64 = 0.25;

/// Fewer patients in a fold are told.
const FEW_PATIENTS: usize = 5;

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Lines about what is there.
    pub seen: Vec<String>,
    /// Lines about what is odd.
    pub odd: Vec<String>,
    /// More keys of the source.
    pub keys: Vec<String>,
    /// What is known of the records.
    pub records: Vec<Record>,
    /// The most frequent rate, Hz, and the length that nearly all have, s.
    pub rate: Option<f64>,
    pub usual: Option<f64>,
    /// Whether some are shorter than others.
    pub lengths_differ: bool,
    /// The leads that all records have that were read.
    pub leads: Vec<Lead>,
}

/// Lists the source, and reads records from all over it.
pub(super) fn look(source: &dyn Source) -> Seen {
    let mut seen = Seen::default();
    let mut listing = match source.list(RATE) {
        Ok(listing) => listing,
        Err(error) => {
            seen.odd.push(format!("it cannot be listed: {}", error.message));
            return seen;
        }
    };
    seen.records(&listing.records);
    seen.folds(&listing.records);
    seen.seen.append(&mut listing.notes);
    seen.odd.append(&mut listing.warnings);
    seen.signals(source, &listing);
    seen.records = listing.records;
    seen
}

/// How many there are of each, the most first.
fn list(counts: &BTreeMap<String, usize>) -> String {
    let mut counts: Vec<(&String, &usize)> = counts.iter().collect();
    counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let list: Vec<String> = counts.iter().take(6).map(|(what, count)| format!("{what} in {count}")).collect();
    list.join(", ") + if counts.len() > 6 { " ..." } else { "" }
}

impl Seen {
    fn records(&mut self, records: &[Record]) {
        let patients: HashSet<&str> = records.iter().map(|record| record.patient.as_str()).collect();
        let count = |is: &dyn Fn(&Record) -> bool| records.iter().filter(|record| is(record)).count();
        let (ages, sexes) = (count(&|record| record.age.is_some()), count(&|record| record.sex.is_some()));
        let (all, patients) = (records.len(), patients.len());
        self.seen.push(format!("{all} records of {patients} patients; age known of {ages}, sex of {sexes}"));
        let labels = counted(records);
        if !labels.is_empty() {
            let list: Vec<String> = labels.iter().take(LISTED).map(|(name, count)| format!("{name} {count}")).collect();
            let without = count(&|record| record.labels.is_empty());
            self.seen.push(format!(
                "{} labels, such as {}; {without} records have none",
                labels.len(),
                list.join(", ")
            ));
        }
    }

    /// Folds with few patients, and patients in several.
    fn folds(&mut self, records: &[Record]) {
        let mut folds: BTreeMap<u8, HashSet<&str>> = BTreeMap::new();
        for record in records {
            if let Some(fold) = record.fold {
                folds.entry(fold).or_default().insert(&record.patient);
            }
        }
        let mut counts: HashMap<&str, usize> = HashMap::new();
        folds.values().flatten().for_each(|patient| *counts.entry(patient).or_default() += 1);
        let several = counts.values().filter(|count| **count > 1).count();
        if several > 0 {
            self.odd.push(format!(
                "{several} patients have records in several folds: whoever is tested is neither trained nor validated on"
            ));
        }
        let sizes = || folds.values().map(HashSet::len);
        if let (Some(fewest), Some(most)) = (sizes().min(), sizes().max())
            && fewest < FEW_PATIENTS
        {
            let range = match (fewest, most) {
                (1, 1) => "1 patient".to_owned(),
                (few, many) if few == many => format!("{few} patients"),
                (few, many) => format!("{few} to {many} patients"),
            };
            let there = match folds.len() {
                1 => format!("the only fold has {range}"),
                count => format!("the {count} folds have {range} each"),
            };
            self.odd.push(format!("{there}: what is tested on one of them rests on these alone"));
        }
    }

    fn signals(&mut self, source: &dyn Source, listing: &Listing) {
        let usual = Reading::default();
        let reading = source.reading().unwrap_or(&usual);
        let request = Request { leads: None, seconds: None, others: OtherLeads::All, reading };
        let all = listing.records.len();
        let step = all.div_ceil(READ).max(1);
        let mut found: Vec<(&str, Found)> = Vec::new();
        let (mut faults, mut cut) = (Vec::new(), Vec::new());
        for index in (0..all).step_by(step) {
            let id = listing.records.get(index).map_or("", |record| record.id.as_str());
            match source.read(listing, index, &request) {
                Ok(read) => {
                    let path = listing.files.get(index).map(|path| path.as_path());
                    cut.extend(path.is_some_and(|path| is_cut(path, &read)).then_some(id));
                    found.push((id, read));
                }
                Err(error) => faults.push(format!("record {id}: {}", error.message)),
            }
        }
        let tried = found.len() + faults.len();
        if let Some(first) = faults.first() {
            self.odd.push(format!("{} of {tried} records that were tried cannot be read; {first}", faults.len()));
            let share = faults.len() as f64 / tried as f64;
            if share <= MOST_UNREADABLE && source.reading().is_some() {
                self.keys.push("unreadable = \"leave-out\" # as some cannot be read".into());
                self.keys.push(format!("at_most = {:?}", (share * 200.0).ceil() / 100.0));
            }
        }
        if let Some(first) = cut.first() {
            self.odd.push(format!(
                "{} of {} records that were read end before their file does, as samples are missing, such as {first}",
                cut.len(),
                found.len()
            ));
        }
        self.repeated(&found);
        self.rates_and_lengths(&found);
        self.values(&found, reading);
    }

    /// Records that have the signals of another.
    fn repeated(&mut self, found: &[(&str, Found)]) {
        let same = |a: &Found, b: &Found| a.raw.leads == b.raw.leads && a.raw.signals == b.raw.signals;
        let first_of = |place: usize| found[..place].iter().find(|(_, other)| same(other, &found[place].1));
        let pairs: Vec<(&str, &str)> =
            (0..found.len()).filter_map(|place| Some((found[place].0, first_of(place)?.0))).collect();
        if let Some((id, other)) = pairs.first() {
            self.odd.push(format!(
                "{} of {} records that were read have the very signals of another, such as {id} those of {other}: they are \
                 one recording, and one patient's",
                pairs.len(),
                found.len()
            ));
        }
    }

    fn rates_and_lengths(&mut self, found: &[(&str, Found)]) {
        let (mut rates, mut counts): (BTreeMap<String, usize>, BTreeMap<String, usize>) = Default::default();
        for (_, read) in found {
            *rates.entry(format!("{} Hz", read.raw.sampling_rate)).or_default() += 1;
            *counts.entry(format!("{} s", digits(length(read)))).or_default() += 1;
        }
        if found.is_empty() {
            return;
        }
        self.seen.push(format!("of {} records that were read: {}; {}", found.len(), list(&rates), list(&counts)));
        if rates.len() > 1 {
            self.odd.push("rates differ: all are resampled to signal.sampling_rate".into());
        }
        if counts.len() > 1 {
            self.odd.push("lengths differ: signal.duration must not be above the shortest".into());
        }
        self.lengths_differ = counts.len() > 1;
        self.rate = median(found.iter().map(|(_, read)| read.raw.sampling_rate));
        let mut lengths: Vec<f64> = found.iter().map(|(_, read)| length(read)).collect();
        lengths.sort_by(f64::total_cmp);
        self.usual = lengths.get(lengths.len() * SHORTER / 100).copied();
        let mut leads: Vec<Lead> = found.first().map(|(_, read)| read.raw.leads.clone()).unwrap_or_default();
        leads.retain(|lead| found.iter().all(|(_, read)| read.raw.leads.contains(lead)));
        let most = found.iter().map(|(_, read)| read.raw.leads.len()).max().unwrap_or_default();
        if leads.len() < most {
            self.odd.push(format!("records have different leads, up to {most}; {} are in all", leads.len()));
        }
        self.leads = leads;
    }

    /// Padding, clipping, and what `run` tells of amplitudes, flat leads and sums of limb leads.
    fn values(&mut self, found: &[(&str, Found)], reading: &Reading) {
        let (mut padded, mut clipped) = (Vec::new(), Vec::new());
        for (id, read) in found {
            let length = read.raw.signals.first().map_or(0, Vec::len);
            let is_zero =
                |place: usize| read.raw.signals.iter().all(|signal| signal.get(place).is_none_or(|own| *own == 0.0));
            let zeros = (0..length).take_while(|place| is_zero(*place)).count();
            let at_end = (0..length).rev().take_while(|place| is_zero(*place)).count();
            padded.extend((zeros < length && 20 * (zeros + at_end) > length).then_some(*id));
            let run = (CLIPPED * read.raw.sampling_rate).ceil().max(2.0) as usize;
            clipped.extend(read.raw.signals.iter().any(|signal| is_clipped(signal, run)).then_some(*id));
        }
        let all = found.len();
        let told = [
            ("are padded with zeros before or after", &padded),
            ("have a lead that stays at its highest or lowest value, as if clipped", &clipped),
        ];
        for (what, records) in told {
            if let Some(first) = records.first() {
                self.odd.push(format!("{} of {all} records that were read {what}, such as {first}", records.len()));
            }
        }
        let looks: Vec<_> = found.iter().filter_map(|(_, read)| look_at(read)).collect();
        let signal = Signal::recorded(self.leads.clone(), self.rate.unwrap_or(RATE), self.usual.unwrap_or(1.0));
        self.odd.extend(tell(&looks, &signal, reading));
    }
}

/// Seconds.
fn length(read: &Found) -> f64 {
    read.raw.signals.first().map_or(0, Vec::len) as f64 / read.raw.sampling_rate
}

/// Whether a record ends before its file says it does.
fn is_cut(path: &Path, read: &Found) -> bool {
    let samples = look_at_file(path, &Layout::default()).ok().and_then(|look| look.samples);
    samples.is_some_and(|samples| read.raw.signals.iter().any(|signal| signal.len() < samples))
}

/// Whether the signal stays at its highest or lowest value, which is not 0, for `run` samples.
fn is_clipped(signal: &[f32], run: usize) -> bool {
    let (low, high) = signal.iter().fold((f32::MAX, f32::MIN), |(low, high), own| (low.min(*own), high.max(*own)));
    let stays = |at: f32| at != 0.0 && signal.chunk_by(|a, b| a == b).any(|same| same[0] == at && same.len() >= run);
    low < high && (stays(low) || stays(high))
}
