//! How well classes were told from class probabilities.

use super::{auc, expected_calibration_error};
use crate::manifest::Labels;

/// How far outside 0 to 1, and of a sum of 1, rounding in `f32` may put a probability.
const SLACK: f64 = 1e-4;

/// How well classes were told, over a set of records.
///
/// A class that no record has says nothing about the network: its own metrics are `None`, and the
/// `macro_*` means are over the other classes only, unweighted.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassificationMetrics {
    /// Number of records.
    pub records: usize,
    /// Number of classes in `macro_f1`, `macro_precision` and `macro_recall`: those of at least one record.
    pub classes_counted: usize,
    /// Number of classes in `macro_auc`: those that some records have and some have not.
    pub auc_classes_counted: usize,
    /// Mean of the classes' AUC, each class against all others; `None` where no class has one.
    pub macro_auc: Option<f64>,
    /// Single label: share of records whose most probable class is right. Several labels: share of
    /// right decisions among records times classes (1 - Hamming loss).
    pub accuracy: f64,
    /// Share of records with every class right; for single labels the same as `accuracy`.
    pub subset_accuracy: f64,
    /// Mean of the classes' F1; `None` where no record has any class. The same for the next two.
    pub macro_f1: Option<f64>,
    /// Mean of the classes' precision.
    pub macro_precision: Option<f64>,
    /// Mean of the classes' recall (sensitivity).
    pub macro_recall: Option<f64>,
    /// Brier score, 0 the best. Single label: the squared error of the probabilities summed over
    /// classes, mean over records (0 to 2; Brier 1950). Several labels: the squared error,
    /// mean over records and all classes (0 to 1).
    pub brier: f64,
    /// [Expected calibration error](expected_calibration_error), 0 the best. Single label: of the
    /// most probable class (Guo et al. 2017). Several labels: of each class, mean over all classes.
    pub expected_calibration_error: f64,
    /// Class by class.
    pub per_class: Vec<ClassMetrics>,
    /// What was taken for what.
    pub confusion: Confusion,
}

/// How well one class was told from the rest. All but `positives` are `None` where that is 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassMetrics {
    /// Number of records that have the class.
    pub positives: usize,
    /// Area under the ROC curve; also `None` where every record has the class.
    pub auc: Option<f64>,
    /// 2 TP / (2 TP + FP + FN).
    pub f1: Option<f64>,
    /// TP / (TP + FP); 0 where the class was never predicted.
    pub precision: Option<f64>,
    /// TP / (TP + FN), the sensitivity.
    pub recall: Option<f64>,
}

/// Numbers of records by truth and prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confusion {
    /// Single label: (classes, classes), the true class by the predicted one.
    Single(Vec<Vec<u64>>),
    /// Several labels: for each class `[[TN, FP], [FN, TP]]`.
    Multi(Vec<[[u64; 2]; 2]>),
}

/// Compares class probabilities with the truth.
///
/// `probabilities` and `truth` are (records, `classes`), record by record. With [`Labels::Single`]
/// each record has exactly one class, its probabilities sum to 1, and the predicted class is the most
/// probable one, the first where several are. With [`Labels::Multi`] a record has any number of
/// classes, and a class is predicted where its probability is at least 0.5.
///
/// # Errors
/// Where there are no records or classes, the sizes do not fit, a probability is NaN, infinite or
/// not from 0 to 1, or, with single labels, probabilities do not sum to 1 or a record has not
/// exactly one class. The message counts records and classes from 1.
///
/// # Examples
/// ```
/// use ecgraft::{manifest::Labels, train::metrics::classification};
///
/// let probabilities = [0.8f32, 0.2, 0.4, 0.6, 0.3, 0.7];
/// let truth = [true, false, true, false, false, true];
/// let found = classification(Labels::Single, 2, &probabilities, &truth).unwrap();
/// assert_eq!(found.accuracy, 2.0 / 3.0);
/// assert_eq!(found.per_class[1].precision, Some(0.5));
/// ```
pub fn classification<P: Copy + Into<f64>>(
    labels: Labels,
    classes: usize,
    probabilities: &[P],
    truth: &[bool],
) -> Result<ClassificationMetrics, String> {
    let probabilities: Vec<f64> = probabilities.iter().map(|p| (*p).into()).collect();
    check(labels, classes, &probabilities, truth)?;
    let (rows, truth_rows) = (probabilities.chunks_exact(classes), truth.chunks_exact(classes));
    let records = rows.len();

    let mut predicted = vec![false; truth.len()];
    for (row, decided) in rows.clone().zip(predicted.chunks_exact_mut(classes)) {
        match labels {
            Labels::Single => decided[most_probable(row)] = true,
            Labels::Multi => decided.iter_mut().zip(row).for_each(|(d, p)| *d = *p >= 0.5),
        }
    }
    let tables: Vec<[[u64; 2]; 2]> = (0..classes).map(|class| table(class, classes, truth, &predicted)).collect();
    let per_class: Vec<ClassMetrics> = (tables.iter().enumerate())
        .map(|(class, table)| {
            let (scores, positive) = (column(&probabilities, class, classes), column(truth, class, classes));
            class_metrics(table, auc(&scores, &positive))
        })
        .collect();

    let decided_rows = predicted.chunks_exact(classes);
    let exact = truth_rows.clone().zip(decided_rows.clone()).filter(|(truth, decided)| truth == decided).count();
    let subset_accuracy = share(exact, records);
    let right = truth.iter().zip(&predicted).filter(|(truth, decided)| truth == decided).count();
    let squares: f64 = probabilities.iter().zip(truth).map(|(p, y)| (p - number(*y)).powi(2)).sum();
    let mean = |metric: fn(&ClassMetrics) -> Option<f64>| mean(per_class.iter().filter_map(metric));

    Ok(ClassificationMetrics {
        records,
        classes_counted: per_class.iter().filter(|class| class.positives > 0).count(),
        auc_classes_counted: per_class.iter().filter(|class| class.auc.is_some()).count(),
        macro_auc: mean(|class| class.auc),
        accuracy: match labels {
            Labels::Single => subset_accuracy,
            Labels::Multi => share(right, truth.len()),
        },
        subset_accuracy,
        macro_f1: mean(|class| class.f1),
        macro_precision: mean(|class| class.precision),
        macro_recall: mean(|class| class.recall),
        brier: match labels {
            Labels::Single => squares / records as f64,
            Labels::Multi => squares / truth.len() as f64,
        },
        expected_calibration_error: match labels {
            Labels::Single => expected_calibration_error(rows.zip(truth_rows.clone()).map(|(row, truth)| {
                let top = most_probable(row);
                (row[top], truth[top])
            })),
            Labels::Multi => {
                let of_class = |class| {
                    let stated = (class..truth.len()).step_by(classes).map(|at| (probabilities[at], truth[at]));
                    expected_calibration_error(stated)
                };
                (0..classes).map(of_class).sum::<f64>() / classes as f64
            }
        },
        confusion: match labels {
            Labels::Single => {
                let mut counts = vec![vec![0; classes]; classes];
                for (truth, decided) in truth_rows.zip(decided_rows) {
                    counts[first_true(truth)][first_true(decided)] += 1;
                }
                Confusion::Single(counts)
            }
            Labels::Multi => Confusion::Multi(tables),
        },
        per_class,
    })
}

