//! False sharing: fields with different writers that can meet on one cache line, and shards that do.

use super::heat::Usage;
use super::layout::{Layout, MACHINES, Machine, SMALLEST_LINE, Sharing, is_padding_name};
use super::{Facts, RoleKind};
use crate::contract::Word;
use crate::ir::{ItemKind, Ty};
use crate::resolve::{BodyId, DefId, Known, Type};

/// Fields of one type that can meet on a line although different threads write them.
#[derive(Debug)]
pub struct Conflict {
    pub adt: DefId,
    /// Fields that are written often, in the order of the source.
    pub hot: Vec<String>,
    /// Fields that are read by threads which have nothing to do with the hot ones.
    pub read_mostly: Vec<String>,
    /// Padding that was meant to prevent it.
    pub padding: Option<Padding>,
    /// The machines on which they can meet.
    pub machines: Vec<&'static Machine>,
    /// The strongest statement that holds for two of them.
    pub sharing: Sharing,
}

/// Padding that does not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Padding {
    /// A pad field in a type whose fields the compiler may reorder.
    Reordered(String),
    /// A pad field that is too small, or in the wrong place.
    WrongSize(String),
    /// The whole type is aligned, and holds both.
    Around(u64),
    /// A field is aligned to less than a pair of lines.
    Narrow(String, u64),
    /// A padding wrapper around the whole type.
    Wrapped,
}

