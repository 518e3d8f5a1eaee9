//! Bodies: functions, closures, `async` blocks and initialisers to control-flow graphs.
//!
//! [`graph`] holds the body under construction; [`exprs`], [`control`], [`patterns`] and [`places`] walk the
//! syntax in evaluation order, [`atomics`] recognises the operations that name themselves, [`finish`] numbers the
//! result. Temporaries are not given scopes, `drop` flags not modelled, and arguments of `&&`-chains, guards and
//! `?` become branches.

mod atomics;
mod calls;
mod control;
mod exprs;
mod finish;
mod graph;
mod patterns;
mod places;

use proc_macro2::Span as Token;
use syn::{Expr, Stmt};

use super::{Cx, attrs, source};
use crate::ir::{
    BlockId, Body, BodyIdx, BodyKind, Cfg, EventKind, LocalId, MacroCall, Span, Terminator, Ty, ValueId, ValueKind,
};
pub(super) use graph::Builder;
use graph::{Target, TargetKind};

/// What a body is made from.
pub(super) enum Head<'t> {
    Fn { sig: &'t syn::Signature, lo: Token, block: &'t syn::Block, is_unsafe: bool },
    Init(&'t Expr),
    Closure(&'t syn::ExprClosure),
    Async(&'t syn::ExprAsync),
}

pub(super) fn empty() -> Body {
    Body {
        kind: BodyKind::Init,
        span: Span::new(0, 0),
        parent: None,
        params: Vec::new(),
        captures: Vec::new(),
        locals: Vec::new(),
        values: Vec::new(),
        events: Vec::new(),
        blocks: Vec::new(),
        loops: Vec::new(),
        items: Vec::new(),
    }
}

impl Cx<'_> {
    /// Lowers a body to its end and gives its index.
    pub(super) fn body_of(&mut self, head: Head<'_>) -> BodyIdx {
        let idx = self.reserve_body();
        let builder = self.builder(idx, &head);
        let outer = std::mem::replace(&mut self.body, builder);
        self.outer.push(outer);
        let item_cfg = std::mem::take(&mut self.item_cfg);

        self.body.enter();
        match head {
            Head::Fn { sig, block, .. } => {
                self.fn_params(sig);
                let value = self.stmts(&block.stmts);
                self.fall_off(value);
            }
            Head::Init(expr) => {
                let value = self.expr(expr);
                self.fall_off(value);
            }
            Head::Closure(closure) => {
                self.closure_params(closure);
                let value = self.expr(&closure.body);
                self.fall_off(value);
            }
            Head::Async(block) => {
                let value = self.stmts(&block.block.stmts);
                self.fall_off(value);
            }
        }

        self.item_cfg = item_cfg;
        let outer = self.outer.pop().unwrap_or_else(Builder::outside);
        let done = std::mem::replace(&mut self.body, outer);
        self.store_body(idx, done);
        idx
    }

    fn builder(&self, idx: BodyIdx, head: &Head<'_>) -> Builder {
        let mut body = empty();
        let mut is_unsafe = false;
        let mut is_inner = false;
        match head {
            Head::Fn { lo, block, is_unsafe: declared, .. } => {
                body.kind = BodyKind::Fn;
                body.span = self.span(*lo, block.brace_token.span.close());
                is_unsafe = *declared;
            }
            Head::Init(expr) => {
                body.kind = BodyKind::Init;
                body.span = self.span(source::expr_lo(expr), source::expr_hi(expr));
            }
            Head::Closure(closure) => {
                body.kind =
                    BodyKind::Closure { is_move: closure.capture.is_some(), is_async: closure.asyncness.is_some() };
                let lo = source::closure_lo(closure);
                body.span = self.span(lo, source::expr_hi(&closure.body));
                is_inner = true;
            }
            Head::Async(block) => {
                body.kind = BodyKind::AsyncBlock { is_move: block.capture.is_some() };
                let hi = block.block.brace_token.span.close();
                body.span = self.span(block.async_token.span, hi);
                is_inner = true;
            }
        }
        let in_body = !self.outer.is_empty();
        if is_inner && in_body {
            body.parent = Some(self.body.idx);
        }
        let mut builder = Builder::new(idx, body);
        builder.is_unsafe = is_unsafe || (is_inner && self.body.is_unsafe);
        if is_inner {
            builder.cfg = self.body.cfg.clone();
        }
        builder
    }

    /// Puts a finished body into the file and settles what it takes from the body around.
    fn store_body(&mut self, idx: BodyIdx, done: Builder) {
        let children = done.children.clone();
        let (body, values) = done.finish();
        for child in children {
            if let Some(child) = self.file.bodies.get_mut(child.0 as usize) {
                for capture in &mut child.captures {
                    capture.value = values.of(capture.value);
                }
            }
        }
        if !body.captures.is_empty() {
            self.body.children.push(idx);
            let moved =
                matches!(body.kind, BodyKind::Closure { is_move: true, .. } | BodyKind::AsyncBlock { is_move: true });
            for capture in body.captures.iter().filter(|c| c.mutated && !moved) {
                let unknown = self.body.unknown(body.span);
                self.body.assign(capture.outer, unknown);
            }
        }
        if let Some(slot) = self.file.bodies.get_mut(idx.0 as usize) {
            *slot = body;
        }
    }

    /// Returns the value of the body's tail.
    fn fall_off(&mut self, value: ValueId) {
        let value = (!self.body.is_unit(value)).then_some(value);
        self.body.terminate(Terminator::Return(value));
    }

    fn fn_params(&mut self, sig: &syn::Signature) {
        for input in &sig.inputs {
            match input {
                syn::FnArg::Receiver(receiver) => {
                    let ty = match &receiver.kind {
                        syn::ReceiverKind::Typed(_, ty) => Some(self.ty(ty)),
                        _ => None,
                    };
                    let mutable = receiver.mutability.is_some();
                    let span = self.token_span(receiver.self_token.span);
                    self.param("self".to_owned(), ty, mutable, span);
                }
                syn::FnArg::Typed(p) => {
                    let ty = self.ty(&p.ty);
                    self.pat_param(&p.pat, Some(ty));
                }
            }
        }
    }

    fn closure_params(&mut self, closure: &syn::ExprClosure) {
        for pat in &closure.inputs {
            match pat {
                syn::Pat::Type(p) => {
                    let ty = self.ty(&p.ty);
                    self.pat_param(&p.pat, Some(ty));
                }
                pat => self.pat_param(pat, None),
            }
        }
    }

    fn pat_param(&mut self, pat: &syn::Pat, ty: Option<Ty>) {
        let (lo, hi) = source::pat_span(pat);
        let span = self.span(lo, hi);
        match pat {
            syn::Pat::Ident(p) if p.subpat.is_none() => {
                let span = self.token_span(p.ident.span());
                self.param(super::name(&p.ident), ty, p.mutability.is_some(), span);
            }
            pat => {
                let local = self.param(String::new(), ty, false, span);
                let value = self.body.read(local);
                self.bind(pat, value, None);
            }
        }
    }

    fn param(&mut self, name: String, ty: Option<Ty>, mutable: bool, span: Span) -> LocalId {
        let index = self.body.body.params.len() as u32;
        let local = self.body.declare(name, ty, mutable, span);
        self.body.body.params.push(local);
        let value = self.body.value(ValueKind::Param(index), span);
        self.body.define(local, value);
        local
    }

    /// What `name` stands for: a variable of this body, or one taken from the bodies around.
    pub(super) fn lookup(&mut self, ident: &syn::Ident) -> Option<LocalId> {
        use std::fmt::Write;
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        // Writing to a string does not fail.
        let _ = write!(text, "{ident}");
        let found = self.lookup_name(text.trim_start_matches("r#"));
        self.scratch = text;
        found
    }

    pub(super) fn lookup_name(&mut self, name: &str) -> Option<LocalId> {
        if let Some(local) = self.body.lookup(name) {
            return Some(local);
        }
        let mut captures = self.body.captures;
        let mut level = self.outer.len();
        let mut outer = loop {
            if !captures || level == 0 {
                return None;
            }
            level -= 1;
            let builder = &self.outer[level];
            if let Some(local) = builder.lookup(name) {
                break local;
            }
            captures = builder.captures;
        };
        while level < self.outer.len() {
            let from = &mut self.outer[level];
            let value = from.read(outer);
            let variable = from.body.locals[outer.index()].clone();
            level += 1;
            let inner = match self.outer.get_mut(level) {
                Some(inner) => inner,
                None => &mut self.body,
            };
            outer = inner.capture(name, outer, &variable, value);
        }
        Some(outer)
    }

    /// A block with a scope of its own.
    pub(super) fn block(&mut self, block: &syn::Block) -> ValueId {
        let mark = self.body.scope.len();
        let value = self.stmts(&block.stmts);
        let end = self.token_span(block.brace_token.span.close());
        self.body.end_scope(mark, end);
        value
    }

    /// Statements in the current scope; the value is that of the tail.
    pub(super) fn stmts(&mut self, stmts: &[Stmt]) -> ValueId {
        let alternatives = self.trailing_alternatives(stmts);
        let (stmts, tail) = stmts.split_at(stmts.len() - alternatives);
        for (index, stmt) in stmts.iter().enumerate() {
            let value = self.stmt(stmt);
            if index + 1 == stmts.len() && tail.is_empty() && is_tail(stmt) {
                return value;
            }
        }
        if tail.is_empty() { self.body.unit() } else { self.alternatives(tail) }
    }

    fn stmt(&mut self, stmt: &Stmt) -> ValueId {
        let attrs = stmt_attrs(stmt);
        let cfg = match attrs {
            [] => Cfg::always(),
            attrs => self.cfg(attrs),
        };
        match stmt {
            Stmt::Item(item) => {
                let mut items = Vec::new();
                self.item(item, &mut items);
                self.body.body.items.append(&mut items);
                self.body.unit()
            }
            Stmt::Local(local) if cfg.is_always() => self.local(local),
            Stmt::Local(local) => self.under(cfg, |cx| cx.local(local)),
            Stmt::Expr(expr, _) if cfg.is_always() => self.expr(expr),
            Stmt::Expr(expr, _) => self.conditional(cfg, |cx| cx.expr(expr)),
            Stmt::Macro(m) if cfg.is_always() => self.stmt_macro(m),
            Stmt::Macro(m) => self.conditional(cfg, |cx| cx.stmt_macro(m)),
        }
    }

    /// Lowers with `cfg` added to the condition of events and items.
    pub(super) fn under<T>(&mut self, cfg: Cfg, lower: impl FnOnce(&mut Self) -> T) -> T {
        let body_cfg = self.body.cfg.clone();
        let item_cfg = self.item_cfg.clone();
        self.body.cfg = body_cfg.clone().and(cfg.clone());
        self.item_cfg = item_cfg.clone().and(cfg);
        let result = lower(self);
        self.body.cfg = body_cfg;
        self.item_cfg = item_cfg;
        result
    }

    /// A statement that may be configured away. Where it leaves (`#[cfg(loom)] return x;`) the code behind it
    /// stays reachable.
    fn conditional(&mut self, cfg: Cfg, lower: impl FnOnce(&mut Self) -> ValueId) -> ValueId {
        let before = self.body.cur;
        let was_live = self.body.live;
        let inner = self.body.new_block();
        self.body.goto(inner);
        self.body.start(inner);
        let value = self.under(cfg, lower);
        if was_live && !self.body.live {
            let cond = self.body.unknown(self.body.body.span);
            let after = self.body.new_block();
            self.body.jump_to_branch(before, after, cond);
            self.body.start(after);
            return self.body.unit();
        }
        value
    }

    /// How many statements at the end are expressions that exclude each other by `cfg`.
    fn trailing_alternatives(&self, stmts: &[Stmt]) -> usize {
        let under_cfg = |stmt: &Stmt| is_tail(stmt) && stmt_attrs(stmt).iter().any(|attr| attr.path().is_ident("cfg"));
        let mut cfgs: Vec<Cfg> = Vec::new();
        for stmt in stmts.iter().rev().take_while(|stmt| under_cfg(stmt)) {
            let cfg = self.cfg(stmt_attrs(stmt));
            if !cfgs.iter().all(|other| attrs::excludes(other, &cfg)) {
                break;
            }
            cfgs.push(cfg);
        }
        if cfgs.len() > 1 { cfgs.len() } else { 0 }
    }

    /// Blocks at the end of a body that exclude each other by `cfg`: one of them gives the value.
    fn alternatives(&mut self, stmts: &[Stmt]) -> ValueId {
        let branches = stmts.iter().map(|stmt| (self.cfg(stmt_attrs(stmt)), stmt)).collect();
        self.branches(branches, |cx, stmt| match stmt {
            Stmt::Expr(expr, _) => cx.expr(expr),
            stmt => cx.stmt(stmt),
        })
    }

    /// Lowers code of which the build takes one branch, as a chain of branches on nothing known.
    pub(super) fn branches<T>(
        &mut self,
        branches: Vec<(Cfg, T)>,
        mut lower: impl FnMut(&mut Self, T) -> ValueId,
    ) -> ValueId {
        let span = self.body.body.span;
        let join = self.body.new_block();
        let mut incoming = Vec::new();
        let last = branches.len().saturating_sub(1);
        for (index, (cfg, branch)) in branches.into_iter().enumerate() {
            let next = self.body.new_block();
            if index < last {
                let taken = self.body.new_block();
                let cond = self.body.unknown(span);
                self.body.terminate(Terminator::Branch { cond, then: taken, otherwise: next });
                self.body.start(taken);
            }
            let value = self.under(cfg, |cx| lower(cx, branch));
            self.leave_to(join, value, &mut incoming);
            if index < last {
                self.body.start(next);
            }
        }
        self.body.goto(join);
        self.body.start(join);
        self.body.join(incoming, span)
    }

    /// Goes to `join` with a value, if control comes here.
    fn leave_to(&mut self, join: BlockId, value: ValueId, incoming: &mut Vec<(BlockId, ValueId)>) {
        if self.body.live {
            incoming.push((self.body.cur, value));
            self.body.goto(join);
        }
    }

    fn local(&mut self, local: &syn::Local) -> ValueId {
        let Some(init) = &local.init else {
            self.declare_pat(&local.pat);
            return self.body.unit();
        };
        let value = self.expr(&init.expr);
        if let Some((_, diverge)) = &init.diverge {
            let (lo, hi) = source::pat_span(&local.pat);
            let span = self.span(lo, hi);
            let pattern = self.pattern(&local.pat);
            let cond = self.body.value(ValueKind::Matches { value, pattern }, span);
            let then = self.body.new_block();
            let otherwise = self.body.new_block();
            self.body.terminate(Terminator::Branch { cond, then, otherwise });
            self.body.start(otherwise);
            self.expr(diverge);
            self.body.terminate(Terminator::Unreachable);
            self.body.start(then);
        }
        self.bind(&local.pat, value, None);
        self.body.unit()
    }

    /// An event for code that was not understood.
    pub(super) fn opaque(&mut self, span: Span) -> ValueId {
        self.body.event_value(EventKind::Opaque, span)
    }

    pub(super) fn macro_event(
        &mut self,
        mac: &syn::Macro,
        args: Vec<ValueId>,
        opaque: bool,
        diverges: bool,
    ) -> ValueId {
        let path = self.path(&None, &mac.path);
        let span = self.mac_span(mac);
        let call = MacroCall { path, args, opaque, diverges };
        let value = self.body.event_value(EventKind::Macro(call), span);
        if diverges {
            self.body.diverge(Terminator::Unreachable);
        }
        value
    }

    pub(super) fn mac_span(&self, mac: &syn::Macro) -> Span {
        self.span(source::path_lo(&None, &mac.path), mac.delimiter.span().close())
    }

    pub(super) fn push_target(&mut self, label: Option<String>, kind: TargetKind, exit: BlockId) {
        let scope = self.body.scope.len();
        self.body.targets.push(Target { label, kind, exit, values: Vec::new(), scope });
    }

    pub(super) fn pop_target(&mut self) -> Vec<(BlockId, ValueId)> {
        self.body.targets.pop().map_or_else(Vec::new, |target| target.values)
    }
}

fn is_tail(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Expr(_, semi) => semi.is_none(),
        Stmt::Macro(m) => m.semi_token.is_none(),
        _ => false,
    }
}

