//! Agreement of measured with true values (Bland and Altman 1986).

/// How many standard deviations the limits are from the bias (Bland and Altman 1986): the normal quantile of 95%.
const Z: f64 = 1.96;

/// How far measured values are from true ones, in their unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Mean of the differences, measured - true.
    pub bias: f64,
    /// Bias -+ 1.96 standard deviations of the differences (n - 1 in the denominator); `None` below two records.
    pub limits: Option<[f64; 2]>,
}

impl Agreement {
    /// From truth and measured value of each record; `None` without records, and where a value is not finite.
    pub fn from_pairs(pairs: &[(f64, f64)]) -> Option<Self> {
        let n = pairs.len() as f64;
        let differences = || pairs.iter().map(|(truth, measured)| measured - truth);
        let bias = differences().sum::<f64>() / n;
        let squares: f64 = differences().map(|difference| (difference - bias).powi(2)).sum();
        let half = Z * (squares / (n - 1.0)).sqrt();
        let limits = (pairs.len() > 1).then_some([bias - half, bias + half]);
        (squares.is_finite() && bias.is_finite()).then_some(Self { bias, limits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: differences 2, -1, 5, -2 have the mean 1; their deviations 1, -2, 4, -3 have squares of the sum 30, so that
    /// the standard deviation is sqrt(30 / 3) = 3.16228 and the limits are 1 -+ 6.19806.
    const PAIRS: [(f64, f64); 4] = [(100.0, 102.0), (90.0, 89.0), (110.0, 115.0), (95.0, 93.0)];

    #[test]
    fn bias_and_limits_are_those_worked_out_by_hand() {
        let found = Agreement::from_pairs(&PAIRS).unwrap();
        let [low, high] = found.limits.unwrap();
        assert!((found.bias - 1.0).abs() < 1e-12, "{found:?}");
        assert!((low + 5.19806).abs() < 1e-5 && (high - 7.19806).abs() < 1e-5, "{found:?}");
        assert_eq!(Agreement::from_pairs(&[(80.0, 78.0)]), Some(Agreement { bias: -2.0, limits: None }));
        assert_eq!(Agreement::from_pairs(&[(80.0, 81.5), (60.0, 61.5)]).unwrap().limits, Some([1.5, 1.5]));
        assert_eq!((Agreement::from_pairs(&[]), Agreement::from_pairs(&[(1.0, f64::NAN)])), (None, None));
    }
}
