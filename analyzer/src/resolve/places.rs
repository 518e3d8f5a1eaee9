//! Which piece of memory a place names: a root and the fields from there, seen through references, smart
//! pointers, closures' captures and accessors.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::calls::{TRANSPARENT, Target};
use super::types::{Known, Type};
use super::{BodyId, DefId, Program, Res};
use crate::ir::{self, Base, Callee, EventKind, ItemKind, LocalId, Place, Proj, ValueId, ValueKind};

const MAX_DEPTH: u32 = 40;

/// How many values one question follows: where merges of pointers follow each other, the ways between them multiply.
const MAX_STEPS: u32 = 1000;

/// Where a path of fields begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Root {
    /// A parameter of a function (its outermost body), `self` being 0 in methods.
    Param(BodyId, u32),
    Static(DefId),
    /// A local that holds the memory itself.
    Local(BodyId, LocalId),
    /// What a value points to, the value being the result of a call, a load, a merge of several pointers.
    Value(BodyId, ValueId),
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    Field(String),
    /// An element, with the value that indexes it where the same value means the same element.
    Index(Option<(BodyId, ValueId)>),
}

/// A piece of memory as one body sees it. Dereferences leave no trace in `steps`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceRef {
    pub root: Root,
    pub steps: Vec<Step>,
    /// How many pointers that others may hold too lie on the way.
    pub shared: u32,
    /// The last field of a type of the analysed crates on the way; further tuple fields joined with dots.
    pub field: Option<(DefId, String)>,
    /// An index stands behind that field.
    pub indexed: bool,
    pub ty: Type,
}

/// A piece of shared memory, named by its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LocationKey<'a> {
    Field(DefId, &'a str),
    Static(DefId),
    Local(BodyId, LocalId),
}

/// What a function returns when it only hands out (part of) one of its parameters.
#[derive(Clone, Debug)]
pub struct Accessor {
    /// Index of the parameter, `None` for a static.
    pub place: PlaceRef,
}

thread_local! {
    static VISITING: RefCell<FxHashSet<(BodyId, ValueId)>> = RefCell::default();
    /// How many values the outermost question has followed.
    static STEPS: Cell<u32> = const { Cell::new(0) };
    static VISITING_FNS: RefCell<FxHashSet<DefId>> = RefCell::default();
}

/// Forgets what this thread was in the middle of.
pub(super) fn forget_unfinished() {
    VISITING.take();
    VISITING_FNS.take();
}

impl PlaceRef {
    /// The names of the last fields on the way, the innermost last.
    pub fn last_fields(&self, n: usize) -> Vec<&str> {
        let fields = self.steps.iter().filter_map(|s| match s {
            Step::Field(name) => Some(name.as_str()),
            Step::Index(_) => None,
        });
        let all: Vec<&str> = fields.collect();
        all[all.len().saturating_sub(n)..].to_vec()
    }

    fn unknown() -> Self {
        PlaceRef { root: Root::Unknown, steps: Vec::new(), shared: 0, field: None, indexed: false, ty: Type::Unknown }
    }

    fn rooted(root: Root, ty: Type) -> Self {
        PlaceRef { root, ty, ..PlaceRef::unknown() }
    }

    /// Whether both name the same memory for sure, seen from the same body at the same time.
    pub fn same_memory(&self, other: &PlaceRef) -> bool {
        self.root != Root::Unknown
            && self.root == other.root
            && self.steps == other.steps
            && !self.steps.iter().any(|s| matches!(s, Step::Index(None)))
    }

    /// Whether they may name the same memory: equal but for indices that are not known to differ.
    pub fn may_alias(&self, other: &PlaceRef) -> bool {
        let roots = match (&self.root, &other.root) {
            (Root::Unknown, _) | (_, Root::Unknown) => return false,
            (a, b) => a == b,
        };
        roots
            && self.steps.len() == other.steps.len()
            && self.steps.iter().zip(&other.steps).all(|(a, b)| match (a, b) {
                (Step::Index(_), Step::Index(_)) => true,
                (a, b) => a == b,
            })
    }

