//! A table for the terminal, as wide as there is room for.

use super::{Format, KEYS, NONE, difference_and_interval, keys, mean_and_sd, no_difference};
use crate::report::layout::{self, fitting, squeezed, wrapped};
use crate::report::legend::{self, Best, Signs};
use crate::report::{Arm, Comparison, Experiment};
use crate::statistics::Spread;

/// The narrowest that anything is made; lines that are too long for a screen wrap.
const NARROWEST: usize = 40;
/// Heads of columns that are set to the right.
const RIGHT: [&str; 2] = ["labels", "seeds"];

/// Lines of box-drawing characters, no colours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table {
    /// Characters in a line; each table as wide as it needs where `None`.
    pub columns: Option<usize>,
}

impl Table {
    /// A table for standard output: as wide as the terminal, if it is one.
    pub fn for_stdout() -> Self {
        Self { columns: crate::terminal::stdout_columns() }
    }
}

impl Format for Table {
    fn write(&self, comparison: &Comparison) -> String {
        let columns = self.columns.map(|columns| columns.max(NARROWEST));
        let mut text = String::new();
        for experiment in &comparison.experiments {
            text.push_str(&Sheet::new(experiment).text(columns));
            for line in legend::of_experiment(experiment) {
                text.push_str(&wrapped(&line, columns));
            }
            text.push('\n');
        }
        for line in legend::of_signs(comparison, &Signs { best: "*", apart: "†" }) {
            text.push_str(&wrapped(&line, columns));
        }
        text.trim_end().to_owned() + "\n"
    }
}

/// One experiment, to be laid out.
struct Sheet<'a> {
    experiment: &'a Experiment,
    best: Best,
    /// What each arm is.
    keys: Vec<[String; 6]>,
    /// Whether the arms differ in a key; one in which they do not can go into the title.
    differ: [bool; 6],
}

impl<'a> Sheet<'a> {
    fn new(experiment: &'a Experiment) -> Self {
        let keys: Vec<[String; 6]> = experiment.arms.iter().map(keys).collect();
        let differ = [0, 1, 2, 3, 4, 5].map(|index| common(&keys, &experiment.arms, index).is_none());
        Self { experiment, best: Best::of(experiment), keys, differ }
    }

    /// Title and table: the first of these that fits.
    ///
    /// 1. Every column, one line for each arm.
    /// 2. What is the same for all arms in the title.
    /// 3. Intervals under their differences.
    /// 4. Arm and metrics on two lines each, in few columns.
    /// 5. A list.
    fn text(&self, columns: Option<usize>) -> String {
        let name = &self.experiment.name;
        if let Some(table) = fitting(&self.table([true; 6], false), columns) {
            return format!("{name}\n{table}");
        }
        let title = wrapped(&self.title(), columns);
        for two_lines in [false, true] {
            if let Some(table) = fitting(&self.table(self.differ, two_lines), columns) {
                return title + &table;
            }
        }
        let stacked = self.stacked();
        let squeeze = || columns.and_then(|columns| squeezed(self.stacked(), 0, columns));
        title + &fitting(&stacked, columns).or_else(squeeze).unwrap_or_else(|| self.list(columns))
    }

    fn title(&self) -> String {
        let same = KEYS.iter().enumerate().filter(|(index, _)| !self.differ[*index]);
        let same: Vec<String> = same
            .filter_map(|(index, head)| Some(format!("{head} {}", common(&self.keys, &self.experiment.arms, index)?)))
            .collect();
        let name = &self.experiment.name;
        if same.is_empty() { name.clone() } else { format!("{name} ({})", same.join(", ")) }
    }

    fn arms(&self) -> impl Iterator<Item = (&Arm, &[String; 6])> {
        self.experiment.arms.iter().zip(&self.keys)
    }

    fn metrics(&self, arm: &Arm, between: &str) -> [String; 3] {
        [
            metric(arm.macro_auc.as_ref(), self.best.macro_auc, between),
            metric(arm.accuracy.as_ref(), self.best.accuracy, between),
            metric(arm.macro_f1.as_ref(), self.best.macro_f1, between),
        ]
    }

