//! From the syntax tree to an [`Outline`].

use syn::{Expr, Item, Stmt};

use super::source::{Source, expr_hi, expr_lo, pat_span};
use super::{limits, name, parse};
use crate::ir::Span;
use crate::ir::outline::{NodeId, NodeKind, Outline};

/// The outline of a file; empty if it does not parse. The calling thread must have [`STACK`](super::STACK).
pub fn outline(text: &str) -> Outline {
    let Some(spared) = limits::check(text, true).ok().filter(|_| u32::try_from(text.len()).is_ok()) else {
        return Outline::default();
    };
    let source = Source::new(text, &spared);
    let mut walk = Walk { source: &source, outline: Outline::default(), at: None };
    if let Ok(tree) = parse(&source) {
        walk.items(&tree.items);
    }
    let outline = walk.outline;
    proc_macro2::extra::invalidate_current_thread_spans();
    outline
}

struct Walk<'a> {
    source: &'a Source<'a>,
    outline: Outline,
    /// The node around the next one.
    at: Option<NodeId>,
}

impl Walk<'_> {
    /// A node with the parts that `fill` adds.
    fn node(&mut self, span: Span, fill: impl FnOnce(&mut Self) -> NodeKind) -> NodeId {
        let id = self.outline.open(span, self.at);
        let outer = self.at.replace(id);
        let kind = fill(self);
        self.at = outer;
        self.outline.close(id, kind);
        id
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            self.item(item);
        }
    }

    fn item(&mut self, item: &Item) {
        // What stands in a function of its own is no part of the code around it.
        let outer = self.at.take();
        match item {
            Item::Fn(f) => self.inner(&f.block),
            Item::Mod(m) => {
                if let Some((_, items)) = &m.content {
                    self.items(items);
                }
            }
            Item::Impl(i) => i.items.iter().for_each(|item| match item {
                syn::ImplItem::Fn(f) => self.inner(&f.block),
                syn::ImplItem::Const(c) => self.part(&c.expr),
                _ => {}
            }),
            Item::Trait(t) => t.items.iter().for_each(|item| {
                if let syn::TraitItem::Fn(syn::TraitItemFn { default: Some(block), .. }) = item {
                    self.inner(block);
                }
            }),
            Item::Static(s) => self.part(&s.expr),
            Item::Const(c) => self.part(&c.expr),
            // `cfg_rt! { … }`: the definition of a macro is no list of items.
            Item::Macro(m) => {
                if let Ok(inner) = syn::parse2::<syn::File>(m.mac.tokens.clone()) {
                    self.items(&inner.items);
                }
            }
            _ => {}
        }
        self.at = outer;
    }

    fn block(&mut self, block: &syn::Block) -> NodeId {
        let span = self.source.span(block.brace_token.span.open(), block.brace_token.span.close());
        self.node(span, |w| {
            let statements = block.stmts.iter().filter_map(|s| w.statement(s)).collect();
            NodeKind::Block { statements }
        })
    }

    fn statement(&mut self, statement: &Stmt) -> Option<NodeId> {
        match statement {
            Stmt::Local(local) => Some(self.local(local)),
            Stmt::Expr(expr, semi) => {
                let hi = semi.as_ref().map_or_else(|| expr_hi(expr), |s| s.spans[0]);
                let span = self.source.span(expr_lo(expr), hi);
                Some(self.node(span, |w| NodeKind::Statement { expr: w.expr(expr), semicolon: semi.is_some() }))
            }
            Stmt::Macro(m) => {
                let lo = super::source::path_lo(&None, &m.mac.path);
                let hi = m.semi_token.as_ref().map_or_else(|| m.mac.delimiter.span().close(), |s| s.spans[0]);
                let span = self.source.span(lo, hi);
                Some(self.node(span, |_| NodeKind::MacroStatement))
            }
            Stmt::Item(item) => {
                self.item(item);
                None
            }
        }
    }

    fn local(&mut self, local: &syn::Local) -> NodeId {
        let span = self.source.span(local.let_token.span, local.semi_token.spans[0]);
        let mut pattern = &local.pat;
        while let syn::Pat::Type(typed) = pattern {
            pattern = &typed.pat;
        }
        let (name, mutable) = match pattern {
            syn::Pat::Ident(p) if p.by_ref.is_none() && p.subpat.is_none() => {
                (Some(name(&p.ident)), p.mutability.is_some())
            }
            _ => (None, false),
        };
        let (lo, hi) = pat_span(pattern);
        let pattern = self.source.span(lo, hi);
        self.node(span, |w| {
            let init = local.init.as_ref().map(|i| w.expr(&i.expr));
            let diverges = local.init.as_ref().and_then(|i| i.diverge.as_ref());
            if let Some((_, otherwise)) = diverges {
                w.expr(otherwise);
            }
            NodeKind::Let { name, mutable, pattern, init, diverges: diverges.is_some() }
        })
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Vec<NodeId> {
        exprs.into_iter().map(|e| self.expr(e)).collect()
    }

    fn parts<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        exprs.into_iter().for_each(|e| self.part(e));
    }

    fn part(&mut self, expr: &Expr) {
        self.expr(expr);
    }

    fn inner(&mut self, block: &syn::Block) {
        self.block(block);
    }

    fn expr(&mut self, expr: &Expr) -> NodeId {
        let span = self.source.span(expr_lo(expr), expr_hi(expr));
        match expr {
            Expr::Group(e) => self.expr(&e.expr),
            Expr::Block(e) if e.label.is_none() => self.block(&e.block),
            _ => self.node(span, |w| w.kind(expr)),
        }
    }

    fn kind(&mut self, expr: &Expr) -> NodeKind {
        match expr {
            Expr::MethodCall(e) => NodeKind::Method {
                receiver: self.expr(&e.receiver),
                name: name(&e.method),
                name_span: self.source.span(e.method.span(), e.method.span()),
                args: self.exprs(&e.args),
            },
            Expr::Call(e) => NodeKind::Call { callee: self.expr(&e.func), args: self.exprs(&e.args) },
            Expr::Binary(e) => {
                NodeKind::Binary { left: self.expr(&e.left), op: operator(&e.op), right: self.expr(&e.right) }
            }
            Expr::Unary(e) => {
                let operand = self.expr(&e.expr);
                if matches!(e.op, syn::UnOp::Not(_)) { NodeKind::Not(operand) } else { NodeKind::Other }
            }
            Expr::Paren(e) => NodeKind::Paren(self.expr(&e.expr)),
            Expr::Path(_) => NodeKind::Path,
            Expr::Field(e) => {
                self.expr(&e.base);
                NodeKind::Field
            }
            Expr::Lit(_) => NodeKind::Literal,
            Expr::Let(e) => {
                let (lo, hi) = pat_span(&e.pat);
                NodeKind::Is { pattern: self.source.span(lo, hi), value: self.expr(&e.expr) }
            }
            Expr::Assign(e) => NodeKind::Assign { to: self.expr(&e.left), value: self.expr(&e.right) },
            Expr::Closure(e) => {
                self.expr(&e.body);
                NodeKind::Closure
            }
            Expr::Macro(_) => NodeKind::Macro,
            Expr::Struct(e) => {
                let fields = e.fields.iter().map(|f| (self.member(&f.member), self.expr(&f.expr))).collect();
                e.rest.iter().for_each(|rest| self.part(rest));
                NodeKind::Struct { fields }
            }
            _ => self.control(expr),
        }
    }

    fn member(&self, member: &syn::Member) -> String {
        match member {
            syn::Member::Named(ident) => name(ident),
            syn::Member::Unnamed(index) => index.index.to_string(),
        }
    }

    fn control(&mut self, expr: &Expr) -> NodeKind {
        match expr {
            Expr::If(e) => NodeKind::If {
                cond: self.expr(&e.cond),
                then: self.block(&e.then_branch),
                otherwise: e.else_branch.as_ref().map(|(_, e)| self.expr(e)),
            },
            Expr::While(e) => NodeKind::While { cond: self.expr(&e.cond), body: self.block(&e.body) },
            Expr::Loop(e) => NodeKind::Loop { body: self.block(&e.body) },
            Expr::ForLoop(e) => {
                self.expr(&e.expr);
                NodeKind::For { body: self.block(&e.body) }
            }
            Expr::Match(e) => {
                let on = self.expr(&e.expr);
                NodeKind::Match { on, arms: e.arms.iter().map(|arm| self.arm(arm)).collect() }
            }
            Expr::Break(e) => {
                NodeKind::Break { labelled: e.label.is_some(), value: e.expr.as_ref().map(|e| self.expr(e)) }
            }
            Expr::Continue(e) => NodeKind::Continue { labelled: e.label.is_some() },
            Expr::Return(e) => NodeKind::Return(e.expr.as_ref().map(|e| self.expr(e))),
            Expr::Try(e) => {
                self.expr(&e.expr);
                NodeKind::Leaves
            }
            Expr::Await(e) => {
                self.expr(&e.base);
                NodeKind::Leaves
            }
            Expr::Yield(_) => NodeKind::Leaves,
            _ => self.other(expr),
        }
    }

    fn arm(&mut self, arm: &syn::Arm) -> NodeId {
        let (pat, guard) = match &arm.pat {
            syn::Pat::Guard(p) => (&*p.pat, Some(&*p.guard)),
            pat => (pat, None),
        };
        let (lo, hi) = pat_span(pat);
        let pattern = self.source.span(lo, hi);
        let end = match &arm.comma {
            Some(comma) => comma.spans[0],
            None => expr_hi(&arm.body),
        };
        self.node(self.source.span(lo, end), |w| {
            guard.iter().for_each(|g| w.part(g));
            NodeKind::Arm { pattern, guarded: guard.is_some(), body: w.expr(&arm.body) }
        })
    }

    /// Expressions that no remedy takes apart; their parts may hold some that it does.
    fn other(&mut self, expr: &Expr) -> NodeKind {
        match expr {
            Expr::Array(e) => self.parts(&e.elems),
            Expr::Tuple(e) => self.parts(&e.elems),
            Expr::Async(e) => self.inner(&e.block),
            Expr::Block(e) => self.inner(&e.block),
            Expr::Unsafe(e) => self.inner(&e.block),
            Expr::Const(e) => self.inner(&e.block),
            Expr::TryBlock(e) => self.inner(&e.block),
            Expr::Cast(e) => self.part(&e.expr),
            Expr::Reference(e) => self.part(&e.expr),
            Expr::RawAddr(e) => self.part(&e.expr),
            Expr::Repeat(e) => self.part(&e.expr),
            Expr::Index(e) => self.parts([&*e.expr, &*e.index]),
            Expr::Range(e) => e.start.iter().chain(&e.end).for_each(|e| self.part(e)),
            _ => {}
        }
        NodeKind::Other
    }
}

fn operator(op: &syn::BinOp) -> &'static str {
    use syn::BinOp::*;
    match op {
        Add(_) => "+",
        Sub(_) => "-",
        Mul(_) => "*",
        Div(_) => "/",
        Rem(_) => "%",
        And(_) => "&&",
        Or(_) => "||",
        BitXor(_) => "^",
        BitAnd(_) => "&",
        BitOr(_) => "|",
        Shl(_) => "<<",
        Shr(_) => ">>",
        Eq(_) => "==",
        Ne(_) => "!=",
        Lt(_) => "<",
        Le(_) => "<=",
        Gt(_) => ">",
        Ge(_) => ">=",
        AddAssign(_) => "+=",
        SubAssign(_) => "-=",
        BitOrAssign(_) => "|=",
        BitAndAssign(_) => "&=",
        BitXorAssign(_) => "^=",
        _ => "",
    }
}
