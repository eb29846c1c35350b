//! A whole manifest around a source.

use std::fmt::Write;

use super::draft::quoted;
use super::odd::Seen;

/// Classes that are proposed: the most frequent.
const CLASSES: usize = 5;

/// A manifest that compares networks with and without what a simulator taught, on the labels of the source `name`, whose
/// table is `source`.
pub(super) fn manifest(name: &str, source: &str, seen: &Seen) -> String {
    let mut text =
        format!("name = {}\n\n{source}\n[sources.simulated]\nkind = \"simulator\"\nrecords = 2000\n\n", quoted(name));
    let rate = seen.rate.map_or(100.0, |rate| rate.min(100.0));
    let duration = seen.shortest.map_or(10.0, |shortest| (shortest.min(10.0) * 2.0).floor() / 2.0).max(0.5);
    let leads: Vec<String> = seen.leads.iter().map(|lead| quoted(lead.name())).collect();
    let _ = writeln!(text, "[signal]\nsampling_rate = {rate:?}\nduration = {duration:?}");
    if !leads.is_empty() {
        let _ = writeln!(text, "leads = [{}]", leads.join(", "));
    }
    let classes: Vec<String> = seen.labels.iter().take(CLASSES).map(|(label, _)| class(label)).collect();
    let _ = writeln!(text, "\n[mixes.simulated]\nparts = [{{ source = \"simulated\" }}]\n");
    let _ = writeln!(text, "[architectures.cnn]\nkind = \"cnn\"\n\n[freezes.none]\n");
    let _ = writeln!(text, "[transfer]\nsource = {}\nlabels = \"multi\"", quoted(name));
    let classes = match classes.as_slice() {
        [] if seen.knows_sex => "{ female = \"sex = 'female'\", male = \"sex = 'male'\" } # there are no labels".into(),
        [] => "{ older = \"age >= 60\", younger = \"age < 60\" } # there are no labels".into(),
        [class] => format!("{{ yes = {class}, no = \"*\" }}"),
        several => format!("[{}]", several.join(", ")),
    };
    let _ = writeln!(text, "classes = {classes}");
    text.push_str("\n[trials]\nfrom = [[\"hr\"]]\nseed = [0, 1, 2]\n");
    text
}

/// A label as a condition has it.
fn class(label: &str) -> String {
    let is_plain = label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    quoted(&if is_plain { label.to_owned() } else { format!("'{label}'") })
}
