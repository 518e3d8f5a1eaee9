//! `#[padded]`, held against what really lies where.

use super::Facts;
use super::layout::{Layout, MACHINES, Sharing, has_repr, is_padding_name};
use crate::contract::{Annotation, Word};
use crate::finding::Site;
use crate::ir::{Field, ItemKind, Span};
use crate::resolve::{DefId, Known, Type};

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
    /// The field is a plain value, and so are all others of the struct: nothing in it is shared while it changes.
    NotShared,
}

impl<'a> Facts<'a> {
    pub fn broken_padding(&self) -> Vec<BrokenPadding> {
        let mut found = Vec::new();
        for def in self.program.def_ids() {
            let d = self.program.def(def);
            if d.is_test {
                continue;
            }
            match &d.item.kind {
                ItemKind::Struct(s) => {
                    found.extend(self.annotated(def).and_then(|a| self.broken_struct(def, a)));
                    found.extend(s.fields.iter().filter_map(|f| self.broken_field(def, f)));
                }
                ItemKind::Static { ty, .. } => {
                    let broken = self.annotated(def).filter(Annotation::is_inert).and_then(|a| {
                        let align = self.unpadded(&self.program.lower_type(def, ty))?;
                        Some(self.broken(def, None, a, d.item.name_span, Mismatch::NotPadded(align)))
                    });
                    found.extend(broken);
                }
                _ => {}
            }
        }
        found
    }

    /// Whether `#[padded]` is claimed of a struct or one of its fields by the form that changes nothing.
    pub fn claims_padding(&self, adt: DefId, field: &str) -> bool {
        let of_field = self.field(adt, field).and_then(|f| self.program.field_annotation(adt, f, Word::Padded));
        of_field.is_some_and(|a| a.is_inert())
    }

    fn annotated(&self, def: DefId) -> Option<Annotation<'a>> {
        self.program.annotation(def, Word::Padded)
    }

    fn broken_struct(&self, adt: DefId, annotation: Annotation<'_>) -> Option<BrokenPadding> {
        let item = self.program.def(adt).item;
        let machine = &MACHINES[0];
        let layout = self.layout(adt, machine)?;
        let why = if has_repr(item, "packed", machine) {
            Mismatch::Packed
        } else if annotation.is_inert() && self.alignment_asked(adt, machine) < machine.line {
            Mismatch::NotPadded(layout.extent.align)
        } else {
            let (a, b) = self.hot_fields_that_share(adt, &layout, machine.line)?;
            Mismatch::HotFieldsShare(a, b)
        };
        Some(self.broken(adt, None, annotation, item.name_span, why))
    }

    fn broken_field(&self, adt: DefId, field: &Field) -> Option<BrokenPadding> {
        let annotation = self.program.field_annotation(adt, field, Word::Padded)?;
        let machine = &MACHINES[0];
        let ty = self.program.lower_type(adt, &field.ty);
        let why = if has_repr(self.program.def(adt).item, "packed", machine) {
            Mismatch::Packed
        } else if let Some(align) = self.unpadded(&ty).filter(|_| annotation.is_inert()) {
            Mismatch::NotPadded(align)
        } else if self.is_plain(adt) {
            Mismatch::NotShared
        } else {
            return None;
        };
        Some(self.broken(adt, Some(field.name.clone()), annotation, field.name_span, why))
    }

    fn broken(
        &self,
        def: DefId,
        field: Option<String>,
        annotation: Annotation<'_>,
        name: Span,
        why: Mismatch,
    ) -> BrokenPadding {
        let file = self.program.def(def).file;
        let site = Site { file, span: annotation.attr.span };
        BrokenPadding { def, field, site, name_site: Site { file, span: name }, why }
    }

    /// The alignment of a type that surely keeps no line to itself.
    fn unpadded(&self, ty: &Type) -> Option<u64> {
        let machine = &MACHINES[0];
        let known = match ty {
            // Its alignment may come about in a macro.
            Type::Adt(adt, _) => !is_padding_name(&self.program.def(*adt).item.name),
            _ => matches!(ty, Type::Prim(_) | Type::Atomic(..) | Type::Array(..) | Type::Tuple(_)),
        };
        let extent = self.extent(ty, machine);
        (known && extent.align < machine.line).then_some(extent.align)
    }

    /// Two fields of the struct, both marked hot or written often by different functions, that can meet on a line.
    fn hot_fields_that_share(&self, adt: DefId, layout: &Layout, line: u64) -> Option<(String, String)> {
        let fields = &self.struct_of(adt)?.fields;
        let hot: Vec<&str> =
            fields.iter().map(|f| f.name.as_str()).filter(|f| self.is_marked(adt, f, Word::Hot)).collect();
        let pairs = hot.iter().enumerate().flat_map(|(i, a)| hot[i + 1..].iter().map(move |b| (*a, *b)));
        let mut sharing = pairs.filter(|(a, b)| layout.sharing(a, b, line) != Sharing::Never);
        sharing.next().map(|(a, b)| (a.to_owned(), b.to_owned()))
    }

    /// A plain value among plain values: whoever writes one has all of them to himself, and disturbs nobody.
    fn is_plain(&self, adt: DefId) -> bool {
        let fields = self.struct_of(adt).map_or(&[][..], |s| &s.fields);
        fields.iter().all(|f| !holds_shared(&self.program.lower_type(adt, &f.ty)))
    }
}

/// Whether something in it may be reached by several threads; unknown types may be anything.
fn holds_shared(ty: &Type) -> bool {
    match ty {
        Type::Prim(_) | Type::Known(Known::String, _) => false,
        Type::Known(Known::Vec | Known::Box, args) => args.iter().any(holds_shared),
        _ => true,
    }
}
