//! What is true of the program: every atomic operation on every location, and what its surroundings say about it.
//!
//! [`Facts::build`] makes the access table ([`access`]); the other questions are answered on demand and
//! remembered. Facts know nothing of levels or wording.

pub mod access;
pub mod alignment;
mod answers;
pub mod atomic_only;
pub mod attempt;
mod bottom_up;
pub mod call_graph;
pub mod carried;
mod carries;
pub mod claims;
pub mod comments;
mod contended;
pub mod context;
pub mod control;
pub mod dangling;
pub mod declared;
pub mod effects;
mod excused;
pub mod exposure;
pub mod fences;
pub mod flow;
pub mod frequency;
mod fresh;
pub mod frozen;
mod grace;
pub mod guarded;
pub mod guards;
pub mod handed_out;
pub mod handles;
pub mod handover;
pub mod handshake;
pub mod heat;
pub mod held;
pub mod helpers;
mod hints;
pub mod initial;
pub mod interior;
pub mod layout;
mod linked;
mod live_pointer;
mod makers;
pub mod misdirected;
pub mod nullness;
mod one_owner;
pub mod outcome;
pub mod overpadded;
pub mod own_hold;
pub mod own_slot;
pub mod padding_promises;
pub mod pairing;
pub mod partner_names;
pub mod partners;
pub mod plain;
pub mod promises;
pub mod publication;
pub mod reclamation;
pub mod refcount;
pub mod region;
pub mod required;
pub mod retry;
pub mod role;
mod same_memory;
pub mod sequence;
pub mod shards;
pub mod sharing;
pub mod siblings;
pub mod sides;
pub mod spin_held;
mod tables;
mod takers;
pub mod told;
pub mod touch;
pub mod transfer;
pub mod unseen_locks;
pub mod value_flow;
pub mod wait_loop;
pub mod waiting;
pub mod wakeup;
pub mod wrappers;
pub mod writers;

use std::sync::OnceLock;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::finding::Site;
use crate::ir::{Event, EventId, Span, ValueId, ValueKind};
use crate::resolve::memo::Memo;
use crate::resolve::{BodyId, DefId, Program};
use crate::source::Sources;
pub use access::{Coverage, LocId, Location, Op, OpId, Orders, Seen};
use bottom_up::BottomUp;
pub use flow::Flow;
pub use role::{Role, RoleKind};
pub use value_flow::Flows;

/// Everything that lints may ask.
#[derive(Debug)]
pub struct Facts<'a> {
    pub program: &'a Program<'a>,
    pub sources: &'a Sources,
    /// Every atomic operation in the source, in the order of files and positions.
    pub ops: Vec<Op<'a>>,
    /// Every location that some operation was resolved to.
    pub locations: Vec<Location>,
    /// Per body: its own operations and those of the helpers it calls, in evaluation order.
    seen: Vec<Vec<Seen>>,
    by_event: Vec<value_flow::ByEvent>,
    /// Per body: what flows out of it.
    returns: Vec<Option<Flows>>,
    /// Per body: the calls of bodies of the analysed crates, closures that run in place included.
    calls: Vec<Vec<(EventId, BodyId)>>,
    /// The bodies in groups that call each other, callees first.
    call_order: Vec<Vec<BodyId>>,
    /// Per body: which of these groups it belongs to.
    component_of: Vec<u32>,
    touches: BottomUp<Vec<touch::Touch>>,
    sync: Vec<pairing::Sync>,
    frees: Vec<bool>,
    published: OnceLock<publication::Published>,
    flows: Vec<OnceLock<Flow>>,
    guards: Vec<OnceLock<guards::Guards>>,
    decisions: Vec<OnceLock<Vec<control::Decision>>>,
    /// Per operation: the bodies that perform it, with the index among what they do.
    instances: Vec<Vec<(BodyId, u32)>>,
    pub(crate) contexts: Vec<context::Context>,
    callers: FxHashMap<DefId, Vec<(BodyId, EventId)>>,
    roles: Vec<OnceLock<Role>>,
    /// Per location: the handle that its writes are confined to.
    confined: Vec<OnceLock<Option<DefId>>>,
    /// Per struct: whether what it holds keeps it from being `Sync`.
    unshareable: Memo<DefId, bool>,
    effects: BottomUp<Vec<effects::Effect>>,
    handed_out: OnceLock<handed_out::HandedOut>,
    carries: OnceLock<carries::Carries>,
    /// How many fields and statics hold each type.
    holding: OnceLock<FxHashMap<DefId, u32>>,
    declared: OnceLock<declared::Declared>,
    /// Types of objects that carry a lock which is not analysed, sorted.
    unseen_locks: OnceLock<Vec<DefId>>,
    locked_types: OnceLock<Vec<DefId>>,
    retries: OnceLock<Vec<region::Retry>>,
    heat: OnceLock<heat::Heat>,
    plain: OnceLock<FxHashMap<LocId, Vec<plain::Plain>>>,
    exposure: OnceLock<exposure::Exposure>,
    handshakes: OnceLock<handshake::Handshakes>,
    sequences: OnceLock<sequence::Sequences>,
    wakeups: OnceLock<wakeup::Wakeups>,
    joint: OnceLock<FxHashMap<siblings::Pair, Vec<siblings::JointUpdate>>>,
    holders: OnceLock<held::Holders>,
    given_out: OnceLock<FxHashSet<DefId>>,
    makers: OnceLock<makers::Makers>,
    handles: OnceLock<FxHashMap<DefId, handles::Made>>,
    pub coverage: Coverage,
}

