//! What shows when a source is listed and some of its records are read.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::ecg::{Label, Lead};
use crate::source::plausible::{AMPLITUDE, digits, median};
use crate::source::{Found, Listing, OtherLeads, Reading, Request, Source};

/// Records that are read.
const READ: usize = 40;

/// The rate, Hz, whose signals are read where there are some of several rates: that of manifests that say none.
const RATE: f64 = 100.0;

/// Labels that are listed.
const LISTED: usize = 12;

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Lines about what is there.
    pub seen: Vec<String>,
    /// Lines about what is odd.
    pub odd: Vec<String>,
    /// The most frequent labels with their counts.
    pub labels: Vec<(String, usize)>,
    /// Whether the sex of some is known.
    pub knows_sex: bool,
    /// The most frequent rate, Hz, and the shortest length, s.
    pub rate: Option<f64>,
    pub shortest: Option<f64>,
    /// The leads that all records have that were read.
    pub leads: Vec<Lead>,
}

/// Lists the source, and reads records from all over it.
pub(super) fn look(source: &dyn Source) -> Seen {
    let mut seen = Seen::default();
    let listing = match source.list(RATE) {
        Ok(listing) => listing,
        Err(error) => {
            seen.odd.push(format!("it cannot be listed: {}", error.message));
            return seen;
        }
    };
    seen.records(&listing);
    seen.seen.extend(listing.notes.iter().cloned());
    seen.odd.extend(listing.warnings.iter().cloned());
    seen.signals(source, &listing);
    seen
}

