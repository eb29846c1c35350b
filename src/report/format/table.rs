//! A table for the terminal, as wide as there is room for.

use super::{Format, NONE};
use crate::compare::{Arm, Comparison, Experiment, Key};
use crate::metrics::NamedMetric;
use crate::report::layout::{self, coloured, fitting, squeezed};
use crate::report::legend::{self, Signs};
use crate::report::pairs::{self, Titled};
use crate::report::sheet::{self, Cell, Mean, Shown};
use crate::report::{elsewhere, regressions, subgroups};
use crate::words::text::wrapped;

/// The narrowest that anything is made; lines that are too long for a screen wrap.
const NARROWEST: usize = 40;
/// Heads of columns that are set to the right.
const RIGHT: [&str; 3] = ["labels", "seeds", "p"];

/// Lines of box-drawing characters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table {
    /// Characters in a line; each table as wide as it needs where `None`.
    pub columns: Option<usize>,
    /// Whether what is best or significant is coloured.
    pub colour: bool,
}

impl Table {
    /// A table for standard output: as wide as the terminal, if it is one, and in colour, unless `NO_COLOR` is set.
    pub fn for_stdout() -> Self {
        Self { columns: crate::terminal::stdout_columns(), colour: crate::terminal::stdout_colour() }
    }
}

impl Format for Table {
    fn write(&self, comparison: &Comparison) -> String {
        let columns = self.columns.map(|columns| columns.max(NARROWEST));
        let mut text = String::new();
        let signs = Signs { best: "*", apart: "†" };
        let in_colour = |table: String| if self.colour { coloured(&table) } else { table };
        let of_pairs = |Titled { title, sheet, .. }: &Titled| {
            format!("{}{}", wrapped(title, columns), in_colour(laid_out(sheet, columns)))
        };
        let told = |lines: Vec<String>| lines.iter().map(|line| wrapped(line, columns)).collect::<String>();
        for experiment in &comparison.experiments {
            let own = || legend::experiment(comparison, experiment);
            if let Some((title, sheet)) = regressions::sheet(experiment) {
                text.push_str(&format!("{}{}\n", wrapped(&title, columns), laid_out(&sheet, columns)));
            }
            for mut found in pairs::planned(comparison, experiment, &signs) {
                found.notes.extend(own().into_iter().filter(|_| comparison.shape.planned));
                text.push_str(&format!("{}{}\n", of_pairs(&found), told(found.notes)));
            }
            if comparison.shows_arms() {
                let table = match comparison.shape.pivot {
                    Some(_) => pivoted(comparison, experiment, columns),
                    None => Sheet::new(comparison, experiment).text(columns),
                };
                text.push_str(&format!("{}{}\n", in_colour(table), told(own())));
            }
            if let Some(found) = pairs::along(comparison, experiment) {
                text.push_str(&format!("{}{}\n", of_pairs(&found), told(own())));
            }
            let parts = subgroups::sheets(comparison, experiment).into_iter();
            for (title, sheet) in parts.chain(elsewhere::sheets(comparison, experiment)) {
                text.push_str(&format!("{}{}\n", wrapped(&title, columns), laid_out(&sheet, columns)));
            }
        }
        text.push_str(&told(legend::signs(comparison, &signs)));
        text.trim_end().to_owned() + "\n"
    }
}

/// Title and table by keys: cells on several lines where they do not fit.
fn pivoted(comparison: &Comparison, experiment: &Experiment, columns: Option<usize>) -> String {
    format!(
        "{}\n{}",
        legend::title(experiment),
        laid_out(&sheet::Sheet::from_experiment(comparison, experiment), columns)
    )
}

/// A sheet as it is: cells on several lines where they do not fit.
fn laid_out(sheet: &sheet::Sheet, columns: Option<usize>) -> String {
    let heads: Vec<&str> = sheet.heads.iter().map(|head| head.text.as_str()).collect();
    let right: Vec<&str> = sheet.heads.iter().filter(|head| head.right).map(|head| head.text.as_str()).collect();
    let built = |between: &str| {
        let mut table = layout::table(&heads, &right, between == "\n");
        for row in &sheet.rows {
            table.add_row(row.iter().map(|cell| text(cell, between)));
        }
        table
    };
    let table = [" ", "\n"].into_iter().find_map(|between| fitting(&built(between), columns));
    table.unwrap_or_else(|| layout::shown(built("\n"), columns))
}