    /// Whether an element is chosen by different values, so that nothing says that it is the same one.
    pub fn is_other_element(&self, other: &PlaceRef) -> bool {
        self.steps
            .iter()
            .zip(&other.steps)
            .any(|pair| matches!(pair, (Step::Index(Some(a)), Step::Index(Some(b))) if a != b))
    }

    /// `self.head`, `COUNTER`, `node.next`: as the user would point at it.
    pub fn display(&self, program: &Program<'_>) -> String {
        let mut text = match &self.root {
            Root::Param(b, i) => program.param_name(*b, *i),
            Root::Static(d) => program.def(*d).item.name.clone(),
            Root::Local(b, l) => program.body(*b).ir.locals.get(l.index()).map_or_else(String::new, |l| l.name.clone()),
            Root::Value(..) | Root::Unknown => "_".to_owned(),
        };
        for step in &self.steps {
            match step {
                Step::Field(f) => {
                    text.push('.');
                    text.push_str(f);
                }
                Step::Index(_) => text.push_str("[_]"),
            }
        }
        text
    }

    /// The location it belongs to, across bodies.
    pub fn location(&self) -> Option<LocationKey<'_>> {
        if let Some((adt, field)) = &self.field {
            return Some(LocationKey::Field(*adt, field));
        }
        match self.root {
            Root::Static(d) => Some(LocationKey::Static(d)),
            Root::Local(b, l) => Some(LocationKey::Local(b, l)),
            _ => None,
        }
    }

    fn push_field(&mut self, program: &Program<'_>, name: &str) {
        let chain = program.autoderef(&self.ty);
        let mut found = None;
        for t in &chain {
            if let Some(ty) = program.field_type(t, name) {
                found = Some((t.clone(), ty));
                break;
            }
            self.step_through_deref(program, t);
            self.shared += u32::from(t.is_shared_pointer());
        }
        self.steps.push(Step::Field(name.to_owned()));
        match found {
            Some((Type::Adt(adt, _), ty)) => {
                self.enter_field(program, adt, name);
                self.ty = ty;
            }
            Some((_, ty)) => {
                if let Some((_, f)) = &mut self.field {
                    f.push('.');
                    f.push_str(name);
                }
                self.ty = ty;
            }
            None => {
                self.field = None;
                self.ty = Type::Unknown;
            }
        }
    }

    /// Goes to a field. What a newtype wraps is the place that the newtype stands at, if that has a name.
    fn enter_field(&mut self, program: &Program<'_>, adt: DefId, name: &str) {
        let named =
            self.field.is_some() || matches!(self.root, Root::Static(_) | Root::Local(..)) && self.steps.len() <= 1;
        if named && program.is_newtype(adt) {
            return;
        }
        self.field = Some((adt, name.to_owned()));
        self.indexed = false;
    }

    /// A type with a `Deref` of its own leads to one of its fields.
    fn step_through_deref(&mut self, program: &Program<'_>, ty: &Type) {
        let Type::Adt(adt, _) = ty else { return };
        let deref = program.methods_of(*adt, "deref").first();
        if let Some(accessor) = deref.and_then(|d| program.accessor(*d)) {
            self.steps.extend(accessor.place.steps.iter().cloned());
            self.shared += accessor.place.shared.saturating_sub(1);
            if let Some((adt, name)) = &accessor.place.field {
                self.enter_field(program, *adt, name);
            }
        }
    }

    /// The atomic that the place is or dereferences to.
    pub fn into_atomic(mut self, program: &Program<'_>) -> PlaceRef {
        for t in program.autoderef(&self.ty) {
            if matches!(t, Type::Atomic(..)) {
                self.ty = t;
                break;
            }
            self.step_through_deref(program, &t);
            // The atomic behind an `Arc` or `&` in a field is not the holder's alone.
            self.shared += u32::from(t.is_shared_pointer());
        }
        self
    }

    fn push_index(&mut self, program: &Program<'_>, index: Option<(BodyId, ValueId)>) {
        self.shared += u32::from(program.autoderef(&self.ty).iter().any(Type::is_shared_pointer));
        self.ty = program.project(&self.ty, &Proj::Index(ValueId(0)));
        self.steps.push(Step::Index(index));
        self.indexed = true;
    }
}

