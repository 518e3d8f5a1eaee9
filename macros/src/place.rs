//! What an attribute stands on, and what the expansions need to know about it.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use syn::{Attribute, Error, Generics, ItemStatic, ItemStruct, Meta, Result, Type};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Struct,
    Enum,
    Union,
    Static,
    Const,
    Function,
    Other,
}

/// The item under an attribute: its kind, and the name to point at.
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

impl Place {
    /// Reads the kind from the first keyword, so that items this crate doesn't parse still get a precise error.
    pub(crate) fn of(item: &TokenStream) -> Place {
        let tokens: Vec<TokenTree> = item.clone().into_iter().collect();
        let word = |i: usize| match tokens.get(i) {
            Some(TokenTree::Ident(ident)) => ident.to_string(),
            _ => String::new(),
        };
        for i in 0..tokens.len() {
            let next = word(i + 1);
            let kind = match word(i).as_str() {
                "struct" => Kind::Struct,
                "enum" => Kind::Enum,
                "union" if !next.is_empty() => Kind::Union,
                "static" => Kind::Static,
                "const" if matches!(next.as_str(), "fn" | "unsafe" | "async" | "extern") => continue,
                "const" => Kind::Const,
                "fn" => Kind::Function,
                "impl" | "trait" | "mod" | "type" | "use" | "let" | "macro_rules" => Kind::Other,
                _ => continue,
            };
            let named = if next == "mut" { i + 2 } else { i + 1 };
            let pointed = tokens.get(named).unwrap_or(&tokens[i]);
            return Place { kind, span: pointed.span() };
        }
        Place { kind: Kind::Other, span: tokens.first().map_or_else(Span::call_site, TokenTree::span) }
    }

    pub(crate) fn error(&self, message: impl std::fmt::Display) -> Error {
        Error::new(self.span, message)
    }
}

pub(crate) fn parse_struct(item: TokenStream) -> Result<ItemStruct> {
    syn::parse2(item)
}

pub(crate) fn parse_static(item: TokenStream) -> Result<ItemStatic> {
    syn::parse2(item)
}

/// The conditions an item or field stands under, to be repeated on everything generated for it.
pub(crate) fn cfgs(attrs: &[Attribute]) -> Vec<Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg")).cloned().collect()
}

/// The word `name` in a `#[repr(…)]` of the item, if it is there.
pub(crate) fn repr(attrs: &[Attribute], name: &str) -> Option<Span> {
    attrs.iter().filter(|attr| attr.path().is_ident("repr")).find_map(|attr| match &attr.meta {
        Meta::List(list) => list.tokens.clone().into_iter().find_map(|token| match token {
            TokenTree::Ident(ident) if ident == name => Some(ident.span()),
            _ => None,
        }),
        _ => None,
    })
}

/// The last name of a path type, and its arguments: `Padded` and `[AtomicU64]` of `al::Padded<AtomicU64>`.
pub(crate) fn named(ty: &Type) -> Option<(String, Vec<&Type>)> {
    let path = match ty {
        Type::Path(path) => path,
        Type::Group(group) => return named(&group.elem),
        Type::Paren(paren) => return named(&paren.elem),
        _ => return None,
    };
    let last = path.path.segments.last()?;
    let args = match &last.arguments {
        syn::PathArguments::AngleBracketed(args) => args
            .args
            .iter()
            .filter_map(|arg| match arg {
                syn::GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    Some((last.ident.to_string(), args))
}

/// Whether the type is one of the wrappers that give a value its own cache line.
pub(crate) fn is_padded(ty: &Type) -> bool {
    named(ty).is_some_and(|(name, _)| matches!(name.as_str(), "Padded" | "CachePadded"))
}

/// Whether the tokens name a type or const parameter, so that nothing is known before they are chosen; or `Self`, which
/// means nothing outside the struct.
pub(crate) fn is_open(tokens: TokenStream, generics: &Generics) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => {
            ident == "Self"
                || generics.type_params().any(|p| p.ident == ident)
                || generics.const_params().any(|p| p.ident == ident)
        }
        TokenTree::Group(group) => is_open(group.stream(), generics),
        _ => false,
    })
}

/// Whether the name stands anywhere in the tokens.
pub(crate) fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

/// The tokens with the struct's type for `Self`, for use where `Self` is another.
pub(crate) fn without_self(tokens: TokenStream, target: &TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => target.clone(),
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_self(group.stream(), target));
                inner.set_span(group.span());
                TokenTree::from(inner).into()
            }
            other => other.into(),
        })
        .collect()
}

/// Whether only lifetimes parametrise the item, so that a check can run where it is defined.
pub(crate) fn is_concrete(generics: &Generics) -> bool {
    generics.type_params().next().is_none() && generics.const_params().next().is_none()
}
