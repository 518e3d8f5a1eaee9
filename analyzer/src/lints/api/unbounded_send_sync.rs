//! `Send` and `Sync` promised for every `T`.

use crate::facts::held::mentions;
use crate::facts::transfer::{Asked, Marker, Passage, What};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::ir::{Item, ItemKind, Vis};
use crate::lint::{Cx, declare_lint};
use crate::remedy::bounds;
use crate::resolve::{Atomic, DefId, Known, Type};

declare_lint! {
    /// Finds types that are shared between threads and are `Send` or `Sync` for every `T`, although their API needs a
    /// bound on it.
    ///
    /// ## Why it matters
    ///
    /// Whoever moves a `T` to another thread needs `T: Send`; whoever lets two threads have a `&T` needs `T: Sync`.
    /// An `unsafe impl` without the bound hands this right to every `T`, `Rc` and `Cell` included, and safe code has
    /// a data race:
    ///
    /// ```text
    ///   thread A                     thread B                  strong count of the Rc
    /// 1 let mine = Rc::new(0)                                  1
    /// 2 slot.put(mine.clone())                                 2
    /// 3                              let theirs = slot.take()  2
    /// 4 drop(mine): reads 2                                    2
    /// 5                              drop(theirs): reads 2     2
    /// 6 writes 1                     writes 1                  1   never freed; the other way round, freed twice
    /// ```
    ///
    /// The same holds with no `unsafe impl` at all where the only field is an `AtomicPtr<T>`, which is `Send` and
    /// `Sync` whatever it points to, and for a lock guard whose `Sync` was not restricted.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::cell::UnsafeCell;
    /// use std::sync::atomic::{AtomicBool, Ordering::{AcqRel, Release}};
    ///
    /// pub struct Slot<T> { full: AtomicBool, value: UnsafeCell<Option<T>> }
    ///
    /// unsafe impl<T> Sync for Slot<T> {}
    ///
    /// impl<T> Slot<T> {
    ///     pub fn take(&self) -> Option<T> {
    ///         if self.full.swap(false, AcqRel) { unsafe { (*self.value.get()).take() } } else { None }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::cell::UnsafeCell;
    /// use std::sync::atomic::{AtomicBool, Ordering::{AcqRel, Release}};
    ///
    /// pub struct Slot<T> { full: AtomicBool, value: UnsafeCell<Option<T>> }
    ///
    /// // Values move between threads, but no two threads see one at a time.
    /// unsafe impl<T: Send> Sync for Slot<T> {}
    ///
    /// impl<T> Slot<T> {
    ///     pub fn take(&self) -> Option<T> {
    ///         if self.full.swap(false, AcqRel) { unsafe { (*self.value.get()).take() } } else { None }
    ///     }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// When the bound is asked for wherever a value of the type can be made, in a way that the source does not show.
    ///
    /// ## Known limits
    ///
    /// Types with an atomic among their parts are looked at, guards of any lock, public types whose impl asks for no
    /// bound at all, and cells that say `Sync` for `T: Send`, as a lock does, and give `&T` to whoever asks. What an API
    /// needs is read from its signatures, those of the handles and iterators that it gives among them. Quiet for
    /// types that keep their values to one thread: by `thread::current`, by an assertion about the caller, by a
    /// parameter or result that cannot leave its thread.
    ///
    /// ## References
    ///
    /// The Rustonomicon, "Send and Sync"; Bae et al., *Rudra: Finding Memory Safety Bugs in Rust at the Ecosystem
    /// Scale*, SOSP 2021.
    pub static UNBOUNDED_SEND_SYNC = {
        name: "unbounded_send_sync",
        topic: "api",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for adt in cx.facts.program.def_ids() {
        let d = cx.facts.program.def(adt);
        let is_type = matches!(d.item.kind, ItemKind::Struct(_) | ItemKind::Enum(_));
        if !is_type || d.is_test || cx.facts.parameters(adt).is_empty() {
            continue;
        }
        let shielded = cx.facts.is_shielded(adt);
        for marker in [Marker::Send, Marker::Sync] {
            let impls = cx.facts.marker_impls(adt, marker);
            // Nobody but the crate chooses what it is made for, and what holds it has promised for that, or may have.
            let erases = || shielded && cx.facts.is_out_of_reach(adt) || cx.facts.is_held_unread(adt);
            if !impls.is_empty() && !cx.facts.reaches_atomic(adt) && erases() {
                continue;
            }
            for imp in impls {
                out.extend(by_impl(cx, adt, imp, marker, shielded));
            }
        }
        let silent = |m| cx.facts.marker_impls(adt, m).is_empty();
        let atomic = !shielded && cx.facts.reaches_atomic(adt);
        if silent(Marker::Send) && silent(Marker::Sync) && atomic {
            out.extend(by_itself(cx, adt));
        }
        if silent(Marker::Sync) && !shielded {
            out.extend(guard(cx, adt));
        }
    }
}

/// What an API needs and does not get, with the function that needs it.
struct Missing {
    marker: Marker,
    passage: Passage,
}

fn by_impl(cx: &Cx<'_>, adt: DefId, imp: DefId, promised: Marker, shielded: bool) -> Option<Finding> {
    let d = cx.facts.program.def(imp);
    let ItemKind::Impl(i) = &d.item.kind else { return None };
    if i.negative || d.is_test {
        return None;
    }
    let together = cx.facts.is_only_behind_arcs(adt);
    for (position, name) in cx.facts.parameters(adt).iter().enumerate() {
        let asked = cx.facts.asked_by_impl(imp, adt, position);
        // A trait from elsewhere may imply the bound; half a bound may be all that the type around needs.
        if asked.unknown || shielded && (asked.send || asked.sync) {
            continue;
        }
        let Some(subject) = subject(cx, adt, position, asked) else { continue };
        let has = |m| {
            let by_other = |other: DefId| cx.facts.asked_by_impl(other, adt, position).has(m);
            let beside = || [Marker::Send, Marker::Sync].into_iter().flat_map(|k| cx.facts.marker_impls(adt, k));
            asked.has(m) || together && beside().any(by_other) || cx.facts.constructors_ask(adt, position, m)
        };
        let told = |p: &Passage| match subject {
            Subject::Shared => true,
            Subject::Unbounded => !p.is_unsafe,
            Subject::Bare => promised == Marker::Sync && !p.is_unsafe && is_bare(cx, p),
        };
        let missing = missing(cx, adt, position, promised, has, &told)
            .filter(|_| subject == Subject::Shared || !cx.facts.checks_its_context(adt))
            .filter(|m| !is_elsewhere(cx, &m.passage) || !asks_of_any(cx, adt, imp));
        if let Some(missing) = missing.filter(|m| !is_asked_at_exit(cx, adt, m)) {
            let site = Site { file: d.file, span: d.item.name_span };
            let type_name = &cx.facts.program.def(adt).item.name;
            let message = format!(
                "`{type_name}<{name}>` is `{}` for every `{}`, but {} needs `{name}: {}`",
                promised.name(),
                bounded_name(name, asked),
                need(cx, &missing),
                missing.marker.name()
            );
            let primary = Label::new(site, format!("no `{name}: {}` here", missing.marker.name()));
            let mut finding = cx.finding_at_def(&UNBOUNDED_SEND_SYNC, adt, primary, message);
            let wanted: Vec<&str> = [Marker::Send, Marker::Sync]
                .into_iter()
                .filter(|m| asked.has(*m) || *m == missing.marker)
                .map(Marker::name)
                .collect();
            finding.help = Some(format!("ask for `{name}: {}`", wanted.join(" + ")));
            finding.fixes.extend(bounds::add(cx, imp, position, missing.marker.name()));
            finish(cx, &mut finding, &missing, type_name, promised.name());
            finding.interleaving = Some(schedule(cx, &missing, name, asked.sync));
            return Some(finding);
        }
    }
    None
}

/// What only puts a value in asks for nothing where those functions that give values or references out ask for
/// themselves, each in its own bounds.
fn is_asked_at_exit(cx: &Cx<'_>, adt: DefId, missing: &Missing) -> bool {
    let gives = |p: &Passage| p.what != What::Value || p.out;
    let asks = |position: usize| {
        cx.facts.passages(adt, position).iter().any(|(p, asked)| gives(p) && (asked.send || asked.sync))
    };
    !missing.passage.out && (0..cx.facts.parameters(adt).len()).any(asks)
}

/// By a function that stands beside the type.
fn is_elsewhere(cx: &Cx<'_>, passage: &Passage) -> bool {
    cx.facts.program.def(passage.function).parent.is_none()
}

/// Whoever asks for a bound on another parameter has thought about this one: the storage or policy that comes with it.
fn asks_of_any(cx: &Cx<'_>, adt: DefId, imp: DefId) -> bool {
    (0..cx.facts.parameters(adt).len()).any(|position| {
        let asked = cx.facts.asked_by_impl(imp, adt, position);
        asked.send || asked.sync
    })
}

/// What makes a type one that this lint looks at.
#[derive(PartialEq)]
enum Subject {
    /// It hands its parameter out through an atomic.
    Shared,
    /// It promises for every parameter, which lies in a cell, under a lock or behind a pointer.
    Unbounded,
    /// It promises `Sync` for every `T: Send`, as a lock does, and has the `T` in a cell.
    Bare,
}

fn subject(cx: &Cx<'_>, adt: DefId, position: usize, asked: Asked) -> Option<Subject> {
    let name = &cx.facts.parameters(adt)[position];
    let public = cx.facts.program.def(adt).item.vis == Vis::Pub;
    let shared = match public {
        true => cx.facts.reaches_atomic(adt) && cx.facts.is_named_by_fields(adt, name),
        false => cx.facts.is_built_on_atomic(adt, name),
    };
    if shared {
        return Some(Subject::Shared);
    }
    // With another parameter beside it, that one may see to it that one thread at a time comes here.
    let alone = cx.facts.parameters(adt).len() == 1;
    if public && alone && asked.send && !asked.sync && cx.facts.is_one_cell(adt, name) {
        return Some(Subject::Bare);
    }
    let bounded = asked.send || asked.sync;
    let holds = || cx.facts.holds_parameter(adt, name) || is_container(cx, adt, position);
    (public && !bounded && holds()).then_some(Subject::Unbounded)
}

/// Values go in by `&self` and come out again, though the type's fields only mark them (they lie in mapped memory).
fn is_container(cx: &Cx<'_>, adt: DefId, position: usize) -> bool {
    let marked = cx.facts.is_named_by_fields(adt, &cx.facts.parameters(adt)[position]);
    let passages = || cx.facts.passages(adt, position).into_iter().map(|(p, _)| p);
    let safe = |p: &Passage| p.by_shared && !p.is_unsafe && !p.by_handle;
    marked
        && cx.facts.has_cell(adt)
        && passages().any(|p| safe(&p) && !p.out && p.what == What::Value)
        && passages().any(|p| safe(&p) && p.out)
}

/// A function that is given nothing but the value itself gives a reference: no key or closure tells the threads apart.
fn is_bare(cx: &Cx<'_>, passage: &Passage) -> bool {
    let given =
        cx.facts.program.function(passage.function).is_some_and(|f| f.params.is_empty() && f.receiver.is_some());
    given && passage.what == What::Reference && !passage.by_handle
}

/// The bound that some function of the API needs for this promise to hold.
fn missing(
    cx: &Cx<'_>,
    adt: DefId,
    position: usize,
    promised: Marker,
    has: impl Fn(Marker) -> bool,
    counts: &dyn Fn(&Passage) -> bool,
) -> Option<Missing> {
    let passages = cx.facts.passages(adt, position);
    let half = has(Marker::Send) || has(Marker::Sync);
    let name = &cx.facts.parameters(adt)[position];
    let out = passages.iter().any(|(p, _)| p.out);
    if !out && (!cx.facts.holds_parameter(adt, name) || cx.facts.only_points_at(adt, name)) {
        // What only goes in stays with the thread that gave it if it is not kept, or kept behind a pointer that only
        // unsafe code follows.
        return None;
    }
    let find = |marker: Marker, fits: &dyn Fn(&Passage) -> bool| {
        // Whoever asks for one bound has thought about it: what a handle does then weighs too little.
        let told = |p: &Passage| !p.by_handle || !half;
        let mut open = passages.iter().filter(|(p, asked)| told(p) && fits(p) && !asked.has(marker) && !asked.unknown);
        let open = open.find(|(p, _)| counts(p));
        open.map(|(p, _)| Missing { marker, passage: *p })
    };
    // A lock with guards of both kinds lets several readers in; one with a single kind may be reentrant.
    let has_writers = passages.iter().any(|(p, _)| p.what == What::Value && p.by_shared);
    let refers = |p: &Passage| match p.what {
        What::Reference | What::Shared => true,
        What::GuardedReference => has_writers,
        What::Value => false,
    };
    let shares = |p: &Passage| refers(p) && p.by_shared;
    let moves = |p: &Passage| p.what == What::Value;
    match promised {
        Marker::Sync => {
            let any = has(Marker::Send) || has(Marker::Sync);
            let moves = |p: &Passage| p.by_shared && (moves(p) || !any && p.what == What::Shared);
            let send = if has(Marker::Send) { None } else { find(Marker::Send, &moves) };
            send.or_else(|| if has(Marker::Sync) { None } else { find(Marker::Sync, &shares) })
        }
        Marker::Send => {
            // Whoever takes the whole along takes its values along; a reference only asks for `Sync`.
            if !has(Marker::Send) {
                let send = find(Marker::Send, &moves);
                let refers = |p: &Passage| p.what != What::Value;
                return match has(Marker::Sync) {
                    true => find(Marker::Send, &|p| moves(p) && p.out),
                    false => send.or_else(|| find(Marker::Sync, &refers)),
                };
            }
            // A second handle to the same value stays behind.
            let alone = has(Marker::Sync) || !is_handle(cx, adt);
            if alone { None } else { find(Marker::Sync, &shares) }
        }
    }
}

/// `T`, or `T: Sync` where the impl asks for that.
fn bounded_name(name: &str, asked: Asked) -> String {
    let bounds: Vec<&str> =
        [Marker::Send, Marker::Sync].into_iter().filter(|m| asked.has(*m)).map(Marker::name).collect();
    if bounds.is_empty() { name.to_owned() } else { format!("{name}: {}", bounds.join(" + ")) }
}

/// Cloning gives another handle to the same value rather than another value.
fn is_handle(cx: &Cx<'_>, adt: DefId) -> bool {
    let program = cx.facts.program;
    let Some(&clone) = program.methods_of(adt, "clone").first() else { return false };
    let Some(imp) = program.def(clone).parent else { return false };
    let ItemKind::Impl(i) = &program.def(imp).item.kind else { return false };
    let deref = program.implements(adt, "Deref");
    let clones_value = i.generics.params.iter().flat_map(|p| &p.bounds).any(|b| b.path.last() == "Clone")
        || i.generics.predicates.iter().flat_map(|p| &p.1).any(|b| b.path.last() == "Clone");
    deref && !clones_value
}

/// A type without `unsafe impl` whose parameter is only mentioned by an `AtomicPtr`.
fn by_itself(cx: &Cx<'_>, adt: DefId) -> Option<Finding> {
    let program = cx.facts.program;
    let d = program.def(adt);
    if d.item.vis == Vis::Private {
        return None;
    }
    let ItemKind::Struct(s) = &d.item.kind else { return None };
    for (position, name) in cx.facts.parameters(adt).iter().enumerate() {
        let mut carrier = None;
        let free = s.fields.iter().all(|f| match is_free(cx, &program.lower_type(adt, &f.ty), name, 0) {
            Some(carries) => {
                if carries {
                    carrier.get_or_insert(f);
                }
                true
            }
            None => false,
        });
        let Some(carrier) = carrier.filter(|_| free) else { continue };
        let declared = cx.facts.passages(adt, position);
        let has = |m| {
            cx.facts.constructors_ask(adt, position, m)
                || declared.first().is_some_and(|_| declared.iter().all(|(_, asked)| asked.has(m) || asked.unknown))
        };
        let found = missing(cx, adt, position, Marker::Sync, has, &|_| true).map(|m| (m, Marker::Sync));
        let found =
            found.or_else(|| missing(cx, adt, position, Marker::Send, has, &|_| true).map(|m| (m, Marker::Send)));
        let Some((missing, promised)) = found else { continue };
        let message = format!(
            "`{0}<{name}>` is `{1}` for every `{name}` by itself, but {2} needs `{name}: {3}`",
            d.item.name,
            promised.name(),
            need(cx, &missing),
            missing.marker.name()
        );
        let primary = Label::new(
            Site { file: d.file, span: carrier.span },
            format!("an `AtomicPtr` is `Send` and `Sync`, whatever `{name}` is"),
        );
        let mut finding = cx.finding_at_def(&UNBOUNDED_SEND_SYNC, adt, primary, message);
        finding.help = Some(format!(
            "add `_owns: PhantomData<*mut {name}>` and `unsafe impl<{name}: {}> {} for {}<{name}>`",
            missing.marker.name(),
            promised.name(),
            d.item.name
        ));
        finish(cx, &mut finding, &missing, &d.item.name, promised.name());
        finding.interleaving = Some(schedule(cx, &missing, name, false));
        return Some(finding);
    }
    None
}

/// Whether a field is `Send` and `Sync` whatever the parameter is (`None` if not), and whether that is because an
/// `AtomicPtr` hides the parameter.
fn is_free(cx: &Cx<'_>, ty: &Type, name: &str, depth: u32) -> Option<bool> {
    let inner = |t: &Type| is_free(cx, t, name, depth + 1);
    let all = |ts: &[Type]| ts.iter().try_fold(false, |any, t| inner(t).map(|c| c || any));
    if depth > 6 {
        return None;
    }
    match ty {
        Type::Atomic(Atomic::Ptr, value) => Some(mentions(value, name)),
        Type::Atomic(Atomic::Int | Atomic::Bool, _) | Type::Prim(_) | Type::FnPtr | Type::Never => Some(false),
        Type::Known(Known::PhantomData, args) => match args.first() {
            Some(Type::FnPtr) => Some(false),
            Some(Type::Atomic(Atomic::Ptr, value)) => Some(mentions(value, name)),
            Some(t) if mentions(t, name) => None,
            Some(Type::Ptr { .. } | Type::Known(Known::Cell | Known::Rc | Known::NonNull | Known::RefCell, _)) => None,
            _ => Some(false),
        },
        Type::Known(
            Known::Arc
            | Known::Box
            | Known::Vec
            | Known::Option
            | Known::Padded
            | Known::ManuallyDrop
            | Known::Transparent,
            args,
        )
        | Type::Tuple(args) => all(args),
        Type::Known(Known::String | Known::Waker | Known::Thread | Known::Condvar | Known::Once, _) => Some(false),
        Type::Known(Known::Mutex | Known::RwLock, args) if !args.iter().any(|t| mentions(t, name)) => Some(false),
        Type::Array(t, _) | Type::Slice(t) | Type::Ref { inner: t, .. } => inner(t),
        Type::Adt(adt, args) => {
            if [Marker::Send, Marker::Sync].into_iter().any(|m| !cx.facts.marker_impls(*adt, m).is_empty()) {
                return (!args.iter().any(|t| mentions(t, name))).then_some(false);
            }
            let ItemKind::Struct(s) = &cx.facts.program.def(*adt).item.kind else { return None };
            let fields = s.fields.iter().map(|f| cx.facts.program.field_type(&Type::Adt(*adt, args.clone()), &f.name));
            fields
                .map(|t| t.unwrap_or(Type::Unknown))
                .collect::<Vec<_>>()
                .iter()
                .try_fold(false, |any, t| inner(t).map(|c| c || any))
        }
        _ => None,
    }
}

/// A lock guard that is `Sync` by itself because its lock is, though the lock's `Sync` says nothing of `&T`.
fn guard(cx: &Cx<'_>, adt: DefId) -> Option<Finding> {
    let program = cx.facts.program;
    let d = program.def(adt);
    let ItemKind::Struct(s) = &d.item.kind else { return None };
    // A guard that nobody outside can get hold of goes no further than the functions of the crate that take it.
    if !program.implements(adt, "Deref") || d.item.vis == Vis::Private || cx.facts.is_out_of_reach(adt) {
        return None;
    }
    for name in cx.facts.parameters(adt) {
        let mut lock = None;
        let open = s.fields.iter().all(|f| {
            let ty = program.lower_type(adt, &f.ty);
            match lock_behind(cx, &ty, &name) {
                Some(imp) => {
                    lock = Some((f, imp));
                    true
                }
                None => !restricts(&ty, &name),
            }
        });
        let Some((field, imp)) = lock.filter(|_| open) else { continue };
        let position = cx.facts.parameters(adt).iter().position(|p| *p == name)?;
        let passage = cx
            .facts
            .passages(adt, position)
            .into_iter()
            .find(|(p, _)| p.by_shared && p.what != What::Value && program.def(p.function).item.name == "deref");
        let (passage, asked) = passage?;
        if asked.sync || asked.unknown {
            continue;
        }
        let missing = Missing { marker: Marker::Sync, passage };
        let message = format!(
            "`{0}<{name}>` is `Sync` by itself as soon as `{name}: Send`, but {1} needs `{name}: Sync`",
            d.item.name,
            need(cx, &missing)
        );
        let primary = Label::new(Site { file: d.file, span: field.span }, "what the guard's `Sync` is taken from");
        let mut finding = cx.finding_at_def(&UNBOUNDED_SEND_SYNC, adt, primary, message);
        let l = program.def(imp);
        finding.secondary.push(Label::new(
            Site { file: l.file, span: l.item.name_span },
            format!("right for the lock, which lets one thread at a time at the `{name}`"),
        ));
        finding.help = Some(format!("`unsafe impl<{name}: Sync> Sync for {}<'_, {name}>`", d.item.name));
        finish(cx, &mut finding, &missing, &d.item.name, "Sync");
        finding.interleaving = Some(schedule(cx, &missing, &name, false));
        return Some(finding);
    }
    None
}

/// The `unsafe impl Sync` with `T: Send` alone of a lock that a field refers to.
fn lock_behind(cx: &Cx<'_>, ty: &Type, name: &str) -> Option<DefId> {
    let inner = match ty {
        Type::Ref { mutable: false, inner } => inner,
        Type::Known(Known::Arc, args) => args.first()?,
        _ => return None,
    };
    let Type::Adt(lock, args) = inner else { return None };
    let position = args.iter().position(|t| matches!(t, Type::Param(p) if **p == *name))?;
    let &imp = cx.facts.marker_impls(*lock, Marker::Sync).first()?;
    let ItemKind::Impl(i) = &cx.facts.program.def(imp).item.kind else { return None };
    let asked = cx.facts.asked_by_impl(imp, *lock, position);
    (!i.negative && asked.send && !asked.sync && !asked.unknown).then_some(imp)
}

/// Whether a field makes the type's `Sync` depend on more, or takes it away.
fn restricts(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Ptr { .. } | Type::Unknown | Type::External(..) | Type::Bounded(_) => true,
        Type::Known(Known::Cell | Known::RefCell | Known::UnsafeCell | Known::Rc | Known::NonNull, _) => true,
        Type::Known(Known::Guard | Known::ReadGuard | Known::ReclaimGuard, _) => true,
        Type::Param(p) => **p == *name,
        Type::Adt(_, args) | Type::Known(_, args) | Type::Tuple(args) => {
            args.iter().any(|t| restricts(t, name) || mentions(t, name))
        }
        Type::Ref { inner, .. } | Type::Array(inner, _) | Type::Slice(inner) => restricts(inner, name),
        _ => false,
    }
}

