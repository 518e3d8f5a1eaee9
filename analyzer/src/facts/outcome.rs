//! How a CAS ends: which branches its result takes, here or through the helper that makes it.

use super::{Facts, Seen};
use crate::ir::{
    AtomicOpKind, Base, BinOp, BlockId, Call, Callee, EventKind, Pattern, Place, Terminator, ValueId, ValueKind,
};
use crate::resolve::BodyId;

/// Which blocks are entered when a CAS has succeeded, and when it has failed.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub success: Vec<BlockId>,
    pub failure: Vec<BlockId>,
}

/// How a value tells success from failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// It is the `Result` of the CAS.
    Result,
    /// `Some` means success.
    Option,
    /// It is a truth value; `true` means success if set.
    Bool(bool),
}

/// Values that say yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Result,
    Option,
}

impl Shape {
    /// What a value of this shape tells if success gives it with `yes`. Only a truth value can tell it the wrong way round.
    fn tells(self, yes: bool) -> Option<Tells> {
        match (self, yes) {
            (Shape::Bool, yes) => Some(Tells::Bool(yes)),
            (Shape::Result, true) => Some(Tells::Result),
            (Shape::Option, true) => Some(Tells::Option),
            _ => None,
        }
    }
}

impl Facts<'_> {
    /// The branches that a CAS's result takes.
    pub fn outcome(&self, body: BodyId, seen: &Seen) -> Outcome {
        self.outcome_of(body, seen, false)
    }

    /// The same; if `strict`, a helper that may fail for other reasons than the CAS tells nothing.
    pub(super) fn outcome_of(&self, body: BodyId, seen: &Seen, strict: bool) -> Outcome {
        let Some((value, tells)) = self.verdict(body, seen, strict) else { return Outcome::default() };
        let blocks = &self.program.body(body).ir.blocks;
        let mut out = Outcome::default();
        for block in blocks {
            match &block.term {
                Terminator::Branch { cond, then, otherwise } => {
                    let (yes, no) = match self.polarity(body, *cond, value, tells, 0) {
                        Some(true) => (*then, *otherwise),
                        Some(false) => (*otherwise, *then),
                        None => continue,
                    };
                    out.success.push(yes);
                    out.failure.push(no);
                }
                Terminator::Try { on, ok, error }
                    if !matches!(tells, Tells::Bool(_)) && self.carries(body, *on, value, 0) =>
                {
                    out.success.push(*ok);
                    out.failure.push(*error);
                }
                Terminator::Switch { on, arms } if self.carries(body, *on, value, 0) => {
                    self.switch_outcome(body, seen, tells, arms, &mut out);
                }
                _ => {}
            }
        }
        out
    }

    fn switch_outcome(&self, body: BodyId, seen: &Seen, tells: Tells, arms: &[(Pattern, BlockId)], out: &mut Outcome) {
        let (mut ok_taken, mut err_taken) = (false, false);
        for (pattern, block) in arms {
            let side = match (pattern, tells) {
                (Pattern::Struct { path, .. } | Pattern::Path(path), Tells::Result) => match path.last() {
                    "Ok" | "Some" => Some(true),
                    "Err" | "None" => Some(false),
                    // `compare_and_swap`: the expected constant means success.
                    _ => self.is_expected(body, seen, pattern),
                },
                (Pattern::Struct { path, .. } | Pattern::Path(path), Tells::Option) => match path.last() {
                    "Some" => Some(true),
                    "None" => Some(false),
                    _ => None,
                },
                (Pattern::Bool(b), Tells::Bool(p)) => Some(*b == p),
                (Pattern::Bool(_) | Pattern::Int(_), Tells::Result) => self.is_expected(body, seen, pattern),
                (Pattern::Or(_), _) => None,
                (Pattern::Any, _) if ok_taken => Some(false),
                (Pattern::Any, _) if err_taken => Some(true),
                _ => None,
            };
            match side {
                Some(true) => {
                    ok_taken = true;
                    out.success.push(*block);
                }
                Some(false) => {
                    err_taken = true;
                    out.failure.push(*block);
                }
                None => {}
            }
        }
    }

    fn is_expected(&self, body: BodyId, seen: &Seen, pattern: &Pattern) -> Option<bool> {
        let op = self.op(seen.op);
        if !op.method.starts_with("compare_and_swap") || !seen.is_direct() {
            return None;
        }
        let expected = self.value(body, op.expected()?);
        Some(match (pattern, expected) {
            (Pattern::Bool(a), ValueKind::Bool(b)) => a == b,
            (Pattern::Int(a), ValueKind::Int(b)) => a == b,
            (Pattern::Path(a), ValueKind::Path(b)) => a.last() == b.last(),
            _ => false,
        })
    }

    /// Whether a value is chosen by the CAS's outcome: a join of ways of which some come by a success or failure only.
    pub fn depends_on_outcome(&self, body: BodyId, value: ValueId, cas: &Seen) -> bool {
        let outcome = self.outcome(body, cas);
        let flow = self.flow(body);
        let decided = |block: BlockId| {
            outcome.success.iter().chain(&outcome.failure).any(|s| *s == block || flow.block_dominates(*s, block))
        };
        match self.value(body, value) {
            ValueKind::Phi(ops) => ops.iter().any(|(block, _)| decided(*block)),
            _ => {
                let returns = |b: &crate::ir::Block| b.term == Terminator::Return(Some(value));
                let blocks = &self.program.body(body).ir.blocks;
                blocks.iter().enumerate().any(|(i, b)| returns(b) && decided(BlockId(i as u32)))
            }
        }
    }

    /// The value in `body` that tells whether the CAS succeeded: its result, or what the helper makes of it.
    fn verdict(&self, body: BodyId, seen: &Seen, strict: bool) -> Option<(ValueId, Tells)> {
        let value = self.result_of(body, seen.event)?;
        let op = self.op(seen.op);
        if seen.is_direct() {
            let swaps_bool = op.kind == AtomicOpKind::Swap || op.method.starts_with("compare_and_swap");
            let boolean = swaps_bool && matches!(op.value_type, crate::resolve::Type::Prim("bool"));
            // The old value of a flag: `false` means it was free.
            let free = match op.kind {
                AtomicOpKind::Swap => op.new_value().map(|v| self.value(body, v)),
                _ => None,
            };
            return Some(match free {
                Some(ValueKind::Bool(new)) if boolean => (value, Tells::Bool(!new)),
                _ if boolean => (
                    value,
                    Tells::Bool(matches!(op.expected().map(|v| self.value(body, v)), Some(ValueKind::Bool(true)))),
                ),
                _ => (value, Tells::Result),
            });
        }
        // A helper that returns the result, or whether it is `Ok`.
        let (callee, event) = seen.via[0];
        let inner =
            self.seen(callee).iter().find(|s| s.op == seen.op && s.event == event && s.via[..] == seen.via[1..])?;
        self.returned_verdict(callee, inner, strict).map(|tells| (value, tells))
    }

    /// What the value that a helper returns tells about the CAS in it. Not `strict`: a failure may have other reasons too.
    fn returned_verdict(&self, callee: BodyId, inner: &Seen, strict: bool) -> Option<Tells> {
        let (inner_value, inner_tells) = self.verdict(callee, inner, strict)?;
        let returned = self.all_ways_to_return(callee);
        let outcome = self.outcome_of(callee, inner, strict);
        let flow = self.flow(callee);
        let behind = |edges: &[BlockId], b: BlockId| edges.iter().any(|e| *e == b || flow.block_dominates(*e, b));
        let mut tells = None;
        let mut others = Vec::new();
        for (v, block) in returned {
            let this = if self.carries(callee, v, inner_value, 0) {
                Some(inner_tells)
            } else if let Some(p) = self.polarity(callee, v, inner_value, inner_tells, 0) {
                Some(Tells::Bool(p))
            } else {
                match (self.shape(callee, v), behind(&outcome.success, block), behind(&outcome.failure, block)) {
                    (Some((kind, yes)), true, false) => kind.tells(yes),
                    (Some((kind, yes)), false, true) => kind.tells(!yes),
                    (shape, _, _) => {
                        others.push(shape);
                        continue;
                    }
                }
            };
            if tells.is_some() && tells != this {
                return None;
            }
            tells = this;
        }
        let tells = tells?;
        let fails = |shape: &Option<(Shape, bool)>| shape.is_some_and(|(kind, yes)| kind.tells(!yes) == Some(tells));
        (others.iter().all(fails) && (!strict || others.is_empty())).then_some(tells)
    }

    /// The values that a body may return, each with the block it comes from.
    pub fn all_ways_to_return(&self, body: BodyId) -> Vec<(ValueId, BlockId)> {
        let mut ways = Vec::new();
        for (i, block) in self.program.body(body).ir.blocks.iter().enumerate() {
            if let Terminator::Return(Some(v)) = block.term {
                self.ways_to_return(body, v, BlockId(i as u32), &mut ways, 0);
            }
        }
        ways
    }

    /// The values that a `return` may give, each with the block it comes from.
    fn ways_to_return(&self, body: BodyId, v: ValueId, at: BlockId, out: &mut Vec<(ValueId, BlockId)>, depth: u32) {
        match self.value(body, v) {
            ValueKind::Phi(ops) if depth < 6 => {
                for (block, v) in ops {
                    self.ways_to_return(body, *v, *block, out, depth + 1);
                }
            }
            _ => out.push((v, at)),
        }
    }

    /// `true`, `Ok(…)`, `None`: a value that by itself says yes or no.
    pub(super) fn shape(&self, body: BodyId, value: ValueId) -> Option<(Shape, bool)> {
        let by_name = |name: &str| match name {
            "Ok" => Some((Shape::Result, true)),
            "Err" => Some((Shape::Result, false)),
            "Some" => Some((Shape::Option, true)),
            "None" => Some((Shape::Option, false)),
            _ => None,
        };
        match self.value(body, value) {
            ValueKind::Bool(b) => Some((Shape::Bool, *b)),
            ValueKind::Struct { path, .. } | ValueKind::Path(path) => by_name(path.last()),
            _ => None,
        }
    }

    /// Whether `v` is `verdict` under another name or converted, success staying success: `.ok()`, `.map(…)`.
    fn carries(&self, body: BodyId, v: ValueId, verdict: ValueId, depth: u32) -> bool {
        if self.is_alias(body, v, verdict, 0) {
            return true;
        }
        let ValueKind::Event(e) = self.value(body, v) else { return false };
        match &self.event(body, *e).kind {
            EventKind::Call(Call { callee: Callee::Method { receiver, name, .. }, .. }) if depth < 4 => {
                let base = match receiver.base {
                    Base::Local(_, v) | Base::Value(v) if receiver.proj.is_empty() => v,
                    _ => return false,
                };
                matches!(name.as_str(), "ok" | "map" | "map_err" | "as_ref" | "or_else" | "cloned" | "copied")
                    && self.carries(body, base, verdict, depth + 1)
            }
            _ => false,
        }
    }

    /// What `cond` being true says of the CAS whose verdict is `value`.
    fn polarity(&self, body: BodyId, cond: ValueId, value: ValueId, tells: Tells, depth: u32) -> Option<bool> {
        if depth > 8 {
            return None;
        }
        if let Tells::Bool(p) = tells
            && self.is_alias(body, cond, value, 0)
        {
            return Some(p);
        }
        let same = |v: ValueId| self.carries(body, v, value, 0);
        let base = |p: &Place| match p.base {
            Base::Local(_, v) | Base::Value(v) if p.proj.is_empty() => Some(v),
            _ => None,
        };
        match self.value(body, cond) {
            ValueKind::Not(v) => self.polarity(body, *v, value, tells, depth + 1).map(|p| !p),
            ValueKind::Read(p) => base(p).and_then(|v| self.polarity(body, v, value, tells, depth + 1)),
            ValueKind::Matches { value: v, pattern: Pattern::Struct { path, .. } | Pattern::Path(path) }
                if same(*v) =>
            {
                match path.last() {
                    "Ok" | "Some" => Some(true),
                    "Err" | "None" => Some(false),
                    _ => None,
                }
            }
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => match &c.callee {
                    Callee::Method { receiver, name, .. } if base(receiver).is_some_and(same) => match name.as_str() {
                        "is_ok" | "is_ok_and" | "is_some" | "is_some_and" => Some(true),
                        "is_err" | "is_err_and" | "is_none" | "is_none_or" => Some(false),
                        _ => None,
                    },
                    _ => None,
                },
                _ => None,
            },
            ValueKind::Binary(op @ (BinOp::Eq | BinOp::Ne), l, r) => {
                let other = match (same(*l), same(*r)) {
                    (true, _) => *r,
                    (_, true) => *l,
                    _ => return None,
                };
                Some(self.equality_means(body, other, tells) == (*op == BinOp::Eq))
            }
            _ => None,
        }
    }

    /// Whether the verdict being equal to `other` says that the CAS succeeded.
    fn equality_means(&self, body: BodyId, other: ValueId, tells: Tells) -> bool {
        match (self.value(body, other), tells) {
            (ValueKind::Struct { path, .. }, _) if path.last() == "Err" => false,
            (ValueKind::Bool(b), Tells::Bool(p)) => *b == p,
            // `Ok(x)`, and `compare_and_swap(x, …) == x`.
            _ => true,
        }
    }
}
