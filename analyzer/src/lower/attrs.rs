//! Attributes as data: `cfg` predicates, `cfg_attr` taken apart, documentation as text.

use proc_macro2::Delimiter;
use syn::parse::{Parse, ParseStream};
use syn::{AttrStyle, Attribute, Meta, Token};

use super::{Cx, name, source};
use crate::ir::{Attr, Cfg, Span};

impl Cx<'_> {
    pub(super) fn attrs(&mut self, attrs: &[Attribute]) -> Vec<Attr> {
        let mut out = Vec::with_capacity(attrs.len());
        for attr in attrs {
            let span = self.span(attr.pound_token.spans[0], attr.bracket_token.span.close());
            self.attr(&attr.meta, &Cfg::always(), span, &mut out);
        }
        out
    }

    fn attr(&mut self, meta: &Meta, cfg: &Cfg, span: Span, out: &mut Vec<Attr>) {
        let path = path_text(meta.path());
        let tokens = match meta {
            Meta::Path(_) => String::new(),
            Meta::List(list) if path == "cfg_attr" => {
                if let Ok(CfgAttr { predicate, metas }) = list.parse_args::<CfgAttr>() {
                    let cfg = cfg.clone().and(predicate);
                    for meta in &metas {
                        self.attr(meta, &cfg, span, out);
                    }
                    return;
                }
                String::new()
            }
            Meta::List(list) => {
                let delimiters = list.delimiter.span();
                let inner = self.span(delimiters.open(), delimiters.close());
                let inner = Span::new(inner.start + 1, inner.end.saturating_sub(1));
                match self.slice(inner).trim() {
                    // What the macro put in the place of its parameters.
                    text if text.contains('$') => list.tokens.to_string(),
                    text => text.to_owned(),
                }
            }
            Meta::NameValue(pair) if path == "doc" => self.doc_text(&pair.value, span),
            Meta::NameValue(pair) => {
                let value = self.span(source::expr_lo(&pair.value), source::expr_hi(&pair.value));
                self.slice(value).to_owned()
            }
        };
        out.push(Attr { path, tokens, cfg: cfg.clone(), span });
    }

    /// The text of the lines of documentation that start with this one.
    fn doc_block(&self, first: Span, marker: &str) -> String {
        let lines = self.source.after(first.start).lines();
        let docs = lines.map_while(|line| line.trim_start().strip_prefix(marker));
        docs.take_while(|line| !line.starts_with('/') || marker == "//!").collect::<Vec<_>>().join("\n")
    }

    /// The text of a doc comment, or of the literal in `#[doc = "…"]`.
    fn doc_text(&self, value: &syn::Expr, span: Span) -> String {
        let text = self.slice(span);
        if text.starts_with("///") || text.starts_with("//!") {
            return self.doc_block(span, &text[..3]);
        }
        if text.len() >= 5 && (text.starts_with("/**") || text.starts_with("/*!")) {
            return text[3..].trim_end_matches("*/").to_owned();
        }
        match value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(lit), .. }) => lit.value(),
            other => {
                let span = self.span(source::expr_lo(other), source::expr_hi(other));
                self.slice(span).to_owned()
            }
        }
    }

    /// The conjunction of the `#[cfg]`s among `attrs`, those inside `cfg_attr` included.
    pub(super) fn cfg(&self, attrs: &[Attribute]) -> Cfg {
        let mut all = Cfg::always();
        for attr in attrs {
            if let Meta::List(list) = &attr.meta {
                all = conjoin(all, list, 0);
            }
        }
        all
    }
}

fn conjoin(all: Cfg, list: &syn::MetaList, depth: usize) -> Cfg {
    if list.path.is_ident("cfg") {
        match list.parse_args::<Predicate>() {
            Ok(Predicate(cfg)) => all.and(cfg),
            Err(_) => all,
        }
    } else if list.path.is_ident("cfg_attr") && depth < 8 {
        let Ok(CfgAttr { predicate, metas }) = list.parse_args::<CfgAttr>() else {
            return all;
        };
        let mut inner = Cfg::always();
        for meta in &metas {
            if let Meta::List(list) = meta {
                inner = conjoin(inner, list, depth + 1);
            }
        }
        if inner.is_always() { all } else { all.and(Cfg::Any(vec![negate(predicate), inner])) }
    } else {
        all
    }
}

pub(super) fn negate(cfg: Cfg) -> Cfg {
    match cfg {
        Cfg::Not(inner) => *inner,
        cfg => Cfg::Not(Box::new(cfg)),
    }
}

