//! Atomics that are updated together are read one after the other and combined.

use crate::facts::siblings::{JointUpdate, Pair};
use crate::facts::{Facts, Seen};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::ir::{
    AtomicOpKind, Base, BinOp, BlockId, Callee, EventId, EventKind, LocalId, Place, Terminator, ValueId, ValueKind,
};
use crate::lint::{Cx, declare_lint};
use crate::resolve::{BodyId, Type};

declare_lint! {
    /// Finds atomics that some function updates together and that are read one after the other into one result: a
    /// ratio, a difference, a comparison, a returned struct.
    ///
    /// ## Why it matters
    ///
    /// Each load is atomic, the two of them are not. The result mixes an old value with a new one and describes a
    /// state that never was: a hit rate above one, a mean that no sample supports, a difference that underflows.
    ///
    /// ```text
    ///   reader                writer                count, sum
    /// 1 load count → 1                              1, 10
    /// 2                       count += 1            2, 10
    /// 3                       sum += 90             2, 100
    /// 4 load sum → 100                              2, 100   mean: 100 / 1
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// pub struct Latency { count: AtomicU64, sum: AtomicU64 }
    ///
    /// impl Latency {
    ///     pub fn record(&self, micros: u64) {
    ///         self.count.fetch_add(1, Relaxed);
    ///         self.sum.fetch_add(micros, Relaxed);
    ///     }
    ///
    ///     pub fn mean(&self) -> u64 {
    ///         let count = self.count.load(Relaxed);
    ///         let sum = self.sum.load(Relaxed);
    ///         sum / count.max(1)
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// One word for both, where they fit:
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// /// The count in the upper 24 bits, the sum in the lower 40.
    /// pub struct Latency { both: AtomicU64 }
    ///
    /// impl Latency {
    ///     pub fn record(&self, micros: u64) {
    ///         self.both.fetch_add(1 << 40 | micros, Relaxed);
    ///     }
    ///
    ///     pub fn mean(&self) -> u64 {
    ///         let both = self.both.load(Relaxed);
    ///         (both & ((1 << 40) - 1)) / (both >> 40).max(1)
    ///     }
    /// }
    /// ```
    ///
    /// Otherwise `atomic_lint::SeqLock` for a few words with one writer at a time, `atomic_lint::Packed` for two
    /// halves of a word, `atomic_lint::Snapshot` for more, or a `Mutex` around plain integers.
    ///
    /// ## When to allow
    ///
    /// When the result is an estimate and every reader knows.
    ///
    /// ## Known limits
    ///
    /// Quiet where nothing updates both in one call, where the reader checks a version or reads again, where a
    /// lock keeps readers and writers apart, and for yes-or-no hints (`is_empty`). Values that are only formatted,
    /// logged or exported one by one are no snapshot.
    ///
    /// ## References
    ///
    /// Afek, Attiya, Dolev, Gafni, Merritt, Shavit: Atomic Snapshots of Shared Memory, JACM 1993.
    pub static TORN_SNAPSHOT = {
        name: "torn_snapshot",
        topic: "access",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

/// Two loads that end in one result.
struct Torn<'f> {
    first: &'f Seen,
    second: &'f Seen,
    /// Where the two come together.
    combined: Site,
    pair: Pair,
    update: &'f JointUpdate,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for body in cx.facts.bodies_with_ops() {
        if is_display(cx.facts, body) {
            continue;
        }
        let mut told: Vec<Pair> = Vec::new();
        for combination in combinations(cx.facts, body) {
            let torn = combination.pairs().into_iter().find_map(|(a, b)| torn(cx.facts, body, a, b, &combination));
            // Three members read in one go are one mistake.
            if let Some(torn) = torn.filter(|t| !told.iter().any(|p| shares_member(p, &t.pair))) {
                told.push(torn.pair.clone());
                out.push(report(cx, body, &torn));
            }
        }
    }
}

fn shares_member(a: &Pair, b: &Pair) -> bool {
    a.0 == b.0 || a.0 == b.1 || a.1 == b.0 || a.1 == b.1
}

/// Formatting, exporting and debugging look at each number on its own.
fn is_display(facts: &Facts<'_>, body: BodyId) -> bool {
    let owner = facts.program.body(body).owner;
    let result = facts.program.function(owner).map(|f| facts.program.lower_type(owner, &f.ret));
    let for_debugging = matches!(result, Some(Type::Adt(adt, _)) if facts.program.def(adt).item.name.contains("Debug"));
    if for_debugging {
        return true;
    }
    matches!(
        facts.program.implemented_trait(owner),
        Some("Debug" | "Display" | "Serialize" | "Collector" | "Write" | "Hash")
    )
}

