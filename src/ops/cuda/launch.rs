//! Launches of kernels by name.

use crate::ops::cuda::error::OnCuda;
use crate::ops::cuda::kernel::{Argument, Grid};
use crate::ops::cuda::machine::machine;

/// Queues kernel `name`; nothing where there is no block. Macro arguments are turned into [`Argument`]s.
macro_rules! launch {
    ($name:expr, $grid:expr; $($argument:expr),* $(,)?) => {
        $crate::ops::cuda::queue($name, $grid, &mut [$($crate::ops::cuda::Argument::from($argument)),*])
    };
}
pub(in crate::ops) use launch;

/// Queues kernel `name`.
///
/// # Panics
/// Where there is no such kernel or it takes other kinds of arguments: a fault of ours.
pub(in crate::ops) fn queue(name: &str, grid: Grid, arguments: &mut [Argument]) -> OnCuda<()> {
    let machine = machine()?;
    let function = machine.function(name).unwrap_or_else(|| panic!("no kernel {name}"));
    function.queue(name, &machine.device, grid, arguments)
}
