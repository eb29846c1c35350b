//! Numbers as people read them.

/// A share as people read it: `10%`, `12.5%`.
///
/// ```
/// use ecgraft::words::number::percent;
/// assert_eq!((percent(0.07), percent(0.125)), ("7%".to_owned(), "12.5%".to_owned()));
/// ```
pub fn percent(share: f64) -> String {
    // Products such as 0.07 * 100 are off in the last digits.
    format!("{}%", (share * 1e10).round() / 1e8)
}

/// So many decimals. Three of a share: the fourth of an AUC is below the spread of any study.
pub fn decimals(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}

/// The same with the sign.
pub fn signed(value: f64, digits: usize) -> String {
    if value == 0.0 { decimals(0.0, digits) } else { format!("{value:+.digits$}") }
}

/// `[0.002, 0.031]`; what rounds to 0 from below keeps its sign, as it tells on which side of 0 the interval ends.
pub fn brackets((low, high): (f64, f64), digits: usize) -> String {
    format!("[{}, {}]", decimals(low, digits), decimals(high, digits))
}
