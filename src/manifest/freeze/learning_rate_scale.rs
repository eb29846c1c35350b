//! `learning_rate_scale`: blocks that learn more slowly, or faster, than others.

use std::collections::BTreeMap;

use super::{FreezeFaults, FreezeKey, FreezeRule};
use crate::declare::{Key, Range, Type};
use crate::manifest::glob_matches;
use crate::nn::HIDDEN;

impl FreezeKey for BTreeMap<String, f64> {
    const KEY: Key = Key::new(
        "",
        Type::Named(&Type::Number(Range::from_to(0.0, 1000.0))),
        "{}",
        "Discriminative learning rates: factors by block name (`*` and `?` as in globs; `head` is a name too). Of several \
         names that match, the longest counts.",
    );
}

impl FreezeRule for BTreeMap<String, f64> {
    /// That of the matching name with the most letters beside `*` and `?` (of equal ones the first in alphabetical
    /// order), 1 where none matches.
    fn learning_rate(&self, block: &str) -> f64 {
        // A hidden layer that is grafted is the head's, where it is not named itself.
        let block = if block == HIDDEN && !self.contains_key(HIDDEN) { "head" } else { block };
        let matching = self.iter().filter(|(pattern, _)| glob_matches(pattern, block));
        matching
            .rev()
            .max_by_key(|(pattern, _)| pattern.chars().filter(|c| !"*?".contains(*c)).count())
            .map_or(1.0, |(_, scale)| *scale)
    }

    fn check(&self, faults: &mut FreezeFaults<'_>) {
        for pattern in self.keys() {
            faults.pattern(pattern, &["learning_rate_scale", pattern], &["stem", "head"]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest::Freeze;

    #[test]
    fn the_longest_name_counts() {
        let mut freeze = Freeze::default();
        freeze.learning_rate_scale.insert("block*".into(), 0.1);
        freeze.learning_rate_scale.insert("block2".into(), 0.5);
        assert_eq!(["block1", "block2", "head"].map(|block| freeze.learning_rate(block)), [0.1, 0.5, 1.0]);
    }
}
