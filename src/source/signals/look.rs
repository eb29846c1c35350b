//! What a file of signals says of itself.

/// What a file of signals says of itself; nothing in it is guessed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// The format: `WFDB`, `CSV`, `NumPy`, `HDF5`, `MATLAB 5` ...
    pub format: &'static str,
    /// The numeric arrays in it.
    pub arrays: Vec<Array>,
    /// Samples per second, Hz.
    pub sampling_rate: Option<f64>,
    /// The leads as the file calls them, in its order; empty where it does not name them.
    pub leads: Vec<String>,
    /// The unit of the first lead, as written.
    pub unit: Option<String>,
    /// Steps of a sample per unit, of the first lead.
    pub gain: Option<f64>,
    /// Samples of each lead.
    pub samples: Option<usize>,
    /// Records in the file: more than 1 where it is a file for many.
    pub entries: Option<usize>,
    /// What the header says beside, such as `Age: 74` and `Dx: 426783006` of WFDB; without `#`.
    pub comments: Vec<String>,
}

/// An array of numbers in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// What it is called there, with `/` between groups or fields; empty where it has no name.
    pub name: String,
    /// Its dimensions, from the slowest to the fastest in the way of C.
    pub shape: Vec<usize>,
    /// The type of its numbers as NumPy spells it: `f4`, `i2`.
    pub of: String,
}
