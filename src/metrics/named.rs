//! Metrics by the names the store has for them.

use std::fmt;

use super::{
    ClassifierMetric, Direction, Metric, Over, Predictions, RegressionMetric, Rests, Tests, classifier_metrics,
    regression_metrics,
};
use crate::manifest::Labels;
use crate::statistics;
use crate::statistics::bootstrap::Measure;

/// The mean of classes is called so.
const MACRO: &str = "macro_";

/// A test metric: `macro_auc`; `auc:MI`, of a class; `mae:hr`, of the networks that were grafted.
///
/// The store may have metrics of other versions, which are shown as what they are called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedMetric {
    /// The store's name.
    pub name: String,
    /// The class, or the target, it is of.
    pub of: Option<String>,
}

/// What a name stands for.
enum Known {
    Classifier(&'static dyn ClassifierMetric),
    Regression(&'static dyn RegressionMetric),
}

impl NamedMetric {
    /// The metric that is written so: `NAME` or `NAME:CLASS`.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((name, of)) => Self { name: name.to_owned(), of: Some(of.to_owned()) },
            None => Self { name: text.to_owned(), of: None },
        }
    }

    /// Every metric of class probabilities as it is written: `macro_auc`, `auc:CLASS`.
    pub fn of_classifiers() -> Vec<(Self, &'static dyn ClassifierMetric)> {
        let mut all = Vec::new();
        for metric in classifier_metrics() {
            let own = metric.name().to_owned();
            if metric.over() == Over::Classes {
                all.push((Self { name: format!("{MACRO}{own}"), of: None }, metric));
                all.push((Self { name: own, of: Some("CLASS".to_owned()) }, metric));
            } else {
                all.push((Self { name: own, of: None }, metric));
            }
        }
        all
    }

    /// A metric of all classes.
    pub fn overall(metric: &dyn ClassifierMetric) -> Self {
        let of_classes = metric.over() == Over::Classes;
        Self { name: format!("{}{}", if of_classes { MACRO } else { "" }, metric.name()), of: None }
    }

    fn known(&self) -> Option<Known> {
        if let Some(metric) = regression_metrics().find(|metric| metric.name() == self.name) {
            return Some(Known::Regression(metric));
        }
        self.classifier().map(Known::Classifier)
    }

