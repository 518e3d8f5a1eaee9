//! `#[padded]`, held against what really lies where.
//!
//! The attribute changes the layout and so makes itself true; its inert form only states a fact, which something else
//! has to bring about: a wrapper, `repr(align)`, pads in a `repr(C)` type. Neither form is true of a packed type, of one
//! whose own hot fields meet, and of what no second thread comes near. What may be aligned out of sight is believed.

use super::Facts;
use super::layout::{MACHINES, Machine, SMALLEST_LINE, Sharing, has_repr, is_padding_name};
use crate::contract::{Annotation, Word};
use crate::finding::Site;
use crate::ir::{Callee, EventId, EventKind, Field, ItemKind, Place, Span, Vis};
use crate::resolve::{DefId, Known, Type};

/// How deep types are looked into.
const MAX_DEPTH: u32 = 8;
/// The line that explicit pads have to keep free: processors that fetch pairs of them are another lint's matter.
const LINE: u64 = 64;

/// A `#[padded]` that isn't true.
#[derive(Clone, Debug)]
pub struct BrokenPadding {
    /// The struct, or the static.
    pub def: DefId,
    pub field: Option<String>,
    /// The annotation.
    pub site: Site,
    /// What it stands on.
    pub name_site: Site,
    pub why: Mismatch,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The inert form, on what nothing pads; with the alignment that it has.
    NotPadded(u64),
    /// `repr(packed)` lets nothing in it begin on a line of its own.
    Packed,
    /// A struct whose own hot fields share a line.
    HotFieldsShare(String, String),
    /// Plain data that no second thread comes near.
    NotShared,
}

