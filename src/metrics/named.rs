//! Metrics by the names the store has for them.

use std::fmt;

use super::registry::error::MeanAbsoluteError;
use super::{
    ClassifierMetric, Direction, Metric, Over, Predictions, RegressionMetric, Rests, Tests, Unit, classifier_metric,
    classifier_metrics, regression_metrics,
};
use crate::ecg::Measurement;
use crate::manifest::{Labels, Subset};
use crate::statistics;
use crate::statistics::bootstrap::Measure;

/// The mean of classes is called so.
const MACRO: &str = "macro_";

/// The loss, which training has and the store keeps of the training records, is no metric of predictions.
pub const LOSS: &str = "loss";

/// A metric of the test records: `macro_auc`; `auc:MI`, of a class; `mae:hr`, of the networks that were grafted. Or of the
/// records that trained or validated the network that was kept: `train:macro_auc`, `validation:auc:MI`, `train:loss`.
/// Where the last stage measures, `mae:hr` is of it, and not of what was grafted.
///
/// The store may have metrics of other versions, which are shown as what they are called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedMetric {
    /// Which records it is of.
    pub split: Subset,
    /// The store's name.
    pub name: String,
    /// The class, or the target, it is of.
    pub of: Option<String>,
    /// Of measured numbers: whether the last stage measured them, rather than networks that were grafted into it.
    pub of_last: bool,
}

/// What a name stands for.
enum Known {
    Classifier(&'static dyn ClassifierMetric),
    Regression(&'static dyn RegressionMetric),
}

impl NamedMetric {
    /// The metric that is written so: `NAME` or `NAME:CLASS`, behind `train:` or `validation:` if it is not of the test
    /// records.
    pub fn parse(text: &str) -> Self {
        let split = text.split_once(':').and_then(|(split, rest)| Some((split.parse().ok()?, rest)));
        let (split, text) = split.unwrap_or((Subset::Test, text));
        match text.split_once(':') {
            Some((name, of)) => Self { split, name: name.to_owned(), of: Some(of.to_owned()), of_last: false },
            None => Self { split, name: text.to_owned(), of: None, of_last: false },
        }
    }

    /// A metric of the test records.
    fn tested(name: String, of: Option<&str>) -> Self {
        Self { split: Subset::Test, name, of: of.map(str::to_owned), of_last: false }
    }

    /// Every metric of class probabilities as it is written: `macro_auc`, `auc:CLASS`.
    pub fn of_classifiers() -> Vec<(Self, &'static dyn ClassifierMetric)> {
        let mut all = Vec::new();
        for metric in classifier_metrics() {
            all.push((Self::overall(metric), metric));
            if metric.over().has_classes() {
                all.push((Self::tested(metric.name().to_owned(), Some("CLASS")), metric));
            }
        }
        all
    }

    /// A metric of all classes.
    pub fn overall(metric: &dyn ClassifierMetric) -> Self {
        let of_classes = metric.over() == Over::Classes;
        Self::tested(format!("{}{}", if of_classes { MACRO } else { "" }, metric.name()), None)
    }

    fn known(&self) -> Option<Known> {
        if let Some(metric) = regression_metrics().find(|metric| metric.name() == self.name) {
            return Some(Known::Regression(metric));
        }
        self.classifier().map(Known::Classifier)
    }

    /// The metric of class probabilities that it is, if it is one.
    pub fn classifier(&self) -> Option<&'static dyn ClassifierMetric> {
        let (name, fits): (_, fn(Over) -> bool) = match (self.name.strip_prefix(MACRO), &self.of) {
            (Some(own), None) => (own, |over| over == Over::Classes),
            (None, None) => (self.name.as_str(), |over| over != Over::Classes),
            (_, Some(_)) => (self.name.as_str(), Over::has_classes),
        };
        classifier_metric(name).filter(|metric| fits(metric.over()))
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
    /// says what the numbers of all columns are of: `test macro AUC`. So does one of other records: `train accuracy`.
    pub fn heading(&self) -> String {
        let own = self.own_heading();
        let says = self.is_mean_auc() || self.is_mean_error() || self.split != Subset::Test;
        let own = if says { format!("{} {own}", self.split) } else { own };
        match &self.of {
            None => own,
            Some(of) if self.of_last => {
                format!("{own} of {of}{}", self.unit().map_or_else(String::new, |unit| format!(", {unit}")))
            }
            Some(of) if self.is_of_grafts() => format!("{own} of {of}"),
            Some(of) => format!("{own} {of}"),
        }
    }

    /// The same without what goes without saying: `AUC`, `accuracy`, `AUC MI`.
    pub fn short_heading(&self) -> String {
        match self.metric() {
            Some(metric) if self.of.is_none() && self.split == Subset::Test => metric.heading().to_owned(),
            _ => self.heading(),
        }
    }

    /// As it is called in a sentence.
    pub fn in_text(&self) -> String {
        let says = self.is_mean_auc() || self.is_mean_error() || self.split != Subset::Test;
        if says { self.heading() } else { format!("{} {}", self.split, self.heading()) }
    }

    /// What its differences are called: `Δ AUC`.
    pub fn difference(&self) -> String {
        let of_test = self.is_mean_error() && self.split == Subset::Test;
        let heading = if self.is_mean_auc() { self.short_heading() } else { self.heading() };
        format!("Δ {}", if of_test { heading.trim_start_matches("test ") } else { &heading })
    }

    /// The head of the column of its differences from a baseline.
    pub fn difference_heading(&self, baseline: &str) -> String {
        format!("{} vs {baseline}", self.difference())
    }

    /// Whether it is the mean of the classes' AUC, by which networks are chosen if nothing else is said.
    pub fn is_mean_auc(&self) -> bool {
        *self == Self::overall(&super::registry::Auc)
    }

    /// The mean absolute error of a target that the last stage measures.
    pub fn mean_error(target: &str) -> Self {
        Self { of_last: true, ..Self::tested(MeanAbsoluteError.name().to_owned(), Some(target)) }
    }

    /// Whether it is that of some target, by which networks are chosen that measure in the last stage.
    fn is_mean_error(&self) -> bool {
        self.of_last && self.name == MeanAbsoluteError.name()
    }

    /// What it is counted in, where the last stage measures it: `ms`.
    pub fn unit(&self) -> Option<&'static str> {
        let of = self.of.as_deref().filter(|_| self.of_last)?;
        self.metric().filter(|metric| metric.unit() == Unit::OfTarget)?;
        Some(Measurement::named(of, "").unit()).filter(|unit| !unit.is_empty())
    }

    /// What its columns for machines are called: `auc_MI`, `train_auc_MI`.
    pub fn column(&self) -> String {
        let own = self.of.as_ref().map_or_else(|| self.name.clone(), |of| format!("{}_{of}", self.name));
        if self.split == Subset::Test { own } else { format!("{}_{own}", self.split) }
    }

    /// The same, which says of which records it is whichever they are: `test_auc_MI`.
    pub fn full_column(&self) -> String {
        let own = self.column();
        if self.split == Subset::Test { format!("{}_{own}", self.split) } else { own }
    }

    /// Whether it is the loss, which is of training.
    fn is_loss(&self) -> bool {
        self.name == LOSS && self.of.is_none()
    }

    /// Whether networks have it before they are grafted, so that there is no difference from a baseline.
    pub fn is_of_grafts(&self) -> bool {
        !self.of_last && self.is_of_numbers()
    }

    /// Whether it is of measured numbers.
    pub fn is_of_numbers(&self) -> bool {
        matches!(self.known(), Some(Known::Regression(_)))
    }

    /// Whether less is better.
    pub fn is_error(&self) -> bool {
        self.is_loss() || self.metric().is_some_and(|metric| metric.direction() == Direction::Lower)
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
        let unknown = if self.is_loss() { (0.0, f64::INFINITY) } else { (0.0, 1.0) };
        self.metric().map_or(unknown, |metric| metric.range(labels))
    }

    /// Which test records it rests on; `None` of what is not of the classifier, and of other records.
    pub fn rests(&self) -> Option<statistics::Rests<'_>> {
        if self.split != Subset::Test {
            return None;
        }
        let class = self.of.as_deref();
        match self.known() {
            Some(Known::Regression(_)) => self.of_last.then_some(statistics::Rests::With(class)),
            None => Some(statistics::Rests::Both(class)),
            Some(Known::Classifier(metric)) => Some(match metric.rests() {
                Rests::Records => statistics::Rests::Records,
                Rests::Both => statistics::Rests::Both(class),
                Rests::With => statistics::Rests::With(class),
                Rests::Without => statistics::Rests::Without(class),
            }),
        }
    }

