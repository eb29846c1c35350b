//! A whole manifest around a source.

use std::fmt::Write;

use super::draft::quoted;
use super::odd::Seen;
use super::task;

/// Epochs of a transfer where a manifest says nothing.
const EPOCHS: usize = 30;

/// The longest piece of a record that is proposed, s, and the highest rate, Hz.
const LONGEST: f64 = 10.0;
const HIGHEST: f64 = 100.0;

/// Simulated records that teach, beside few records and beside so many.
const SIMULATED: [usize; 2] = [1000, 2000];
const MANY: usize = 1000;

/// A manifest that compares networks with and without what a simulator taught, on the labels of the source `name`, whose
/// table is `source`; `split` are folds whose names say what they are for.
pub(super) fn manifest(name: &str, source: &str, seen: &Seen, split: Option<&[Vec<u8>; 3]>) -> String {
    let simulated = SIMULATED[usize::from(seen.records.len() >= MANY)];
    let mut text = format!(
        "name = {}\n\n{source}\n[sources.simulated]\nkind = \"simulator\"\nrecords = {simulated}\n\n",
        quoted(name)
    );
    let rate = seen.rate.map_or(HIGHEST, |rate| rate.min(HIGHEST));
    let duration = seen.usual.map_or(LONGEST, |usual| (usual.min(LONGEST) * 2.0).floor() / 2.0).max(0.5);
    let leads: Vec<String> = seen.leads.iter().map(|lead| quoted(lead.name())).collect();
    let _ = writeln!(text, "[signal]\nsampling_rate = {rate:?}\nduration = {duration:?}");
    if seen.lengths_differ {
        let _ = writeln!(text, "shorter = \"leave-out\"");
    }
    if !leads.is_empty() {
        let _ = writeln!(text, "leads = [{}]", leads.join(", "));
    }
    let _ = writeln!(text, "\n[mixes.simulated]\nparts = [{{ source = \"simulated\" }}]\n");
    let _ = writeln!(text, "[architectures.cnn]\nkind = \"cnn\"\n\n[freezes.none]\n");
    text.push_str(&transfer(name, seen, split));
    text.push_str("\n[trials]\nfrom = [[\"hr\"]]\nseed = [0, 1, 2]\n");
    text
}

/// What is learned of the source, and on which folds.
fn transfer(name: &str, seen: &Seen, split: Option<&[Vec<u8>; 3]>) -> String {
    let task = task::choose(&seen.records, split);
    let mut text = format!("[transfer]\nsource = {}\nlabels = {}\n", quoted(name), quoted(task.labels));
    if task.classes.is_empty() {
        text.push_str("# classes = { yes = \"hr >= 100\", no = \"*\" } # fill in: there are no labels, nor sex, age or measurements\n");
    } else {
        let _ = writeln!(text, "classes = {}", task.classes);
    }
    if !task.rare.is_empty() {
        let _ = writeln!(
            text,
            "# Labels of too few records, or of too many, to be told from others: {}",
            task.rare.join(", ")
        );
    }
    if let Some(folds) = task.folds {
        if split.is_none() {
            text.push_str(
                "# With so few records of some classes these folds have each of them, as far as that can be:\n",
            );
        }
        let keys = ["train_folds", "validation_folds", "test_folds"];
        keys.iter().zip(folds).for_each(|(key, folds)| {
            let _ = writeln!(text, "{key} = {folds:?}");
        });
    }
    if task.by_loss {
        text.push_str("# The validation records all have the same classes, so that no AUC can choose an epoch:\n");
        let _ = writeln!(text, "early_stopping = {{ metric = \"loss\", patience = {EPOCHS} }}");
    }
    text
}
