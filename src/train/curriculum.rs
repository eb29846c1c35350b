//! Which training examples take part in which epoch.

use std::ops::RangeInclusive;

/// The epochs of each training example, and when the examples that take part change.
#[derive(Debug)]
pub(super) struct Curriculum<'a> {
    /// Counted from 1; empty where all take part in all epochs.
    epochs: &'a [RangeInclusive<usize>],
    /// Epochs, counted from 0 and below the last, that have other examples than the one before; in order.
    changes: Vec<usize>,
}

impl<'a> Curriculum<'a> {
    /// For a training of `last` epochs.
    pub(super) fn new(epochs: &'a [RangeInclusive<usize>], last: usize) -> Self {
        // An example that comes in epoch `from` makes that epoch another, and so does one that is gone after `until`.
        let changes = epochs.iter().flat_map(|epochs| [epochs.start().saturating_sub(1), *epochs.end()]);
        let mut changes: Vec<usize> = changes.filter(|epoch| (1..last).contains(epoch)).collect();
        changes.sort_unstable();
        changes.dedup();
        Self { epochs, changes }
    }

    /// Those of `count` examples that train in `epoch`, counted from 0, in their order.
    pub(super) fn examples(&self, count: usize, epoch: usize) -> Vec<usize> {
        let trains = |example: &usize| self.epochs.get(*example).is_none_or(|epochs| epochs.contains(&(epoch + 1)));
        (0..count).filter(trains).collect()
    }

    /// Whether `epoch` has other examples than the one before.
    pub(super) fn changes_at(&self, epoch: usize) -> bool {
        self.changes.binary_search(&epoch).is_ok()
    }

    /// How many epochs up to and with `epoch` went without the improvement that `best` was, if any. They count from
    /// the last change of the examples: before it there is more to come, and what came first may have been learned.
    pub(super) fn waited(&self, epoch: usize, best: Option<usize>) -> usize {
        let since = best.map_or(0, |best| best + 1).max(self.changes.last().copied().unwrap_or(0));
        (epoch + 1).saturating_sub(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_epochs_all_train_always() {
        let plain = Curriculum::new(&[], 10);
        assert_eq!(plain.examples(4, 7), [0, 1, 2, 3]);
        assert!((0..10).all(|epoch| !plain.changes_at(epoch)));
        assert_eq!([plain.waited(4, None), plain.waited(4, Some(4)), plain.waited(4, Some(1))], [5, 0, 3]);
    }

    #[test]
    fn examples_come_and_go_and_waiting_begins_with_the_last_change() {
        // Ten epochs: the first example to epoch 3, the second all the time, the third from epoch 6.
        let epochs = [1..=3, 1..=usize::MAX, 6..=10];
        let curriculum = Curriculum::new(&epochs, 10);
        let trains: Vec<Vec<usize>> = [0, 2, 3, 4, 5, 9].map(|epoch| curriculum.examples(3, epoch)).to_vec();
        assert_eq!(trains, [vec![0, 1], vec![0, 1], vec![1], vec![1], vec![1, 2], vec![1, 2]]);
        let changes: Vec<usize> = (0..12).filter(|epoch| curriculum.changes_at(*epoch)).collect();
        assert_eq!(changes, [3, 5]);
        // Until the third has trained for an epoch nothing counts.
        assert_eq!([0, 4, 5, 6, 9].map(|epoch| curriculum.waited(epoch, Some(0))), [0, 0, 1, 2, 5]);
        assert_eq!(curriculum.waited(9, Some(7)), 2);
        assert_eq!(curriculum.waited(9, None), 5);
    }
}
