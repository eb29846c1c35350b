//! `gradual_thaw`: blocks thaw one by one, those next to the head first (Howard and Ruder 2018). For tests, and the
//! example of `docs/adding/freeze-rule.md`.

use super::{FreezeFaults, FreezeKey, FreezeRule};
use crate::declare::{Key, Value as _, count, table};

table! {
    /// Blocks thaw one by one, the last one first.
    pub struct GradualThaw {
        /// How long until the next block thaws; the first thaws after as long.
        pub every: usize = 1 in count(1.0, 1e6), unit "epochs";
    }
}

impl GradualThaw {
    /// The first epoch in which the block at `place` of `count` trains.
    fn thaw(&self, place: usize, count: usize) -> usize {
        self.every.saturating_mul(count - place)
    }
}

impl FreezeKey for GradualThaw {
    const KEY: Key = Key::optional(
        "",
        Self::TYPE,
        "blocks do not thaw one by one",
        r#"{ "every": 2 }"#,
        "Blocks hold still first, and thaw one by one, the last one first (Howard 2018).",
    );
}

impl FreezeRule for GradualThaw {
    fn freezes_any(&self) -> bool {
        true
    }

    fn freezes(&self, epoch: usize, block: &str, blocks: &[String]) -> bool {
        let place = blocks.iter().position(|known| known == block);
        place.is_some_and(|place| epoch < self.thaw(place, blocks.len()))
    }

    fn thaws(&self, blocks: &[String]) -> Vec<usize> {
        (0..blocks.len()).rev().map(|place| self.thaw(place, blocks.len())).collect()
    }

    fn check(&self, faults: &mut FreezeFaults<'_>) {
        let Some(epochs) = faults.epochs() else { return };
        for (architecture, blocks) in faults.architectures() {
            let last = self.thaw(0, blocks.len());
            if last >= epochs {
                let message = format!(
                    "the first block of architecture `{architecture}` never thaws: that were after epoch {last}, and \
                     the transfer stage has {epochs}"
                );
                faults.tell(&["gradual_thaw", "every"], message);
            }
        }
    }
}
