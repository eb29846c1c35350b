//! Which training examples take part in which epoch.

use std::ops::RangeInclusive;

/// The epochs, counted from 1, of each training example; none where all take part in all epochs.
pub(super) type Epochs = [RangeInclusive<usize>];

/// Those of `count` examples that train in `epoch`, counted from 0, in their order.
pub(super) fn examples(epochs: &Epochs, count: usize, epoch: usize) -> Vec<usize> {
    let trains = |example: &usize| epochs.get(*example).is_none_or(|epochs| epochs.contains(&(epoch + 1)));
    (0..count).filter(trains).collect()
}

/// Epochs, counted from 0, that have other examples than the one before, in no order: an example that comes in epoch
/// `from` makes that epoch another, and so does one that is gone after `until`.
pub(super) fn changes(epochs: &Epochs) -> impl Iterator<Item = usize> {
    epochs.iter().flat_map(|epochs| [epochs.start().saturating_sub(1), *epochs.end()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_epochs_all_train_always() {
        assert_eq!(examples(&[], 4, 7), [0, 1, 2, 3]);
        assert_eq!(changes(&[]).count(), 0);
    }

    #[test]
    fn examples_come_and_go() {
        // Ten epochs: the first example to epoch 3, the second all the time, the third from epoch 6.
        let epochs = [1..=3, 1..=usize::MAX, 6..=10];
        let trains: Vec<Vec<usize>> = [0, 2, 3, 4, 5, 9].map(|epoch| examples(&epochs, 3, epoch)).to_vec();
        assert_eq!(trains, [vec![0, 1], vec![0, 1], vec![1], vec![1], vec![1, 2], vec![1, 2]]);
        let mut changes: Vec<usize> = changes(&epochs).filter(|epoch| (1..10).contains(epoch)).collect();
        changes.sort_unstable();
        assert_eq!(changes, [3, 5]);
    }
}
