//! What was proved, in words.

use std::fmt::Write;

use super::Found;
use crate::{Error, Result};

impl Found {
    /// What was proved, and what cannot be, a line each.
    pub fn summary(&self) -> String {
        summary(self)
    }

    /// Nothing where all agrees.
    ///
    /// # Errors
    /// An internal one with the first disagreement.
    pub fn into_result(self) -> Result<()> {
        match &self.disagreements[..] {
            [] => Ok(()),
            [first] => Err(Error::internal(first.clone())),
            [first, others @ ..] => Err(Error::internal(format!("{first} (and {} more disagree)", others.len()))),
        }
    }
}

fn summary(found: &Found) -> String {
    let [stages, done] = found.stages;
    let mut text = format!("{done} of {stages} stages are done\nverified:\n");
    let mut line = |count: usize, what: String| {
        if count > 0 {
            let _ = writeln!(text, "  {what}");
        }
    };
    let Found { ids, runs, inputs, .. } = found;
    line(1, format!("{ids} stage ids from their settings, {runs} run ids, {inputs} inputs"));
    let Found { scores, probabilities, errors, measured, .. } = found;
    line(*probabilities, format!("{scores} test scores of classifiers from {probabilities} probabilities"));
    line(*measured, format!("{errors} test scores of regressions from {measured} measured values"));
    let Found { validation_scores: validated, validation_probabilities: said, kept_epochs: kept, .. } = found;
    let curves = if *kept > 0 { format!(", and the macro AUC of {kept} kept epochs") } else { String::new() };
    line(*said, format!("{validated} validation scores of classifiers from {said} probabilities{curves}"));
    let by_source = found.errors_by_source;
    line(by_source, format!("{by_source} test scores of regressions by source from the same values"));
    let Found { elsewhere, said_elsewhere: said, .. } = found;
    line(*said, format!("{elsewhere} metrics on other sources from {said} values and probabilities"));
    line(found.findings, format!("all curves, scores and predictions of {} stages by their checksums", found.findings));
    line(found.checkpoints, format!("{} checkpoints by their checksums", found.checkpoints));
    let Found { unproved, without_checksum, gone, other_versions, regressions_without_values: without, .. } = found;
    if unproved + without_checksum + gone + other_versions + without + found.newer_metrics == 0 {
        return text;
    }
    text.push_str("not verified:\n");
    let mut line = |count: &usize, what: &str| {
        if *count > 0 {
            let _ = writeln!(text, "  {count} {what}");
        }
    };
    line(
        unproved,
        "validation scores and values of curves: neither predictions of these records nor checksums are kept",
    );
    line(without_checksum, "checkpoints that are whole and of their stages: no checksum of them is kept");
    line(gone, "checkpoints that are not there any more");
    line(other_versions, "stage ids of other versions of ecgraft's numbers");
    line(&found.newer_metrics, "scores of metrics that stages do not have, as they are newer than these");
    line(without, "regressions that were trained before values of each record were kept");
    text
}
