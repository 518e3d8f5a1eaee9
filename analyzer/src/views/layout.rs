//! `layout`: where the fields of types that hold atomics lie, line by line.

use std::collections::BTreeSet;

use serde::Serialize;

use super::columns;
use crate::driver::Known;
use crate::facts::layout::MACHINES;
use crate::resolve::DefId;

/// A struct on one machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    /// `queue::Ring`.
    pub name: String,
    pub place: String,
    pub machine: &'static str,
    /// Bytes that travel between caches together.
    pub line: u64,
    /// The source decides the order of the fields.
    pub ordered: bool,
    pub size: u64,
    /// Otherwise `size` is the least it can be.
    pub exact: bool,
    pub align: u64,
    pub fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    pub name: String,
    pub offset: u64,
    pub offset_exact: bool,
    pub size: u64,
    pub size_exact: bool,
    pub atomic: bool,
    /// Functions that write it often.
    pub writers: Vec<String>,
    pub readers: Vec<String>,
}

/// The types that hold atomics, or the ones of this name, in the order of the source.
pub fn maps(known: Known<'_>, wanted: Option<&str>) -> Vec<Map> {
    let facts = known.facts;
    let owners: BTreeSet<DefId> = facts.locations.iter().filter_map(|l| l.key.owner()).collect();
    let matches = |def: &&DefId| match wanted {
        Some(name) => {
            let path = facts.program.path(**def);
            path == name || path.ends_with(&format!("::{name}"))
        }
        None => known.is_selected(facts.program.def(**def).file),
    };
    let mut maps: Vec<(crate::finding::Site, Map)> = Vec::new();
    for def in owners.iter().filter(matches) {
        // Line sizes differ by machine; the layouts of the usual ones do not.
        let machine = &MACHINES[0];
        let d = facts.program.def(*def);
        let site = crate::finding::Site { file: d.file, span: d.item.name_span };
        let Some(layout) = facts.layout(*def, machine) else { continue };
        let atomics: Vec<&str> =
            facts.locations.iter().filter_map(|l| field_of(&l.key, *def)).collect();
        let fields = layout.slots.iter().map(|slot| Field {
            name: slot.name.clone(),
            offset: slot.offset,
            offset_exact: slot.exact,
            size: slot.extent.size,
            size_exact: slot.extent.exact,
            atomic: atomics.contains(&slot.name.as_str()),
            writers: facts.writer_names(*def, &slot.name),
            readers: facts.reader_names(*def, &slot.name),
        });
        let file = known.facts.sources.file(d.file);
        let at = file.line_col(site.span.start);
        maps.push((
            site,
            Map {
                name: facts.program.path(*def),
                place: format!("{}:{}:{}", file.shown, at.line, at.column),
                machine: machine.name,
                line: machine.line,
                ordered: layout.ordered,
                size: layout.extent.size,
                exact: layout.extent.exact,
                align: layout.extent.align,
                fields: fields.collect(),
            },
        ));
    }
    maps.sort_by_key(|(site, _)| *site);
    maps.into_iter().map(|(_, map)| map).collect()
}

fn field_of(key: &crate::facts::access::Key, def: DefId) -> Option<&str> {
    match key {
        crate::facts::access::Key::Field(d, name) if *d == def => Some(name),
        _ => None,
    }
}

pub fn text(maps: &[Map]) -> String {
    maps.iter().map(map).collect()
}

fn map(map: &Map) -> String {
    let about = |n: u64, exact: bool| if exact { n.to_string() } else { format!("{n}+") };
    let order = if map.ordered { "in the order of the source" } else { "in the order that the compiler is likely to choose" };
    let mut out = format!(
        "{} at {}\n  {} bytes, aligned to {}; lines of {} bytes on {}; fields {order}\n",
        map.name,
        map.place,
        about(map.size, map.exact),
        map.align,
        map.line,
        map.machine,
    );
    let mut rows = vec![["line", "offset", "size", "field"].map(str::to_owned).to_vec()];
    let mut line = None;
    for field in &map.fields {
        let here = field.offset / map.line;
        // A line's number stands where the line begins.
        let number = if line == Some(here) { String::new() } else { here.to_string() };
        line = Some(here);
        let mut users = Vec::new();
        if field.atomic {
            users.push("atomic".to_owned());
        }
        if !field.writers.is_empty() {
            users.push(format!("written by {}", field.writers.join(", ")));
        }
        if !field.readers.is_empty() {
            users.push(format!("read by {}", field.readers.join(", ")));
        }
        rows.push(vec![
            number,
            about(field.offset, field.offset_exact),
            about(field.size, field.size_exact),
            field.name.clone(),
            users.join("; "),
        ]);
    }
    out + &columns(&rows, 2) + "\n"
}
