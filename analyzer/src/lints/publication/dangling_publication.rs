//! The address of something that goes when the function returns is left where other threads load it.

use crate::facts::dangling::{Dangling, Target};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::LocalId;
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds an atomic pointer that is given the address of a local variable, of a temporary, or of the inside of a box or
    /// `Arc` that the function drops, and still has it when the function returns.
    ///
    /// ## Why it matters
    ///
    /// The pointer stays, what it leads to goes. Whoever loads it later reads another function's stack or freed memory:
    ///
    /// ```text
    ///   publisher                     reader                         current
    /// 1 current.store(&mut node)                                     node
    /// 2 returns: node goes                                           dangling
    /// 3                               current.load → node            dangling
    /// 4                               reads (*node).value            dangling     no node any more
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Node { value: u64 }
    /// pub struct Slot { current: AtomicPtr<Node> }
    ///
    /// impl Slot {
    ///     pub fn put(&self, value: u64) {
    ///         let mut node = Node { value };
    ///         self.current.store(&mut node, Release);
    ///     }
    ///
    ///     pub fn get(&self) -> Option<u64> {
    ///         let node = self.current.load(Acquire);
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
    /// pub struct Slot { current: AtomicPtr<Node> }
    ///
    /// impl Slot {
    ///     pub fn put(&self, value: u64) {
    ///         let node = Box::into_raw(Box::new(Node { value }));
    ///         self.current.store(node, Release);
    ///     }
    ///
    ///     pub fn get(&self) -> Option<u64> {
    ///         let node = self.current.load(Acquire);
    ///         if node.is_null() { None } else { Some(unsafe { (*node).value }) }
    ///     }
    /// }
    /// ```
    ///
    /// `Box::into_raw` and `Arc::into_raw` give the memory away with the pointer; who frees the old one when is then to be
    /// settled: `atomic_lint::Snapshot` does.
    ///
    /// ## When to allow
    ///
    /// When a caller makes sure that nobody follows the pointer after the return, with that reason beside it.
    ///
    /// ## Known limits
    ///
    /// Quiet where the function does anything more with the location, waits, loops or never returns afterwards, where the
    /// owner is moved elsewhere, where the location is itself a local, and where nothing is seen that follows the pointer.
    ///
    /// ## References
    ///
    /// CWE-562, CWE-416.
    pub static DANGLING_PUBLICATION = {
        name: "dangling_publication",
        topic: "publication",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for body in facts.bodies_with_ops() {
        out.extend(facts.dangling(body).iter().map(|d| report(cx, d)));
    }
}

fn report(cx: &Cx<'_>, dangling: &Dangling) -> Finding {
    let facts = cx.facts;
    let body = dangling.body;
    let op = facts.op(facts.seen(body)[dangling.seen].op);
    let name = op.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let local = |l: LocalId| &facts.program.body(body).ir.locals[l.index()];
    let (what, declared) = match dangling.target {
        Target::Variable(l) => (format!("the variable `{}`", local(l).name), Some(local(l).span)),
        Target::Owned(l) => (format!("what `{}` owns", local(l).name), Some(local(l).span)),
        Target::Temporary => ("a temporary".to_owned(), None),
    };
    let message = format!("{name} still leads to {what} when that is gone");
    let site = facts.site(body, op.span);
    let primary = Label::new(site, "the address stays here after the return");
    let mut finding = cx.finding(&DANGLING_PUBLICATION, body, primary, message);
    let declared = declared.map(|span| facts.site(body, span));
    if let Some(declared) = declared {
        finding.secondary.push(Label::new(declared, "goes when the function returns"));
    }
    let follower = facts.event_site(dangling.follower.0, dangling.follower.1);
    finding.secondary.push(Label::new(follower, "followed here"));
    finding.key.location = op.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    let watched = finding.key.location.rsplit("::").next().unwrap_or("pointer").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["publisher", "reader"], watched)
            .step(0, Some(site), "stores the address", "address")
            .step(0, declared, "returns, and the object goes", "dangling")
            .step(1, Some(follower), "loads and follows the address", "dangling")
            .ending("the memory is somebody else's"),
    );
    finding.help = Some(match dangling.target {
        Target::Owned(_) => "give the owner away with the pointer: `Box::into_raw`, `Arc::into_raw`".to_owned(),
        _ => {
            "publish memory that outlives the function: `Box::into_raw(Box::new(…))`, a static, `atomic_lint::Snapshot`"
                .to_owned()
        }
    });
    finding
}
