//! Markdown: a pipe table for each experiment, as GitHub shows it, and what the signs mean.

use super::{Format, KEYS, difference_and_interval, keys, mean_and_sd, no_difference};
use crate::report::legend::{self, Best, Signs};
use crate::report::{Arm, Comparison, Experiment};
use crate::statistics::Spread;

/// GitHub's Markdown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Markdown;

impl Format for Markdown {
    fn write(&self, comparison: &Comparison) -> String {
        let mut text = String::new();
        for experiment in &comparison.experiments {
            text.push_str(&format!("### {}\n\n{}\n", escape(&experiment.name), table(experiment)));
            for line in legend::of_experiment(experiment) {
                text.push_str(&format!("{}\n\n", escape(&line)));
            }
        }
        let signs = Signs { best: "**Bold**", apart: "†" };
        let lines = legend::of_signs(comparison, &signs);
        text.push_str(&lines.iter().map(|line| format!("- {line}\n")).collect::<String>());
        text
    }
}

fn table(experiment: &Experiment) -> String {
    let heads = KEYS.into_iter().chain(["test macro AUC", "accuracy", "macro F1", "Δ AUC vs scratch"]);
    let rule = ["---", "---", "---", "---", "---:", "---:", "---", "---", "---", "---"];
    let mut text = line(heads.map(str::to_owned)) + &format!("|{}|\n", rule.join("|"));
    let best = Best::of(experiment);
    for arm in &experiment.arms {
        let metrics = [
            metric(arm.macro_auc.as_ref(), best.macro_auc),
            metric(arm.accuracy.as_ref(), best.accuracy),
            metric(arm.macro_f1.as_ref(), best.macro_f1),
            delta(arm),
        ];
        text.push_str(&line(keys(arm).map(|key| escape(&key)).into_iter().chain(metrics)));
    }
    text
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn metric(spread: Option<&Spread>, best: Option<f64>) -> String {
    let Some(spread) = spread else { return super::NONE.to_owned() };
    let text = mean_and_sd(spread).join(" ");
    if best == Some(spread.mean) { format!("**{text}**") } else { text }
}

fn delta(arm: &Arm) -> String {
    let Some(difference) = arm.delta.difference() else { return no_difference(&arm.delta).to_owned() };
    let text = difference_and_interval(difference, arm).join(" ");
    format!("{}{}", text.trim_end(), if difference.excludes_zero() { " †" } else { "" })
}

/// Names as they are: none of their characters is Markdown's.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '|' | '*' | '_' | '<' | '[' | ']' | '~') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
