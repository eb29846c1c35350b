//! What a rule of a freeze can say.

use super::FreezeFaults;
use crate::declare::Key;

/// One key of a freeze, and what it does to a training. What is not said otherwise does nothing.
///
/// Epochs are counted from 0. `blocks` are the names of the backbone's blocks from the input up; the head is not among
/// them.
pub(crate) trait FreezeRule {
    /// Whether the key is left out of a stage's settings: of one that came later, where it is not written, so that stages
    /// without it keep their ids. An `Option` is left out where it is none.
    fn is_left_out(&self) -> bool {
        false
    }

    /// Whether some block holds still for some time.
    fn freezes_any(&self) -> bool {
        false
    }

    /// Whether all blocks hold still to the end: their features are computed once, and the stage costs less.
    fn freezes_all(&self) -> bool {
        false
    }

    /// Whether `block` holds still in `epoch`.
    fn freezes(&self, _epoch: usize, _block: &str, _blocks: &[String]) -> bool {
        false
    }

    /// The epochs that are the first after something held still, in any order: patience counts anew at each.
    fn thaws(&self, _blocks: &[String]) -> Vec<usize> {
        Vec::new()
    }

    /// The factor on the learning rate of a block, or of `head`.
    fn learning_rate(&self, _block: &str) -> f64 {
        1.0
    }

    /// Tells what no range of a single key says.
    fn check(&self, _faults: &mut FreezeFaults<'_>) {}
}

/// A rule's key in a manifest.
pub(crate) trait FreezeKey {
    /// Its type, default and meaning; its name is that of the list.
    const KEY: Key;
}

/// A rule that may not be written.
impl<R: FreezeRule> FreezeRule for Option<R> {
    fn is_left_out(&self) -> bool {
        self.is_none()
    }

    fn freezes_any(&self) -> bool {
        self.as_ref().is_some_and(R::freezes_any)
    }

    fn freezes_all(&self) -> bool {
        self.as_ref().is_some_and(R::freezes_all)
    }

    fn freezes(&self, epoch: usize, block: &str, blocks: &[String]) -> bool {
        self.as_ref().is_some_and(|rule| rule.freezes(epoch, block, blocks))
    }

    fn thaws(&self, blocks: &[String]) -> Vec<usize> {
        self.as_ref().map_or_else(Vec::new, |rule| rule.thaws(blocks))
    }

    fn learning_rate(&self, block: &str) -> f64 {
        self.as_ref().map_or(1.0, |rule| rule.learning_rate(block))
    }

    fn check(&self, faults: &mut FreezeFaults<'_>) {
        self.iter().for_each(|rule| rule.check(faults));
    }
}

impl<R: FreezeKey> FreezeKey for Option<R> {
    const KEY: Key = R::KEY;
}