/// Operands that come together in one result, each with the operations that flow into it.
struct Combination {
    operands: Vec<Vec<usize>>,
    site: Site,
    /// Added up: only a sum that writers keep constant is torn.
    sum: bool,
    /// Compared for equality only.
    equality: bool,
    /// The branch that the comparison decides, if it does nothing else.
    decides: Option<BlockId>,
    value: Option<ValueId>,
}

impl Combination {
    /// Operations from different operands.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for (i, left) in self.operands.iter().enumerate() {
            for right in &self.operands[i + 1..] {
                pairs.extend(left.iter().flat_map(|l| right.iter().map(|r| (*l.min(r), *l.max(r)))));
            }
        }
        pairs
    }
}

fn combinations(facts: &Facts<'_>, body: BodyId) -> Vec<Combination> {
    let ir = facts.program.body(body).ir;
    let mut found = Vec::new();
    for (i, v) in ir.values.iter().enumerate() {
        let value = ValueId(i as u32);
        let (op, operands) = match &v.kind {
            ValueKind::Binary(op, l, r) if combines(*op) => (Some(*op), vec![*l, *r]),
            ValueKind::Event(e) => match difference(&facts.event(body, *e).kind) {
                Some(operands) => (None, operands),
                None => continue,
            },
            _ => continue,
        };
        let operands: Vec<Vec<usize>> = operands.into_iter().map(|v| loads_in(facts, body, v)).collect();
        if operands.iter().all(|o| !o.is_empty()) {
            found.push(Combination {
                operands,
                site: facts.site(body, v.span),
                sum: op == Some(BinOp::Add),
                equality: matches!(op, Some(BinOp::Eq | BinOp::Ne)),
                decides: branch_on(facts, body, value),
                value: Some(value),
            });
        }
    }
    for block in &ir.blocks {
        let (Terminator::Return(Some(v)) | Terminator::Switch { on: v, .. }) = block.term else { continue };
        let returned = matches!(block.term, Terminator::Return(_));
        let mut parts = parts_of(facts, body, v, returned, 0);
        if returned && parts.is_empty() {
            parts = filled_in(facts, body, v);
        }
        let operands: Vec<Vec<usize>> =
            parts.into_iter().map(|v| loads_in(facts, body, v)).filter(|o| !o.is_empty()).collect();
        if operands.len() >= 2 {
            let site = facts.site(body, facts.value_span(body, v));
            found.push(Combination { operands, site, sum: false, equality: false, decides: None, value: None });
        }
    }
    found
}

fn combines(op: BinOp) -> bool {
    use BinOp::*;
    matches!(op, Add | Sub | Div | Rem | Eq | Ne | Lt | Le | Gt | Ge)
}

/// `a.checked_sub(b)` and its like.
fn difference(event: &EventKind) -> Option<Vec<ValueId>> {
    let EventKind::Call(call) = event else { return None };
    let Callee::Method { receiver, name, .. } = &call.callee else { return None };
    let arithmetic = ["checked_", "wrapping_", "saturating_", "overflowing_"]
        .iter()
        .any(|p| name.strip_prefix(p).is_some_and(|op| matches!(op, "sub" | "div" | "rem")));
    if !arithmetic && !matches!(name.as_str(), "abs_diff" | "div_ceil" | "cmp") {
        return None;
    }
    let left = match receiver.base {
        crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) if receiver.proj.is_empty() => v,
        _ => return None,
    };
    Some(vec![left, *call.args.first()?])
}

