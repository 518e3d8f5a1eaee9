//! A value loaded from a location flows into a store to the same location.

use crate::facts::access::LocId;
use crate::facts::{Facts, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{AtomicOpKind, BinOp, ValueId, ValueKind};
use crate::lint::{Cx, declare_lint};
use crate::remedy::one_step;
use crate::resolve::BodyId;

declare_lint! {
    /// Finds a load and a store of one atomic that together are meant as one update: what is stored was computed
    /// from what was loaded.
    ///
    /// ## Why it matters
    ///
    /// Each step is atomic, the pair is not. Whatever another thread writes between them is overwritten with a
    /// value that was computed without it:
    ///
    /// ```text
    ///   thread A          thread B          hits
    /// 1 load → 5                            5
    /// 2                   load → 5          5
    /// 3                   store 6           6
    /// 4 store 6                             6    two updates, one counted
    /// ```
    ///
    /// No ordering repairs it: `SeqCst` on both steps loses the update just the same.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// pub struct Metrics { hits: AtomicU64 }
    ///
    /// impl Metrics {
    ///     pub fn hit(&self) {
    ///         let n = self.hits.load(Relaxed);
    ///         self.hits.store(n + 1, Relaxed);
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// pub struct Metrics { hits: AtomicU64 }
    ///
    /// impl Metrics {
    ///     pub fn hit(&self) {
    ///         self.hits.fetch_add(1, Relaxed);
    ///     }
    /// }
    /// ```
    ///
    /// `fetch_update` does the same for any pure function of the old value. Where one thread is the only writer by
    /// design, say so: `atomic_lint::SingleWriter`, or `#[single_writer]` on the field.
    ///
    /// ## When to allow
    ///
    /// When lost updates are acceptable (a sampling heuristic), with a reason beside the store.
    ///
    /// ## Known limits
    ///
    /// `n + 1` panics on overflow where overflow checks are on, `fetch_add` wraps everywhere; where a counter can come to
    /// its end, `fetch_update` with `checked_add` keeps the test in the same step.
    ///
    /// Quiet where the location is reached through `&mut`, under a lock that every other writer holds, or from a
    /// handle that only one thread can have. In an unsafe function, or behind a claim that was won, only if another
    /// function changes the location by an RMW that nothing keeps away. A value that travels through other memory in
    /// between is not followed.
    ///
    /// ## References
    ///
    /// `std::sync::atomic` (atomicity is per operation); CWE-362, CWE-567.
    pub static SPLIT_READ_MODIFY_WRITE = {
        name: "split_read_modify_write",
        topic: "access",
        group: Correctness,
        confidence: Certain,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for body in cx.facts.bodies_with_ops() {
        for pair in pairs(cx.facts, body) {
            out.push(report(cx, &pair));
        }
    }
}

/// A load and the store that its value reaches, as seen from one body.
pub struct Pair<'f> {
    pub body: BodyId,
    pub load: &'f Seen,
    pub store: &'f Seen,
}

/// The torn updates of a body; [`check_then_act`](super) leaves these to this lint.
pub fn pairs<'f>(facts: &'f Facts<'_>, body: BodyId) -> Vec<Pair<'f>> {
    let seen = facts.seen(body);
    let mut found: Vec<Pair<'f>> = Vec::new();
    for store in seen.iter().filter(|s| facts.op(s.op).kind == AtomicOpKind::Store) {
        let left = store.stored.ops.iter().filter(|&&i| !facts.is_pinned(body, i, store.event));
        let load = left.map(|&i| &seen[i]).find(|load| is_torn(facts, body, load, store));
        if let Some(load) = load {
            found.push(Pair { body, load, store });
        }
    }
    found
}

fn is_torn(facts: &Facts<'_>, body: BodyId, load: &Seen, store: &Seen) -> bool {
    let (l, s) = (facts.op(load.op), facts.op(store.op));
    let Some(location) = s.location else { return false };
    l.kind == AtomicOpKind::Load
        && l.location == s.location
        && load.place.may_alias(&store.place)
        && !load.place.is_other_element(&store.place)
        && !is_found_in_helper(load, store)
        && !facts.is_alone(body, load)
        && !facts.is_alone(body, store)
        && !facts.stands_for_many(store)
        && !facts.is_guarded(location, store.op)
        && !facts.holds_owners_id(location)
        && !is_left_alone(facts, location, store)
        && !is_decided_by_rmw(facts, body, load, store)
        && !is_scrambled(facts, body, load, store)
        && !is_of_another_round(facts, body, load, store)
        && facts.confined_writer(location).is_none()
        && !facts.may_be_locked_by_callers(store.op)
}

/// The caller vouches for nobody else being there, or a claim was won before, and nothing that others do says otherwise.
fn is_left_alone(facts: &Facts<'_>, location: LocId, store: &Seen) -> bool {
    let context = facts.context(store.op);
    let one_of_many = !context.claimed && facts.is_shared_give_back(location, store.op);
    (context.vouched || context.claimed) && !one_of_many && !facts.is_contended(location, store.op)
}

/// The state of a generator of random numbers: the value is mixed with itself (`x ^ (x << 13)`), and a number that is
/// drawn twice is as good as any.
fn is_scrambled(facts: &Facts<'_>, body: BodyId, load: &Seen, store: &Seen) -> bool {
    let (Some(loaded), Some(stored)) = (facts.op(load.op).result, facts.op(store.op).new_value()) else { return false };
    let values = &facts.program.body(body).ir.values;
    load.is_direct()
        && store.is_direct()
        && values.iter().enumerate().any(|(i, v)| match v.kind {
            ValueKind::Binary(BinOp::BitXor, l, r) => {
                facts.derives_from(body, l, loaded)
                    && facts.derives_from(body, r, loaded)
                    && facts.derives_from(body, stored, ValueId(i as u32))
            }
            _ => false,
        })
}

/// A walk from object to object: what was loaded from one is stored into the next, in a later round of the loop.
fn is_of_another_round(facts: &Facts<'_>, body: BodyId, load: &Seen, store: &Seen) -> bool {
    let (Some(loaded), Some(stored)) = (facts.op(load.op).result, facts.op(store.op).new_value()) else { return false };
    load.is_direct()
        && store.is_direct()
        && facts.is_walked(body, store.event, &store.place)
        && !facts.derives_in_round(body, stored, loaded)
}

/// Both steps stand in one helper: its own body reports them.
fn is_found_in_helper(load: &Seen, store: &Seen) -> bool {
    load.event == store.event && !load.is_direct() && !store.is_direct() && load.via[0].0 == store.via[0].0
}

/// An RMW or CAS on the same location stands between: it decides who may store. One that stands before both keeps
/// away those only who claim the location as well.
fn is_decided_by_rmw(facts: &Facts<'_>, body: BodyId, load: &Seen, store: &Seen) -> bool {
    let flow = facts.flow(body);
    let (store_op, mut before) = (facts.op(store.op), false);
    for s in facts.seen(body) {
        let decides = facts.op(s.op).kind.is_rmw()
            && facts.op(s.op).location == store_op.location
            && s.place.may_alias(&store.place)
            && flow.dominates(s.event, store.event);
        if decides && (flow.reaches(load.event, s.event) || comes_after(facts, load, s)) {
            return true;
        }
        before |= decides && flow.dominates(s.event, load.event);
    }
    before && !store_op.location.is_some_and(|l| facts.is_contended(l, store.op))
}

/// Both are steps of one helper, which comes back only behind the RMW: what the load found is what the RMW took.
fn comes_after(facts: &Facts<'_>, load: &Seen, rmw: &Seen) -> bool {
    let (Some((helper, first)), Some((other, then))) = (load.via.first(), rmw.via.first()) else { return false };
    let flow = facts.flow(*helper);
    let took = flow.block_of(*then);
    let mut ways = facts.all_ways_to_return(*helper).into_iter();
    load.event == rmw.event
        && helper == other
        && first != then
        && flow.reaches(*first, *then)
        && ways.all(|(_, at)| at == took || flow.block_dominates(took, at))
}

fn report(cx: &Cx<'_>, pair: &Pair<'_>) -> Finding {
    let facts = cx.facts;
    let (load, store) = (facts.op(pair.load.op), facts.op(pair.store.op));
    let (load_site, store_site) = (cx.seen_site(pair.body, pair.load), cx.seen_site(pair.body, pair.store));
    let same = load_site == store_site || load_site.file == store_site.file && store_site.span.contains(load_site.span);
    let message = match same {
        true => "an update by another thread between the load and the store is lost".to_owned(),
        false => "an update by another thread between these two steps is lost".to_owned(),
    };
    let primary = Label::new(store_site, "and written back here, in a separate step");
    let mut finding = cx.finding(&SPLIT_READ_MODIFY_WRITE, pair.body, primary, message);
    finding.secondary.push(Label::new(load_site, "the value is read here"));
    for (seen, what) in [(pair.load, "the load"), (pair.store, "the store")] {
        if !seen.is_direct() {
            finding.secondary.push(Label::new(cx.op_site(seen.op), format!("{what}, in a helper")));
        }
    }
    if let Some(location) = store.location {
        finding.notes.push(cx.role_note(location));
        finding.key.location = facts.location(location).name.clone();
        let watched = facts.location(location).name.rsplit("::").next().unwrap_or("value").to_owned();
        finding.interleaving = Some(
            Interleaving::new(&["thread A", "thread B"], watched)
                .step(0, Some(load_site), "load → 5", "5")
                .step(1, Some(load_site), "load → 5", "5")
                .step(1, Some(store_site), "store 6", "6")
                .step(0, Some(store_site), "store 6", "6")
                .ending("two updates, one kept"),
        );
    }
    finding.key.operation = store.method.to_owned();
    let receiver = cx.receiver_text(store);
    let ordering = cx.ordering_text(store);
    finding.fixes.extend(one_step::split(cx, pair.body, pair.load, pair.store));
    finding.help = Some(match pair.store.is_direct().then(|| single_rmw(cx, pair)).flatten() {
        Some(call) => format!("make it one step: `{receiver}.{call}`"),
        None if !pair.store.is_direct() => format!(
            "make it one step on {}: `fetch_add`, `fetch_sub`, `fetch_or`, … or `fetch_update`",
            store.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l)),
        ),
        None => {
            format!("make it one step: `{receiver}.fetch_update({ordering}, {}, |old| …)`", cx.ordering_text(load),)
        }
    });
    finding
}