/// `` `Slot::take`, which hands a value to any thread, ``
fn need(cx: &Cx<'_>, missing: &Missing) -> String {
    let function = cx.facts.program.name(missing.passage.function);
    let what = match missing.marker {
        Marker::Send => "which passes values between threads,",
        Marker::Sync => "which gives several threads a reference to one value,",
    };
    format!("`{function}`, {what}")
}

fn finish(cx: &Cx<'_>, finding: &mut Finding, missing: &Missing, type_name: &str, promised: &str) {
    let d = cx.facts.program.def(missing.passage.function);
    let item: &Item = d.item;
    let says = match missing.passage.what {
        What::Value => "values pass here",
        What::Reference | What::GuardedReference | What::Shared => "references come out here",
    };
    finding.secondary.insert(0, Label::new(Site { file: d.file, span: item.name_span }, says));
    finding.key.location = type_name.to_owned();
    finding.key.operation = promised.to_owned();
}

/// What safe code can do with it: a parameter that has what is asked for and not what is missing.
fn schedule(cx: &Cx<'_>, missing: &Missing, name: &str, is_sync: bool) -> Interleaving {
    let d = cx.facts.program.def(missing.passage.function);
    let site = Some(Site { file: d.file, span: d.item.name_span });
    let by = cx.facts.program.name(missing.passage.function);
    let threads = |watched: &str| Interleaving::new(&["thread A", "thread B"], watched);
    // The function gives values out, or takes them in.
    let (put, got) = match missing.passage.out {
        true => ("in it".to_owned(), format!("gets at it by `{by}`")),
        false => (format!("in by `{by}`"), "comes by it".to_owned()),
    };
    let (put_at, got_at) = if missing.passage.out { (None, site) } else { (site, None) };
    match missing.marker {
        Marker::Sync => threads(&format!("a `Cell` as `{name}`"))
            .step(0, site, format!("gets a reference by `{by}`"), "5")
            .step(1, site, "gets one too, and reads 5", "5")
            .step(0, None, "reads 5, writes 6", "6")
            .step(1, None, "writes 6", "6")
            .ending("a data race: undefined behaviour"),
        Marker::Send if is_sync => threads(&format!("a `MutexGuard` as `{name}`"))
            .step(0, put_at, format!("locks a mutex and puts the guard {put}"), "locked by A")
            .step(1, got_at, got, "locked by A")
            .step(1, None, "drops it", "free")
            .ending("unlocked by a thread that may not: undefined behaviour"),
        Marker::Send => threads(&format!("owners of an `Rc` as `{name}`"))
            .step(0, put_at, format!("puts one {put}, keeps a clone"), "2")
            .step(1, got_at, got, "2")
            .step(1, None, "drops it: reads 2", "2")
            .step(0, None, "drops its clone: reads 2, writes 1", "1")
            .step(1, None, "writes 1", "1")
            .ending("a data race: undefined behaviour"),
    }
}
