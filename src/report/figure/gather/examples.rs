//! Test records as their source has them, with what the network said of them.

use std::path::Path;

use super::ExperimentResults;
use crate::data::signal::prepare;
use crate::data::{fingerprint, recordings};
use crate::ecg::{Lead, RawRecord};
use crate::manifest::{self, Manifest, Signal};
use crate::metrics::decision::{is_yes, most_probable};
use crate::results::ResultsFolder;
use crate::source::Source;
use crate::store::{PredictionsOfRun, Run, Store, TestedRecord};

/// Records of each kind: best, middling, worst.
const OF_EACH: usize = 2;
/// Nearest to certainty, for logarithms.
const CERTAIN: f64 = 1e-12;

/// Samples of a lead, mV.
#[derive(Clone, Debug)]
pub struct Trace {
    /// `I`, `aVR`, `V1` ...
    pub lead: &'static str,
    /// mV.
    pub samples: Vec<f32>,
}

/// A test record.
#[derive(Clone, Debug)]
pub struct Example {
    /// Which it is, with its true and predicted classes.
    pub title: String,
    /// Hz.
    pub sampling_rate: f64,
    /// Its leads.
    pub traces: Vec<Trace>,
    /// The probabilities of all classes.
    pub note: String,
}

/// Chosen test records.
pub(in crate::report) struct Examples {
    /// Which they are and how they were chosen.
    pub note: String,
    pub records: Vec<Example>,
}

/// Test records of the run that is shown: the two that it judges best, two in the middle and the two that it judges worst,
/// or the one called `record`, read from the run's source. The error is a part of a sentence that says why there are none.
pub(in crate::report) fn examples(
    results: &Path,
    store: &Store,
    found: &ExperimentResults<'_>,
    record: Option<&str>,
) -> Result<Examples, String> {
    found.input().of_classes()?;
    let best = found.shown.as_ref().and_then(|shown| Some((shown, shown.best()?)));
    let (shown, (run, predictions)) = best.ok_or("no run is done yet")?;
    let read = manifest_of(store, run)?;
    let name = &predictions.source;
    let source = read.source(name).ok_or_else(|| format!("the manifest has no source {name}"))?;
    check_source(results, name, source, run)?;
    let chosen = match record {
        None => chosen(predictions),
        Some(id) => match predictions.records.iter().find(|record| record.id == id) {
            Some(record) => vec![record],
            None => return Err(format!("record {id} is not among the test records of run {}", run.run_id)),
        },
    };
    let ids: Vec<String> = chosen.iter().map(|record| record.id.clone()).collect();
    let raw = recordings(source, &read.signal, &ids)
        .map_err(|error| format!("the records of source {name} cannot be read ({error})"))?;
    let mut records = Vec::new();
    for (tested, raw) in chosen.iter().zip(raw) {
        let Some((_, raw)) = raw else { return Err(format!("source {name} has no record {} any more", tested.id)) };
        let [verdict, note] = verdict(predictions, tested);
        let title = format!("{}: ECG {} of {name}. {verdict}", found.experiment.name, tested.id);
        records.push(Example { title, sampling_rate: raw.sampling_rate, traces: traces(&raw)?, note });
    }
    let note = format!(
        "Records of {name} as the source has them, with what {}, seed {}, said of them: the {OF_EACH} of the smallest log loss, \
         {OF_EACH} in the middle and the {OF_EACH} of the largest, of {} test records.",
        shown.name(),
        run.seed,
        predictions.records.len()
    );
    Ok(Examples { note, records })
}

/// The manifest that `run` was planned from, as it was then.
fn manifest_of(store: &Store, run: &Run) -> Result<Manifest, String> {
    let stored = store.manifest(&run.manifest_sha256).map_err(|error| error.message)?;
    let variants = manifest::parse_all(Path::new(&stored.path), &stored.text, &|name| std::env::var(name).ok());
    let is_its = |manifest: &Manifest| manifest.variant == run.variant && manifest.fold == run.fold;
    let found = variants.ok().and_then(|variants| variants.into_iter().find(is_its));
    found.ok_or_else(|| "this version of ecgraft does not read the run's manifest".to_owned())
}

/// Says why the records of `source`, called `name`, are not those that `run` was tested on.
fn check_source(results: &Path, name: &str, source: &dyn Source, run: &Run) -> Result<(), String> {
    if let Some(variable) = source.all_paths().into_iter().find_map(|path| path.resolved.as_ref().err()) {
        return Err(format!("the records are in source {name}, and ${variable} is not set"));
    }
    let print = fingerprint(source, &ResultsFolder::new(results).cache()).map_err(|error| {
        format!("the records of source {name} cannot be found ({error}); relative paths start where ecgraft runs")
    })?;
    if print != run.data_fingerprint {
        return Err(format!("the data of source {name} have changed since the run was tested on them"));
    }
    Ok(())
}

