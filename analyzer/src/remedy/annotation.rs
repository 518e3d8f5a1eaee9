//! An annotation on a field.

use crate::contract::Word;
use crate::finding::{Applicability, Edit, Fix, Site};
use crate::fix;
use crate::ir::{Field, Span, Vis};
use crate::lint::Cx;
use crate::resolve::DefId;

/// How the annotation is written on the fields of a struct: as an attribute where `#[concurrent]` acts on it, else in
/// the form that compiles with no dependency.
pub fn on_field(cx: &Cx<'_>, adt: DefId, word: &str) -> String {
    if is_concurrent(cx, adt) { format!("#[{word}]") } else { format!("#[cfg_attr(any(), atomic_lint::{word})]") }
}

/// The struct stands under `#[concurrent]`, which acts on the attributes of its fields.
pub fn is_concurrent(cx: &Cx<'_>, adt: DefId) -> bool {
    cx.facts.program.annotation(adt, Word::Concurrent).is_some_and(|a| !a.is_inert())
}

/// The fix that writes it, which changes nothing but what is promised.
pub fn annotate(cx: &Cx<'_>, adt: DefId, field: &Field, word: &str) -> Option<Fix> {
    let title = format!("annotate the field: `{word}`");
    let edits = vec![edit(cx, adt, field, word)];
    let fix = Fix { title, applicability: Applicability::MachineApplicable, edits };
    fix::is_sound(cx.sources, &fix).then_some(fix)
}

/// Writes it above the field, or before it where the field doesn't begin its line.
pub fn edit(cx: &Cx<'_>, adt: DefId, field: &Field, word: &str) -> Edit {
    let file = cx.facts.program.def(adt).file;
    let text = &cx.sources.file(file).text;
    let start = own_start(text, field);
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let indent = &text[line..start];
    let joint = if indent.trim().is_empty() { format!("\n{indent}") } else { " ".to_owned() };
    let span = Span::new(start as u32, start as u32);
    Edit { site: Site { file, span }, replacement: format!("{}{joint}", on_field(cx, adt, word)) }
}

/// Behind the field's documentation and attributes: its visibility, or its name.
fn own_start(text: &str, field: &Field) -> usize {
    let name = field.name_span.start as usize;
    let before = &text[field.span.start as usize..name];
    let is_word = |at: &usize| before[at + 3..].starts_with([' ', '(', '\n', '\t']);
    let visibility = match field.vis {
        Vis::Private => None,
        _ => before.rmatch_indices("pub").map(|(at, _)| at).find(is_word),
    };
    visibility.map_or(name, |at| field.span.start as usize + at)
}
