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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::manifest::{Freeze, Manifest, parse, schema};

    fn manifest(rule: &str, epochs: usize) -> Result<Manifest, Vec<String>> {
        let text = format!(
            "name = 'a'\n[sources.p]\nkind = 'ptb-xl'\npath = 'data'\nfeatures = 'f.csv'\n[mixes.all]\nparts = [{{ source = 'p' }}]\n\
             [architectures.small]\nkind = 'cnn'\nchannels = [4, 4, 4]\nkernels = [3, 3, 3]\n[freezes.slow]\n{rule}\n\
             [transfer]\nepochs = {epochs}\n[trials]\nfreeze = ['none', 'slow']\n"
        );
        let told = |problems: Vec<crate::manifest::Diagnostic>| problems.into_iter().map(|one| one.message).collect();
        parse(Path::new("a.toml"), &text, &|_| None).map_err(told)
    }

    #[test]
    fn manifests_know_it() {
        let found = manifest("gradual_thaw = { every = 2 }", 20).unwrap().freezes["slow"].clone();
        assert_eq!(found, Freeze { gradual_thaw: Some(GradualThaw { every: 2 }), ..Freeze::default() });
        assert_eq!(manifest("gradual_thaw = {}", 20).unwrap().freezes["slow"].gradual_thaw.as_ref().unwrap().every, 1);
        let never = "the first block of architecture `small` never thaws: that were after epoch 6, and the transfer \
                     stage has 6";
        assert_eq!(manifest("gradual_thaw = { every = 2 }", 6).unwrap_err(), [never]);
        assert!(manifest("gradual_thaw = { evry = 2 }", 20).unwrap_err()[0].contains("did you mean `every`?"));
        let key = &schema()["properties"]["freezes"]["additionalProperties"]["properties"]["gradual_thaw"];
        assert_eq!(key["properties"]["every"]["default"], 1, "{key}");
    }

    #[test]
    fn blocks_thaw_from_the_head_down() {
        let freeze = manifest("gradual_thaw = { every = 2 }", 20).unwrap().freezes["slow"].clone();
        let blocks = ["block1", "block2", "block3"].map(str::to_owned);
        let frozen = |epoch| blocks.each_ref().map(|block| freeze.freezes(epoch, block, &blocks));
        assert_eq!([frozen(0), frozen(1)], [[true; 3]; 2]);
        assert_eq!([frozen(2), frozen(3)], [[true, true, false]; 2]);
        assert_eq!([frozen(4), frozen(6)], [[true, false, false], [false; 3]]);
        assert_eq!((freeze.thaws(&blocks), freeze.freezes_any(), freeze.freezes_all()), (vec![2, 4, 6], true, false));
        // It is among a stage's settings only where it is written.
        let settings = |freeze: &Freeze| serde_json::to_value(freeze).unwrap();
        assert_eq!(settings(&freeze)["gradual_thaw"], serde_json::json!({ "every": 2 }));
        assert!(settings(&Freeze::default()).get("gradual_thaw").is_none());
    }

    #[test]
    fn the_walk_shows_this_file() {
        let file = include_str!("gradual_thaw.rs").split("\n#[cfg(test)]").next().unwrap();
        let walk = include_str!("../../../docs/adding/freeze-rule.md");
        assert!(walk.contains(file), "docs/adding/freeze-rule.md is behind");
    }
}
