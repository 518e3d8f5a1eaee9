//! Arguments that several attributes share.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{parse_quote, Error, LitStr, Path, Result, Token};

/// The path under which the expansion finds `atomic_lint`.
#[derive(Clone)]
pub(crate) struct Root(pub(crate) Path);

impl Default for Root {
    fn default() -> Self {
        Root(parse_quote!(::atomic_lint))
    }
}

impl ToTokens for Root {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

/// Reads nothing, or `crate = path`.
pub(crate) fn root(attribute: &str, args: TokenStream) -> Result<Root> {
    let parse = |input: ParseStream| {
        if input.is_empty() {
            return Ok(Root::default());
        }
        if !input.peek(Token![crate]) {
            let hint = match attribute {
                "padded" => "the line size is the target's",
                _ => "what it states is written on the fields",
            };
            return Err(input.error(format_args!(
                "`#[{attribute}]` takes no argument but `crate = path`: {hint}, so write `#[{attribute}]`"
            )));
        }
        let key: Token![crate] = input.parse()?;
        if !input.peek(Token![=]) {
            return Err(Error::new(
                key.span,
                format_args!("expected the path of `atomic_lint`: write `#[{attribute}(crate = renamed)]`"),
            ));
        }
        input.parse::<Token![=]>()?;
        if let Some(quoted) = input.parse::<Option<LitStr>>()? {
            let path = quoted.value();
            return Err(Error::new(
                quoted.span(),
                format_args!("the path stands without quotes: write `#[{attribute}(crate = {path})]`"),
            ));
        }
        let root = input.call(Path::parse_mod_style)?;
        end(input, attribute)?;
        Ok(Root(root))
    };
    parse.parse2(args)
}

/// Reads the end of the arguments.
pub(crate) fn end(input: ParseStream, attribute: &str) -> Result<()> {
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(input.error(format_args!("`#[{attribute}]` takes nothing more: remove this")))
    }
}

/// Refuses any argument; `instead` says what to write.
pub(crate) fn none(attribute: &str, args: TokenStream, instead: &str) -> Result<()> {
    if args.is_empty() {
        return Ok(());
    }
    Err(Error::new_spanned(args, format_args!("`#[{attribute}]` takes no arguments: {instead}")))
}
