//! `#[read_mostly]`: a field that many threads read and almost nobody writes. The check is in [`crate::hot`].

use proc_macro2::{Span, TokenStream};
use syn::{Error, Ident, Path, Result};

use crate::hot;

/// Where the attribute stands, and whether the field's place is asserted.
pub(crate) struct ReadMostly {
    pub(crate) span: Span,
    pub(crate) checked: bool,
}

pub(crate) fn expand(_args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    Err(hot::misplaced("read_mostly", &item))
}

/// Reads nothing, or `unchecked`.
pub(crate) fn parse(args: TokenStream, name: &Path) -> Result<ReadMostly> {
    let span = name.segments.last().map_or_else(Span::call_site, |segment| segment.ident.span());
    if args.is_empty() {
        return Ok(ReadMostly { span, checked: true });
    }
    match syn::parse2::<Ident>(args.clone()) {
        Ok(word) if word == "unchecked" => Ok(ReadMostly { span, checked: false }),
        _ => Err(Error::new_spanned(
            args,
            "`#[read_mostly]` takes no argument but `unchecked`, which states the fact and asserts nothing",
        )),
    }
}
