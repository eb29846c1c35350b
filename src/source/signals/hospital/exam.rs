//! What these formats have in common.

use super::Facts;
use crate::source::signals::channels::Faulty;

/// A file that was opened.
pub(super) trait Exam {
    /// What its format is called.
    fn format(&self) -> &'static str;

    /// Its signals, in the file's order; samples are not decoded yet.
    ///
    /// # Errors
    /// What is wrong with it.
    fn waveforms(&self) -> Faulty<Vec<Waveform<'_>>>;

    /// What it knows beside.
    fn facts(&self) -> Facts;
}

/// Signals that were sampled together.
pub(super) struct Waveform<'f> {
    /// What it is called there: `rhythm`, `median`.
    pub name: String,
    /// Whether it is an average beat.
    pub is_beat: bool,
    /// Hz.
    pub rate: Option<f64>,
    pub channels: Vec<Channel<'f>>,
}

/// A signal.
pub(super) struct Channel<'f> {
    /// Its lead, as the file calls it.
    pub name: String,
    /// The unit as written.
    pub unit: Option<String>,
    /// What a step is, in the unit.
    pub step: Option<f64>,
    /// What 0 is, in the unit.
    pub offset: f64,
    /// Decodes the samples, in steps; NaN where one is missing.
    pub values: Box<dyn Fn() -> Faulty<Vec<f64>> + 'f>,
}

/// The names of waveforms by what they are, the second and later of a kind with their number.
pub(super) fn named(is_beat: bool, before: &[Waveform<'_>]) -> String {
    let name = if is_beat { "median" } else { "rhythm" };
    match before.iter().filter(|other| other.is_beat == is_beat).count() {
        0 => name.to_owned(),
        count => format!("{name} {}", count + 1),
    }
}
