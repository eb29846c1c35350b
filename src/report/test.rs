//! How the difference of an arm from its baseline is tested.

use super::{Metric, TestEvidence};
use crate::statistics::bootstrap::crossed;
use crate::statistics::wilcoxon::wilcoxon;
use crate::statistics::{Difference, Spread, Tested, Unmeasurable};
use crate::store::Run;

/// A test of no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Test {
    /// The bootstrap over patients, with the spread over seeds.
    Bootstrap,
    /// The paired t test over seeds.
    #[default]
    T,
    /// Wilcoxon's signed-rank test over seeds, with the interval of the t test.
    Wilcoxon,
    /// DeLong's test over records, of the networks' mean probabilities.
    DeLong,
    /// McNemar's test over records, of the networks' mean probabilities.
    McNemar,
}

/// Networks of an arm with their baselines, seed by seed.
pub(super) type Pairs<'a> = Vec<Vec<(&'a Run, &'a Run)>>;

impl Test {
    /// Whether it needs the predictions of records.
    pub fn reads_records(self) -> bool {
        !matches!(self, Test::T | Test::Wilcoxon)
    }

    /// The difference of `metric`, number `number` of those shown, over these pairs, whose values `of` gives; `None`
    /// without pairs. Where the records of the pairs are not to be had the t test is done in place of the bootstrap.
    pub(super) fn difference(
        self,
        (number, metric): (usize, &Metric),
        pairs: &Pairs<'_>,
        of: &dyn Fn(&Run) -> Option<f64>,
        evidence: &TestEvidence,
    ) -> Option<Difference> {
        // Pairs of which both have a value, and their mean difference in each seed.
        let (mut kept, mut observed): (Pairs<'_>, Vec<f64>) = (Vec::new(), Vec::new());
        for seed in pairs {
            let with: Vec<_> =
                seed.iter().filter(|(run, base)| of(run).is_some() && of(base).is_some()).copied().collect();
            let differences = with.iter().filter_map(|(run, base)| Some(of(run)? - of(base)?));
            if let Some(spread) = Spread::of(&differences.collect::<Vec<_>>()) {
                observed.push(spread.mean);
                kept.push(with);
            }
        }
        let by_seeds = Difference::of(&observed)?;
        let own: Vec<&str> = kept.iter().flatten().map(|(run, _)| run.stage_id.as_str()).collect();
        let base: Vec<&str> = kept.iter().flatten().map(|(_, base)| base.stage_id.as_str()).collect();
        let known = evidence.known(metric, &own);
        let difference = match self {
            Test::T => by_seeds,
            Test::Wilcoxon => signed_ranks(by_seeds, &observed),
            Test::Bootstrap => {
                let seeds: Vec<Vec<(&str, Option<&str>)>> = kept
                    .iter()
                    .map(|seed| seed.iter().map(|(run, base)| (&*run.stage_id, Some(&*base.stage_id))).collect())
                    .collect();
                match evidence.resampled((number, metric), &seeds) {
                    Some(found) => {
                        let estimate = crossed(&observed, &found.by_seed, found.patient_degrees, None);
                        by_seeds.tested(estimate.map(|of| Tested { interval: Some(of.interval), p: of.p }))
                    }
                    None => by_seeds,
                }
            }
            Test::DeLong => {
                let mean = evidence.value(metric, &own)? - evidence.value(metric, &base)?;
                Difference { mean, ..by_seeds }.tested(evidence.delong(metric, &own, &base))
            }
            Test::McNemar => {
                let (mean, tested) = evidence.mcnemar(&own, &base)?;
                Difference { mean, ..by_seeds }.tested(tested)
            }
        };
        Some(difference.resting_on(known.support).of_metric_within(metric.range(known.labels)))
    }

    /// The 95% interval of an arm's mean, given its networks with a value, seed by seed, and these values' spread: of the
    /// bootstrap where that is asked for and the records are to be had, else of t over seeds.
    ///
    /// # Errors
    /// Where it has none.
    pub(super) fn interval(
        self,
        (number, metric): (usize, &Metric),
        networks: &[Vec<&Run>],
        spread: &Spread,
        observed: &[f64],
        evidence: &TestEvidence,
    ) -> Result<(f64, f64), Unmeasurable> {
        let stages: Vec<&str> = networks.iter().flatten().map(|run| run.stage_id.as_str()).collect();
        let known = evidence.known(metric, &stages);
        if let Some(support) = known.support.filter(|support| !support.suffices()) {
            return Err(Unmeasurable::Patients(support));
        }
        let (low, high) = metric.range(known.labels);
        let resampled = || {
            let mut seeds: Vec<Vec<(&str, Option<&str>)>> = Vec::new();
            for seed in networks {
                seeds.push(seed.iter().map(|run| (run.stage_id.as_str(), None)).collect());
            }
            evidence.resampled((number, metric), &seeds)
        };
        match (self == Test::Bootstrap).then(resampled).flatten() {
            Some(found) => Ok(crossed(observed, &found.by_seed, found.patient_degrees, Some((low, high)))?.interval),
            None => spread.interval().map(|(from, to)| (from.max(low), to.min(high))),
        }
    }
}

/// The same difference with Wilcoxon's p-value in place of that of t, where differences vary at all.
fn signed_ranks(by_seeds: Difference, observed: &[f64]) -> Difference {
    let p = wilcoxon(observed).map(|found| found.p);
    let tested = by_seeds.tested.clone().map(|of| Tested { p: p.unwrap_or(of.p), ..of });
    by_seeds.tested(tested)
}
