//! Optimisers on the GPU: addresses are collected, then one launch works on all parameters.

use super::{EPS, EPS_OF_NORM, Kernel, ParamUpdate, Rule};
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch};
use crate::ops::step::sum;
use crate::tensor::{Cuda, Flat, ParamMemory, address, address_of_memory, length, length_of_memory};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("update", include_str!("update.cu"))];

/// Values that a block works on, as in `update.cu`.
const CHUNK: usize = 2048;

/// A table of parameters that a kernel goes through.
#[derive(Debug, Default)]
pub struct Table {
    /// What the kernel reads, entry after entry.
    words: Vec<u32>,
    entries: usize,
    chunks: usize,
}

impl Table {
    /// Adds an entry: addresses, the number of values, that of the first chunk, other numbers.
    fn push(&mut self, addresses: &[u64], count: usize, numbers: &[f32]) -> OnCuda<()> {
        if count == 0 {
            return Ok(());
        }
        self.words.extend(addresses.iter().flat_map(|address| [*address as u32, (*address >> 32) as u32]));
        for size in [count, self.chunks] {
            self.words.push(int(size)?.cast_unsigned());
        }
        self.words.extend(numbers.iter().map(|number| number.to_bits()));
        self.entries += 1;
        self.chunks += count.div_ceil(CHUNK);
        Ok(())
    }

    /// On the device, and a block for each chunk.
    fn upload(&mut self) -> OnCuda<(Buffer, Grid)> {
        let words = std::mem::take(&mut self.words);
        Ok((Buffer::upload_words(words.into_iter())?, Grid::new(self.chunks, 256)))
    }

    /// Adds the norm of all that is in the uploaded `table` to `norms`; the factor that brings it below `most`.
    fn measured(&self, table: &Buffer, grid: Grid, most: f64, norms: &mut Buffer) -> OnCuda<Buffer> {
        let (squares, factor) = (Buffer::stale(2 * self.chunks)?, Buffer::stale(1)?);
        launch!("clip_squares", grid; table.address(), int(self.entries)?, squares.address())?;
        launch!(
            "clip_factor", Grid::new(1, 256);
            squares.address(), int(self.chunks)?, most, EPS_OF_NORM, factor.address(), norms.address()
        )?;
        Ok(factor)
    }
}

impl Kernel for Cuda {
    type Clip = Table;

    fn measure(&self, clip: &mut Table, gradient: &mut ParamMemory<Cuda>) -> OnCuda<()> {
        clip.push(&[address_of_memory(gradient)], length_of_memory(gradient), &[])
    }

    fn weigh(&self, clip: &mut Table, values: &Flat<Self>) -> OnCuda<()> {
        clip.push(&[address(values)], length(values), &[])
    }

    fn norm(&self, mut clip: Table) -> OnCuda<f64> {
        let (table, grid) = clip.upload()?;
        let mut norm = sum::Kernel::sum(self)?;
        clip.measured(&table, grid, 1.0, &mut norm)?;
        sum::Kernel::total(self, &norm)
    }

    fn settle(&self, clip: &mut Table, most: f64, norms: &mut Self::Sum) -> OnCuda<bool> {
        let (table, grid) = clip.upload()?;
        let factor = clip.measured(&table, grid, most, norms)?;
        launch!("clip_shrink", grid; table.address(), int(clip.entries)?, factor.address())?;
        Ok(false)
    }

    fn shrink(&self, _: &Table, _: &mut ParamMemory<Cuda>) -> OnCuda<()> {
        Ok(())
    }

    fn pull(
        &self,
        gradient: &mut ParamMemory<Cuda>,
        strength: f32,
        weights: &Flat<Self>,
        origin: Option<&Flat<Self>>,
    ) -> OnCuda<()> {
        let count = length(weights);
        launch!(
            "update_pull", Grid::each(count);
            address_of_memory(gradient), strength, address(weights), origin.map_or(0, address), int(count)?
        )
    }