/// The single RMW that does what the pair is meant to do: `fetch_add(step, Relaxed)`.
fn single_rmw(cx: &Cx<'_>, pair: &Pair<'_>) -> Option<String> {
    let facts = cx.facts;
    let (store, load) = (facts.op(pair.store.op), facts.op(pair.load.op));
    let loaded = load.result.filter(|_| pair.load.is_direct())?;
    let (op, left, right) = binary(facts, pair.body, store.new_value()?)?;
    let of_load = |v: ValueId| facts.is_alias(pair.body, v, loaded, 0);
    let operand = match op {
        _ if of_load(left) => right,
        BinOp::Add | BinOp::BitAnd | BinOp::BitOr | BinOp::BitXor if of_load(right) => left,
        _ => return None,
    };
    let method = match op {
        BinOp::Add => "fetch_add",
        BinOp::Sub => "fetch_sub",
        BinOp::BitAnd => "fetch_and",
        BinOp::BitOr => "fetch_or",
        BinOp::BitXor => "fetch_xor",
        _ => return None,
    };
    let operand = cx.snippet(facts.site(pair.body, facts.value_span(pair.body, operand)));
    Some(format!("{method}({operand}, {})", cx.ordering_text(store)))
}

/// The arithmetic that a value is, looked at through variables.
fn binary(facts: &Facts<'_>, body: BodyId, value: ValueId) -> Option<(BinOp, ValueId, ValueId)> {
    match facts.value(body, value) {
        ValueKind::Binary(op, l, r) => Some((*op, *l, *r)),
        ValueKind::Read(p) if p.proj.is_empty() => match p.base {
            crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => binary(facts, body, v),
            crate::ir::Base::Path(_) => None,
        },
        _ => None,
    }
}