impl Seen {
    fn records(&mut self, listing: &Listing) {
        let records = &listing.records;
        let mut patients: Vec<&str> = records.iter().map(|record| record.patient.as_str()).collect();
        patients.sort_unstable();
        patients.dedup();
        let count = |is: &dyn Fn(&crate::source::Record) -> bool| records.iter().filter(|record| is(record)).count();
        let (ages, sexes) = (count(&|record| record.age.is_some()), count(&|record| record.sex.is_some()));
        self.knows_sex = sexes > 0;
        let (records_count, patients) = (records.len(), patients.len());
        self.seen.push(format!("{records_count} records of {patients} patients; age known of {ages}, sex of {sexes}"));
        let mut labels: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, record) in records.iter().enumerate() {
            // A name may be a label of several vocabularies.
            let of_record = record.labels.iter().filter(|label| label.vocabulary().name() != "site");
            for name in of_record.map(Label::name).collect::<BTreeSet<_>>() {
                labels.entry(name).or_default().push(place);
            }
        }
        let mut labels: Vec<(&str, Vec<usize>)> = labels.into_iter().collect();
        labels.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(b.0)));
        // A code and what it says are one where nothing else says the same.
        let mut seen: HashSet<Vec<usize>> = HashSet::new();
        labels.retain(|(_, of)| seen.insert(of.clone()));
        let labels: Vec<(&str, usize)> = labels.into_iter().map(|(name, of)| (name, of.len())).collect();
        if !labels.is_empty() {
            let list: Vec<String> = labels.iter().take(LISTED).map(|(name, count)| format!("{name} {count}")).collect();
            let without = count(&|record| record.labels.is_empty());
            self.seen.push(format!(
                "{} labels, such as {}; {without} records have none",
                labels.len(),
                list.join(", ")
            ));
        }
        self.labels = labels.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    }

    fn signals(&mut self, source: &dyn Source, listing: &Listing) {
        let usual = Reading::default();
        let reading = source.reading().unwrap_or(&usual);
        let request = Request { leads: None, seconds: None, others: OtherLeads::All, reading };
        let all = listing.records.len();
        let step = all.div_ceil(READ).max(1);
        let mut found: Vec<(&str, Found)> = Vec::new();
        let mut faults = Vec::new();
        for index in (0..all).step_by(step) {
            let id = listing.records.get(index).map_or("", |record| record.id.as_str());
            match source.read(listing, index, &request) {
                Ok(read) => found.push((id, read)),
                Err(error) => faults.push(format!("record {id}: {}", error.message)),
            }
        }
        let tried = found.len() + faults.len();
        if let Some(first) = faults.first() {
            self.odd.push(format!("{} of {tried} records that were tried cannot be read; {first}", faults.len()));
        }
        self.rates_and_lengths(&found);
        self.values(&found);
    }

    fn rates_and_lengths(&mut self, found: &[(&str, Found)]) {
        let length = |read: &Found| read.raw.signals.first().map_or(0, Vec::len) as f64 / read.raw.sampling_rate;
        let (mut rates, mut lengths): (BTreeMap<String, usize>, BTreeMap<String, usize>) = Default::default();
        for (_, read) in found {
            *rates.entry(format!("{} Hz", read.raw.sampling_rate)).or_default() += 1;
            *lengths.entry(format!("{} s", digits(length(read)))).or_default() += 1;
        }
        let list = |counts: &BTreeMap<String, usize>| {
            let mut counts: Vec<(&String, &usize)> = counts.iter().collect();
            counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
            let list: Vec<String> = counts.iter().take(6).map(|(what, count)| format!("{what} in {count}")).collect();
            list.join(", ") + if counts.len() > 6 { " ..." } else { "" }
        };
        if found.is_empty() {
            return;
        }
        self.seen.push(format!("of {} records that were read: {}; {}", found.len(), list(&rates), list(&lengths)));
        if rates.len() > 1 {
            self.odd.push("rates differ: all are resampled to signal.sampling_rate".into());
        }
        if lengths.len() > 1 {
            self.odd.push("lengths differ: signal.duration must not be above the shortest".into());
        }
        self.rate = median(found.iter().map(|(_, read)| read.raw.sampling_rate));
        self.shortest = found.iter().map(|(_, read)| length(read)).min_by(f64::total_cmp);
        let mut leads: Vec<Lead> = found.first().map(|(_, read)| read.raw.leads.clone()).unwrap_or_default();
        leads.retain(|lead| found.iter().all(|(_, read)| read.raw.leads.contains(lead)));
        let most = found.iter().map(|(_, read)| read.raw.leads.len()).max().unwrap_or_default();
        if leads.len() < most {
            self.odd.push(format!("records have different leads, up to {most}; {} are in all", leads.len()));
        }
        self.leads = leads;
    }

    fn values(&mut self, found: &[(&str, Found)]) {
        let (mut flat, mut padded, mut heights) = (Vec::new(), Vec::new(), Vec::new());
        for (id, read) in found {
            let mut is_flat = false;
            for signal in &read.raw.signals {
                let known = || signal.iter().copied().filter(|value| value.is_finite());
                let height = known().fold(f32::MIN, f32::max) - known().fold(f32::MAX, f32::min);
                is_flat |= height <= 0.0;
                heights.extend((height > 0.0).then_some(f64::from(height)));
            }
            flat.extend(is_flat.then_some(*id));
            let length = read.raw.signals.first().map_or(0, Vec::len);
            let is_zero =
                |place: usize| read.raw.signals.iter().all(|signal| signal.get(place).is_none_or(|own| *own == 0.0));
            let zeros = (0..length).take_while(|place| is_zero(*place)).count();
            let at_end = (0..length).rev().take_while(|place| is_zero(*place)).count();
            padded.extend((zeros < length && 20 * (zeros + at_end) > length).then_some(*id));
        }
        let all = found.len();
        for (what, records) in [("have a flat lead", &flat), ("are padded with zeros before or after", &padded)] {
            if let Some(first) = records.first() {
                self.odd.push(format!("{} of {all} records that were read {what}, such as {first}", records.len()));
            }
        }
        if let Some(middle) = median(heights.into_iter())
            && !(AMPLITUDE.median[0]..=AMPLITUDE.median[1]).contains(&middle)
        {
            let [low, high] = AMPLITUDE.median;
            self.odd.push(format!(
                "the median peak-to-peak amplitude is {} mV, where {low} to {high} mV are usual: say `unit` or `gain`",
                digits(middle)
            ));
        }
    }
}
