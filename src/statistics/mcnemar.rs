//! McNemar's test: do two classifiers err equally often on the same records?

/// Records that only one of two classifiers has right, and what they say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// Records that only the first has right.
    pub only_first: u64,
    /// Records that only the second has right.
    pub only_second: u64,
    /// Exact two-sided p-value: twice the smaller tail of the binomial distribution of `only_first` among the
    /// discordant records with probability 1/2, at most 1 (McNemar 1947). It errs on the safe side.
    pub exact: f64,
    /// Mid-p: the exact value less the probability of what was observed. Its error rate is nearer to what is
    /// asked for than those of the exact test and of the chi-squared test with continuity correction
    /// (Fagerland, Lydersen and Laake 2013, doi:10.1186/1471-2288-13-91). It is the one that is reported.
    pub mid: f64,
}

/// McNemar's test of which records two classifiers have right; `None` where the slices differ in length.
///
/// ```
/// use ecgraft::statistics::mcnemar::mcnemar;
/// let found = mcnemar(&[true, true, true, false], &[false, false, true, false]).unwrap();
/// assert_eq!((found.only_first, found.only_second), (2, 0));
/// assert!((found.exact - 0.5).abs() < 1e-12 && (found.mid - 0.25).abs() < 1e-12);
/// ```
pub fn mcnemar(first: &[bool], second: &[bool]) -> Option<McNemar> {
    let count = |wanted: bool| first.iter().zip(second).filter(|(a, b)| a != b && **a == wanted).count() as u64;
    (first.len() == second.len()).then(|| from_counts(count(true), count(false)))
}

/// McNemar's test of the two counts of discordant records.
pub fn from_counts(only_first: u64, only_second: u64) -> McNemar {
    let (fewer, all) = (only_first.min(only_second), only_first + only_second);
    // log C(all, k) - all log 2
    let factorial = |k: u64| statrs::function::gamma::ln_gamma(k as f64 + 1.0);
    let term =
        |k: u64| (factorial(all) - factorial(k) - factorial(all - k) - all as f64 * std::f64::consts::LN_2).exp();
    let tail: f64 = (0..=fewer).map(term).sum();
    let exact = (2.0 * tail).min(1.0);
    // With as many on each side, both tails hold the middle; half of it is taken from each.
    let mid = if only_first == only_second { 1.0 - 0.5 * term(fewer) } else { 2.0 * tail - term(fewer) };
    McNemar { only_first, only_second, exact, mid: if all == 0 { 1.0 } else { mid.clamp(0.0, 1.0) } }
}
