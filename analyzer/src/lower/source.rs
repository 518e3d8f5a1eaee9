//! Where tokens stand: from the lexer's lines and columns to bytes of the file, and from a syntax node to its
//! first and last token.
//!
//! `proc_macro2` counts characters from the start of what it was given, which is the file without its byte order
//! mark and shebang. Its own way to bytes fills a map with every position asked for; a table of lines is cheaper.

use std::borrow::Cow;

use proc_macro2::{LineColumn, Span as Token};
use syn::{Expr, Member, Pat, PathArguments, Type, TypeParamBound};

use super::limits::Spared;
use crate::ir::Span;

pub(super) struct Source<'a> {
    text: &'a str,
    /// Where each line of the code starts in `text`.
    lines: Vec<u32>,
    is_ascii: bool,
    /// What the lexer is to be given: the code with as many characters on each line, but for what it is spared.
    code: Cow<'a, str>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, spared: &[Spared]) -> Self {
        // A byte order mark and a shebang line are no code.
        let base = code_start(text);
        let code = &text[base..];
        let mut lines = Vec::with_capacity(code.len() / 32 + 1);
        lines.push(base as u32);
        lines.extend(memchr::memchr_iter(b'\n', code.as_bytes()).map(|at| (base + at + 1) as u32));
        Source { text, lines, is_ascii: code.is_ascii(), code: without(text, base, spared) }
    }

    pub(super) fn code(&self) -> &str {
        &self.code
    }

    pub(super) fn end(&self) -> Span {
        Span::new(self.text.len() as u32, self.text.len() as u32)
    }

    pub(super) fn span(&self, lo: Token, hi: Token) -> Span {
        Span::new(self.offset(lo.start()), self.offset(hi.end()))
    }

    /// The text from an offset on.
    pub(super) fn after(&self, offset: u32) -> &'a str {
        self.text.get(offset as usize..).unwrap_or("")
    }

    /// The source text of a range, empty where there is none.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    fn offset(&self, at: LineColumn) -> u32 {
        let end = self.text.len() as u32;
        let Some(&start) = self.lines.get(at.line.saturating_sub(1)) else {
            return end;
        };
        if self.is_ascii {
            return (start + at.column as u32).min(end);
        }
        let rest = &self.text[start as usize..];
        let bytes: usize = rest.chars().take(at.column).map(char::len_utf8).sum();
        start + bytes as u32
    }
}

/// The code from `base` on, further lines of documentation turned into plain comments, and test modules empty.
fn without<'a>(text: &'a str, base: usize, spared: &[Spared]) -> Cow<'a, str> {
    if spared.is_empty() {
        return Cow::Borrowed(&text[base..]);
    }
    let mut code = String::with_capacity(text.len() - base);
    let mut done = base;
    for part in spared {
        match *part {
            Spared::Doc(at) => {
                code.push_str(&text[done..at]);
                code.push(' ');
                done = at + 1;
            }
            Spared::Tests { start, end } => {
                code.push_str(&text[done..start]);
                let mut lines = text[start..end].split('\n');
                let mut last = lines.next().unwrap_or("");
                for line in lines {
                    code.push('\n');
                    last = line;
                }
                code.extend(last.chars().map(|_| ' '));
                done = end;
            }
        }
    }
    code.push_str(&text[done..]);
    Cow::Owned(code)
}

fn code_start(text: &str) -> usize {
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let code = &text[start..];
    match code.strip_prefix("#!") {
        Some(rest) if !opens_attribute(rest) => start + code.find('\n').unwrap_or(code.len()),
        _ => start,
    }
}

/// Whether a `[` is the next token, as in `#![…]`.
fn opens_attribute(mut rest: &str) -> bool {
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.find('\n').map_or("", |at| &comment[at..]);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.find("*/").map_or("", |at| &comment[at + 2..]);
        } else {
            return rest.starts_with('[');
        }
    }
}

