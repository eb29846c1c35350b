//! What there is of an experiment that may be going on yet.

use super::Html;
use super::experiment::{SIGNS, cell, is_base, table_of_pairs};
use crate::compare::{Arm, ArmName, Comparison, Experiment};
use crate::report::legend;
use crate::report::pairs;
use crate::report::sheet::Sheet;
use crate::store::Run;

/// The comparison tables of an experiment: those of what was planned, and the arms with a link to each that `link` knows. What
/// signs mean is folded away.
pub(crate) fn so_far(
    html: &mut Html,
    comparison: &Comparison,
    experiment: &Experiment,
    link: &dyn Fn(&Arm) -> Option<String>,
) {
    for titled in pairs::planned(comparison, experiment, &SIGNS) {
        table_of_pairs(html, titled);
    }
    if experiment.has_plan {
        html.paragraph(&format!("{}:", legend::title(experiment)));
    }
    let Sheet { heads, rows } = Sheet::from_experiment(comparison, experiment);
    let first = heads.iter().position(|head| head.text == "labels").unwrap_or(heads.len());
    let texts: Vec<&str> = heads.iter().map(|head| head.text.as_str()).collect();
    let arms: Vec<&Arm> = experiment.rows().collect();
    let row = |(row, arm): (Vec<_>, &&Arm)| {
        let class = if is_base(arm) { "base" } else { "" };
        (class, row.into_iter().map(cell).collect())
    };
    let rows: Vec<_> = rows.into_iter().zip(&arms).map(row).collect();
    let caption = format!("Arms of {}", experiment.name);
    let to = |row: usize| arms.get(row).and_then(|arm| Some([link(arm)?, ArmName::from(*arm).full()]));
    html.linked_table(&caption, &texts, first, &rows, &to);
    html.fold("legend", "What the table says");
    legend::experiment(comparison, experiment).iter().for_each(|line| html.paragraph(line));
    html.end_fold();
}

/// Whether a run is one of the seeds of `arm` of `experiment`.
pub(crate) fn is_of_arm(run: &Run, experiment: &Experiment, arm: &Arm) -> bool {
    run.experiment == experiment.name && !arm.is_constant && arm.has(run)
}
