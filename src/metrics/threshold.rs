//! From which probability on a class is predicted, chosen on validation records.

use clap::ValueEnum;

use super::decision;

/// How the threshold of a class is chosen, of the probabilities that its validation records have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ThresholdRule {
    /// One half; where a record has one class, the most probable one is predicted
    #[default]
    Half,
    /// The highest sensitivity + specificity - 1 (Youden's J)
    Youden,
    /// The highest F1
    F1,
}

impl ThresholdRule {
    /// What it is called on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The threshold of a class with these probabilities, of whose records `positive` says which have it: the highest of
    /// those that are best (Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::aid-cncr2820030106>3.0.co;2-3). `None` of one
    /// half, which is no choice, and of records that all have the class, or of which none has it: nothing is learned of them.
    ///
    /// ```
    /// use ecgraft::metrics::ThresholdRule;
    /// let (scores, positive) = ([0.1, 0.3, 0.2, 0.6], [false, false, true, true]);
    /// // At 0.6 half of those with the class are found, and none without it; at 0.2 all, and one of two.
    /// assert_eq!(ThresholdRule::Youden.choose(&scores, &positive), Some(0.6));
    /// assert_eq!(ThresholdRule::F1.choose(&scores, &positive), Some(0.2));
    /// assert_eq!(ThresholdRule::F1.choose(&scores, &[false; 4]), None);
    /// ```
    pub fn choose(self, scores: &[f64], positive: &[bool]) -> Option<f64> {
        let with = positive.iter().filter(|has| **has).count() as f64;
        let without = positive.len() as f64 - with;
        if self == Self::Half || with == 0.0 || without == 0.0 {
            return None;
        }
        let mut sorted: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut right, mut wrong, mut best) = (0.0, 0.0, None);
        for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
            let own = tied.iter().filter(|(_, has)| *has).count() as f64;
            right += own;
            wrong += tied.len() as f64 - own;
            // Numerators over one denominator are compared where that is possible, so that equals are equal.
            let worth = match self {
                Self::F1 => 2.0 * right / (right + wrong + with),
                _ => (right * without - wrong * with) / (with * without),
            };
            if best.is_none_or(|(known, _)| worth > known) {
                best = Some((worth, tied[0].0));
            }
        }
        best.map(|(_, threshold)| threshold)
    }

    /// The thresholds of all classes, with the places of those of which none could be chosen, which have one half;
    /// `probabilities` and `truth` are (records, `classes`), record by record.
    pub fn choose_all(self, classes: usize, probabilities: &[f64], truth: &[bool]) -> (Vec<f64>, Vec<usize>) {
        let mut unknown = Vec::new();
        let of_class = |class: usize| {
            let scores: Vec<f64> = probabilities.iter().skip(class).step_by(classes).copied().collect();
            let positive: Vec<bool> = truth.iter().skip(class).step_by(classes).copied().collect();
            self.choose(&scores, &positive).unwrap_or_else(|| {
                unknown.push(class);
                decision::THRESHOLD
            })
        };
        let thresholds = (0..classes).map(of_class).collect();
        (thresholds, unknown)
    }
}
