//! What a stage will cost, in comparable units, for the ETA.

use crate::manifest::{Architecture, RecurrentConfig};
use crate::ops::recurrent::Cell;
use crate::plan::{Plan, Stage, StageKind};

/// Records of a source whose number is not known before it is read.
const TYPICAL_RECORDS: f64 = 2000.0;

/// Epochs x records x multiplications of one record.
pub(super) fn of(plan: &Plan, stage: &Stage) -> f64 {
    let manifest = &plan.experiments[stage.experiment];
    let Some(architecture) = manifest.architectures.get(&stage.architecture) else { return 1.0 };
    let one = multiplications(architecture, manifest.signal.leads.len(), manifest.signal.length());
    let records = |mix: &str| {
        manifest.mixes.get(mix).and_then(|mix| mix.records).map_or(TYPICAL_RECORDS, |records| records as f64)
    };
    match &stage.kind {
        StageKind::Regression { mix, .. } => manifest.regression.epochs as f64 * records(mix) * one,
        StageKind::Classification { mix } => manifest.classification.training.epochs as f64 * records(mix) * one,
        StageKind::Transfer { backbones, freeze, label_fraction, .. } => {
            let backbones = *backbones as f64;
            let whole = freeze.as_ref().and_then(|name| manifest.freezes.get(name)).is_some_and(|freeze| {
                freeze
                    .steps
                    .first()
                    .is_some_and(|step| step.epochs.is_none() && step.blocks.iter().any(|block| block == "*"))
            });
            let epochs = if whole { 1.0 } else { manifest.transfer.epochs as f64 };
            epochs * label_fraction * TYPICAL_RECORDS * backbones * one
        }
    }
}

/// Multiplications of the convolutions, linear layers, attention and recurrent layers for one record.
fn multiplications(architecture: &Architecture, leads: usize, length: usize) -> f64 {
    let count = match architecture {
        Architecture::Cnn(config) => {
            let (mut inputs, mut length, mut sum) = (leads, length, 0);
            for (outputs, kernel) in config.channels.iter().zip(&config.kernels) {
                sum += inputs * outputs * kernel * length;
                (inputs, length) = (*outputs, length / 2);
            }
            sum
        }
        Architecture::Inception1d(config) => {
            let taps: usize = config.kernels().iter().sum();
            let width = 4 * config.filters;
            let block = width * (config.bottleneck + config.filters) + config.bottleneck * config.filters * taps;
            config.depth * (block + width * width / 3) * length
        }
        Architecture::Resnet1d(config) => {
            let (width, taps) = (config.width, config.kernels.iter().sum::<usize>());
            let (mut length, mut sum) = (length, leads * width * config.stem_kernel * length);
            for block in 0..config.blocks {
                // After the first block there is a shortcut of one tap.
                let shortcut = usize::from(block > 0);
                length = length.div_ceil(1 + shortcut);
                sum += width * width * (taps + shortcut) * length;
            }
            sum
        }
        Architecture::Xresnet1d(config) => {
            let (width, kernel) = (config.width, config.kernel);
            let [a, b, c] = config.stem();
            let (mut length, mut sum) = (length.div_ceil(4), (leads * a + a * b + b * c) * kernel * length.div_ceil(2));
            let block = if config.has_bottlenecks() { 8 + kernel } else { 2 * kernel };
            for blocks in config.stages() {
                sum += blocks * block * width * width * length;
                length = length.div_ceil(2);
            }
            sum
        }
        Architecture::Vit(config) => {
            let (patches, dim) = (length / config.patch, config.dim);
            let block = dim * (4 * dim + 2 * config.mlp) + 2 * patches * dim;
            patches * (leads * config.patch * dim + config.depth * block)
        }
        Architecture::Rnn(config) => recurrent(config, Cell::Rnn, leads) * length,
        Architecture::Lstm(config) => recurrent(config, Cell::Lstm, leads) * length,
        Architecture::Gru(config) => recurrent(config, Cell::Gru, leads) * length,
    };
    count as f64
}

/// Multiplications of all layers for one sample.
fn recurrent(config: &RecurrentConfig, cell: Cell, leads: usize) -> usize {
    let width = config.hidden * config.directions();
    let inputs = leads + (config.layers - 1) * width;
    cell.gates() * width * (inputs + config.layers * config.hidden)
}
