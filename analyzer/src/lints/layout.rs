//! Cache lines.

// modules: begin
pub mod excessive_padding;
pub mod ineffective_padding;
pub mod unpadded_hot_atomics;
pub mod unpadded_shards;
// modules: end

use crate::facts::layout::{Machine, Sharing};
use crate::facts::sharing::Conflict;
use crate::finding::{Label, Site};
use crate::lint::Cx;
use crate::resolve::DefId;

/// Where a field is declared.
fn field_site(cx: &Cx<'_>, adt: DefId, field: &str) -> Option<Site> {
    let file = cx.facts.program.def(adt).file;
    cx.facts.field(adt, field).map(|f| Site { file, span: f.name_span })
}

/// `` `head` and `tail` ``, `` `a`, `b` and `c` ``
fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// `written by Ring::push`
fn who(cx: &Cx<'_>, conflict: &Conflict, field: &str) -> String {
    let (verb, names) = match conflict.hot.iter().any(|f| f == field) {
        true => ("written by", cx.facts.writer_names(conflict.adt, field)),
        false => ("read by", cx.facts.reader_names(conflict.adt, field)),
    };
    match names.is_empty() {
        true => String::new(),
        false => format!("{verb} {}", listed(&names)),
    }
}

/// The labels of all fields but the first hot one.
fn partners(cx: &Cx<'_>, conflict: &Conflict) -> Vec<Label> {
    let fields = conflict.hot.iter().skip(1).chain(&conflict.read_mostly);
    fields.filter_map(|f| Some(Label::new(field_site(cx, conflict.adt, f)?, who(cx, conflict, f)))).collect()
}

/// `share a cache line`, `can share a cache line`
fn meeting(sharing: Sharing) -> &'static str {
    if sharing == Sharing::Must { "share a cache line" } else { "can share a cache line" }
}

/// The cache-line map: offset, size and users of every field.
fn map(cx: &Cx<'_>, conflict: &Conflict) -> Option<String> {
    let machine: &Machine = conflict.machines.first()?;
    let layout = cx.facts.layout(conflict.adt, machine)?;
    let order = if layout.ordered { "" } else { ", in the order that the compiler is likely to choose" };
    let mut text = format!("lines of {} bytes on {}{order}:\n  offset  size  field", machine.line, machine.name);
    for slot in &layout.slots {
        let about = |n: u64, exact: bool| if exact { n.to_string() } else { format!("{n}+") };
        let users = who(cx, conflict, &slot.name).replace('`', "");
        let users = if users.is_empty() { users } else { format!("  {users}") };
        text.push_str(&format!(
            "\n  {:>6}  {:>4}  {}{users}",
            about(slot.offset, slot.exact),
            about(slot.extent.size, slot.extent.exact),
            slot.name,
        ));
    }
    Some(text)
}
