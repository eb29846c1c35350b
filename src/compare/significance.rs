//! How the difference of an arm from its baseline is tested.

use clap::ValueEnum;

use super::TestResults;
use crate::metrics::{NamedMetric, Tests};
use crate::statistics::bootstrap::crossed;
use crate::statistics::wilcoxon::wilcoxon;
use crate::statistics::{Difference, Spread, Tested, Unmeasurable};
use crate::store::Run;
use crate::{Error, Result};

/// A test of no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SignificanceTest {
    /// Over test records, by patient, and seeds
    Bootstrap,
    /// Over seeds: paired t
    #[default]
    T,
    /// Over seeds: signed ranks
    Wilcoxon,
    /// Over test records, for the AUC
    #[value(name = "delong")]
    DeLong,
    /// Over test records, for accuracy
    #[value(name = "mcnemar")]
    McNemar,
}

/// Networks of an arm with their baselines, seed by seed.
pub(super) type Pairs<'a> = Vec<Vec<(&'a Run, &'a Run)>>;

/// Networks by their stages, seed by seed, with what they are compared with, if anything.
pub(super) type Networks<'a> = Vec<Vec<(&'a str, Option<&'a str>)>>;

/// Pairs of which both have a value.
struct Paired<'a> {
    pairs: Pairs<'a>,
    /// Their mean difference in each seed.
    observed: Vec<f64>,
}

impl SignificanceTest {
    /// What it is called on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What a metric's differences are tested by where nothing else is asked for, whatever else there is to compare: the
    /// bootstrap, or t where that cannot be done of the metric.
    pub fn default_of(metric: &NamedMetric) -> Self {
        if metric.tests(None).bootstrap { Self::Bootstrap } else { Self::T }
    }

    /// Whether it needs the predictions of records.
    pub fn reads_records(self) -> bool {
        !matches!(self, Self::T | Self::Wilcoxon)
    }

    /// Whether it is among those that can be done of a metric.
    pub(super) fn is_among(self, tests: Tests) -> bool {
        match self {
            Self::T | Self::Wilcoxon => true,
            Self::Bootstrap => tests.bootstrap,
            Self::DeLong => tests.delong,
            Self::McNemar => tests.mcnemar,
        }
    }

    /// Refuses a metric that it cannot be done of.
    ///
    /// # Errors
    /// A user error that says of which it can.
    pub(super) fn check(self, metric: &NamedMetric) -> Result<()> {
        if self.is_among(metric.tests(None)) {
            return Ok(());
        }
        let (fitting, others): (Vec<_>, Vec<_>) =
            NamedMetric::of_classifiers().into_iter().partition(|(_, of)| self.is_among(of.tests(None)));
        let list = |metrics: Vec<(NamedMetric, _)>| {
            metrics.iter().map(|(metric, _)| metric.to_string()).collect::<Vec<_>>().join(" or ")
        };
        let which =
            if fitting.len() > others.len() { format!("any metric but {}", list(others)) } else { list(fitting) };
        Err(Error::user(format!(
            "--test {} is of {which}, not of {metric}; choose another with --metric, or --test t",
            self.name()
        )))
    }

    /// The difference of a metric over these pairs, whose values `value` gives; `None` without pairs. Where the records of
    /// the pairs are not to be had the t test is done in place of the bootstrap.
    pub(super) fn difference(
        self,
        metric: &NamedMetric,
        pairs: &Pairs<'_>,
        value: &dyn Fn(&Run) -> Option<f64>,
        results: &TestResults,
    ) -> Option<Difference> {
        let paired = Paired::with_values(pairs, value);
        let by_seeds = Difference::from_pairs(&paired.observed)?;
        let (own, base) = paired.stages();
        let known = results.known(metric, &own);
        let difference = match self {
            Self::T => by_seeds,
            Self::Wilcoxon => signed_ranks(by_seeds, &paired.observed),
            Self::Bootstrap => bootstrap(by_seeds, metric, &paired, results),
            Self::DeLong => {
                let mean = results.value(metric, &own)? - results.value(metric, &base)?;
                Difference { mean, ..by_seeds }.tested(results.delong(metric, &own, &base))
            }
            Self::McNemar => {
                let (mean, tested) = results.mcnemar(&own, &base)?;
                Difference { mean, ..by_seeds }.tested(tested)
            }
        };
        Some(difference.resting_on(known.support).cut_to(metric.range(known.labels)))
    }

