//! A `const` that is or holds an atomic is used as if it were one shared piece of memory.

use crate::facts::Facts;
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::ir::{Base, BodyKind, Callee, EventId, EventKind, ItemKind, Path, Place, Receiver, ValueKind};
use crate::lint::{Cx, declare_lint};
use crate::resolve::calls::Target;
use crate::resolve::{BodyId, DefId, Known, Program, Res, Type};

declare_lint! {
    /// Finds uses of a `const` that is (or holds) an atomic as if it were shared: every use is a fresh copy.
    ///
    /// ## Why it matters
    ///
    /// A `const` has no address. Each mention of it puts a new value on the stack, and an operation on that changes
    /// memory that is gone at the end of the statement:
    ///
    /// ```text
    ///   thread A                      thread B                      memory
    /// 1 HITS.fetch_add(1): copy A                                   copy A: 1
    /// 2 copy A is dropped             HITS.fetch_add(1): copy B     copy B: 1
    /// 3 HITS.load(): copy C                                         copy C: 0   nothing was counted
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    ///
    /// const HITS: AtomicUsize = AtomicUsize::new(0);
    ///
    /// pub fn hit() -> usize {
    ///     HITS.fetch_add(1, Relaxed)
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    ///
    /// static HITS: AtomicUsize = AtomicUsize::new(0);
    ///
    /// pub fn hit() -> usize {
    ///     HITS.fetch_add(1, Relaxed)
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// Where a fresh atomic is wanted for the length of one statement.
    ///
    /// ## Known limits
    ///
    /// A constant that is moved into a place (an array's initial value, a field, a local, a static) is what such
    /// constants are for, and says nothing here. Associated constants of generic parameters are not followed.
    ///
    /// ## References
    ///
    /// The Rust Reference, "Constant items".
    pub static ATOMIC_IN_CONST = {
        name: "atomic_in_const",
        topic: "access",
        group: Correctness,
        confidence: Certain,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    if !facts.program.def_ids().any(|d| is_atomic_const(facts.program, d)) {
        return;
    }
    for body in facts.program.body_ids() {
        let b = facts.program.body(body);
        if facts.program.def(b.owner).is_test {
            continue;
        }
        let mut told: Vec<Site> = Vec::new();
        for (i, event) in b.ir.events.iter().enumerate() {
            let Some((place, operation)) = borrowed(facts, body, EventId(i as u32)) else { continue };
            let Some(def) = named_const(facts.program, body, place) else { continue };
            let site = facts.site(body, event.span);
            // `&C` as a receiver or argument is one use.
            let inside = |t: &Site| t.file == site.file && (t.span.contains(site.span) || site.span.contains(t.span));
            if !told.iter().any(inside) {
                told.push(site);
                out.push(report(cx, body, def, site, operation));
            }
        }
    }
}

/// The place of which an event takes a reference, as a temporary.
fn borrowed<'f>(facts: &Facts<'f>, body: BodyId, event: EventId) -> Option<(&'f Place, &'f str)> {
    match &facts.event(body, event).kind {
        EventKind::Atomic(op) => Some((&op.receiver, &op.method)),
        EventKind::Borrow { place, .. } if !is_promoted(facts, body) => Some((place, "borrow")),
        EventKind::Call(call) => match &call.callee {
            Callee::Method { receiver, name, .. } if !takes_value(facts, body, event, name) => Some((receiver, name)),
            _ => None,
        },
        _ => None,
    }
}

/// In the initialiser of a static or const, `&C` makes one piece of memory that lives on.
fn is_promoted(facts: &Facts<'_>, body: BodyId) -> bool {
    matches!(facts.program.body(body).ir.kind, BodyKind::Init)
}