impl<'a> Program<'a> {
    /// A struct with one field that counts: markers aside.
    pub fn is_newtype(&self, adt: DefId) -> bool {
        let ItemKind::Struct(s) = &self.def(adt).item.kind else { return false };
        let marker = |f: &&ir::Field| !matches!(&f.ty, ir::Ty::Path(p) if p.last() == "PhantomData");
        s.fields.iter().filter(marker).count() == 1 && !self.methods_of(adt, "deref").is_empty()
    }

    pub fn param_name(&self, body: BodyId, index: u32) -> String {
        let b = self.body(body);
        let local = b.ir.params.get(index as usize).and_then(|l| b.ir.locals.get(l.index()));
        local.map_or_else(String::new, |l| l.name.clone())
    }

    /// The memory that a place names.
    pub fn place_ref(&self, body: BodyId, place: &Place) -> PlaceRef {
        self.place_ref_at(body, place, 0)
    }

    /// The memory that a value points to, is a copy of, or was moved out of.
    pub fn value_ref(&self, body: BodyId, value: ValueId) -> PlaceRef {
        self.value_ref_at(body, value, 0)
    }

    fn place_ref_at(&self, body: BodyId, place: &Place, depth: u32) -> PlaceRef {
        let mut at = match &place.base {
            Base::Local(l, v) => self.local_ref(body, *l, *v, depth + 1),
            Base::Path(path) => self.path_ref(body, path),
            Base::Value(v) => self.value_ref_at(body, *v, depth + 1),
        };
        for proj in &place.proj {
            match proj {
                Proj::Field(name) => at.push_field(self, name),
                Proj::Index(v) => {
                    let index = self.stable_index(body, *v);
                    at.push_index(self, Some(index));
                }
                Proj::Deref => {
                    at.shared += u32::from(at.ty.is_shared_pointer());
                    at.ty = self.project(&at.ty, proj);
                }
            }
        }
        at
    }

    fn local_ref(&self, body: BodyId, local: LocalId, value: ValueId, depth: u32) -> PlaceRef {
        let mut at = self.value_ref_at(body, value, depth);
        let ty = self.local_type(body, local, value);
        if matches!(at.root, Root::Value(..) | Root::Unknown) && at.steps.is_empty() {
            // A variable that holds its memory itself rather than a pointer from elsewhere.
            let holds = !ty.is_pointer() && !ty.is_unknown() || self.is_made_shared(body, value, &ty);
            let root = if holds { Root::Local(body, local) } else { at.root.clone() };
            at = PlaceRef { root, ty: ty.clone(), ..at };
        }
        if at.ty.is_unknown() {
            at.ty = ty;
        }
        at
    }

    /// `Arc::new(AtomicU32::new(0))`: the memory is the variable's, whoever else gets a handle to it.
    fn is_made_shared(&self, body: BodyId, value: ValueId, ty: &Type) -> bool {
        let Type::Known(Known::Arc | Known::Rc, args) = ty else { return false };
        if !matches!(args.first(), Some(Type::Atomic(..))) {
            return false;
        }
        let ValueKind::Event(e) = self.body(body).ir.values[value.index()].kind else { return false };
        let EventKind::Call(call) = &self.body(body).ir.events[e.index()].kind else { return false };
        let Target::Foreign(path) = self.target(body, call) else { return false };
        path.ends_with("Arc::new") || path.ends_with("Rc::new")
    }

    fn path_ref(&self, body: BodyId, path: &ir::Path) -> PlaceRef {
        match self.resolve_value(body, path) {
            Res::Def(d) => match &self.def(d).item.kind {
                ItemKind::Static { .. } => {
                    let mut at = PlaceRef::rooted(Root::Static(d), self.path_type_of_static(body, path));
                    at.shared += 1;
                    at
                }
                _ => PlaceRef::unknown(),
            },
            _ => PlaceRef::unknown(),
        }
    }

    fn path_type_of_static(&self, body: BodyId, path: &ir::Path) -> Type {
        let place = Place { base: Base::Path(Box::new(path.clone())), proj: Vec::new(), span: path.span };
        self.place_type(body, &place)
    }

