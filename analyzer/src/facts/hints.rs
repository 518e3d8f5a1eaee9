//! Atomics that are only a hint beside another one.

use super::Facts;
use super::initial::Initial;
use super::publication::{Evidence, Follow, How, Publish};
use super::required::{Constant, Required};

impl Facts<'_> {
    /// An atomic that is written beside another one, both `Relaxed`, promises no more than itself, unless a reader goes
    /// by one value of it, other than the first one, and has no acquire either.
    pub(super) fn is_mere_hint(&self, publish: &Publish, follow: &Follow) -> bool {
        if !matches!(publish.evidence, Evidence::Atomic(_)) || publish.released {
            return false;
        }
        // Who writes them under a lock mirrors what lies in it, and who goes by them takes it to see for sure.
        let event = self.seen(publish.body)[publish.seen].event;
        let locked = self.guards(publish.body).at(self, publish.body, event).iter().any(|(_, shared)| !shared);
        if locked || !matches!(follow.how, How::GuardsAtomic(_)) {
            return true;
        }
        let location = self.op(self.seen(follow.body)[follow.seen].op).location;
        let is_first = |r: &Required| {
            let firsts = location.map_or_else(Vec::new, |l| self.initial_values(l));
            firsts.iter().any(|first| match (first, &r.constant) {
                (Initial::Int(a), Constant::Int(b)) => r.equal && a == b,
                (Initial::Bool(a), Constant::Bool(b)) => r.equal == (a == b),
                _ => false,
            })
        };
        follow.acquired || follow.required.as_ref().is_none_or(is_first)
    }
}
