//! Atomics that not every target has.

use crate::facts::access::Key;
use crate::finding::{Finding, Label, Site};
use crate::ir::{Callee, Cfg, EventKind, Field, Item, ItemKind, Path, Span, Ty, ValueId, ValueKind};
use crate::lint::{Cx, declare_lint};
use crate::resolve::modules::BindingKind;
use crate::resolve::origin::Origin;
use crate::resolve::{BodyId, DefId, ModId, Program};
use rustc_hash::FxHashSet;

declare_lint! {
    /// Finds 64-bit and 128-bit atomics of `std` or `core` that are used on every target, although not every target
    /// has them.
    ///
    /// ## Why it matters
    ///
    /// `AtomicU64` does not exist on most 32-bit targets (PowerPC, MIPS, RISC-V, small Arm), `AtomicU128` on hardly
    /// any. A crate that names them without a condition does not compile there, and whoever depends on it finds out
    /// first. A field of eight bytes, on 64-bit and on 32-bit targets:
    ///
    /// ```text
    ///   offset  size  field   x86-64          mipsel, riscv32, thumbv7m
    ///        0     8  bytes   one operation   no operation: the type is missing
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::AtomicU64;
    ///
    /// pub struct Traffic { bytes: AtomicU64 }
    /// ```
    ///
    /// ## Use instead
    ///
    /// `AtomicUsize` where the width of a pointer is enough, or a condition with something else on the other side:
    ///
    /// ```rust,quiet
    /// #[cfg(target_has_atomic = "64")]
    /// use std::sync::atomic::AtomicU64;
    ///
    /// #[cfg(not(target_has_atomic = "64"))]
    /// pub struct AtomicU64(std::sync::Mutex<u64>);
    ///
    /// pub struct Traffic { bytes: AtomicU64 }
    /// ```
    ///
    /// `portable_atomic::AtomicU64` is there on all of them.
    ///
    /// ## When to allow
    ///
    /// In programs that are built for 64-bit targets only.
    ///
    /// ## Known limits
    ///
    /// Any condition on the width, the architecture or atomics around the definition or on the import counts,
    /// whatever it says, and so does a `compile_error!` under one.
    ///
    /// ## References
    ///
    /// `std::sync::atomic`, "Portability"; the Rust Reference, "target_has_atomic".
    pub static MISSING_TARGET_HAS_ATOMIC = {
        name: "missing_target_has_atomic",
        topic: "api",
        group: Restriction,
        confidence: Certain,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

/// How deep a type nests before the walk gives up.
const MAX_DEPTH: u32 = 12;

/// What a search for wide atomics needs.
struct Look<'c> {
    cx: &'c Cx<'c>,
    /// The names that a wide atomic can have.
    names: FxHashSet<&'c str>,
}

const WIDE: [&str; 4] = ["AtomicU64", "AtomicI64", "AtomicU128", "AtomicI128"];

/// Their own names, and those that imports and aliases give them.
fn names_of_wide<'p>(program: &'p Program<'_>) -> FxHashSet<&'p str> {
    let imports = program.mods.iter().flat_map(|m| &m.names).flat_map(|(name, bindings)| {
        bindings.iter().filter_map(|b| match &b.kind {
            BindingKind::Import(u) => Some((*name, u.path.last()?.as_str())),
            BindingKind::Def(_) => None,
        })
    });
    let aliases = program.def_ids().filter_map(|d| match &program.def(d).item {
        Item { name, kind: ItemKind::TypeAlias { ty: Some(Ty::Path(path)), .. }, .. } => {
            Some((name.as_str(), path.last()))
        }
        _ => None,
    });
    let renamed: Vec<(&str, &str)> = imports.chain(aliases).filter(|(name, of)| name != of).collect();
    let mut names = FxHashSet::from_iter(WIDE);
    loop {
        let known = names.len();
        names.extend(renamed.iter().filter(|(_, of)| names.contains(of)).map(|(name, _)| *name).collect::<Vec<_>>());
        if names.len() == known {
            return names;
        }
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let program = cx.facts.program;
    let names = names_of_wide(program);
    let look = &Look { cx, names };
    for def in program.def_ids() {
        let d = program.def(def);
        if d.is_test {
            continue;
        }
        let before = out.len();
        match &d.item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) => {
                out.extend(s.fields.iter().filter_map(|f| field(look, def, f, "")));
            }
            ItemKind::Enum(e) => {
                let fields = e.variants.iter().flat_map(|v| v.fields.iter().map(move |f| (f, v.name.as_str())));
                out.extend(fields.filter_map(|(f, variant)| field(look, def, f, variant)));
            }
            ItemKind::Static { ty, .. } => {
                if let Some(width) = wide(look, d.scope, ty, 0) {
                    let label = label(Site { file: d.file, span: d.item.name_span }, &width);
                    let finding = cx.finding_at_def(&MISSING_TARGET_HAS_ATOMIC, def, label, message(&width));
                    out.push(report(finding, d.item.name.clone(), &width));
                }
            }
            _ => {}
        }
        if out.len() > before && is_asked(cx, def, d.item.name_span) {
            out.truncate(before);
        }
    }
    locals(look, out);
}

/// Something around asks: a condition on the item, on the modules that it stands in or on the choice of their files, a
/// macro that stands for one, or a `compile_error!` for the targets that have no such atomic.
fn is_asked(cx: &Cx<'_>, def: DefId, span: Span) -> bool {
    let d = cx.facts.program.def(def);
    is_condition(&d.cfg)
        || cx.facts.module_conditions(d.scope).into_iter().any(is_condition)
        || cx.facts.refusals(d.krate).any(is_condition)
        || cx.facts.macros_around(Site { file: d.file, span }).into_iter().any(names_atomics)
}