    /// Two index expressions that read the same variable or compute the same thing are one index.
    fn stable_index(&self, body: BodyId, value: ValueId) -> (BodyId, ValueId) {
        let b = self.body(body);
        match b.ir.values.get(value.index()).map(|v| &v.kind) {
            Some(ValueKind::Read(p)) if p.proj.is_empty() => match p.base {
                Base::Local(_, v) => (body, v),
                _ => (body, value),
            },
            Some(ValueKind::Int(n)) => {
                let first = b.ir.values.iter().position(|v| v.kind == ValueKind::Int(*n));
                (body, first.map_or(value, |i| ValueId(i as u32)))
            }
            _ => (body, value),
        }
    }

    fn value_ref_at(&self, body: BodyId, value: ValueId, depth: u32) -> PlaceRef {
        if depth > MAX_DEPTH {
            return PlaceRef::unknown();
        }
        let (outermost, entered) = VISITING.with_borrow_mut(|v| (v.is_empty(), v.insert((body, value))));
        if !entered {
            return PlaceRef::unknown();
        }
        let steps = if outermost { 0 } else { STEPS.get() };
        STEPS.set(steps + 1);
        let mut at = if steps < MAX_STEPS { self.trace(body, value, depth + 1) } else { PlaceRef::unknown() };
        VISITING.with_borrow_mut(|v| v.remove(&(body, value)));
        if at.root == Root::Unknown {
            at.root = Root::Value(body, value);
        }
        if at.ty.is_unknown() {
            at.ty = self.type_of(body, value);
        }
        at
    }

    fn trace(&self, body: BodyId, value: ValueId, depth: u32) -> PlaceRef {
        let b = self.body(body);
        let Some(v) = b.ir.values.get(value.index()) else { return PlaceRef::unknown() };
        match &v.kind {
            ValueKind::Param(i) => self.param_ref(body, *i, value, depth),
            ValueKind::Capture(i) => match (b.parent, b.ir.captures.get(*i as usize)) {
                (Some(parent), Some(c)) => self.local_ref(parent, c.outer, c.value, depth),
                _ => PlaceRef::unknown(),
            },
            ValueKind::Ref { place, .. } | ValueKind::RawRef { place, .. } => {
                let mut at = self.place_ref_at(body, place, depth);
                // What is reached through a reference has the place's own type.
                if at.ty.is_unknown() {
                    at.ty = self.place_type(body, place);
                }
                at
            }
            ValueKind::Read(place) => self.place_ref_at(body, place, depth),
            ValueKind::Cast(v, ty) => {
                let mut at = self.value_ref_at(body, *v, depth);
                if let Type::Ptr { inner, .. } = self.lower_type(b.owner, ty) {
                    if !inner.is_unknown() {
                        at.ty = Type::Ptr { mutable: true, inner };
                    }
                    at.shared += 1;
                }
                // `&self.nodes as &[Node]`
                if let ty @ Type::Slice(_) = self.lower_type(b.owner, ty).peeled_refs() {
                    at.ty = ty.clone();
                }
                at
            }
            ValueKind::Event(e) => self.event_ref(body, *e, value, depth),
            ValueKind::Part { of, variant, field } => self.part_ref(body, value, *of, variant.as_deref(), field, depth),
            ValueKind::Item(v) => {
                let mut at = self.value_ref_at(body, *v, depth);
                at.steps.push(Step::Index(Some((body, value))));
                at.indexed = true;
                at.ty = match self.type_of(body, value) {
                    // The reference is the loop's own: the element lies in what is walked through.
                    Type::Ref { inner, .. } if self.walks_by_reference(body, *v) => Arc::unwrap_or_clone(inner),
                    ty => ty,
                };
                at
            }
            ValueKind::Phi(operands) => {
                let mut refs =
                    operands.iter().map(|(_, v)| *v).filter(|v| *v != value).map(|v| self.value_ref_at(body, v, depth));
                let Some(first) = refs.next() else { return PlaceRef::unknown() };
                if refs.all(|r| r.root == first.root && r.steps == first.steps) { first } else { PlaceRef::unknown() }
            }
            ValueKind::Mutated { before, .. } => self.value_ref_at(body, *before, depth),
            ValueKind::Struct { path, fields, .. } if matches!(path.last(), "Some" | "Ok") => match fields.first() {
                Some((_, v)) => self.value_ref_at(body, *v, depth),
                None => PlaceRef::unknown(),
            },
            ValueKind::Path(path) => self.path_ref(body, path),
            _ => PlaceRef::unknown(),
        }
    }

