//! How the difference of an arm from its baseline is tested.

use super::{Metric, TestEvidence};
use crate::statistics::bootstrap::crossed;
use crate::statistics::delong::delong;
use crate::statistics::mcnemar::mcnemar;
use crate::statistics::wilcoxon::wilcoxon;
use crate::statistics::{Difference, Spread};
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
        Some(match self {
            Test::T => by_seeds,
            Test::Wilcoxon => Difference { p: wilcoxon(&observed).map(|found| found.p), ..by_seeds },
            Test::Bootstrap => {
                let seeds: Vec<Vec<(&str, Option<&str>)>> = kept
                    .iter()
                    .map(|seed| seed.iter().map(|(run, base)| (&*run.stage_id, Some(&*base.stage_id))).collect())
                    .collect();
                let estimate = evidence
                    .resampled(number, &seeds)
                    .and_then(|found| crossed(&observed, &found.by_seed, found.patient_degrees, None));
                estimate.map_or(by_seeds, |estimate| Difference {
                    interval: Some(estimate.interval),
                    p: Some(estimate.p),
                    ..by_seeds
                })
            }
            Test::DeLong => {
                let (own, base) = (evidence.area(metric, &own)?, evidence.area(metric, &base)?);
                let found = delong(&own, &base);
                Difference { mean: found.difference, interval: Some(found.interval), p: Some(found.p), ..by_seeds }
            }
            Test::McNemar => {
                let (own, base) = (evidence.right(&own)?, evidence.right(&base)?);
                let found = mcnemar(&own, &base)?;
                let more = found.only_first as f64 - found.only_second as f64;
                Difference { mean: more / own.len() as f64, interval: None, p: Some(found.mid), ..by_seeds }
            }
        })
    }

    /// The 95% interval of an arm's mean, given its networks with a value, seed by seed, and these values' spread: of the
    /// bootstrap where that is asked for and the records are to be had, else of t over seeds.
    pub(super) fn interval(
        self,
        (number, metric): (usize, &Metric),
        networks: &[Vec<&Run>],
        observed: &[f64],
        evidence: &TestEvidence,
    ) -> Option<(f64, f64)> {
        let by_records = || {
            let mut seeds: Vec<Vec<(&str, Option<&str>)>> = Vec::new();
            for seed in networks {
                seeds.push(seed.iter().map(|run| (run.stage_id.as_str(), None)).collect());
            }
            let found = evidence.resampled(number, &seeds)?;
            Some(crossed(observed, &found.by_seed, found.patient_degrees, metric.range())?.interval)
        };
        let of_seeds = || Spread::of(observed)?.interval();
        if self == Test::Bootstrap { by_records().or_else(of_seeds) } else { of_seeds() }
    }
}