fn names_atomics(name: &str) -> bool {
    name.contains("atomic") || name.contains("64")
}

fn field(look: &Look<'_>, adt: DefId, f: &Field, variant: &str) -> Option<Finding> {
    let cx = look.cx;
    let d = cx.facts.program.def(adt);
    if is_condition(&f.cfg) {
        return None;
    }
    let width = wide(look, d.scope, &f.ty, 0)?;
    let name = match variant {
        "" => format!("{}::{}", d.item.name, f.name),
        v => format!("{}::{v}.{}", d.item.name, f.name),
    };
    let site = Site { file: d.file, span: f.name_span };
    let finding = cx.finding_at_def(&MISSING_TARGET_HAS_ATOMIC, adt, label(site, &width), message(&width));
    Some(report(finding, name, &width))
}

/// Locals that operations were resolved to; their type is told by the constructor.
fn locals(look: &Look<'_>, out: &mut Vec<Finding>) {
    let cx = look.cx;
    let facts = cx.facts;
    for location in &facts.locations {
        let Key::Local(body, local) = location.key else { continue };
        let b = facts.program.body(body);
        let d = facts.program.def(b.owner);
        let l = &b.ir.locals[local.index()];
        let Some(width) = l.init.and_then(|v| constructed(look, body, v, 0)) else { continue };
        if d.is_test || is_asked(cx, b.owner, l.span) {
            continue;
        }
        let site = facts.site(body, Span::new(l.span.start, l.span.end));
        let finding = cx.finding(&MISSING_TARGET_HAS_ATOMIC, body, label(site, &width), message(&width));
        out.push(report(finding, l.name.clone(), &width));
    }
}

/// `AtomicU64::new(…)`, inside `Arc::new(…)` and the like.
fn constructed(look: &Look<'_>, body: BodyId, value: ValueId, depth: u32) -> Option<String> {
    let cx = look.cx;
    let ValueKind::Event(e) = cx.facts.value(body, value) else { return None };
    let EventKind::Call(call) = &cx.facts.event(body, *e).kind else { return None };
    let Callee::Path(path) = &call.callee else { return None };
    let mut ty = path.clone();
    ty.segments.pop();
    let scope = cx.facts.program.body(body).scope;
    let inner = || call.args.iter().find_map(|v| constructed(look, body, *v, depth + 1));
    let own = wide_path(look, scope, &ty);
    own.or_else(|| if depth < MAX_DEPTH { inner() } else { None })
}

/// The name of the wide atomic in a type, if one stands there on every target.
fn wide(look: &Look<'_>, scope: ModId, ty: &Ty, depth: u32) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    let again = |t: &Ty| wide(look, scope, t, depth + 1);
    match ty {
        Ty::Path(path) => {
            let args = path.segments.iter().flat_map(|s| &s.args);
            wide_path(look, scope, path).or_else(|| args.into_iter().find_map(again))
        }
        Ty::Ref { inner, .. } | Ty::Ptr { inner, .. } | Ty::Slice(inner) | Ty::Array(inner, _) => again(inner),
        Ty::Tuple(items) => items.iter().find_map(again),
        _ => None,
    }
}

fn wide_path(look: &Look<'_>, scope: ModId, path: &Path) -> Option<String> {
    let cx = look.cx;
    if path.qself.is_some() || !look.names.contains(path.last()) {
        return None;
    }
    let origins = cx.facts.program.origins(scope, path);
    let wide = origins.iter().find_map(wide_name)?;
    (!origins.iter().any(|o| is_way_out(cx, o))).then(|| wide.to_owned())
}

/// The origin is there for targets without the atomic: it stands under a condition, or is a type of the crate's own or
/// of a crate that is there on all. A model checker's is not.
fn is_way_out(cx: &Cx<'_>, origin: &Origin) -> bool {
    let model = |path: &str| matches!(path.split("::").next(), Some("loom" | "shuttle"));
    let conditions = origin.trail.through.iter().flat_map(|m| cx.facts.module_conditions(*m));
    conditions.chain(&origin.trail.conditions).any(is_condition)
        || !origin.path.as_deref().is_some_and(|p| model(p) || is_std(p))
}

fn is_std(path: &str) -> bool {
    matches!(path.split("::").next(), Some("std" | "core"))
}

fn wide_name(origin: &Origin) -> Option<&str> {
    let path = origin.path.as_deref().filter(|p| is_std(p))?;
    let last = path.rsplit("::").next()?;
    WIDE.contains(&last).then_some(last)
}

/// A condition that has to do with which atomics there are.
fn is_condition(cfg: &Cfg) -> bool {
    match cfg {
        Cfg::All(all) | Cfg::Any(all) => all.iter().any(is_condition),
        Cfg::Not(inner) => is_condition(inner),
        Cfg::Flag(name) => names_atomics(name) || name.contains("cas"),
        Cfg::Equals(key, value) => {
            key.contains("atomic")
                || matches!(key.as_str(), "target_pointer_width" | "target_arch")
                || key == "feature" && value.contains("atomic")
        }
    }
}

fn message(width: &str) -> String {
    format!("`{width}` does not exist on every target, and nothing here asks whether it does")
}

fn label(site: Site, width: &str) -> Label {
    let bits = if width.ends_with("128") { 128 } else { 64 };
    Label::new(site, format!("needs atomic operations of {bits} bits"))
}

fn report(mut finding: Finding, name: String, width: &str) -> Finding {
    let bits = if width.ends_with("128") { 128 } else { 64 };
    finding.key.location = name;
    finding.key.operation = "definition".to_owned();
    finding.help = Some(format!(
        "put it under `cfg(target_has_atomic = \"{bits}\")`, use `portable_atomic::{width}`, or `AtomicUsize` if that is wide enough"
    ));
    finding
}
