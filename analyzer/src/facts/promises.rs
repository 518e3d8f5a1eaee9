//! What the annotations of a location promise.

use super::access::Key;
use super::{Facts, LocId};
use crate::contract::{Annotation, Word};
use crate::ir::{Field, ItemKind};
use crate::resolve::DefId;

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
