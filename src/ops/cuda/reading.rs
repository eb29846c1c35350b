//! How kernels read an activation: through the batch norm that is deferred to its readers.

use crate::ops::cuda::error::{OnCuda, int};
use crate::ops::cuda::kernel::{Grid, ReadingArgument};
use crate::ops::cuda::launch::launch;
use crate::ops::cuda::memory::Buffer;
use crate::tensor::{Cuda, DeferredNorm, View};

/// How kernels read through `norm`.
pub(in crate::ops) fn reading(norm: Option<&DeferredNorm<Cuda>>) -> ReadingArgument {
    match norm {
        None => ReadingArgument { norm: 0, channels: 0, relu: 0 },
        Some(norm) => ReadingArgument {
            norm: norm.values.address(),
            channels: (norm.values.len() / 4) as i32,
            relu: norm.mode.relu.into(),
        },
    }
}

/// What readers see, in memory of its own.
pub(in crate::ops) fn materialized(x: View<'_, Cuda>) -> OnCuda<Buffer> {
    let count = x.shape.0 * x.shape.1 * x.shape.2;
    let to = Buffer::stale(count)?;
    launch!("read_through", Grid::each(count); x.values.address(), reading(x.norm), to.address(), int(count)?)?;
    Ok(to)
}
