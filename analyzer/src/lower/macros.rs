//! Macro invocations: arguments lowered as what they look like.
//!
//! Known macros of `std` and popular crates have their meaning here. A macro that the file defines is expanded
//! ([`rules`](super::rules)). The arguments of any other are tried as items, statements and expressions, which is
//! what nearly all macros with code in them take.

mod args;
mod known;

use proc_macro2::Span as Token;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Macro};

use super::attrs::CfgIf;
use super::bodies::Head;
use super::{Cx, name, source};
use crate::ir::{Attr, Cfg, Item, ItemKind, Module, Path, Segment, SkipReason, Span, Ty, ValueId, Vis};

impl Cx<'_> {
    pub(super) fn item_macro(&mut self, i: &syn::ItemMacro, out: &mut Vec<Item>) {
        let mac_name = last_name(&i.mac.path);
        let lo = match i.attrs.first() {
            Some(attr) => attr.pound_token.spans[0],
            None => source::path_lo(&None, &i.mac.path),
        };
        let hi = match &i.semi_token {
            Some(semi) => semi.spans[0],
            None => i.mac.delimiter.span().close(),
        };
        let span = self.span(lo, hi);
        if let (Some(ident), "macro_rules") = (&i.ident, mac_name.as_str()) {
            let name = name(ident);
            self.define_macro(name.clone(), &i.mac.tokens, span);
            out.push(Item {
                name,
                vis: Vis::Private,
                attrs: self.attrs(&i.attrs),
                cfg: self.item_cfg.clone().and(self.cfg(&i.attrs)),
                span,
                name_span: self.token_span(ident.span()),
                kind: ItemKind::MacroRules,
            });
            return;
        }
        let cfg = self.cfg(&i.attrs);
        self.under(cfg, |cx| cx.macro_items(&i.mac, &mac_name, span, out));
    }

    /// The items that a macro at item position stands for.
    fn macro_items(&mut self, mac: &Macro, mac_name: &str, span: Span, out: &mut Vec<Item>) {
        if let Some(Some((items, expansion))) = self.expand(mac, parse_items) {
            self.expanding(expansion, |cx| {
                for item in &items {
                    cx.item(item, out);
                }
            });
            return;
        }
        match mac_name {
            "cfg_if" => {
                if let Ok(cfg_if) = syn::parse2::<CfgIf>(mac.tokens.clone()) {
                    for (cfg, tokens) in cfg_if.branches {
                        match Parser::parse2(parse_items, tokens) {
                            Ok(items) => self.under(cfg, |cx| {
                                for item in &items {
                                    cx.item(item, out);
                                }
                            }),
                            Err(_) => self.skip(span, SkipReason::MacroBody),
                        }
                    }
                    return;
                }
            }
            "thread_local" | "lazy_static" => {
                if let Ok(statics) = Parser::parse2(parse_statics, mac.tokens.clone()) {
                    for declared in &statics {
                        self.macro_static(declared, mac_name, mac, out);
                    }
                    return;
                }
            }
            "include" => {
                if let Ok(path) = mac.parse_body::<syn::LitStr>() {
                    let module = Module { items: None, path_attr: Some(path.value()), include: true };
                    self.push_macro_item(ItemKind::Mod(module), mac, span, out);
                    return;
                }
            }
            _ => {
                if let Ok(items) = Parser::parse2(parse_items, mac.tokens.clone()) {
                    for item in &items {
                        self.item(item, out);
                    }
                    return;
                }
            }
        }
        if args::may_hold_code(&mac.tokens) {
            self.skip(span, SkipReason::MacroBody);
        }
        let path = self.path(&None, &mac.path);
        self.push_macro_item(ItemKind::MacroCall { path }, mac, span, out);
    }

    fn push_macro_item(&self, kind: ItemKind, mac: &Macro, span: Span, out: &mut Vec<Item>) {
        out.push(Item {
            name: String::new(),
            vis: Vis::Private,
            attrs: Vec::new(),
            cfg: self.item_cfg.clone(),
            span,
            name_span: self.span(source::path_lo(&None, &mac.path), source::path_hi(&None, &mac.path)),
            kind,
        });
    }

    /// A static that `thread_local!` or `lazy_static!` declares.
    fn macro_static(&mut self, i: &Static, mac_name: &str, mac: &Macro, out: &mut Vec<Item>) {
        let mut attrs = self.attrs(&i.attrs);
        let mut ty = self.ty(&i.ty);
        if mac_name == "thread_local" {
            attrs.push(Attr {
                path: "thread_local".to_owned(),
                tokens: String::new(),
                cfg: Cfg::always(),
                span: self.mac_span(mac),
            });
        } else {
            ty = lazy(ty, self.span(source::type_lo(&i.ty), source::type_hi(&i.ty)));
        }
        let lo = i.attrs.first().map_or(i.lo, |attr| attr.pound_token.spans[0]);
        let cfg = self.item_cfg.clone().and(self.cfg(&i.attrs));
        let item = Item {
            name: name(&i.ident),
            vis: match &i.vis {
                syn::Visibility::Public(_) => Vis::Pub,
                syn::Visibility::Restricted(r) => Vis::Restricted(super::attrs::path_text(&r.path)),
                syn::Visibility::Inherited => Vis::Private,
            },
            attrs,
            cfg,
            span: self.span(lo, source::expr_hi(&i.init)),
            name_span: self.token_span(i.ident.span()),
            kind: ItemKind::Static { ty, mutable: false, init: Some(self.body_of(Head::Init(&i.init))) },
        };
        out.push(item);
    }

    pub(super) fn impl_macro(&mut self, i: &syn::ImplItemMacro, out: &mut Vec<Item>) {
        let cfg = self.cfg(&i.attrs);
        self.under(cfg, |cx| {
            if let Some(Some((items, expansion))) = cx.expand(&i.mac, parse_impl_items) {
                let mut items = cx.expanding(expansion, |cx| cx.impl_items(&items));
                out.append(&mut items);
            } else if let Ok(items) = Parser::parse2(parse_impl_items, i.mac.tokens.clone()) {
                out.append(&mut cx.impl_items(&items));
            } else {
                cx.skip_macro(&i.mac);
            }
        });
    }

    pub(super) fn skip_macro(&mut self, mac: &Macro) {
        let span = self.mac_span(mac);
        self.skip(span, SkipReason::MacroBody);
    }

    pub(super) fn stmt_macro(&mut self, stmt: &syn::StmtMacro) -> ValueId {
        self.macro_in_body(&stmt.mac, true)
    }

    pub(super) fn macro_expr(&mut self, mac: &Macro) -> ValueId {
        self.macro_in_body(mac, false)
    }

    fn macro_in_body(&mut self, mac: &Macro, is_stmt: bool) -> ValueId {
        if let Some(Some((stmts, expansion))) = self.expand(mac, syn::Block::parse_within) {
            return self.expanding(expansion, |cx| cx.macro_stmts(mac, &stmts, is_stmt));
        }
        let mac_name = last_name(&mac.path);
        match self.known_macro(mac, &mac_name) {
            Some(value) => value,
            None => self.unknown_macro(mac, is_stmt),
        }
    }

    /// Statements that a macro holds. What it declares as a statement stays visible behind it.
    fn macro_stmts(&mut self, mac: &Macro, stmts: &[syn::Stmt], is_stmt: bool) -> ValueId {
        if is_stmt {
            return self.stmts(stmts);
        }
        let mark = self.body.scope.len();
        let value = self.stmts(stmts);
        let end = self.token_span(mac.delimiter.span().close());
        self.body.end_scope(mark, end);
        value
    }
}

