//! What a training step does beside the network: it gathers a batch, measures the loss, works on a batch in parts, and
//! moves the parameters. Each folder is laid out like those of [`layers`](super::layers).

pub mod gather;
pub mod loss;
pub mod micro_batches;
pub mod sum;
pub mod update;
