//! `steps`: blocks that hold still for some epochs, one step after another.

use super::{FreezeFaults, FreezeKey, FreezeRule};
use crate::declare::Type;
use crate::declare::{Key, Value as _, count, list_of, sequence, table};
use crate::manifest::glob_matches;
use crate::nn::HIDDEN;

table! {
    /// One step of a freeze schedule.
    pub struct FreezeStep {
        /// Blocks that hold still (`*` and `?` as in globs); `ecgraft architectures KIND` lists their names. `stem` is known
        /// to every kind: the layers before the first block, if it has any. `hidden` is the head's hidden layer, where
        /// `transfer.graft` takes it along.
        pub blocks: Vec<String> = ["*"] in list_of(&Type::Text(1), 1);
        /// How many epochs.
        pub epochs: Option<usize> = none in count(1.0, 1e6), absent "to the end; only in the last step", example "4";
    }
}

impl FreezeKey for Vec<FreezeStep> {
    const KEY: Key = Key::new(
        "",
        sequence(&FreezeStep::TYPE, 0, usize::MAX),
        "[]",
        "One after another; after the last everything is trained. Empty: fine-tune from the first step.",
    );
}

impl FreezeRule for Vec<FreezeStep> {
    fn freezes_any(&self) -> bool {
        !self.is_empty()
    }

    fn freezes_all(&self) -> bool {
        self.first().is_some_and(|step| step.epochs.is_none() && step.blocks.iter().any(|block| block == "*"))
    }

    fn freezes(&self, epoch: usize, block: &str, _blocks: &[String]) -> bool {
        let ruling = self.get(ends(self).take_while(|end| *end <= epoch).count());
        let means = |pattern: &String| if block == HIDDEN { pattern == block } else { glob_matches(pattern, block) };
        ruling.is_some_and(|step| step.blocks.iter().any(means))
    }

    fn thaws(&self, _blocks: &[String]) -> Vec<usize> {
        ends(self).collect()
    }

    fn check(&self, faults: &mut FreezeFaults<'_>) {
        let last = self.len().saturating_sub(1);
        for (index, step) in self.iter().enumerate() {
            let number = index.to_string();
            if step.epochs.is_none() && index < last {
                let message = "a step without `epochs` lasts to the end; only the last step can";
                faults.tell(&["steps", &number], message.into());
            }
            for (position, pattern) in step.blocks.iter().enumerate() {
                faults.pattern(pattern, &["steps", &number, "blocks", &position.to_string()], &["stem"]);
            }
            holds_a_block(step, &["steps", &number, "blocks"], faults);
        }
        end_in_time(self, faults);
    }
}

/// The epochs at which steps have ended: of each step that ends, in order.
fn ends(steps: &[FreezeStep]) -> impl Iterator<Item = usize> {
    let lengths = steps.iter().map_while(|step| step.epochs);
    lengths.scan(0, |end: &mut usize, epochs| {
        *end = end.saturating_add(epochs);
        Some(*end)
    })
}

/// A step that ends must do so before the training does: what comes after it would never be.
fn end_in_time(steps: &[FreezeStep], faults: &mut FreezeFaults<'_>) {
    let Some(epochs) = faults.epochs() else { return };
    let Some((index, end)) = ends(steps).enumerate().find(|(_, end)| *end >= epochs) else { return };
    let all = format!("the transfer stage has {epochs}");
    if index + 1 < steps.len() {
        let message = format!(
            "no epoch reaches this step: those before it take {end} epochs and {all}; raise transfer.epochs above \
             {end}, shorten the steps before it, or leave it out"
        );
        faults.tell(&["steps", &(index + 1).to_string()], message);
    } else {
        let message = format!(
            "what this step holds never thaws: it ends after epoch {end} and {all}; raise transfer.epochs above \
             {end}, shorten the step, or leave `epochs` out to freeze to the end"
        );
        faults.tell(&["steps", &index.to_string(), "epochs"], message);
    }
}

/// Names that are known but stand for nothing, such as `stem`, do not make a step.
fn holds_a_block(step: &FreezeStep, key: &[&str], faults: &mut FreezeFaults<'_>) {
    if !step.blocks.iter().all(|pattern| glob_matches(pattern, "stem")) {
        return;
    }
    let holds =
        |blocks: &[String]| step.blocks.iter().any(|pattern| blocks.iter().any(|block| glob_matches(pattern, block)));
    for (architecture, blocks) in faults.architectures() {
        if !holds(&blocks) {
            let known = crate::declare::list(&blocks);
            faults.tell(key, format!("this step holds no block of architecture `{architecture}`; its blocks: {known}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Freeze;

    #[test]
    fn steps_follow_each_other_and_end() {
        let step =
            |blocks: &[&str], epochs| FreezeStep { blocks: blocks.iter().map(|b| b.to_string()).collect(), epochs };
        let steps = vec![step(&["block*"], Some(2)), step(&["block1"], Some(1))];
        let mut freeze = Freeze { steps, ..Freeze::default() };
        let frozen = |freeze: &Freeze, epoch| ["block1", "block2"].map(|block| freeze.freezes(epoch, block, &[]));
        let expected = [[true, true], [true, true], [true, false], [false, false]];
        assert_eq!([0, 1, 2, 3].map(|epoch| frozen(&freeze, epoch)), expected);
        assert_eq!((freeze.thaws(&[]), freeze.freezes_any(), freeze.freezes_all()), (vec![2, 3], true, false));
        freeze.steps = vec![step(&["*"], None)];
        assert_eq!((frozen(&freeze, 1000), freeze.thaws(&[]), freeze.freezes_all()), ([true, true], vec![], true));
        assert!(!Freeze::default().freezes_any());
    }
}
