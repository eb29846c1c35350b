//! What a figure is.

use super::{Drawing, FIGURES, Input};

/// A figure: how it is called, what it is of, and how it is drawn.
///
/// It only draws. What it shows comes with its [`Input`], or from functions that compute and do not draw.
pub trait Figure: Sync {
    /// Its name on the command line: `label-efficiency`.
    fn name(&self) -> &'static str;

    /// What it shows, in a line without a full stop, for `ecgraft plot --help`.
    fn about(&self) -> &'static str;

    /// What it is of.
    fn scope(&self) -> Scope;

    /// The section of the report that has it; `None` where the report has it not.
    fn section(&self) -> Option<Section>;

    /// What its id in the report ends with; another than its name where a heading has that.
    fn anchor(&self) -> &'static str {
        self.name()
    }

    /// Draws it: title, the same in words for who does not see it, the picture, and a note below it that says what n and
    /// bars are.
    ///
    /// # Errors
    /// Where there is nothing to draw, why: a clause without a full stop, as `no run is done yet`.
    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String>;
}

impl std::fmt::Debug for dyn Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a figure is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All arms of an experiment: these words say what of them, for who asks for one of one run.
    Experiment(&'static str),
    /// All runs of an experiment, or one that was asked for.
    Runs,
    /// The seeds of one arm, which is that of the run that was asked for, or the highest.
    Arm,
    /// One run: the one that was asked for, or the best of that arm.
    Run,
    /// One test record of that run.
    Record,
}

/// Where the report has a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Of all arms, by the share of the labels.
    LabelEfficiency,
    /// Of all arms, beside their baselines.
    Differences,
    /// Of the comparisons that the manifest planned.
    Planned,
    /// Of one arm and one run, in detail.
    Detail,
    /// Of the runs by epoch; drawn for the arms of each architecture and share of the labels apart.
    LearningCurves,
    /// Of the networks that are grafted, as they were trained.
    GraftedNetworks,
    /// Of what the networks that are grafted measured, record by record.
    Measurements,
    /// Of example records, one after the other.
    Examples,
}

impl Section {
    /// The figures that it has, in the order of [`FIGURES`].
    pub fn figures(self) -> impl Iterator<Item = &'static dyn Figure> {
        FIGURES.iter().copied().filter(move |figure| figure.section() == Some(self))
    }
}

/// The names of the figures that `which` says yes to: `roc, calibration and confusion`.
pub fn names_of(which: impl Fn(&dyn Figure) -> bool) -> String {
    let names: Vec<&str> = FIGURES.iter().filter(|figure| which(**figure)).map(|figure| figure.name()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Each once, in the order of first appearance.
pub(super) fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for item in all {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_apart_and_described_in_a_line() {
        for figure in FIGURES {
            let same = |other: &&&dyn Figure| other.name() == figure.name();
            assert_eq!(FIGURES.iter().filter(same).count(), 1, "{figure:?}");
            assert!(figure.name().chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'), "{figure:?}");
            let about = figure.about();
            assert!(!about.is_empty() && !about.ends_with('.') && !about.contains('\n'), "{figure:?}: {about}");
        }
    }

    #[test]
    fn lists_of_names_are_sentences() {
        assert_eq!(names_of(|figure| figure.scope() == Scope::Record), "ecg");
        assert_eq!(names_of(|figure| figure.scope() == Scope::Runs), "learning-curves, loss and regression-loss");
        assert_eq!(names_of(|_| false), "");
    }
}
