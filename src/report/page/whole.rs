//! The page from its head to its end.

use std::collections::BTreeMap;
use std::path::Path;

use super::experiment::{Origin, experiment, headings};
use super::html::Html;
use super::runs;
use super::summary::summary;
use crate::compare::{Comparison, Question, compare};
use crate::report::figure::svg::escaped;
use crate::report::figure::{ExperimentResults, style};
use crate::store::{Run, Store, StoredManifest};
use crate::{Error, Result};

const CSS: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What pages have beside the colours of figures, for the light page and the dark.
const LIGHT: &str = "--link: #0b5cad; --muted: #5a5a5a; --shade: #f3f4f6;";
const DARK: &str = "--link: #7cb8f2; --muted: #a8a8a8; --shade: #222428;";

/// The report of experiments in the store of `results`, as HTML: summary, figures, runs, manifests.
///
/// `question` says of which experiments, and what their arms are compared with. `made_at` is written at its head.
///
/// # Errors
/// A user error where there is no store, or no experiment or baseline that is asked for.
pub fn page(results: &Path, question: &Question, made_at: &str) -> Result<String> {
    let store = Store::open_read_only(results)?;
    let at = |error: Error| error.at(results.display());
    let mut compared: Vec<(Vec<Run>, Comparison)> = Vec::new();
    for question in question.apart(&store).map_err(at)? {
        let (runs, selection) = question.selection(&store).map_err(at)?;
        let comparison = compare(&runs, &selection);
        compared.push((runs, comparison));
    }
    let mut found = Vec::new();
    for (runs, comparison) in compared.iter().map(|of| (&of.0, &of.1)) {
        for experiment in &comparison.experiments {
            found.push(ExperimentResults::read(&store, comparison, experiment, runs, None)?);
        }
    }
    let comparisons: Vec<&Comparison> = compared.iter().map(|(_, comparison)| comparison).collect();
    let names: Vec<&str> = found.iter().map(|found| found.experiment.name.as_str()).collect();
    let mut html = Html::default();
    head(&mut html, &names.join(", "));
    html.push(format_args!("<h1>Report on {}</h1>", escaped(&names.join(", "))));
    html.push(format_args!(
        "<p class=\"faint\">Made by ecgraft {} at {} (UTC). For research only: nothing here is for diagnosis or for any \
         decision about a patient.</p>",
        env!("CARGO_PKG_VERSION"),
        escaped(made_at)
    ));
    contents(&mut html, &found);
    html.push(format_args!("<main id=\"main\">"));
    summary(&mut html, &comparisons, &found);
    for (number, found) in (1..).zip(&found) {
        let origin = Origin { results, store: &store, comparison: found.comparison };
        experiment(&mut html, &format!("e{number}"), &origin, found);
    }
    runs::list(&mut html, &found);
    manifests(&mut html, &store, &found)?;
    html.push(format_args!("</main></div>\n<script>\n{SCRIPT}</script>\n</body></html>"));
    Ok(html.0)
}

/// The manifests that the runs were planned from, each once.
fn manifests(html: &mut Html, store: &Store, found: &[ExperimentResults<'_>]) -> Result<()> {
    let mut manifests: BTreeMap<&str, StoredManifest> = BTreeMap::new();
    for run in found.iter().flat_map(|found| &found.runs) {
        if !manifests.contains_key(run.manifest_sha256.as_str()) {
            manifests.insert(&run.manifest_sha256, store.manifest(&run.manifest_sha256)?);
        }
    }
    html.heading(2, "manifests", "Manifests");
    html.paragraph("As they were read for the runs above.");
    for StoredManifest { sha256, path, text, first_seen_at } in manifests.values() {
        html.push(format_args!(
            "<details class=\"more\" id=\"manifest-{}\"><summary>{}</summary>\n<p>SHA-256 <code>{}</code>, first read at {}.</p>\n\
             <pre tabindex=\"0\">{}</pre></details>",
            escaped(sha256),
            escaped(path),
            escaped(sha256),
            escaped(first_seen_at),
            escaped(text)
        ));
    }
    Ok(())
}

fn head(html: &mut Html, names: &str) {
    let style = style_sheet();
    html.push(format_args!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src \
         'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>ecgraft: {}</title>\n<style>\n{style}</style></head>\n\
         <body><a class=\"skip\" href=\"#main\">To the content</a><div class=\"layout\">",
        escaped(names)
    ));
}

/// What pages and the figures on them look like, light and dark.
pub(crate) fn style_sheet() -> String {
    let (light, dark, figures) = (style::variables(false), style::variables(true), style::inline());
    format!(
        ":root {{ {light} {LIGHT} }}\n\
         @media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} {DARK} }} }}\n{CSS}{figures}"
    )
}

fn contents(html: &mut Html, all: &[ExperimentResults<'_>]) {
    html.push(format_args!("<nav aria-label=\"Contents\"><ul><li><a href=\"#summary\">Summary</a></li>"));
    for (number, ExperimentResults { experiment, comparison, .. }) in (1..).zip(all) {
        html.push(format_args!("<li><a href=\"#e{number}\">{}</a><ul>", escaped(&experiment.name)));
        for (id, title, _) in headings(comparison, experiment) {
            html.push(format_args!("<li><a href=\"#e{number}-{id}\">{title}</a></li>"));
        }
        html.push(format_args!("</ul></li>"));
    }
    html.push(format_args!(
        "<li><a href=\"#runs\">Runs</a></li><li><a href=\"#manifests\">Manifests</a></li></ul></nav>"
    ));
}
