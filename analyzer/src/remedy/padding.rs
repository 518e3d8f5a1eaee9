//! A cache line of its own for a field, in its type and wherever one is made.

use super::{Mend, annotation};
use crate::facts::Facts;
use crate::facts::shards::Shards;
use crate::finding::{Applicability, Edit, Fix, Site};
use crate::fix;
use crate::ir::outline::{NodeId, NodeKind};
use crate::ir::{ItemKind, Span, ValueId, ValueKind};
use crate::lint::Cx;
use crate::resolve::{BodyId, DefId, Type};

/// Wraps the types of fields, by `#[padded]` under `#[concurrent]`, and the values that they are made of. Whether each
/// use goes through `Deref` is for the compiler to say, and the wrapper may need a dependency, so a human has to look.
pub fn wrap(cx: &Cx<'_>, adt: DefId, fields: &[String]) -> Option<Fix> {
    let facts = cx.facts;
    let d = facts.program.def(adt);
    let wrapper = Wrapper::of(cx, adt);
    let mut edits = Vec::new();
    for name in fields {
        let field = facts.field(adt, name)?;
        let site = Site { file: d.file, span: field.ty_span };
        let text = facts.text(site);
        // A wrapper that is there already holds too much or too little, which no second one mends.
        if text.is_empty() || text.contains("Padded") {
            return None;
        }
        edits.push(match annotation::is_concurrent(cx, adt) {
            true => annotation::edit(cx, adt, field, "padded"),
            false => Edit { site, replacement: format!("{}<{text}>", wrapper.path) },
        });
    }
    for (body, value) in made(facts, adt) {
        let mut mend = Mend::new(cx, body);
        wrap_values(&mut mend, facts.value_span(body, value), fields, wrapper.path)?;
        edits.append(&mut mend.edits);
    }
    let title = match wrapper.applicability {
        Applicability::HasPlaceholders => "give each hot field its own line (needs the crate `atomic-lint`)",
        _ => "give each hot field its own line",
    };
    let fix = Fix { title: title.to_owned(), applicability: wrapper.applicability, edits };
    fix::is_sound(cx.sources, &fix).then_some(fix)
}

/// Pads the elements of a sharded array: by an attribute of their type if that is a struct, else by a wrapper in the
/// array's type and around the elements wherever it is made.
pub fn wrap_elements(cx: &Cx<'_>, shards: &Shards) -> Option<Fix> {
    let facts = cx.facts;
    if let Some(adt) = shards.element {
        let edits = vec![align(cx, adt)?];
        let title = "give each shard its own line".to_owned();
        let fix = Fix { title, applicability: Applicability::MaybeIncorrect, edits };
        return fix::is_sound(cx.sources, &fix).then_some(fix);
    }
    let wrapper = Wrapper::of(cx, shards.owner);
    let d = facts.program.def(shards.owner);
    let mut edits = Vec::new();
    match facts.struct_of(shards.owner) {
        Some(s) => {
            let field = s.fields.iter().find(|f| f.name_span == shards.site.span)?;
            let site = Site { file: d.file, span: field.ty_span };
            let element = atomic_name(facts.text(site))?;
            edits.extend(wrapped(cx, site, element, wrapper.path)?);
            for (body, value) in made(facts, shards.owner) {
                let mend = Mend::new(cx, body);
                let node = mend.outline.expression(facts.value_span(body, value))?;
                let NodeKind::Struct { fields } = mend.kind(node) else { return None };
                let (_, value) = fields.iter().find(|(name, _)| *name == field.name)?;
                let site = Site { file: mend.file, span: mend.outline.span(*value) };
                match wrapped(cx, site, element, wrapper.path) {
                    Some(more) => edits.extend(more),
                    // Made elsewhere, or by the default, which the wrapper has too.
                    None if mend.text(*value).contains("default()") => {}
                    None => return None,
                }
            }
        }
        None => {
            let span = Span::new(d.item.name_span.end, d.item.span.end);
            let site = Site { file: d.file, span };
            edits.extend(wrapped(cx, site, atomic_name(facts.text(site))?, wrapper.path)?);
        }
    }
    let title = match wrapper.applicability {
        Applicability::HasPlaceholders => "give each shard its own line (needs the crate `atomic-lint`)",
        _ => "give each shard its own line",
    };
    let fix = Fix { title: title.to_owned(), applicability: wrapper.applicability, edits };
    fix::is_sound(cx.sources, &fix).then_some(fix)
}

/// `#[repr(align(128))]` on its own line before a struct that has no representation yet.
fn align(cx: &Cx<'_>, adt: DefId) -> Option<Edit> {
    let d = cx.facts.program.def(adt);
    let text = &cx.sources.file(d.file).text;
    let (start, name) = (d.item.span.start as usize, d.item.name_span.start as usize);
    let line = text[..name].rfind('\n').map_or(0, |n| n + 1);
    let indent: String = text[line..].chars().take_while(|c| c.is_whitespace()).collect();
    let at = line + indent.len();
    // On one line with something else, or packed, or aligned already.
    if text[start..name].contains("repr") || text[at..name].contains(['#', '}', ';']) {
        return None;
    }
    let site = Site { file: d.file, span: Span::new(at as u32, at as u32) };
    Some(Edit { site, replacement: format!("#[repr(align(128))]\n{indent}") })
}

