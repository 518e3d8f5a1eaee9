//! Items: what a module, a trait, an impl or a block declares.

use proc_macro2::Span as Token;
use syn::{ForeignItem, ImplItem, ReturnType, TraitItem, UseTree};

use super::bodies::Head;
use super::{Cx, attrs, name, source};
use crate::ir::{
    Attr, BodyIdx, Cfg, Enum, Field, Function, Impl, Item, ItemKind, Module, Receiver, Shape, SkipReason, Span, Struct,
    Use, Variant, Vis,
};

/// What every item has before its kind is known.
struct Header<'t> {
    attrs: &'t [syn::Attribute],
    vis: Vis,
    name: String,
    name_span: Span,
    lo: Token,
    hi: Token,
}

impl Cx<'_> {
    pub(super) fn items(&mut self, items: &[syn::Item]) -> Vec<Item> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            self.item(item, &mut out);
        }
        out
    }

    /// Lowers one item; imports and macros may give several, or none.
    pub(super) fn item(&mut self, item: &syn::Item, out: &mut Vec<Item>) {
        match item {
            syn::Item::Const(i) => self.item_const(i, out),
            syn::Item::Enum(i) => self.item_enum(i, out),
            syn::Item::ExternCrate(i) => self.item_extern_crate(i, out),
            syn::Item::Fn(i) => self.item_fn(i, out),
            syn::Item::ForeignMod(i) => self.item_foreign(i, out),
            syn::Item::Impl(i) => self.item_impl(i, out),
            syn::Item::Macro(i) => self.item_macro(i, out),
            syn::Item::Mod(i) => self.item_mod(i, out),
            syn::Item::Static(i) => self.item_static(i, out),
            syn::Item::Struct(i) => self.item_struct(i, out),
            syn::Item::Trait(i) => self.item_trait(i, out),
            syn::Item::TraitAlias(i) => self.item_trait_alias(i, out),
            syn::Item::Type(i) => self.item_type(i, out),
            syn::Item::Union(i) => self.item_union(i, out),
            syn::Item::Use(i) => self.item_use(i, out),
            syn::Item::Verbatim(tokens) => self.verbatim(tokens),
            _ => {}
        }
    }

    /// Names of `static mut`s, so that reading one is told from naming a constant.
    pub(super) fn collect_static_muts(&mut self, items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Static(i) if matches!(i.mutability, syn::StaticMutability::Mut(_)) => {
                    self.static_muts.push(name(&i.ident));
                }
                syn::Item::Mod(m) => {
                    if let Some((_, items)) = &m.content {
                        self.collect_static_muts(items);
                    }
                }
                _ => {}
            }
        }
    }

    fn verbatim(&mut self, tokens: &proc_macro2::TokenStream) {
        let span = self.span(source::tokens_lo(tokens), source::tokens_hi(tokens));
        self.skip(span, SkipReason::Verbatim);
    }

    fn finish_item(&mut self, header: Header<'_>, kind: ItemKind, out: &mut Vec<Item>) {
        let attrs = self.attrs(header.attrs);
        out.push(Item {
            name: header.name,
            vis: header.vis,
            cfg: self.item_cfg.clone().and(self.cfg(header.attrs)),
            span: self.item_span(header.attrs, header.lo, header.hi),
            name_span: header.name_span,
            attrs,
            kind,
        });
    }

    fn item_span(&self, attrs: &[syn::Attribute], lo: Token, hi: Token) -> Span {
        let lo = match attrs.first() {
            Some(attr) if !attrs::is_inner(attr) => attr.pound_token.spans[0],
            _ => lo,
        };
        self.span(lo, hi)
    }

    fn vis(&self, vis: &syn::Visibility) -> Vis {
        match vis {
            syn::Visibility::Public(_) => Vis::Pub,
            syn::Visibility::Restricted(r) => Vis::Restricted(attrs::path_text(&r.path)),
            syn::Visibility::Inherited => Vis::Private,
        }
    }

    /// A header for an item that is named by `ident`.
    fn header<'t>(
        &self,
        attrs: &'t [syn::Attribute],
        vis: &syn::Visibility,
        ident: &syn::Ident,
        lo: Token,
        hi: Token,
    ) -> Header<'t> {
        Header {
            attrs,
            vis: self.vis(vis),
            name: name(ident),
            name_span: self.token_span(ident.span()),
            lo: vis_lo(vis).unwrap_or(lo),
            hi,
        }
    }

    fn item_const(&mut self, i: &syn::ItemConst, out: &mut Vec<Item>) {
        let lo = defaultness(&i.modifiers.defaultness).unwrap_or(i.const_token.span);
        let hi = i.semi_token.spans[0];
        let header = self.header(&i.attrs, &i.vis, &i.ident, lo, hi);
        let ty = self.ty(&i.ty);
        let init = Some(self.init_body(&i.expr));
        self.finish_item(header, ItemKind::Const { ty, init }, out);
    }

    fn item_static(&mut self, i: &syn::ItemStatic, out: &mut Vec<Item>) {
        let header = self.header(&i.attrs, &i.vis, &i.ident, i.static_token.span, i.semi_token.spans[0]);
        let kind = ItemKind::Static {
            ty: self.ty(&i.ty),
            mutable: matches!(i.mutability, syn::StaticMutability::Mut(_)),
            init: Some(self.init_body(&i.expr)),
        };
        self.finish_item(header, kind, out);
    }

    fn item_extern_crate(&mut self, i: &syn::ItemExternCrate, out: &mut Vec<Item>) {
        let bound = i.rename.as_ref().map_or(&i.ident, |(_, rename)| rename);
        let header = self.header(&i.attrs, &i.vis, bound, i.extern_token.span, i.semi_token.spans[0]);
        let krate = name(&i.ident);
        self.finish_item(header, ItemKind::ExternCrate { krate }, out);
    }

    fn item_fn(&mut self, i: &syn::ItemFn, out: &mut Vec<Item>) {
        let lo = defaultness(&i.modifiers.defaultness).unwrap_or_else(|| signature_lo(&i.sig));
        let hi = i.block.brace_token.span.close();
        let header = self.header(&i.attrs, &i.vis, &i.sig.ident, lo, hi);
        let function = self.function(&i.sig, header.lo, Some(&i.block));
        self.finish_item(header, ItemKind::Fn(function), out);
    }

    fn function(&mut self, sig: &syn::Signature, lo: Token, body: Option<&syn::Block>) -> Function {
        let mut receiver = None;
        let mut params = Vec::new();
        for input in &sig.inputs {
            match input {
                syn::FnArg::Receiver(r) => {
                    receiver = Some(match &r.kind {
                        syn::ReceiverKind::Reference(_, _, Some(_)) => Receiver::RefMut,
                        syn::ReceiverKind::Reference(_, _, None) => Receiver::Ref,
                        syn::ReceiverKind::Typed(_, ty) => Receiver::Typed(self.ty(ty)),
                        _ => Receiver::Value,
                    });
                }
                syn::FnArg::Typed(p) => params.push((param_name(&p.pat), self.ty(&p.ty))),
            }
        }
        let is_unsafe = matches!(sig.safety, syn::Safety::Unsafe(_));
        Function {
            generics: self.generics(&sig.generics),
            receiver,
            params,
            ret: self.return_ty(&sig.output),
            is_unsafe,
            is_async: sig.asyncness.is_some(),
            is_const: sig.constness.is_some(),
            abi: sig.abi.as_ref().map(|abi| abi.name.as_ref().map_or_else(|| "C".to_owned(), |n| n.value())),
            body: body.map(|block| self.fn_body(sig, lo, block, is_unsafe)),
            sig_span: self.span(lo, signature_hi(sig)),
        }
    }

    fn item_foreign(&mut self, i: &syn::ItemForeignMod, out: &mut Vec<Item>) {
        let outer = self.item_cfg.clone();
        self.item_cfg = outer.clone().and(self.cfg(&i.attrs));
        for item in &i.items {
            match item {
                ForeignItem::Fn(f) => {
                    let lo = signature_lo(&f.sig);
                    let hi = f.semi_token.spans[0];
                    let header = self.header(&f.attrs, &f.vis, &f.sig.ident, lo, hi);
                    let mut function = self.function(&f.sig, header.lo, None);
                    let abi = i.abi.name.as_ref();
                    function.abi = Some(abi.map_or_else(|| "C".to_owned(), |n| n.value()));
                    self.finish_item(header, ItemKind::Fn(function), out);
                }
                ForeignItem::Static(s) => {
                    let (lo, hi) = (s.static_token.span, s.semi_token.spans[0]);
                    let header = self.header(&s.attrs, &s.vis, &s.ident, lo, hi);
                    let kind = ItemKind::Static {
                        ty: self.ty(&s.ty),
                        mutable: matches!(s.mutability, syn::StaticMutability::Mut(_)),
                        init: None,
                    };
                    self.finish_item(header, kind, out);
                }
                ForeignItem::Type(t) => {
                    let (lo, hi) = (t.type_token.span, t.semi_token.spans[0]);
                    let header = self.header(&t.attrs, &t.vis, &t.ident, lo, hi);
                    let generics = self.generics(&t.generics);
                    self.finish_item(header, ItemKind::TypeAlias { generics, ty: None }, out);
                }
                ForeignItem::Macro(m) => self.skip_macro(&m.mac),
                ForeignItem::Verbatim(tokens) => self.verbatim(tokens),
                _ => {}
            }
        }
        self.item_cfg = outer;
    }

    fn item_impl(&mut self, i: &syn::ItemImpl, out: &mut Vec<Item>) {
        let lo = match (&i.modifiers.defaultness, &i.unsafety) {
            (Some(token), _) => token.span,
            (None, Some(token)) => token.span,
            (None, None) => i.impl_token.span,
        };
        let head_hi = match &i.generics.where_clause {
            Some(clause) => where_hi(clause),
            None => source::type_hi(&i.self_ty),
        };
        let header = Header {
            attrs: &i.attrs,
            vis: Vis::Private,
            name: String::new(),
            name_span: self.span(lo, head_hi),
            lo,
            hi: i.brace_token.span.close(),
        };
        let generics = self.generics(&i.generics);
        let of_trait = i.trait_.as_ref().map(|(path, _)| self.path(&None, path));
        let self_ty = self.ty(&i.self_ty);
        let outer = std::mem::take(&mut self.item_cfg);
        let items = self.impl_items(&i.items);
        self.item_cfg = outer;
        let kind = ItemKind::Impl(Impl {
            generics,
            is_unsafe: i.unsafety.is_some(),
            negative: i.modifiers.polarity.is_some(),
            of_trait,
            self_ty,
            items,
        });
        self.finish_item(header, kind, out);
    }

    pub(super) fn impl_items(&mut self, items: &[ImplItem]) -> Vec<Item> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            match item {
                ImplItem::Const(c) => {
                    let lo = defaultness(&c.modifiers.defaultness).unwrap_or(c.const_token.span);
                    let hi = c.semi_token.spans[0];
                    let header = self.header(&c.attrs, &c.vis, &c.ident, lo, hi);
                    let ty = self.ty(&c.ty);
                    let init = Some(self.init_body(&c.expr));
                    self.finish_item(header, ItemKind::Const { ty, init }, &mut out);
                }
                ImplItem::Fn(f) => {
                    let lo = defaultness(&f.modifiers.defaultness).unwrap_or_else(|| signature_lo(&f.sig));
                    let hi = f.block.brace_token.span.close();
                    let header = self.header(&f.attrs, &f.vis, &f.sig.ident, lo, hi);
                    let function = self.function(&f.sig, header.lo, Some(&f.block));
                    self.finish_item(header, ItemKind::Fn(function), &mut out);
                }
                ImplItem::Type(t) => {
                    let lo = defaultness(&t.modifiers.defaultness).unwrap_or(t.type_token.span);
                    let hi = t.semi_token.spans[0];
                    let header = self.header(&t.attrs, &t.vis, &t.ident, lo, hi);
                    let kind = ItemKind::TypeAlias { generics: self.generics(&t.generics), ty: Some(self.ty(&t.ty)) };
                    self.finish_item(header, kind, &mut out);
                }
                ImplItem::Macro(m) => self.impl_macro(m, &mut out),
                ImplItem::Verbatim(tokens) => self.verbatim(tokens),
                _ => {}
            }
        }
        out
    }

    fn item_trait(&mut self, i: &syn::ItemTrait, out: &mut Vec<Item>) {
        let lo = match (&i.unsafety, &i.modifiers.auto_token) {
            (Some(token), _) => token.span,
            (None, Some(token)) => token.span,
            (None, None) => i.trait_token.span,
        };
        let hi = i.brace_token.span.close();
        let header = self.header(&i.attrs, &i.vis, &i.ident, lo, hi);
        let generics = self.generics(&i.generics);
        let supertraits = self.bounds(&i.supertraits);
        let outer = std::mem::take(&mut self.item_cfg);
        let items = self.trait_items(&i.items);
        self.item_cfg = outer;
        let kind = ItemKind::Trait { generics, supertraits, items, is_unsafe: i.unsafety.is_some() };
        self.finish_item(header, kind, out);
    }

    fn trait_items(&mut self, items: &[TraitItem]) -> Vec<Item> {
        let mut out = Vec::with_capacity(items.len());
        let vis = syn::Visibility::Inherited;
        for item in items {
            match item {
                TraitItem::Const(c) => {
                    let (lo, hi) = (c.const_token.span, c.semi_token.spans[0]);
                    let header = self.header(&c.attrs, &vis, &c.ident, lo, hi);
                    let ty = self.ty(&c.ty);
                    let init = c.default.as_ref().map(|(_, expr)| self.init_body(expr));
                    self.finish_item(header, ItemKind::Const { ty, init }, &mut out);
                }
                TraitItem::Fn(f) => {
                    let lo = signature_lo(&f.sig);
                    let hi = match (&f.default, &f.semi_token) {
                        (Some(block), _) => block.brace_token.span.close(),
                        (None, Some(semi)) => semi.spans[0],
                        (None, None) => signature_hi(&f.sig),
                    };
                    let header = self.header(&f.attrs, &vis, &f.sig.ident, lo, hi);
                    let function = self.function(&f.sig, lo, f.default.as_ref());
                    self.finish_item(header, ItemKind::Fn(function), &mut out);
                }
                TraitItem::Type(t) => {
                    let (lo, hi) = (t.type_token.span, t.semi_token.spans[0]);
                    let header = self.header(&t.attrs, &vis, &t.ident, lo, hi);
                    let kind = ItemKind::TypeAlias {
                        generics: self.generics(&t.generics),
                        ty: t.default.as_ref().map(|(_, ty)| self.ty(ty)),
                    };
                    self.finish_item(header, kind, &mut out);
                }
                TraitItem::Macro(m) => self.skip_macro(&m.mac),
                TraitItem::Verbatim(tokens) => self.verbatim(tokens),
                _ => {}
            }
        }
        out
    }

    fn item_trait_alias(&mut self, i: &syn::ItemTraitAlias, out: &mut Vec<Item>) {
        let (lo, hi) = (i.trait_token.span, i.semi_token.spans[0]);
        let header = self.header(&i.attrs, &i.vis, &i.ident, lo, hi);
        let kind = ItemKind::Trait {
            generics: self.generics(&i.generics),
            supertraits: self.bounds(&i.bounds),
            items: Vec::new(),
            is_unsafe: false,
        };
        self.finish_item(header, kind, out);
    }

    fn item_mod(&mut self, i: &syn::ItemMod, out: &mut Vec<Item>) {
        let hi = match (&i.content, &i.semi) {
            (Some((brace, _)), _) => brace.span.close(),
            (None, Some(semi)) => semi.spans[0],
            (None, None) => i.ident.span(),
        };
        let header = self.header(&i.attrs, &i.vis, &i.ident, i.mod_token.span, hi);
        let outer = std::mem::take(&mut self.item_cfg);
        let items = i.content.as_ref().map(|(_, items)| self.items(items));
        self.item_cfg = outer;
        let path_attr = i.attrs.iter().find_map(|attr| match &attr.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) => Some(path.value()),
                _ => None,
            },
            _ => None,
        });
        let kind = ItemKind::Mod(Module { items, path_attr, include: false });
        self.finish_item(header, kind, out);
    }

    fn item_struct(&mut self, i: &syn::ItemStruct, out: &mut Vec<Item>) {
        let hi = match (&i.semi_token, &i.fields) {
            (Some(semi), _) => semi.spans[0],
            (None, syn::Fields::Named(f)) => f.brace_token.span.close(),
            (None, syn::Fields::Unnamed(f)) => f.paren_token.span.close(),
            (None, syn::Fields::Unit) => i.ident.span(),
        };
        let header = self.header(&i.attrs, &i.vis, &i.ident, i.struct_token.span, hi);
        let (shape, fields) = self.fields(&i.fields);
        let generics = self.generics(&i.generics);
        let kind = ItemKind::Struct(Struct { generics, shape, fields });
        self.finish_item(header, kind, out);
    }

    fn item_union(&mut self, i: &syn::ItemUnion, out: &mut Vec<Item>) {
        let hi = i.fields.brace_token.span.close();
        let header = self.header(&i.attrs, &i.vis, &i.ident, i.union_token.span, hi);
        let kind = ItemKind::Union(Struct {
            generics: self.generics(&i.generics),
            shape: Shape::Named,
            fields: self.field_list(&i.fields.named),
        });
        self.finish_item(header, kind, out);
    }

    fn item_enum(&mut self, i: &syn::ItemEnum, out: &mut Vec<Item>) {
        let hi = i.brace_token.span.close();
        let header = self.header(&i.attrs, &i.vis, &i.ident, i.enum_token.span, hi);
        let variants = i.variants.iter().map(|v| self.variant(v)).collect();
        let generics = self.generics(&i.generics);
        self.finish_item(header, ItemKind::Enum(Enum { generics, variants }), out);
    }

    fn variant(&mut self, variant: &syn::Variant) -> Variant {
        let hi = match (&variant.discriminant, &variant.fields) {
            (Some((_, expr)), _) => source::expr_hi(expr),
            (None, syn::Fields::Named(f)) => f.brace_token.span.close(),
            (None, syn::Fields::Unnamed(f)) => f.paren_token.span.close(),
            (None, syn::Fields::Unit) => variant.ident.span(),
        };
        let (shape, fields) = self.fields(&variant.fields);
        Variant {
            name: name(&variant.ident),
            shape,
            fields,
            cfg: self.cfg(&variant.attrs),
            span: self.item_span(&variant.attrs, variant.ident.span(), hi),
        }
    }

    fn fields(&mut self, fields: &syn::Fields) -> (Shape, Vec<Field>) {
        match fields {
            syn::Fields::Named(f) => (Shape::Named, self.field_list(&f.named)),
            syn::Fields::Unnamed(f) => (Shape::Tuple, self.field_list(&f.unnamed)),
            syn::Fields::Unit => (Shape::Unit, Vec::new()),
        }
    }

    fn field_list<'f>(&mut self, fields: impl IntoIterator<Item = &'f syn::Field>) -> Vec<Field> {
        let mut out = Vec::new();
        for (index, field) in fields.into_iter().enumerate() {
            let ty_span = self.span(source::type_lo(&field.ty), source::type_hi(&field.ty));
            let first = field.ident.as_ref().map(|ident| ident.span());
            let lo = vis_lo(&field.vis).or(first).unwrap_or_else(|| source::type_lo(&field.ty));
            out.push(Field {
                name: match &field.ident {
                    Some(ident) => name(ident),
                    None => index.to_string(),
                },
                vis: self.vis(&field.vis),
                ty: self.ty(&field.ty),
                attrs: self.attrs(&field.attrs),
                cfg: self.cfg(&field.attrs),
                span: self.item_span(&field.attrs, lo, source::type_hi(&field.ty)),
                name_span: first.map_or(ty_span, |token| self.token_span(token)),
                ty_span,
            });
        }
        out
    }

    fn item_type(&mut self, i: &syn::ItemType, out: &mut Vec<Item>) {
        let (lo, hi) = (i.type_token.span, i.semi_token.spans[0]);
        let header = self.header(&i.attrs, &i.vis, &i.ident, lo, hi);
        let kind = ItemKind::TypeAlias { generics: self.generics(&i.generics), ty: Some(self.ty(&i.ty)) };
        self.finish_item(header, kind, out);
    }

    fn item_use(&mut self, i: &syn::ItemUse, out: &mut Vec<Item>) {
        let lo = vis_lo(&i.vis).unwrap_or(i.use_token.span);
        let mut leaves = Leaves {
            attrs: self.attrs(&i.attrs),
            vis: self.vis(&i.vis),
            cfg: self.item_cfg.clone().and(self.cfg(&i.attrs)),
            span: self.item_span(&i.attrs, lo, i.semi_token.spans[0]),
            global: i.leading_colon.is_some(),
            path: Vec::new(),
        };
        self.use_tree(&i.tree, &mut leaves, out);
    }

    fn use_tree(&self, mut tree: &UseTree, leaves: &mut Leaves, out: &mut Vec<Item>) {
        let depth = leaves.path.len();
        while let UseTree::Path(path) = tree {
            leaves.path.push(name(&path.ident));
            tree = &path.tree;
        }
        match tree {
            UseTree::Path(_) => {}
            UseTree::Name(leaf) if leaf.ident == "self" && !leaves.path.is_empty() => {
                let bound = leaves.path.last().cloned();
                let span = self.token_span(leaf.ident.span());
                leaves.emit(Vec::new(), bound, span, out);
            }
            UseTree::Name(leaf) => {
                let bound = name(&leaf.ident);
                let span = self.token_span(leaf.ident.span());
                leaves.emit(vec![bound.clone()], Some(bound), span, out);
            }
            UseTree::Rename(leaf) => {
                let span = self.span(leaf.ident.span(), leaf.rename.span());
                let last = match leaf.ident == "self" && !leaves.path.is_empty() {
                    true => Vec::new(),
                    false => vec![name(&leaf.ident)],
                };
                leaves.emit(last, Some(name(&leaf.rename)), span, out);
            }
            UseTree::Glob(leaf) => {
                let span = self.token_span(leaf.star_token.spans[0]);
                leaves.emit(Vec::new(), None, span, out);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, leaves, out);
                }
            }
        }
        leaves.path.truncate(depth);
    }

    fn init_body(&mut self, expr: &syn::Expr) -> BodyIdx {
        self.body_of(Head::Init(expr))
    }

    fn fn_body(&mut self, sig: &syn::Signature, lo: Token, block: &syn::Block, is_unsafe: bool) -> BodyIdx {
        self.body_of(Head::Fn { sig, lo, block, is_unsafe })
    }
}

