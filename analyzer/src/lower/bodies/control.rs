//! Branches, loops and the ways out of them.

use syn::{Expr, Pat, UnOp};

use super::graph::TargetKind;
use crate::ir::{BlockId, Loop, LoopId, LoopKind, Pattern, Span, Terminator, ValueId, ValueKind};
use crate::lower::{Cx, name, source};

/// Arms times guards up to which every guard's failure lists all remaining arms.
const RETRIED_ARMS: usize = 4096;

impl Cx<'_> {
    /// Branches on a condition. Bindings of `let` come into the current scope.
    pub(in crate::lower) fn cond(&mut self, expr: &Expr, then: BlockId, otherwise: BlockId) {
        match expr {
            Expr::Paren(e) => self.cond(&e.expr, then, otherwise),
            Expr::Group(e) => self.cond(&e.expr, then, otherwise),
            Expr::Binary(e) if matches!(e.op, syn::BinOp::And(_)) => {
                let right = self.body.new_block();
                self.cond(&e.left, right, otherwise);
                self.body.start(right);
                self.cond(&e.right, then, otherwise);
            }
            Expr::Binary(e) if matches!(e.op, syn::BinOp::Or(_)) => {
                let right = self.body.new_block();
                self.cond(&e.left, then, right);
                self.body.start(right);
                self.cond(&e.right, then, otherwise);
            }
            Expr::Unary(e) if matches!(e.op, UnOp::Not(_)) && is_lazy(&e.expr) => {
                self.cond(&e.expr, otherwise, then);
            }
            expr => {
                let cond = self.expr(expr);
                self.body.terminate(Terminator::Branch { cond, then, otherwise });
            }
        }
    }

    pub(in crate::lower) fn if_expr(&mut self, mut e: &syn::ExprIf, expr: &Expr) -> ValueId {
        let join = self.body.new_block();
        let mut incoming = Vec::new();
        loop {
            let mark = self.body.scope.len();
            let then = self.body.new_block();
            let otherwise = match e.else_branch {
                Some(_) => self.body.new_block(),
                None => join,
            };
            self.cond(&e.cond, then, otherwise);
            self.body.start(then);
            let value = self.block(&e.then_branch);
            let end = self.token_span(e.then_branch.brace_token.span.close());
            self.body.end_scope(mark, end);
            self.leave_to(join, value, &mut incoming);
            match &e.else_branch {
                None => {
                    // Without `else` the value is `()`, whichever way it comes.
                    self.body.start(join);
                    return self.body.unit();
                }
                Some((_, other)) => {
                    self.body.start(otherwise);
                    if let Expr::If(next) = &**other {
                        e = next;
                        continue;
                    }
                    let value = self.expr(other);
                    self.leave_to(join, value, &mut incoming);
                    break;
                }
            }
        }
        self.body.start(join);
        let span = self.expr_span(expr);
        self.body.join(incoming, span)
    }

    pub(in crate::lower) fn match_expr(&mut self, e: &syn::ExprMatch, expr: &Expr) -> ValueId {
        let on = self.expr(&e.expr);
        let join = self.body.new_block();
        let blocks: Vec<BlockId> = e.arms.iter().map(|_| self.body.new_block()).collect();
        let patterns: Vec<Pattern> = e.arms.iter().map(|arm| self.pattern(&arm.pat)).collect();
        let guards = e.arms.iter().filter(|arm| guard(arm).is_some()).count();
        let split = guards * e.arms.len() > RETRIED_ARMS;
        // The arms that a switch from `first` on tells apart; a split one ends behind the first guard.
        let arms_from = |cx: &mut Self, first: usize| {
            let mut arms = Vec::new();
            let mut retry = None;
            for index in first..blocks.len() {
                arms.push((patterns[index].clone(), blocks[index]));
                if split && guard(&e.arms[index]).is_some() {
                    let block = cx.body.new_block();
                    arms.push((Pattern::Any, block));
                    retry = Some(block);
                    break;
                }
            }
            (arms, retry)
        };

        let (arms, mut retry) = arms_from(self, 0);
        self.body.terminate(Terminator::Switch { on, arms });
        let mut incoming = Vec::new();
        for (index, arm) in e.arms.iter().enumerate() {
            self.body.start(blocks[index]);
            let mark = self.body.scope.len();
            self.bind(&arm.pat, on, None);
            if let Some(guard) = guard(arm) {
                let body = self.body.new_block();
                let failed = retry.take().unwrap_or_else(|| self.body.new_block());
                self.cond(guard, body, failed);
                self.body.start(failed);
                let (arms, next) = arms_from(self, index + 1);
                retry = next;
                self.body.terminate(match arms.is_empty() {
                    true => Terminator::Unreachable,
                    false => Terminator::Switch { on, arms },
                });
                self.body.start(body);
            }
            let cfg = self.cfg(&arm.attrs);
            let value = match cfg.is_always() {
                true => self.expr(&arm.body),
                false => self.under(cfg, |cx| cx.expr(&arm.body)),
            };
            let end = self.token_span(source::expr_hi(&arm.body));
            self.body.end_scope(mark, end);
            self.leave_to(join, value, &mut incoming);
        }
        self.body.start(join);
        let span = self.expr_span(expr);
        self.body.join(incoming, span)
    }

    fn enter_loop(
        &mut self,
        kind: LoopKind,
        label: &Option<syn::Label>,
        iterates: Option<ValueId>,
        span: Span,
    ) -> (BlockId, BlockId) {
        let header = self.body.new_block();
        let exit = self.body.new_block();
        self.body.goto(header);
        let id = LoopId(self.body.body.loops.len() as u32);
        let label = label.as_ref().map(|label| name(&label.name.ident));
        self.body.body.loops.push(Loop {
            kind,
            header,
            parent: self.body.loops.last().copied(),
            span,
            label: label.clone(),
            iterates,
        });
        self.body.loops.push(id);
        self.body.start_header(header);
        self.push_target(label, TargetKind::Loop { header }, exit);
        (header, exit)
    }

    fn leave_loop(&mut self, header: BlockId, exit: BlockId) -> Vec<(BlockId, ValueId)> {
        self.body.goto(header);
        self.body.seal(header);
        let incoming = self.pop_target();
        self.body.loops.pop();
        self.body.start(exit);
        incoming
    }

    pub(in crate::lower) fn loop_expr(&mut self, e: &syn::ExprLoop, expr: &Expr) -> ValueId {
        let span = self.expr_span(expr);
        let (header, exit) = self.enter_loop(LoopKind::Loop, &e.label, None, span);
        self.block(&e.body);
        let incoming = self.leave_loop(header, exit);
        self.body.join(incoming, span)
    }

    pub(in crate::lower) fn while_expr(&mut self, e: &syn::ExprWhile, expr: &Expr) -> ValueId {
        let span = self.expr_span(expr);
        let (header, exit) = self.enter_loop(LoopKind::While, &e.label, None, span);
        let mark = self.body.scope.len();
        let body = self.body.new_block();
        self.cond(&e.cond, body, exit);
        self.body.start(body);
        self.block(&e.body);
        let end = self.token_span(e.body.brace_token.span.close());
        self.body.end_scope(mark, end);
        self.leave_loop(header, exit);
        self.body.unit()
    }

    pub(in crate::lower) fn for_expr(&mut self, e: &syn::ExprForLoop, expr: &Expr) -> ValueId {
        let span = self.expr_span(expr);
        let iterated = self.expr(&e.expr);
        let (header, exit) = self.enter_loop(LoopKind::For, &e.label, Some(iterated), span);
        let body = self.body.new_block();
        let cond = self.body.unknown(span);
        self.body.terminate(Terminator::Branch { cond, then: body, otherwise: exit });
        self.body.start(body);
        let mark = self.body.scope.len();
        let (lo, hi) = source::pat_span(&e.pat);
        let item_span = self.span(lo, hi);
        let item = self.body.value(ValueKind::Item(iterated), item_span);
        self.bind(&e.pat, item, None);
        self.block(&e.body);
        let end = self.token_span(e.body.brace_token.span.close());
        self.body.end_scope(mark, end);
        self.leave_loop(header, exit);
        self.body.unit()
    }

    pub(in crate::lower) fn break_expr(&mut self, e: &syn::ExprBreak, expr: &Expr) -> ValueId {
        let value = match &e.expr {
            Some(value) => self.expr(value),
            None => self.body.unit(),
        };
        let span = self.expr_span(expr);
        match self.find_target(&e.label) {
            Some(index) => self.leave_target(index, value, span),
            // A `break` in the arguments of a macro that puts a loop around them.
            None => {
                self.opaque(span);
            }
        }
        self.body.unit()
    }

    pub(in crate::lower) fn continue_expr(&mut self, e: &syn::ExprContinue, expr: &Expr) -> ValueId {
        let span = self.expr_span(expr);
        let target = self
            .find_target(&e.label)
            .and_then(|index| self.body.targets.get(index))
            .map(|target| (target.kind, target.scope));
        match target {
            Some((TargetKind::Loop { header }, scope)) => {
                self.body.leave_scope(scope, span);
                self.body.diverge(Terminator::Goto(header));
            }
            _ => {
                self.opaque(span);
            }
        }
        self.body.unit()
    }

    pub(in crate::lower) fn return_expr(&mut self, e: &syn::ExprReturn) -> ValueId {
        let value = e.expr.as_ref().map(|value| self.expr(value));
        self.body.diverge(Terminator::Return(value));
        self.body.unit()
    }

    /// `value?`: the good part, with an edge that returns the rest.
    pub(in crate::lower) fn question(&mut self, on: ValueId, span: Span) -> ValueId {
        let ok = self.body.new_block();
        let error = self.body.new_block();
        self.body.terminate(Terminator::Try { on, ok, error });
        self.body.start(error);
        let target = self.body.targets.iter().rposition(|target| target.kind == TargetKind::Try);
        match target {
            Some(index) => self.leave_target(index, on, span),
            None => self.body.terminate(Terminator::Return(Some(on))),
        }
        self.body.start(ok);
        self.part(on, Some("Ok".to_owned()), "0".to_owned(), span)
    }

    fn find_target(&self, label: &Option<syn::Lifetime>) -> Option<usize> {
        self.body.targets.iter().rposition(|target| match label {
            Some(label) => target.label.as_deref() == Some(&name(&label.ident)),
            None => matches!(target.kind, TargetKind::Loop { .. }),
        })
    }

    /// Jumps out of a target with a value.
    fn leave_target(&mut self, index: usize, value: ValueId, span: Span) {
        let Some(target) = self.body.targets.get(index) else {
            return;
        };
        let (exit, scope) = (target.exit, target.scope);
        self.body.leave_scope(scope, span);
        if self.body.live {
            let from = self.body.cur;
            self.body.targets[index].values.push((from, value));
        }
        self.body.diverge(Terminator::Goto(exit));
    }
}

/// `&&`, `||` and `let`, whose truth is a way and not a value.
fn is_lazy(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(e) => is_lazy(&e.expr),
        Expr::Group(e) => is_lazy(&e.expr),
        Expr::Binary(e) => matches!(e.op, syn::BinOp::And(_) | syn::BinOp::Or(_)),
        Expr::Let(_) => true,
        _ => false,
    }
}

fn guard(arm: &syn::Arm) -> Option<&Expr> {
    match &arm.pat {
        Pat::Guard(p) => Some(&p.guard),
        _ => None,
    }
}