/// The path of the atomic type in another: `AtomicU64` in `Box<[AtomicU64]>`.
fn atomic_name(ty: &str) -> Option<&str> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let at = ty.find("Atomic")?;
    let start = ty[..at].rfind(|c| !is_path(c)).map_or(0, |n| n + 1);
    let start = start + ty[start..at].len() - ty[start..at].trim_start_matches([':', ' ']).len();
    let end = at + ty[at..].find(|c: char| !is_path(c)).unwrap_or(ty.len() - at);
    // `AtomicPtr<T>` would need its parameter too.
    (!ty[end..].starts_with('<')).then(|| &ty[start..end])
}

/// Wraps every mention of a type, and every value made by its `new`, within a site; `None` if there is none.
fn wrapped(cx: &Cx<'_>, site: Site, element: &str, wrapper: &str) -> Option<Vec<Edit>> {
    let text = cx.facts.text(site);
    let short = element.rsplit("::").next().unwrap_or(element);
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut edits = Vec::new();
    for (at, _) in text.match_indices(short) {
        let start = text[..at].rfind(|c| !is_path(c)).map_or(0, |n| n + 1);
        let mut end = at + short.len();
        let rest = &text[end..];
        let open = if rest.starts_with("::new(") { format!("{wrapper}::new(") } else { format!("{wrapper}<") };
        match rest.strip_prefix("::new(") {
            Some(inner) => {
                let mut depth = 1;
                let close = inner.char_indices().find(|(_, c)| {
                    depth += i32::from(*c == '(') - i32::from(*c == ')');
                    depth == 0
                });
                end += "::new(".len() + close?.0 + 1;
            }
            None if rest.starts_with(is_path) => return None,
            None => {}
        }
        let close = if open.ends_with('(') { ")" } else { ">" };
        let span = Span::new(site.span.start + start as u32, site.span.start + end as u32);
        edits.push(Edit {
            site: Site { file: site.file, span },
            replacement: format!("{open}{}{close}", &text[start..end]),
        });
    }
    (!edits.is_empty()).then_some(edits)
}

struct Wrapper {
    path: &'static str,
    applicability: Applicability,
}

impl Wrapper {
    /// What the crate uses for padding, or could.
    fn of(cx: &Cx<'_>, adt: DefId) -> Wrapper {
        const KNOWN: [(&str, &str); 4] = [
            ("use crossbeam_utils::CachePadded;", "CachePadded"),
            ("atomic_lint::", "atomic_lint::Padded"),
            ("crossbeam_utils::", "crossbeam_utils::CachePadded"),
            ("crossbeam::", "crossbeam::utils::CachePadded"),
        ];
        if annotation::is_concurrent(cx, adt) {
            return Wrapper { path: "atomic_lint::Padded", applicability: Applicability::MaybeIncorrect };
        }
        let d = cx.facts.program.def(adt);
        let own = &cx.sources.file(d.file).text;
        // An import counts in its own file only, a dependency in the whole crate.
        let files = || cx.facts.program.crates.get(d.krate).into_iter().flat_map(|c| &c.files);
        let found = KNOWN.into_iter().find(|(word, _)| match word.starts_with("use ") {
            true => own.contains(word),
            false => files().any(|(file, _)| is_used(&cx.sources.file(*file).text, word)),
        });
        match found {
            Some((_, path)) => Wrapper { path, applicability: Applicability::MaybeIncorrect },
            None => Wrapper { path: "atomic_lint::Padded", applicability: Applicability::HasPlaceholders },
        }
    }
}

/// Whether code names a crate; an attribute that is never compiled, or a comment, needs no dependency.
fn is_used(text: &str, path: &str) -> bool {
    let is_code = |line: &str| !line.contains("cfg_attr(any()") && !line.trim_start().starts_with("//");
    text.contains(path) && text.lines().any(|line| line.contains(path) && is_code(line))
}

/// Where values of the type are put together.
fn made(facts: &Facts<'_>, adt: DefId) -> Vec<(BodyId, ValueId)> {
    let program = facts.program;
    let d = program.def(adt);
    let ItemKind::Struct(_) = d.item.kind else { return Vec::new() };
    let mut found = Vec::new();
    for body in program.body_ids() {
        for (i, value) in program.body(body).ir.values.iter().enumerate() {
            let ValueKind::Struct { path, .. } = &value.kind else { continue };
            let id = ValueId(i as u32);
            let named = path.last() == d.item.name || path.last() == "Self";
            if named && matches!(program.type_of(body, id).peeled_refs(), Type::Adt(a, _) if *a == adt) {
                found.push((body, id));
            }
        }
    }
    found
}

fn wrap_values(mend: &mut Mend<'_, '_>, span: Span, names: &[String], wrapper: &str) -> Option<()> {
    let node = mend.outline.expression(span)?;
    match mend.kind(node) {
        NodeKind::Struct { fields } => {
            for (name, value) in fields.iter().filter(|(name, _)| names.contains(name)) {
                wrap_value(mend, name, *value, wrapper);
            }
        }
        NodeKind::Call { args, .. } => {
            for (n, value) in args.iter().enumerate() {
                if names.contains(&n.to_string()) {
                    let text = mend.text(*value);
                    mend.replace_node(*value, format!("{wrapper}::new({text})"));
                }
            }
        }
        _ => return None,
    }
    Some(())
}

fn wrap_value(mend: &mut Mend<'_, '_>, name: &str, value: NodeId, wrapper: &str) {
    let text = mend.text(value);
    let before = mend.slice(Span::new(0, mend.outline.span(value).start));
    // `S { a }` names the field by the variable.
    let named = before.trim_end().ends_with(':');
    let name = if named { String::new() } else { format!("{name}: ") };
    mend.replace_node(value, format!("{name}{wrapper}::new({text})"));
}
