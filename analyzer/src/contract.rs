//! The annotations of `atomic-lint-macros`, read from source: what the author promises, and the lint verifies.
//!
//! An annotation counts as an attribute and inside `cfg_attr`, with or without the crate. `cfg_attr(any(), …)` is the
//! inert form: it expands to nothing, needs no dependency, and is for the lint alone.

use crate::ir::{Attr, Cfg, Field, ItemKind};
use crate::resolve::{DefId, ModId, Program};

/// An annotation's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    Concurrent,
    Padded,
    SingleWriter,
    Frozen,
    AtomicOnly,
    GuardedBy,
    Hot,
    ReadMostly,
    CasPure,
    PairsWith,
    Allow,
    Expect,
}

impl Word {
    pub const ALL: [Word; 12] = [
        Word::Concurrent,
        Word::Padded,
        Word::SingleWriter,
        Word::Frozen,
        Word::AtomicOnly,
        Word::GuardedBy,
        Word::Hot,
        Word::ReadMostly,
        Word::CasPure,
        Word::PairsWith,
        Word::Allow,
        Word::Expect,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Word::Concurrent => "concurrent",
            Word::Padded => "padded",
            Word::SingleWriter => "single_writer",
            Word::Frozen => "frozen",
            Word::AtomicOnly => "atomic_only",
            Word::GuardedBy => "guarded_by",
            Word::Hot => "hot",
            Word::ReadMostly => "read_mostly",
            Word::CasPure => "cas_pure",
            Word::PairsWith => "pairs_with",
            Word::Allow => "allow",
            Word::Expect => "expect",
        }
    }

    /// Where it may stand.
    pub fn stands_on(self, place: Place) -> bool {
        use Place::{Field, Function, Static, Struct};
        match self {
            Word::Concurrent => place == Struct,
            Word::Padded => matches!(place, Struct | Static | Field),
            Word::SingleWriter | Word::Frozen => matches!(place, Struct | Field),
            Word::AtomicOnly => matches!(place, Static | Field),
            Word::GuardedBy | Word::Hot | Word::ReadMostly => place == Field,
            Word::CasPure | Word::PairsWith => place == Function,
            Word::Allow | Word::Expect => true,
        }
    }
}

/// What an annotation stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Struct,
    Field,
    Static,
    Function,
    /// Enums, unions, constants, impls and modules: they take `allow` and `expect` only.
    Other,
}

impl Place {
    fn of(kind: &ItemKind) -> Place {
        match kind {
            ItemKind::Struct(_) => Place::Struct,
            ItemKind::Static { .. } => Place::Static,
            ItemKind::Fn(_) => Place::Function,
            _ => Place::Other,
        }
    }
}

/// An annotation as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Annotation<'a> {
    pub word: Word,
    pub attr: &'a Attr,
}

impl<'a> Annotation<'a> {
    /// It stands under a condition that never holds, so nothing is expanded.
    pub fn is_inert(&self) -> bool {
        matches!(&self.attr.cfg, Cfg::Any(any) if any.is_empty())
    }

    /// The fields and flags between its parentheses, as far as they are paths.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let names = self.attr.tokens.split(',').map(str::trim);
        names.filter(|n| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.')))
    }

    /// The value of `key = value`.
    pub fn value(&self, key: &str) -> Option<&'a str> {
        let pairs = self.attr.tokens.split(',').filter_map(|pair| pair.split_once('='));
        pairs.map(|(k, v)| (k.trim(), v.trim())).find(|(k, _)| *k == key).map(|(_, v)| v)
    }
}

/// The annotation that an attribute is, written where the names of `scope` are seen.
pub fn read<'a>(program: &Program<'_>, scope: ModId, place: Place, attr: &'a Attr) -> Option<Annotation<'a>> {
    let last = attr.path.rsplit("::").next().unwrap_or_default().trim();
    let word = Word::ALL.into_iter().find(|w| w.name() == last && w.stands_on(place))?;
    let foreign = last == attr.path && program.is_imported_from_elsewhere(scope, last);
    (!foreign).then_some(Annotation { word, attr })
}

impl<'a> Program<'a> {
    /// What is promised of an item.
    pub fn annotations(&self, def: DefId) -> impl Iterator<Item = Annotation<'a>> + '_ {
        let d = self.def(def);
        let place = Place::of(&d.item.kind);
        d.item.attrs.iter().filter_map(move |a| read(self, d.scope, place, a))
    }

    pub fn annotation(&self, def: DefId, word: Word) -> Option<Annotation<'a>> {
        self.annotations(def).find(|a| a.word == word)
    }

    /// What is promised of a field of a struct.
    pub fn field_annotation<'f>(&self, adt: DefId, field: &'f Field, word: Word) -> Option<Annotation<'f>> {
        let scope = self.def(adt).scope;
        field.attrs.iter().filter_map(|a| read(self, scope, Place::Field, a)).find(|a| a.word == word)
    }

    /// Whether an import gives the name to a thing of a crate that isn't ours: its `padded` promises us nothing.
    fn is_imported_from_elsewhere(&self, scope: ModId, name: &str) -> bool {
        let ours = |path: &str| {
            let krate = path.split("::").next().unwrap_or_default();
            krate == name || krate.starts_with("atomic_lint")
        };
        self.imported_path(scope, name).is_some_and(|path| !ours(&path))
    }
}
