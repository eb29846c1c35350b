//! Means over seeds, and paired differences of them.

use super::distributions::{t_p, t_quantile};
use super::unmeasurable::{Support, Unmeasurable, varies};

/// Metrics are about 1 and have been added and divided a few times: what differs by less is equal.
const ROUNDING: f64 = 1e-12;

/// Mean and spread of one metric over the seeds of an arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Number of values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation, n - 1 in the denominator; `None` for one value.
    pub sd: Option<f64>,
}

impl Spread {
    /// Mean and standard deviation of `values`; `None` where there are none.
    pub fn from_values(values: &[f64]) -> Option<Self> {
        let Moments { n, mean, variance } = Moments::from_values(values.iter().copied());
        (n > 0).then(|| Self { n, mean, sd: variance.map(f64::sqrt) })
    }

    /// The 95% t interval of the mean, low and high: mean -+ t(0.975, n - 1) sd / sqrt(n).
    ///
    /// # Errors
    /// Where there is one value, or all are the same but for rounding.
    pub fn interval(&self) -> Result<(f64, f64), Unmeasurable> {
        let half = t_quantile(0.975, (self.n - 1) as f64) * self.standard_error()?;
        Ok((self.mean - half, self.mean + half))
    }

    /// The standard error of the mean: sd / sqrt(n).
    fn standard_error(&self) -> Result<f64, Unmeasurable> {
        match self.sd {
            None => Err(Unmeasurable::OneSeed),
            Some(sd) if !varies(sd, self.mean, ROUNDING) => Err(Unmeasurable::SameForSeeds),
            Some(sd) => Ok(sd / (self.n as f64).sqrt()),
        }
    }
}

/// The mean of some numbers; `None` where there are none.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The middle of `values`; of two in the middle their mean; `None` where there are none.
pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(0.5 * (lower + upper))
}

/// Number, mean and variance of some numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub n: usize,
    /// NaN without numbers.
    pub mean: f64,
    /// The sample variance, n - 1 in the denominator; `None` of fewer than two.
    pub variance: Option<f64>,
}

impl Moments {
    pub fn from_values(values: impl Iterator<Item = f64> + Clone) -> Self {
        // As `sum` does it: the mean of zeros below 0 is one.
        let (n, sum) = values.clone().fold((0, -0.0), |(n, sum), value| (n + 1, sum + value));
        let mean = sum / n as f64;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self { n, mean, variance: (n > 1).then(|| squares / (n - 1) as f64) }
    }
}

/// What a test says of a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tested {
    /// The 95% interval, low and high; `None` where the test has none.
    pub interval: Option<(f64, f64)>,
    /// Two-sided p-value of no difference.
    pub p: f64,
}

/// Mean difference of pairs, and how well it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Number of pairs.
    pub pairs: usize,
    /// Mean of the differences.
    pub mean: f64,
    /// Interval and p-value, or why there are none.
    pub tested: Result<Tested, Unmeasurable>,
    /// The fewest patients that it rests on, where they are known.
    pub support: Option<Support>,
}

impl Difference {
    /// The mean of `differences`, with the t interval and the paired t test, pairs - 1 degrees of freedom;
    /// `None` where there are none. One pair has neither interval nor p-value; nor have differences that are all the same
    /// but for rounding, 0 or not: that seeds did not matter here is no measure of how much they could.
    pub fn from_pairs(differences: &[f64]) -> Option<Self> {
        let spread = Spread::from_values(differences)?;
        let tested = spread.standard_error().and_then(|error| {
            let p = t_p(spread.mean / error, (spread.n - 1) as f64);
            Ok(Tested { interval: Some(spread.interval()?), p })
        });
        Some(Self { pairs: spread.n, mean: spread.mean, tested, support: None })
    }

    /// The same difference, tested so.
    #[must_use]
    pub fn tested(self, tested: Result<Tested, Unmeasurable>) -> Self {
        Self { tested, ..self }
    }

    /// The same difference, of which it is known that it rests on so few patients: on one alone it is not tested.
    #[must_use]
    pub fn resting_on(mut self, support: Option<Support>) -> Self {
        if let Some(support) = support.as_ref().filter(|support| !support.suffices()) {
            self.tested = Err(Unmeasurable::Patients(support.clone()));
        }
        Self { support, ..self }
    }

    /// The same difference, its interval cut where it goes further than a metric with these ends can differ.
    #[must_use]
    pub fn cut_to(mut self, (low, high): (f64, f64)) -> Self {
        if let Ok(Tested { interval: Some(interval), .. }) = &mut self.tested {
            *interval = (interval.0.max(low - high), interval.1.min(high - low));
        }
        self
    }

    /// The 95% interval, low and high, where there is one.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.tested.as_ref().ok()?.interval
    }

    /// The p-value, where there is one.
    pub fn p(&self) -> Option<f64> {
        Some(self.tested.as_ref().ok()?.p)
    }

    /// Why it has neither interval nor p-value.
    pub fn why_not(&self) -> Option<&Unmeasurable> {
        self.tested.as_ref().err()
    }

    /// Whether there is an interval, and 0 is not in it.
    pub fn excludes_zero(&self) -> bool {
        self.interval().is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn two_in_the_middle_are_averaged() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([3.0, 1.0, 2.0, 10.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }
}