fn check(labels: Labels, classes: usize, probabilities: &[f64], truth: &[bool]) -> Result<(), String> {
    if classes == 0 || truth.is_empty() {
        return Err(format!("no {} to compute metrics of", if classes == 0 { "classes" } else { "records" }));
    }
    if probabilities.len() != truth.len() {
        return Err(format!("{} probabilities but {} labels", probabilities.len(), truth.len()));
    }
    if !truth.len().is_multiple_of(classes) {
        return Err(format!("{} labels are not a whole number of records of {classes} classes", truth.len()));
    }
    if let Some(at) = probabilities.iter().position(|p| !(-SLACK..=1.0 + SLACK).contains(p)) {
        let (record, class, value) = (at / classes + 1, at % classes + 1, probabilities[at]);
        let cause = if value.is_finite() { "which is not from 0 to 1" } else { "so the training has diverged" };
        return Err(format!("the probability of class {class} of record {record} is {value}, {cause}"));
    }
    if labels == Labels::Single {
        let rows = probabilities.chunks_exact(classes).zip(truth.chunks_exact(classes));
        for (record, (row, truth)) in (1..).zip(rows) {
            let (sum, having) = (row.iter().sum::<f64>(), truth.iter().filter(|y| **y).count());
            if (sum - 1.0).abs() > SLACK {
                return Err(format!(
                    "the probabilities of record {record} sum to {sum}, not 1, with labels = \"single\""
                ));
            }
            if having != 1 {
                return Err(format!("record {record} has {having} classes, not one, with labels = \"single\""));
            }
        }
    }
    Ok(())
}

/// `[[TN, FP], [FN, TP]]` of one class.
fn table(class: usize, classes: usize, truth: &[bool], predicted: &[bool]) -> [[u64; 2]; 2] {
    let mut table = [[0; 2]; 2];
    for at in (class..truth.len()).step_by(classes) {
        table[usize::from(truth[at])][usize::from(predicted[at])] += 1;
    }
    table
}

fn class_metrics(table: &[[u64; 2]; 2], auc: Option<f64>) -> ClassMetrics {
    let [[_, fp], [fn_, tp]] = table.map(|row| row.map(|count| count as usize));
    if tp + fn_ == 0 {
        return ClassMetrics::default();
    }
    ClassMetrics {
        positives: tp + fn_,
        auc,
        f1: Some(share(2 * tp, 2 * tp + fp + fn_)),
        precision: Some(share(tp, tp + fp)),
        recall: Some(share(tp, tp + fn_)),
    }
}

fn column<T: Copy>(values: &[T], class: usize, classes: usize) -> Vec<T> {
    values.iter().skip(class).step_by(classes).copied().collect()
}

/// Index of the largest value, the first where several are.
fn most_probable(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best })
}

fn first_true(row: &[bool]) -> usize {
    row.iter().position(|y| *y).unwrap_or(0)
}

/// `part` of `whole`; 0 of nothing.
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn number(y: bool) -> f64 {
    f64::from(u8::from(y))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}
