//! A CAS on a pointer or index whose new value was found by looking inside what the old one leads to.

use crate::facts::{self, Facts, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{Base, BinOp, Callee, EventKind, Place, Proj, Receiver, ValueId, ValueKind, operands};
use crate::lint::{Cx, declare_lint};
use crate::resolve::{Atomic, BodyId};

declare_lint! {
    /// Finds a CAS that takes a node off a list by reading the next link inside it, while nodes can be freed or used
    /// again.
    ///
    /// ## Why it matters
    ///
    /// The CAS compares addresses, not histories. If the node was taken off, used again and put back in between, the
    /// address is the same, and the link that was read is not:
    ///
    /// ```text
    ///   thread A                 thread B               head
    /// 1 load → a, next = b                              a → b
    /// 2                          pop a, pop b           empty
    /// 3                          push a                 a
    /// 4 CAS a → b succeeds                              b      b belongs to thread B
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Node { next: *mut Node }
    /// pub struct Free { head: AtomicPtr<Node> }
    ///
    /// impl Free {
    ///     pub fn put(&self, node: *mut Node) {
    ///         let mut head = self.head.load(Relaxed);
    ///         loop {
    ///             unsafe { (*node).next = head };
    ///             match self.head.compare_exchange_weak(head, node, Release, Relaxed) {
    ///                 Ok(_) => return,
    ///                 Err(now) => head = now,
    ///             }
    ///         }
    ///     }
    ///
    ///     pub fn take(&self) -> Option<*mut Node> {
    ///         let mut head = self.head.load(Acquire);
    ///         while !head.is_null() {
    ///             let next = unsafe { (*head).next };
    ///             match self.head.compare_exchange_weak(head, next, AcqRel, Acquire) {
    ///                 Ok(_) => return Some(head),
    ///                 Err(now) => head = now,
    ///             }
    ///         }
    ///         None
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};
    ///
    /// pub struct Free { head: AtomicU64, next: [AtomicU32; 64] }
    ///
    /// impl Free {
    ///     pub fn take(&self) -> Option<u32> {
    ///         let mut head = self.head.load(Acquire);
    ///         while head as u32 != u32::MAX {
    ///             let next = self.next[head as u32 as usize].load(Relaxed);
    ///             let new = ((head >> 32) + 1) << 32 | u64::from(next);
    ///             match self.head.compare_exchange_weak(head, new, AcqRel, Acquire) {
    ///                 Ok(_) => return Some(head as u32),
    ///                 Err(now) => head = now,
    ///             }
    ///         }
    ///         None
    ///     }
    /// }
    /// ```
    ///
    /// Ready made: `atomic_lint::FreeList` (index and generation in one word), `atomic_lint::Stack` (epochs).
    ///
    /// ## When to allow
    ///
    /// When one thread only takes nodes off, or nodes live until the program ends, with that reason beside it.
    ///
    /// ## Known limits
    ///
    /// Quiet under an epoch or hazard guard, under a lock, through `&mut self`, with a counter packed into the value (one
    /// that a mask or `%` cuts to fewer than 16 bits counts as none), and where nothing in the crate frees nodes or puts
    /// used ones back.
    ///
    /// ## References
    ///
    /// Treiber, *Systems Programming: Coping with Parallelism*, 1986; Michael, *Hazard Pointers*, TPDS 2004.
    pub static ABA_PRONE_CAS = {
        name: "aba_prone_cas",
        topic: "cas",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

/// A CAS and the look inside the old value that its new one comes from.
pub struct Prone<'f> {
    pub cas: &'f Seen,
    pub look: ValueId,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for i in 0..facts.ops.len() as u32 {
        if let Some(prone) = prone(facts, OpId(i)) {
            out.push(report(cx, &prone));
        }
    }
}

/// Whether an operation is such a CAS; `premature_reclamation` leaves the function around it to this lint.
pub fn prone<'f>(facts: &'f Facts<'_>, id: OpId) -> Option<Prone<'f>> {
    let op = facts.op(id);
    if !op.kind.is_cas() || !matches!(op.atomic, Some(Atomic::Int | Atomic::Ptr)) || op.location.is_none() {
        return None;
    }
    let cas = facts.seen(op.body).iter().find(|s| s.op == id && s.is_direct())?;
    let (expected, new) = (op.expected()?, op.new_value()?);
    let read_before = cas.expected.ops.iter().any(|&i| facts.op(facts.seen(op.body)[i].op).location == op.location);
    let look = look_inside(facts, op.body, new, expected)?;
    let prone = read_before
        && !is_tagged(facts, op.body, new, look)
        && !facts.is_protected(op.body)
        && !is_alone(facts, op.body, cas)
        && comes_back(facts, id);
    prone.then_some(Prone { cas, look })
}

/// The read, in the value that is to be stored, of memory that the expected value leads to: `(*old).next`,
/// `slots[old].next`.
fn look_inside(facts: &Facts<'_>, body: BodyId, new: ValueId, expected: ValueId) -> Option<ValueId> {
    let leads_there = |place: &Place| {
        let through_base = match place.base {
            // Memory behind the old value, not a field of what was decoded from it.
            Base::Local(_, v) | Base::Value(v) => {
                let follows = place.proj.contains(&Proj::Deref) || facts.program.type_of(body, v).is_pointer();
                !place.proj.is_empty() && follows && is_old(facts, body, v, expected)
            }
            Base::Path(_) => false,
        };
        through_base || place.proj.iter().any(|p| matches!(p, Proj::Index(v) if facts.derives_from(body, *v, expected)))
    };
    let mut visited = rustc_hash::FxHashSet::default();
    let mut queue = vec![new];
    while let Some(v) = queue.pop() {
        if !visited.insert(v) {
            continue;
        }
        let kind = facts.value(body, v);
        match kind {
            ValueKind::Read(place) if leads_there(place) => return Some(v),
            ValueKind::Event(e) => match &facts.event(body, *e).kind {
                EventKind::Atomic(op) if op.kind == crate::ir::AtomicOpKind::Load && leads_there(&op.receiver) => {
                    return Some(v);
                }
                EventKind::Call(call) => {
                    if let Callee::Method { receiver, name, .. } = &call.callee {
                        if matches!(name.as_str(), "load" | "get" | "next" | "read") && leads_there(receiver) {
                            return Some(v);
                        }
                        operands::of_place(receiver, &mut |v| queue.push(*v));
                    }
                    queue.extend(&call.args);
                }
                _ => {}
            },
            _ => {}
        }
        operands::of_value(kind, &mut |v| queue.push(*v));
    }
    None
}

/// The expected value or what it points to: through `as_ref`, `unwrap`, `&*p`, casts.
fn is_old(facts: &Facts<'_>, body: BodyId, value: ValueId, expected: ValueId) -> bool {
    facts.is_alias(body, value, expected, 0) || facts.derives_from(body, value, expected)
}

/// The new value holds something besides the link, computed: a counter that changes with each update.
fn is_tagged(facts: &Facts<'_>, body: BodyId, new: ValueId, look: ValueId) -> bool {
    let new = facts::publication::origin(facts, body, new);
    // Beside a counter of a few bits, which soon comes round again, the rest decides.
    match facts.value(body, new) {
        ValueKind::Binary(BinOp::BitOr | BinOp::Add, l, r) if narrow_counter(facts, body, *l).is_some() => {
            counts(facts, body, *r, look)
        }
        ValueKind::Binary(BinOp::BitOr | BinOp::Add, l, r) if narrow_counter(facts, body, *r).is_some() => {
            counts(facts, body, *l, look)
        }
        _ => counts(facts, body, new, look),
    }
}

/// How many different values a counter can have that is cut to fewer than 16 bits: `(tag + 1) & 7`.
fn narrow_counter(facts: &Facts<'_>, body: BodyId, value: ValueId) -> Option<i128> {
    let is_raised = |v: ValueId| {
        let at = facts::publication::origin(facts, body, v);
        match facts.value(body, at) {
            ValueKind::Binary(BinOp::Add | BinOp::Sub, ..) => true,
            ValueKind::Event(e) => match &facts.event(body, *e).kind {
                EventKind::Call(call) => matches!(facts.callee_name(call), "wrapping_add" | "wrapping_sub"),
                _ => false,
            },
            _ => false,
        }
    };
    match facts.value(body, facts::publication::origin(facts, body, value)) {
        ValueKind::Binary(BinOp::BitAnd, l, r) => match (facts.value(body, *l), facts.value(body, *r)) {
            (ValueKind::Int(mask), _) if is_raised(*r) => Some(mask.checked_add(1)?),
            (_, ValueKind::Int(mask)) if is_raised(*l) => Some(mask.checked_add(1)?),
            _ => None,
        },
        ValueKind::Binary(BinOp::Rem, l, r) => match facts.value(body, *r) {
            ValueKind::Int(n) if is_raised(*l) => Some(*n),
            _ => None,
        },
        ValueKind::Binary(BinOp::Shl, l, _) => narrow_counter(facts, body, *l),
        _ => None,
    }
    .filter(|n| (1..1 << 16).contains(n))
}

/// Something is computed on the way to the new value.
fn counts(facts: &Facts<'_>, body: BodyId, new: ValueId, look: ValueId) -> bool {
    let mut visited = rustc_hash::FxHashSet::default();
    let mut queue = vec![new];
    while let Some(v) = queue.pop() {
        if v == look || !visited.insert(v) {
            continue;
        }
        let kind = facts.value(body, v);
        let counts = match kind {
            ValueKind::Binary(op, ..) => {
                matches!(op, BinOp::Add | BinOp::Shl | BinOp::BitOr | BinOp::BitXor | BinOp::Mul | BinOp::Sub)
            }
            ValueKind::Struct { fields, .. } => fields.len() > 1,
            ValueKind::Tuple(_) => true,
            ValueKind::Event(e) => match &facts.event(body, *e).kind {
                EventKind::Call(call) => {
                    queue.extend(&call.args);
                    call.args.len() > 1 || facts.callee_name(call).contains("wrapping_add")
                }
                _ => false,
            },
            _ => false,
        };
        if counts {
            return true;
        }
        operands::of_value(kind, &mut |v| queue.push(*v));
    }
    false
}

/// Nobody else takes nodes off meanwhile: `&mut self`, a lock, one consumer by construction.
fn is_alone(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> bool {
    let program = facts.program;
    let owner = program.body(program.outermost(body)).owner;
    let exclusive = program.function(owner).is_some_and(|f| matches!(f.receiver, Some(Receiver::RefMut)));
    exclusive || facts.is_alone(body, cas) || facts.context(cas.op).locks.iter().any(|(_, shared)| !shared)
}

/// Nodes are freed or put back: another CAS of the location stores a node that a caller hands in, or what was taken off
/// is freed while others may be at it.
fn comes_back(facts: &Facts<'_>, id: OpId) -> bool {
    let op = facts.op(id);
    let Some(location) = op.location else { return false };
    let put_back = facts.location(location).ops.iter().any(|&other| {
        let o = facts.op(other);
        let Some(new) =
            o.new_value().filter(|_| other != id && o.kind.writes() && !o.kind.eq(&crate::ir::AtomicOpKind::Load))
        else {
            return false;
        };
        let literal = matches!(facts.value(o.body, new), ValueKind::Int(_) | ValueKind::Path(_));
        let made = facts.maker_of(o.body, new, 0).is_some();
        let shared = !facts.context(other).exclusive;
        shared && !literal && !made && look_inside(facts, o.body, new, o.expected().unwrap_or(new)).is_none()
    });
    put_back || facts.frees_what_was_taken(location)
}

fn report(cx: &Cx<'_>, prone: &Prone<'_>) -> Finding {
    let facts = cx.facts;
    let op = facts.op(prone.cas.op);
    let location = op.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let message = format!("{location} may hold the same node again with another link by the time of this CAS (ABA)");
    let site = facts.site(op.body, op.span);
    let tag =
        op.new_value().and_then(|new| match facts.value(op.body, facts::publication::origin(facts, op.body, new)) {
            ValueKind::Binary(_, l, r) => {
                narrow_counter(facts, op.body, *l).or_else(|| narrow_counter(facts, op.body, *r))
            }
            _ => None,
        });
    let label = Label::new(site, "succeeds if the address is the same, whatever has happened to the node");
    let mut finding = cx.finding(&ABA_PRONE_CAS, op.body, label, message);
    let look = facts.site(op.body, facts.value_span(op.body, prone.look));
    finding.secondary.push(Label::new(look, "the link is read here, from a node that others may take off"));
    if let Some(values) = tag {
        finding.notes.push(format!("its counter has {values} values, so it is the same again after {values} updates"));
    }
    finding.key.location = op.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    let short = finding.key.location.rsplit("::").next().unwrap_or("head").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], short)
            .step(0, Some(look), "load → a, next = b", "a → b")
            .step(1, None, "takes a and b off", "empty")
            .step(1, None, "puts a back", "a")
            .step(0, Some(site), "CAS a → b succeeds", "b")
            .ending("b is thread B's"),
    );
    finding.help = Some(if op.atomic == Some(Atomic::Ptr) {
        "use `atomic_lint::Stack` (epochs), or keep a counter beside the pointer that every change raises".to_owned()
    } else {
        "use `atomic_lint::FreeList`, or pack a generation of 16 bits or more beside the index".to_owned()
    });
    finding
}