    /// `for x in &list`, `for x in list.iter()`, rather than over references that are kept in a list.
    fn walks_by_reference(&self, body: BodyId, list: ValueId) -> bool {
        let by_iterator = || match self.body(body).ir.values.get(list.index()).map(|v| &v.kind) {
            Some(ValueKind::Event(e)) => match self.body(body).ir.events.get(e.index()).map(|e| &e.kind) {
                Some(EventKind::Call(call)) => match &call.callee {
                    Callee::Method { name, .. } => matches!(name.as_str(), "iter" | "iter_mut"),
                    _ => false,
                },
                _ => false,
            },
            _ => false,
        };
        matches!(self.type_of(body, list), Type::Ref { .. }) || by_iterator()
    }

    fn param_ref(&self, body: BodyId, index: u32, value: ValueId, depth: u32) -> PlaceRef {
        let b = self.body(body);
        if b.parent.is_none() {
            return PlaceRef::rooted(Root::Param(body, index), self.type_of(body, value));
        }
        // The parameter of a closure handed to an iterator adaptor or to `Option::map` is (an element of) the receiver.
        let Some((parent, event)) = self.closure_use(body) else { return PlaceRef::unknown() };
        let EventKind::Call(call) = &self.body(parent).ir.events[event.index()].kind else {
            return PlaceRef::unknown();
        };
        let Callee::Method { receiver, name, .. } = &call.callee else { return PlaceRef::unknown() };
        let ty = self.place_type(parent, receiver);
        let iterates = matches!(&ty, Type::External(..));
        if iterates && !matches!(name.as_str(), "fold" | "try_fold") || matches!(ty, Type::Known(Known::Option, _)) {
            let mut at = self.place_ref_at(parent, receiver, depth);
            if iterates {
                at.steps.push(Step::Index(None));
                at.indexed = true;
            }
            at.ty = self.type_of(body, value);
            return at;
        }
        if matches!(name.as_str(), "with" | "with_mut") && index == 0 {
            let mut at = self.place_ref_at(parent, receiver, depth);
            at.ty = self.type_of(body, value);
            return at;
        }
        PlaceRef::unknown()
    }

    fn part_ref(
        &self,
        body: BodyId,
        value: ValueId,
        of: ValueId,
        variant: Option<&str>,
        field: &str,
        depth: u32,
    ) -> PlaceRef {
        let whole_ty = self.type_of(body, of);
        match (variant, &whole_ty) {
            (Some("Some" | "Ok"), _) => {
                let mut at = self.value_ref_at(body, of, depth);
                at.ty = self.type_of(body, value);
                at
            }
            (None, Type::Tuple(_)) => match self.body(body).ir.values.get(of.index()).map(|v| &v.kind) {
                // `for (i, x) in v.iter().enumerate()`
                Some(ValueKind::Item(_)) => {
                    let mut at = self.value_ref_at(body, of, depth);
                    at.ty = self.type_of(body, value);
                    at
                }
                Some(ValueKind::Tuple(items)) => match field.parse::<usize>().ok().and_then(|i| items.get(i)) {
                    Some(v) => self.value_ref_at(body, *v, depth),
                    None => PlaceRef::unknown(),
                },
                _ => PlaceRef::unknown(),
            },
            (None, _) => {
                let mut at = self.value_ref_at(body, of, depth);
                at.push_field(self, field);
                at
            }
            (Some(v), ty) => match ty.peeled() {
                Type::Adt(adt, _) => {
                    let mut at = self.value_ref_at(body, of, depth);
                    at.steps.push(Step::Field(format!("{v}.{field}")));
                    at.field = Some((*adt, format!("{v}.{field}")));
                    at.ty = self.type_of(body, value);
                    at
                }
                _ => PlaceRef::unknown(),
            },
        }
    }

