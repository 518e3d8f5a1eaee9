//! How a generic type holds its parameter: beside an atomic, in a cell, as a tag only; and which types hold the type.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Facts;
use super::transfer::Marker;
use crate::ir::{ItemKind, Ty, Vis};
use crate::resolve::{Atomic, DefId, Known, Type};

impl Facts<'_> {
    /// Whether a field holds the parameter, or leads to it, other than by a marker.
    pub fn holds_parameter(&self, adt: DefId, name: &str) -> bool {
        self.fields_mention(adt, &|ty| mentions_beyond_markers(ty, name)) || self.holds_in_object(adt, name)
    }

    /// Whether a field is a trait object of the parameter (`Box<dyn Lines<R>>`), which may well hold one.
    fn holds_in_object(&self, adt: DefId, name: &str) -> bool {
        self.struct_of(adt).is_some_and(|s| s.fields.iter().any(|f| is_object_of(&f.ty, name)))
    }

    /// Whether the parameter is held behind raw pointers only, and nothing happens to it when the holder is dropped.
    pub fn only_points_at(&self, adt: DefId, name: &str) -> bool {
        let points = |ty: &Type| match ty {
            Type::Ptr { .. } | Type::Known(Known::NonNull, _) => false,
            ty => mentions_beyond_markers(ty, name),
        };
        !self.program.implements(adt, "Drop") && !self.fields_mention(adt, &points) && !self.holds_in_object(adt, name)
    }

    /// Whether any field mentions the parameter, a marker included.
    pub fn is_named_by_fields(&self, adt: DefId, name: &str) -> bool {
        self.fields_mention(adt, &|ty| mentions(ty, name))
    }

    fn fields_mention(&self, adt: DefId, test: &dyn Fn(&Type) -> bool) -> bool {
        let fields: Vec<&Ty> = match &self.program.def(adt).item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) => s.fields.iter().map(|f| &f.ty).collect(),
            ItemKind::Enum(e) => e.variants.iter().flat_map(|v| v.fields.iter().map(|f| &f.ty)).collect(),
            _ => return false,
        };
        fields.into_iter().any(|ty| match self.program.lower_type(adt, ty) {
            Type::Unknown => true,
            ty => test(&ty),
        })
    }

    /// Whether the type is not public and is only ever held behind an `Arc` or an epoch pointer: those are
    /// `Send` and `Sync` if the type is both, so that either promise takes the bounds of the other for granted. (A
    /// file that names no atomic may hold it too, and is not read: so a type that nothing holds is taken for one.)
    pub fn is_only_behind_arcs(&self, adt: DefId) -> bool {
        if self.program.def(adt).item.vis == Vis::Pub {
            return false;
        }
        let holders = self.holders.get_or_init(|| holders(self)).get(&adt);
        holders.is_none_or(|h| {
            h.iter().all(|&(holder, _)| {
                !self.fields_mention(holder, &|ty| matches!(ty, Type::Unknown) || holds_bare(ty, adt))
            })
        })
    }

    /// Whether an atomic belongs to the type, directly or behind its pointers.
    pub fn reaches_atomic(&self, adt: DefId) -> bool {
        let mut seen = vec![adt];
        let mut next = 0;
        while let Some(&at) = seen.get(next) {
            next += 1;
            if next > 64 {
                return false;
            }
            let fields: Vec<&Ty> = match &self.program.def(at).item.kind {
                ItemKind::Struct(s) | ItemKind::Union(s) => s.fields.iter().map(|f| &f.ty).collect(),
                ItemKind::Enum(e) => e.variants.iter().flat_map(|v| v.fields.iter().map(|f| &f.ty)).collect(),
                _ => continue,
            };
            for ty in fields {
                if holds_atomic(&self.program.lower_type(at, ty), &mut seen) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether an atomic lies in the type itself, beside a cell or pointer that leads to the parameter (or is one).
    pub fn is_built_on_atomic(&self, adt: DefId, name: &str) -> bool {
        let Some(s) = self.struct_of(adt) else { return false };
        let types: Vec<Type> = s.fields.iter().map(|f| self.program.lower_type(adt, &f.ty)).collect();
        let atomic = types.iter().any(|t| self.program.as_atomic(t).is_some() && !t.is_shared_pointer());
        atomic && types.iter().any(|t| mentions(t, name))
    }

    /// Whether the parameter lies in an `UnsafeCell`, so that its `Sync` is all the type's own doing.
    pub fn holds_in_cell(&self, adt: DefId, name: &str) -> bool {
        fn in_cell(ty: &Type, name: &str) -> bool {
            match ty {
                Type::Known(Known::UnsafeCell, args) => args.iter().any(|t| mentions(t, name)),
                Type::Known(_, args) | Type::Tuple(args) | Type::Adt(_, args) => args.iter().any(|t| in_cell(t, name)),
                Type::Ref { inner, .. } | Type::Array(inner, _) | Type::Slice(inner) => in_cell(inner, name),
                _ => false,
            }
        }
        self.struct_of(adt)
            .is_some_and(|s| s.fields.iter().any(|f| in_cell(&self.program.lower_type(adt, &f.ty), name)))
    }

    /// Whether one value of the parameter lies in a cell of the type: no table of them, as of one for each thread.
    pub fn is_one_cell(&self, adt: DefId, name: &str) -> bool {
        let one = |ty: &Type| match ty {
            Type::Param(p) => **p == *name,
            Type::Known(Known::Option | Known::MaybeUninit | Known::ManuallyDrop, args) => {
                matches!(args.first(), Some(Type::Param(p)) if **p == *name)
            }
            _ => false,
        };
        let in_cell = |ty: &Type| matches!(ty, Type::Known(Known::UnsafeCell, args) if args.first().is_some_and(one));
        self.struct_of(adt).is_some_and(|s| s.fields.iter().any(|f| in_cell(&self.program.lower_type(adt, &f.ty))))
    }

    /// Whether a field is an `UnsafeCell`.
    pub fn has_cell(&self, adt: DefId) -> bool {
        let cell = |ty: &Type| matches!(ty, Type::Known(Known::UnsafeCell, _));
        self.struct_of(adt).is_some_and(|s| s.fields.iter().any(|f| cell(&self.program.lower_type(adt, &f.ty))))
    }

    /// Whether a type that holds it promises to be `Sync`: by that one, several threads get at it.
    pub fn is_vouched_by_holder(&self, adt: DefId) -> bool {
        let holders = self.holders.get_or_init(|| holders(self)).get(&adt);
        holders.into_iter().flatten().any(|&(holder, _)| holder != adt && self.program.implements(holder, "Sync"))
    }

    /// Whether users cannot name the type and a type that holds it answers for both, or gives it an argument that is
    /// no value of the user's.
    pub fn is_shielded(&self, adt: DefId) -> bool {
        self.is_shielded_at(adt, 0)
    }

    /// Whether users of the crate never have one, nor anything that holds one for a value of theirs: they cannot name
    /// it, no function that they can call gives it, and code that was not read does not mention it.
    pub fn is_out_of_reach(&self, adt: DefId) -> bool {
        self.is_out_of_reach_at(adt, 0)
    }

    /// Whether users cannot name the type, as far as was read, and who holds it stands in files that were not.
    pub fn is_held_unread(&self, adt: DefId) -> bool {
        !self.program.is_reachable(adt) && self.is_named_unread(adt)
    }

    fn is_out_of_reach_at(&self, adt: DefId, depth: u32) -> bool {
        if depth > 4 || self.program.is_reachable(adt) || self.is_given_out(adt) || self.is_named_unread(adt) {
            return false;
        }
        let holders = self.holders.get_or_init(|| holders(self)).get(&adt);
        holders
            .into_iter()
            .flatten()
            .all(|&(holder, own)| holder == adt || !own || self.is_out_of_reach_at(holder, depth + 1))
    }

    /// A function that users can call has it in what it returns.
    fn is_given_out(&self, adt: DefId) -> bool {
        let given = self.given_out.get_or_init(|| given_out(self));
        given.contains(&adt)
    }

    /// A file of its crate that was not read has the word.
    fn is_named_unread(&self, adt: DefId) -> bool {
        let d = self.program.def(adt);
        self.program.crates[d.krate].files.iter().any(|(file, _)| {
            let unread = self.program.files.get(file.0 as usize).is_none_or(Option::is_none);
            unread && has_word(&self.sources.file(*file).text, &d.item.name)
        })
    }

    fn is_shielded_at(&self, adt: DefId, depth: u32) -> bool {
        if depth > 4 || self.program.is_reachable(adt) {
            return false;
        }
        let answers = |d: DefId| [Marker::Send, Marker::Sync].into_iter().any(|m| !self.marker_impls(d, m).is_empty());
        let holders = self.holders.get_or_init(|| holders(self)).get(&adt);
        holders
            .into_iter()
            .flatten()
            .any(|&(holder, own)| holder != adt && (!own || answers(holder) || self.is_shielded_at(holder, depth + 1)))
    }
}

/// Whether a name stands in a text as a word of its own.
fn has_word(text: &str, name: &str) -> bool {
    let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(name)
        .any(|(at, _)| !goes_on(text[..at].chars().next_back()) && !goes_on(text[at + name.len()..].chars().next()))
}

/// Per type of the analysed crates: the types with a field that holds it, and whether a parameter of theirs is among
/// its arguments.
pub(super) type Holders = FxHashMap<DefId, Vec<(DefId, bool)>>;

fn holders(facts: &Facts<'_>) -> Holders {
    let program = facts.program;
    let mut holders = Holders::default();
    for holder in program.def_ids() {
        let fields: Vec<&Ty> = match &program.def(holder).item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) => s.fields.iter().map(|f| &f.ty).collect(),
            ItemKind::Enum(e) => e.variants.iter().flat_map(|v| v.fields.iter().map(|f| &f.ty)).collect(),
            _ => continue,
        };
        for ty in fields {
            held_types(&program.lower_type(holder, ty), &mut |adt, args| {
                let own = args.iter().any(|a| matches!(a, Type::Param(_)));
                holders.entry(adt).or_default().push((holder, own));
            });
        }
    }
    holders
}

