//! That manifests plan to compare by metrics there are.

use super::{Metric, NamedMetric, regression_metrics};
use crate::declare::hint;
use crate::error::Error;
use crate::manifest::{Class, Diagnostic, Manifest, PlannedComparison};

/// Parts manifests whose planned comparisons are of metrics that classifiers have from the others: those, and an error for
/// each of the others that lists its problems with file, line and column. Variants and folds of one manifest follow each
/// other, and are sound together.
pub fn with_known_metrics(manifests: Vec<Manifest>) -> (Vec<Manifest>, Vec<Error>) {
    let mut errors = Vec::new();
    let mut broken: Vec<String> = Vec::new();
    for variants in manifests.chunk_by(|one, next| one.name == next.name) {
        let faults: Vec<String> = faults(variants).iter().map(Diagnostic::to_string).collect();
        if !faults.is_empty() {
            errors.push(Error::user(faults.join("\n\n")));
            broken.extend(variants.first().map(|manifest| manifest.name.clone()));
        }
    }
    let sound = manifests.into_iter().filter(|manifest| !broken.contains(&manifest.name)).collect();
    (sound, errors)
}

fn faults(variants: &[Manifest]) -> Vec<Diagnostic> {
    let Some(manifest) = variants.first() else { return Vec::new() };
    let targets: Vec<&str> = manifest.transfer.targets.iter().map(|target| target.name()).collect();
    let classes: Vec<&str> = variants.iter().flat_map(|manifest| &manifest.transfer.classes).map(Class::name).collect();
    let mut faults = Vec::new();
    for (family, comparisons) in manifest.comparisons.families() {
        for (index, comparison) in comparisons.iter().enumerate() {
            let message =
                if targets.is_empty() { fault(&classes, comparison) } else { fault_of_errors(&targets, comparison) };
            if let Some(message) = message {
                faults.extend(manifest.fault(&["comparisons", family, &index.to_string(), "metric"], message));
            }
        }
    }
    faults
}

/// What is wrong with the metric of a comparison of classifiers of these classes.
fn fault(classes: &[&str], comparison: &PlannedComparison) -> Option<String> {
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
    let known = classes.iter().copied();
    (!classes.contains(&of)).then(|| format!("`{written}`: no class is called `{of}`{}", hint(of, known)))
}

/// What is wrong with the metric of a comparison of networks whose last stage measures these targets.
fn fault_of_errors(targets: &[&str], comparison: &PlannedComparison) -> Option<String> {
    let written = comparison.metric.as_deref()?;
    let (name, of) = written.split_once(':').map_or((written, None), |(name, of)| (name, Some(of)));
    let names = || regression_metrics().map(Metric::name);
    let is_known = names().any(|known| known == name);
    if is_known && of.map_or(targets.len() == 1, |of| targets.contains(&of)) {
        return None;
    }
    let known: Vec<String> =
        targets.iter().flat_map(|target| names().map(move |name| format!("{name}:{target}"))).collect();
    let hint = hint(written, known.iter().map(String::as_str));
    Some(format!("`{written}` is no metric of a last stage that measures {}{hint}", targets.join(" and ")))
}
