//! An atomic that only one thread can ever reach.

use crate::facts::access::Key;
use crate::facts::{Facts, LocId};
use crate::finding::{Finding, Label, Site};
use crate::ir::{
    Base, BodyKind, Call, Callee, EventId, EventKind, ItemKind, LocalId, Place, Receiver, Ty, ValueId, ValueKind,
};
use crate::lint::{Cx, declare_lint};
use crate::resolve::{BodyId, DefId, Known, Type};

declare_lint! {
    /// Finds atomics that never leave one thread: locals that nobody borrows, `thread_local!` statics, and fields that
    /// are only ever reached by `&mut`.
    ///
    /// ## Why it matters
    ///
    /// An atomic tells the reader that another thread writes, and makes him look for it. There is none; meanwhile each
    /// update costs a locked instruction, and the compiler may not merge or move it:
    ///
    /// ```text
    ///   thread A                       seen (plain)   seen (atomic)
    /// 1 seen.fetch_add(1, Relaxed)     1 cycle        about 20 cycles
    /// 2 seen.fetch_add(1, Relaxed)     merged         about 20 cycles
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    ///
    /// pub fn count(words: &[&str]) -> usize {
    ///     let long = AtomicUsize::new(0);
    ///     for w in words {
    ///         if w.len() > 8 { long.fetch_add(1, Relaxed); }
    ///     }
    ///     long.load(Relaxed)
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// pub fn count(words: &[&str]) -> usize {
    ///     let mut long = 0;
    ///     for w in words {
    ///         if w.len() > 8 { long += 1; }
    ///     }
    ///     long
    /// }
    /// ```
    ///
    /// `Cell` does the same behind a shared reference.
    ///
    /// ## When to allow
    ///
    /// Where a signal handler of the same thread writes it.
    ///
    /// ## Known limits
    ///
    /// Quiet as soon as a reference is made, the atomic is captured, passed on, printed or moved, or the field is not
    /// private.
    ///
    /// ## References
    ///
    /// `std::cell::Cell`.
    pub static UNSHARED_ATOMIC = {
        name: "unshared_atomic",
        topic: "api",
        group: Pedantic,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for (i, location) in facts.locations.iter().enumerate() {
        let id = LocId(i as u32);
        if location.ops.is_empty() || location.ops.iter().any(|o| facts.op(*o).is_test) {
            continue;
        }
        match &location.key {
            Key::Local(body, local) if stays_here(facts, *body, *local) => {
                out.push(report_local(cx, id, *body, *local))
            }
            Key::Static(d) if is_thread_local(facts, *d, id) => out.push(report_def(cx, id, *d, None)),
            Key::Field(adt, field) if is_owned_only(facts, *adt, field, id) => {
                out.extend(report_field(cx, id, *adt, field));
            }
            _ => {}
        }
    }
}

/// A variable that is made here and used by operations only: never captured, borrowed or moved.
fn stays_here(facts: &Facts<'_>, body: BodyId, local: LocalId) -> bool {
    let b = facts.program.body(body);
    let l = &b.ir.locals[local.index()];
    let parameter = b.ir.params.contains(&local) || b.ir.captures.iter().any(|c| c.local == local);
    let Some(init) = l.init.filter(|_| !parameter && !l.name.is_empty() && b.ir.kind != BodyKind::Init) else {
        return false;
    };
    let ty = facts.program.local_type(body, local, init);
    let made = match &ty {
        Type::Known(Known::Arc | Known::Rc | Known::Box, _) => facts.is_made_here(body, init, 0),
        ty => !ty.is_shared_pointer() && holds_atomic(ty),
    };
    let captured = facts.program.body_ids().any(|c| {
        let c = facts.program.body(c);
        c.parent == Some(body) && c.ir.captures.iter().any(|c| c.outer == local)
    });
    made && !captured && !is_mentioned(facts, body, local) && !facts.is_model_only(body)
}

/// Whether the variable is used other than as the receiver of an operation.
fn is_mentioned(facts: &Facts<'_>, body: BodyId, local: LocalId) -> bool {
    let ir = facts.program.body(body).ir;
    let names = |p: &Place| matches!(p.base, Base::Local(l, _) if l == local);
    let borrowed = ir.values.iter().any(|v| match &v.kind {
        ValueKind::Ref { place, .. } | ValueKind::RawRef { place, .. } | ValueKind::Read(place) => names(place),
        _ => false,
    });
    let other_method = ir.events.iter().enumerate().any(|(i, e)| match &e.kind {
        EventKind::Call(Call { callee: Callee::Method { receiver, name, .. }, .. }) if names(receiver) => {
            let operation = facts.seen(body).iter().any(|s| s.is_direct() && s.event == EventId(i as u32));
            !operation && !matches!(name.as_str(), "get_mut" | "into_inner" | "len")
        }
        _ => false,
    });
    let is_it = |v: ValueId| {
        let mut v = v;
        while let ValueKind::Mutated { before, .. } = facts.value(body, v) {
            v = *before;
        }
        Some(v) == ir.locals[local.index()].init
    };
    let mut given = false;
    facts.given_away(body, &mut |v| given |= is_it(v));
    borrowed || other_method || given
}

/// The atomic itself, or an array, collection or padding of some.
fn holds_atomic(ty: &Type) -> bool {
    match ty {
        Type::Atomic(kind, _) => kind.takes_orderings(),
        Type::Array(inner, _) => holds_atomic(inner),
        Type::Known(Known::Padded | Known::Box | Known::Vec, args) => args.iter().any(holds_atomic),
        _ => false,
    }
}

/// A `thread_local!` whose reference stays in the closures that are given to `with`.
fn is_thread_local(facts: &Facts<'_>, def: DefId, location: LocId) -> bool {
    let d = facts.program.def(def);
    let ItemKind::Static { ty, .. } = &d.item.kind else { return false };
    let local = d.item.attrs.iter().any(|a| a.path == "thread_local");
    local
        && matches!(ty, Ty::Path(_) | Ty::Array(..))
        && inline_atomic(facts, def, ty)
        && !facts.is_handed_out(location)
        && !with_something_else(facts, def)
}

fn inline_atomic(facts: &Facts<'_>, context: DefId, ty: &Ty) -> bool {
    let lowered = facts.program.lower_type(context, ty);
    let inner = match &lowered {
        Type::Known(Known::ThreadLocal, args) => args.first().unwrap_or(&lowered),
        ty => ty,
    };
    holds_atomic(inner)
}

/// Whether some `with` is given a function by name, which may do anything with the reference.
fn with_something_else(facts: &Facts<'_>, def: DefId) -> bool {
    let name = &facts.program.def(def).item.name;
    facts.program.body_ids().any(|body| {
        facts.program.body(body).ir.events.iter().any(|e| {
            let EventKind::Call(call) = &e.kind else { return false };
            let Callee::Method { receiver, name: method, .. } = &call.callee else { return false };
            let here = matches!(&receiver.base, Base::Path(p) if p.last() == name);
            here && (method != "with" || call.args.iter().any(|v| facts.program.closure_of(body, *v).is_none()))
        })
    })
}

/// Every operation is made by whoever has the owner to himself, at least one of them by `&mut self`.
fn is_owned_only(facts: &Facts<'_>, adt: DefId, field: &str, location: LocId) -> bool {
    let declared = facts.program.field_type(&Type::open(adt), field.split('.').next().unwrap_or(field));
    let ops = || facts.location(location).ops.iter().copied();
    let by_mut = |o| {
        facts.ways_to(o).iter().any(|(body, _)| {
            let owner = facts.program.body(facts.program.outermost(*body)).owner;
            let drops = facts.program.implemented_trait(owner) == Some("Drop");
            let function = facts.program.function(owner);
            !drops && function.is_some_and(|f| matches!(f.receiver, Some(Receiver::RefMut)))
        })
    };
    declared.is_some_and(|ty| holds_atomic(&ty))
        && facts.is_private_field(location)
        && !facts.is_handed_out(location)
        && ops().all(|o| facts.context(o).exclusive)
        && ops().any(by_mut)
}

fn report_local(cx: &Cx<'_>, location: LocId, body: BodyId, local: LocalId) -> Finding {
    let facts = cx.facts;
    let site = facts.site(body, facts.program.body(body).ir.locals[local.index()].span);
    let message = format!("{} is an atomic that never leaves this function", cx.location_name(location));
    let finding = cx.finding(&UNSHARED_ATOMIC, body, Label::new(site, "neither captured nor borrowed"), message);
    finish(cx, finding, location, "make it a plain variable")
}

fn report_def(cx: &Cx<'_>, location: LocId, def: DefId, site: Option<Site>) -> Finding {
    let d = cx.facts.program.def(def);
    let site = site.unwrap_or(Site { file: d.file, span: d.item.name_span });
    let message = format!("{} is an atomic of which every thread has its own", cx.location_name(location));
    let finding = cx.finding_at_def(&UNSHARED_ATOMIC, def, Label::new(site, "a `thread_local!`"), message);
    finish(cx, finding, location, "make it a `Cell`")
}

fn report_field(cx: &Cx<'_>, location: LocId, adt: DefId, field: &str) -> Option<Finding> {
    let f = cx.facts.field(adt, field.split('.').next().unwrap_or(field))?;
    let site = Site { file: cx.facts.program.def(adt).file, span: f.name_span };
    let message = format!("{} is an atomic that is only ever reached by `&mut`", cx.location_name(location));
    let finding = cx.finding_at_def(&UNSHARED_ATOMIC, adt, Label::new(site, "no two threads meet here"), message);
    Some(finish(cx, finding, location, "make it a plain value"))
}

fn finish(cx: &Cx<'_>, mut finding: Finding, location: LocId, help: &str) -> Finding {
    let op = cx.facts.location(location).ops[0];
    finding.secondary.push(Label::new(cx.op_site(op), "an atomic operation that nobody else can meet"));
    finding.key.location.clone_from(&cx.facts.location(location).name);
    finding.key.operation = "definition".to_owned();
    finding.help = Some(help.to_owned());
    finding
}