    fn event_ref(&self, body: BodyId, event: ir::EventId, value: ValueId, depth: u32) -> PlaceRef {
        let Some(e) = self.body(body).ir.events.get(event.index()) else { return PlaceRef::unknown() };
        let EventKind::Call(call) = &e.kind else { return PlaceRef::unknown() };
        let arg = |i: usize| call.args.get(i).map(|v| self.value_ref_at(body, *v, depth));
        match self.target(body, call) {
            Target::Fn(def) => self.accessor_ref(body, call, def, depth).unwrap_or_else(PlaceRef::unknown),
            Target::Foreign(path) => {
                let mut parts = path.rsplit("::");
                let (method, owner) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
                match (owner, method) {
                    ("Arc" | "Rc", "clone")
                    | ("Pin", "new" | "new_unchecked" | "get_ref" | "into_inner")
                    | ("ptr", "from_ref" | "from_mut")
                    | ("NonNull", _)
                    | ("Arc" | "Rc" | "Box", "as_ptr" | "into_raw" | "leak" | "from_raw" | "as_ref")
                    | ("AsRef" | "Borrow" | "Deref", _)
                    | ("Lazy" | "LazyLock", "force")
                    | ("UnsafeCell", "raw_get")
                    | ("mem", "transmute")
                    | (_, "from_ptr" | "from_ref") => {
                        let mut at = arg(0).unwrap_or_else(PlaceRef::unknown);
                        let ty = self.type_of(body, value);
                        if !ty.is_unknown() {
                            at.ty = ty;
                        }
                        at.shared += u32::from(at.ty.is_shared_pointer());
                        at
                    }
                    _ => PlaceRef::unknown(),
                }
            }
            Target::Method { receiver, name } => {
                let Callee::Method { receiver: place, .. } = &call.callee else { return PlaceRef::unknown() };
                self.method_ref(body, place, &receiver, &name, call, value, depth)
            }
            Target::Closure(_) | Target::Unknown => match &call.callee {
                Callee::Method { receiver, name, .. }
                    if matches!(name.as_str(), "deref" | "as_ref" | "borrow" | "clone") =>
                {
                    let mut at = self.place_ref_at(body, receiver, depth);
                    if name == "clone" && !at.ty.is_shared_pointer() && !at.ty.is_unknown() {
                        return PlaceRef::unknown();
                    }
                    at.shared += 1;
                    at
                }
                _ => PlaceRef::unknown(),
            },
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn method_ref(
        &self,
        body: BodyId,
        place: &Place,
        receiver: &Type,
        name: &str,
        call: &ir::Call,
        value: ValueId,
        depth: u32,
    ) -> PlaceRef {
        if self.as_atomic(receiver).is_some() && !matches!(name, "as_ptr" | "get_mut" | "clone") {
            // The result of an operation on an atomic is a value of its own.
            return PlaceRef::unknown();
        }
        let ty = self.type_of(body, value);
        let through = TRANSPARENT.contains(&name)
            || name == "clone" && receiver.is_shared_pointer()
            || matches!(receiver.peeled_refs(), Type::Known(Known::Pin, _))
            || matches!(
                (receiver.peeled(), name),
                (
                    Type::Known(
                        Known::UnsafeCell | Known::Lazy | Known::Cell | Known::RefCell | Known::Mutex | Known::RwLock,
                        _
                    ),
                    "get" | "get_mut" | "get_or_init" | "wait" | "lock" | "read" | "write" | "force"
                ) | (Type::Known(Known::MaybeUninit, _), "assume_init_ref" | "assume_init_mut")
                    | (Type::Ptr { .. }, "cast" | "as_ref" | "as_mut" | "cast_mut" | "cast_const")
                    | (Type::Known(Known::Option, _), "take" | "get_or_insert_with")
            );
        let element = matches!(
            name,
            "get"
                | "get_unchecked"
                | "get_mut"
                | "get_unchecked_mut"
                | "first"
                | "last"
                | "add"
                | "offset"
                | "next"
                | "nth"
                | "find"
        ) && matches!(
            receiver.peeled(),
            Type::Known(Known::Vec, _) | Type::Slice(_) | Type::Array(..) | Type::External(..)
        ) || matches!((receiver, name), (Type::Ptr { .. }, "add" | "offset" | "sub"));
        if !through && !element && !matches!(name, "enumerate") {
            return PlaceRef::unknown();
        }
        let mut at = self.place_ref_at(body, place, depth);
        at.shared += u32::from(receiver.is_shared_pointer());
        if element {
            let index = call.args.first().map(|v| self.stable_index(body, *v));
            at.steps.push(Step::Index(index));
            at.indexed = true;
        }
        at.ty = ty;
        at
    }

    /// What an in-crate function that only hands out part of a parameter gives at this call.
    fn accessor_ref(&self, body: BodyId, call: &ir::Call, def: DefId, depth: u32) -> Option<PlaceRef> {
        let accessor = self.accessor(def)?;
        let Root::Param(_, index) = accessor.place.root else { return Some(accessor.place.clone()) };
        let mut at = self.argument_ref(body, call, index, depth)?;
        at.steps.extend(accessor.place.steps.iter().cloned());
        at.shared += accessor.place.shared;
        if let Some((adt, name)) = &accessor.place.field {
            at.enter_field(self, *adt, name);
        }
        at.indexed |= accessor.place.indexed;
        at.ty = accessor.place.ty.clone();
        if matches!(at.ty, Type::Param(_) | Type::Unknown) {
            at.ty = self.call_type(body, call);
        }
        Some(at)
    }

    /// The memory behind the argument for parameter `index` (the receiver counts as 0 for methods).
    pub fn argument_ref(&self, body: BodyId, call: &ir::Call, index: u32, depth: u32) -> Option<PlaceRef> {
        match (&call.callee, index) {
            (Callee::Method { receiver, .. }, 0) => Some(self.place_ref_at(body, receiver, depth)),
            (Callee::Method { .. }, i) => call.args.get(i as usize - 1).map(|v| self.value_ref_at(body, *v, depth)),
            (_, i) => call.args.get(i as usize).map(|v| self.value_ref_at(body, *v, depth)),
        }
    }

    /// Whether a function only hands out (part of) one of its parameters or a static, and which.
    pub fn accessor(&self, def: DefId) -> Option<&Accessor> {
        let cell = self.accessors.get(def.index())?;
        if let Some(found) = cell.get() {
            return found.as_ref();
        }
        if !VISITING_FNS.with_borrow_mut(|v| v.len() < 60 && v.insert(def)) {
            return None;
        }
        let found = self.find_accessor(def);
        VISITING_FNS.with_borrow_mut(|v| v.remove(&def));
        let _ = cell.set(found);
        cell.get().and_then(Option::as_ref)
    }

    fn find_accessor(&self, def: DefId) -> Option<Accessor> {
        let f = self.function(def)?;
        let ret = self.lower_type(def, &f.ret);
        let pointer_like = match &ret {
            Type::Known(Known::Option | Known::Result, args) => args.first().is_some_and(Type::is_pointer),
            Type::Bounded(_) | Type::Unknown => true,
            ty => ty.is_pointer(),
        };
        if !pointer_like {
            return None;
        }
        let body = self.body_of(def)?;
        let b = self.body(body);
        let mut returned = b.ir.blocks.iter().filter_map(|bl| match bl.term {
            ir::Terminator::Return(Some(v)) => Some(v),
            _ => None,
        });
        let first = self.value_ref(body, returned.next()?);
        if !matches!(first.root, Root::Param(b, _) if b == body) && !matches!(first.root, Root::Static(_)) {
            return None;
        }
        let agree = returned.all(|v| {
            let other = self.value_ref(body, v);
            other.root == first.root && other.steps == first.steps
        });
        // Indices of the callee mean nothing to the caller.
        let mut place = first;
        for step in &mut place.steps {
            if let Step::Index(i) = step {
                *i = None;
            }
        }
        agree.then_some(Accessor { place })
    }
}
