//! A load and a write of one atomic become one operation: `fetch_add` and its like, `swap`, `compare_exchange`.

use super::ordering::join;
use super::{Call, Mend, is_plain_op};
use crate::facts::{Op, Seen};
use crate::finding::{Applicability, Fix};
use crate::ir::outline::{NodeId, NodeKind};
use crate::ir::{AtomicOpKind, OrderingKind, Span};
use crate::lint::Cx;
use crate::resolve::{BodyId, Type};

/// The operation that gives a new value from the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Single {
    pub method: &'static str,
    /// As written.
    pub operand: String,
}

/// `x.store(x.load(o) + n, o)` in one step, the load in the store or in a `let` before it.
pub fn split(cx: &Cx<'_>, body: BodyId, load: &Seen, store: &Seen) -> Option<Fix> {
    let pair = Pair::of(cx, body, load, store)?;
    pair.nested().or_else(|| pair.in_let()).or_else(|| pair.in_sum()).or_else(|| pair.by_closure())
}

/// `if x.load(o) == a { x.store(b, o); … }` as one step that tells whether it was done.
pub fn claim(cx: &Cx<'_>, body: BodyId, load: &Seen, act: &Seen) -> Option<Fix> {
    let pair = Pair::of(cx, body, load, act)?;
    let op = cx.facts.op(act.op);
    match op.kind {
        AtomicOpKind::Store => pair.claimed(),
        AtomicOpKind::FetchAdd | AtomicOpKind::FetchSub => pair.bounded(op),
        _ => None,
    }
}

/// A load and a write after it, both written in one body on one receiver.
struct Pair<'c, 'a, 'o> {
    cx: &'c Cx<'a>,
    body: BodyId,
    load: &'o Op<'a>,
    store: &'o Op<'a>,
    read: Call,
    write: Call,
    /// At least as strong as both together, as it is to be written.
    ordering: String,
}

