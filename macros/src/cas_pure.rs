//! `#[cas_pure]`: a function that may run again each time a compare-and-swap fails.
//!
//! `#[cas_pure(const)]` lets the compiler prove it: a hidden `const fn` with the same body compiles only if the body
//! does nothing that can't be done at compile time, so no I/O, no locking, no atomic write.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, Result, Signature, Token, Visibility};

use crate::place::{Kind, Place};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let proven = proven(args)?;
    let place = Place::of(&item);
    if place.kind != Kind::Function {
        return Err(place
            .error("`#[cas_pure]` stands on a function: give the code that the loop repeats a name, and mark that"));
    }
    let function: Function = syn::parse2(item.clone())?;
    if let Some(token) = &function.sig.asyncness {
        return Err(Error::new(
            token.span,
            "an `async` function suspends between the load and the compare-and-swap: \
             compute the new value in a plain function, and mark that",
        ));
    }
    let Some(span) = proven else { return Ok(item) };
    if function.sig.constness.is_some() {
        return Ok(item);
    }
    let twin = twin(function, span)?;
    Ok(quote!(#item #twin))
}

/// Whether `const` was asked for, and where.
fn proven(args: TokenStream) -> Result<Option<Span>> {
    if args.is_empty() {
        return Ok(None);
    }
    match syn::parse2::<Token![const]>(args.clone()) {
        Ok(token) => Ok(Some(token.span)),
        Err(_) => Err(Error::new_spanned(
            args,
            "`#[cas_pure]` takes no argument but `const`: write `#[cas_pure]` for the linter to check the body, \
             `#[cas_pure(const)]` for the compiler to",
        )),
    }
}

/// A sibling that is `const`. It stands beside the function, not in a `const _`, so that it works in an `impl` too.
fn twin(function: Function, span: Span) -> Result<TokenStream> {
    let Some(body) = function.body else {
        return Err(Error::new(
            span,
            "a declaration has no body to prove: write `#[cas_pure]` here, and `const` on a free function it calls",
        ));
    };
    let attrs = function
        .attrs
        .iter()
        .filter(|attr| ["cfg", "allow", "expect", "target_feature"].iter().any(|name| attr.path().is_ident(name)));
    let mut sig = function.sig;
    sig.ident = format_ident!("__cas_pure_{}", sig.ident.unraw());
    sig.constness = Some(Token![const](span));
    Ok(quote! {
        #[doc(hidden)]
        #(#attrs)*
        #sig #body
    })
}

/// A function of any kind: free, of an `impl`, of a trait with or without a body.
struct Function {
    attrs: Vec<Attribute>,
    sig: Signature,
    body: Option<TokenStream>,
}

impl Parse for Function {
    fn parse(input: ParseStream) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let _: Visibility = input.parse()?;
        if input.peek(Ident::peek_any) && input.fork().call(Ident::parse_any)? == "default" {
            input.call(Ident::parse_any)?;
        }
        let sig = input.parse()?;
        let body = if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            None
        } else {
            Some(input.parse()?)
        };
        Ok(Function { attrs, sig, body })
    }
}