impl<'a> Facts<'a> {
    /// Collects the facts of a program. With `tests`, test code is looked at like any other.
    pub fn build(program: &'a Program<'a>, sources: &'a Sources, tests: bool) -> Facts<'a> {
        let table = access::collect(program, tests);
        let mut facts = Facts {
            program,
            sources,
            roles: std::iter::repeat_with(OnceLock::new).take(table.locations.len()).collect(),
            confined: std::iter::repeat_with(OnceLock::new).take(table.locations.len()).collect(),
            ops: table.ops,
            locations: table.locations,
            seen: Vec::new(),
            by_event: Vec::new(),
            returns: Vec::new(),
            calls: Vec::new(),
            call_order: Vec::new(),
            component_of: Vec::new(),
            touches: BottomUp::new(program.bodies.len()),
            sync: Vec::new(),
            frees: Vec::new(),
            published: OnceLock::new(),
            flows: std::iter::repeat_with(OnceLock::new).take(program.bodies.len()).collect(),
            guards: std::iter::repeat_with(OnceLock::new).take(program.bodies.len()).collect(),
            decisions: std::iter::repeat_with(OnceLock::new).take(program.bodies.len()).collect(),
            instances: Vec::new(),
            contexts: Vec::new(),
            unshareable: Memo::default(),
            effects: BottomUp::new(program.bodies.len()),
            handed_out: OnceLock::new(),
            carries: OnceLock::new(),
            holding: OnceLock::new(),
            declared: OnceLock::new(),
            unseen_locks: OnceLock::new(),
            locked_types: OnceLock::new(),
            retries: OnceLock::new(),
            callers: table.callers,
            plain: OnceLock::new(),
            exposure: OnceLock::new(),
            handshakes: OnceLock::new(),
            sequences: OnceLock::new(),
            wakeups: OnceLock::new(),
            joint: OnceLock::new(),
            heat: OnceLock::new(),
            holders: OnceLock::new(),
            given_out: OnceLock::new(),
            makers: OnceLock::new(),
            handles: OnceLock::new(),
            coverage: table.coverage,
        };
        helpers::see_through_helpers(&mut facts);
        facts.instances = vec![Vec::new(); facts.ops.len()];
        for body in program.body_ids() {
            for (i, seen) in facts.seen[body.index()].iter().enumerate() {
                facts.instances[seen.op.index()].push((body, i as u32));
            }
        }
        facts.contexts = context::of_all(&facts);
        pairing::collect(&mut facts);
        reclamation::collect(&mut facts);
        facts
    }

    pub fn op(&self, id: OpId) -> &Op<'a> {
        &self.ops[id.index()]
    }

    pub fn location(&self, id: LocId) -> &Location {
        &self.locations[id.index()]
    }

    /// The operations that running a body performs, in evaluation order: its own and those of the helpers that
    /// it calls, as far as they could be followed.
    pub fn seen(&self, body: BodyId) -> &[Seen] {
        self.seen.get(body.index()).map_or(&[], |v| v)
    }

    pub fn flow(&self, body: BodyId) -> &Flow {
        self.flows[body.index()].get_or_init(|| Flow::of(self.program.body(body).ir))
    }

    pub fn guards(&self, body: BodyId) -> &guards::Guards {
        self.guards[body.index()].get_or_init(|| guards::Guards::of(self, body))
    }

    /// The plain accesses to the memory of a location.
    pub fn plain_accesses(&self, location: LocId) -> &[plain::Plain] {
        self.plain.get_or_init(|| plain::collect(self)).get(&location).map_or(&[], |v| v)
    }

    /// What a location is for.
    pub fn role(&self, location: LocId) -> &Role {
        self.roles[location.index()].get_or_init(|| role::infer(self, location))
    }

    /// Which fields are written often, and by whom.
    pub fn heat(&self) -> &heat::Heat {
        self.heat.get_or_init(|| heat::collect(self))
    }

    /// The calls of a function in the analysed crates.
    pub fn callers(&self, def: DefId) -> &[(BodyId, EventId)] {
        self.callers.get(&def).map_or(&[], |v| v)
    }

    /// The calls that a body makes of bodies of the analysed crates, closures that run in place included.
    pub fn calls(&self, body: BodyId) -> &[(EventId, BodyId)] {
        self.calls.get(body.index()).map_or(&[], |v| v)
    }

    /// The bodies that some operation stands in or is seen from.
    pub fn bodies_with_ops(&self) -> impl Iterator<Item = BodyId> + '_ {
        self.program.body_ids().filter(|b| !self.seen(*b).is_empty())
    }

    pub fn event(&self, body: BodyId, event: EventId) -> &'a Event {
        &self.program.body(body).ir.events[event.index()]
    }

    pub fn value(&self, body: BodyId, value: ValueId) -> &'a ValueKind {
        &self.program.body(body).ir.values[value.index()].kind
    }

    pub fn value_span(&self, body: BodyId, value: ValueId) -> Span {
        self.program.body(body).ir.values[value.index()].span
    }

    /// The value that an event gives, if anything uses it.
    pub fn result_of(&self, body: BodyId, event: EventId) -> Option<ValueId> {
        self.program.result(body, event)
    }

    pub fn site(&self, body: BodyId, span: Span) -> Site {
        Site { file: self.program.body(body).file, span }
    }

    /// Where an event stands.
    pub fn event_site(&self, body: BodyId, event: EventId) -> Site {
        self.site(body, self.event(body, event).span)
    }

    /// The source text of a site.
    pub fn text(&self, site: Site) -> &'a str {
        let text = &self.sources.file(site.file).text;
        text.get(site.span.start as usize..site.span.end as usize).unwrap_or("")
    }

    /// The path of the function that a body is part of.
    pub fn function_name(&self, body: BodyId) -> String {
        self.program.name(self.program.body(body).owner)
    }
}
