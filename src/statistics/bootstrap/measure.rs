//! Numbers of weighted records, many weightings at once.

/// Weightings that are worked on at once, side by side in vectors.
pub const LANES: usize = 16;

/// One number for each weighting that is worked on.
pub type Lanes<T> = [T; LANES];

/// A number of records, made ready to be had on any weighting of them.
pub trait Measure: Send + Sync {
    /// Number of records.
    fn records(&self) -> usize;

    /// The number for [`LANES`] weightings, one row of weights for each record; NaN where it is not defined.
    fn on(&self, weights: &[Lanes<f32>]) -> Lanes<f64>;

    /// The number on the records as they are; `None` where it is not defined.
    fn value(&self) -> Option<f64> {
        let value = self.on(&vec![[1.0; LANES]; self.records()])[0];
        (!value.is_nan()).then_some(value)
    }
}

/// The weighted mean of a number of each record.
#[derive(Clone, Debug)]
pub struct Mean(pub Vec<f64>);

impl Measure for Mean {
    fn records(&self) -> usize {
        self.0.len()
    }

    fn on(&self, weights: &[Lanes<f32>]) -> Lanes<f64> {
        let (mut sum, mut total) = ([0f64; LANES], [0f64; LANES]);
        for (row, value) in weights.iter().zip(&self.0) {
            for lane in 0..LANES {
                sum[lane] += f64::from(row[lane]) * value;
                total[lane] += f64::from(row[lane]);
            }
        }
        std::array::from_fn(|lane| sum[lane] / total[lane])
    }
}

/// Lane by lane the mean of what is not NaN.
pub fn mean_of_defined(values: impl Iterator<Item = Lanes<f64>>) -> Lanes<f64> {
    let (mut sum, mut count) = ([0f64; LANES], [0f64; LANES]);
    for of in values {
        for lane in 0..LANES {
            if !of[lane].is_nan() {
                sum[lane] += of[lane];
                count[lane] += 1.0;
            }
        }
    }
    std::array::from_fn(|lane| sum[lane] / count[lane])
}

/// Adds the weights of `records` to `sum`.
pub fn add(sum: &mut Lanes<f32>, records: &[u32], weights: &[Lanes<f32>]) {
    for &record in records {
        let row = &weights[record as usize];
        for lane in 0..LANES {
            sum[lane] += row[lane];
        }
    }
}
