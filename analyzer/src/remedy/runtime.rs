//! A type of the runtime crate in the place of a hand-written one. Its uses have to follow by hand, as the lint's page
//! shows, so what is offered is where to begin.

use crate::facts::LocId;
use crate::facts::access::Key;
use crate::finding::{Applicability, Edit, Fix, Site};
use crate::fix;
use crate::ir::{AtomicOpKind, Span};
use crate::lint::Cx;
use crate::resolve::{DefId, Type};

/// Another type for the field that is declared at `name`.
pub fn retype(cx: &Cx<'_>, owner: DefId, name: Span, ty: &str) -> Option<Fix> {
    let facts = cx.facts;
    let d = facts.program.def(owner);
    let field = facts.struct_of(owner)?.fields.iter().find(|f| f.name_span == name)?;
    let site = Site { file: d.file, span: field.ty_span };
    if facts.text(site).is_empty() {
        return None;
    }
    let edits = vec![Edit { site, replacement: ty.to_owned() }];
    let title = format!("make it `{ty}` (needs the crate `atomic-lint`; its uses follow by hand)");
    let fix = Fix { title, applicability: Applicability::HasPlaceholders, edits };
    fix::is_sound(cx.sources, &fix).then_some(fix)
}

/// `atomic_lint::LockedSnapshot<T>` for a field through which changed copies of a `T` are put in place.
pub fn snapshot(cx: &Cx<'_>, location: LocId) -> Option<Fix> {
    let facts = cx.facts;
    let Key::Field(adt, name) = &facts.location(location).key else { return None };
    let field = facts.field(*adt, name)?;
    let file = facts.program.def(*adt).file;
    let written = facts.text(Site { file, span: field.ty_span });
    let (_, rest) = written.split_once("AtomicPtr<").or_else(|| written.split_once("Atomic<"))?;
    let inner = rest.strip_suffix('>')?.trim();
    // A list hangs together by its nodes; only what stands for itself can be replaced as a whole.
    let is_node = match facts.program.lower_type(*adt, &field.ty) {
        Type::Atomic(_, value) => points_to_itself(cx, &value),
        _ => true,
    };
    if is_node || inner.contains('>') && !inner.contains('<') {
        return None;
    }
    retype(cx, *adt, field.name_span, &format!("atomic_lint::LockedSnapshot<{inner}>"))
}

/// The value's type has a pointer to its own kind.
fn points_to_itself(cx: &Cx<'_>, value: &Type) -> bool {
    let facts = cx.facts;
    let target = match value {
        Type::Ptr { inner, .. } => inner,
        other => other,
    };
    let Type::Adt(adt, _) = target else { return false };
    let own = &facts.program.def(*adt).item.name;
    let file = facts.program.def(*adt).file;
    let fields = facts.struct_of(*adt).map_or(&[][..], |s| &s.fields[..]);
    fields.iter().any(|f| facts.text(Site { file, span: f.ty_span }).contains(own.as_str()))
}

/// The two ends of `atomic_lint::spsc::channel` for the indices of a ring with one producer and one consumer: each is
/// moved on by a plain store, where the other is looked at too.
pub fn ring(cx: &Cx<'_>, adt: DefId, hot: &[String]) -> Option<Fix> {
    let facts = cx.facts;
    let [first, second] = hot else { return None };
    let find = |name: &String| {
        let key = Key::Field(adt, name.clone());
        (0..facts.locations.len() as u32).map(LocId).find(|l| facts.location(*l).key == key)
    };
    let (one, other) = (find(first)?, find(second)?);
    if !is_moved_on(cx, one, other) || !is_moved_on(cx, other, one) {
        return None;
    }
    let file = facts.program.def(adt).file;
    let mut edits = Vec::new();
    for (name, end) in [(first, "Producer"), (second, "Consumer")] {
        let field = facts.field(adt, name)?;
        let site = Site { file, span: field.name_span.to(field.ty_span) };
        let replacement = format!("{}: atomic_lint::spsc::{end}</* what it carries */>", end.to_lowercase());
        edits.push(Edit { site, replacement });
    }
    let title =
        "use the two ends of `atomic_lint::spsc::channel` (needs the crate `atomic-lint`; one goes to each thread)";
    let fix = Fix { title: title.to_owned(), applicability: Applicability::HasPlaceholders, edits };
    fix::is_sound(cx.sources, &fix).then_some(fix)
}

/// Loads and stores only (whoever takes turns by RMWs is not alone at its end), and every store moves `own` on from
/// where it was in a function that looks at `other`.
fn is_moved_on(cx: &Cx<'_>, own: LocId, other: LocId) -> bool {
    let facts = cx.facts;
    let ops = |l: LocId| facts.location(l).ops.iter().map(|op| facts.op(*op));
    let mut stores = ops(own).filter(|op| op.kind.writes()).peekable();
    stores.peek().is_some()
        && stores.all(|store| {
            let moved = ops(own).any(|load| {
                let values = store.new_value().zip(load.result);
                load.kind == AtomicOpKind::Load
                    && load.body == store.body
                    && values.is_some_and(|(new, old)| facts.derives_from(store.body, new, old))
            });
            store.kind == AtomicOpKind::Store && moved && ops(other).any(|op| op.body == store.body)
        })
}