/// The shared parts of the leaves of one `use`.
struct Leaves {
    attrs: Vec<Attr>,
    vis: Vis,
    cfg: Cfg,
    span: Span,
    global: bool,
    /// The segments on the way to the current leaf.
    path: Vec<String>,
}

impl Leaves {
    fn emit(&mut self, last: Vec<String>, rename: Option<String>, name_span: Span, out: &mut Vec<Item>) {
        let mut path = self.path.clone();
        path.extend(last);
        out.push(Item {
            name: String::new(),
            vis: self.vis.clone(),
            attrs: self.attrs.clone(),
            cfg: self.cfg.clone(),
            span: self.span,
            name_span,
            kind: ItemKind::Use(Use { path, global: self.global, rename }),
        });
    }
}

fn vis_lo(vis: &syn::Visibility) -> Option<Token> {
    match vis {
        syn::Visibility::Public(token) => Some(token.span),
        syn::Visibility::Restricted(r) => Some(r.pub_token.span),
        syn::Visibility::Inherited => None,
    }
}

fn defaultness(token: &Option<syn::Token![default]>) -> Option<Token> {
    token.as_ref().map(|token| token.span)
}

fn signature_lo(sig: &syn::Signature) -> Token {
    if let Some(token) = &sig.constness {
        token.span
    } else if let Some(token) = &sig.asyncness {
        token.span
    } else if let syn::Safety::Unsafe(token) = &sig.safety {
        token.span
    } else if let syn::Safety::Safe(token) = &sig.safety {
        token.span
    } else if let Some(abi) = &sig.abi {
        abi.extern_token.span
    } else {
        sig.fn_token.span
    }
}

fn signature_hi(sig: &syn::Signature) -> Token {
    match (&sig.generics.where_clause, &sig.output) {
        (Some(clause), _) => where_hi(clause),
        (None, ReturnType::Type(_, ty)) => source::type_hi(ty),
        (None, ReturnType::Default) => sig.paren_token.span.close(),
    }
}

fn where_hi(clause: &syn::WhereClause) -> Token {
    match clause.predicates.last() {
        Some(syn::WherePredicate::Type(p)) => p.bounds.last().map_or(p.colon_token.spans[0], source::bound_hi),
        Some(syn::WherePredicate::Lifetime(p)) => p.bounds.last().map_or(p.colon_token.spans[0], |l| l.ident.span()),
        _ => clause.where_token.span,
    }
}

/// The name that a parameter pattern binds, if it is a plain one.
fn param_name(pat: &syn::Pat) -> Option<String> {
    match pat {
        syn::Pat::Ident(p) if p.subpat.is_none() => Some(name(&p.ident)),
        _ => None,
    }
}
