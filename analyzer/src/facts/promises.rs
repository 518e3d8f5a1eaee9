//! What the annotations of a location promise.

use super::access::{Key, location_name};
use super::{Facts, LocId};
use crate::contract::{Annotation, Word};
use crate::finding::Site;
use crate::ir::{Field, ItemKind, Proj, ValueId};
use crate::resolve::places::{PlaceRef, Root, Step};
use crate::resolve::{DefId, Known, Type};

impl<'a> Facts<'a> {
    /// The field that a location is or lies in.
    pub fn field_of(&self, location: LocId) -> Option<(DefId, &'a Field)> {
        let Key::Field(adt, path) = &self.location(location).key else { return None };
        let ItemKind::Struct(s) = &self.program.def(*adt).item.kind else { return None };
        let field = s.fields.iter().find(|f| Some(f.name.as_str()) == path.split('.').next())?;
        Some((*adt, field))
    }

    /// The annotation on the location's field.
    pub fn promise(&self, location: LocId, word: Word) -> Option<Annotation<'a>> {
        let (adt, field) = self.field_of(location)?;
        self.program.field_annotation(adt, field, word)
    }

    /// The annotation that says that one writer at a time changes a location: on its field, or on the struct, of whose
    /// atomics the field that holds the claim is not one.
    pub fn single_writer(&self, location: LocId) -> Option<Annotation<'a>> {
        let (adt, field) = self.field_of(location)?;
        let of_struct = || {
            let annotation = self.program.annotation(adt, Word::SingleWriter)?;
            (annotation.value("claim") != Some(&field.name)).then_some(annotation)
        };
        self.program.field_annotation(adt, field, Word::SingleWriter).or_else(of_struct)
    }

    pub fn promises_single_writer(&self, location: LocId) -> bool {
        self.single_writer(location).is_some()
    }
}

/// A promise that covers a piece of memory, with the field or static that it was given for.
#[derive(Clone, Debug)]
pub struct Promise<'a> {
    pub annotation: Annotation<'a>,
    /// Where the annotation stands.
    pub site: Site,
    /// What it stands on; `None` for one that stands on the memory's type.
    pub on: Option<Key>,
    /// `Mapping::words`, or the type's name.
    pub name: String,
    /// How many pointers that others may hold too lead to it.
    pub shared: u32,
    /// What was promised of lies behind a pointer that the field or static holds.
    pub behind_pointer: bool,
}

impl<'a> Facts<'a> {
    /// Whether anything of the program carries the annotation: without it there is nothing to look for.
    pub fn is_promised_somewhere(&self, word: Word) -> bool {
        let program = self.program;
        program.def_ids().any(|def| {
            let fields = match &program.def(def).item.kind {
                ItemKind::Struct(s) => s.fields.as_slice(),
                _ => &[],
            };
            program.annotation(def, word).is_some()
                || fields.iter().any(|f| !f.attrs.is_empty() && program.field_annotation(def, f, word).is_some())
        })
    }