pub(super) fn expr_lo(mut expr: &Expr) -> Token {
    loop {
        expr = match expr {
            Expr::Assign(e) => &e.left,
            Expr::Await(e) => &e.base,
            Expr::Binary(e) => &e.left,
            Expr::Call(e) => &e.func,
            Expr::Cast(e) => &e.expr,
            Expr::Field(e) => &e.base,
            Expr::Group(e) => &e.expr,
            Expr::Index(e) => &e.expr,
            Expr::MethodCall(e) => &e.receiver,
            Expr::Range(e) if e.start.is_some() => match &e.start {
                Some(start) => start,
                None => return Token::call_site(),
            },
            Expr::Try(e) => &e.expr,
            other => return leaf_lo(other),
        };
    }
}

fn leaf_lo(expr: &Expr) -> Token {
    match expr {
        Expr::Array(e) => e.bracket_token.span.open(),
        Expr::Async(e) => e.async_token.span,
        Expr::Block(e) => match &e.label {
            Some(label) => label.name.apostrophe,
            None => e.block.brace_token.span.open(),
        },
        Expr::Break(e) => e.break_token.span,
        Expr::Closure(e) => closure_lo(e),
        Expr::Const(e) => e.const_token.span,
        Expr::Continue(e) => e.continue_token.span,
        Expr::ForLoop(e) => label_or(&e.label, e.for_token.span),
        Expr::If(e) => e.if_token.span,
        Expr::Infer(e) => e.underscore_token.span,
        Expr::Let(e) => e.let_token.span,
        Expr::Lit(e) => e.lit.span(),
        Expr::Loop(e) => label_or(&e.label, e.loop_token.span),
        Expr::Macro(e) => path_lo(&None, &e.mac.path),
        Expr::Match(e) => e.match_token.span,
        Expr::Paren(e) => e.paren_token.span.open(),
        Expr::Path(e) => path_lo(&e.qself, &e.path),
        Expr::Range(e) => limits_span(&e.limits),
        Expr::RawAddr(e) => e.and_token.spans[0],
        Expr::Reference(e) => e.and_token.spans[0],
        Expr::Repeat(e) => e.bracket_token.span.open(),
        Expr::Return(e) => e.return_token.span,
        Expr::Struct(e) => path_lo(&e.qself, &e.path),
        Expr::TryBlock(e) => e.try_token.span,
        Expr::Tuple(e) => e.paren_token.span.open(),
        Expr::Unary(e) => match &e.op {
            syn::UnOp::Deref(t) => t.spans[0],
            syn::UnOp::Not(t) => t.spans[0],
            syn::UnOp::Neg(t) => t.spans[0],
            _ => Token::call_site(),
        },
        Expr::Unsafe(e) => e.unsafe_token.span,
        Expr::Verbatim(tokens) => tokens_lo(tokens),
        Expr::While(e) => label_or(&e.label, e.while_token.span),
        Expr::Yield(e) => e.yield_token.span,
        _ => Token::call_site(),
    }
}

pub(super) fn closure_lo(e: &syn::ExprClosure) -> Token {
    if let Some(lifetimes) = &e.lifetimes {
        lifetimes.for_token.span
    } else if let Some(token) = &e.constness {
        token.span
    } else if let Some(token) = &e.asyncness {
        token.span
    } else if let Some(token) = &e.capture {
        token.span
    } else {
        e.inputs_begin.spans[0]
    }
}

fn label_or(label: &Option<syn::Label>, keyword: Token) -> Token {
    label.as_ref().map_or(keyword, |l| l.name.apostrophe)
}

fn limits_span(limits: &syn::RangeLimits) -> Token {
    match limits {
        syn::RangeLimits::HalfOpen(t) => t.spans[0],
        syn::RangeLimits::Closed(t) => t.spans[0],
    }
}