impl<'c, 'a, 'o> Pair<'c, 'a, 'o>
where
    'c: 'o,
{
    fn of(cx: &'c Cx<'a>, body: BodyId, load: &Seen, store: &Seen) -> Option<Pair<'c, 'a, 'o>> {
        if !is_plain_op(cx, load) || !is_plain_op(cx, store) {
            return None;
        }
        let mend = Mend::new(cx, body);
        let (load, store) = (cx.facts.op(load.op), cx.facts.op(store.op));
        let (read, write) = (mend.call(load)?, mend.call(store)?);
        let ordering = joined(&mend, load, store)?;
        let same = mend.same_words(read.receiver, write.receiver);
        same.then_some(Pair { cx, body, load, store, read, write, ordering })
    }

    fn mend(&self) -> Mend<'c, 'a> {
        Mend::new(self.cx, self.body)
    }

    fn receiver(&self, mend: &Mend<'_, 'a>) -> &'a str {
        mend.text(self.write.receiver)
    }

    fn call(&self, mend: &Mend<'_, 'a>, single: &Single) -> String {
        format!("{}{}({}, {})", mend.up_to_method(&self.write), single.method, single.operand, self.ordering)
    }

    /// `x.store(x.load(o) + n, o);`
    fn nested(&self) -> Option<Fix> {
        let mut mend = self.mend();
        let stored = *self.write.args.first()?;
        let is_old = |m: &Mend<'_, '_>, n: NodeId| m.outline.bare(n) == self.read.node;
        let single = single(&mend, stored, &self.store.value_type, &is_old)?;
        let call = self.call(&mend, &single);
        self.replace_write(&mut mend, &call)?;
        mend.finish(format!("make it one `{}`", single.method), Applicability::MachineApplicable)
    }

    /// Puts an expression that gives a value in the place of the store, which gives none.
    fn replace_write(&self, mend: &mut Mend<'_, 'a>, call: &str) -> Option<()> {
        let parent = mend.outline.parent(self.write.node)?;
        let text = match mend.kind(parent) {
            NodeKind::Statement { semicolon: true, .. } => call.to_owned(),
            NodeKind::Statement { semicolon: false, .. } => format!("{call};"),
            NodeKind::Arm { .. } => format!("{{ {call}; }}"),
            _ => return None,
        };
        mend.replace_node(self.write.node, text);
        Some(())
    }

    /// `let n = x.load(o);` with the store somewhere behind it.
    fn in_let(&self) -> Option<Fix> {
        let mend = self.mend();
        let first = mend.outline.statement_of(self.read.node)?;
        let NodeKind::Let { name: Some(name), diverges: false, .. } = mend.kind(first) else { return None };
        let stored = mend.outline.bare(*self.write.args.first()?);
        let rest = mend.rest_of_block(first)?;
        let write = mend.outline.span(self.write.node);
        if !rest.contains(write)
            || self.is_repeated(&mend, first)
            || self.is_written_within(Span::new(rest.start, write.start))
        {
            return None;
        }
        let stored_span = mend.outline.span(stored);
        let before = Span::new(rest.start, stored_span.start);
        let after = Span::new(stored_span.end, rest.end);
        let is_old = |m: &Mend<'_, '_>, n: NodeId| m.text(m.outline.bare(n)) == name;
        match single(&mend, stored, &self.store.value_type, &is_old) {
            Some(single) if !mend.mentions(before, name) && !mend.mentions(after, name) => {
                self.drop_load(mend, first, &single)
            }
            Some(single) if self.follows(&mend, first) => self.move_to_load(mend, &single),
            Some(_) => None,
            None => self.through_second(mend, first, name, stored),
        }
    }

    /// `let m = x.load(o) + n; x.store(m, o);`, with `m` used afterwards or not.
    fn in_sum(&self) -> Option<Fix> {
        let mut mend = self.mend();
        let first = mend.outline.statement_around(self.read.node)?;
        let NodeKind::Let { name: Some(name), init: Some(init), diverges: false, .. } = mend.kind(first) else {
            return None;
        };
        let stored = mend.outline.bare(*self.write.args.first()?);
        let write = mend.outline.statement_of(self.write.node)?;
        if mend.text(stored) != name || !self.follows(&mend, first) {
            return None;
        }
        let is_old = |m: &Mend<'_, '_>, n: NodeId| m.outline.bare(n) == self.read.node;
        let single = single(&mend, *init, &self.store.value_type, &is_old)?;
        let call = self.call(&mend, &single);
        let rest = Span::new(mend.outline.span(write).end, mend.rest_of_block(first)?.end);
        if mend.mentions(rest, name) {
            let operand = mend.outline.within(*init).filter(|n| mend.text(*n) == single.operand);
            // It is written twice then.
            let is_statement = matches!(mend.kind(write), NodeKind::Statement { semicolon: true, .. });
            if !is_statement || !operand.into_iter().all(|n| mend.is_plain(n)) {
                return None;
            }
            mend.replace_node(self.read.node, call);
            mend.remove(write)?;
        } else {
            mend.remove(first)?;
            self.replace_write(&mut mend, &call)?;
        }
        mend.finish(format!("make it one `{}`", single.method), Applicability::MachineApplicable)
    }

    /// Something else is stored in between: the store puts back what the load found before that.
    fn is_written_within(&self, span: Span) -> bool {
        let facts = self.cx.facts;
        facts.seen(self.body).iter().any(|s| {
            let op = facts.op(s.op);
            op.kind.writes()
                && op.location == self.store.location
                && span.contains(facts.event(self.body, s.event).span)
        })
    }

    /// A loop or a closure around the store that is not around the load: it may run more often, or never.
    fn is_repeated(&self, mend: &Mend<'_, '_>, first: NodeId) -> bool {
        let block = mend.outline.parent(first);
        mend.outline.around(self.write.node).take_while(|n| Some(*n) != block).any(|n| {
            matches!(
                mend.kind(n),
                NodeKind::Loop { .. } | NodeKind::While { .. } | NodeKind::For { .. } | NodeKind::Closure
            )
        })
    }

    /// The store is the very next statement.
    fn follows(&self, mend: &Mend<'_, '_>, first: NodeId) -> bool {
        let second = mend.outline.statement_of(self.write.node);
        let place = |s: NodeId| mend.outline.position(s);
        match (place(first), second.and_then(place)) {
            (Some((a, i)), Some((b, j))) => a == b && j == i + 1,
            _ => false,
        }
    }

    /// The old value serves the store only.
    fn drop_load(&self, mut mend: Mend<'_, 'a>, first: NodeId, single: &Single) -> Option<Fix> {
        let call = self.call(&mend, single);
        // What stands in between may rely on what the load has acquired.
        let applicability = match self.load.orders.acquires() && !self.follows(&mend, first) {
            true => Applicability::MaybeIncorrect,
            false => Applicability::MachineApplicable,
        };
        mend.remove(first)?;
        self.replace_write(&mut mend, &call)?;
        mend.finish(format!("make it one `{}`", single.method), applicability)
    }

    /// The old value is used after the store too: the one step gives it.
    fn move_to_load(&self, mut mend: Mend<'_, 'a>, single: &Single) -> Option<Fix> {
        let second = mend.outline.statement_of(self.write.node)?;
        if !matches!(mend.kind(second), NodeKind::Statement { semicolon: true, .. }) {
            return None;
        }
        let call = self.call(&mend, single);
        mend.replace_node(self.read.node, call);
        mend.remove(second)?;
        mend.finish(format!("make it one `{}`", single.method), Applicability::MachineApplicable)
    }

    /// `let n = x.load(o); let m = n + 1; x.store(m, o);`, with `m` used afterwards or not.
    fn through_second(&self, mut mend: Mend<'_, 'a>, first: NodeId, old: &str, stored: NodeId) -> Option<Fix> {
        let new = mend.text(stored);
        let (block, at) = mend.outline.position(first)?;
        let NodeKind::Block { statements } = mend.kind(block) else { return None };
        let second = *statements.get(at + 1)?;
        let NodeKind::Let { name: Some(name), init: Some(init), diverges: false, .. } = mend.kind(second) else {
            return None;
        };
        let write = mend.outline.statement_of(self.write.node)?;
        let adjacent = statements.get(at + 2) == Some(&write);
        let span = |n: NodeId| mend.outline.span(n);
        let rest = Span::new(span(write).end, mend.rest_of_block(first)?.end);
        if name != new || !adjacent || *mend.kind(stored) != NodeKind::Path || old != new && mend.mentions(rest, old) {
            return None;
        }
        let is_old = |m: &Mend<'_, '_>, n: NodeId| m.text(m.outline.bare(n)) == old;
        let single = single(&mend, *init, &self.store.value_type, &is_old)?;
        let call = self.call(&mend, &single);
        let is_used = mend.mentions(rest, new);
        mend.remove(first)?;
        if is_used {
            // `m` is what the one step makes of the value that it found.
            let olds: Vec<NodeId> = mend
                .outline
                .within(*init)
                .filter(|n| *mend.kind(*n) == NodeKind::Path && mend.text(*n) == old)
                .collect();
            let [only] = olds[..] else { return None };
            let operand = mend.outline.within(*init).filter(|n| mend.text(*n) == single.operand);
            // It is written twice then.
            if !operand.into_iter().all(|n| mend.is_plain(n)) {
                return None;
            }
            mend.replace_node(only, call);
            if !matches!(mend.kind(write), NodeKind::Statement { semicolon: true, .. }) {
                return None;
            }
            mend.remove(write)?;
        } else {
            mend.remove(second)?;
            self.replace_write(&mut mend, &call)?;
        }
        mend.finish(format!("make it one `{}`", single.method), Applicability::MachineApplicable)
    }

    /// Any other function of the old value, as a closure that may run more than once.
    fn by_closure(&self) -> Option<Fix> {
        let mut mend = self.mend();
        let stored = *self.write.args.first()?;
        let statement = mend.outline.statement_of(self.write.node)?;
        let NodeKind::Statement { semicolon: true, .. } = mend.kind(statement) else { return None };
        let (span, load) = (mend.outline.span(stored), mend.outline.span(self.read.node));
        if mend.outline.leaves(stored) || !matches!(self.load.ordering_arg?.kind, OrderingKind::Fixed(_)) {
            return None;
        }
        let text = mend.slice(span);
        let (name, new) = if span.contains(load) {
            if mend.mentions(span, "old") {
                return None;
            }
            let at = (load.start - span.start) as usize..(load.end - span.start) as usize;
            ("old".to_owned(), format!("{}old{}", &text[..at.start], &text[at.end..]))
        } else {
            let first = mend.outline.statement_of(self.read.node)?;
            let NodeKind::Let { name: Some(name), diverges: false, .. } = mend.kind(first) else { return None };
            let rest = mend.rest_of_block(first)?;
            let outside = [Span::new(rest.start, span.start), Span::new(span.end, rest.end)];
            let inside = rest.contains(span) && mend.mentions(span, name);
            if !inside || outside.into_iter().any(|s| mend.mentions(s, name)) || self.is_repeated(&mend, first) {
                return None;
            }
            mend.remove(first)?;
            (name.clone(), text.to_owned())
        };
        let fetch = mend.slice(self.load.ordering_arg?.span);
        let receiver = self.receiver(&mend);
        let call = format!("let _ = {receiver}.fetch_update({}, {fetch}, |{name}| Some({new}))", self.ordering);
        mend.replace_node(self.write.node, call);
        mend.finish("make it one `fetch_update`", Applicability::MaybeIncorrect)
    }

    /// The write is the first thing done in a branch that the load alone decides.
    fn deciding(&self, mend: &Mend<'_, 'a>) -> Option<(NodeId, NodeId)> {
        let statement = mend.outline.statement_of(self.write.node)?;
        let (block, 0) = mend.outline.position(statement)? else { return None };
        let decided = mend.outline.parent(block)?;
        match mend.kind(decided) {
            NodeKind::If { cond, then, .. } if *then == block => Some((mend.outline.bare(*cond), statement)),
            _ => None,
        }
        .filter(|_| matches!(mend.kind(statement), NodeKind::Statement { semicolon: true, .. }))
    }

    /// `if !f.load(o) { f.store(true, o); … }`, `if s.load(o) == A { s.store(B, o); … }`.
    fn claimed(&self) -> Option<Fix> {
        let mut mend = self.mend();
        let (cond, statement) = self.deciding(&mend)?;
        let new = mend.text(*self.write.args.first()?);
        let receiver = self.receiver(&mend);
        let call = match mend.kind(cond) {
            NodeKind::Not(inner) if mend.outline.bare(*inner) == self.read.node && new == "true" => {
                format!("!{receiver}.swap(true, {})", self.ordering)
            }
            NodeKind::Method { .. } if cond == self.read.node && new == "false" => {
                format!("{receiver}.swap(false, {})", self.ordering)
            }
            NodeKind::Binary { op: "==", left, right } => {
                let sides = [(*left, *right), (*right, *left)];
                let (_, expected) = sides.into_iter().find(|(l, _)| mend.outline.bare(*l) == self.read.node)?;
                // The value that is stored must not need what was done in between, which is nothing.
                if !self.is_constant(&mend, expected) || !self.is_constant(&mend, *self.write.args.first()?) {
                    return None;
                }
                let failure = mend.slice(self.load.ordering_arg?.span);
                let expected = mend.text(expected);
                format!("{receiver}.compare_exchange({expected}, {new}, {}, {failure}).is_ok()", self.ordering)
            }
            _ => return None,
        };
        mend.replace_node(cond, call);
        mend.remove(statement)?;
        mend.finish("check and claim in one step", Applicability::MachineApplicable)
    }

    /// A literal, a constant or a variable: evaluating it earlier changes nothing.
    fn is_constant(&self, mend: &Mend<'_, 'a>, node: NodeId) -> bool {
        let casts = |n: NodeId| *mend.kind(n) == NodeKind::Other && mend.text(n).contains(" as ");
        mend.outline
            .within(node)
            .all(|n| matches!(mend.kind(n), NodeKind::Literal | NodeKind::Path | NodeKind::Paren(_)) || casts(n))
    }

    /// `if n.load(o) < max { n.fetch_add(1, o); … }`.
    fn bounded(&self, op: &Op<'_>) -> Option<Fix> {
        let mut mend = self.mend();
        let (cond, statement) = self.deciding(&mend)?;
        let NodeKind::Binary { op: compares, left, right } = mend.kind(cond) else { return None };
        let bound = *right;
        if mend.outline.bare(*left) != self.read.node || !mend.is_plain(bound) {
            return None;
        }
        let by = *self.write.args.first()?;
        let sign = match (op.kind, *compares) {
            (AtomicOpKind::FetchAdd, "<" | "!=") => "+",
            (AtomicOpKind::FetchSub, ">" | "!=") => "-",
            _ => return None,
        };
        // A step of one stays within the bound that was just tested.
        if mend.text(by) != "1" || mend.mentions(mend.outline.span(bound), "n") {
            return None;
        }
        let (receiver, fetch) = (self.receiver(&mend), mend.slice(self.load.ordering_arg?.span));
        let bound = mend.text(bound);
        let closure = format!("|n| (n {compares} {bound}).then(|| n {sign} 1)");
        mend.replace_node(cond, format!("{receiver}.fetch_update({}, {fetch}, {closure}).is_ok()", self.ordering));
        mend.remove(statement)?;
        mend.finish("check and change in one step", Applicability::MaybeIncorrect)
    }
}

