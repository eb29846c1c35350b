//! Differences from the baseline, with their intervals, one below the other.

use super::chart::axis::Axis;
use super::chart::svg::{Svg, fitted, width};
use super::{Drawing, Figure, Input, Scope, Section};
use crate::compare::{Arm, Comparison, Delta, Experiment, Key, SignificanceTest};
use crate::metrics::NamedMetric;
use crate::report::{legend, pairs};
use crate::words::number::{decimals, percent};

/// Test macro AUC less the baseline's, an arm a line, those of one architecture and share of the labels together; or, where
/// every two arms along a key are compared, a line for each two, those of one place together.
pub(super) struct Forest;

impl Figure for Forest {
    fn name(&self) -> &'static str {
        "forest"
    }

    fn about(&self) -> &'static str {
        "Differences from the network trained from scratch, or from what --baseline or --against names, with their intervals"
    }

    fn scope(&self) -> Scope {
        Scope::Experiment("the differences of all arms")
    }

    fn section(&self) -> Option<Section> {
        Some(Section::Differences)
    }

    fn anchor(&self) -> &'static str {
        "differences"
    }

    fn draw(&self, input: &Input<'_>) -> Result<Drawing, String> {
        let (experiment, comparison) = (input.results.experiment, input.results.comparison);
        match comparison.against {
            Some(axis) => along(experiment, comparison, axis),
            None => forest(experiment, comparison),
        }
    }
}

/// The arms of an experiment beside their baselines.
fn forest(experiment: &Experiment, comparison: &Comparison) -> Result<Drawing, String> {
    let metric = comparison.metrics.first().cloned().unwrap_or_else(|| comparison.judge());
    let (what, axis) = (metric.in_text(), in_units(&metric));
    let row = |arm| Row { group: heading(experiment, arm, &metric), name: arm.name(), arm, digits: metric.digits() };
    let from = match comparison.baseline.is_scratch() {
        true => "the network trained from scratch".to_owned(),
        false => format!("the arm with {}", comparison.baseline),
    };
    let words = Words {
        title: format!("{}: difference in {what} from {from}", experiment.name),
        axis: format!("difference in {axis} from the baseline"),
        none: "no arm has a difference from a baseline yet: that needs a seed that is done in both",
    };
    rows_drawn(&experiment.arms.iter().map(row).collect::<Vec<_>>(), &words, comparison)
}

/// Every two arms along a key.
fn along(experiment: &Experiment, comparison: &Comparison, axis: Key) -> Result<Drawing, String> {
    let metric = comparison.metrics.first().cloned().unwrap_or_else(|| comparison.judge());
    let row =
        |pair| Row { group: pairs::place(pair), name: pairs::name(pair), arm: &pair.arm, digits: pair.metric.digits() };
    let mut rows: Vec<Row<'_>> = experiment.pairs.iter().map(row).collect();
    let places: Vec<String> = rows.iter().map(|row| row.group.clone()).collect();
    rows.sort_by_key(|row| places.iter().position(|place| *place == row.group));
    let words = Words {
        title: format!("{}: differences in {}, every two of {}", experiment.name, metric.in_text(), axis.heading()),
        axis: format!("difference in {}", in_units(&metric)),
        none: "no two arms have a seed that is done in both yet",
    };
    rows_drawn(&rows, &words, comparison)
}

/// A metric in a sentence, and that less of it is better, where that is so of what a last stage measures.
fn in_units(metric: &NamedMetric) -> String {
    match metric.of_last && metric.is_error() {
        true => format!("{} (below 0 is better)", metric.in_text()),
        false => metric.in_text(),
    }
}

/// What the figure says beside its lines.
pub(super) struct Words {
    pub title: String,
    /// Of the axis.
    pub axis: String,
    /// Why there is nothing to draw, if there is nothing.
    pub none: &'static str,
}

/// A line, and what it is drawn under.
pub(super) struct Row<'a> {
    pub group: String,
    pub name: String,
    pub arm: &'a Arm,
    /// Decimals of its numbers.
    pub digits: usize,
}

/// What the intervals cover, in words for the reader.
fn covers(test: SignificanceTest, resamples: usize) -> String {
    let over = match test {
        SignificanceTest::Bootstrap => format!(
            "Bars are 95% intervals: they cover the choice of test records ({resamples} bootstrap resamples of the patients) and \
             the spread over seeds, paired by seed"
        ),
        SignificanceTest::DeLong | SignificanceTest::McNemar => {
            "Bars are 95% intervals over the choice of test records, of probabilities averaged over the seeds"
                .to_owned()
        }
        SignificanceTest::T | SignificanceTest::Wilcoxon => {
            "Bars are 95% t intervals of the differences paired by seed, n - 1 degrees of freedom: they \
                                     cover the spread over seeds only, not the choice of test records"
                .to_owned()
        }
    };
    format!("{over}. They are not corrected for multiple comparisons.")
}

