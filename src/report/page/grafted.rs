//! How the networks that are grafted were trained, and how well they measure.

use super::experiment::figures;
use super::html::Html;
use crate::metrics::BesideMedian;
use crate::report::figure::{ExperimentResults, Section, stage_name};
use crate::report::format::NONE;
use crate::report::regressions::beside_median;
use crate::statistics::Spread;
use crate::store::MeasuredTarget;

/// Their losses and what they measured, folded away; nothing where no network is grafted.
pub(super) fn grafted(html: &mut Html, id: &str, found: &ExperimentResults<'_>) {
    let input = found.input();
    let drawn = Section::GraftedNetworks.figures();
    let drawn: Vec<_> = drawn.filter_map(|figure| Some((figure.anchor(), figure.draw(&input).ok()?))).collect();
    if drawn.is_empty() {
        return;
    }
    html.fold("figures", "The networks that are grafted");
    for (end, drawing) in &drawn {
        html.figure(&format!("{id}-{end}"), drawing);
    }
    measured(html, id, found);
    html.end_fold();
}

/// Test errors of the regressions, over seeds, and of one what it measured record by record.
fn measured(html: &mut Html, id: &str, found: &ExperimentResults<'_>) {
    let mut groups: Vec<([String; 3], Vec<&MeasuredTarget>)> = Vec::new();
    for stage in found.grafted() {
        for error in found.stages.test_errors(&stage.stage_id) {
            let key = [stage.architecture.clone(), stage_name(stage), error.measurement().with_unit()];
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, errors)) => errors.push(error),
                None => groups.push((key, vec![error])),
            }
        }
    }
    if groups.is_empty() {
        return;
    }
    html.paragraph(
        "Errors on the test records of the mixes, mean ± standard deviation over seeds, in the target's unit. The median is \
         that of the training records, said of every test record: a network is better where the 95% interval, over patients, \
         of how much lower its MAE is lies above 0, not told from the median where it does not, and no better where its MAE is \
         no lower.",
    );
    let spread = |values: Vec<f64>| {
        let of = Spread::from_values(&values)?;
        Some(format!("{:.1} ± {}", of.mean, of.sd.map_or_else(|| NONE.to_owned(), |sd| format!("{sd:.1}"))))
    };
    let rows: Vec<(&str, Vec<String>)> = groups
        .into_iter()
        .map(|(key, errors)| {
            let records = errors.iter().map(|of| of.records).min().unwrap_or(0);
            let mut cells = key.to_vec();
            cells.extend([errors.len().to_string(), records.to_string()]);
            cells.push(spread(errors.iter().map(|of| of.mae).collect()).unwrap_or_default());
            cells.push(spread(errors.iter().map(|of| of.rmse).collect()).unwrap_or_default());
            let medians: Vec<f64> = errors.iter().filter_map(|of| of.median_mae).collect();
            cells.push(spread(medians).unwrap_or_else(|| NONE.to_owned()));
            let beside: Vec<BesideMedian> = errors.iter().filter_map(|of| of.beside_median()).collect();
            cells.push(beside_median(&beside));
            ("", cells)
        })
        .collect();
    let heads =
        ["architecture", "network", "target", "seeds", "test records", "MAE", "RMSE", "MAE of the median", "beside it"];
    html.table("Test errors of the networks that are grafted", &heads, 3, &rows);
    if !found.comparison.targets.is_empty() {
        // The last stage's are shown with the arm in detail.
        return;
    }
    html.paragraph(
        "Record by record, of one network for each target: those that are grafted into the run that is shown in detail, or \
         those of the lowest seed.",
    );
    figures(html, id, Section::Measurements, &found.input());
}
