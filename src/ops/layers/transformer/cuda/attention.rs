//! Attention on the GPU, between the two layers of its branch.

use crate::ops::cpu::philox::Dropping;
use crate::ops::cuda::{Buffer, Grid, OnCuda, int, launch};

/// The heads of all records: of each, `length` queries, keys and values of `width` channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub records: usize,
    pub count: usize,
    pub length: usize,
    pub width: usize,
}

/// What the backward pass needs beside queries, keys and values.
#[derive(Debug)]
pub(super) struct Kept {
    /// What was attended to, (records, length, dim).
    pub out: Buffer,
    /// Of each query, see attention.cu.
    statistics: Buffer,
    dropped: Option<Dropped>,
}

/// Dropout of the weights: a bit for each, true where it stays.
#[derive(Debug)]
struct Dropped {
    bits: Buffer,
    scale: f32,
}

/// How attention.cu works on some heads.
struct Form {
    /// What the kernels' names end in: channels of a thread.
    width: usize,
    /// Threads of a token.
    lanes: usize,
    /// Tokens in shared memory at once.
    tile: usize,
    grid: Grid,
}

impl Heads {
    /// # Panics
    /// Where a head is too wide.
    fn form(self) -> Form {
        let width = [8, 16, 32].into_iter().find(|width| self.width <= *width).unwrap_or(32);
        let lanes = self.width.div_ceil(width).next_power_of_two();
        assert!(lanes <= 32, "heads of {} channels; at most 1,024 will do", self.width);
        let threads = (self.length * lanes).min(128).next_multiple_of(32);
        let blocks = [self.records * self.count, self.length.div_ceil(threads / lanes), 1];
        // Of a token two rows and four numbers; 48 KiB need not be asked for.
        let of_token = 4 * (2 * lanes * (width + 4) + 4);
        let most = ((48 << 10) / of_token / 8 * 8).clamp(8, 64);
        let tile = self.length.next_multiple_of(8).min(most);
        Form { width, lanes, tile, grid: Grid { blocks, threads: [threads, 1], shared: tile * of_token } }
    }

    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    /// Values of all heads' outputs.
    fn outputs(self) -> usize {
        self.records * self.length * self.count * self.width
    }

    /// Queries of all heads.
    fn queries(self) -> usize {
        self.records * self.count * self.length
    }

    /// Words of a head's dropout: rows of whole vectors on the CPU, by 256.
    fn words(self) -> usize {
        (self.length * self.length.next_multiple_of(16)).div_ceil(256) * 8
    }

    fn dropped(self, dropping: Option<Dropping>) -> OnCuda<Option<Dropped>> {
        let Some(dropping) = dropping else { return Ok(None) };
        let (heads, words) = (self.records * self.count, self.words());
        let bits = Buffer::stale(heads * words)?;
        let grid = Grid { blocks: [heads, words.div_ceil(8 * 8), 1], threads: [256, 1], shared: 0 };
        let [key, key_high] = dropping.key.map(u32::cast_signed);
        launch!("attention_bits", grid; bits.address(), int(self.count)?, int(words)?, key, key_high,
            dropping.threshold.cast_signed())?;
        Ok(Some(Dropped { bits, scale: dropping.scale }))
    }

    /// What is attended to of `qkv` (records, length, 3, heads, width).
    pub fn forward(self, qkv: &Buffer, dropping: Option<Dropping>) -> OnCuda<Kept> {
        let Form { width, lanes, tile, grid } = self.form();
        let out = Buffer::stale(self.outputs())?;
        let statistics = Buffer::stale(2 * self.queries())?;
        let dropped = self.dropped(dropping)?;
        let (bits, scale) = places(&dropped);
        launch!(&format!("attention_forward_{width}"), grid; qkv.address(), out.address(), statistics.address(), bits,
            int(4 * self.words())?, scale, int(self.count)?, int(self.length)?, int(self.width)?, int(lanes)?, int(tile)?,
            self.scale())?;
        Ok(Kept { out, statistics, dropped })
    }

    /// The gradient of `qkv`, from `g`, that of the output.
    pub fn gradient(self, qkv: &Buffer, kept: &Kept, g: &Buffer) -> OnCuda<Buffer> {
        let Form { width, lanes, tile, grid } = self.form();
        let of_qkv = Buffer::stale(3 * self.outputs())?;
        let means = Buffer::stale(self.queries())?;
        let (bits, scale) = places(&kept.dropped);
        launch!(&format!("attention_of_queries_{width}"), grid; qkv.address(), kept.out.address(), g.address(),
            kept.statistics.address(), means.address(), of_qkv.address(), bits, int(4 * self.words())?, scale,
            int(self.count)?, int(self.length)?, int(self.width)?, int(lanes)?, int(tile)?, self.scale())?;
        launch!(&format!("attention_of_keys_{width}"), grid; qkv.address(), g.address(), kept.statistics.address(),
            means.address(), of_qkv.address(), bits, int(4 * self.words())?, scale, int(self.count)?, int(self.length)?,
            int(self.width)?, int(lanes)?, int(tile)?, self.scale())?;
        Ok(of_qkv)
    }
}

/// Where the bits are, and what the weights that stay are multiplied by.
fn places(dropped: &Option<Dropped>) -> (u64, f32) {
    dropped.as_ref().map_or((0, 1.0), |dropped| (dropped.bits.address(), dropped.scale))
}
