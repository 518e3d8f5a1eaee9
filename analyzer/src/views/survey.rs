//! The access table of a run as plain data: every location with its role and every operation on it.

use serde::Serialize;

use crate::driver::Known;
use crate::facts::access::{Key, Order};
use crate::facts::{LocId, Op, OpId, RoleKind};
use crate::finding::{Purpose, Site};
use crate::ir::{EventKind, ItemKind, Ordering};

/// Every location that the selected targets declare or touch, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Survey {
    pub locations: Vec<Location>,
    /// Operations whose location is unknown.
    pub unresolved: usize,
}

/// A piece of shared memory.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Location {
    /// `Queue::head`, `COUNTER`.
    pub name: String,
    /// The crate that declares it.
    pub krate: String,
    /// As written.
    #[serde(rename = "type")]
    pub ty: String,
    pub role: Purpose,
    /// `src/lib.rs:12:5`; empty for locals.
    pub declared: String,
    #[serde(skip)]
    pub site: Option<Site>,
    pub accesses: Vec<Access>,
}

/// One operation on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Access {
    /// The function it stands in.
    pub function: String,
    pub operation: String,
    /// `None` where it is not known.
    pub ordering: Option<String>,
    /// Of a CAS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    pub reads: bool,
    pub writes: bool,
    /// Its ordering acquires what the writer released.
    pub acquires: bool,
    pub releases: bool,
    /// A fence in the same function may make up for its ordering.
    pub fenced: bool,
    /// What is special about where it runs: `exclusive`, `in drop`, `under a lock`.
    pub context: Vec<&'static str>,
    /// `src/lib.rs:12:5`.
    pub place: String,
    #[serde(skip)]
    pub site: Site,
}

impl Survey {
    pub fn of(known: Known<'_>) -> Survey {
        let facts = known.facts;
        let all = (0..facts.locations.len() as u32).map(LocId).map(|id| location(known, id));
        let mine = |l: &Location| {
            let sites = l.site.iter().chain(l.accesses.iter().map(|a| &a.site));
            !l.accesses.is_empty() && sites.into_iter().any(|s| known.is_selected(s.file))
        };
        let mut locations: Vec<Location> = all.filter(mine).collect();
        locations.sort_by(|a, b| (&a.krate, &a.name, a.site).cmp(&(&b.krate, &b.name, b.site)));
        let is_mine = |op: &&Op<'_>| known.is_selected(facts.program.body(op.body).file);
        let unresolved = facts.ops.iter().filter(is_mine).filter(|op| op.location.is_none()).count();
        Survey { locations, unresolved }
    }
}

fn location(known: Known<'_>, id: LocId) -> Location {
    let facts = known.facts;
    let location = facts.location(id);
    let role = facts.role(id);
    let (site, ty, krate) = declaration(known, &location.key);
    let name = |n: usize| known.crates.get(n).cloned().unwrap_or_default();
    Location {
        name: location.name.clone(),
        krate: krate.map(name).unwrap_or_default(),
        ty,
        role: Purpose {
            is: if role.kind == RoleKind::Unknown { "unknown".to_owned() } else { role.kind.describe().to_owned() },
            why: role.why.clone(),
        },
        declared: site.map(|s| shown(known, s)).unwrap_or_default(),
        site,
        accesses: location.ops.iter().map(|op| access(known, *op)).collect(),
    }
}

/// Where a location is declared, its type as written, its crate.
fn declaration(known: Known<'_>, key: &Key) -> (Option<Site>, String, Option<usize>) {
    let program = known.facts.program;
    let text = |site| known.facts.text(site).split_whitespace().collect::<Vec<_>>().join(" ");
    match key {
        Key::Field(def, name) => {
            let d = program.def(*def);
            let Some(field) = known.facts.field(*def, name) else { return (None, String::new(), Some(d.krate)) };
            let ty = text(Site { file: d.file, span: field.ty_span });
            (Some(Site { file: d.file, span: field.name_span }), ty, Some(d.krate))
        }
        Key::Static(def) => {
            let d = program.def(*def);
            let ty = match &d.item.kind {
                // Between the colon and the value.
                ItemKind::Static(_) => {
                    let whole = text(Site { file: d.file, span: d.item.span });
                    let behind = whole.split_once(&format!("{}:", d.item.name)).map_or("", |(_, t)| t);
                    behind.split(" = ").next().unwrap_or("").trim_end_matches(';').trim().to_owned()
                }
                _ => String::new(),
            };
            (Some(Site { file: d.file, span: d.item.name_span }), ty, Some(d.krate))
        }
        Key::Local(body, _) => {
            let owner = program.body(*body).owner;
            (None, String::new(), Some(program.def(owner).krate))
        }
    }
}

fn shown(known: Known<'_>, site: Site) -> String {
    let file = known.facts.sources.file(site.file);
    let at = file.line_col(site.span.start);
    format!("{}:{}:{}", file.shown, at.line, at.column)
}

fn access(known: Known<'_>, id: OpId) -> Access {
    let facts = known.facts;
    let op = facts.op(id);
    let success = op.orders.success.known();
    let context = facts.context(id);
    let mut remarks = Vec::new();
    for (holds, remark) in [
        (context.exclusive, "exclusive"),
        (context.in_drop, "in drop"),
        (!context.locks.is_empty(), "under a lock"),
        (facts.is_thread_entry(op.body), "in a new thread"),
    ] {
        remarks.extend(holds.then_some(remark));
    }
    let site = facts.site(op.body, op.span);
    Access {
        function: facts.function_name(op.body),
        operation: op.method.to_owned(),
        ordering: order(op.orders.success),
        failure: op.kind.is_cas().then(|| order(op.orders.failure)).flatten(),
        reads: op.kind.reads(),
        writes: op.kind.writes(),
        acquires: op.kind.reads() && success.is_some_and(Ordering::acquires),
        releases: op.kind.writes() && success.is_some_and(Ordering::releases),
        fenced: has_fence(known, op),
        context: remarks,
        place: shown(known, site),
        site,
    }
}

fn order(order: Order) -> Option<String> {
    match order {
        Order::Known(ordering) => Some(ordering.name().to_owned()),
        Order::Implied => Some("implied".to_owned()),
        Order::Param(_) => Some("the caller's".to_owned()),
        Order::Unknown => None,
    }
}

fn has_fence(known: Known<'_>, op: &Op<'_>) -> bool {
    let events = &known.facts.program.body(op.body).ir.events;
    events.iter().any(|e| matches!(e.kind, EventKind::Fence { compiler: false, .. }))
}

impl Access {
    /// `Release`, `AcqRel/Acquire`, `?`.
    pub fn orderings(&self) -> String {
        let success = self.ordering.as_deref().unwrap_or("?");
        match &self.failure {
            Some(failure) => format!("{success}/{failure}"),
            None => success.to_owned(),
        }
    }
}
