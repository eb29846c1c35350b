//! All that predictions give, as rows of a table of scores.

use std::borrow::Cow;

use super::{Over, Predictions, classifier_metrics};
use crate::manifest::Labels;

/// One number of predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassScore {
    /// `macro_auc`, `auc`, `tp` ...
    pub metric: Cow<'static, str>,
    /// The place of the class; `None` for a number of all.
    pub class: Option<usize>,
    /// `None` where it is not defined.
    pub value: Option<f64>,
}

/// Numbers of records by truth and prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confusion {
    /// Single label: (classes, classes), the true class by the predicted one.
    Single(Vec<Vec<u64>>),
    /// Several labels: for each class `[[TN, FP], [FN, TP]]`.
    Multi(Vec<[[u64; 2]; 2]>),
}

impl Predictions {
    /// What was taken for what. A record without a class counts as of the first.
    pub fn confusion(&self) -> Confusion {
        match self.labels() {
            Labels::Single => {
                let first_true = |row: &[bool]| row.iter().position(|has| *has).unwrap_or(0);
                let mut counts = vec![vec![0; self.classes().len()]; self.classes().len()];
                for (truth, decided) in self.decisions() {
                    counts[first_true(truth)][first_true(decided)] += 1;
                }
                Confusion::Single(counts)
            }
            Labels::Multi => Confusion::Multi(self.classes().map(|class| self.table(class)).collect()),
        }
    }

    /// Everything as one flat list: `records`; `classes_counted`, of at least one record; `auc_classes_counted`, that some
    /// records have and some have not; every metric over all classes. For each class: `positives`, and every metric of one
    /// class. Counts of confusion are, for single labels, `confusion:PREDICTED` with the true class; for several, `tn`, `fp`,
    /// `fn` and `tp` of each class. `classes` are the names of all, in the order of the probabilities.
    ///
    /// A class that no record has says nothing about the network: its own metrics are `None`, and the
    /// `macro_*` means are over the other classes only, unweighted.
    pub fn scores<C: AsRef<str>>(&self, classes: &[C]) -> Vec<ClassScore> {
        let mut scores = Vec::new();
        let mut add = |class, metric: Cow<'static, str>, value| scores.push(ClassScore { metric, class, value });
        let positives: Vec<usize> = self.classes().map(|class| self.positives(class)).collect();
        let classes_with = |is_counted: &dyn Fn(usize) -> bool| positives.iter().filter(|of| is_counted(**of)).count();
        let counted = classes_with(&|of| of > 0);
        let with_both = classes_with(&|of| of > 0 && of < self.records());
        for (name, count) in
            [("records", self.records()), ("classes_counted", counted), ("auc_classes_counted", with_both)]
        {
            add(None, name.into(), Some(count as f64));
        }
        for metric in classifier_metrics() {
            let name = match metric.over() {
                Over::Records | Over::RecordsAndClasses => Cow::Borrowed(metric.name()),
                Over::Classes => format!("macro_{}", metric.name()).into(),
            };
            add(None, name, self.value(metric, None));
        }
        for class in self.classes() {
            add(Some(class), "positives".into(), Some(positives[class] as f64));
            for metric in classifier_metrics().filter(|metric| metric.over().has_classes()) {
                add(Some(class), metric.name().into(), self.value(metric, Some(class)));
            }
        }
        match self.confusion() {
            Confusion::Single(counts) => {
                for (truth, row) in counts.iter().enumerate() {
                    for (predicted, count) in classes.iter().zip(row) {
                        add(Some(truth), format!("confusion:{}", predicted.as_ref()).into(), Some(*count as f64));
                    }
                }
            }
            Confusion::Multi(tables) => {
                for (class, [[tn, fp], [fn_, tp]]) in tables.iter().enumerate() {
                    for (metric, count) in [("tn", tn), ("fp", fp), ("fn", fn_), ("tp", tp)] {
                        add(Some(class), metric.into(), Some(*count as f64));
                    }
                }
            }
        }
        scores
    }
}
