//! Features of backbones that hold still, which stages share: a probe's are those of the epochs in which a gradual freeze
//! holds the same backbone, and one graft's those of another that has it too.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::examples::Examples;
use crate::data::Dataset;
use crate::nn::Network;
use crate::ops::Backend;

/// Numbers that are kept at most; those that came first go first.
const ROOM: usize = 1 << 24;

/// What is known so far, in the memory of this process.
#[derive(Debug, Default)]
pub struct Features {
    known: Mutex<VecDeque<Known>>,
}

/// Features of all rows of some examples, (rows, features).
#[derive(Debug)]
struct Known {
    key: [u8; 32],
    values: Arc<Vec<f32>>,
    /// The records whose place in memory is part of the key: while they are held no others come to lie there.
    _records: Vec<Arc<Dataset>>,
}

impl Features {
    /// Those that were kept under this key.
    pub(super) fn get(&self, key: &[u8; 32]) -> Option<Arc<Vec<f32>>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|known| known.key == *key).map(|known| known.values.clone())
    }

    /// Keeps them.
    pub(super) fn keep(&self, key: [u8; 32], values: Arc<Vec<f32>>, records: Vec<Arc<Dataset>>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_back(Known { key, values, _records: records });
        while known.iter().map(|known| known.values.len()).sum::<usize>() > ROOM {
            known.pop_front();
        }
    }
}

/// What decides the features of backbone `number` of `net` on `examples`; `scope` names the architecture and what else its
/// values do not tell.
pub(super) fn key<D: Backend>(scope: &str, net: &mut Network<D>, number: usize, examples: &Examples<'_>) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(scope.as_bytes());
    net.visit(|place, param| {
        if place.backbone == Some(number) {
            digest.update(format!("{:?}", param.shape).as_bytes());
            param.to_vec().iter().for_each(|value| digest.update(value.to_le_bytes()));
        }
    });
    examples.identify(&mut |bytes| digest.update(bytes));
    digest.finalize().into()
}
