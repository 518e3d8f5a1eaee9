//! Items: modules, imports, types, functions, with their attributes and `cfg` conditions as data.

use serde::{Deserialize, Serialize};

use super::{BodyIdx, Bound, Path, Span, Ty};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Empty for `use`, impls and macro invocations.
    pub name: String,
    pub vis: Vis,
    pub attrs: Vec<Attr>,
    /// The condition under which the item exists: its own `#[cfg]`s, and those of macros like `cfg_if!` around it.
    pub cfg: Cfg,
    /// The whole item, outer attributes and doc comments included.
    pub span: Span,
    /// The name, or the head (up to the body) where there is none.
    pub name_span: Span,
    pub kind: ItemKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ItemKind {
    Mod(Module),
    /// One leaf of a `use` tree each: `use a::{b, c as d}` gives two items.
    Use(Use),
    ExternCrate {
        krate: String,
    },
    Struct(Struct),
    Union(Struct),
    Enum(Enum),
    Static {
        ty: Ty,
        mutable: bool,
        init: Option<BodyIdx>,
    },
    Const {
        ty: Ty,
        init: Option<BodyIdx>,
    },
    TypeAlias {
        generics: Generics,
        ty: Option<Ty>,
    },
    Trait {
        generics: Generics,
        supertraits: Vec<Bound>,
        items: Vec<Item>,
        is_unsafe: bool,
    },
    Impl(Impl),
    Fn(Function),
    MacroRules,
    /// An item macro whose arguments could not be lowered as items.
    MacroCall {
        path: Path,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Vis {
    Private,
    Pub,
    /// `pub(crate)`, `pub(super)`, `pub(in …)`.
    Restricted(String),
}

/// An attribute, `#[cfg_attr(pred, x)]` taken apart into `x` with `cfg = pred`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attr {
    /// `repr`, `atomic_lint::allow`, `derive`, `doc`.
    pub path: String,
    /// What stands between the parentheses or behind `=`, as source text; a doc comment's text for `doc`.
    pub tokens: String,
    /// The predicate of the `cfg_attr` it stood in (nested ones conjoined); `Cfg::always()` without one.
    pub cfg: Cfg,
    pub span: Span,
}

/// A condition on the build.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cfg {
    /// All of these; `All([])` is always true.
    All(Vec<Cfg>),
    /// Any of these; `Any([])` is never true.
    Any(Vec<Cfg>),
    Not(Box<Cfg>),
    /// `unix`, `test`, `loom`.
    Flag(String),
    /// `feature = "std"`.
    Equals(String, String),
}

impl Default for Cfg {
    fn default() -> Self {
        Cfg::always()
    }
}

impl Cfg {
    pub fn always() -> Self {
        Cfg::All(Vec::new())
    }

    pub fn is_always(&self) -> bool {
        matches!(self, Cfg::All(all) if all.iter().all(Cfg::is_always))
    }

    /// The conjunction of two conditions, flattened.
    pub fn and(self, other: Cfg) -> Cfg {
        let mut all = Vec::new();
        for c in [self, other] {
            match c {
                Cfg::All(inner) => all.extend(inner),
                c => all.push(c),
            }
        }
        match all.len() {
            1 => all.remove(0),
            _ => Cfg::All(all),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Module {
    /// `None` for `mod name;`, whose items stand in another file.
    pub items: Option<Vec<Item>>,
    /// The value of `#[path = "…"]`.
    pub path_attr: Option<String>,
    /// `include!("…")` at item position is a nameless module of this kind: its items belong to the parent.
    pub include: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Segment names from the root, `crate`, `self` and `super` included.
    pub path: Vec<String>,
    pub global: bool,
    /// The name it is bound to; `None` for a glob, `Some("_")` for an anonymous import.
    pub rename: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generics {
    pub params: Vec<GenericParam>,
    /// `where T: Bound`, the subject as a type.
    pub predicates: Vec<(Ty, Vec<Bound>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenericParam {
    pub name: String,
    pub kind: GenericKind,
    pub bounds: Vec<Bound>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GenericKind {
    Lifetime,
    Type,
    Const,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Struct {
    pub generics: Generics,
    pub shape: Shape,
    pub fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    Named,
    Tuple,
    Unit,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// `"0"`, `"1"`, … in tuple structs.
    pub name: String,
    pub vis: Vis,
    pub ty: Ty,
    pub attrs: Vec<Attr>,
    pub cfg: Cfg,
    /// The whole field, attributes included, without the comma.
    pub span: Span,
    /// The name, or the type in tuple structs.
    pub name_span: Span,
    pub ty_span: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enum {
    pub generics: Generics,
    pub variants: Vec<Variant>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    pub name: String,
    pub shape: Shape,
    pub fields: Vec<Field>,
    pub cfg: Cfg,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impl {
    pub generics: Generics,
    pub is_unsafe: bool,
    /// `impl !Send for …`.
    pub negative: bool,
    pub of_trait: Option<Path>,
    pub self_ty: Ty,
    /// Functions, consts and type aliases.
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    pub generics: Generics,
    /// How `self` is taken, if it is a method.
    pub receiver: Option<Receiver>,
    /// The parameters after `self`: the name of a simple pattern and the type.
    pub params: Vec<(Option<String>, Ty)>,
    /// `Ty::Tuple([])` where none is written.
    pub ret: Ty,
    pub is_unsafe: bool,
    pub is_async: bool,
    pub is_const: bool,
    /// `extern "C"` and the like.
    pub abi: Option<String>,
    /// `None` for declarations.
    pub body: Option<BodyIdx>,
    /// From the first token (after attributes) to the end of the signature.
    pub sig_span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Receiver {
    /// `self`, `mut self`.
    Value,
    /// `&self`.
    Ref,
    /// `&mut self`.
    RefMut,
    /// `self: Arc<Self>`, `self: Pin<&mut Self>`.
    Typed(Ty),
}
