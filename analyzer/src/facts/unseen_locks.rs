//! Locks that keep writers apart without being seen: the object that a location is part of carries a lock of a type
//! that is not analysed, and what touches the location is called by code that may well hold it.

use super::access::Key;
use super::{Facts, OpId};
use crate::ir::ItemKind;
use crate::resolve::{DefId, Known, Program, Type};

/// How many types up from the location's own a lock is looked for: a bucket in a list in a table.
const MAX_OWNERS: u32 = 2;

impl Facts<'_> {
    /// Whether an operation stands in a function that only code of this crate calls, which may hold a lock of the object
    /// that the location is part of. Locks of known types have guards that are followed, so they don't count.
    pub fn may_be_locked_by_callers(&self, op: OpId) -> bool {
        let op = self.op(op);
        let Some(Key::Field(owner, _)) = op.location.map(|l| &self.location(l).key) else { return false };
        !self.is_external(self.program.body(self.program.outermost(op.body)).owner)
            && self.unseen_locks.get_or_init(|| self.types_with_unseen_lock()).binary_search(owner).is_ok()
    }

    /// Whether a parameter is a `&mut` to what lies in a mutex: whoever has that holds the lock.
    pub fn is_locked_data(&self, ty: &Type) -> bool {
        let Type::Ref { mutable: true, inner } = ty else { return false };
        let Type::Adt(data, _) = &**inner else { return false };
        self.locked_types.get_or_init(|| self.types_in_locks()).binary_search(data).is_ok()
    }

    /// The types of what lies in the mutexes that structs of the crates have.
    fn types_in_locks(&self) -> Vec<DefId> {
        let structs: Vec<(DefId, Vec<Type>)> = structs_with_fields(self.program).collect();
        let mut found = Vec::new();
        structs.iter().flat_map(|(_, fields)| fields).for_each(|ty| self.add_locked(ty, &mut found));
        for _ in 0..MAX_OWNERS {
            let parts = structs.iter().filter(|(d, _)| found.contains(d)).flat_map(|(_, fields)| fields);
            let inner: Vec<DefId> =
                parts.filter_map(|ty| if let Type::Adt(d, _) = ty { Some(*d) } else { None }).collect();
            found.extend(inner);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Adds what a mutex, of whatever make, holds for itself.
    fn add_locked(&self, ty: &Type, found: &mut Vec<DefId>) {
        let is_lock = match ty {
            Type::Known(known, _) => matches!(known, Known::Mutex | Known::RwLock),
            Type::Adt(d, _) => self.program.def(*d).item.name.ends_with("Mutex"),
            ty => is_unseen_lock(ty),
        };
        match ty {
            Type::Known(_, args) | Type::External(_, args) | Type::Adt(_, args) | Type::Tuple(args) => {
                let held = args.iter().filter_map(|t| if let Type::Adt(d, _) = t { Some(*d) } else { None });
                found.extend(held.filter(|_| is_lock));
                args.iter().for_each(|t| self.add_locked(t, found));
            }
            _ => {}
        }
    }

    /// The types of objects that carry an unknown lock, or are part of one that does.
    fn types_with_unseen_lock(&self) -> Vec<DefId> {
        let structs: Vec<(DefId, Vec<Type>)> = structs_with_fields(self.program).collect();
        let mut found: Vec<DefId> =
            structs.iter().filter(|(_, fields)| fields.iter().any(is_unseen_lock)).map(|(d, _)| *d).collect();
        for _ in 0..MAX_OWNERS {
            let parts = structs.iter().filter(|(d, _)| found.contains(d)).flat_map(|(_, fields)| fields);
            let mut inner = Vec::new();
            parts.for_each(|ty| add_parts(ty, &mut inner));
            found.extend(inner);
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// A type from elsewhere that is a lock by its name.
fn is_unseen_lock(ty: &Type) -> bool {
    match ty {
        Type::External(path, _) => {
            let name = path.rsplit("::").next().unwrap_or(path);
            name.ends_with("Lock") || name.ends_with("Mutex")
        }
        _ => false,
    }
}

/// The types that are stored inside one, or that it owns.
fn add_parts(ty: &Type, found: &mut Vec<DefId>) {
    match ty {
        Type::Adt(d, _) => found.push(*d),
        Type::Known(_, args) | Type::External(_, args) => args.iter().for_each(|t| add_parts(t, found)),
        Type::Tuple(items) => items.iter().for_each(|t| add_parts(t, found)),
        Type::Slice(inner) | Type::Array(inner, _) | Type::Ptr { inner, .. } | Type::Atomic(_, inner) => {
            add_parts(inner, found);
        }
        _ => {}
    }
}

/// Structs of the analysed crates with the types of their fields.
fn structs_with_fields<'p>(program: &'p Program<'_>) -> impl Iterator<Item = (DefId, Vec<Type>)> + 'p {
    program.def_ids().filter_map(|d| match &program.def(d).item.kind {
        ItemKind::Struct(s) => Some((d, s.fields.iter().map(|f| program.lower_type(d, &f.ty)).collect())),
        _ => None,
    })
}
