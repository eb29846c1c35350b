//! That manifests plan to compare by metrics there are.

use super::NamedMetric;
use crate::declare::hint;
use crate::error::Error;
use crate::manifest::{Class, Diagnostic, Manifest, PlannedComparison};

/// Parts manifests whose planned comparisons are of metrics that classifiers have from the others: those, and an error for
/// each of the others that lists its problems with line and column.
pub fn with_known_metrics(manifests: Vec<Manifest>) -> (Vec<Manifest>, Vec<Error>) {
    let mut errors = Vec::new();
    let mut sound = Vec::new();
    for manifest in manifests {
        let faults: Vec<String> = faults(&manifest).iter().map(Diagnostic::to_string).collect();
        if faults.is_empty() {
            sound.push(manifest);
        } else {
            errors.push(Error::user(faults.join("\n\n")));
        }
    }
    (sound, errors)
}

fn faults(manifest: &Manifest) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    for (family, comparisons) in manifest.comparisons.families() {
        for (index, comparison) in comparisons.iter().enumerate() {
            if let Some(message) = fault(manifest, comparison) {
                let place = ["comparisons", family, &index.to_string(), "metric"];
                faults.push(manifest.fault(&place, message));
            }
        }
    }
    faults
}

/// What is wrong with the metric of a comparison.
fn fault(manifest: &Manifest, comparison: &PlannedComparison) -> Option<String> {
    let written = comparison.metric.as_deref()?;
    let metric = NamedMetric::parse(written);
    if metric.is_of_grafts() {
        return Some(format!("`{written}` is of networks before they are grafted, which are not compared"));
    }
    if metric.classifier().is_none() {
        let known: Vec<String> = NamedMetric::of_classifiers().iter().map(|(metric, _)| metric.to_string()).collect();
        return Some(format!("no metric is called `{written}`{}", hint(written, known.iter().map(String::as_str))));
    }
    let of = metric.of.as_deref()?;
    let classes: Vec<&str> = manifest.transfer.classes.iter().map(Class::name).collect();
    (!classes.contains(&of)).then(|| format!("`{written}`: no class is called `{of}`{}", hint(of, classes)))
}
