//! Something that other threads can already see is written plainly.

use crate::facts::frozen::{Exposed, FrozenWrite};
use crate::facts::publication::{How, origin};
use crate::facts::role::RoleKind;
use crate::facts::touch::{Touch, TouchKind};
use crate::facts::{Facts, LocId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{AtomicOpKind, EventId, ValueId};
use crate::lint::{Cx, declare_lint};
use crate::resolve::BodyId;

declare_lint! {
    /// Finds plain writes to an object after other threads could already see it: through the old name once its
    /// pointer was published, through a pointer that was loaded from where readers load it too, or to data whose
    /// ready flag is already up.
    ///
    /// ## Why it matters
    ///
    /// A release makes visible what was written *before* it. A write after it races with the readers:
    ///
    /// ```text
    ///   writer                        reader                         node
    /// 1 head.store(node, Release)                                    value: 0
    /// 2                               node = head.load(Acquire)      value: 0
    /// 3                               reads (*node).value → 0        value: 0
    /// 4 (*node).value = 42                                           value: 42   the reader saw a half-built node
    /// ```
    ///
    /// Two threads that access one place without ordering, one of them writing, are a data race: undefined
    /// behaviour, not just an old value.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Node { value: u64 }
    /// pub struct Slot { node: AtomicPtr<Node> }
    ///
    /// impl Slot {
    ///     pub fn put(&self, value: u64) {
    ///         let node = Box::into_raw(Box::new(Node { value: 0 }));
    ///         self.node.store(node, Release);
    ///         unsafe { (*node).value = value };
    ///     }
    ///
    ///     pub fn get(&self) -> Option<u64> {
    ///         let node = self.node.load(Acquire);
    ///         if node.is_null() { None } else { Some(unsafe { (*node).value }) }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Node { value: u64 }
    /// pub struct Slot { node: AtomicPtr<Node> }
    ///
    /// impl Slot {
    ///     pub fn put(&self, value: u64) {
    ///         let node = Box::into_raw(Box::new(Node { value: 0 }));
    ///         unsafe { (*node).value = value };
    ///         self.node.store(node, Release);
    ///     }
    ///
    ///     pub fn get(&self) -> Option<u64> {
    ///         let node = self.node.load(Acquire);
    ///         if node.is_null() { None } else { Some(unsafe { (*node).value }) }
    ///     }
    /// }
    /// ```
    ///
    /// To change what is already published, publish a changed copy: `atomic_lint::Snapshot::update`, or keep the
    /// changing part in an atomic or a lock inside the object.
    ///
    /// What is marked `#[frozen]` (a struct, or the field that holds the pointer) is promised never to change once it is
    /// visible. Then no reader need be seen, and no protocol between writer and readers excuses the write: what is left
    /// to write is a copy that was not given away yet, and what is reached through `&mut`.
    ///
    /// ## When to allow
    ///
    /// When readers never look at that field, or cannot be there at that time, and the reason stands beside the code.
    ///
    /// ## Known limits
    ///
    /// Quiet for writes through atomics and locks, after a `swap` or a successful CAS has taken the object back,
    /// under a lock, behind a branch on another atomic of the object, in `&mut self` and `Drop`, and for fields that
    /// no reader was seen to look at.
    ///
    /// ## References
    ///
    /// C++20 \[intro.races\]; *McKenney: Is Parallel Programming Hard*, on publish and subscribe.
    pub static MUTATION_AFTER_PUBLICATION = {
        name: "mutation_after_publication",
        topic: "publication",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

/// A write that comes too late, with the operation that had made its object visible.
struct Late<'f> {
    body: BodyId,
    location: LocId,
    visible: &'f Seen,
    write: &'f Touch,
    how: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Published here, written through the old name.
    OldName,
    /// Loaded from where others load it.
    Loaded,
    /// The flag was raised before.
    Flag,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    let frozen = facts.frozen_writes();
    out.extend(frozen.iter().map(|f| report_frozen(cx, f)));
    for body in facts.bodies_with_ops() {
        let promised = |late: &Late<'_>| frozen.iter().any(|f| f.body == body && f.write.event == late.write.event);
        out.extend(late_writes(facts, body).iter().filter(|l| !promised(l)).map(|late| report(cx, late)));
    }
}

/// Whether this lint speaks about the write of a body at `event`.
pub(super) fn is_reported(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    late_writes(facts, body).iter().any(|late| late.write.event == event)
}

fn late_writes<'f>(facts: &'f Facts<'_>, body: BodyId) -> Vec<Late<'f>> {
    let mut found: Vec<Late<'_>> = Vec::new();
    for write in facts.touches(body).iter().filter(|t| is_plain_write(facts, body, t)) {
        let late = published_before(facts, body, write)
            .or_else(|| loaded_from_shared(facts, body, write))
            .or_else(|| flag_raised_before(facts, body, write));
        if let Some(late) = late.filter(|l| !found.iter().any(|f| f.write.event == l.write.event)) {
            found.push(late);
        }
    }
    found
}

/// Writes under a lock are the lock's business, and the inside of a cell is `interior_mutability_in_published`'s.
fn is_plain_write(facts: &Facts<'_>, body: BodyId, t: &Touch) -> bool {
    matches!(t.kind, TouchKind::Write | TouchKind::MutRef)
        && t.is_direct()
        && facts.guards(body).at(facts, body, t.event).is_empty()
}

fn published_before<'f>(facts: &'f Facts<'_>, body: BodyId, write: &'f Touch) -> Option<Late<'f>> {
    if write.in_cell {
        return None;
    }
    let written = origin(facts, body, write.value?);
    facts.seen(body).iter().filter(|s| s.is_direct()).find_map(|s| {
        let op = facts.op(s.op);
        let (location, stored) = (op.location?, op.new_value()?);
        let same = op.kind.writes()
            && op.kind != AtomicOpKind::Update
            && op.atomic.is_some_and(|a| a.is_pointer())
            && facts.is_alias(body, stored, written, 0)
            && facts.fresh_object(body, stored).is_some();
        let late = same
            && !facts.is_alone(body, s)
            && comes_after(facts, body, s, stored, write)
            && is_read_by_others(facts, body, location, write);
        late.then_some(Late { body, location, visible: s, write, how: Way::OldName })
    })
}