    type Queue = Table;

    fn update(&self, queue: &mut Table, rule: &Rule, one: ParamUpdate<'_, Self>) -> OnCuda<()> {
        let ParamUpdate { value, gradient, first, second, updates, rate } = one;
        let unbias = |betas: [f64; 2]| betas.map(|beta| (1.0 - (beta as f32).powi(updates)).recip());
        let (decay, [unbias1, unbias2]) = match *rule {
            Rule::Adam { betas, decay } => (decay, unbias(betas)),
            Rule::Adamw { betas, decay } => (decay * rate, unbias(betas)),
            Rule::Sgd { decay, .. } | Rule::Rmsprop { decay, .. } => (decay, [1.0; 2]),
        };
        let addresses =
            [address(value), address_of_memory(gradient), address_of_memory(first), address_of_memory(second)];
        queue.push(&addresses, length(value), &[rate as f32, decay as f32, unbias1, unbias2])
    }

    fn flush(&self, mut queue: Table, rule: &Rule) -> OnCuda<()> {
        let (table, grid) = queue.upload()?;
        let (table, entries, eps) = (table.address(), int(queue.entries)?, EPS as f32);
        match *rule {
            Rule::Adam { betas: [a, b], .. } => {
                launch!("update_adam", grid; table, entries, a as f32, b as f32, eps, false)
            }
            Rule::Adamw { betas: [a, b], .. } => {
                launch!("update_adam", grid; table, entries, a as f32, b as f32, eps, true)
            }
            Rule::Sgd { momentum, nesterov, .. } => {
                launch!("update_sgd", grid; table, entries, momentum as f32, nesterov)
            }
            Rule::Rmsprop { alpha, momentum, .. } => launch!(
                "update_rmsprop", grid;
                table, entries, alpha as f32, (1.0 - alpha) as f32, eps, momentum as f32
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Backend;
    use crate::ops::cuda_twins::gpu;
    use crate::ops::gradient_check::assert_close;
    use crate::ops::step::sum::Kernel as _;
    use crate::tensor::upstream::Storage;
    use crate::tensor::{Cpu, Gradients, Param};

    const SIZES: [usize; 5] = [3, 2048, 1, 5000, 4096];

    fn drawn(purpose: &str, count: usize) -> Vec<f32> {
        use rand::RngExt;
        let mut random = crate::seed::stream(1, purpose, count as u64);
        (0..count).map(|_| random.random::<f32>() - 0.5).collect()
    }

    fn zeros<D: Backend>(device: &D, len: usize) -> ParamMemory<D> {
        let mut zeros = <D as Storage<f32>>::try_alloc_len(device, len).ok().unwrap();
        device.try_fill_with_zeros(&mut zeros).ok().unwrap();
        zeros
    }

    /// Gradients of the parameters, `scale` times what is drawn for `step`: weights are added to nothing.
    fn gradients<D: Backend>(device: &D, params: &[Param<D>], step: usize, scale: f32) -> Gradients<D> {
        let mut gradients = Gradients::leaky();
        for param in params {
            let drawn =
                Param::new(device, param.shape.clone(), drawn(&format!("step {step}"), param.shape[0])).unwrap();
            let slot = gradients.get_or_alloc_mut(&param.value).ok().unwrap();
            device.pull(slot, scale, &drawn.value, None).ok().unwrap();
        }
        gradients
    }

    fn params<D: Backend>(device: &D) -> Vec<Param<D>> {
        SIZES.iter().map(|&size| Param::new(device, vec![size], drawn("weights", size)).unwrap()).collect()
    }

    /// Parameters after four steps whose gradients are clipped, the second parameter being left out of the first, and
    /// the sum of the norms.
    fn trained<D: Backend>(device: &D, rule: Rule, most: f64) -> (Vec<Vec<f32>>, f64) {
        let mut params = params(device);
        let mut moments: Vec<_> = SIZES.iter().map(|&size| (zeros(device, size), zeros(device, size), 0)).collect();
        let mut norms = device.sum().ok().unwrap();
        for step in 0..4 {
            let mut gradients = gradients(device, &params, step, 1.0 + step as f32);
            let mut clip = D::Clip::default();
            for param in &params {
                device.measure(&mut clip, gradients.get_or_alloc_mut(&param.value).ok().unwrap()).ok().unwrap();
            }
            if device.settle(&mut clip, most, &mut norms).ok().unwrap() {
                for param in &params {
                    device.shrink(&clip, gradients.get_or_alloc_mut(&param.value).ok().unwrap()).ok().unwrap();
                }
            }
            let mut queue = D::Queue::default();
            for (number, (param, (first, second, updates))) in params.iter_mut().zip(&mut moments).enumerate() {
                if (step, number) == (0, 1) {
                    continue;
                }
                *updates += 1;
                let gradient = gradients.get_or_alloc_mut(&param.value).ok().unwrap();
                let rate = 0.02 / (1.0 + number as f64);
                let one = ParamUpdate { value: &mut param.value, gradient, first, second, updates: *updates, rate };
                device.update(&mut queue, &rule, one).ok().unwrap();
            }
            device.flush(queue, &rule).ok().unwrap();
        }
        (params.iter().map(Param::to_vec).collect(), device.total(&norms).ok().unwrap())
    }

    #[test]
    fn every_optimizer_and_clipping_are_the_cpus() {
        let (betas, quick) = ([0.9, 0.999], [0.8, 0.95]);
        for rule in [
            Rule::Adam { betas, decay: 0.0 },
            Rule::Adam { betas: quick, decay: 0.1 },
            Rule::Adamw { betas, decay: 0.3 },
            Rule::Sgd { momentum: 0.0, nesterov: false, decay: 0.0 },
            Rule::Sgd { momentum: 0.9, nesterov: false, decay: 0.2 },
            Rule::Sgd { momentum: 0.9, nesterov: true, decay: 0.2 },
            Rule::Rmsprop { alpha: 0.99, momentum: 0.0, decay: 0.0 },
            Rule::Rmsprop { alpha: 0.9, momentum: 0.8, decay: 0.2 },
        ] {
            for most in [0.5, 60.0, 1e9] {
                let (found, norms) = trained(&gpu(), rule, most);
                let (expected, theirs) = trained(&Cpu::default(), rule, most);
                assert!((norms - theirs).abs() < 1e-6 * theirs, "{rule:?}: {norms} {theirs}");
                for (ours, theirs) in found.iter().zip(&expected) {
                    assert_close(&format!("{rule:?}, {most}"), ours, theirs, 5e-6);
                }
                assert!(trained(&gpu(), rule, most) == (found, norms), "{rule:?}: two runs differ");
            }
        }
    }

    #[test]
    fn an_empty_queue_moves_nothing() {
        let gpu = gpu();
        gpu.flush(Table::default(), &Rule::Adam { betas: [0.9, 0.999], decay: 0.0 }).unwrap();
        let mut norms = gpu.sum().unwrap();
        gpu.settle(&mut Table::default(), 1.0, &mut norms).unwrap();
        assert_eq!(gpu.total(&norms).unwrap(), 0.0);
    }

    #[test]
    fn the_pull_is_the_cpus() {
        fn pulled<D: Backend>(device: &D) -> Vec<f32> {
            let params = params(device);
            let origin = Param::new(device, vec![5000], drawn("origin", 5000)).unwrap();
            let mut gradients = gradients(device, &params, 0, 1.0);
            let gradient = gradients.get_or_alloc_mut(&params[3].value).ok().unwrap();
            device.pull(gradient, 0.3, &params[3].value, Some(&origin.value)).ok().unwrap();
            gradients.get(&params[3].value).as_vec()
        }
        assert_close("pull", &pulled(&gpu()), &pulled(&Cpu::default()), 1e-6);
    }
}