    /// The promise that covers a place: on a field, static or type that lies on the way to it; the innermost one.
    pub fn promise_on_way(&self, place: &PlaceRef, word: Word) -> Option<Promise<'a>> {
        let mut ty = self.root_type(&place.root);
        let mut found = match place.root {
            Root::Static(d) => self.promise_of_static(d, &ty, word),
            _ => None,
        };
        let mut shared = 0;
        for step in &place.steps {
            for t in self.way_in(&ty) {
                if let Type::Adt(adt, _) = t {
                    found = self.promise_of_type(adt, shared, word).or(found);
                }
                let next = self.step_into(&t, step);
                if let (Some(next), Step::Field(name), Type::Adt(adt, _)) = (&next, step, &t) {
                    found = self.promise_of_field(*adt, name, next, shared, word).or(found);
                }
                if let Some(next) = next {
                    ty = next;
                    break;
                }
                shared += u32::from(t.is_shared_pointer());
            }
        }
        // Where the way was not understood, its end still has a name.
        let end = place.field.as_ref().filter(|_| found.is_none());
        let by_end = || {
            let (adt, name) = end?;
            let ty = self.program.field_type(&Type::open(*adt), name)?;
            let field = self.promise_of_field(*adt, name, &ty, place.shared, word);
            field.or_else(|| self.promise_of_type(*adt, place.shared, word))
        };
        by_end().or(found)
    }

    /// How many pointers that others may hold too lead to the field or static in which a place lies, those of its cell
    /// itself (`UnsafeCell::get`, `as_ptr`) left out; `None` if the way is not understood.
    pub fn shared_on_way(&self, place: &PlaceRef) -> Option<u32> {
        let (mut ty, mut shared) = (self.root_type(&place.root), 0);
        for step in &place.steps {
            ty = self.way_in(&ty).iter().find_map(|t| {
                let next = self.step_into(t, step);
                shared += u32::from(next.is_none() && t.is_shared_pointer());
                next
            })?;
        }
        Some(shared + u32::from(ty.is_shared_pointer()))
    }

    fn step_into(&self, ty: &Type, step: &Step) -> Option<Type> {
        match step {
            Step::Field(name) => self.program.field_type(ty, name),
            Step::Index(_) => Some(self.program.project(ty, &Proj::Index(ValueId(0)))).filter(|t| !t.is_unknown()),
        }
    }

    /// The promise that a value's type carries.
    pub fn promise_of_whole(&self, ty: &Type, word: Word) -> Option<Promise<'a>> {
        match ty {
            Type::Adt(adt, _) => self.promise_of_type(*adt, 0, word),
            _ => None,
        }
    }

    /// A type and what is inside it, through pointers and cells, outermost first.
    fn way_in(&self, ty: &Type) -> Vec<Type> {
        let mut chain = self.program.autoderef(ty);
        while chain.len() < 12 {
            let inner = match chain.last() {
                Some(Type::Ptr { inner, .. }) => (**inner).clone(),
                Some(Type::Known(Known::UnsafeCell | Known::MaybeUninit | Known::NonNull | Known::Option, args)) => {
                    args.first().cloned().unwrap_or(Type::Unknown)
                }
                _ => break,
            };
            chain.extend(self.program.autoderef(&inner));
        }
        chain
    }

    fn promise_of_type(&self, adt: DefId, shared: u32, word: Word) -> Option<Promise<'a>> {
        let annotation = self.program.annotation(adt, word)?;
        let d = self.program.def(adt);
        let site = Site { file: d.file, span: annotation.attr.span };
        let name = d.item.name.clone();
        Some(Promise { annotation, site, on: None, name, shared, behind_pointer: false })
    }

    fn promise_of_static(&self, def: DefId, ty: &Type, word: Word) -> Option<Promise<'a>> {
        let annotation = self.program.annotation(def, word)?;
        let key = Key::Static(def);
        let site = Site { file: self.program.def(def).file, span: annotation.attr.span };
        let name = location_name(self.program, &key);
        Some(Promise { annotation, site, on: Some(key), name, shared: 1, behind_pointer: leads_elsewhere(ty) })
    }

    pub(super) fn promise_of_field(
        &self,
        adt: DefId,
        name: &str,
        ty: &Type,
        shared: u32,
        word: Word,
    ) -> Option<Promise<'a>> {
        let ItemKind::Struct(s) = &self.program.def(adt).item.kind else { return None };
        let field = s.fields.iter().find(|f| f.name == name)?;
        let annotation = self.program.field_annotation(adt, field, word)?;
        let key = Key::Field(adt, name.to_owned());
        let site = Site { file: self.program.def(adt).file, span: annotation.attr.span };
        let name = location_name(self.program, &key);
        Some(Promise { annotation, site, on: Some(key), name, shared, behind_pointer: leads_elsewhere(ty) })
    }
}

/// What the field holds leads to memory that others may hold too.
fn leads_elsewhere(ty: &Type) -> bool {
    ty.is_shared_pointer() || matches!(ty, Type::Atomic(kind, _) if kind.is_pointer())
}