/// The types in what the functions return that users can call; what hides behind `impl Trait` may be any of the crate.
fn given_out(facts: &Facts<'_>) -> FxHashSet<DefId> {
    let program = facts.program;
    let mut given = FxHashSet::default();
    for def in program.def_ids() {
        let Some(f) = program.function(def) else { continue };
        let by_trait = program.implemented_trait(def).is_some();
        if by_trait || program.is_reachable(def) {
            // Who clones one has one.
            let from = program.self_adt(def).filter(|_| f.receiver.is_some());
            held_types(&program.lower_type(def, &f.ret), &mut |adt, _| {
                if from != Some(adt) {
                    given.insert(adt);
                }
            });
        }
    }
    given
}

/// Adds the types of the crate that `ty` mentions to `seen`; whether an atomic is among its parts.
fn holds_atomic(ty: &Type, seen: &mut Vec<DefId>) -> bool {
    match ty {
        Type::Atomic(kind, _) => !matches!(kind, Atomic::ArcSwap | Atomic::ArcSwapOption | Atomic::Cell),
        Type::Adt(adt, args) => {
            if !seen.contains(adt) {
                seen.push(*adt);
            }
            args.iter().any(|t| holds_atomic(t, seen))
        }
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().any(|t| holds_atomic(t, seen))
        }
        Type::Ref { inner, .. } | Type::Ptr { inner, .. } | Type::Slice(inner) | Type::Array(inner, _) => {
            holds_atomic(inner, seen)
        }
        _ => false,
    }
}

