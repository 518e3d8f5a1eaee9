//! Edition 2015, which the parser does not read: tried when a file does not parse as a later one.
//!
//! Three things are rewritten in the tokens, which keep their places: `try`, `async`, `await` and `dyn` as names,
//! parameters without a name in traits, and trait objects of functions without `dyn`.

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

/// The same code as a later edition writes it.
pub(super) fn modernise(tokens: TokenStream) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let mut content = modernise(group.stream());
                if group.delimiter() == Delimiter::Parenthesis && is_signature(&out) {
                    content = name_parameters(content);
                }
                let mut modern = Group::new(group.delimiter(), content);
                modern.set_span(group.span());
                out.push(TokenTree::Group(modern));
            }
            TokenTree::Ident(ident) => {
                let calls =
                    matches!(tokens.peek(), Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Parenthesis);
                let generic = matches!(tokens.peek(), Some(TokenTree::Punct(p)) if p.as_char() == '<');
                let text = ident.to_string();
                match text.as_str() {
                    "try" | "async" | "await" | "dyn" if (calls || generic) && names(out.last()) => {
                        out.push(TokenTree::Ident(Ident::new_raw(&text, ident.span())));
                    }
                    "Fn" | "FnMut" | "FnOnce" if calls && starts_type(&out) => {
                        out.push(TokenTree::Ident(Ident::new("dyn", ident.span())));
                        out.push(TokenTree::Ident(ident));
                    }
                    _ => out.push(TokenTree::Ident(ident)),
                }
            }
            token => out.push(token),
        }
    }
    out.into_iter().collect()
}

fn is_punct(token: Option<&TokenTree>, chars: &str) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if chars.contains(punct.as_char()))
}

fn is_ident(token: Option<&TokenTree>, name: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == name)
}

/// Whether a name must follow: behind `.` and `fn`.
fn names(before: Option<&TokenTree>) -> bool {
    is_punct(before, ".") || is_ident(before, "fn")
}

/// Whether a type may start behind these tokens, and nothing else that is called: `Box<`, `type T =`, `&mut`.
fn starts_type(before: &[TokenTree]) -> bool {
    match before {
        [.., word] if is_ident(Some(word), "mut") => true,
        [.., _, quote, TokenTree::Ident(_)] if is_punct(Some(quote), "'") => true,
        [.., last] => is_punct(Some(last), "<=&"),
        [] => false,
    }
}

/// Whether parentheses behind these tokens hold the parameters of a function: `fn name`, `fn name<…>`.
fn is_signature(before: &[TokenTree]) -> bool {
    let mut depth = 0usize;
    let mut at = before.len();
    while at > 0 {
        let token = &before[at - 1];
        let arrow = at > 1 && is_punct(before.get(at - 2), "-");
        if is_punct(Some(token), ">") && !arrow {
            depth += 1;
        } else if is_punct(Some(token), "<") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 {
            let named = matches!(token, TokenTree::Ident(_));
            return named && at > 1 && is_ident(before.get(at - 2), "fn");
        }
        at -= 1;
    }
    false
}

/// Gives parameters without a name the name `_`.
fn name_parameters(params: TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut param: Vec<TokenTree> = Vec::new();
    let mut angles = 0i32;
    for token in params {
        if is_punct(Some(&token), "<") {
            angles += 1;
        } else if is_punct(Some(&token), ">") && !is_punct(param.last(), "-") {
            angles -= 1;
        }
        if angles == 0 && is_punct(Some(&token), ",") {
            out.extend(name_parameter(std::mem::take(&mut param)));
            out.extend([token]);
        } else {
            param.push(token);
        }
    }
    out.extend(name_parameter(param));
    out
}

fn name_parameter(param: Vec<TokenTree>) -> Vec<TokenTree> {
    let Some(first) = param.first() else {
        return param;
    };
    let is_colon = |at: usize| is_punct(param.get(at), ":");
    let named = (0..param.len()).any(|at| is_colon(at) && !is_colon(at + 1) && !(at > 0 && is_colon(at - 1)));
    if named || param.iter().any(|token| is_ident(Some(token), "self")) || is_punct(Some(first), "#.") {
        return param;
    }
    let span: Span = first.span();
    let mut colon = Punct::new(':', Spacing::Alone);
    colon.set_span(span);
    let mut out = vec![TokenTree::Ident(Ident::new("_", span)), TokenTree::Punct(colon)];
    out.extend(param);
    out
}