pub(super) fn expr_hi(mut expr: &Expr) -> Token {
    loop {
        expr = match expr {
            Expr::Assign(e) => &e.right,
            Expr::Binary(e) => &e.right,
            Expr::Closure(e) => &e.body,
            Expr::Group(e) => &e.expr,
            Expr::Let(e) => &e.expr,
            Expr::RawAddr(e) => &e.expr,
            Expr::Reference(e) => &e.expr,
            Expr::Unary(e) => &e.expr,
            Expr::If(e) => match &e.else_branch {
                Some((_, other)) => other,
                None => return e.then_branch.brace_token.span.close(),
            },
            Expr::Break(e) => match (&e.expr, &e.label) {
                (Some(value), _) => value,
                (None, Some(label)) => return label.ident.span(),
                (None, None) => return e.break_token.span,
            },
            Expr::Range(e) => match &e.end {
                Some(end) => end,
                None => return limits_hi(&e.limits),
            },
            Expr::Return(e) => match &e.expr {
                Some(value) => value,
                None => return e.return_token.span,
            },
            Expr::Yield(e) => match &e.expr {
                Some(value) => value,
                None => return e.yield_token.span,
            },
            other => return leaf_hi(other),
        };
    }
}

fn limits_hi(limits: &syn::RangeLimits) -> Token {
    match limits {
        syn::RangeLimits::HalfOpen(t) => t.spans[1],
        syn::RangeLimits::Closed(t) => t.spans[2],
    }
}

fn leaf_hi(expr: &Expr) -> Token {
    match expr {
        Expr::Array(e) => e.bracket_token.span.close(),
        Expr::Async(e) => e.block.brace_token.span.close(),
        Expr::Await(e) => e.await_token.span,
        Expr::Block(e) => e.block.brace_token.span.close(),
        Expr::Call(e) => e.paren_token.span.close(),
        Expr::Cast(e) => type_hi(&e.ty),
        Expr::Const(e) => e.block.brace_token.span.close(),
        Expr::Continue(e) => match &e.label {
            Some(label) => label.ident.span(),
            None => e.continue_token.span,
        },
        Expr::Field(e) => member_span(&e.member),
        Expr::ForLoop(e) => e.body.brace_token.span.close(),
        Expr::Index(e) => e.bracket_token.span.close(),
        Expr::Infer(e) => e.underscore_token.span,
        Expr::Lit(e) => e.lit.span(),
        Expr::Loop(e) => e.body.brace_token.span.close(),
        Expr::Macro(e) => e.mac.delimiter.span().close(),
        Expr::Match(e) => e.brace_token.span.close(),
        Expr::MethodCall(e) => e.paren_token.span.close(),
        Expr::Paren(e) => e.paren_token.span.close(),
        Expr::Path(e) => path_hi(&e.qself, &e.path),
        Expr::Repeat(e) => e.bracket_token.span.close(),
        Expr::Struct(e) => e.brace_token.span.close(),
        Expr::Try(e) => e.question_token.spans[0],
        Expr::TryBlock(e) => e.block.brace_token.span.close(),
        Expr::Tuple(e) => e.paren_token.span.close(),
        Expr::Unsafe(e) => e.block.brace_token.span.close(),
        Expr::Verbatim(tokens) => tokens_hi(tokens),
        Expr::While(e) => e.body.brace_token.span.close(),
        _ => Token::call_site(),
    }
}

pub(super) fn member_span(member: &Member) -> Token {
    match member {
        Member::Named(ident) => ident.span(),
        Member::Unnamed(index) => index.span,
    }
}

pub(super) fn path_lo(qself: &Option<syn::QSelf>, path: &syn::Path) -> Token {
    if let Some(qself) = qself {
        qself.lt_token.spans[0]
    } else if let Some(colon) = &path.leading_colon {
        colon.spans[0]
    } else {
        path.segments.first().map_or_else(Token::call_site, |s| s.ident.span())
    }
}

