//! `ecgraft check`

use std::collections::BTreeMap;

use clap::Args;

use super::Manifests;
use crate::manifest::{self, Manifest};
use crate::metrics::with_known_metrics;
use crate::{Error, Result, report};

/// Check manifests: every key, word, range and reference, without reading any data
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft check
  ecgraft check experiments/freezes.toml

Exits with 2 and shows every problem with file, line and column where something is wrong.")]
pub struct Options {
    #[command(flatten)]
    manifests: Manifests,
}

/// Runs the command.
///
/// # Errors
/// A user error with all problems of all manifests.
pub fn run(options: Options) -> Result<()> {
    let (manifests, errors) = with_known_metrics(manifest::load(&options.manifests.paths)?);
    if !errors.is_empty() {
        let errors: Vec<String> = errors.iter().map(Error::to_string).collect();
        return Err(Error::user(errors.join("\n\n")));
    }
    // One line for all variants and folds of one.
    let mut told: Vec<&Manifest> = manifests.iter().collect();
    told.dedup_by_key(|manifest| &manifest.name);
    let manifests = told;
    let mut text: String = manifests.iter().map(|manifest| line(manifest)).collect();
    let one = manifests.len() == 1;
    text.push_str(&format!("ok: {} {}\n", manifests.len(), if one { "manifest" } else { "manifests" }));
    super::print(&text)
}

/// Name, path, the lists of trials and, where variables are not set, a note.
fn line(manifest: &Manifest) -> String {
    let mut line = format!("{}  {}  {}\n", manifest.name, manifest.path.display(), lists(manifest));
    let missing = manifest.missing_variables();
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(|name| format!("${name}")).collect();
        line.push_str(&format!("  note: not set: {}; it cannot run here\n", missing.join(", ")));
    }
    for excluded in report::plan::excluded(manifest) {
        line.push_str(&format!("  note: {excluded}\n"));
    }
    line + &voltage(manifest) + &data_sets(manifest)
}

/// Classes that are told by how many mV there are, where the networks do not see that.
fn voltage(manifest: &Manifest) -> String {
    let lost = manifest.voltage_classes();
    let normalize = manifest.signal.normalize;
    if lost.is_empty() || normalize.keeps_voltage() {
        return String::new();
    }
    format!(
        "  note: {} {} told by voltage, which normalize = \"{}\" takes away; \"global-z-score\" keeps it\n",
        lost.join(", "),
        if lost.len() == 1 { "is" } else { "are" },
        normalize.name()
    )
}

/// Which of the sources that are used are of one data set, and whether their people may overlap.
fn data_sets(manifest: &Manifest) -> String {
    let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in manifest.used_sources() {
        if let Some(source) = manifest.sources.get(&name) {
            of.entry(source.data_set()).or_default().push(name);
        }
    }
    let mut text = String::new();
    for (data_set, names) in of.iter().filter(|(_, names)| names.len() > 1) {
        let (last, others) = names.split_last().map_or((&names[0], &names[..0]), |split| split);
        let names = format!("{} and {last}", others.join(", "));
        text.push_str(&format!(
            "  note: {names} are of one data set, {data_set}: a patient of one is the same in the other\n"
        ));
    }
    if let Some(reason) = &manifest.allow_overlap {
        text.push_str(&format!("  note: people who validate or test may train what is grafted: {reason}\n"));
    }
    text
}

/// "2 mixes x 1 architecture x 2 grafts x 3 freezes x 1 label fraction x 3 seeds, and from scratch"
fn lists(manifest: &Manifest) -> String {
    let trials = &manifest.trials;
    let grafted = !trials.mix.is_empty();
    let lists = [
        (trials.mix.len(), "mix", "mixes", grafted),
        (trials.architecture.len(), "architecture", "architectures", true),
        (trials.from.len(), "graft", "grafts", grafted),
        (trials.fusion.len(), "fusion of several", "fusions of several", grafted && trials.fusion.len() > 1),
        (trials.freeze.len(), "freeze", "freezes", grafted),
        (trials.label_fraction.len(), "label fraction", "label fractions", true),
        (trials.variant.len(), "variant", "variants", !trials.variant.is_empty()),
        (trials.fold.len(), "test fold", "test folds", !trials.fold.is_empty()),
        (trials.seed.len(), "seed", "seeds", true),
    ];
    let lists = lists.iter().filter(|(.., shown)| *shown);
    let lists: Vec<String> =
        lists.map(|(count, one, several, _)| format!("{count} {}", if *count == 1 { one } else { several })).collect();
    let mut text = lists.join(" x ");
    match (grafted, trials.scratch) {
        (true, true) => text.push_str(", and from scratch"),
        (false, _) => text.push_str(", only from scratch"),
        (true, false) => {}
    }
    if !trials.exclude.is_empty() {
        text.push_str(&format!(", less {}", count(trials.exclude.len())));
    }
    text
}

fn count(exclusions: usize) -> String {
    format!("{exclusions} {}", if exclusions == 1 { "exclusion" } else { "exclusions" })
}