impl Facts<'_> {
    /// Every `#[padded]` of the analysed crates that isn't true.
    pub fn broken_padding(&self) -> Vec<BrokenPadding> {
        let mut found = Vec::new();
        for def in self.program.def_ids().filter(|d| !self.program.def(*d).is_test) {
            let d = self.program.def(def);
            if let Some(a) = self.program.annotation(def, Word::Padded) {
                let why = self.mismatch_of_item(def, &a);
                found.extend(why.map(|why| self.broken(def, None, &a, d.item.name_span, why)));
            }
            let ItemKind::Struct(s) = &d.item.kind else { continue };
            for field in s.fields.iter().filter(|f| !f.attrs.is_empty()) {
                let Some(a) = self.program.field_annotation(def, field, Word::Padded) else { continue };
                let why = self.mismatch_of_field(def, field, &a);
                let name = Some(field.name.clone());
                found.extend(why.map(|why| self.broken(def, name, &a, field.name_span, why)));
            }
        }
        found
    }

    fn broken(
        &self,
        def: DefId,
        field: Option<String>,
        annotation: &Annotation<'_>,
        name: Span,
        why: Mismatch,
    ) -> BrokenPadding {
        let file = self.program.def(def).file;
        let site = Site { file, span: annotation.attr.span };
        BrokenPadding { def, field, site, name_site: Site { file, span: name }, why }
    }

    fn mismatch_of_item(&self, item: DefId, annotation: &Annotation<'_>) -> Option<Mismatch> {
        let inert = annotation.is_inert();
        match &self.program.def(item).item.kind {
            ItemKind::Static { ty, .. } => {
                let ty = self.program.lower_type(item, ty);
                (inert && !self.may_be_aligned(&ty, 0)).then(|| self.not_padded(&ty))
            }
            ItemKind::Struct(_) if self.is_packed(item) => Some(Mismatch::Packed),
            ItemKind::Struct(_) if inert && !self.is_really_padded(item) => Some(self.not_padded(&Type::open(item))),
            ItemKind::Struct(_) => self.hot_fields_that_share(item),
            _ => None,
        }
    }

    fn mismatch_of_field(&self, adt: DefId, field: &Field, annotation: &Annotation<'_>) -> Option<Mismatch> {
        if self.is_packed(adt) {
            return Some(Mismatch::Packed);
        }
        if self.is_unshared(adt, field) {
            return Some(Mismatch::NotShared);
        }
        let untrue = annotation.is_inert() && !self.is_really_padded_field(adt, field);
        untrue.then(|| self.not_padded(&self.program.lower_type(adt, &field.ty)))
    }

    fn not_padded(&self, ty: &Type) -> Mismatch {
        Mismatch::NotPadded(self.extent(ty, &MACHINES[0]).align)
    }

    /// Fields of a type that are said to be padded, in the form that does nothing, and aren't. Whatever is wrong with
    /// their lines is this mistake.
    pub fn falsely_padded_fields(&self, adt: DefId) -> Vec<String> {
        let ItemKind::Struct(s) = &self.program.def(adt).item.kind else { return Vec::new() };
        let falsely = |f: &&Field| {
            !f.attrs.is_empty()
                && self.program.field_annotation(adt, f, Word::Padded).is_some_and(|a| a.is_inert())
                && !self.is_really_padded_field(adt, f)
        };
        s.fields.iter().filter(falsely).map(|f| f.name.clone()).collect()
    }

    /// The type is said to be padded, and the mark is what is wrong with it.
    pub fn is_falsely_padded(&self, adt: DefId) -> bool {
        self.program.annotation(adt, Word::Padded).is_some_and(|a| self.mismatch_of_item(adt, &a).is_some())
    }

    fn is_packed(&self, adt: DefId) -> bool {
        MACHINES.iter().any(|m| has_repr(self.program.def(adt).item, "packed", m))
    }

    /// Something gives every value of the type lines of its own.
    fn is_really_padded(&self, adt: DefId) -> bool {
        let each = |m: &Machine| self.layout(adt, m).is_some_and(|l| l.extent.align >= SMALLEST_LINE);
        MACHINES.iter().all(each) || self.may_be_aligned(&Type::open(adt), 0) || self.is_wrapped(adt, &MACHINES[0])
    }

    fn is_really_padded_field(&self, adt: DefId, field: &Field) -> bool {
        let ty = self.program.lower_type(adt, &field.ty);
        self.may_be_aligned(&ty, 0) || MACHINES.iter().all(|m| self.is_kept_apart(adt, field, m))
    }

    /// Its own alignment, or that of its type with the pads between, keeps the neighbours inside and outside away.
    fn is_kept_apart(&self, adt: DefId, field: &Field, machine: &Machine) -> bool {
        let (Some(layout), Some(s)) = (self.layout(adt, machine), self.struct_of(adt)) else { return true };
        if layout.slot(&field.name).is_none_or(|slot| slot.extent.align >= SMALLEST_LINE) {
            return true;
        }
        let mut neighbours = s.fields.iter().filter(|f| f.name != field.name && !self.is_pad(adt, &f.name));
        let alone = neighbours.all(|f| layout.sharing(&field.name, &f.name, LINE) == Sharing::Never);
        let has_pad = layout.ordered && s.fields.iter().any(|f| self.is_pad(adt, &f.name));
        alone && (has_pad || self.is_really_padded(adt))
    }

    /// A type that is aligned to a line, or of whose alignment nothing is known.
    fn may_be_aligned(&self, ty: &Type, depth: u32) -> bool {
        let again = |t: &Type| self.may_be_aligned(t, depth + 1);
        if depth > MAX_DEPTH {
            return true;
        }
        match ty {
            Type::Prim(_) | Type::Ref { .. } | Type::Ptr { .. } | Type::FnPtr | Type::Never | Type::Slice(_) => false,
            Type::Atomic(..) => self.extent(ty, &MACHINES[0]).align >= SMALLEST_LINE,
            Type::Array(inner, _) => again(inner),
            Type::Tuple(items) => items.iter().any(again),
            Type::Known(Known::Padded, _) => true,
            Type::Known(
                Known::Arc
                | Known::Rc
                | Known::Weak
                | Known::Box
                | Known::NonNull
                | Known::Vec
                | Known::String
                | Known::Map,
                _,
            ) => false,
            Type::Known(_, args) => args.iter().any(again),
            Type::Adt(adt, args) => match &self.program.def(*adt).item.kind {
                ItemKind::Struct(s) => {
                    self.alignment_asked(*adt, &MACHINES[0]) >= SMALLEST_LINE
                        || args.iter().any(again)
                        || is_padding_name(&self.program.def(*adt).item.name)
                        || s.fields.iter().any(|f| {
                            let ty = self.program.lower_type(*adt, &f.ty);
                            // What the parameter stands for was among the arguments.
                            let own = !matches!(ty, Type::Param(_)) || args.is_empty();
                            let made = self.program.field_annotation(*adt, f, Word::Padded);
                            made.is_some_and(|a| !a.is_inert()) || own && again(&ty)
                        })
                }
                _ => true,
            },
            Type::External(..) | Type::Param(_) | Type::Bounded(_) | Type::Unknown => true,
        }
    }

    /// Fields marked as hot that meet inside a type, unless it is seen that the same functions write both.
    fn hot_fields_that_share(&self, adt: DefId) -> Option<Mismatch> {
        let heat = self.heat();
        if heat.is_element(adt) {
            return None;
        }
        let fields = &self.struct_of(adt)?.fields;
        let marked: Vec<&str> =
            fields.iter().map(|f| f.name.as_str()).filter(|f| self.is_marked(adt, f, Word::Hot)).collect();
        let writers = |f: &str| heat.usage(adt, f).map(|u| &u.writers).filter(|w| !w.is_empty());
        let together = |a: &str, b: &str| writers(a).is_some() && writers(a) == writers(b);
        let pairs = marked.iter().enumerate().flat_map(|(i, a)| marked[i + 1..].iter().map(move |b| (*a, *b)));
        let meet = |(a, b): &(&str, &str)| {
            let on = |m: &Machine| self.layout(adt, m).is_some_and(|l| l.sharing(a, b, m.line) != Sharing::Never);
            !together(a, b) && MACHINES.iter().any(on)
        };
        let mut pairs = pairs.filter(meet);
        pairs.next().map(|(a, b)| Mismatch::HotFieldsShare(a.to_owned(), b.to_owned()))
    }

    /// A field of plain data that no code reaches through a reference which others may have too.
    fn is_unshared(&self, adt: DefId, field: &Field) -> bool {
        let marked = [Word::Hot, Word::ReadMostly].into_iter().any(|w| self.is_marked(adt, &field.name, w));
        let open = field.vis == Vis::Pub && self.program.is_reachable(adt);
        if marked || open || !self.is_plain_data(&self.program.lower_type(adt, &field.ty), 0) {
            return false;
        }
        // One to a thread, side by side in a collection: the next element's thread is near.
        let heat = self.heat();
        !heat.is_element(adt) && (!heat.is_shared(adt) || !self.is_reached_by_reference(adt, &field.name))
    }

    fn is_reached_by_reference(&self, adt: DefId, field: &str) -> bool {
        self.program.body_ids().any(|body| {
            let events = &self.program.body(body).ir.events;
            events.iter().enumerate().any(|(i, e)| {
                let Some(place) = named(&e.kind) else { return false };
                let place = self.program.place_ref(body, place);
                let here = self.inline_fields(&place).iter().any(|(a, f)| *a == adt && f == field)
                    || place.field.as_ref().is_some_and(|(a, f)| *a == adt && f.split('.').next() == Some(field));
                here && !self.is_exclusive(body, EventId(i as u32), &place)
            })
        })
    }

    /// Nothing in it can change behind a shared reference, or leads to what others may have.
    fn is_plain_data(&self, ty: &Type, depth: u32) -> bool {
        let again = |t: &Type| self.is_plain_data(t, depth + 1);
        if depth > MAX_DEPTH {
            return false;
        }
        match ty {
            Type::Prim(_) | Type::Known(Known::String | Known::PhantomData, _) => true,
            Type::Array(inner, _) => again(inner),
            Type::Tuple(items) => items.iter().all(again),
            Type::Known(Known::Vec | Known::Option | Known::Box | Known::Map | Known::Padded, args) => {
                args.iter().all(again)
            }
            Type::Adt(adt, args) => match &self.program.def(*adt).item.kind {
                ItemKind::Struct(s) => {
                    args.iter().all(again) && s.fields.iter().all(|f| again(&self.program.lower_type(*adt, &f.ty)))
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// The place that an event names.
fn named(kind: &EventKind) -> Option<&Place> {
    match kind {
        EventKind::Read(place) | EventKind::Write { place, .. } | EventKind::Borrow { place, .. } => Some(place),
        EventKind::Call(call) => match &call.callee {
            Callee::Method { receiver, .. } => Some(receiver),
            _ => None,
        },
        _ => None,
    }
}