/// What the orderings of a load and a write come to in one operation, as written at the write.
fn joined(mend: &Mend<'_, '_>, load: &Op<'_>, store: &Op<'_>) -> Option<String> {
    let (read, write) = (load.ordering_arg?, store.ordering_arg?);
    match (read.kind, write.kind) {
        (OrderingKind::Fixed(a), OrderingKind::Fixed(b)) => mend.ordering_like(write, join(a, b)),
        // A parameter or constant that serves both can only be `Relaxed` or `SeqCst`.
        _ if mend.slice(read.span) == mend.slice(write.span) => Some(mend.slice(write.span).to_owned()),
        _ => None,
    }
}

/// The single operation that gives what an expression computes from the old value.
pub fn single(
    mend: &Mend<'_, '_>,
    expr: NodeId,
    ty: &Type,
    is_old: &dyn Fn(&Mend<'_, '_>, NodeId) -> bool,
) -> Option<Single> {
    let is_bool = *ty == Type::Prim("bool");
    let is_int = matches!(ty, Type::Prim(p) if p.starts_with(['u', 'i']));
    let expr = mend.outline.bare(expr);
    let found = |method, operand: NodeId| {
        // It must mean the same by itself.
        let free = !mend.outline.within(operand).any(|n| is_old(mend, n)) && !mend.outline.leaves(operand);
        free.then(|| Single { method, operand: mend.text(mend.outline.bare(operand)).to_owned() })
    };
    match mend.kind(expr) {
        NodeKind::Binary { op, left, right } => {
            let commutes = *op != "-";
            let operand = match (is_old(mend, *left), is_old(mend, *right)) {
                (true, false) => *right,
                (false, true) if commutes => *left,
                _ => return None,
            };
            let method = match *op {
                "+" if is_int => "fetch_add",
                "-" if is_int => "fetch_sub",
                "&" if is_int || is_bool => "fetch_and",
                "|" if is_int || is_bool => "fetch_or",
                "^" if is_int || is_bool => "fetch_xor",
                _ => return None,
            };
            found(method, operand)
        }
        NodeKind::Method { receiver, name, args, .. } if is_int && is_old(mend, *receiver) => {
            let [operand] = args[..] else { return None };
            let method = match name.as_str() {
                "wrapping_add" => "fetch_add",
                "wrapping_sub" => "fetch_sub",
                "max" => "fetch_max",
                "min" => "fetch_min",
                _ => return None,
            };
            found(method, operand)
        }
        NodeKind::Not(inner) if is_bool && is_old(mend, *inner) => {
            Some(Single { method: "fetch_xor", operand: "true".to_owned() })
        }
        _ => None,
    }
}
