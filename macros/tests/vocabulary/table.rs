//! The table that the attributes and the linter are held against: every attribute, where it stands, and what it accepts
//! there.

use Place::*;

/// Where an attribute can stand. `Field` is a field of a struct under `#[concurrent]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Struct,
    Field,
    Static,
    Function,
    Enum,
    Union,
    Const,
    Impl,
}

/// An attribute: its name, and the arguments it accepts in each place where it may stand. The empty text is the
/// attribute without parentheses; `lock`, `flag` and `renamed` stand for any field and path, `torn_snapshot` for any
/// lint.
pub(crate) struct Word {
    pub(crate) name: &'static str,
    pub(crate) accepts: &'static [(Place, &'static [&'static str])],
}

const PLAIN: &[&str] = &[""];
const ROOT: &[&str] = &["", "crate = renamed"];
pub(crate) const LINTS: &[&str] = &[
    "torn_snapshot",
    "torn_snapshot, relaxed_lock",
    "torn_snapshot, reason = \"why\"",
    "torn_snapshot, until = \"2027-01-31\"",
    "torn_snapshot, relaxed_lock, reason = \"why\", until = \"2027-01-31\"",
];
const ANYWHERE: &[(Place, &[&str])] = &[
    (Struct, LINTS),
    (Field, LINTS),
    (Static, LINTS),
    (Function, LINTS),
    (Enum, LINTS),
    (Union, LINTS),
    (Const, LINTS),
    (Impl, LINTS),
];

/// All there is. On a field, `allow` and `expect` are written with the path of the tool: `atomic_lint::allow`.
pub(crate) const VOCABULARY: &[Word] = &[
    Word { name: "concurrent", accepts: &[(Struct, ROOT)] },
    Word { name: "padded", accepts: &[(Struct, ROOT), (Static, ROOT), (Field, PLAIN)] },
    Word {
        name: "single_writer",
        accepts: &[(Struct, &["", "no_alloc", "claim = flag", "no_alloc, claim = flag"]), (Field, PLAIN)],
    },
    Word { name: "frozen", accepts: &[(Struct, PLAIN), (Field, PLAIN)] },
    Word { name: "atomic_only", accepts: &[(Field, PLAIN), (Static, PLAIN)] },
    Word { name: "guarded_by", accepts: &[(Field, &["lock"])] },
    Word { name: "hot", accepts: &[(Field, PLAIN)] },
    Word { name: "read_mostly", accepts: &[(Field, &["", "unchecked"])] },
    Word { name: "cas_pure", accepts: &[(Function, &["", "const"])] },
    Word { name: "pairs_with", accepts: &[(Function, &["\"Queue::pop\"", "\"Queue::pop\", \"drain\""])] },
    Word { name: "allow", accepts: ANYWHERE },
    Word { name: "expect", accepts: ANYWHERE },
];
