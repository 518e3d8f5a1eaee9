//! Plain accesses to memory that is promised to be accessed by atomic operations alone (`#[atomic_only]`).
//!
//! The promise says more than that no two accesses race: a lock, or an unsafe function whose caller vouches for
//! something, doesn't make a plain access an atomic one. Only who has the memory to himself may look at it plainly.

use std::sync::Arc;

use super::Facts;
use super::plain::{Plain, Reach, touched};
use super::promises::Promise;
use crate::contract::Word;
use crate::ir::{Callee, EventId, EventKind};
use crate::resolve::places::{PlaceRef, Root};
use crate::resolve::{BodyId, Type};

/// An access that breaks the promise.
#[derive(Clone, Debug)]
pub struct PlainUse<'a> {
    pub plain: Plain,
    pub promise: Promise<'a>,
}

impl<'a> Facts<'a> {
    /// Every plain access to memory that is promised to have none, outside of tests and exclusive contexts.
    pub fn plain_uses(&self) -> Vec<PlainUse<'a>> {
        let mut found: Vec<PlainUse<'a>> = Vec::new();
        if !self.is_promised_somewhere(Word::AtomicOnly) {
            return found;
        }
        for body in self.program.body_ids() {
            let b = self.program.body(body);
            if self.program.def(b.owner).is_test || self.program.implemented_trait(b.owner) == Some("Drop") {
                continue;
            }
            for (i, e) in b.ir.events.iter().enumerate() {
                let event = EventId(i as u32);
                let mut accesses = touched(self, body, &e.kind, Reach::All);
                accesses.extend(self.of_slice(body, &e.kind));
                for (place, write) in accesses.into_iter().filter(|(p, _)| is_word(&p.ty)) {
                    let Some(promise) = self.promise_on_way(&place, Word::AtomicOnly) else { continue };
                    if !self.has_to_itself(body, event, &place, &promise) {
                        found.push(PlainUse { plain: Plain { body, event, place, write }, promise });
                    }
                }
            }
        }
        // `x += 1` reads and writes: the write speaks for both.
        let writes: Vec<_> = found.iter().filter(|u| u.plain.write).map(|u| self.line(u)).collect();
        found.retain(|u| u.plain.write || !writes.contains(&self.line(u)));
        found
    }

    fn line(&self, at: &PlainUse<'_>) -> (crate::source::FileId, u32, String) {
        let site = self.event_site(at.plain.body, at.plain.event);
        (site.file, self.sources.file(site.file).lines().line(site.span.start), at.promise.name.clone())
    }

    /// Whole slices of words that a method reads or writes.
    fn of_slice(&self, body: BodyId, kind: &EventKind) -> Vec<(PlaceRef, bool)> {
        let EventKind::Call(call) = kind else { return Vec::new() };
        let Callee::Method { receiver, name, .. } = &call.callee else { return Vec::new() };
        let write = match name.as_str() {
            "fill" | "copy_from_slice" | "clone_from_slice" | "copy_within" | "swap" | "swap_with_slice"
            | "reverse" | "rotate_left" | "rotate_right" => true,
            "to_vec" | "contains" | "concat" => false,
            _ => return Vec::new(),
        };
        let ty = self.program.place_type(body, receiver);
        let item = self.program.autoderef(&ty).into_iter().find_map(|t| match t {
            Type::Slice(item) | Type::Array(item, _) => Some(Arc::unwrap_or_clone(item)),
            Type::Known(crate::resolve::Known::Vec, args) => args.first().cloned(),
            _ => None,
        });
        let Some(item) = item else { return Vec::new() };
        let mut at = self.program.place_ref(body, receiver);
        at.ty = item;
        vec![(at, write)]
    }

    /// Nobody else can be at the memory: it lies in what this code owns or has made and not given away, not behind
    /// a pointer that it shares.
    fn has_to_itself(&self, body: BodyId, event: EventId, place: &PlaceRef, promise: &Promise<'_>) -> bool {
        let made_here = matches!(place.root, Root::Local(..) | Root::Value(..));
        if promise.behind_pointer && !made_here {
            return false;
        }
        // The cell's own pointer, on the way from the field to the memory, is nobody else's.
        let own = PlaceRef { shared: promise.shared, ..place.clone() };
        self.is_exclusive(body, event, &own)
    }
}

/// One word, or an array of them, as a plain value.
fn is_word(ty: &Type) -> bool {
    match ty {
        Type::Prim(name) => *name != "str",
        Type::Array(item, _) | Type::Slice(item) => is_word(item),
        _ => false,
    }
}