/// The records at both ends and in the middle of those sorted by log loss; all where they are few.
fn chosen(predictions: &PredictionsOfRun) -> Vec<&TestedRecord> {
    let mut records: Vec<&TestedRecord> = predictions.records.iter().collect();
    records.sort_by(|a, b| loss(predictions, a).total_cmp(&loss(predictions, b)));
    let count = records.len();
    if count <= 3 * OF_EACH {
        return records;
    }
    let middle = (count - OF_EACH) / 2;
    let kept =
        |place: &usize| *place < OF_EACH || *place >= count - OF_EACH || (middle..middle + OF_EACH).contains(place);
    records.iter().enumerate().filter(|(place, _)| kept(place)).map(|(_, record)| *record).collect()
}

/// The log loss of one record: of its class, or the mean over classes.
fn loss(predictions: &PredictionsOfRun, record: &TestedRecord) -> f64 {
    let cost = |probability: f64| -probability.max(CERTAIN).ln();
    let mut pairs = record.probabilities.iter().zip(&record.labels);
    if predictions.single_label {
        return pairs.find(|(_, label)| **label).map_or(0.0, |(probability, _)| cost(*probability));
    }
    pairs.map(|(probability, label)| cost(if *label { *probability } else { 1.0 - probability })).sum::<f64>()
        / record.probabilities.len().max(1) as f64
}

/// True and predicted classes, the latter with their probabilities; and the probabilities of all.
fn verdict(predictions: &PredictionsOfRun, record: &TestedRecord) -> [String; 2] {
    let classes = || predictions.classes.iter().zip(&record.probabilities).zip(&record.labels).enumerate();
    let truth: Vec<&str> =
        classes().filter(|(_, (_, label))| **label).map(|(_, ((name, _), _))| name.as_str()).collect();
    let is_predicted = |place: usize, probability: f64| {
        if predictions.single_label { place == most_probable(&record.probabilities) } else { is_yes(probability) }
    };
    let said: Vec<String> = classes()
        .filter(|(place, ((_, probability), _))| is_predicted(*place, **probability))
        .map(|(_, ((name, probability), _))| format!("{name} ({probability:.2})"))
        .collect();
    let all: Vec<String> = classes().map(|(_, ((name, probability), _))| format!("{name} {probability:.2}")).collect();
    let or_none = |list: String| if list.is_empty() { "none".to_owned() } else { list };
    [
        format!("True: {}. Predicted: {}.", or_none(truth.join(", ")), or_none(said.join(", "))),
        format!("Probabilities: {}.", all.join(", ")),
    ]
}

/// The leads that the record has or that follow from it, at its own rate, mV.
fn traces(raw: &RawRecord) -> Result<Vec<Trace>, String> {
    let there = |lead: &Lead| raw.leads.contains(lead);
    let derivable = there(&Lead::I) && there(&Lead::II);
    let limb = [Lead::III, Lead::AVR, Lead::AVL, Lead::AVF];
    let leads: Vec<Lead> =
        Lead::ALL.into_iter().filter(|lead| there(lead) || (derivable && limb.contains(lead))).collect();
    let samples = raw.signals.first().map_or(0, Vec::len);
    let signal = Signal::recorded(leads.clone(), raw.sampling_rate, samples as f64 / raw.sampling_rate);
    let prepared = prepare(raw, &signal)?;
    let length = signal.length().max(1);
    Ok(leads
        .iter()
        .zip(prepared.chunks(length))
        .map(|(lead, samples)| Trace { lead: lead.name(), samples: samples.to_vec() })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(single_label: bool, probabilities: &[f64]) -> PredictionsOfRun {
        let record = |(place, &p): (usize, &f64)| TestedRecord {
            id: place.to_string(),
            probabilities: vec![p, 1.0 - p],
            labels: vec![true, false],
        };
        PredictionsOfRun {
            classes: vec!["MI".into(), "CD".into()],
            single_label,
            source: "s".into(),
            records: probabilities.iter().enumerate().map(record).collect(),
        }
    }

    #[test]
    fn best_middling_and_worst_are_chosen() {
        for single in [true, false] {
            // The loss is -ln p for one class, and the mean of two equal costs otherwise.
            let tested = predictions(single, &[0.5, 0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 0.95]);
            let ids: Vec<&str> = chosen(&tested).iter().map(|record| record.id.as_str()).collect();
            // Sorted: 9 1 3 5 7 0 8 6 4 2
            assert_eq!(ids, ["9", "1", "7", "0", "4", "2"]);
            assert!((loss(&tested, &tested.records[0]) - 2f64.ln()).abs() < 1e-12);
        }
        assert_eq!(chosen(&predictions(true, &[0.5, 0.2])).len(), 2);
    }

    #[test]
    fn verdicts_follow_the_kind_of_labels() {
        let single = predictions(true, &[0.4]);
        let said = verdict(&single, &single.records[0]);
        assert_eq!(said, ["True: MI. Predicted: CD (0.60).", "Probabilities: MI 0.40, CD 0.60."]);
        let mut multi = predictions(false, &[0.4]);
        multi.records[0].probabilities = vec![0.4, 0.3];
        assert!(verdict(&multi, &multi.records[0])[0].contains("Predicted: none."));
    }
}
