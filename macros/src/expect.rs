//! `#[expect(lint, …)]`: as `allow`, and the linter reports it when there is nothing left to allow.

use proc_macro2::TokenStream;
use syn::Result;

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    // Not imported: an `allow` in scope clashes with the compiler's attribute.
    crate::allow::validate("expect", args)?;
    Ok(item)
}
