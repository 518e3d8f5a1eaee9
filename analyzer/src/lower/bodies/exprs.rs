//! Expressions for their value, operands before operators.

use syn::{Expr, Lit, UnOp};

use super::Head;
use super::graph::TargetKind;
use super::patterns::member_name;
use crate::ir::{BinOp, EventKind, SkipReason, Terminator, ValueId, ValueKind};
use crate::lower::Cx;

impl Cx<'_> {
    pub(in crate::lower) fn expr(&mut self, expr: &Expr) -> ValueId {
        match expr {
            Expr::Paren(e) => self.expr(&e.expr),
            Expr::Group(e) => self.expr(&e.expr),
            Expr::Path(_) | Expr::Field(_) | Expr::Index(_) => {
                let place = self.place(expr);
                self.read_place(place)
            }
            Expr::Lit(e) => self.literal(&e.lit),
            Expr::MethodCall(e) => self.method_call(e, expr),
            Expr::Call(e) => self.call(e, expr),
            Expr::Macro(e) => self.macro_expr(&e.mac),
            Expr::Binary(e) => self.binary(e, expr),
            Expr::Unary(e) => self.unary(e, expr),
            Expr::Reference(e) => {
                let span = self.expr_span(expr);
                self.reference(&e.expr, e.mutability.is_some(), span)
            }
            Expr::RawAddr(e) => {
                let mutable = matches!(e.mutability, syn::PointerMutability::Mut(_));
                let place = self.place(&e.expr);
                let span = self.expr_span(expr);
                self.borrow(place, mutable, true, span)
            }
            Expr::Block(e) => self.labelled_block(e, expr),
            Expr::Unsafe(e) => self.unsafe_block(&e.block),
            Expr::Const(e) => self.block(&e.block),
            Expr::If(e) => self.if_expr(e, expr),
            Expr::Match(e) => self.match_expr(e, expr),
            Expr::Loop(e) => self.loop_expr(e, expr),
            Expr::While(e) => self.while_expr(e, expr),
            Expr::ForLoop(e) => self.for_expr(e, expr),
            Expr::Break(e) => self.break_expr(e, expr),
            Expr::Continue(e) => self.continue_expr(e, expr),
            Expr::Return(e) => self.return_expr(e),
            Expr::Try(e) => {
                let value = self.expr(&e.expr);
                let span = self.expr_span(expr);
                self.question(value, span)
            }
            Expr::TryBlock(e) => self.try_block(e, expr),
            Expr::Let(e) => self.let_value(e, expr),
            Expr::Assign(e) => {
                let value = self.expr(&e.right);
                let span = self.expr_span(expr);
                self.assign_to(&e.left, value, span);
                self.body.unit()
            }
            Expr::Closure(e) => {
                let span = self.expr_span(expr);
                let idx = self.body_of(Head::Closure(e));
                self.body.value(ValueKind::Closure(idx), span)
            }
            Expr::Async(e) => {
                let span = self.expr_span(expr);
                let idx = self.body_of(Head::Async(e));
                self.body.value(ValueKind::AsyncBlock(idx), span)
            }
            other => self.aggregate(other),
        }
    }

    fn aggregate(&mut self, expr: &Expr) -> ValueId {
        let span = self.expr_span(expr);
        let kind = match expr {
            Expr::Array(e) => ValueKind::Array(self.exprs(&e.elems)),
            Expr::Tuple(e) if e.elems.is_empty() => return self.body.unit(),
            Expr::Tuple(e) => ValueKind::Tuple(self.exprs(&e.elems)),
            Expr::Cast(e) => {
                let value = self.expr(&e.expr);
                ValueKind::Cast(value, Box::new(self.ty(&e.ty)))
            }
            Expr::Repeat(e) => {
                let value = self.expr(&e.expr);
                ValueKind::Repeat(value, self.expr_text(&e.len))
            }
            Expr::Range(e) => ValueKind::Range {
                start: e.start.as_ref().map(|e| self.expr(e)),
                end: e.end.as_ref().map(|e| self.expr(e)),
                inclusive: matches!(e.limits, syn::RangeLimits::Closed(_)),
            },
            Expr::Struct(e) => self.struct_literal(e),
            Expr::Await(e) => {
                let value = self.expr(&e.base);
                return self.body.event_value(EventKind::Await(value), span);
            }
            Expr::Yield(e) => {
                if let Some(value) = &e.expr {
                    self.expr(value);
                }
                return self.opaque(span);
            }
            Expr::Infer(_) => ValueKind::Unknown,
            Expr::Verbatim(tokens) if tokens.is_empty() => return self.body.unit(),
            _ => {
                self.skip(span, SkipReason::Verbatim);
                return self.opaque(span);
            }
        };
        self.body.value(kind, span)
    }

    pub(in crate::lower) fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Vec<ValueId> {
        exprs.into_iter().map(|e| self.expr(e)).collect()
    }

    fn struct_literal(&mut self, e: &syn::ExprStruct) -> ValueKind {
        let mut fields = Vec::with_capacity(e.fields.len());
        for field in &e.fields {
            let cfg = self.cfg(&field.attrs);
            let value = match cfg.is_always() {
                true => self.expr(&field.expr),
                false => self.under(cfg, |cx| cx.expr(&field.expr)),
            };
            fields.push((member_name(&field.member), value));
        }
        ValueKind::Struct {
            path: Box::new(self.path(&e.qself, &e.path)),
            fields,
            rest: e.rest.as_ref().map(|rest| self.expr(rest)),
        }
    }

    pub(in crate::lower) fn literal(&mut self, lit: &Lit) -> ValueId {
        let span = self.token_span(lit.span());
        let kind = match lit {
            Lit::Bool(b) => ValueKind::Bool(b.value),
            Lit::Int(i) => match i.base10_parse() {
                Ok(value) => ValueKind::Int(value),
                Err(_) => ValueKind::Lit(self.slice(span).to_owned()),
            },
            _ => ValueKind::Lit(self.slice(span).to_owned()),
        };
        self.body.value(kind, span)
    }

    fn unary(&mut self, e: &syn::ExprUnary, expr: &Expr) -> ValueId {
        if matches!(e.op, UnOp::Deref(_)) {
            let place = self.place(expr);
            return self.read_place(place);
        }
        let operand = self.expr(&e.expr);
        let span = self.expr_span(expr);
        let kind = match (&e.op, self.body.kind(operand)) {
            (UnOp::Neg(_), &ValueKind::Int(value)) => ValueKind::Int(-value),
            (UnOp::Neg(_), _) => ValueKind::Neg(operand),
            (UnOp::Not(_), _) => ValueKind::Not(operand),
            _ => ValueKind::Unknown,
        };
        self.body.value(kind, span)
    }

    fn binary(&mut self, e: &syn::ExprBinary, expr: &Expr) -> ValueId {
        let Some((op, assigns)) = operator(&e.op) else {
            let span = self.expr_span(expr);
            return self.opaque(span);
        };
        if matches!(op, BinOp::And | BinOp::Or) {
            return self.lazy(op, e, expr);
        }
        if assigns {
            let right = self.expr(&e.right);
            let place = self.place(&e.left);
            let before = self.read_place(place.clone());
            let span = self.expr_span(expr);
            let after = self.body.value(ValueKind::Binary(op, before, right), span);
            self.write_place(place, after, span);
            return self.body.unit();
        }
        let left = self.expr(&e.left);
        let right = self.expr(&e.right);
        let span = self.expr_span(expr);
        self.body.value(ValueKind::Binary(op, left, right), span)
    }

    /// `a && b`, `a || b` as a value: `b` stands in a block of its own.
    fn lazy(&mut self, op: BinOp, e: &syn::ExprBinary, expr: &Expr) -> ValueId {
        let left = self.expr(&e.left);
        let right_block = self.body.new_block();
        let join = self.body.new_block();
        let (then, otherwise) = match op {
            BinOp::And => (right_block, join),
            _ => (join, right_block),
        };
        self.body.terminate(Terminator::Branch { cond: left, then, otherwise });
        self.body.start(right_block);
        let right = self.expr(&e.right);
        self.body.goto(join);
        self.body.start(join);
        let span = self.expr_span(expr);
        self.body.value(ValueKind::Binary(op, left, right), span)
    }

    fn unsafe_block(&mut self, block: &syn::Block) -> ValueId {
        let outer = std::mem::replace(&mut self.body.is_unsafe, true);
        let value = self.block(block);
        self.body.is_unsafe = outer;
        value
    }

    fn labelled_block(&mut self, e: &syn::ExprBlock, expr: &Expr) -> ValueId {
        let Some(label) = &e.label else {
            return self.block(&e.block);
        };
        let exit = self.body.new_block();
        let label = Some(super::super::name(&label.name.ident));
        self.push_target(label, TargetKind::Block, exit);
        let value = self.block(&e.block);
        self.finish_target(exit, value, expr)
    }

    fn try_block(&mut self, e: &syn::ExprTryBlock, expr: &Expr) -> ValueId {
        let exit = self.body.new_block();
        self.push_target(None, TargetKind::Try, exit);
        let value = self.block(&e.block);
        self.finish_target(exit, value, expr)
    }

    fn finish_target(&mut self, exit: crate::ir::BlockId, value: ValueId, expr: &Expr) -> ValueId {
        let mut incoming = self.pop_target();
        self.leave_to(exit, value, &mut incoming);
        self.body.start(exit);
        let span = self.expr_span(expr);
        self.body.join(incoming, span)
    }

    /// `let pattern = value` that is no condition: its truth value.
    fn let_value(&mut self, e: &syn::ExprLet, expr: &Expr) -> ValueId {
        let value = self.expr(&e.expr);
        let pattern = self.pattern(&e.pat);
        let span = self.expr_span(expr);
        let cond = self.body.value(ValueKind::Matches { value, pattern }, span);
        self.bind(&e.pat, value, None);
        cond
    }
}

