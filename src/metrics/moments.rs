//! Metrics of measured numbers on weighted records.

use crate::statistics::bootstrap::{LANES, Lanes, Measure};

/// Sums over weighted records of true and measured values, each less the mean of the true ones on the records as they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    /// Of the weights.
    pub weight: f64,
    /// Of the absolute errors.
    pub error: f64,
    /// Of the squared errors.
    pub square: f64,
    /// Of the true and of the measured values, of the squares of both, and of their products.
    sums: [f64; 5],
}

impl Moments {
    fn add(&mut self, weight: f64, (truth, measured): (f64, f64)) {
        let error = measured - truth;
        self.weight += weight;
        self.error += weight * error.abs();
        self.square += weight * error * error;
        let terms = [truth, measured, truth * truth, measured * measured, truth * measured];
        self.sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += weight * term);
    }

    /// Sums of squared deviations of the true and of the measured values from their means, and of the deviations' products; NaN
    /// where a square is not above rounding.
    pub fn spreads(&self) -> [f64; 3] {
        let [truth, measured, truths, measureds, products] = self.sums;
        let of = |sum: f64, squares: f64| {
            let spread = squares - sum * sum / self.weight;
            if spread > squares * ROUNDING { spread } else { f64::NAN }
        };
        [of(truth, truths), of(measured, measureds), products - truth * measured / self.weight]
    }
}

/// Spreads of less than this share of the squares are rounding.
const ROUNDING: f64 = 1e-12;

/// A metric that is a function of the moments.
pub(super) struct OfMoments<F> {
    /// True and measured value of each record whose truth is known, less the mean of the true ones.
    pairs: Vec<Option<(f64, f64)>>,
    metric: F,
}

impl<F: Fn(&Moments) -> f64 + Send + Sync + 'static> OfMoments<F> {
    /// `None` where no truth is known.
    pub fn boxed(pairs: Vec<Option<(f64, f64)>>, metric: F) -> Option<Box<dyn Measure>> {
        let known = pairs.iter().flatten().count();
        let mean = pairs.iter().flatten().map(|(truth, _)| truth).sum::<f64>() / known as f64;
        let centred = |pair: Option<(f64, f64)>| pair.map(|(truth, measured)| (truth - mean, measured - mean));
        (known > 0)
            .then(|| Box::new(Self { pairs: pairs.into_iter().map(centred).collect(), metric }) as Box<dyn Measure>)
    }
}

impl<F: Fn(&Moments) -> f64 + Send + Sync> Measure for OfMoments<F> {
    fn records(&self) -> usize {
        self.pairs.len()
    }

    fn on(&self, weights: &[Lanes<f32>]) -> Lanes<f64> {
        let mut lanes = [Moments::default(); LANES];
        for (row, pair) in weights.iter().zip(&self.pairs) {
            let Some(pair) = pair else { continue };
            lanes.iter_mut().zip(row).for_each(|(moments, weight)| moments.add(f64::from(*weight), *pair));
        }
        lanes.map(|moments| (self.metric)(&moments))
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::regression_metrics;

    #[test]
    fn on_the_records_as_they_are_a_measure_is_its_metric() {
        let truth = [90.0, 104.0, 97.0, 131.0, 88.0];
        let measured = [95.0, 99.0, 101.0, 120.0, 90.0];
        let mut pairs: Vec<Option<(f64, f64)>> = truth.into_iter().zip(measured).map(Some).collect();
        pairs.insert(2, None);
        for metric in regression_metrics() {
            let (own, of) = (metric.compute(&truth, &measured).unwrap(), metric.measure(pairs.clone()).unwrap());
            assert!((of.value().unwrap() - own).abs() < 1e-12, "{}", metric.name());
            assert_eq!(of.records(), 6);
            assert!(metric.measure(vec![None; 3]).is_none());
        }
        let constant = vec![Some((100.0, 90.0)), Some((100.0, 110.0))];
        let defined = |name: &str| {
            let metric = regression_metrics().find(|metric| metric.name() == name).unwrap();
            metric.measure(constant.clone()).unwrap().value()
        };
        assert_eq!([defined("mae"), defined("r2"), defined("pearson_r")], [Some(10.0), None, None]);
    }
}
