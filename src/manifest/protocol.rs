//! Protocols: words that stand for the keys of a published way to train and to be compared.

use serde_json::Value;

use super::read::Read;
use crate::declare::{Problem, words};

words! {
    /// Published protocols.
    pub enum Protocol as "protocol" {
        /// the benchmark on PTB-XL (Strodthoff et al. 2021, doi 10.1109/JBHI.2020.3022989, as github.com/helme/ecg_ptbxl_benchmarking does it):
        /// twelve leads at 100 Hz without a filter, scaled by one mean and standard deviation of all training samples; trained on
        /// windows of 2.5 s at random places, tested on windows 1.25 s apart, the largest probability of each class being the
        /// record's; every record with a class, a sigmoid each; folds 1 to 8 train, 9 validates, 10 tests
        PtbXlBenchmark = "ptb-xl-benchmark",
    }
}

/// A key, by its way from the top, and its value as JSON.
type Setting = (&'static [&'static str], &'static str);

/// From the repository's `code/models/fastai_model.py` (`input_size`, `chunkify_train`, `stride_length_valid`,
/// `aggregate_fn`), `code/models/timeseries_utils.py` (random crops), `code/utils/utils.py` (`preprocess_signals`) and
/// `code/experiments/scp_experiment.py` (folds).
const PTB_XL_BENCHMARK: &[Setting] = &[
    (&["signal", "leads"], r#"["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]"#),
    (&["signal", "sampling_rate"], "100.0"),
    (&["signal", "duration"], "10.0"),
    (&["signal", "bandpass"], "null"),
    (&["signal", "normalize"], r#""global-z-score""#),
    (&["signal", "window", "length"], "2.5"),
    (&["signal", "window", "train"], r#""random""#),
    (&["signal", "window", "test"], r#""tile""#),
    (&["signal", "window", "stride"], "1.25"),
    (&["signal", "window", "join"], r#""max""#),
    (&["transfer", "labels"], r#""multi""#),
    (&["transfer", "train_folds"], "[1, 2, 3, 4, 5, 6, 7, 8]"),
    (&["transfer", "validation_folds"], "[9]"),
    (&["transfer", "test_folds"], "[10]"),
];

impl Protocol {
    fn settings(self) -> &'static [Setting] {
        match self {
            Protocol::PtbXlBenchmark => PTB_XL_BENCHMARK,
        }
    }
}

/// Sets the keys of the manifest's protocol, if it has one; notes those that say otherwise. `text` is the manifest.
pub(super) fn apply(text: &str, read: &mut Read) {
    let Ok(Some(protocol)) = serde_json::from_value::<Option<Protocol>>(read.json["protocol"].take()) else { return };
    let line = |place: &[&str]| text.get(..read.places.span(place).start).unwrap_or("").matches('\n').count() + 1;
    let mut problems = Vec::new();
    for (place, value) in protocol.settings() {
        let value: Value = serde_json::from_str(value).unwrap_or_default();
        let own = place.iter().fold(&mut read.json, |json, key| &mut json[*key]);
        if read.places.is_written(place) && read.places.is_sound(place) && *own != value {
            let message = format!(
                "`{}` (line {}) is {}, but protocol = \"{}\" (line {}) says {}; leave one of the two out",
                place.join("."),
                line(place),
                shown(own),
                protocol.name(),
                line(&["protocol"]),
                shown(&value)
            );
            problems.push(Problem { span: read.places.span(place), message });
        }
        *own = value;
    }
    read.problems.extend(problems);
}

/// A value as it would be written.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        Value::Array(values) => format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