/// The write follows the publish: after a store or swap, or on the success side of a CAS; with no new object made
/// and nothing taken back in between.
fn comes_after(facts: &Facts<'_>, body: BodyId, s: &Seen, stored: ValueId, write: &Touch) -> bool {
    let flow = facts.flow(body);
    let op = facts.op(s.op);
    let made = facts.fresh_object(body, stored).flatten();
    if op.kind.is_cas() {
        let outcome = facts.outcome(body, s);
        let target = flow.block_of(write.event);
        return outcome.success.iter().any(|b| {
            let reached = *b == target || flow.block_dominates(*b, target);
            reached && !outcome.failure.iter().any(|f| *f == target || flow.block_dominates(*f, target))
        });
    }
    let stop = |e| {
        made == Some(e) || e != s.event && facts.seen(body).iter().any(|x| x.event == e && facts.op(x.op).kind.is_rmw())
    };
    flow.reaches_avoiding(facts.program.body(body).ir, s.event, write.event, stop)
}

/// Somebody follows the location to this memory, or hands out what is there as a whole.
fn is_read_by_others(facts: &Facts<'_>, body: BodyId, location: LocId, write: &Touch) -> bool {
    facts.follows(location).iter().any(|f| {
        let How::Pointer(t) = f.how else { return false };
        let read = &facts.touches(f.body)[t];
        let by_load = facts.op(facts.seen(f.body)[f.seen].op).kind == AtomicOpKind::Load;
        let elsewhere = read.site != write.site;
        let whole = read.key.is_none() && (write.key.is_none() || hands_out(facts, f.body));
        // A consumer that has its end of the queue to itself writes to what it alone reads.
        let own = facts.is_one_owner(f.body, body);
        by_load
            && elsewhere
            && !own
            && read.kind != TouchKind::Take
            && (whole || write.key.is_none() || read.key == write.key)
    })
}

/// The function returns a reference.
fn hands_out(facts: &Facts<'_>, body: BodyId) -> bool {
    fn mentions(ty: &crate::ir::Ty) -> bool {
        match ty {
            crate::ir::Ty::Ref { .. } => true,
            crate::ir::Ty::Path(p) => p.segments.iter().flat_map(|s| &s.args).any(mentions),
            _ => false,
        }
    }
    let owner = facts.program.body(body).owner;
    facts.program.function(owner).is_some_and(|f| mentions(&f.ret))
}

