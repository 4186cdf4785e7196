//! A map of very many small entries that is cloned at once, as all of the view: sorted runs of
//! entries, in a persistent map by where they begin. A clone shares all runs, a change copies one. The
//! nodes of the library's own maps are half empty or worse; runs are as long as what is in them.

use imbl::OrdMap;
use uuid::Uuid;

/// Entries in one run. Source: measured; longer ones take hardly less room, and longer to copy.
const RUN_MAX: usize = 32;

/// Entries by their ids.
#[derive(Clone)]
pub(super) struct Runs<V> {
    /// By an id that is not after any in the run, nor before any in the run before. The first is that
    /// of the nil id, so that every id has a run to lie in.
    runs: OrdMap<Uuid, Vec<(Uuid, V)>>,
}

impl<V: Clone> Runs<V> {
    pub(super) fn new() -> Self {
        Self { runs: OrdMap::unit(Uuid::nil(), Vec::new()) }
    }

    pub(super) fn get(&self, id: Uuid) -> Option<&V> {
        let (_, run) = self.runs.get_prev(&id)?;
        find(run, id).ok().map(|at| &run[at].1)
    }

    /// The value of an id, to change it: its run is then no longer shared.
    pub(super) fn get_mut(&mut self, id: Uuid) -> Option<&mut V> {
        let (_, run) = self.runs.get_prev_mut(&id)?;
        find(run, id).ok().map(|at| &mut run[at].1)
    }

    /// The entries in the order of their ids: those after an id, or all.
    pub(super) fn after(&self, id: Option<Uuid>) -> impl Iterator<Item = (Uuid, &V)> {
        let begin = id.map_or(Uuid::nil(), |id| self.begin(id));
        let entries = self.runs.range(begin..).flat_map(|(_, run)| run).map(|(id, value)| (*id, value));
        entries.skip_while(move |(at, _)| id.is_some_and(|id| *at <= id))
    }

    pub(super) fn insert(&mut self, id: Uuid, value: V) {
        let begin = self.begin(id);
        let run = self.runs.entry(begin).or_default();
        let at = match find(run, id) {
            Ok(at) => return run[at].1 = value,
            Err(at) => at,
        };
        if run.len() < RUN_MAX {
            // All of one size, so that they leave no holes in the heap as they grow.
            run.reserve_exact(RUN_MAX - run.len());
            run.insert(at, (id, value));
            return;
        }
        // A full run to which ids are added in their order, as they are when the view is loaded, stays full.
        let middle = if at == RUN_MAX { RUN_MAX } else { RUN_MAX / 2 };
        let mut after = run.split_off(middle);
        let (half, at) = if at < middle { (run, at) } else { (&mut after, at - middle) };
        half.insert(at, (id, value));
        self.runs.insert(after[0].0, after);
    }

    pub(super) fn remove(&mut self, id: Uuid) {
        let begin = self.begin(id);
        let run = self.runs.entry(begin).or_default();
        if let Ok(at) = find(run, id) {
            run.remove(at);
        }
        if run.is_empty() && !begin.is_nil() {
            self.runs.remove(&begin);
        }
    }

    /// The beginning of the run that holds the id, if any does.
    fn begin(&self, id: Uuid) -> Uuid {
        self.runs.get_prev(&id).map_or(Uuid::nil(), |(begin, _)| *begin)
    }
}

fn find<V>(run: &[(Uuid, V)], id: Uuid) -> Result<usize, usize> {
    run.binary_search_by_key(&id, |(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    impl<V: Clone> Runs<V> {
        fn all(&self) -> Vec<(Uuid, V)> {
            self.runs.values().flatten().cloned().collect()
        }
    }

    proptest! {
        /// Enough ids to fill runs, few enough to meet again; both ends of all ids are among them.
        #[test]
        fn runs_are_a_map_and_a_clone_stays_as_it_was(
            changes in proptest::collection::vec((0..400_u128, any::<bool>(), any::<u8>()), 0..1_500),
            kept_after in 0..1_500_usize,
        ) {
            let (mut runs, mut model) = (Runs::new(), BTreeMap::new());
            let mut kept = (runs.clone(), model.clone());
            for (number, (id, is_there, value)) in changes.into_iter().enumerate() {
                if number == kept_after {
                    kept = (runs.clone(), model.clone());
                }
                let id = Uuid::from_u128(id * (u128::MAX / 399));
                if is_there || value < 64 {
                    match runs.get_mut(id) {
                        Some(old) if value % 2 == 0 => *old = value,
                        _ => runs.insert(id, value),
                    }
                    model.insert(id, value);
                } else {
                    runs.remove(id);
                    model.remove(&id);
                }
                prop_assert_eq!(runs.get(id), model.get(&id));
            }
            for (runs, model) in [(runs, model), kept] {
                prop_assert!(runs.runs.values().all(|run| run.len() <= RUN_MAX));
                prop_assert_eq!(runs.all(), model.clone().into_iter().collect::<Vec<_>>());
                for after in [None, Some(0), Some(200), Some(399)] {
                    let after = after.map(|id: u128| Uuid::from_u128(id * (u128::MAX / 399)));
                    let rest: Vec<(Uuid, u8)> = runs.after(after).map(|(id, value)| (id, *value)).collect();
                    let is_after = |id: &Uuid| after.is_none_or(|after| *id > after);
                    prop_assert_eq!(rest, model.clone().into_iter().filter(|(id, _)| is_after(id)).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn ids_that_come_in_their_order_leave_no_room_between() {
        let mut runs = Runs::new();
        (0..10_000).for_each(|number| runs.insert(Uuid::from_u128(number), ()));
        assert_eq!(runs.runs.len(), 10_000_usize.div_ceil(RUN_MAX));
    }
}
