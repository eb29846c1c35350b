//! From values to places.

/// An axis: where values lie on it, and where it has ticks.
pub(super) struct Axis {
    low: f64,
    high: f64,
    length: f64,
    logarithmic: bool,
    /// Values with a tick.
    pub ticks: Vec<f64>,
    decimals: usize,
}

impl Axis {
    /// From below the smallest of `values` to above the largest, with ticks at multiples of 1, 2 or 5 times
    /// a power of ten; none without finite values.
    pub(super) fn linear(values: impl Iterator<Item = f64>, length: f64) -> Option<Self> {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return None;
        }
        let spread = (high - low).max(0.01);
        let (low, high) = (low - 0.05 * spread, high + 0.05 * spread);
        let power = 10f64.powf(((high - low) / 5.0).log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| (high - low) / step <= 6.0);
        let step = step.unwrap_or(10.0 * power);
        let first = (low / step).ceil() as i64;
        let ticks = (first..).map(|number| number as f64 * step).take_while(|tick| *tick <= high).collect();
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        Some(Self { low, high, length, logarithmic: false, ticks, decimals })
    }

    /// With a tick at each of `values`, which are above 0; their logarithms are evenly spaced, away from the ends.
    pub(super) fn logarithmic(values: &[f64], length: f64) -> Self {
        let mut ticks = values.to_vec();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let (low, high) = (ticks.first().map_or(1.0, |low| low.ln()), ticks.last().map_or(1.0, |high| high.ln()));
        let room = 0.12 * (high - low).max(1.0);
        Self { low: low - room, high: high + room, length, logarithmic: true, ticks, decimals: 0 }
    }

    /// How far from the start, px.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.ln() } else { value };
        (value - self.low) / (self.high - self.low) * self.length
    }

    /// A tick's label.
    pub(super) fn text(&self, tick: f64) -> String {
        format!("{tick:.*}", self.decimals)
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
    }
}
