//! Differences from the baseline, with their intervals, one below the other.

use super::chart::axis::Axis;
use super::chart::svg::{Svg, fitted, width};
use super::{Drawing, Figure, Input, Scope, Section};
use crate::compare::{Arm, Experiment, SignificanceTest};
use crate::report::legend;
use crate::words::number::percent;

/// Test macro AUC less the baseline's, an arm a line, those of one architecture and share of the labels together.
pub(super) struct Forest;

impl Figure for Forest {
    fn name(&self) -> &'static str {
        "forest"
    }

    fn about(&self) -> &'static str {
        "Differences from the network trained from scratch, with their intervals"
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
        let (test, resamples) = input.results.test;
        forest(input.results.experiment, test, resamples)
    }
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
    mean: f64,
    interval: Option<(f64, f64)>,
    pairs: usize,
}

/// The difference of an arm from its baseline, and the interval that is drawn of it: the one place that chooses which.
fn estimate(arm: &Arm) -> Option<Estimate> {
    let difference = arm.delta.difference()?;
    Some(Estimate { mean: difference.mean, interval: difference.interval(), pairs: difference.pairs })
}

/// Differences are those of `test`, with so many resamples of the patients.
fn forest(experiment: &Experiment, test: SignificanceTest, resamples: usize) -> Result<Drawing, String> {
    let rows: Vec<(&Arm, Estimate)> = experiment.arms.iter().filter_map(|arm| Some((arm, estimate(arm)?))).collect();
    let ends = rows.iter().flat_map(|(_, estimate)| {
        let (low, high) = estimate.interval.unwrap_or((estimate.mean, estimate.mean));
        [low, high, 0.0]
    });
    let why = "no arm has a difference from a baseline yet: that needs a seed that is done in both";
    let x = Axis::linear(ends, WIDTH).ok_or(why)?;
    let names = rows.iter().map(|(arm, _)| width(&arm.name())).fold(0.0, f64::max).min(WIDEST);
    let left = names + 24.0;
    let groups = rows.chunk_by(|(a, _), (b, _)| group(a) == group(b));
    let lines = rows.len() + groups.clone().count();
    let height = LINE * lines as f64;
    let mut svg = Svg::default();
    svg.group("panel", left, 8.0);
    for &tick in &x.ticks {
        svg.text("small", "middle", x.place(tick), height + 18.0, &x.text(tick));
    }
    svg.text("small", "middle", WIDTH / 2.0, height + 35.0, "difference in test macro AUC from the baseline");
    let mut line = 0.0;
    for rows in groups {
        if let Some((arm, _)) = rows.first() {
            svg.text("title", "start", 8.0 - left, LINE * (line + 0.7), &heading(experiment, arm));
            line += 1.0;
        }
        frame(&mut svg, &x, LINE * line, LINE * rows.len() as f64);
        for (arm, estimate) in rows {
            let y = LINE * (line + 0.5);
            svg.text("small", "end", -10.0, y + 4.0, &fitted(&arm.name(), left - 24.0));
            draw(&mut svg, &x, y, estimate);
            line += 1.0;
        }
    }
    svg.end();
    let title = format!("{}: difference in test macro AUC from the network trained from scratch", experiment.name);
    let size = [left + WIDTH + NUMBERS, 8.0 + height + 46.0];
    Ok(Drawing::new(title, description(&rows), size, svg, &note(&rows, test, resamples)))
}

/// What the arms of one group are, and the macro AUC of their baseline.
fn heading(experiment: &Experiment, arm: &Arm) -> String {
    let baseline = experiment.arms.iter().find(|other| other.is_baseline() && group(other) == group(arm));
    let auc = baseline.and_then(|arm| arm.macro_auc).map(|auc| format!(" (baseline {:.3})", auc.mean));
    let (architecture, labels) = group(arm);
    format!("{architecture}, {} of the labels{}", percent(labels), auc.unwrap_or_default())
}

/// What n and bars are, and why some have none.
fn note(rows: &[(&Arm, Estimate)], test: SignificanceTest, resamples: usize) -> String {
    let note = match rows.iter().any(|(_, estimate)| estimate.interval.is_some()) {
        true => format!("n is the number of seeds. Filled: the interval excludes 0. {}", covers(test, resamples)),
        false => "n is the number of seeds.".to_owned(),
    };
    match legend::why_not(rows.iter().filter_map(|(arm, _)| arm.delta.difference()?.why_not())) {
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
    let interval = estimate.interval.map(|(low, high)| format!(" [{low:.3}, {high:.3}]")).unwrap_or_default();
    format!("{:+.3}{interval}", estimate.mean)
}

fn description(rows: &[(&Arm, Estimate)]) -> String {
    let rows = rows.iter().map(|(arm, estimate)| {
        format!("{}, {}, {} labels: {}.", arm.architecture, arm.name(), percent(arm.label_fraction), numbers(estimate))
    });
    format!("Forest plot. {}", rows.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Delta;
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
        let svg = forest(&experiment(arms), SignificanceTest::Bootstrap, 2000).unwrap().svg();
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count("class=\"dot\""), count("class=\"hollow\""), count("class=\"bar\"")), (1, 2, 2));
        assert!(svg.contains("-0.020 [-0.030, -0.010], n = 3<") && svg.contains("+0.040, n = 1<"));
        assert!(svg.contains("cnn&lt;, 30% of the labels") && svg.contains("a &amp; b"));
        // The axis goes from -0.03 to 0.05 and 5% of that further on both sides: 0 lies at (0.03 + 0.004) / 0.088 of it.
        assert!(svg.contains(&format!("class=\"reference\" d=\"M{:.1} ", 400.0 * 0.034 / 0.088)), "{svg}");
        let none = forest(&experiment(vec![arm("scratch", Delta::Baseline)]), SignificanceTest::T, 0).unwrap_err();
        assert!(none.contains("no arm has a difference"));
    }
}