pub(super) fn path_hi(qself: &Option<syn::QSelf>, path: &syn::Path) -> Token {
    match path.segments.last() {
        Some(segment) => match &segment.arguments {
            PathArguments::None => segment.ident.span(),
            PathArguments::AngleBracketed(args) => args.gt_token.spans[0],
            PathArguments::Parenthesized(args) => match &args.output {
                syn::ReturnType::Default => args.paren_token.span.close(),
                syn::ReturnType::Type(_, ty) => type_hi(ty),
            },
        },
        None => qself.as_ref().map_or_else(Token::call_site, |q| q.gt_token.spans[0]),
    }
}

pub(super) fn type_lo(mut ty: &Type) -> Token {
    loop {
        ty = match ty {
            Type::Group(t) => &t.elem,
            Type::Array(t) => return t.bracket_token.span.open(),
            Type::FnPtr(t) => {
                return if let Some(lifetimes) = &t.lifetimes {
                    lifetimes.for_token.span
                } else if let Some(token) = &t.unsafety {
                    token.span
                } else if let Some(abi) = &t.abi {
                    abi.extern_token.span
                } else {
                    t.fn_token.span
                };
            }
            Type::ImplTrait(t) => return t.impl_token.span,
            Type::Infer(t) => return t.underscore_token.span,
            Type::Macro(t) => return path_lo(&None, &t.mac.path),
            Type::Never(t) => return t.bang_token.spans[0],
            Type::Paren(t) => return t.paren_token.span.open(),
            Type::Path(t) => return path_lo(&t.qself, &t.path),
            Type::Ptr(t) => return t.star_token.spans[0],
            Type::Reference(t) => return t.and_token.spans[0],
            Type::Slice(t) => return t.bracket_token.span.open(),
            Type::TraitObject(t) => {
                return match (&t.dyn_token, t.bounds.first()) {
                    (Some(token), _) => token.span,
                    (None, Some(bound)) => bound_lo(bound),
                    (None, None) => Token::call_site(),
                };
            }
            Type::Tuple(t) => return t.paren_token.span.open(),
            Type::Verbatim(tokens) => return tokens_lo(tokens),
            _ => return Token::call_site(),
        };
    }
}

pub(super) fn type_hi(mut ty: &Type) -> Token {
    loop {
        ty = match ty {
            Type::Group(t) => &t.elem,
            Type::Ptr(t) => &t.elem,
            Type::Reference(t) => &t.elem,
            Type::FnPtr(t) => match &t.output {
                syn::ReturnType::Default => return t.paren_token.span.close(),
                syn::ReturnType::Type(_, ty) => ty,
            },
            Type::Array(t) => return t.bracket_token.span.close(),
            Type::ImplTrait(t) => {
                return t.bounds.last().map_or(t.impl_token.span, bound_hi);
            }
            Type::Infer(t) => return t.underscore_token.span,
            Type::Macro(t) => return t.mac.delimiter.span().close(),
            Type::Never(t) => return t.bang_token.spans[0],
            Type::Paren(t) => return t.paren_token.span.close(),
            Type::Path(t) => return path_hi(&t.qself, &t.path),
            Type::Slice(t) => return t.bracket_token.span.close(),
            Type::TraitObject(t) => {
                return t.bounds.last().map_or_else(Token::call_site, bound_hi);
            }
            Type::Tuple(t) => return t.paren_token.span.close(),
            Type::Verbatim(tokens) => return tokens_hi(tokens),
            _ => return Token::call_site(),
        };
    }
}

pub(super) fn bound_lo(bound: &TypeParamBound) -> Token {
    match bound {
        TypeParamBound::Trait(b) => {
            if let Some(paren) = &b.paren_token {
                paren.span.open()
            } else if let Some(lifetimes) = &b.lifetimes {
                lifetimes.for_token.span
            } else if let Some(maybe) = &b.maybe {
                maybe.spans[0]
            } else {
                path_lo(&None, &b.path)
            }
        }
        TypeParamBound::Lifetime(l) => l.apostrophe,
        TypeParamBound::PreciseCapture(c) => c.use_token.span,
        TypeParamBound::Verbatim(tokens) => tokens_lo(tokens),
        _ => Token::call_site(),
    }
}