pub(super) fn last_name(path: &syn::Path) -> String {
    path.segments.last().map_or_else(String::new, |segment| name(&segment.ident))
}

/// `lazy_static::Lazy<T>`.
fn lazy(ty: Ty, span: Span) -> Ty {
    let mut path = Path::of_names(["lazy_static"], span);
    path.segments.push(Segment { args: vec![ty], ..Segment::plain("Lazy") });
    Ty::Path(path)
}

fn parse_items(input: ParseStream<'_>) -> syn::Result<Vec<syn::Item>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        items.push(input.parse()?);
    }
    Ok(items)
}

fn parse_impl_items(input: ParseStream<'_>) -> syn::Result<Vec<syn::ImplItem>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        items.push(input.parse()?);
    }
    Ok(items)
}

/// `pub static ref NAME: Type = init;`
struct Static {
    attrs: Vec<Attribute>,
    vis: syn::Visibility,
    lo: Token,
    ident: syn::Ident,
    ty: syn::Type,
    init: syn::Expr,
}

impl Parse for Static {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let lo = input.span();
        let vis = input.parse()?;
        input.parse::<syn::Token![static]>()?;
        input.parse::<Option<syn::Token![ref]>>()?;
        let ident = input.parse()?;
        input.parse::<syn::Token![:]>()?;
        let ty = input.parse()?;
        input.parse::<syn::Token![=]>()?;
        let init = input.parse()?;
        Ok(Static { attrs, vis, lo, ident, ty, init })
    }
}

fn parse_statics(input: ParseStream<'_>) -> syn::Result<Vec<Static>> {
    let mut statics = Vec::new();
    while !input.is_empty() {
        statics.push(input.parse()?);
        if !input.is_empty() {
            input.parse::<syn::Token![;]>()?;
        }
    }
    Ok(statics)
}
