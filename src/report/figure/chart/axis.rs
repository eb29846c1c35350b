//! From values to places.

use crate::words::number::percent;

/// An axis: where values lie on it, and where it has ticks.
pub(crate) struct Axis {
    low: f64,
    high: f64,
    length: f64,
    logarithmic: bool,
    /// Values with a tick.
    pub ticks: Vec<f64>,
    labels: Labels,
}

/// How ticks are named.
enum Labels {
    Decimals(usize),
    Percent,
}

impl Axis {
    /// From below the smallest of `values` to above the largest, with ticks at multiples of 1, 2 or 5 times
    /// a power of ten; none without finite values.
    pub(crate) fn linear(values: impl Iterator<Item = f64>, length: f64) -> Option<Self> {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return None;
        }
        // One value alone, or several that are the same, lie in the middle.
        let spread = (high - low).max(1e-6 * high.abs()).max(if high.abs() < 10.0 { 0.01 } else { 1.0 });
        let room = 0.05 * spread + (spread - (high - low)) / 2.0;
        Some(Self::between(low - room, high + room, length))
    }

    /// From `low` to `high`, which is above it, with ticks as of [`Axis::linear`].
    pub(crate) fn between(low: f64, high: f64, length: f64) -> Self {
        let power = 10f64.powf(((high - low) / 5.0).log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| (high - low) / step <= 6.0);
        let step = step.unwrap_or(10.0 * power);
        // Rounding must not lose a tick that is the end itself.
        let first = (low / step - 1e-9).ceil() as i64;
        let last = high + 1e-9 * step;
        let ticks = (first..).map(|number| number as f64 * step).take_while(|tick| *tick <= last).collect();
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        Self { low, high, length, labels: Labels::Decimals(decimals), logarithmic: false, ticks }
    }

    /// Epochs from 1 to `last`: ticks at whole numbers.
    pub(crate) fn epochs(last: usize, length: f64) -> Self {
        let step = [1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter().find(|step| last / step <= 6).unwrap_or(1000);
        let ticks = (step..=last).step_by(step).map(|tick| tick as f64).collect();
        let high = last.max(2) as f64 + 0.3;
        Self { low: 0.7, high, length, labels: Labels::Decimals(0), logarithmic: false, ticks }
    }

    /// Of shares, with a tick at each of `values`, which are above 0; their logarithms are evenly spaced, away from the ends.
    pub(crate) fn logarithmic(values: &[f64], length: f64) -> Self {
        let mut ticks = values.to_vec();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let (low, high) = (ticks.first().map_or(1.0, |low| low.ln()), ticks.last().map_or(1.0, |high| high.ln()));
        let room = 0.12 * (high - low).max(1.0);
        Self { low: low - room, high: high + room, length, labels: Labels::Percent, logarithmic: true, ticks }
    }

    /// How far from the start, px.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.ln() } else { value };
        (value - self.low) / (self.high - self.low) * self.length
    }

    /// Its length, px.
    pub(crate) fn length(&self) -> f64 {
        self.length
    }

    /// A tick's label.
    pub(crate) fn text(&self, tick: f64) -> String {
        match self.labels {
            // What is a rounding error below 0 is 0.
            Labels::Decimals(decimals) => format!("{:.decimals$}", if tick.abs() < 1e-12 { 0.0 } else { tick }),
            Labels::Percent => percent(tick),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let axis = Axis::linear([0.71, 0.93].into_iter(), 100.0).unwrap();
        let texts: Vec<String> = axis.ticks.iter().map(|tick| axis.text(*tick)).collect();
        assert_eq!(texts, ["0.70", "0.75", "0.80", "0.85", "0.90"]);
        assert!(axis.ticks.iter().all(|tick| (0.0..=100.0).contains(&axis.place(*tick))));
        assert!(Axis::linear(std::iter::empty(), 1.0).is_none());
        let shares = Axis::logarithmic(&[1.0, 0.1, 0.1], 100.0);
        assert_eq!(shares.ticks, [0.1, 1.0]);
        assert!((shares.place(0.1) + shares.place(1.0) - 100.0).abs() < 1e-9);
        assert_eq!((shares.text(0.1), shares.text(1.0)), ("10%".into(), "100%".into()));
    }

    #[test]
    fn the_ends_of_a_fixed_axis_have_ticks() {
        let axis = Axis::between(0.0, 1.0, 100.0);
        let texts: Vec<String> = axis.ticks.iter().map(|tick| axis.text(*tick)).collect();
        assert_eq!(texts, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!((axis.place(0.0), axis.place(1.0)), (0.0, 100.0));
        assert_eq!(Axis::epochs(20, 1.0).ticks, [5.0, 10.0, 15.0, 20.0]);
        assert_eq!(Axis::epochs(1, 1.0).ticks, [1.0]);
        for value in [0.5, -3.0, 1e9, 0.0] {
            let one = Axis::linear([value, value].into_iter(), 100.0).unwrap();
            assert!((one.place(value) - 50.0).abs() < 1e-6 && (1..8).contains(&one.ticks.len()), "{value}");
        }
    }
}