/// The parts of a returned (or matched) tuple, struct, or object that is filled in step by step.
fn parts_of(facts: &Facts<'_>, body: BodyId, value: ValueId, returned: bool, depth: u32) -> Vec<ValueId> {
    if depth > 12 {
        return Vec::new();
    }
    let again = |v: ValueId| parts_of(facts, body, v, returned, depth + 1);
    match facts.value(body, value) {
        ValueKind::Tuple(parts) | ValueKind::Array(parts) if parts.len() > 1 => parts.clone(),
        ValueKind::Struct { fields, .. } if fields.len() > 1 => fields.iter().map(|(_, v)| *v).collect(),
        ValueKind::Struct { fields, .. } => fields.first().map_or_else(Vec::new, |(_, v)| again(*v)),
        ValueKind::Phi(operands) if returned => {
            operands.iter().map(|(_, v)| again(*v)).find(|p| p.len() > 1).unwrap_or_default()
        }
        ValueKind::Read(place) if place.proj.is_empty() => match place.base {
            crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => again(v),
            crate::ir::Base::Path(_) => Vec::new(),
        },
        ValueKind::Mutated { before, by } => match &facts.event(body, *by).kind {
            EventKind::Call(call) => call.args.iter().copied().chain(again(*before)).collect(),
            _ => again(*before),
        },
        ValueKind::Event(e) => match &facts.event(body, *e).kind {
            // A constructor of the crate.
            EventKind::Call(call) if returned && call.args.len() > 1 => {
                let makes = matches!(facts.program.call_type(body, call), Type::Adt(..));
                if makes && matches!(call.callee, Callee::Path(_)) { call.args.clone() } else { Vec::new() }
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// What is put into a returned object by its setters and field by field.
fn filled_in(facts: &Facts<'_>, body: BodyId, value: ValueId) -> Vec<ValueId> {
    let ir = facts.program.body(body).ir;
    let object = match facts.value(body, value) {
        ValueKind::Read(place) if place.proj.is_empty() => match place.base {
            Base::Local(local, _) => Some(local),
            _ => None,
        },
        _ => ir.locals.iter().position(|l| l.mutable && l.init == Some(value)).map(|i| LocalId(i as u32)),
    };
    let Some(object) = object.filter(|l| ir.locals[l.index()].mutable) else { return Vec::new() };
    let on_object = |place: &Place| matches!(place.base, Base::Local(l, _) if l == object);
    let mut parts = Vec::new();
    for event in &ir.events {
        match &event.kind {
            EventKind::Write { place, value } if on_object(place) => parts.push(*value),
            EventKind::Call(call) => match &call.callee {
                Callee::Method { receiver, name, .. } if on_object(receiver) && name.starts_with("set_") => {
                    parts.extend(&call.args);
                }
                _ => {}
            },
            _ => {}
        }
    }
    parts
}

fn loads_in(facts: &Facts<'_>, body: BodyId, value: ValueId) -> Vec<usize> {
    let is_load = |i: &usize| facts.op(facts.seen(body)[*i].op).kind == AtomicOpKind::Load;
    facts.flows_into(body, value).ops.into_iter().filter(is_load).collect()
}

/// The block whose branch the value decides.
fn branch_on(facts: &Facts<'_>, body: BodyId, value: ValueId) -> Option<BlockId> {
    let blocks = &facts.program.body(body).ir.blocks;
    let decides = |t: &Terminator| matches!(t, Terminator::Branch { cond, .. } if *cond == value);
    blocks.iter().position(|b| decides(&b.term)).map(|i| BlockId(i as u32))
}

fn torn<'f>(facts: &'f Facts<'_>, body: BodyId, a: usize, b: usize, how: &Combination) -> Option<Torn<'f>> {
    let seen = facts.seen(body);
    let (first, second) = (&seen[a], &seen[b]);
    // Within one helper the mistake is the helper's.
    if first.event == second.event || !facts.flow(body).reaches(first.event, second.event) {
        return None;
    }
    let (pair, _) = facts.siblings(&first.place, &second.place)?;
    let update = facts.joint_updates(&pair).iter().find(|u| !how.sum || u.moves)?;
    let quiet = facts.is_alone(body, first)
        || facts.is_alone(body, second)
        || is_guarded(facts, first, second, update)
        || [first, second].iter().any(|s| facts.may_be_locked_by_callers(s.op))
        || is_validated(facts, body, first, second)
        || is_fenced(facts, body, first, second)
        || is_claimed(facts, body, second.event, 0)
        || is_reserved(facts, body, first, second)
        || is_published(facts, first, second, update)
        || is_stamp(facts, first, second)
        || is_retested(facts, body, first, how)
        || is_hint(facts, body, how)
        || is_own(facts, body, first)
        || is_own(facts, body, second);
    (!quiet).then_some(Torn { first, second, combined: how.site, pair, update })
}

/// Reader and writer hold one lock.
fn is_guarded(facts: &Facts<'_>, first: &Seen, second: &Seen, update: &JointUpdate) -> bool {
    let held = |op| facts.context(op).locks.iter().map(|(lock, _)| lock);
    held(first.op).any(|lock| [second.op, update.first.0, update.second.0].iter().all(|o| held(*o).any(|l| l == lock)))
}

/// A version (or one of the two) is read before and again after, or a CAS settles whether the values still hold.
fn is_validated(facts: &Facts<'_>, body: BodyId, first: &Seen, second: &Seen) -> bool {
    let flow = facts.flow(body);
    let seen = facts.seen(body);
    let beside = |s: &Seen| s.place.same_memory(&first.place) || s.place.same_memory(&second.place);
    let settles = |s: &&Seen| {
        let kind = facts.op(s.op).kind;
        (kind.is_cas() || kind == AtomicOpKind::Update) && beside(s) && flow.reaches(first.event, s.event)
    };
    let reads = |s: &&Seen| facts.op(s.op).kind.reads();
    let again = seen.iter().filter(reads).any(|late| {
        late.event != second.event
            && flow.reaches(second.event, late.event)
            && seen.iter().filter(reads).any(|early| {
                early.event != late.event
                    && early.place.same_memory(&late.place)
                    && (early.event == first.event || flow.reaches(early.event, second.event))
            })
    });
    seen.iter().any(|s| settles(&s)) || again
}

/// A fence between the two loads: their order is part of the protocol.
fn is_fenced(facts: &Facts<'_>, body: BodyId, first: &Seen, second: &Seen) -> bool {
    let flow = facts.flow(body);
    let ir = facts.program.body(body).ir;
    ir.events.iter().enumerate().any(|(i, e)| {
        let id = EventId(i as u32);
        matches!(e.kind, EventKind::Fence { compiler: false, .. })
            && flow.dominates(first.event, id)
            && flow.dominates(id, second.event)
    })
}

/// An RMW whose result is used comes first, here or in every caller: it may have claimed the object for this reader.
fn is_claimed(facts: &Facts<'_>, body: BodyId, event: EventId, depth: u32) -> bool {
    let flow = facts.flow(body);
    let here = facts.seen(body).iter().any(|s| {
        let op = facts.op(s.op);
        op.kind.is_rmw() && op.result.is_some() && s.event != event && flow.dominates(s.event, event)
    });
    let owner = facts.program.body(body).owner;
    let callers = facts.callers(owner);
    let private = depth < 2 && !callers.is_empty() && !facts.is_external(owner);
    here || private && callers.iter().all(|(caller, call)| is_claimed(facts, *caller, *call, depth + 1))
}

/// An RMW stands between the loads: the first only chose where to register for the second.
fn is_reserved(facts: &Facts<'_>, body: BodyId, first: &Seen, second: &Seen) -> bool {
    let flow = facts.flow(body);
    facts.seen(body).iter().any(|s| {
        facts.op(s.op).kind.is_rmw()
            && (s.event == first.event && !first.is_direct() || flow.reaches(first.event, s.event))
            && flow.dominates(s.event, second.event)
    })
}

/// A flag that is raised after the value and read before it: whoever sees the flag sees the value.
fn is_published(facts: &Facts<'_>, first: &Seen, second: &Seen, update: &JointUpdate) -> bool {
    let (flag, value) = (facts.op(first.op), facts.op(second.op));
    let order = facts.op(update.second.0).location == flag.location
        && facts.op(update.first.0).location == value.location
        && facts.op(update.second.0).orders.releases();
    flag.value_type == Type::Prim("bool") && flag.orders.acquires() && order
}

/// What is handed out is compared with fresh loads by another function: a stamp that is checked before it counts.
fn is_stamp(facts: &Facts<'_>, first: &Seen, second: &Seen) -> bool {
    let locations = [facts.op(first.op).location, facts.op(second.op).location];
    let checks = |body: BodyId| {
        let ir = facts.program.body(body).ir;
        let params: Vec<ValueId> = (0..ir.values.len() as u32)
            .map(ValueId)
            .filter(|v| matches!(facts.value(body, *v), ValueKind::Param(i) if *i > 0))
            .collect();
        let given = |v: ValueId| params.iter().any(|p| facts.derives_from(body, v, *p));
        let loaded = |v: ValueId| {
            let ops = loads_in(facts, body, v);
            ops.iter().any(|i| locations.contains(&facts.op(facts.seen(body)[*i].op).location))
        };
        ir.values.iter().any(|v| match v.kind {
            ValueKind::Binary(BinOp::Eq | BinOp::Ne, l, r) => given(l) && loaded(r) || given(r) && loaded(l),
            _ => false,
        })
    };
    let readers = locations.iter().flatten().flat_map(|l| &facts.location(*l).ops).map(|o| facts.op(*o).body);
    let mut readers: Vec<BodyId> = readers.collect();
    readers.dedup();
    readers.into_iter().any(checks)
}

/// The comparison is the condition of a loop around the loads, and is made again with fresh values.
fn is_retested(facts: &Facts<'_>, body: BodyId, first: &Seen, how: &Combination) -> bool {
    let Some(block) = how.decides else { return false };
    let ir = facts.program.body(body).ir;
    let around = ir.blocks[facts.flow(body).block_of(first.event).index()].in_loop;
    around.is_some_and(|l| crate::facts::flow::loop_within(ir, ir.blocks[block.index()].in_loop, l))
}

/// A yes or no about two values, handed out as a hint that may be outdated anyway.
fn is_hint(facts: &Facts<'_>, body: BodyId, how: &Combination) -> bool {
    let Some(value) = how.value else { return false };
    if !matches!(facts.value(body, value), ValueKind::Binary(..)) || how.decides.is_some() && !how.equality {
        return false;
    }
    let owner = facts.program.body(body).owner;
    let says_so = |name: &str| name.starts_with("is_") || name.starts_with("has_");
    says_so(&facts.program.def(owner).item.name) && facts.program.type_of(body, value) == Type::Prim("bool")
}

/// The reader is the only writer of this half, which therefore stands still.
fn is_own(facts: &Facts<'_>, body: BodyId, seen: &Seen) -> bool {
    let writer = facts.op(seen.op).location.and_then(|l| facts.confined_writer(l));
    writer.is_some() && writer == facts.program.self_adt(facts.program.body(body).owner)
}

fn report(cx: &Cx<'_>, body: BodyId, torn: &Torn<'_>) -> Finding {
    let facts = cx.facts;
    let (one, two) = (name(cx, torn.first), name(cx, torn.second));
    let message = format!("`{one}` and `{two}` are read one after the other, and an update of both can come between");
    let site = cx.seen_site(body, torn.second);
    let mut finding =
        cx.finding(&TORN_SNAPSHOT, body, Label::new(site, format!("`{two}` may be newer than `{one}`")), message);
    finding.secondary.push(Label::new(cx.seen_site(body, torn.first), format!("`{one}` read here")));
    if torn.combined != site {
        finding.secondary.push(Label::new(torn.combined, "combined here"));
    }
    for op in [torn.update.first.0, torn.update.second.0] {
        finding.secondary.push(Label::new(cx.op_site(op), "updated here"));
    }
    finding.notes.push(format!("`{}` updates both in one call", facts.function_name(torn.update.body)));
    finding.key.location = two.clone();
    finding.key.operation = "load".to_owned();
    let first_site = cx.seen_site(body, torn.first);
    let update_site = |e| facts.event_site(torn.update.body, e);
    finding.interleaving = Some(
        Interleaving::new(&["reader", "writer"], format!("{one}, {two}"))
            .step(0, Some(first_site), format!("load {one}"), "old, old")
            .step(1, Some(update_site(torn.update.first.1)), "updates one", "…")
            .step(1, Some(update_site(torn.update.second.1)), "updates the other", "new, new")
            .step(0, Some(site), format!("load {two}"), "new, new")
            .ending("the reader has an old and a new half"),
    );
    finding.help = Some(
        "keep both in one word (`atomic_lint::Packed`), or publish them as one value (`atomic_lint::SeqLock`, \
         `atomic_lint::Snapshot`, a `Mutex`)"
            .to_owned(),
    );
    finding
}

/// The memory as the body sees it, without `self` and the number of a tuple struct's only field.
fn name(cx: &Cx<'_>, seen: &Seen) -> String {
    let shown = seen.place.display(cx.facts.program);
    let mut rest = shown.strip_prefix("self.").unwrap_or(&shown);
    while let Some((first, inner)) = rest.split_once('.')
        && first.bytes().all(|b| b.is_ascii_digit())
    {
        rest = inner;
    }
    rest.to_owned()
}