    /// The 95% interval of an arm's mean, given its networks with a value, seed by seed, and these values: of the
    /// bootstrap where that is asked for and the records are to be had, else of t over seeds.
    ///
    /// # Errors
    /// Where it has none.
    pub(super) fn interval(
        self,
        metric: &NamedMetric,
        networks: &[Vec<&Run>],
        observed: &[f64],
        results: &TestResults,
    ) -> std::result::Result<(f64, f64), Unmeasurable> {
        let stages: Vec<&str> = networks.iter().flatten().map(|run| run.stage_id.as_str()).collect();
        let known = results.known(metric, &stages);
        if let Some(support) = known.support.filter(|support| !support.suffices()) {
            return Err(Unmeasurable::Patients(support));
        }
        let (low, high) = metric.range(known.labels);
        let resampled = || {
            let mut seeds: Networks<'_> = Vec::new();
            for seed in networks {
                seeds.push(seed.iter().map(|run| (run.stage_id.as_str(), None)).collect());
            }
            results.resampled(metric, &seeds)
        };
        match (self == Self::Bootstrap).then(resampled).flatten() {
            Some(found) => Ok(crossed(observed, &found.by_seed, found.patient_degrees, Some((low, high)))?.interval),
            None => {
                let spread = Spread::from_values(observed).ok_or(Unmeasurable::Undefined)?;
                spread.interval().map(|(from, to)| (from.max(low), to.min(high)))
            }
        }
    }
}

impl<'a> Paired<'a> {
    fn with_values(all: &Pairs<'a>, value: &dyn Fn(&Run) -> Option<f64>) -> Self {
        let mut paired = Self { pairs: Vec::new(), observed: Vec::new() };
        for seed in all {
            let with: Vec<_> =
                seed.iter().filter(|(run, base)| value(run).is_some() && value(base).is_some()).copied().collect();
            let differences = with.iter().filter_map(|(run, base)| Some(value(run)? - value(base)?));
            if let Some(spread) = Spread::from_values(&differences.collect::<Vec<_>>()) {
                paired.observed.push(spread.mean);
                paired.pairs.push(with);
            }
        }
        paired
    }

    /// The stages of the networks, and of their baselines.
    fn stages(&self) -> (Vec<&'a str>, Vec<&'a str>) {
        self.pairs.iter().flatten().map(|(run, base)| (run.stage_id.as_str(), base.stage_id.as_str())).unzip()
    }
}

/// The same difference with interval and p-value of the bootstrap, where the records are to be had.
fn bootstrap(by_seeds: Difference, metric: &NamedMetric, paired: &Paired<'_>, results: &TestResults) -> Difference {
    let mut seeds: Networks<'_> = Vec::new();
    for seed in &paired.pairs {
        seeds.push(seed.iter().map(|(run, base)| (&*run.stage_id, Some(&*base.stage_id))).collect());
    }
    match results.resampled(metric, &seeds) {
        Some(found) => {
            let estimate = crossed(&paired.observed, &found.by_seed, found.patient_degrees, None);
            by_seeds.tested(estimate.map(|of| Tested { interval: Some(of.interval), p: of.p }))
        }
        None => by_seeds,
    }
}

/// The same difference with Wilcoxon's p-value in place of that of t, where differences vary at all.
fn signed_ranks(by_seeds: Difference, observed: &[f64]) -> Difference {
    let p = wilcoxon(observed).map(|found| found.p);
    let tested = by_seeds.tested.clone().map(|of| Tested { p: p.unwrap_or(of.p), ..of });
    by_seeds.tested(tested)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_does_not_fit_the_metric_is_refused() {
        let check = |test: SignificanceTest, metric: &str| test.check(&NamedMetric::parse(metric));
        assert!(check(SignificanceTest::Bootstrap, "macro_auc").is_ok() && check(SignificanceTest::T, "ece").is_ok());
        for (test, metric, of) in [
            (SignificanceTest::Bootstrap, "ece", "--test bootstrap is of any metric but ece"),
            (SignificanceTest::DeLong, "accuracy", "--test delong is of macro_auc or auc:CLASS"),
            (SignificanceTest::McNemar, "macro_auc", "--test mcnemar is of accuracy or subset_accuracy"),
        ] {
            let message = check(test, metric).unwrap_err().message;
            assert!(message.starts_with(of) && message.contains(metric) && message.contains("--test t"), "{message}");
        }
    }
}
