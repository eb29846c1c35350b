//! Classification metrics as rows of the store's table of scores.

use std::borrow::Cow;

use super::{ClassificationMetrics, Confusion};
use crate::train::Score;

impl ClassificationMetrics {
    /// Everything as one flat list. `classes` are the names of all classes, in the order of the probabilities.
    ///
    /// Without a class: `records`, `classes_counted`, `auc_classes_counted`, `macro_auc`, `accuracy`,
    /// `subset_accuracy`, `macro_f1`, `macro_precision`, `macro_recall`, `brier` and `ece`. For each
    /// class: `positives`, `auc`, `f1`, `precision`, `recall`. Counts of confusion are, for single
    /// labels, `confusion:PREDICTED` with the true class; for several, `tn`, `fp`, `fn` and `tp` of
    /// each class.
    pub fn scores(&self, split: &'static str, classes: &[&'static str]) -> Vec<Score> {
        let overall = [
            ("records", Some(self.records as f64)),
            ("classes_counted", Some(self.classes_counted as f64)),
            ("auc_classes_counted", Some(self.auc_classes_counted as f64)),
            ("macro_auc", self.macro_auc),
            ("accuracy", Some(self.accuracy)),
            ("subset_accuracy", Some(self.subset_accuracy)),
            ("macro_f1", self.macro_f1),
            ("macro_precision", self.macro_precision),
            ("macro_recall", self.macro_recall),
            ("brier", Some(self.brier)),
            ("ece", Some(self.expected_calibration_error)),
        ];
        let mut scores: Vec<Score> =
            overall.map(|(metric, value)| Score { split, metric: metric.into(), class: None, value }).into();
        let mut add =
            |class, metric: Cow<'static, str>, value| scores.push(Score { split, metric, class: Some(class), value });
        for (class, found) in classes.iter().zip(&self.per_class) {
            add(class, "positives".into(), Some(found.positives as f64));
            add(class, "auc".into(), found.auc);
            add(class, "f1".into(), found.f1);
            add(class, "precision".into(), found.precision);
            add(class, "recall".into(), found.recall);
        }
        match &self.confusion {
            Confusion::Single(counts) => {
                for (truth, row) in classes.iter().zip(counts) {
                    for (predicted, count) in classes.iter().zip(row) {
                        add(truth, format!("confusion:{predicted}").into(), Some(*count as f64));
                    }
                }
            }
            Confusion::Multi(tables) => {
                for (class, [[tn, fp], [fn_, tp]]) in classes.iter().zip(tables) {
                    for (metric, count) in [("tn", tn), ("fp", fp), ("fn", fn_), ("tp", tp)] {
                        add(class, metric.into(), Some(*count as f64));
                    }
                }
            }
        }
        scores
    }
}