fn stmt_attrs(stmt: &Stmt) -> &[syn::Attribute] {
    match stmt {
        Stmt::Local(local) => &local.attrs,
        Stmt::Macro(m) => &m.attrs,
        Stmt::Expr(expr, _) => expr_attrs(expr),
        Stmt::Item(_) => &[],
    }
}

/// The attributes in front of an expression; the parser hangs them on its leftmost operand.
fn expr_attrs(mut expr: &Expr) -> &[syn::Attribute] {
    loop {
        expr = match expr {
            Expr::Assign(e) => &e.left,
            Expr::Binary(e) => &e.left,
            Expr::Cast(e) => &e.expr,
            Expr::Array(e) => return &e.attrs,
            Expr::Async(e) => return &e.attrs,
            Expr::Await(e) => return &e.attrs,
            Expr::Block(e) => return &e.attrs,
            Expr::Break(e) => return &e.attrs,
            Expr::Call(e) => return &e.attrs,
            Expr::Closure(e) => return &e.attrs,
            Expr::Const(e) => return &e.attrs,
            Expr::Continue(e) => return &e.attrs,
            Expr::Field(e) => return &e.attrs,
            Expr::ForLoop(e) => return &e.attrs,
            Expr::If(e) => return &e.attrs,
            Expr::Index(e) => return &e.attrs,
            Expr::Lit(e) => return &e.attrs,
            Expr::Loop(e) => return &e.attrs,
            Expr::Macro(e) => return &e.attrs,
            Expr::Match(e) => return &e.attrs,
            Expr::MethodCall(e) => return &e.attrs,
            Expr::Paren(e) => return &e.attrs,
            Expr::Path(e) => return &e.attrs,
            Expr::Return(e) => return &e.attrs,
            Expr::Struct(e) => return &e.attrs,
            Expr::Try(e) => return &e.attrs,
            Expr::Tuple(e) => return &e.attrs,
            Expr::Unary(e) => return &e.attrs,
            Expr::Unsafe(e) => return &e.attrs,
            Expr::While(e) => return &e.attrs,
            _ => return &[],
        };
    }
}