fn loaded_from_shared<'f>(facts: &'f Facts<'_>, body: BodyId, write: &'f Touch) -> Option<Late<'f>> {
    if write.in_cell || write.by_reference || facts.is_unsafe_fn(body) {
        return None;
    }
    facts.followed(body, write).find_map(|(i, s)| {
        let op = facts.op(s.op);
        let location = op.location?;
        let own = op.kind != AtomicOpKind::Load
            || facts.is_alone(body, s)
            || facts.context(s.op).in_drop
            || facts.is_guarded(location, s.op)
            || facts.is_own_value(body, location, i)
            || is_taken(facts, body, s, write)
            || is_behind_other_atomic(facts, body, location, write);
        let late = !own && facts.stores_live_pointer(location) && is_read_by_others(facts, body, location, write);
        late.then_some(Late { body, location, visible: s, write, how: Way::Loaded })
    })
}

/// An RMW between the load and the write has claimed the object, or something that stands for it.
fn is_taken(facts: &Facts<'_>, body: BodyId, load: &Seen, write: &Touch) -> bool {
    let flow = facts.flow(body);
    facts.seen(body).iter().any(|s| {
        facts.op(s.op).kind.is_rmw()
            && (flow.dominates(s.event, write.event)
                || flow.reaches(load.event, s.event) && flow.reaches(s.event, write.event))
    })
}

/// A branch on another atomic decides whether the write happens: a state that says whose turn it is.
fn is_behind_other_atomic(facts: &Facts<'_>, body: BodyId, location: LocId, write: &Touch) -> bool {
    let other = |i: &usize| facts.op(facts.seen(body)[*i].op).location != Some(location);
    facts.decisions(body).iter().any(|d| {
        d.flows.ops.iter().chain(&d.flows.compared).any(other) && facts.is_behind(body, d, write.event, location)
    })
}

fn flag_raised_before<'f>(facts: &'f Facts<'_>, body: BodyId, write: &'f Touch) -> Option<Late<'f>> {
    let key = write.key.as_ref().filter(|_| write.in_cell || write.is_static)?;
    let flow = facts.flow(body);
    let ir = facts.program.body(body).ir;
    facts.seen(body).iter().find_map(|s| {
        let op = facts.op(s.op);
        let location = op.location?;
        let raised = op.kind == AtomicOpKind::Store
            && s.stored.is_constant()
            && !op.atomic.is_some_and(|a| a.is_pointer())
            && !facts.is_alone(body, s)
            && !matches!(facts.role(location).kind, RoleKind::Lock | RoleKind::Sequence | RoleKind::RingIndex);
        let writes_location = |e| {
            facts
                .seen(body)
                .iter()
                .any(|x| x.event == e && facts.op(x.op).kind.writes() && facts.op(x.op).location == Some(location))
        };
        let late = raised
            && flow.reaches_avoiding(ir, s.event, write.event, writes_location)
            && !facts.seen(body).iter().any(|x| writes_location(x.event) && flow.reaches(write.event, x.event))
            && is_first_write(facts, body, s, write)
            && facts
                .follows(location)
                .iter()
                .any(|f| matches!(f.how, How::Guards(_)) && f.key.as_ref() == Some(key) && f.body != body);
        late.then_some(Late { body, location, visible: s, write, how: Way::Flag })
    })
}

/// Nothing was written there before the flag: the store does not end an earlier use of the memory.
fn is_first_write(facts: &Facts<'_>, body: BodyId, flag: &Seen, write: &Touch) -> bool {
    let flow = facts.flow(body);
    !facts.touches(body).iter().any(|t| t.key == write.key && flow.reaches(t.event, flag.event))
}

