//! Types and paths as written.

use serde::{Deserialize, Serialize};

use super::Span;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ty {
    /// `a::b<T>`, `Self`, `<T as Trait>::Assoc`, a generic parameter.
    Path(Path),
    Ref {
        mutable: bool,
        lifetime: Option<String>,
        inner: Box<Ty>,
    },
    Ptr {
        mutable: bool,
        inner: Box<Ty>,
    },
    Slice(Box<Ty>),
    /// The length as written, e.g. `64`, `N`, `{ N + 1 }`.
    Array(Box<Ty>, String),
    Tuple(Vec<Ty>),
    /// `fn(A, B) -> R`.
    FnPtr {
        params: Vec<Ty>,
        ret: Box<Ty>,
    },
    /// `impl A + B`.
    Impl(Vec<Bound>),
    /// `dyn A + B`.
    Dyn(Vec<Bound>),
    Never,
    /// `_`.
    Infer,
    /// A macro in type position, or syntax that is not understood.
    Opaque,
}

/// A trait bound; `?Sized` has `maybe` set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bound {
    pub maybe: bool,
    pub path: Path,
}

/// A path as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Path {
    /// Starts with `::`.
    pub global: bool,
    /// `<T as Trait>::…`: the type, and how many leading segments belong to the trait.
    pub qself: Option<(Box<Ty>, usize)>,
    pub segments: Vec<Segment>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Segment {
    pub name: String,
    /// Types among the generic arguments, in order (`Fn(A) -> B` gives its parameters here and its result in
    /// `output`). Lifetimes are left out; a const argument is `Ty::Opaque` unless it is a plain path.
    pub args: Vec<Ty>,
    /// The result type of `Fn(A) -> B` sugar.
    pub output: Option<Box<Ty>>,
    /// Associated type bindings: `Iterator<Item = T>`.
    pub bindings: Vec<(String, Ty)>,
}

impl Segment {
    /// A name without generic arguments.
    pub fn plain(name: impl Into<String>) -> Segment {
        Segment { name: name.into(), args: Vec::new(), output: None, bindings: Vec::new() }
    }
}

impl Path {
    /// `a::b`, as if it were written at `span`.
    pub fn of_names<'n>(names: impl IntoIterator<Item = &'n str>, span: Span) -> Path {
        Path { global: false, qself: None, segments: names.into_iter().map(Segment::plain).collect(), span }
    }

    /// The last name of the path.
    pub fn last(&self) -> &str {
        self.segments.last().map_or("", |s| &s.name)
    }

    /// The name, if the path is one bare identifier.
    pub fn ident(&self) -> Option<&str> {
        match &self.segments[..] {
            [s] if !self.global && self.qself.is_none() => Some(&s.name),
            _ => None,
        }
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, s) in self.segments.iter().enumerate() {
            if i > 0 || self.global {
                f.write_str("::")?;
            }
            f.write_str(&s.name)?;
        }
        Ok(())
    }
}