/// Width of the frame, height of a line, room of the numbers on the right, px.
const WIDTH: f64 = 400.0;
const LINE: f64 = 22.0;
const NUMBERS: f64 = 200.0;
/// The names' room is no wider, px.
const WIDEST: f64 = 330.0;

/// A difference as it is drawn.
struct Estimate {
    /// Decimals of its numbers.
    digits: usize,
    mean: f64,
    interval: Option<(f64, f64)>,
    pairs: usize,
}

/// The difference of an arm from its baseline, and the interval that is drawn of it: the one place that chooses which.
fn estimate(Row { arm, digits, .. }: &Row<'_>) -> Option<Estimate> {
    let difference = arm.delta.difference()?;
    Some(Estimate { digits: *digits, mean: difference.mean, interval: difference.interval(), pairs: difference.pairs })
}

/// These rows, those without a difference left out.
pub(super) fn rows_drawn(rows: &[Row<'_>], words: &Words, comparison: &Comparison) -> Result<Drawing, String> {
    let rows: Vec<(&Row<'_>, Estimate)> = rows.iter().filter_map(|row| Some((row, estimate(row)?))).collect();
    let ends = rows.iter().flat_map(|(_, estimate)| {
        let (low, high) = estimate.interval.unwrap_or((estimate.mean, estimate.mean));
        [low, high, 0.0]
    });
    let x = Axis::linear(ends, WIDTH).ok_or(words.none)?;
    let names = rows.iter().map(|(row, _)| width(&row.name)).fold(0.0, f64::max).min(WIDEST);
    let left = names + 24.0;
    let groups = rows.chunk_by(|(a, _), (b, _)| a.group == b.group);
    let lines = rows.len() + groups.clone().count();
    let height = LINE * lines as f64;
    let mut svg = Svg::default();
    svg.group("panel", left, 8.0);
    for &tick in &x.ticks {
        svg.text("small", "middle", x.place(tick), height + 18.0, &x.text(tick));
    }
    svg.text("small", "middle", WIDTH / 2.0, height + 35.0, &words.axis);
    let mut line = 0.0;
    for rows in groups {
        if let Some((row, _)) = rows.first() {
            svg.text("title", "start", 8.0 - left, LINE * (line + 0.7), &row.group);
            line += 1.0;
        }
        frame(&mut svg, &x, LINE * line, LINE * rows.len() as f64);
        for (row, estimate) in rows {
            let y = LINE * (line + 0.5);
            svg.text("small", "end", -10.0, y + 4.0, &fitted(&row.name, left - 24.0));
            draw(&mut svg, &x, y, estimate);
            line += 1.0;
        }
    }
    svg.end();
    let size = [left + WIDTH + NUMBERS, 8.0 + height + 46.0];
    Ok(Drawing::new(words.title.clone(), description(&rows), size, svg, &note(&rows, comparison)))
}

/// What the arms of one group are, and the metric of their baseline, where they have one in common.
fn heading(experiment: &Experiment, arm: &Arm, metric: &NamedMetric) -> String {
    let is_baseline = |other: &&Arm| other.delta == Delta::Baseline && group(other) == group(arm);
    let mut baselines = experiment.arms.iter().filter(is_baseline);
    let baseline = baselines.next().filter(|_| baselines.next().is_none());
    let mean = baseline.and_then(|arm| Some(arm.metrics.first()?.as_ref()?.spread.mean).or(Some(arm.judged?.mean)));
    let mean = mean.map(|mean| format!(" (baseline {})", decimals(mean, metric.digits())));
    let (architecture, labels) = group(arm);
    format!("{architecture}, {} of the labels{}", percent(labels), mean.unwrap_or_default())
}

/// What n and bars are, and why some have none.
fn note(rows: &[(&Row<'_>, Estimate)], comparison: &Comparison) -> String {
    let note = match rows.iter().any(|(_, estimate)| estimate.interval.is_some()) {
        true => {
            let covers = covers(comparison.test, comparison.resamples);
            format!("n is the number of seeds. Filled: the interval excludes 0. {covers}")
        }
        false => "n is the number of seeds.".to_owned(),
    };
    match legend::why_not(rows.iter().filter_map(|(row, _)| row.arm.delta.difference()?.why_not())) {
        Some(why) => format!("{note} Without a bar: no interval, as {why}."),
        None => note,
    }
}

/// What a baseline and its grafts have in common.
fn group(arm: &Arm) -> (&str, f64) {
    (&arm.architecture, arm.label_fraction)
}

/// Frame and grid of the lines of one group, and the line of no difference.
fn frame(svg: &mut Svg, x: &Axis, top: f64, height: f64) {
    for tick in x.ticks.iter().map(|tick| x.place(*tick)) {
        svg.push(format_args!("<path class=\"tick\" d=\"M{tick:.1} {top:.0}v{height:.0}\"/>"));
    }
    let zero = x.place(0.0);
    svg.push(format_args!(
        "<rect class=\"frame\" y=\"{top:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\"/>\
         <path class=\"reference\" d=\"M{zero:.1} {top:.0}v{height:.0}\"/>"
    ));
}

/// A line's difference and interval, and its numbers beside them.
fn draw(svg: &mut Svg, x: &Axis, y: f64, estimate: &Estimate) {
    let at = x.place(estimate.mean);
    svg.push(format_args!("<g class=\"c0\">"));
    let apart = match estimate.interval {
        Some((low, high)) => {
            let (from, to) = (x.place(low), x.place(high));
            svg.push(format_args!("<path class=\"bar\" d=\"M{from:.1} {:.1}v8m0 -4H{to:.1}m0 -4v8\"/>", y - 4.0));
            low > 0.0 || high < 0.0
        }
        None => false,
    };
    svg.dot(if apart { "dot" } else { "hollow" }, at, y, 4.0);
    svg.end();
    svg.text("small", "start", WIDTH + 10.0, y + 4.0, &format!("{}, n = {}", numbers(estimate), estimate.pairs));
}

/// `+0.018 [-0.050, 0.086]`
fn numbers(estimate: &Estimate) -> String {
    let digits = estimate.digits;
    let interval =
        estimate.interval.map(|(low, high)| format!(" [{low:.digits$}, {high:.digits$}]")).unwrap_or_default();
    format!("{:+.digits$}{interval}", estimate.mean)
}

fn description(rows: &[(&Row<'_>, Estimate)]) -> String {
    let rows = rows.iter().map(|(row, estimate)| format!("{}, {}: {}.", row.group, row.name, numbers(estimate)));
    format!("Forest plot. {}", rows.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{Difference, Tested, Unmeasurable};

    fn arm(graft: &str, delta: Delta) -> Arm {
        Arm { architecture: "cnn<".into(), graft: graft.into(), label_fraction: 0.3, delta, ..Arm::default() }
    }

    fn experiment(arms: Vec<Arm>) -> Experiment {
        Experiment { name: "a & b".into(), arms, ..Experiment::default() }
    }

    #[test]
    fn what_excludes_zero_is_filled_and_one_seed_has_no_bar() {
        let paired = |pairs, mean, interval: Option<(f64, f64)>| {
            let tested = interval.map(|_| Tested { interval, p: 0.5 }).ok_or(Unmeasurable::OneSeed);
            Delta::Paired(Difference { pairs, mean, tested, support: None })
        };
        let arms = vec![
            arm("scratch", Delta::Baseline),
            arm("apart", paired(3, -0.02, Some((-0.03, -0.01)))),
            arm("not apart", paired(3, 0.02, Some((-0.01, 0.05)))),
            arm("one", paired(1, 0.04, None)),
        ];
        let comparison = Comparison { test: SignificanceTest::Bootstrap, resamples: 2000, ..Comparison::default() };
        let svg = forest(&experiment(arms), &comparison).unwrap().svg();
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count("class=\"dot\""), count("class=\"hollow\""), count("class=\"bar\"")), (1, 2, 2));
        assert!(svg.contains("-0.020 [-0.030, -0.010], n = 3<") && svg.contains("+0.040, n = 1<"));
        assert!(svg.contains("cnn&lt;, 30% of the labels") && svg.contains("a &amp; b"));
        // The axis goes from -0.03 to 0.05 and 5% of that further on both sides: 0 lies at (0.03 + 0.004) / 0.088 of it.
        assert!(svg.contains(&format!("class=\"reference\" d=\"M{:.1} ", 400.0 * 0.034 / 0.088)), "{svg}");
        let none = forest(&experiment(vec![arm("scratch", Delta::Baseline)]), &comparison).unwrap_err();
        assert!(none.contains("no arm has a difference"));
    }
}