    /// A column for each key that is `shown`.
    fn table(&self, shown: [bool; 6], two_lines: bool) -> comfy_table::Table {
        let heads = KEYS.into_iter().zip(shown).filter_map(|(head, shown)| shown.then_some(head));
        let metrics = ["test macro AUC", "accuracy", "macro F1", "Δ AUC vs scratch"];
        let mut table = layout::table(&heads.chain(metrics).collect::<Vec<_>>(), &RIGHT, two_lines);
        for (arm, keys) in self.arms() {
            let cells = keys.iter().zip(shown).filter(|(_, shown)| *shown).map(|(key, _)| key.clone());
            let difference = delta(arm, if two_lines { "\n" } else { " " });
            table.add_row(cells.chain(self.metrics(arm, " ")).chain([difference]));
        }
        table
    }

    /// All keys but the seeds in the first column, the metrics above their spreads.
    fn stacked(&self) -> comfy_table::Table {
        let mut table =
            layout::table(&["arm", "seeds", "test\nAUC", "\naccuracy", "macro\nF1", "Δ AUC\nvs scratch"], &RIGHT, true);
        for (arm, keys) in self.arms() {
            let mut cells = vec![self.name(keys), keys[5].clone()];
            cells.extend(self.metrics(arm, "\n"));
            cells.push(delta(arm, "\n"));
            table.add_row(cells);
        }
        table
    }

    /// Architecture, graft and labels, then, on a line of its own, mix and freeze; as far as the arms differ.
    fn name(&self, keys: &[String; 6]) -> String {
        let part = |parts: &[usize]| {
            let shown = parts.iter().filter(|index| self.differ[**index] && keys[**index] != NONE);
            let shown: Vec<&str> = shown.map(|index| keys[*index].as_str()).collect();
            shown.join(" ")
        };
        let labels = if self.differ[4] { format!("{} labels", keys[4]) } else { String::new() };
        let line = |parts: [&str; 2]| parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        let lines = [line([&part(&[0, 1]), &labels]), line([&part(&[2]), &part(&[3])])];
        lines.join("\n").trim().to_owned()
    }

    /// No table: a few lines for each arm.
    fn list(&self, columns: Option<usize>) -> String {
        let mut text = String::new();
        for (arm, keys) in self.arms() {
            let name = self.name(keys).replace('\n', ", ");
            let name = if name.is_empty() { keys[1].clone() } else { name };
            let plural = if keys[5] == "1" { "" } else { "s" };
            text.push_str(&format!("\n{}", wrapped(&format!("{name}, {} seed{plural}", keys[5]), columns)));
            let [auc, accuracy, f1] = self.metrics(arm, " ");
            text.push_str(&format!("  AUC       {auc}\n  accuracy  {accuracy}\n  F1        {f1}\n"));
            text.push_str(&format!("  Δ AUC     {}\n", delta(arm, " ")));
        }
        text + "\n"
    }
}

/// What all arms have under key `index`; baselines have no mix and no freeze, which does not count.
fn common<'a>(keys: &'a [[String; 6]], arms: &[Arm], index: usize) -> Option<&'a str> {
    let grafted_only = matches!(KEYS[index], "mix" | "freeze");
    let mut values = keys.iter().zip(arms).filter(|(_, arm)| !(grafted_only && arm.freeze.is_none()));
    let first = values.next()?.0[index].as_str();
    values.all(|(keys, _)| keys[index] == first).then_some(first)
}

fn metric(spread: Option<&Spread>, best: Option<f64>, between: &str) -> String {
    let Some(spread) = spread else { return NONE.to_owned() };
    let [mean, sd] = mean_and_sd(spread);
    match (best == Some(spread.mean), between) {
        (false, _) => format!("{mean}{between}{sd}"),
        (true, "\n") => format!("{mean}*\n{sd}"),
        (true, _) => format!("{mean}{between}{sd}*"),
    }
}

fn delta(arm: &Arm, between: &str) -> String {
    let Some(difference) = arm.delta.difference() else { return no_difference(&arm.delta).to_owned() };
    let [mean, interval] = difference_and_interval(difference, arm);
    let mark = if difference.excludes_zero() { " †" } else { "" };
    let text =
        if between == "\n" { format!("{mean}{mark}\n{interval}") } else { format!("{mean}{between}{interval}{mark}") };
    text.trim_end().to_owned()
}