pub(super) fn bound_hi(bound: &TypeParamBound) -> Token {
    match bound {
        TypeParamBound::Trait(b) => match &b.paren_token {
            Some(paren) => paren.span.close(),
            None => path_hi(&None, &b.path),
        },
        TypeParamBound::Lifetime(l) => l.ident.span(),
        TypeParamBound::PreciseCapture(c) => c.gt_token.spans[0],
        TypeParamBound::Verbatim(tokens) => tokens_hi(tokens),
        _ => Token::call_site(),
    }
}

pub(super) fn pat_span(pat: &Pat) -> (Token, Token) {
    let same = |t: Token| (t, t);
    match pat {
        Pat::Const(p) => (p.const_token.span, p.block.brace_token.span.close()),
        Pat::Guard(p) => (pat_span(&p.pat).0, expr_hi(&p.guard)),
        Pat::Ident(p) => {
            let lo = if let Some(token) = &p.by_ref {
                token.span
            } else if let Some(token) = &p.mutability {
                token.span
            } else {
                p.ident.span()
            };
            let hi = match &p.subpat {
                Some((_, sub)) => pat_span(sub).1,
                None => p.ident.span(),
            };
            (lo, hi)
        }
        Pat::Lit(p) => same(p.lit.span()),
        Pat::Macro(p) => (path_lo(&None, &p.mac.path), p.mac.delimiter.span().close()),
        Pat::Or(p) => match (p.cases.first(), p.cases.last()) {
            (Some(first), Some(last)) => (pat_span(first).0, pat_span(last).1),
            _ => same(Token::call_site()),
        },
        Pat::Paren(p) => (p.paren_token.span.open(), p.paren_token.span.close()),
        Pat::Path(p) => (path_lo(&p.qself, &p.path), path_hi(&p.qself, &p.path)),
        Pat::Range(p) => (
            p.start.as_ref().map_or_else(|| limits_span(&p.limits), |e| expr_lo(e)),
            p.end.as_ref().map_or_else(|| limits_hi(&p.limits), |e| expr_hi(e)),
        ),
        Pat::Reference(p) => (p.and_token.spans[0], pat_span(&p.pat).1),
        Pat::Rest(p) => (p.dot2_token.spans[0], p.dot2_token.spans[1]),
        Pat::Slice(p) => (p.bracket_token.span.open(), p.bracket_token.span.close()),
        Pat::Struct(p) => (path_lo(&p.qself, &p.path), p.brace_token.span.close()),
        Pat::Tuple(p) => (p.paren_token.span.open(), p.paren_token.span.close()),
        Pat::TupleStruct(p) => (path_lo(&p.qself, &p.path), p.paren_token.span.close()),
        Pat::Type(p) => (pat_span(&p.pat).0, type_hi(&p.ty)),
        Pat::Verbatim(tokens) => (tokens_lo(tokens), tokens_hi(tokens)),
        Pat::Wild(p) => same(p.underscore_token.span),
        _ => same(Token::call_site()),
    }
}

pub(super) fn tokens_lo(tokens: &proc_macro2::TokenStream) -> Token {
    tokens.clone().into_iter().next().map_or_else(Token::call_site, |t| match t {
        proc_macro2::TokenTree::Group(g) => g.span_open(),
        t => t.span(),
    })
}

pub(super) fn tokens_hi(tokens: &proc_macro2::TokenStream) -> Token {
    tokens.clone().into_iter().last().map_or_else(Token::call_site, |t| match t {
        proc_macro2::TokenTree::Group(g) => g.span_close(),
        t => t.span(),
    })
}