/// The operator, and whether it assigns.
fn operator(op: &syn::BinOp) -> Option<(BinOp, bool)> {
    use syn::BinOp as Syn;
    Some(match op {
        Syn::Add(_) => (BinOp::Add, false),
        Syn::Sub(_) => (BinOp::Sub, false),
        Syn::Mul(_) => (BinOp::Mul, false),
        Syn::Div(_) => (BinOp::Div, false),
        Syn::Rem(_) => (BinOp::Rem, false),
        Syn::And(_) => (BinOp::And, false),
        Syn::Or(_) => (BinOp::Or, false),
        Syn::BitXor(_) => (BinOp::BitXor, false),
        Syn::BitAnd(_) => (BinOp::BitAnd, false),
        Syn::BitOr(_) => (BinOp::BitOr, false),
        Syn::Shl(_) => (BinOp::Shl, false),
        Syn::Shr(_) => (BinOp::Shr, false),
        Syn::Eq(_) => (BinOp::Eq, false),
        Syn::Lt(_) => (BinOp::Lt, false),
        Syn::Le(_) => (BinOp::Le, false),
        Syn::Ne(_) => (BinOp::Ne, false),
        Syn::Ge(_) => (BinOp::Ge, false),
        Syn::Gt(_) => (BinOp::Gt, false),
        Syn::AddAssign(_) => (BinOp::Add, true),
        Syn::SubAssign(_) => (BinOp::Sub, true),
        Syn::MulAssign(_) => (BinOp::Mul, true),
        Syn::DivAssign(_) => (BinOp::Div, true),
        Syn::RemAssign(_) => (BinOp::Rem, true),
        Syn::BitXorAssign(_) => (BinOp::BitXor, true),
        Syn::BitAndAssign(_) => (BinOp::BitAnd, true),
        Syn::BitOrAssign(_) => (BinOp::BitOr, true),
        Syn::ShlAssign(_) => (BinOp::Shl, true),
        Syn::ShrAssign(_) => (BinOp::Shr, true),
        _ => return None,
    })
}