    /// Which significance tests can be done of it. What is not of the classifier, or not of the test records, has no records to
    /// resample: the test over seeds takes the bootstrap's place.
    pub fn tests(&self, labels: Option<Labels>) -> Tests {
        let over_seeds = Tests { bootstrap: true, delong: false, mcnemar: false };
        let resampled = self.classifier().filter(|_| self.split == Subset::Test);
        resampled.map_or(over_seeds, |metric| metric.tests(labels))
    }

    /// Whether it is of decisions that a threshold other than one half changes, where records have such `labels`: a class is
    /// one among others, or a yes or no of its own.
    pub fn is_of_decisions(&self, labels: Labels) -> bool {
        let labels = if self.of.is_some() { Labels::Multi } else { labels };
        self.split == Subset::Test && self.classifier().is_some_and(|metric| metric.is_of_decisions(labels))
    }

    /// Its value; `classes` are the names of all, in the order of the probabilities. `None` where it is not defined, or not
    /// of these.
    pub fn value<C: AsRef<str>>(&self, predictions: &Predictions, classes: &[C]) -> Option<f64> {
        predictions.value(self.classifier()?, self.place(classes)?)
    }

    /// The same, made ready to be resampled.
    pub fn measure<C: AsRef<str>>(&self, predictions: &Predictions, classes: &[C]) -> Option<Box<dyn Measure>> {
        predictions.measure(self.classifier().filter(|_| self.split == Subset::Test)?, self.place(classes)?)
    }

    /// The metric of what the last stage measured beside the `truth`, (records, targets), made ready to be resampled; `known`
    /// says which values are.
    pub fn measured(
        &self,
        (truth, known): (&[f64], &[bool]),
        said: &[f64],
        targets: &[String],
    ) -> Option<Box<dyn Measure>> {
        let Some(Known::Regression(metric)) = self.known().filter(|_| self.of_last && self.split == Subset::Test)
        else {
            return None;
        };
        let place = self.place(targets)??;
        let width = targets.len();
        let column = (place..truth.len()).step_by(width);
        let pairs =
            column.map(|at| known.get(at).filter(|known| **known).and_then(|_| Some((truth[at], *said.get(at)?))));
        metric.measure(pairs.collect())
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
        if self.split != Subset::Test {
            write!(f, "{}:", self.split)?;
        }
        match &self.of {
            Some(of) => write!(f, "{}:{of}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