/// Whether a type mentions a generic parameter.
pub fn mentions(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Param(p) => **p == *name,
        Type::Atomic(_, inner)
        | Type::Ref { inner, .. }
        | Type::Ptr { inner, .. }
        | Type::Slice(inner)
        | Type::Array(inner, _) => mentions(inner, name),
        Type::Adt(_, args) | Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().any(|t| mentions(t, name))
        }
        _ => false,
    }
}

/// Whether a type holds another one elsewhere than behind an `Arc` or an epoch pointer.
fn holds_bare(ty: &Type, adt: DefId) -> bool {
    match ty {
        Type::Known(Known::Arc, _) | Type::Atomic(Atomic::Epoch, _) => false,
        Type::Adt(d, args) => *d == adt || args.iter().any(|t| holds_bare(t, adt)),
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => args.iter().any(|t| holds_bare(t, adt)),
        Type::Atomic(_, inner)
        | Type::Ref { inner, .. }
        | Type::Ptr { inner, .. }
        | Type::Slice(inner)
        | Type::Array(inner, _) => holds_bare(inner, adt),
        _ => false,
    }
}

fn mentions_beyond_markers(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Known(Known::PhantomData, _) => false,
        Type::Known(_, args) | Type::Tuple(args) => args.iter().any(|t| mentions_beyond_markers(t, name)),
        _ => mentions(ty, name),
    }
}

fn is_object_of(ty: &Ty, name: &str) -> bool {
    match ty {
        Ty::Path(p) => p.segments.iter().flat_map(|s| &s.args).any(|t| is_object_of(t, name)),
        Ty::Dyn(bounds) => bounds
            .iter()
            .flat_map(|b| &b.path.segments)
            .flat_map(|s| &s.args)
            .any(|t| super::transfer::mentions_name(t, name)),
        _ => false,
    }
}

/// Calls `each` with every type of the analysed crates that a type mentions, and its arguments.
fn held_types(ty: &Type, each: &mut dyn FnMut(DefId, &[Type])) {
    match ty {
        Type::Adt(adt, args) => {
            each(*adt, args);
            args.iter().for_each(|t| held_types(t, each));
        }
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().for_each(|t| held_types(t, each));
        }
        Type::Atomic(_, inner)
        | Type::Ref { inner, .. }
        | Type::Ptr { inner, .. }
        | Type::Slice(inner)
        | Type::Array(inner, _) => held_types(inner, each),
        _ => {}
    }
}
