//! Cache lines.

// modules: begin
pub mod excessive_padding;
pub mod ineffective_padding;
pub mod padding_annotation_mismatch;
pub mod unpadded_hot_atomics;
pub mod unpadded_shards;
// modules: end

use crate::facts::layout::{Layout, Machine, Sharing};
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

/// The cache-line map of the type as it is, and as it is with each hot field padded.
fn maps(cx: &Cx<'_>, conflict: &Conflict) -> Vec<String> {
    let drawn = |machine: &&'static Machine| Some((*machine, cx.facts.layout(conflict.adt, machine)?));
    let Some((machine, now)) = conflict.machines.first().and_then(drawn) else { return Vec::new() };
    let order = if now.ordered { "" } else { ", in the order that the compiler is likely to choose" };
    let head = format!("lines of {} bytes on {}{order}:", machine.line, machine.name);
    let padded = now.with_padded(&conflict.hot, machine.line);
    let cost = format!(
        "with a line for each hot field ({} bytes instead of {}):",
        about(padded.extent.size, padded.extent.exact),
        about(now.extent.size, now.extent.exact)
    );
    vec![head + &map(cx, conflict, &now, machine.line), cost + &map(cx, conflict, &padded, machine.line)]
}

/// Line, offset, size and users of every field.
fn map(cx: &Cx<'_>, conflict: &Conflict, layout: &Layout, line: u64) -> String {
    let mut text = "\n  line  offset  size  field".to_owned();
    let width = layout.slots.iter().map(|s| s.name.chars().count()).max().unwrap_or(0);
    for slot in &layout.slots {
        let users = who(cx, conflict, &slot.name).replace('`', "");
        let name = if users.is_empty() { slot.name.clone() } else { format!("{:width$}  {users}", slot.name) };
        text.push_str(&format!(
            "\n  {:>4}  {:>6}  {:>4}  {name}",
            slot.offset / line,
            about(slot.offset, slot.exact),
            about(slot.extent.size, slot.extent.exact),
        ));
    }
    text
}

/// A number, or the least that it is.
fn about(n: u64, exact: bool) -> String {
    if exact { n.to_string() } else { format!("{n}+") }
}
