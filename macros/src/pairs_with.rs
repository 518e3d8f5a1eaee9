//! `#[pairs_with("Queue::pop")]`: the function whose acquire this release meets, or the other way round.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::{Error, LitStr, PathArguments, Result, Token};

use crate::place::{Kind, Place};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    partners(args)?;
    let place = Place::of(&item);
    if place.kind != Kind::Function {
        return Err(place.error(
            "`#[pairs_with]` stands on a function: put it on the one that stores or loads, \
             or write `// sync: pairs with Type::method` at the operation",
        ));
    }
    Ok(item)
}

fn partners(args: TokenStream) -> Result<()> {
    let parse = |input: ParseStream| {
        if input.is_empty() {
            return Err(Error::new(input.span(), "expected the partner's path: write `#[pairs_with(\"Queue::pop\")]`"));
        }
        while !input.is_empty() {
            let partner: LitStr = input.parse().map_err(|error| {
                Error::new(error.span(), "the partner stands in quotes: write `#[pairs_with(\"Queue::pop\")]`")
            })?;
            check(&partner)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    parse.parse2(args)
}

fn check(partner: &LitStr) -> Result<()> {
    let wrong = |message: &str| Err(Error::new(partner.span(), message));
    let text = partner.value();
    if text.contains('(') {
        return wrong("the partner is a path, not a call: write it without `()`, as `Queue::pop`");
    }
    match partner.parse::<syn::Path>() {
        Ok(path) if path.segments.iter().all(|segment| matches!(segment.arguments, PathArguments::None)) => Ok(()),
        Ok(_) => wrong("the partner is named without type arguments: write `Queue::pop`"),
        Err(_) => wrong("expected a path as code would name it: write `Queue::pop`, or `drain` for a free function"),
    }
}
