//! A copy of an object starts its atomic from what the original's holds at that moment.

use crate::facts::{Facts, Seen};
use crate::finding::{Finding, Label, Site};
use crate::ir::{AtomicOpKind, Callee, EventKind, ItemKind, ValueId, ValueKind};
use crate::lint::{Cx, declare_lint};
use crate::resolve::modules::requires_test;
use crate::resolve::{Atomic, BodyId, DefId, Program, Type};

declare_lint! {
    /// Finds a fresh atomic that is initialised from a load of the same field of another object of the same type:
    /// from then on the two count apart.
    ///
    /// ## Why it matters
    ///
    /// A clone that shares its counter and a clone that copies it look the same to the caller. With the copy, what
    /// one handle does is never seen through the other:
    ///
    /// ```text
    ///   thread A: original        thread B: clone         a.hits, b.hits
    /// 1                           b = a.clone()           7, 7
    /// 2 a.hits.fetch_add(1)                               8, 7
    /// 3                           b.hits.load() → 7       8, 7   the hit is not seen
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// pub struct Client { name: String, requests: AtomicU64 }
    ///
    /// impl Clone for Client {
    ///     fn clone(&self) -> Self {
    ///         Client { name: self.name.clone(), requests: AtomicU64::new(self.requests.load(Relaxed)) }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::Arc;
    /// use std::sync::atomic::AtomicU64;
    ///
    /// #[derive(Clone)]
    /// pub struct Client { name: String, requests: Arc<AtomicU64> }
    /// ```
    ///
    /// ## When to allow
    ///
    /// When the copy is meant to go its own way. A method called `snapshot`, `fork`, `split` or `reset`, or
    /// documentation that speaks of independent copies, says so.
    ///
    /// ## Known limits
    ///
    /// Only values made where the load stands (or a helper called there) are seen.
    ///
    /// ## References
    ///
    /// `std::sync::atomic`: the atomic types do not implement `Clone`.
    pub static CLONED_ATOMIC = {
        name: "cloned_atomic",
        topic: "access",
        group: Pedantic,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for body in facts.bodies_with_ops() {
        if says_so(facts.program, facts.program.body(body).owner) {
            continue;
        }
        for (i, value) in facts.program.body(body).ir.values.iter().enumerate() {
            let ValueKind::Struct { fields, .. } = &value.kind else { continue };
            let Type::Adt(adt, _) = facts.program.type_of(body, ValueId(i as u32)) else { continue };
            for (field, init) in fields {
                if is_for_tests(facts.program, adt, field) {
                    continue;
                }
                if let Some((made, load)) = copied(facts, body, adt, field, *init) {
                    out.push(report(cx, body, adt, field, made, load));
                }
            }
        }
    }
}

/// The name or the documentation of the function says that the copy is a thing of its own.
fn says_so(program: &Program<'_>, function: DefId) -> bool {
    let item = &program.def(function).item;
    let named =
        item.name.split('_').any(|w| matches!(w, "snapshot" | "fork" | "split" | "reset" | "freeze" | "detach"));
    let documented = item.attrs.iter().filter(|a| a.path == "doc").any(|a| {
        let text = a.tokens.to_lowercase();
        ["independent", "snapshot", "separate", "its own", "their own", "point in time", "point-in-time"]
            .iter()
            .any(|w| text.contains(w))
    });
    named || documented
}

/// The field exists in tests only.
fn is_for_tests(program: &Program<'_>, adt: DefId, field: &str) -> bool {
    match &program.def(adt).item.kind {
        ItemKind::Struct(s) => s.fields.iter().any(|f| f.name == field && requires_test(&f.cfg)),
        _ => false,
    }
}

/// The new atomic, and the load of the same field that it starts from.
fn copied<'f>(
    facts: &'f Facts<'_>,
    body: BodyId,
    adt: DefId,
    field: &str,
    init: ValueId,
) -> Option<(ValueId, &'f Seen)> {
    let made = new_atomic(facts, body, init, 0).or_else(|| {
        // `.into()` says what it makes by where it goes.
        let declared = facts.program.field_type(&Type::open(adt), field)?;
        (matches!(declared, Type::Atomic(..)) && facts.program.type_of(body, init).is_unknown()).then_some(init)
    })?;
    let loads = facts.flows_into(body, made).ops;
    let load = loads.into_iter().map(|i| &facts.seen(body)[i]).find(|s| {
        let same = s.place.field.as_ref().is_some_and(|(d, f)| {
            *d == adt && (f == field || f.strip_prefix(field).is_some_and(|rest| rest.starts_with('.')))
        });
        facts.op(s.op).kind == AtomicOpKind::Load && same && !facts.is_alone(body, s)
    })?;
    Some((made, load))
}

/// The call that makes the atomic of a field, inside its padding or smart pointer.
fn new_atomic(facts: &Facts<'_>, body: BodyId, value: ValueId, depth: u32) -> Option<ValueId> {
    if let ValueKind::Read(place) = facts.value(body, value)
        && let (crate::ir::Base::Local(_, v), []) = (&place.base, &place.proj[..])
        && depth < 6
    {
        return new_atomic(facts, body, *v, depth + 1);
    }
    let ValueKind::Event(e) = facts.value(body, value) else { return None };
    let EventKind::Call(call) = &facts.event(body, *e).kind else { return None };
    let makes = match &call.callee {
        Callee::Path(p) => matches!(p.last(), "new" | "from"),
        Callee::Method { name, .. } => name == "into",
        Callee::Value(_) => false,
    };
    if !makes || depth > 6 {
        return None;
    }
    match facts.program.type_of(body, value) {
        Type::Atomic(Atomic::Int | Atomic::Bool | Atomic::Generic | Atomic::Cell, _) => Some(value),
        _ => call.args.first().and_then(|v| new_atomic(facts, body, *v, depth + 1)),
    }
}

fn report(cx: &Cx<'_>, body: BodyId, adt: DefId, field: &str, made: ValueId, load: &Seen) -> Finding {
    let facts = cx.facts;
    let name = format!("{}::{field}", facts.program.def(adt).item.name);
    let site: Site = facts.site(body, facts.value_span(body, made));
    let message = format!("the new `{name}` starts from the old one's value and counts apart from then on");
    let mut finding = cx.finding(&CLONED_ATOMIC, body, Label::new(site, "a new atomic"), message);
    finding.secondary.push(Label::new(cx.seen_site(body, load), "initialised from this load"));
    finding.key.location = name;
    finding.key.operation = "load".to_owned();
    finding.help = Some(format!(
        "share it: make `{field}` an `Arc` of the atomic; or say in the documentation that copies are independent"
    ));
    finding
}
