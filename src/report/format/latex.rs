//! LaTeX: a booktabs `tabular` for each experiment, its caption in comments above it.

use super::{Format, KEYS, brackets, decimals, keys, no_difference, signed};
use crate::report::legend::{self, Best, Signs};
use crate::report::{Arm, Comparison, Experiment};
use crate::statistics::Spread;

/// LaTeX with the booktabs package.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latex;

impl Format for Latex {
    fn write(&self, comparison: &Comparison) -> String {
        let signs = legend::of_signs(comparison, &Signs { best: "Bold", apart: "†" });
        let tables = comparison.experiments.iter().map(|experiment| {
            let caption: Vec<String> = std::iter::once(format!("{}.", experiment.name))
                .chain(legend::of_experiment(experiment))
                .chain(signs.iter().cloned())
                .collect();
            let caption: String = caption.iter().map(|line| format!("% {}\n", escape(line))).collect();
            format!("% \\caption{{\n{caption}% }}\n{}", tabular(experiment))
        });
        format!("% Needs \\usepackage{{booktabs}}.\n{}", tables.collect::<Vec<_>>().join("\n"))
    }
}

fn tabular(experiment: &Experiment) -> String {
    let best = Best::of(experiment);
    let heads = KEYS.into_iter().chain(["test macro AUC", "accuracy", "macro F1", "Δ AUC vs scratch"]);
    let mut text = format!("\\begin{{tabular}}{{llllrrllll}}\n\\toprule\n{}\\midrule\n", line(heads.map(escape)));
    for arm in &experiment.arms {
        let cells = [
            metric(arm.macro_auc.as_ref(), best.macro_auc),
            metric(arm.accuracy.as_ref(), best.accuracy),
            metric(arm.macro_f1.as_ref(), best.macro_f1),
            delta(arm),
        ];
        text.push_str(&line(keys(arm).map(|key| escape(&key)).into_iter().chain(cells)));
    }
    text + "\\bottomrule\n\\end{tabular}\n"
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("{} \\\\\n", cells.collect::<Vec<_>>().join(" & "))
}

fn metric(spread: Option<&Spread>, best: Option<f64>) -> String {
    let Some(spread) = spread else { return escape(super::NONE) };
    let mean = decimals(spread.mean);
    let bold = best == Some(spread.mean);
    match spread.sd.map(decimals) {
        Some(sd) if bold => format!("$\\mathbf{{{mean} \\pm {sd}}}$"),
        Some(sd) => format!("${mean} \\pm {sd}$"),
        None if bold => format!("$\\mathbf{{{mean}}} \\pm$ ---"),
        None => format!("${mean} \\pm$ ---"),
    }
}

fn delta(arm: &Arm) -> String {
    let Some(difference) = arm.delta.difference() else { return escape(no_difference(&arm.delta)) };
    let mut text = signed(difference.mean);
    if let Some(interval) = difference.interval {
        text.push_str(&format!("\\ {}", brackets(interval)));
    }
    if difference.excludes_zero() {
        text.push_str("^\\dagger");
    }
    let few = difference.pairs != arm.seeds.done;
    let pairs = if few { format!(" (of {} paired)", difference.pairs) } else { String::new() };
    format!("${text}${pairs}")
}

/// Text that LaTeX prints as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', character]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' | '>' | '|' => escaped.push_str(&format!("${character}$")),
            '`' => escaped.push_str("\\textasciigrave{}"),
            '±' => escaped.push_str("$\\pm$"),
            'Δ' => escaped.push_str("$\\Delta$"),
            '†' => escaped.push_str("$^\\dagger$"),
            '—' => escaped.push_str("---"),
            other => escaped.push(other),
        }
    }
    escaped
}
