//! Atomics that callers can write as they like.

use crate::finding::{Finding, Label, Site};
use crate::ir::{Field, ItemKind, Span, Vis};
use crate::lint::{Cx, declare_lint};
use crate::resolve::{DefId, Known, Type};

declare_lint! {
    /// Finds atomics that the users of a crate can reach: public fields and statics, and functions that return them.
    ///
    /// ## Why it matters
    ///
    /// Which orderings are enough, which values may follow which, and who may write are agreements among all
    /// operations on a location. A type can keep them only if all of these stand in its own methods. Whoever has the
    /// atomic itself can store anything with any ordering, and the type's author cannot change its protocol later
    /// without breaking them:
    ///
    /// ```text
    ///   the type's own method            a caller                    closed
    /// 1 close(): closed.swap(true)                                   true
    /// 2                                  x.closed.store(false, …)    false   closed twice
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::AtomicUsize;
    ///
    /// pub struct Pool { pub active: AtomicUsize }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    ///
    /// pub struct Pool { active: AtomicUsize }
    ///
    /// impl Pool {
    ///     pub fn active(&self) -> usize { self.active.load(Relaxed) }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// When the atomic is the interface: a cancellation flag that is handed out to be set by others.
    ///
    /// ## Known limits
    ///
    /// Items behind `#[doc(hidden)]` count as reachable.
    ///
    /// ## References
    ///
    /// Rust API Guidelines, C-STRUCT-PRIVATE.
    pub static LEAKED_ATOMIC = {
        name: "leaked_atomic",
        topic: "api",
        group: Restriction,
        confidence: Certain,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let program = cx.facts.program;
    for def in program.def_ids() {
        let d = program.def(def);
        if d.is_test {
            continue;
        }
        match &d.item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) if program.is_reachable(def) => {
                let public = s.fields.iter().filter(|f| f.vis == Vis::Pub);
                public.for_each(|f| out.extend(field(cx, def, f, "")));
            }
            ItemKind::Enum(e) if program.is_reachable(def) => {
                for v in &e.variants {
                    v.fields.iter().for_each(|f| out.extend(field(cx, def, f, &v.name)));
                }
            }
            ItemKind::Static { ty, .. }
                if program.is_reachable(def)
                    && d.item.vis == Vis::Pub
                    && hands_out(cx, &program.lower_type(def, ty), true) =>
            {
                let name = d.item.name.clone();
                out.push(report(cx, def, d.item.name_span, &name, "every user of the crate can write it"));
            }
            ItemKind::Fn(f) if is_callable(cx, def) && hands_out(cx, &program.lower_type(def, &f.ret), false) => {
                let name = program.name(def);
                out.push(report(cx, def, d.item.name_span, &name, "every caller gets the atomic itself"));
            }
            _ => {}
        }
    }
}

fn field(cx: &Cx<'_>, adt: DefId, f: &Field, variant: &str) -> Option<Finding> {
    if !hands_out(cx, &cx.facts.program.lower_type(adt, &f.ty), true) {
        return None;
    }
    let item = &cx.facts.program.def(adt).item.name;
    let name = match variant {
        "" => format!("{item}::{}", f.name),
        v => format!("{item}::{v}.{}", f.name),
    };
    Some(report(cx, adt, f.name_span, &name, "every user of the type can write it"))
}

/// Whether users can call a function: by its path, on a type they can name, or through a trait they can name.
fn is_callable(cx: &Cx<'_>, def: DefId) -> bool {
    let program = cx.facts.program;
    let d = program.def(def);
    match d.parent.map(|p| (p, &program.def(p).item.kind)) {
        None => d.item.vis == Vis::Pub && program.is_reachable(def),
        Some((t, ItemKind::Trait { .. })) => program.is_reachable(t),
        Some((_, ItemKind::Impl(i))) => {
            let by_trait = i.of_trait.as_ref().map(|path| program.resolve_type_path(d.scope, path));
            let named = program.self_adt(def).is_some_and(|adt| program.is_reachable(adt));
            match by_trait {
                None => d.item.vis == Vis::Pub && named,
                // A trait of the crate is judged where it is declared.
                Some(crate::resolve::Res::Def(_)) => false,
                Some(_) => named,
            }
        }
        _ => false,
    }
}

/// Whether a type is an atomic, or leads to one: through padding, collections and shared pointers. A value that a
/// function returns must lead to it by reference, or it is the caller's own.
fn hands_out(cx: &Cx<'_>, ty: &Type, by_value: bool) -> bool {
    match ty {
        Type::Atomic(kind, _) => by_value && kind.takes_orderings(),
        Type::Ref { inner, .. } => hands_out(cx, inner, true),
        Type::Known(Known::Arc | Known::Weak, args) => args.iter().any(|t| hands_out(cx, t, true)),
        Type::Known(Known::Guard | Known::ReadGuard | Known::CellRef, args) => {
            args.iter().any(|t| hands_out(cx, t, true))
        }
        Type::Known(
            Known::Padded | Known::Box | Known::Vec | Known::Option | Known::Result | Known::Lazy | Known::Transparent,
            args,
        )
        | Type::Tuple(args) => args.iter().any(|t| hands_out(cx, t, by_value)),
        Type::Array(inner, _) | Type::Slice(inner) => hands_out(cx, inner, by_value),
        // A padding wrapper of the crate around an atomic.
        Type::Adt(adt, args) if args.len() == 1 && cx.facts.program.implements(*adt, "Deref") => {
            hands_out(cx, &args[0], by_value)
        }
        _ => false,
    }
}

fn report(cx: &Cx<'_>, def: DefId, span: Span, name: &str, how: &str) -> Finding {
    let file = cx.facts.program.def(def).file;
    let message = format!("`{name}` lets callers write an atomic past the methods that keep its protocol");
    let primary = Label::new(Site { file, span }, how);
    let mut finding = cx.finding_at_def(&LEAKED_ATOMIC, def, primary, message);
    finding.key.location = name.to_owned();
    finding.key.operation = "exposure".to_owned();
    finding.help = Some("make it private, and offer methods for what callers need to do with it".to_owned());
    finding
}
