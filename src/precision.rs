//! The number format of products on a GPU.

use serde::{Deserialize, Serialize};

/// Number format of CUDA convolutions and matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 10-bit mantissa inputs, f32 sums.
    Tf32,
    /// Full f32.
    F32,
}
