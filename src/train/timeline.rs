//! When a stage's training changes as planned: one list of all such epochs, which everything that waits for
//! improvement goes by.
//!
//! Blocks thaw, parts of a mix come and go, a warm-up ends, a cycle has its peak. What was found before such a change
//! says little of what comes after it, so that patience counts anew at each, and nothing is given up before the last.

use std::ops::RangeInclusive;

use crate::manifest::Schedule;

use super::curriculum;

/// The planned changes of a stage. Epochs are counted from 0; a change at an epoch is one between it and the epoch
/// before, so that none is at 0 and none after the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    /// In order, each once.
    changes: Vec<usize>,
    /// The last of those at which something thaws.
    last_thaw: Option<usize>,
}

impl Timeline {
    /// For a training of `epochs` epochs. `thaws` are the epochs that are the first after something held still, in
    /// order, `examples` the epochs, from 1, of each training example, none where all take part in all.
    pub(super) fn new(epochs: usize, thaws: &[usize], examples: &[RangeInclusive<usize>], schedule: &Schedule) -> Self {
        let thaws = || thaws.iter().copied().filter(|thaw| (1..epochs).contains(thaw));
        let of_schedule = match schedule {
            Schedule::OneCycle { warmup_share } => warmup_share * epochs as f64,
            other => other.warmup_epochs(),
        };
        let all = thaws().chain(curriculum::changes(examples)).chain([of_schedule.ceil() as usize]);
        let mut changes: Vec<usize> = all.filter(|epoch| (1..epochs).contains(epoch)).collect();
        changes.sort_unstable();
        changes.dedup();
        Self { changes, last_thaw: thaws().next_back() }
    }

    /// Whether something changes between `epoch` and the one before.
    pub(super) fn changes_at(&self, epoch: usize) -> bool {
        self.changes.binary_search(&epoch).is_ok()
    }

    /// The first epoch after which nothing changes any more.
    pub(super) fn last(&self) -> usize {
        self.changes.last().copied().unwrap_or(0)
    }

    /// The first epoch after which nothing thaws any more; none where nothing does.
    pub(super) fn last_thaw(&self) -> Option<usize> {
        self.last_thaw
    }

    /// How many epochs up to and with `epoch` went without the improvement that `best` was, if any, none of them before
    /// the last change: before it there is more to come.
    pub(super) fn waited(&self, epoch: usize, best: Option<usize>) -> usize {
        let since = best.map_or(0, |best| best + 1).max(self.last());
        (epoch + 1).saturating_sub(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Freeze, FreezeStep};

    const STEADY: Schedule = Schedule::Constant { warmup_epochs: 0.0 };

    /// When steps of so many epochs end.
    fn thaws(steps: &[Option<usize>]) -> Vec<usize> {
        let step = |epochs: &Option<usize>| FreezeStep { blocks: vec!["*".into()], epochs: *epochs };
        Freeze { steps: steps.iter().map(step).collect(), ..Freeze::default() }.thaws(&[])
    }

    fn changes(timeline: &Timeline) -> Vec<usize> {
        (0..100).filter(|epoch| timeline.changes_at(*epoch)).collect()
    }

    #[test]
    fn without_plans_waiting_begins_at_once() {
        let plain = Timeline::new(10, &[], &[], &STEADY);
        assert_eq!((changes(&plain), plain.last(), plain.last_thaw()), (vec![], 0, None));
        assert_eq!([plain.waited(4, None), plain.waited(4, Some(4)), plain.waited(4, Some(1))], [5, 0, 3]);
    }

    #[test]
    fn waiting_begins_with_the_last_of_all_changes() {
        // Ten epochs: the first example to epoch 3, the second all the time, the third from epoch 6.
        let examples = [1..=3, 1..=usize::MAX, 6..=10];
        let timeline = Timeline::new(10, &[], &examples, &STEADY);
        assert_eq!((changes(&timeline), timeline.last_thaw()), (vec![3, 5], None));
        // Until the third has trained for an epoch nothing counts.
        assert_eq!([0, 4, 5, 6, 9].map(|epoch| timeline.waited(epoch, Some(0))), [0, 0, 1, 2, 5]);
        assert_eq!((timeline.waited(9, Some(7)), timeline.waited(9, None)), (2, 5));
        // Steps of two and four epochs, and a warm-up that ends within the eighth.
        let warm = Schedule::Cosine { warmup_epochs: 7.5 };
        let timeline = Timeline::new(10, &thaws(&[Some(2), Some(4), None]), &examples, &warm);
        assert_eq!((changes(&timeline), timeline.last_thaw()), (vec![2, 3, 5, 6, 8], Some(6)));
        assert_eq!([6, 7, 8, 9].map(|epoch| timeline.waited(epoch, Some(0))), [0, 0, 1, 2]);
    }

    #[test]
    fn a_cycle_changes_at_its_peak_and_what_lies_behind_the_end_does_not_count() {
        let cycle = |share| Timeline::new(10, &[], &[], &Schedule::OneCycle { warmup_share: share });
        assert_eq!([0.3, 0.25, 0.01].map(|share| changes(&cycle(share))), [vec![3], vec![3], vec![1]]);
        assert_eq!(changes(&cycle(0.95)), [] as [usize; 0]);
        let late = Timeline::new(10, &thaws(&[Some(4), Some(6)]), &[], &STEADY);
        assert_eq!((changes(&late), late.last_thaw()), (vec![4], Some(4)));
        let frozen = Timeline::new(10, &thaws(&[None]), &[], &STEADY);
        assert_eq!((changes(&frozen), frozen.last_thaw()), (vec![], None));
    }
}