/// One experiment, to be laid out.
struct Sheet<'a> {
    comparison: &'a Comparison,
    experiment: &'a Experiment,
    best: Vec<Option<f64>>,
    /// Heads of what each arm is.
    heads: Vec<&'static str>,
    /// What each arm is; the last are the seeds.
    keys: Vec<Vec<String>>,
    /// Whether the arms differ in a key; one in which they do not can go into the title.
    differ: Vec<bool>,
    /// Heads of the metrics and of the difference.
    metrics: Vec<String>,
    has_p: bool,
}

impl<'a> Sheet<'a> {
    fn new(comparison: &'a Comparison, experiment: &'a Experiment) -> Self {
        let keys: Vec<Vec<String>> = experiment.rows().map(|arm| sheet::keys(comparison, arm)).collect();
        let heads: Vec<&str> = comparison.keys.iter().map(|key| key.heading()).chain(["seeds"]).collect();
        let differ = (0..heads.len()).map(|index| common(&heads, &keys, experiment, index).is_none()).collect();
        let difference = comparison.difference_heading();
        let metrics = comparison.metrics.iter().map(|metric| metric.heading()).chain(difference).collect();
        let (best, has_p) = (sheet::best(comparison, experiment), sheet::has_p(experiment));
        Self { comparison, experiment, best, heads, keys, differ, metrics, has_p }
    }

    /// Title and table: the first of these that fits.
    ///
    /// 1. Every column, one line for each arm.
    /// 2. What is the same for all arms in the title.
    /// 3. Intervals under their differences.
    /// 4. Arm and metrics on two lines each, in few columns.
    /// 5. A list.
    fn text(&self, columns: Option<usize>) -> String {
        let name = legend::title(self.experiment);
        if let Some(table) = fitting(&self.table(&vec![true; self.heads.len()], false), columns) {
            return format!("{name}\n{table}");
        }
        let title = wrapped(&self.title(), columns);
        for two_lines in [false, true] {
            if let Some(table) = fitting(&self.table(&self.differ, two_lines), columns) {
                return title + &table;
            }
        }
        let stacked = self.stacked();
        let squeeze = || columns.and_then(|columns| squeezed(self.stacked(), 0, columns));
        title + &fitting(&stacked, columns).or_else(squeeze).unwrap_or_else(|| self.list(columns))
    }

    fn title(&self) -> String {
        let same = self.heads.iter().enumerate().filter(|(index, _)| !self.differ[*index]);
        let text = |(index, head): (usize, &&str)| {
            Some(format!("{head} {}", common(&self.heads, &self.keys, self.experiment, index)?))
        };
        let same: Vec<String> = same.filter_map(text).collect();
        let name = legend::title(self.experiment);
        if same.is_empty() { name } else { format!("{name} ({})", same.join(", ")) }
    }

    fn arms(&self) -> impl Iterator<Item = (&Arm, &Vec<String>)> {
        self.experiment.rows().zip(&self.keys)
    }

    /// The metrics of an arm, and its difference.
    fn values(&self, arm: &Arm, between: &str, between_difference: &str) -> Vec<String> {
        let mean = |number| text(&sheet::mean(self.comparison, arm, number, self.best[number], false), between);
        let mut values: Vec<String> = (0..self.comparison.metrics.len()).map(mean).collect();
        let first = self.comparison.tested();
        values.extend(first.map(|metric| text(&sheet::difference(arm, metric, None), between_difference)));
        values
    }

    /// A column for each key that is `shown`.
    fn table(&self, shown: &[bool], two_lines: bool) -> comfy_table::Table {
        let heads = self.heads.iter().zip(shown).filter_map(|(head, shown)| shown.then_some(*head));
        let metrics = self.metrics.iter().map(String::as_str).chain(self.has_p.then_some("p"));
        let mut table = layout::table(&heads.chain(metrics).collect::<Vec<_>>(), &RIGHT, two_lines);
        for (arm, keys) in self.arms() {
            let cells = keys.iter().zip(shown).filter(|(_, shown)| **shown).map(|(key, _)| key.clone());
            let values = self.values(arm, " ", if two_lines { "\n" } else { " " });
            table.add_row(cells.chain(values).chain(self.has_p.then(|| sheet::p(arm))));
        }
        table
    }

    /// All keys but the seeds in the first column, the metrics above their spreads.
    fn stacked(&self) -> comfy_table::Table {
        let broken = |head: &String| match head.as_str() {
            "test macro AUC" => "test\nAUC".to_owned(),
            head => match head.split_once(" vs ") {
                Some((first, rest)) => format!("{first}\nvs {rest}"),
                None => head
                    .rsplit_once(' ')
                    .map_or_else(|| format!("\n{head}"), |(first, last)| format!("{first}\n{last}")),
            },
        };
        let metrics: Vec<String> = self.metrics.iter().map(broken).collect();
        let heads: Vec<&str> = ["arm", "seeds"].into_iter().chain(metrics.iter().map(String::as_str)).collect();
        let mut table = layout::table(&heads, &RIGHT, true);
        for (arm, keys) in self.arms() {
            let cells = [self.name(keys), keys.last().cloned().unwrap_or_default()];
            table.add_row(cells.into_iter().chain(self.values(arm, "\n", "\n")));
        }
        table
    }

