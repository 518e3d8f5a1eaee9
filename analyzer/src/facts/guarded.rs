//! What a lock is promised to protect, and who comes without it: fields annotated `#[guarded_by(lock)]`.

use super::access::Key;
use super::guards::Lock;
use super::{Facts, LocId};
use crate::contract::{Annotation, Word};
use crate::finding::Site;
use crate::ir::{Callee, EventId, EventKind, Field};
use crate::resolve::places::{PlaceRef, Step};
use crate::resolve::{BodyId, DefId};

/// A promise that a lock of the same struct protects a field.
#[derive(Clone, Copy, Debug)]
pub struct GuardedField<'a> {
    pub adt: DefId,
    pub field: &'a Field,
    pub annotation: Annotation<'a>,
    /// The field that is the lock, as named.
    pub lock: &'a str,
}

/// An access without the lock.
#[derive(Clone, Debug)]
pub struct Unguarded {
    pub body: BodyId,
    pub site: Site,
    pub write: bool,
    pub why: Lack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// No guard of it is held.
    Guard,
    /// The guard that is held lets others read meanwhile.
    Exclusiveness,
    /// The guard, taken here, is of another object's lock.
    Object(Site),
}

/// A way to an access: bodies, each with the event through which it goes on.
type Way = Vec<(BodyId, EventId)>;

impl<'a> Facts<'a> {
    /// The fields that some lock is promised to protect.
    pub fn guarded_fields(&self) -> Vec<GuardedField<'a>> {
        let mut found = Vec::new();
        for adt in self.program.def_ids() {
            let crate::ir::ItemKind::Struct(s) = &self.program.def(adt).item.kind else { continue };
            for field in s.fields.iter().filter(|f| !f.attrs.is_empty()) {
                let annotation = self.program.field_annotation(adt, field, Word::GuardedBy);
                if let Some(annotation) = annotation {
                    let lock = annotation.names().next().unwrap_or_default();
                    found.push(GuardedField { adt, field, annotation, lock });
                }
            }
        }
        found
    }

    /// The accesses of guarded fields that lack the lock, one a place in the source. Loads of an atomic need none: that
    /// they don't is why it is an atomic.
    pub fn unguarded(&self, guarded: &GuardedField<'_>) -> Vec<Unguarded> {
        let mut found = self.unguarded_touches(guarded);
        for (i, location) in self.locations.iter().enumerate() {
            if is_field(&location.key, guarded) {
                found.extend(self.unguarded_writes(LocId(i as u32), guarded));
            }
        }
        found.sort_by_key(|u| (u.site, u.why));
        found.dedup_by_key(|u| u.site);
        found
    }

    fn unguarded_touches(&self, guarded: &GuardedField<'_>) -> Vec<Unguarded> {
        let mut found = Vec::new();
        for body in self.program.body_ids() {
            if !self.is_entry(body) || self.program.def(self.program.body(body).owner).is_test {
                continue;
            }
            for touch in self.touches(body) {
                let own = touch.key.as_ref().is_some_and(|k| is_field(k, guarded));
                if !own {
                    continue;
                }
                let mut way = vec![(body, touch.event)];
                way.extend(touch.via.iter().copied());
                // A cell hands out a raw pointer to whoever has the cell.
                let shared = touch.place.shared - u32::from(touch.in_cell && touch.place.shared > 0);
                let owned = PlaceRef { shared, ..touch.place.clone() };
                if self.is_exclusive(body, touch.event, &owned) || self.is_excused(&way) {
                    continue;
                }
                let write = touch.kind.writes();
                if let Some(why) = self.lacks(&way, &touch.place, guarded, write) {
                    let site = self.site(touch.site.0, touch.site.1);
                    found.push(Unguarded { body: touch.site.0, site, write, why });
                }
            }
        }
        found
    }

    fn unguarded_writes(&self, location: LocId, guarded: &GuardedField<'_>) -> Vec<Unguarded> {
        let mut found = Vec::new();
        for id in self.shared_writes(location) {
            let op = self.op(id);
            for (body, seen) in self.ways_to(id) {
                let mut way = vec![(body, seen.event)];
                way.extend(seen.via.iter().copied());
                if op.is_test || self.context(id).in_drop || self.is_alone(body, seen) || self.is_excused(&way) {
                    continue;
                }
                if let Some(why) = self.lacks(&way, &seen.place, guarded, true) {
                    found.push(Unguarded { body: op.body, site: self.site(op.body, op.span), write: true, why });
                }
            }
        }
        found
    }

    /// The caller vouches for it, or somebody has won the right to be here.
    fn is_excused(&self, way: &Way) -> bool {
        way.iter().any(|(b, e)| self.is_vouched(*b) || self.is_claimed(*b, *e))
    }

    /// What is missing on a way to an access of the guarded field at `place`, as the first body of the way sees it.
    fn lacks(&self, way: &Way, place: &PlaceRef, guarded: &GuardedField<'_>, write: bool) -> Option<Lack> {
        let held = way.iter().flat_map(|(b, e)| self.guards(*b).at(self, *b, *e));
        let ours: Vec<bool> = held.filter(|(lock, _)| may_be(lock, guarded)).map(|(_, shared)| shared).collect();
        if ours.is_empty() {
            return Some(Lack::Guard);
        }
        if let [(body, event)] = way[..]
            && let Some(site) = self.taken_elsewhere(body, event, place, guarded)
        {
            return Some(Lack::Object(site));
        }
        (write && ours.iter().all(|shared| *shared)).then_some(Lack::Exclusiveness)
    }

    /// Where the only guard of the lock that is held at an event was taken, if from another object than the one accessed.
    fn taken_elsewhere(
        &self,
        body: BodyId,
        event: EventId,
        place: &PlaceRef,
        guarded: &GuardedField<'_>,
    ) -> Option<Site> {
        let mut held = self.guards(body).held_at(self, body, event).filter(|h| may_be(&h.lock, guarded));
        let (only, None) = (held.next()?, held.next()) else { return None };
        let EventKind::Call(call) = &self.event(body, only.acquired).kind else { return None };
        let Callee::Method { receiver, .. } = &call.callee else { return None };
        let lock = self.program.place_ref(body, receiver);
        let object = |at: &PlaceRef, field: &str| {
            let last = at.steps.iter().rposition(|s| matches!(s, Step::Field(f) if f == field))?;
            Some(PlaceRef { steps: at.steps[..last].to_vec(), ..at.clone() })
        };
        let (of_lock, of_field) = (object(&lock, guarded.lock)?, object(place, &guarded.field.name)?);
        let known = |p: &PlaceRef| !matches!(p.root, crate::resolve::places::Root::Unknown);
        let differ = known(&of_lock) && known(&of_field) && !of_lock.may_alias(&of_field);
        // A local may be another name for what the other one is.
        let comparable = std::mem::discriminant(&of_lock.root) == std::mem::discriminant(&of_field.root);
        (differ && comparable).then(|| self.event_site(body, only.acquired))
    }
}

fn is_field(key: &Key, guarded: &GuardedField<'_>) -> bool {
    matches!(key, Key::Field(adt, path)
        if *adt == guarded.adt && path.split('.').next() == Some(guarded.field.name.as_str()))
}

fn may_be(lock: &Lock, guarded: &GuardedField<'_>) -> bool {
    match lock {
        Lock::Location(Key::Field(adt, path)) => *adt == guarded.adt && path.split('.').next() == Some(guarded.lock),
        Lock::Location(_) => false,
        Lock::Named(_) | Lock::Somebodys => true,
    }
}
