//! Metrics by the names the store has for them.

use std::fmt;

use crate::manifest::Labels;
use crate::statistics::{Rests, bootstrap};

/// A test metric: `macro_auc`; `auc:MI`, of a class; `mae:hr`, of the networks that were grafted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// The store's name.
    pub name: String,
    /// The class, or the target, it is of.
    pub of: Option<String>,
}

impl Metric {
    /// What a comparison shows if nothing else is asked for: the difference is that of the first.
    pub fn usual() -> Vec<Metric> {
        ["macro_auc", "accuracy", "macro_f1"].map(Metric::named).into()
    }

    /// The metric that is written so: `NAME` or `NAME:CLASS`.
    pub fn named(text: &str) -> Self {
        match text.split_once(':') {
            Some((name, of)) => Self { name: name.to_owned(), of: Some(of.to_owned()) },
            None => Self { name: text.to_owned(), of: None },
        }
    }

    /// The head of its column.
    pub fn heading(&self) -> String {
        match (self.name.as_str(), &self.of) {
            ("macro_auc", None) => "test macro AUC".to_owned(),
            (name, None) => in_words(name),
            ("mae" | "rmse" | "r2" | "pearson_r", Some(of)) => format!("{} of {of}", in_words(&self.name)),
            (name, Some(of)) => format!("{} {of}", in_words(name)),
        }
    }

    /// As it is called in a sentence.
    pub fn in_text(&self) -> String {
        if self.name == "macro_auc" { "test macro AUC".to_owned() } else { format!("test {}", self.heading()) }
    }

    /// The head of the column of its differences.
    pub fn difference_heading(&self) -> String {
        if self.name == "macro_auc" {
            "Δ AUC vs scratch".to_owned()
        } else {
            format!("Δ {} vs scratch", self.heading())
        }
    }

    /// What its columns for machines are called.
    pub fn column(&self) -> String {
        self.of.as_ref().map_or_else(|| self.name.clone(), |of| format!("{}_{of}", self.name))
    }

    /// Whether networks have it before they are grafted, so that there is no difference from a baseline.
    pub fn is_of_grafts(&self) -> bool {
        matches!(self.name.as_str(), "mae" | "rmse" | "r2" | "pearson_r")
    }

    /// Whether less is better.
    pub fn is_error(&self) -> bool {
        matches!(self.name.as_str(), "brier" | "ece" | "mae" | "rmse")
    }

    /// The better of two values.
    pub fn better(&self, a: f64, b: f64) -> f64 {
        if self.is_error() { a.min(b) } else { a.max(b) }
    }

    /// Decimals that are shown: milliseconds and beats per minute to a tenth, shares to a thousandth.
    pub fn digits(&self) -> usize {
        if matches!(self.name.as_str(), "mae" | "rmse") { 1 } else { 3 }
    }

    /// What it is for the bootstrap, if that can resample it.
    pub fn resampled(&self, classes: &[String]) -> Option<bootstrap::Metric> {
        bootstrap::Metric::named(&self.name, self.of.as_deref(), classes)
    }

    /// The ends of what its values can be. The Brier score of one label a record adds up over the classes; where it is not
    /// known what records have, the wider range is meant.
    pub(super) fn range(&self, labels: Option<Labels>) -> (f64, f64) {
        match self.name.as_str() {
            "brier" if labels != Some(Labels::Multi) => (0.0, 2.0),
            "mae" | "rmse" => (0.0, f64::INFINITY),
            "r2" => (f64::NEG_INFINITY, 1.0),
            "pearson_r" => (-1.0, 1.0),
            _ => (0.0, 1.0),
        }
    }

    /// Which test records it rests on; `None` of what is not of the classifier.
    pub(super) fn rests(&self) -> Option<Rests<'_>> {
        let class = self.of.as_deref();
        match self.name.as_str() {
            _ if self.is_of_grafts() => None,
            "accuracy" | "subset_accuracy" | "brier" | "ece" => Some(Rests::Records),
            "macro_recall" | "recall" => Some(Rests::With(class)),
            _ => Some(Rests::Both(class)),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Some(of) => write!(f, "{}:{of}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

fn in_words(name: &str) -> String {
    match name {
        "auc" => "AUC".to_owned(),
        "f1" => "F1".to_owned(),
        "macro_f1" => "macro F1".to_owned(),
        "brier" => "Brier score".to_owned(),
        "ece" => "calibration error".to_owned(),
        "mae" => "MAE".to_owned(),
        "rmse" => "RMSE".to_owned(),
        "r2" => "R²".to_owned(),
        "pearson_r" => "r".to_owned(),
        other => other.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the definitions of docs/statistics.md.
    #[test]
    fn ranges_are_those_of_the_definitions() {
        let of = |name: &str, labels| Metric::named(name).range(labels);
        assert_eq!(of("brier", Some(Labels::Single)), (0.0, 2.0), "certain of the wrong one of two classes: 1 + 1");
        assert_eq!(of("brier", Some(Labels::Multi)), (0.0, 1.0), "a mean over classes");
        assert_eq!(of("brier", None), (0.0, 2.0));
        assert_eq!(of("auc:MI", Some(Labels::Single)), (0.0, 1.0));
        assert_eq!(of("pearson_r:hr", None), (-1.0, 1.0));
        assert_eq!(of("r2:hr", None).1, 1.0);
        assert_eq!(of("mae:hr", None), (0.0, f64::INFINITY));
    }
}