    /// Architecture, graft and labels, then, on a line of its own, mix and freeze; as far as the arms differ.
    fn name(&self, keys: &[String]) -> String {
        let part = |wanted: &[Key]| {
            let shown = self
                .comparison
                .keys
                .iter()
                .enumerate()
                .filter(|(index, key)| wanted.contains(key) && self.differ[*index] && keys[*index] != NONE);
            shown.map(|(index, _)| keys[index].as_str()).collect::<Vec<_>>().join(" ")
        };
        let labels = part(&[Key::LabelFraction]);
        let labels = if labels.is_empty() { labels } else { format!("{labels} labels") };
        let line = |parts: [&str; 2]| parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        let first = line([&part(&[Key::Architecture, Key::Graft]), &labels]);
        let lines = [
            first,
            line([&part(&[Key::Mix]), &part(&[Key::Freeze])]),
            line([&part(&[Key::Variant]), &part(&[Key::Fold])]),
        ];
        lines.join("\n").trim().to_owned()
    }

    /// No table: a few lines for each arm.
    fn list(&self, columns: Option<usize>) -> String {
        let mut text = String::new();
        let Comparison { metrics, .. } = self.comparison;
        let heads: Vec<String> = metrics
            .iter()
            .map(NamedMetric::short_heading)
            .chain(self.comparison.tested().map(NamedMetric::difference))
            .collect();
        let width = heads.iter().map(|head| head.chars().count()).max().unwrap_or(0) + 2;
        for (arm, keys) in self.arms() {
            let name = self.name(keys).replace('\n', ", ");
            let name = if name.is_empty() { arm.graft.clone() } else { name };
            let seeds = keys.last().map(String::as_str).unwrap_or_default();
            let plural = if seeds.trim_end_matches([' ', '‡']) == "1" { "" } else { "s" };
            text.push_str(&format!("\n{}", wrapped(&format!("{name}, {seeds} seed{plural}"), columns)));
            for (head, value) in heads.iter().zip(self.values(arm, " ", " ")) {
                text.push_str(&format!("  {head:width$}{value}\n"));
            }
        }
        text + "\n"
    }
}

/// What all arms have under key `index`; baselines have no mix and no freeze, which does not count.
fn common<'a>(heads: &[&str], keys: &'a [Vec<String>], experiment: &Experiment, index: usize) -> Option<&'a str> {
    let grafted_only = matches!(heads[index], "mix" | "freeze");
    let network_only = matches!(heads[index], "architecture" | "seeds");
    let is_without = |arm: &Arm| grafted_only && arm.freeze.is_none() || network_only && arm.is_constant;
    let mut values = keys.iter().zip(experiment.rows()).filter(|(_, arm)| !is_without(arm));
    let first = values.next()?.0[index].as_str();
    values.all(|(keys, _)| keys[index] == first).then_some(first)
}

/// A cell, its parts `between` each other.
fn text(cell: &Cell, between: &str) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Mean(Mean { mean, sd, interval, best, apart }) => {
            let sd = format!("± {}", sd.as_deref().unwrap_or(NONE));
            let star = if *best { "*" } else { "" };
            let dagger = if *apart { " †" } else { "" };
            let interval = interval.as_ref().map_or_else(String::new, |interval| format!("{between}{interval}"));
            if between == "\n" {
                format!("{mean}{star}{dagger}\n{sd}{interval}")
            } else {
                format!("{mean} {sd}{star}{interval}{dagger}")
            }
        }
        Cell::Difference(Shown { mean, interval, pairs, best, apart }) => {
            let mark = format!("{}{}", if *best { "*" } else { "" }, if *apart { " †" } else { "" });
            let rest: Vec<&str> = [interval, pairs].into_iter().filter_map(|part| part.as_deref()).collect();
            let rest = rest.join(" ");
            let text = if between == "\n" {
                format!("{mean}{mark}\n{rest}")
            } else if rest.is_empty() {
                format!("{mean}{mark}")
            } else {
                format!("{mean}{between}{rest}{mark}")
            };
            text.trim_end().to_owned()
        }
    }
}
