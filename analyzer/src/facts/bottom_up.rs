//! Summaries of bodies that take in those of the bodies they call, made for the bodies that somebody asks about.

use std::sync::OnceLock;

use rustc_hash::FxHashSet;

use super::Facts;
use crate::resolve::BodyId;

/// One summary for each body, once it is made.
#[derive(Debug)]
pub(super) struct BottomUp<T>(Vec<OnceLock<T>>);

impl<T> BottomUp<T> {
    pub(super) fn new(bodies: usize) -> Self {
        Self(std::iter::repeat_with(OnceLock::new).take(bodies).collect())
    }

    /// The summary of a callee. There is none yet where bodies call each other in a circle.
    pub(super) fn of_callee(&self, callee: BodyId) -> Option<&T> {
        self.0[callee.index()].get()
    }
}

impl<'a> Facts<'a> {
    /// The summary of a body, made by `make` after those of all bodies that it calls, directly or not. The order is the
    /// same whoever asks first, and so is what bodies learn that call each other in a circle.
    pub(super) fn summary<'f, T>(
        &'f self,
        table: &'f BottomUp<T>,
        body: BodyId,
        make: impl Fn(&'f Facts<'a>, BodyId) -> T,
    ) -> &'f T {
        let cell = &table.0[body.index()];
        cell.get().unwrap_or_else(|| {
            for below in self.unsummed(table, body) {
                let made = make(self, below);
                // Another thread may have been faster, with the same result.
                _ = table.0[below.index()].set(made);
            }
            cell.get_or_init(|| make(self, body))
        })
    }

    /// The body and those that it calls, directly or not, as far as they have no summary: callees first.
    fn unsummed<T>(&self, table: &BottomUp<T>, body: BodyId) -> Vec<BodyId> {
        let mut found: FxHashSet<BodyId> = FxHashSet::default();
        let mut open = vec![body];
        while let Some(next) = open.pop() {
            if table.of_callee(next).is_none() && found.insert(next) {
                open.extend(self.calls(next).iter().map(|(_, callee)| *callee));
            }
        }
        let mut found: Vec<BodyId> = found.into_iter().collect();
        found.sort_unstable_by_key(|b| (self.component_of[b.index()], *b));
        found
    }

    /// Whether two bodies call each other, directly or not.
    pub(super) fn call_each_other(&self, a: BodyId, b: BodyId) -> bool {
        self.component_of[a.index()] == self.component_of[b.index()]
    }
}
