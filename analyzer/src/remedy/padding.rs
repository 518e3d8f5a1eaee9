//! A cache line of its own for a field, in its type and wherever one is made.

use super::Mend;
use crate::facts::Facts;
use crate::finding::{Applicability, Edit, Fix, Site};
use crate::fix;
use crate::ir::outline::{NodeId, NodeKind};
use crate::ir::{ItemKind, ValueId, ValueKind};
use crate::lint::Cx;
use crate::resolve::{BodyId, DefId, Type};

/// Wraps the types of fields, and the values that they are made of. Whether each use goes through `Deref` is for the
/// compiler to say, and the wrapper may need a dependency, so a human has to look.
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
        edits.push(Edit { site, replacement: format!("{}<{text}>", wrapper.path) });
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
        let d = cx.facts.program.def(adt);
        let own = &cx.sources.file(d.file).text;
        // An import counts in its own file only, a dependency in the whole crate.
        let files = || cx.facts.program.crates.get(d.krate).into_iter().flat_map(|c| &c.files);
        let found = KNOWN.into_iter().find(|(word, _)| match word.starts_with("use ") {
            true => own.contains(word),
            false => files().any(|(file, _)| cx.sources.file(*file).text.contains(word)),
        });
        match found {
            Some((_, path)) => Wrapper { path, applicability: Applicability::MaybeIncorrect },
            None => Wrapper { path: "atomic_lint::Padded", applicability: Applicability::HasPlaceholders },
        }
    }
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

fn wrap_values(mend: &mut Mend<'_, '_>, span: crate::ir::Span, names: &[String], wrapper: &str) -> Option<()> {
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
    let before = mend.slice(crate::ir::Span::new(0, mend.outline.span(value).start));
    // `S { a }` names the field by the variable.
    let named = before.trim_end().ends_with(':');
    let name = if named { String::new() } else { format!("{name}: ") };
    mend.replace_node(value, format!("{name}{wrapper}::new({text})"));
}
