//! Which blocks hold still in which epoch, and their learning rates.

use crate::manifest::{Freeze, FreezeStep, glob_matches};
use crate::nn::Hold;

/// The step that rules `epoch` (from 0); none after the last.
fn step(freeze: &Freeze, epoch: usize) -> Option<(usize, &FreezeStep)> {
    let mut end = 0;
    freeze.steps.iter().enumerate().find(|(_, step)| match step.epochs {
        Some(epochs) => {
            end += epochs;
            epoch < end
        }
        None => true,
    })
}

/// The number of the step that rules `epoch` (from 0), `None` once everything is trained.
pub(super) fn phase(freeze: &Freeze, epoch: usize) -> Option<usize> {
    step(freeze, epoch).map(|(index, _)| index)
}

/// How `block` is held in `epoch` (from 0).
pub(super) fn hold(freeze: &Freeze, epoch: usize, block: &str) -> Hold {
    let frozen =
        step(freeze, epoch).is_some_and(|(_, step)| step.blocks.iter().any(|pattern| glob_matches(pattern, block)));
    Hold { frozen, batch_norm: freeze.batch_norm }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other_and_end() {
        let step =
            |blocks: &[&str], epochs| FreezeStep { blocks: blocks.iter().map(|b| b.to_string()).collect(), epochs };
        let mut freeze =
            Freeze { steps: vec![step(&["block*"], Some(2)), step(&["block1"], Some(1))], ..Freeze::default() };
        freeze.learning_rate_scale.insert("block*".into(), 0.1);
        freeze.learning_rate_scale.insert("block2".into(), 0.5);
        let frozen = |epoch| ["block1", "block2"].map(|block| hold(&freeze, epoch, block).frozen);
        assert_eq!([0, 1, 2, 3].map(frozen), [[true, true], [true, true], [true, false], [false, false]]);
        assert_eq!([0, 1, 2, 3].map(|epoch| phase(&freeze, epoch)), [Some(0), Some(0), Some(1), None]);
        assert_eq!(["block1", "block2", "head"].map(|block| freeze.scale(block)), [0.1, 0.5, 1.0]);
        freeze.steps = vec![step(&["*"], None)];
        assert!(hold(&freeze, 1000, "block1").frozen);
    }
}
