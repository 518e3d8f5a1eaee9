//! The outcome of a CAS is dropped, and what follows takes it for a success.

use crate::facts::effects::EffectKind;
use crate::facts::{Facts, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{EventId, EventKind, Terminator, ValueId, ValueKind, operands};
use crate::lint::{Cx, declare_lint};
use crate::resolve::BodyId;

declare_lint! {
    /// Finds a CAS whose result nobody looks at, followed by code that relies on it: the new value is used as if it
    /// had been stored, the old one is freed, success is returned.
    ///
    /// ## Why it matters
    ///
    /// A CAS that fails stores nothing:
    ///
    /// ```text
    ///   thread A                  thread B            current
    /// 1 load → old                                    old
    /// 2                           CAS old → b         b
    /// 3 CAS old → a fails                             b
    /// 4 frees old                 frees old           b      freed twice
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Config { current: AtomicPtr<String> }
    ///
    /// impl Config {
    ///     pub fn replace(&self, text: String) {
    ///         let old = self.current.load(Acquire);
    ///         let new = Box::into_raw(Box::new(text));
    ///         let _ = self.current.compare_exchange(old, new, AcqRel, Acquire);
    ///         drop(unsafe { Box::from_raw(old) });
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering::*};
    ///
    /// pub struct Config { version: AtomicU64 }
    ///
    /// impl Config {
    ///     pub fn replace(&self, new: u64) -> bool {
    ///         let old = self.version.load(Acquire);
    ///         self.version.compare_exchange(old, new, AcqRel, Acquire).is_ok()
    ///     }
    /// }
    /// ```
    ///
    /// Where the outcome does not matter because the value is to be replaced in any case, `swap` does that and gives the
    /// old value.
    ///
    /// ## When to allow
    ///
    /// When nobody else can change the atomic then, with the reason beside it.
    ///
    /// ## Known limits
    ///
    /// Quiet where the CAS helps another thread along, where the atomic is read again afterwards, and where nothing that
    /// follows depends on the outcome.
    ///
    /// ## References
    ///
    /// `AtomicPtr::compare_exchange`; CWE-252 (unchecked return value).
    pub static IGNORED_CAS_RESULT = {
        name: "ignored_cas_result",
        topic: "cas",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

/// What shows that a success is assumed.
enum Assumed {
    FreesOld(EventId),
    UsesNew(EventId),
    ReturnsTrue,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for (i, op) in facts.ops.iter().enumerate().filter(|(_, op)| op.kind.is_cas()) {
        let id = OpId(i as u32);
        let Some(seen) = facts.seen(op.body).iter().find(|s| s.op == id && s.is_direct()) else { continue };
        let guarded = op.location.is_some_and(|l| facts.is_guarded(l, id));
        if !is_dropped(facts, op.body, op.event) || facts.is_alone(op.body, seen) || guarded || reads_again(facts, seen)
        {
            continue;
        }
        if let Some(assumed) = assumes_success(facts, op.body, seen) {
            out.push(report(cx, seen, &assumed));
        }
    }
}

/// Nobody uses the result, or only a conversion that nobody uses (`.ok();`, `let _ = ….is_ok();`).
fn is_dropped(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    let Some(result) = facts.program.used_result(body, event) else { return true };
    let ir = facts.program.body(body).ir;
    let mut users = Vec::new();
    for (i, e) in ir.events.iter().enumerate() {
        let mut used = false;
        operands::of_event(&e.kind, &mut |v| used |= *v == result);
        if used {
            users.push(EventId(i as u32));
        }
    }
    let elsewhere = ir.values.iter().any(|v| {
        let mut used = false;
        operands::of_value(&v.kind, &mut |v| used |= *v == result);
        used
    }) || ir.blocks.iter().any(|b| {
        let mut used = false;
        operands::of_terminator(&b.term, &mut |v| used |= *v == result);
        used
    });
    let converts = |e: &EventId| match &facts.event(body, *e).kind {
        EventKind::Call(c) => {
            matches!(facts.callee_name(c), "ok" | "is_ok" | "is_err" | "err" | "drop")
                && facts.program.used_result(body, *e).is_none()
        }
        _ => false,
    };
    !elsewhere && users.iter().all(converts)
}

/// The location is looked at again: what follows knows what it holds.
fn reads_again(facts: &Facts<'_>, cas: &Seen) -> bool {
    let op = facts.op(cas.op);
    let flow = facts.flow(op.body);
    facts.seen(op.body).iter().any(|s| {
        let other = facts.op(s.op);
        s.event != cas.event && other.kind.reads() && other.location == op.location && flow.reaches(cas.event, s.event)
    })
}

fn assumes_success(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> Option<Assumed> {
    let op = facts.op(cas.op);
    let flow = facts.flow(body);
    let (expected, new) = (op.expected()?, op.new_value()?);
    let derives = |v: ValueId, from: ValueId| !is_literal(facts, body, from) && facts.derives_from(body, v, from);
    for e in facts.effects(body).iter().filter(|e| flow.reaches(cas.event, e.event)) {
        let frees = matches!(e.kind, EffectKind::Free | EffectKind::Reclaim) && e.is_direct();
        if frees && e.value.is_some_and(|v| derives(v, expected)) {
            return Some(Assumed::FreesOld(e.event));
        }
    }
    // A pointer that was to be published is used through a reference or handed out.
    if op.atomic.is_some_and(|a| a.is_pointer()) && facts.maker_of(body, new, 0).is_some() {
        for (i, e) in facts.program.body(body).ir.events.iter().enumerate() {
            let id = EventId(i as u32);
            let EventKind::Call(_) = &e.kind else { continue };
            let mut uses = false;
            operands::of_event(&e.kind, &mut |v| uses |= facts.is_alias(body, *v, new, 0));
            if uses && id != cas.event && flow.dominates(cas.event, id) {
                return Some(Assumed::UsesNew(id));
            }
        }
    }
    returns_true(facts, body, cas).then_some(Assumed::ReturnsTrue)
}

fn is_literal(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    matches!(
        facts.value(body, value),
        ValueKind::Int(_) | ValueKind::Bool(_) | ValueKind::Lit(_) | ValueKind::Path(_) | ValueKind::Unit
    )
}

/// The function says `true` after the CAS, and `false` elsewhere.
fn returns_true(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> bool {
    let flow = facts.flow(body);
    let at = flow.block_of(cas.event);
    let (mut yes, mut no) = (false, false);
    let mut tell = |v: ValueId, block| match facts.value(body, v) {
        ValueKind::Bool(true) => yes |= block == at || flow.block_dominates(at, block),
        ValueKind::Bool(false) => no |= block != at,
        _ => {}
    };
    for (i, b) in facts.program.body(body).ir.blocks.iter().enumerate() {
        let Terminator::Return(Some(v)) = b.term else { continue };
        match facts.value(body, v) {
            ValueKind::Phi(ops) => ops.iter().for_each(|(from, v)| tell(*v, *from)),
            _ => tell(v, crate::ir::BlockId(i as u32)),
        }
    }
    yes && no
}

fn report(cx: &Cx<'_>, cas: &Seen, assumed: &Assumed) -> Finding {
    let facts = cx.facts;
    let op = facts.op(cas.op);
    let location = op.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let consequence = match assumed {
        Assumed::FreesOld(_) => "frees a value that may still be in use",
        Assumed::UsesNew(_) => "uses a value that may never have been stored",
        Assumed::ReturnsTrue => "reports a success that may not have happened",
    };
    let message = format!("nobody looks whether {location} was changed, and what follows {consequence}");
    let site = facts.site(op.body, op.span);
    let mut finding =
        cx.finding(&IGNORED_CAS_RESULT, op.body, Label::new(site, "may fail and change nothing"), message);
    match assumed {
        Assumed::FreesOld(e) => {
            finding.secondary.push(Label::new(facts.event_site(op.body, *e), "frees the old value all the same"));
        }
        Assumed::UsesNew(e) => {
            finding.secondary.push(Label::new(facts.event_site(op.body, *e), "uses the new value all the same"));
        }
        Assumed::ReturnsTrue => {}
    }
    finding.key.location = op.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    let short = finding.key.location.rsplit("::").next().unwrap_or("value").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], short)
            .step(0, None, "reads old", "old")
            .step(1, None, "CAS old → b", "b")
            .step(0, Some(site), "CAS old → a fails", "b")
            .ending("A goes on as if it had succeeded"),
    );
    let receiver = cx.receiver_text(op);
    finding.help = Some(format!(
        "test the result and handle the failure, or use `{receiver}.swap(…)` if the value is to be replaced in any case"
    ));
    finding
}
