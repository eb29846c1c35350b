//! The sum on the GPU.

use super::{Kernel, Part, Parts};
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch, reading};
use crate::tensor::{Cuda, Gradient};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("excite", include_str!("excite.cu"))];

impl Kernel for Cuda {
    fn excite(&self, parts: Parts<'_, Cuda>) -> OnCuda<Buffer> {
        let Parts { x, gates, beside, stride } = parts;
        let count = x.values.len();
        let y = Buffer::stale(count)?;
        launch!("excite", Grid::each(count); x.values.address(), reading(x.norm), gates.values.address(),
            beside.values.address(), reading(beside.norm), y.address(), int(count)?, int(x.shape.1)?, int(x.shape.2)?,
            int(beside.shape.1)?, int(beside.shape.2)?, int(stride)?, int(parts.before())?, int(parts.margin())?)?;
        Ok(y)
    }

    fn excite_gradient(
        &self,
        parts: Parts<'_, Cuda>,
        of: Part,
        gy: &Buffer,
        gradient: &mut Gradient<Cuda>,
    ) -> OnCuda<()> {
        let Parts { x, gates, beside, stride } = parts;
        let (to, add, count) = (gradient.values.address(), !gradient.fresh, gradient.values.len());
        let (length, channels) = (int(x.shape.1)?, int(x.shape.2)?);
        match of {
            Part::X => {
                launch!("excite_gradient_x", Grid::each(count); gates.values.address(), gy.address(), to, int(count)?,
                    length, channels, add)
            }
            Part::Gates => {
                launch!("excite_gradient_gates", Grid::each(count); x.values.address(), reading(x.norm),
                    gates.values.address(), gy.address(), to, int(count)?, length, channels, add)
            }
            Part::Beside => {
                launch!("excite_gradient_beside", Grid::each(count); beside.values.address(), reading(beside.norm),
                    gy.address(), to, int(count)?, length, channels, int(beside.shape.1)?, int(beside.shape.2)?,
                    int(stride)?, int(parts.before())?, int(parts.margin())?, add)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::cuda_twins::{normalized, twin};
    use crate::ops::layers::excite::excite;

    twin!(as_wide, [[2, 19, 5], [2, 1, 5], [2, 19, 5]], |trace, inputs| {
        excite(trace, &inputs[0].var, &inputs[1].var, &inputs[2].var, 1)
    });
    twin!(wider_and_shorter, [[2, 10, 8], [2, 1, 8], [2, 19, 5]], |trace, inputs| {
        excite(trace, &inputs[0].var, &inputs[1].var, &inputs[2].var, 2)
    });
    twin!(with_windows_before_the_record, [[2, 7, 3], [2, 1, 3], [2, 19, 3]], |trace, inputs| {
        excite(trace, &inputs[0].var, &inputs[1].var, &inputs[2].var, 3)
    });
    twin!(excited_through_norms, [[2, 19, 5], [5], [5], [2, 1, 5]], |trace, inputs| {
        let x = normalized(trace, inputs)?;
        excite(trace, &x, &inputs[3].var, &x, 1)
    });
}