fn report(cx: &Cx<'_>, late: &Late<'_>) -> Finding {
    let facts = cx.facts;
    let op = facts.op(late.visible.op);
    let name = cx.location_name(late.location);
    let site = facts.event_site(late.body, late.write.event);
    let visible = cx.seen_site(late.body, late.visible);
    let what = match &late.write.key {
        Some(key) => format!("`{}`", crate::facts::access::location_name(facts.program, key)),
        None => "the object".to_owned(),
    };
    let message = match late.how {
        Way::OldName => {
            format!("{what} is written after {name} made it visible: a reader may see either, or half of it")
        }
        Way::Loaded => format!("{what} is written while other threads can read it through {name}"),
        Way::Flag => format!("{what} is written after {name} told the readers that it is ready"),
    };
    let primary = Label::new(site, "written here, with nothing that keeps readers out");
    let mut finding = cx.finding(&MUTATION_AFTER_PUBLICATION, late.body, primary, message);
    let label = match late.how {
        Way::OldName => "visible to other threads from here on",
        Way::Loaded => "loaded here; others load it too",
        Way::Flag => "readers are let in here",
    };
    finding.secondary.push(Label::new(visible, label));
    let reader = facts.follows(late.location).iter().find(|f| match f.how {
        How::Pointer(_) => late.how != Way::Flag && facts.touches(f.body)[touch_of(f.how)].site != late.write.site,
        How::Guards(_) => late.how == Way::Flag && f.key == late.write.key,
        How::GuardsAtomic(_) => false,
    });
    if let Some(f) = reader {
        let read = facts.event_site(f.body, facts.touches(f.body)[touch_of(f.how)].event);
        finding.secondary.push(Label::new(read, "a reader looks at it here"));
        let watched = facts.location(late.location).name.rsplit("::").next().unwrap_or("object").to_owned();
        finding.interleaving = Some(
            Interleaving::new(&["writer", "reader"], watched)
                .step(0, Some(visible), "makes the object visible", "object")
                .step(1, Some(read), "reads the object", "object")
                .step(0, Some(site), "writes the object", "object")
                .ending("races with the reader"),
        );
    }
    finding.notes.push(cx.role_note(late.location));
    finding.key.location = facts.location(late.location).name.clone();
    finding.key.operation = op.method.to_owned();
    finding.help = Some(match late.how {
        Way::Loaded => "publish a changed copy (`atomic_lint::Snapshot::update`), or keep what changes in an atomic \
                        or a lock inside the object"
            .to_owned(),
        _ => "finish the object first and make it visible last".to_owned(),
    });
    finding
}

fn touch_of(how: How) -> usize {
    match how {
        How::Pointer(t) | How::Guards(t) | How::GuardsAtomic(t) => t,
    }
}

fn report_frozen(cx: &Cx<'_>, frozen: &FrozenWrite<'_, '_>) -> Finding {
    let facts = cx.facts;
    let FrozenWrite { body, write, promise, by } = frozen;
    let site = facts.event_site(*body, write.event);
    let what = match &write.key {
        Some(key) => format!("`{}`", crate::facts::access::location_name(facts.program, key)),
        None => "the object".to_owned(),
    };
    let way = match by {
        Exposed::Loaded(_) => "through a pointer that readers load too",
        Exposed::Stored(_) => "after readers could see it",
        Exposed::Reference => "through a reference that is shared",
        Exposed::Kept => "through a pointer that is shared",
    };
    let message = format!("{what} is written {way}, and `{}` is promised never to change", promise.name);
    let primary = Label::new(site, "written here, where a reader may be");
    let mut finding = cx.finding(&MUTATION_AFTER_PUBLICATION, *body, primary, message);
    finding.secondary.push(Label::new(promise.site, "promised here"));
    finding.key.location.clone_from(&promise.name);
    finding.key.operation = "write".to_owned();
    if let Exposed::Loaded(i) | Exposed::Stored(i) = by {
        let seen = &facts.seen(*body)[*i];
        let label = match by {
            Exposed::Loaded(_) => "loaded here",
            _ => "visible to other threads from here on",
        };
        finding.secondary.push(Label::new(cx.seen_site(*body, seen), label));
        if let Some(location) = facts.op(seen.op).location {
            finding.notes.push(cx.role_note(location));
        }
    }
    finding.interleaving = Some(
        Interleaving::new(&["writer", "reader"], promise.name.clone())
            .step(1, None, "begins to read what it was promised not to change", "old")
            .step(0, Some(site), cx.snippet(site), "new")
            .step(1, None, "reads on", "new")
            .ending("half old, half new: a data race"),
    );
    finding.help = Some(match by {
        Exposed::Stored(_) => "finish the object first and make it visible last".to_owned(),
        _ => "publish a changed copy (`atomic_lint::Snapshot::update`), or take `#[frozen]` away".to_owned(),
    });
    finding
}