impl Facts<'_> {
    /// Every type in which hot fields with different writers, or a hot and a read-mostly one, can meet.
    pub fn false_sharing(&self) -> Vec<Conflict> {
        let heat = self.heat();
        let mut owners = heat.owners();
        owners.extend(self.marked_hot_owners());
        owners.sort_unstable();
        owners.dedup();
        owners
            .into_iter()
            .filter(|adt| heat.is_shared(*adt) && !heat.is_element(*adt) && !self.program.def(*adt).is_test)
            .filter_map(|adt| self.conflict(adt))
            .collect()
    }

    /// The usage of a field; frequent by annotation if it says so.
    fn usage_of(&self, adt: DefId, field: &str) -> Usage {
        let mut usage = self.heat().usage(adt, field).cloned().unwrap_or_default();
        if self.is_marked(adt, field, Word::Hot) {
            usage.hot_writers.clone_from(&usage.writers);
        }
        if self.is_cold_field(adt, field) {
            usage.hot_writers.clear();
        }
        usage
    }

    /// `#[cold]` on a field: rustc knows it of functions only, and lets it stand.
    fn is_cold_field(&self, adt: DefId, field: &str) -> bool {
        self.field(adt, field).is_some_and(|f| f.attrs.iter().any(|a| a.path == "cold"))
    }

    fn marked_hot_owners(&self) -> Vec<DefId> {
        let marked = |d: &DefId| match &self.program.def(*d).item.kind {
            ItemKind::Struct(s) => s.fields.iter().any(|f| self.program.field_annotation(*d, f, Word::Hot).is_some()),
            _ => false,
        };
        self.program.def_ids().filter(marked).collect()
    }

    fn conflict(&self, adt: DefId) -> Option<Conflict> {
        let fields: Vec<(String, Usage)> = self
            .struct_of(adt)?
            .fields
            .iter()
            .filter(|f| !self.is_cold_field(adt, &f.name))
            .map(|f| (f.name.clone(), self.usage_of(adt, &f.name)))
            .collect();
        // Where a mark says that a field is padded, the mark is what is wrong, not the missing padding.
        let said = self.falsely_padded_fields(adt);
        let layout = |m: &Machine| self.layout(adt, m).map(|l| l.with_padded(&said, m.line));
        let layouts: Vec<(&'static Machine, Layout)> = MACHINES.iter().filter_map(|m| Some((m, layout(m)?))).collect();
        let mut found = Conflict {
            adt,
            hot: Vec::new(),
            read_mostly: Vec::new(),
            padding: None,
            machines: Vec::new(),
            sharing: Sharing::Never,
        };
        let mut meet = |a: &str, b: &str| {
            let mut any = false;
            for (machine, layout) in &layouts {
                let sharing = layout.sharing(a, b, machine.line);
                if sharing != Sharing::Never {
                    any = true;
                    found.sharing = found.sharing.max(sharing);
                    if !found.machines.contains(machine) {
                        found.machines.push(machine);
                    }
                }
            }
            any
        };
        let (mut hot, mut read_mostly) = (Vec::new(), Vec::new());
        for (i, (a, a_usage)) in fields.iter().enumerate() {
            for (b, b_usage) in fields.iter().skip(i + 1) {
                let both = a_usage.is_hot() && b_usage.is_hot();
                if both && a_usage.has_other_writers_than(b_usage) && meet(a, b) {
                    hot.extend([a.clone(), b.clone()]);
                }
            }
        }
        for (a, a_usage) in fields.iter().filter(|(f, u)| u.is_hot() && !self.guards_neighbours(adt, f, u)) {
            for (b, b_usage) in &fields {
                if a != b
                    && self.is_read_mostly(adt, b, b_usage)
                    && self.has_own_readers(a_usage, b_usage)
                    && meet(a, b)
                {
                    hot.push(a.clone());
                    read_mostly.push(b.clone());
                }
            }
        }
        let named = |list: &[String]| -> Vec<String> {
            fields.iter().map(|(f, _)| f).filter(|f| list.contains(f)).cloned().collect()
        };
        (found.hot, found.read_mostly) = (named(&hot), named(&read_mostly));
        if found.hot.is_empty() {
            return None;
        }
        found.padding = self.failed_padding(&found, &layouts);
        Some(found)
    }

    /// A reference count, lock or sequence is touched by everyone who reads what it guards.
    fn guards_neighbours(&self, adt: DefId, field: &str, usage: &Usage) -> bool {
        let guards =
            |l: super::LocId| matches!(self.role(l).kind, RoleKind::Refcount | RoleKind::Lock | RoleKind::Sequence);
        // Of a part that has a lock of its own, too.
        usage.hot.and_then(|o| self.op(o).location).is_some_and(guards)
            || self.locations.iter().enumerate().any(|(i, l)| {
                matches!(&l.key, super::access::Key::Field(a, f) if *a == adt && f.split('.').next() == Some(field))
                    && guards(super::LocId(i as u32))
            })
    }

    /// A pointer, mask or limit that others read and nobody writes often.
    fn is_read_mostly(&self, adt: DefId, field: &str, usage: &Usage) -> bool {
        let Some(f) = self.field(adt, field) else { return false };
        let ty = self.program.lower_type(adt, &f.ty);
        let word = match &ty {
            Type::Atomic(..) | Type::Ptr { .. } | Type::Known(Known::NonNull, _) => true,
            Type::Prim(p) => *p != "str",
            Type::Known(Known::Box | Known::Vec, _) => true,
            _ => self.program.as_atomic(&ty).is_some(),
        };
        let marked = self.is_marked(adt, field, Word::ReadMostly);
        (word || marked) && !usage.is_hot() && usage.writers.is_empty() && !usage.readers.is_empty()
    }

    /// Whether somebody who reads `read` neither writes nor reads the hot field.
    fn has_own_readers(&self, hot: &Usage, read: &Usage) -> bool {
        read.readers.iter().any(|r| !hot.writers.contains(r) && !hot.readers.contains(r) && self.does_work(*r))
    }

    /// A getter of one field is called by someone whose habits are unknown, and what is done with a guard or handle
    /// that comes out is not seen.
    fn does_work(&self, body: BodyId) -> bool {
        let owner = self.program.body(body).owner;
        let ret = self.program.function(owner).map_or(Type::Unknown, |f| self.program.lower_type(owner, &f.ret));
        let hands_out = match &ret {
            Type::Known(Known::Option | Known::Result, args) => matches!(args.first(), Some(Type::Adt(..))),
            ty => matches!(ty, Type::Adt(..)),
        };
        self.program.body(body).ir.events.len() > 2 && !hands_out
    }

    fn failed_padding(&self, conflict: &Conflict, layouts: &[(&'static Machine, Layout)]) -> Option<Padding> {
        let adt = conflict.adt;
        let (machine, layout) = layouts.iter().find(|(m, _)| conflict.machines.contains(m))?;
        let involved = || conflict.hot.iter().chain(&conflict.read_mostly);
        if let Some(pad) = self.struct_of(adt)?.fields.iter().find(|f| self.is_pad(adt, &f.name)) {
            let pad = pad.name.clone();
            return Some(if layout.ordered { Padding::WrongSize(pad) } else { Padding::Reordered(pad) });
        }
        let narrow = involved().find_map(|f| {
            let align = layout.slot(f)?.extent.align;
            (SMALLEST_LINE..machine.line).contains(&align).then(|| Padding::Narrow(f.clone(), align))
        });
        if narrow.is_some() {
            return narrow;
        }
        let asked = self.alignment_asked(adt, machine);
        if asked >= SMALLEST_LINE {
            return Some(Padding::Around(asked));
        }
        self.is_wrapped(adt, machine).then_some(Padding::Wrapped)
    }

    /// Whether a field is there to fill room.
    pub fn is_pad(&self, adt: DefId, field: &str) -> bool {
        let Some(f) = self.field(adt, field) else { return false };
        let name = field.trim_start_matches('_').to_lowercase();
        let named = name.starts_with("pad") || name.ends_with("pad") || name.contains("padding");
        let filler = match &f.ty {
            Ty::Array(inner, _) => matches!(self.program.lower_type(adt, inner), Type::Prim(_)),
            Ty::Path(p) => is_padding_name(p.last()) || p.last().to_lowercase().contains("pad"),
            _ => false,
        };
        filler && (named || field.starts_with('_'))
    }

    /// Whether a padding wrapper is put around values of the type, though not around elements.
    pub(super) fn is_wrapped(&self, adt: DefId, machine: &Machine) -> bool {
        self.program.def_ids().any(|d| {
            let types: Vec<&Ty> = match &self.program.def(d).item.kind {
                ItemKind::Struct(s) => s.fields.iter().map(|f| &f.ty).collect(),
                ItemKind::Static { ty, .. } => vec![ty],
                _ => return false,
            };
            types.into_iter().any(|t| self.wraps(&self.program.lower_type(d, t), adt, machine))
        })
    }

    fn wraps(&self, ty: &Type, adt: DefId, machine: &Machine) -> bool {
        let holds = |args: &[Type]| args.iter().any(|t| matches!(t, Type::Adt(d, _) if *d == adt));
        match ty {
            Type::Known(Known::Padded, args) => holds(args),
            Type::Adt(w, args) if self.alignment_asked(*w, machine) >= SMALLEST_LINE => holds(args),
            Type::External(path, args) if is_padding_name(path.rsplit("::").next().unwrap_or("")) => holds(args),
            Type::Known(_, args) | Type::Adt(_, args) | Type::External(_, args) => {
                args.iter().any(|t| self.wraps(t, adt, machine))
            }
            _ => false,
        }
    }

    /// The functions that write a field often, by name; at most three.
    pub fn writer_names(&self, adt: DefId, field: &str) -> Vec<String> {
        self.names(self.usage_of(adt, field).hot_writers.iter())
    }

    pub fn reader_names(&self, adt: DefId, field: &str) -> Vec<String> {
        self.names(self.usage_of(adt, field).readers.iter())
    }

    fn names<'b>(&self, bodies: impl Iterator<Item = &'b BodyId>) -> Vec<String> {
        let mut names: Vec<String> = bodies.map(|b| self.function_name(*b)).collect();
        names.dedup();
        names.truncate(3);
        names
    }
}
