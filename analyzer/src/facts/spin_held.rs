//! Where a lock is held that others wait for by spinning, or whose data an atomic mirrors.

use super::effects::{Effect, EffectKind};
use super::guards::Held;
use super::{Facts, LocId, RoleKind};
use crate::ir::EventId;
use crate::resolve::BodyId;

/// Why others suffer while the lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Burden {
    /// They wait for this word by spinning.
    Spinning(LocId),
    /// This atomic shows what the lock guards, and readers see it late.
    Mirror(LocId),
}

/// A lock that is held at some event.
#[derive(Clone, Copy, Debug)]
pub struct HeldLock {
    pub acquired: EventId,
    pub burden: Burden,
}

impl Facts<'_> {
    /// What a body does, itself or through calls, that may take the operating system's time: input and output, sleep,
    /// waiting for a message. One entry an event.
    pub fn slow_effects(&self, body: BodyId) -> Vec<&Effect> {
        let mut found: Vec<&Effect> = self.effects(body).iter().filter(|e| self.is_slow(body, e)).collect();
        found.sort_by_key(|e| (e.event, e.via.len()));
        found.dedup_by_key(|e| e.event);
        found
    }

    fn is_slow(&self, body: BodyId, effect: &Effect) -> bool {
        match effect.kind {
            EffectKind::Io | EffectKind::Sleep => true,
            EffectKind::Consume => {
                let (at, event) = effect.origin(body);
                match &self.event(at, event).kind {
                    crate::ir::EventKind::Call(call) => {
                        matches!(self.callee_name(call), "recv" | "recv_timeout" | "blocking_recv")
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// The lock held at an event that others spin for or read past.
    pub fn burdened_lock(&self, body: BodyId, event: EventId) -> Option<HeldLock> {
        let by_guard = self.guards(body).held_at(self, body, event).find_map(|held| {
            let burden = self.spun_for(body, held).or_else(|| self.mirrored(body, held))?;
            Some(HeldLock { acquired: held.acquired, burden })
        });
        by_guard.or_else(|| self.taken_by_hand(body, event))
    }

    /// The word that taking this lock waits for by spinning.
    fn spun_for(&self, body: BodyId, held: &Held) -> Option<Burden> {
        let (callee, wait) = self.wait_behind(body, held.acquired)?;
        let word = self.waited_location(callee, &wait)?;
        (self.role(word).kind == RoleKind::Lock).then_some(Burden::Spinning(word))
    }

    /// The atomic that is stored from the guarded data while the guard lives.
    fn mirrored(&self, body: BodyId, held: &Held) -> Option<Burden> {
        let guard = self.result_of(body, held.acquired)?;
        self.seen(body).iter().find_map(|s| {
            let op = self.op(s.op);
            let location = op.location.filter(|_| s.is_direct() && op.kind.writes())?;
            let covered = self.guards(body).held_at(self, body, s.event).any(|h| h.acquired == held.acquired);
            let copies = op.new_value().is_some_and(|v| self.derives_from(body, v, guard));
            (covered && copies).then_some(Burden::Mirror(location))
        })
    }

    /// A word that this body changes in a wait loop before the event and changes back behind it: a lock, whatever its name.
    fn taken_by_hand(&self, body: BodyId, event: EventId) -> Option<HeldLock> {
        let flow = self.flow(body);
        let seen = self.seen(body);
        self.wait_loops(body).into_iter().flat_map(|w| w.waits_on).find_map(|taking| {
            let taking = &seen[taking];
            let word = self.op(taking.op).location?;
            let takes = self.op(taking.op).kind.is_rmw() && flow.dominates(taking.event, event);
            let gives_back = |s: &&super::Seen| {
                let op = self.op(s.op);
                op.location == Some(word)
                    && op.kind.writes()
                    && s.event != taking.event
                    && flow.dominates(taking.event, s.event)
            };
            let later = seen.iter().filter(gives_back).any(|s| flow.reaches(event, s.event));
            let earlier = seen.iter().filter(gives_back).any(|s| flow.dominates(s.event, event));
            let inside_wait = flow.reaches(event, taking.event);
            (takes && later && !earlier && !inside_wait)
                .then_some(HeldLock { acquired: taking.event, burden: Burden::Spinning(word) })
        })
    }
}