    /// The metric of class probabilities that it is, if it is one.
    pub fn classifier(&self) -> Option<&'static dyn ClassifierMetric> {
        let (name, over) = match (self.name.strip_prefix(MACRO), &self.of) {
            (Some(own), None) => (own, Over::Classes),
            (None, None) => (self.name.as_str(), Over::Records),
            (_, Some(_)) => (self.name.as_str(), Over::Classes),
        };
        classifier_metrics().find(|metric| metric.name() == name && metric.over() == over)
    }

    fn metric(&self) -> Option<&'static dyn Metric> {
        self.known().map(|known| match known {
            Known::Classifier(metric) => metric as &dyn Metric,
            Known::Regression(metric) => metric,
        })
    }

    /// What it is called beside the class or target it is of: `macro AUC`, `AUC`.
    fn own_heading(&self) -> String {
        let heading = self.metric().map(Metric::heading);
        let Some(heading) = heading else { return self.name.replace('_', " ") };
        if self.of.is_none() && self.name.starts_with(MACRO) { format!("macro {heading}") } else { heading.to_owned() }
    }

    /// The head of its column: `accuracy`, `AUC MI`, `MAE of hr`. That of the mean AUC, which is the first of most tables,
    /// says what the numbers of all columns are of: `test macro AUC`.
    pub fn heading(&self) -> String {
        let own = self.own_heading();
        match &self.of {
            None if self.is_mean_auc() => format!("test {own}"),
            None => own,
            Some(of) if self.is_of_grafts() => format!("{own} of {of}"),
            Some(of) => format!("{own} {of}"),
        }
    }

    /// The same without what goes without saying: `AUC`, `accuracy`, `AUC MI`.
    pub fn short_heading(&self) -> String {
        match self.metric() {
            Some(metric) if self.of.is_none() => metric.heading().to_owned(),
            _ => self.heading(),
        }
    }

    /// As it is called in a sentence.
    pub fn in_text(&self) -> String {
        if self.is_mean_auc() { self.heading() } else { format!("test {}", self.heading()) }
    }

    /// What its differences are called: `Δ AUC`.
    pub fn difference(&self) -> String {
        format!("Δ {}", if self.is_mean_auc() { self.short_heading() } else { self.heading() })
    }

    /// The head of the column of its differences from a baseline.
    pub fn difference_heading(&self, baseline: &str) -> String {
        format!("{} vs {baseline}", self.difference())
    }

    /// Whether it is the mean of the classes' AUC, by which networks are chosen if nothing else is said.
    pub fn is_mean_auc(&self) -> bool {
        *self == Self::overall(&super::registry::Auc)
    }

    /// What its columns for machines are called.
    pub fn column(&self) -> String {
        self.of.as_ref().map_or_else(|| self.name.clone(), |of| format!("{}_{of}", self.name))
    }

    /// Whether networks have it before they are grafted, so that there is no difference from a baseline.
    pub fn is_of_grafts(&self) -> bool {
        matches!(self.known(), Some(Known::Regression(_)))
    }

    /// Whether less is better.
    pub fn is_error(&self) -> bool {
        self.metric().is_some_and(|metric| metric.direction() == Direction::Lower)
    }

    /// The better of two values.
    pub fn better(&self, a: f64, b: f64) -> f64 {
        if self.is_error() { a.min(b) } else { a.max(b) }
    }

    /// Decimals that are shown.
    pub fn digits(&self) -> usize {
        self.metric().map_or(3, Metric::digits)
    }

    /// The ends of what its values can be; where it is not known what `labels` a record has, the wider range.
    pub fn range(&self, labels: Option<Labels>) -> (f64, f64) {
        self.metric().map_or((0.0, 1.0), |metric| metric.range(labels))
    }

    /// Which test records it rests on; `None` of what is not of the classifier.
    pub fn rests(&self) -> Option<statistics::Rests<'_>> {
        let class = self.of.as_deref();
        match self.known() {
            Some(Known::Regression(_)) => None,
            None => Some(statistics::Rests::Both(class)),
            Some(Known::Classifier(metric)) => Some(match metric.rests() {
                Rests::Records => statistics::Rests::Records,
                Rests::Both => statistics::Rests::Both(class),
                Rests::With => statistics::Rests::With(class),
            }),
        }
    }

    /// Which significance tests can be done of it. What is not of the classifier has no records to resample: the test over
    /// seeds takes the bootstrap's place.
    pub fn tests(&self, labels: Option<Labels>) -> Tests {
        let over_seeds = Tests { bootstrap: true, delong: false, mcnemar: false };
        self.classifier().map_or(over_seeds, |metric| metric.tests(labels))
    }

    /// Its value; `classes` are the names of all, in the order of the probabilities. `None` where it is not defined, or not
    /// of these.
    pub fn value<C: AsRef<str>>(&self, predictions: &Predictions, classes: &[C]) -> Option<f64> {
        predictions.value(self.classifier()?, self.place(classes)?)
    }

    /// The same, made ready to be resampled.
    pub fn measure<C: AsRef<str>>(&self, predictions: &Predictions, classes: &[C]) -> Option<Box<dyn Measure>> {
        predictions.measure(self.classifier()?, self.place(classes)?)
    }

    /// The place of the class it is of, if it is of one; `None` where there is no such class.
    fn place<C: AsRef<str>>(&self, classes: &[C]) -> Option<Option<usize>> {
        match &self.of {
            None => Some(None),
            Some(of) => classes.iter().position(|known| known.as_ref() == of).map(Some),
        }
    }
}

impl fmt::Display for NamedMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Some(of) => write!(f, "{}:{of}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