/// Whether two conditions never hold together, as far as their form tells: `a` and `not(a)`, two operating
/// systems.
pub(super) fn excludes(a: &Cfg, b: &Cfg) -> bool {
    let parts = |cfg: &Cfg| match cfg {
        Cfg::All(all) => all.clone(),
        other => vec![other.clone()],
    };
    let denies = |p: &Cfg, q: &Cfg| match p {
        Cfg::Not(inner) => match &**inner {
            Cfg::Any(any) => any.contains(q) || **inner == *q,
            inner => inner == q,
        },
        Cfg::Equals(key, value) => matches!(
            q,
            Cfg::Equals(other, different) if key == other && value != different && key != "feature"
        ),
        _ => false,
    };
    let (a, b) = (parts(a), parts(b));
    a.iter().any(|p| b.iter().any(|q| denies(p, q) || denies(q, p)))
}

/// `atomic_lint::allow`, generic arguments left out.
pub(super) fn path_text(path: &syn::Path) -> String {
    let mut text = String::new();
    for segment in &path.segments {
        if !text.is_empty() {
            text.push_str("::");
        }
        text.push_str(&name(&segment.ident));
    }
    text
}

pub(super) fn is_inner(attr: &Attribute) -> bool {
    matches!(attr.style, AttrStyle::Inner(_))
}

/// What stands between the parentheses of `cfg(…)`.
pub(super) struct Predicate(pub(super) Cfg);

impl Parse for Predicate {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let cfg = predicate(input)?;
        let _: Option<Token![,]> = input.parse()?;
        Ok(Predicate(cfg))
    }
}

struct CfgAttr {
    predicate: Cfg,
    metas: Vec<Meta>,
}

impl Parse for CfgAttr {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let predicate = predicate(input)?;
        let mut metas = Vec::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if !input.is_empty() {
                metas.push(input.parse()?);
            }
        }
        Ok(CfgAttr { predicate, metas })
    }
}

fn predicate(input: ParseStream<'_>) -> syn::Result<Cfg> {
    if input.peek(syn::LitBool) {
        let literal: syn::LitBool = input.parse()?;
        return Ok(match literal.value {
            true => Cfg::All(Vec::new()),
            false => Cfg::Any(Vec::new()),
        });
    }
    let path = path_text(&syn::Path::parse_mod_style(input)?);
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        let value: syn::Lit = input.parse()?;
        let value = match value {
            syn::Lit::Str(text) => text.value(),
            other => return Err(syn::Error::new(other.span(), "expected a string")),
        };
        return Ok(Cfg::Equals(path, value));
    }
    if !input.peek(syn::token::Paren) {
        return Ok(Cfg::Flag(path));
    }
    let inner;
    syn::parenthesized!(inner in input);
    if !matches!(path.as_str(), "all" | "any" | "not") {
        let rest: proc_macro2::TokenStream = inner.parse()?;
        return Ok(Cfg::Flag(format!("{path}({rest})")));
    }
    let mut list = Vec::new();
    while !inner.is_empty() {
        list.push(predicate(&inner)?);
        if !inner.is_empty() {
            inner.parse::<Token![,]>()?;
        }
    }
    Ok(match (path.as_str(), list.len()) {
        ("all", _) => Cfg::All(list),
        ("not", 1) => Cfg::Not(Box::new(list.swap_remove(0))),
        ("not", _) => return Err(inner.error("expected one predicate")),
        _ => Cfg::Any(list),
    })
}

/// `if #[cfg(a)] { … } else if #[cfg(b)] { … } else { … }`, the condition of each branch with those before it
/// excluded.
pub(super) struct CfgIf {
    pub(super) branches: Vec<(Cfg, proc_macro2::TokenStream)>,
    pub(super) has_else: bool,
}

impl Parse for CfgIf {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut branches = Vec::new();
        let mut before = Cfg::always();
        let mut has_else = false;
        loop {
            let own = if input.peek(Token![if]) {
                input.parse::<Token![if]>()?;
                let mut own = Cfg::always();
                for attr in input.call(Attribute::parse_outer)? {
                    if let Meta::List(list) = &attr.meta {
                        own = conjoin(own, list, 0);
                    }
                }
                Some(own)
            } else {
                None
            };
            let body = input.step(|cursor| match cursor.group(Delimiter::Brace) {
                Some((inside, _, rest)) => Ok((inside.token_stream(), rest)),
                None => Err(cursor.error("expected a block")),
            })?;
            let condition = match &own {
                Some(own) => before.clone().and(own.clone()),
                None => before.clone(),
            };
            branches.push((condition, body));
            has_else |= own.is_none();
            match own {
                Some(own) if input.peek(Token![else]) => {
                    input.parse::<Token![else]>()?;
                    before = before.and(negate(own));
                }
                _ => break,
            }
        }
        Ok(CfgIf { branches, has_else })
    }
}