/// The constant is moved into the call, or only its shape is asked for.
fn takes_value(facts: &Facts<'_>, body: BodyId, event: EventId, name: &str) -> bool {
    if matches!(
        name,
        "into_inner" | "into" | "len" | "is_empty" | "map" | "into_iter" | "unwrap" | "clone" | "to_owned"
    ) {
        return true;
    }
    let EventKind::Call(call) = &facts.event(body, event).kind else { return false };
    match facts.program.target(body, call) {
        Target::Fn(def) => {
            facts.program.function(def).is_some_and(|f| matches!(f.receiver, Some(Receiver::Value) | None))
        }
        Target::Method { receiver, .. } => facts.program.as_atomic(&receiver).is_none() && !holds_list(&receiver),
        Target::Foreign(_) | Target::Closure(_) | Target::Unknown => true,
    }
}

/// Methods of arrays and slices take references to the elements.
fn holds_list(ty: &Type) -> bool {
    matches!(ty.peeled(), Type::Array(..) | Type::Slice(_))
}

/// The constant with an atomic inside that a place is (part of).
fn named_const(program: &Program<'_>, body: BodyId, place: &Place) -> Option<DefId> {
    let path: &Path = match &place.base {
        Base::Path(path) => path,
        Base::Value(v) => match &program.body(body).ir.values.get(v.index())?.kind {
            ValueKind::Path(path) => path,
            ValueKind::Read(p) if p.proj.is_empty() => match &p.base {
                Base::Path(path) => path,
                _ => return None,
            },
            _ => return None,
        },
        Base::Local(..) => return None,
    };
    let Res::Def(def) = program.resolve_value(body, path) else { return None };
    // A part of the constant that is no atomic is the same in every copy.
    let part = program.place_type(body, place);
    (is_atomic_const(program, def) && (part.is_unknown() || owns_atomic(program, &part, 0))).then_some(def)
}

fn is_atomic_const(program: &Program<'_>, def: DefId) -> bool {
    match &program.def(def).item.kind {
        ItemKind::Const { ty, .. } => owns_atomic(program, &program.lower_type(def, ty), 0),
        _ => false,
    }
}

/// Whether a value of the type has an atomic inside itself, not behind a pointer.
fn owns_atomic(program: &Program<'_>, ty: &Type, depth: u32) -> bool {
    let again = |t: &Type| owns_atomic(program, t, depth + 1);
    match ty {
        _ if depth > 6 => false,
        Type::Atomic(..) => true,
        Type::Array(item, _) => again(item),
        Type::Tuple(items) => items.iter().any(again),
        Type::Known(Known::Padded | Known::ManuallyDrop | Known::Transparent | Known::Option, args) => {
            args.iter().any(again)
        }
        Type::Adt(adt, _) => match &program.def(*adt).item.kind {
            ItemKind::Struct(s) => s.fields.iter().any(|f| again(&program.lower_type(*adt, &f.ty))),
            _ => false,
        },
        _ => false,
    }
}

fn report(cx: &Cx<'_>, body: BodyId, def: DefId, site: Site, operation: &str) -> Finding {
    let name = cx.facts.program.name(def);
    let message = format!("`{name}` is a constant: this works on a fresh copy of it, which nobody else sees");
    let mut finding =
        cx.finding(&ATOMIC_IN_CONST, body, Label::new(site, "a copy, gone at the end of the statement"), message);
    let item = cx.facts.program.def(def);
    let declared = Site { file: item.file, span: item.item.name_span };
    finding.secondary.push(Label::new(declared, "declared `const` here"));
    finding.key.location = name.clone();
    finding.key.operation = operation.to_owned();
    let short = name.rsplit("::").next().unwrap_or("value").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], short.clone())
            .step(0, Some(site), format!("copies {short}"), "as declared")
            .step(0, Some(site), format!("{operation} on the copy"), "as declared")
            .step(1, Some(site), format!("copies {short}"), "as declared")
            .ending("B sees nothing of what A did"),
    );
    finding.help = Some(format!("declare `{}` as a `static`", item.item.name));
    finding
}
