//! What the tokens between the brackets of a macro look like.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Macro, MacroDelimiter, Stmt};

use crate::ir::{SkipReason, ValueId};
use crate::lower::Cx;

pub(super) enum Args {
    /// `a, b, c`.
    Exprs(Vec<Expr>),
    /// `value; length`.
    Repeat(Box<[Expr; 2]>),
    /// Items among them.
    Stmts(Vec<Stmt>),
}

/// Reads the arguments as statements or expressions, whichever they are first.
pub(super) fn parse(mac: &Macro) -> Option<Args> {
    let is_block = matches!(mac.delimiter, MacroDelimiter::Brace(_));
    let parser = |input: ParseStream<'_>| {
        if input.is_empty() {
            return Ok(Args::Exprs(Vec::new()));
        }
        let stmts_first = is_block || starts_statement(input);
        if stmts_first && let Some(args) = attempt(input, stmts) {
            return Ok(args);
        }
        if let Some(args) = attempt(input, exprs) {
            return Ok(args);
        }
        if !stmts_first && let Some(args) = attempt(input, stmts) {
            return Ok(args);
        }
        Err(input.error("no code"))
    };
    Parser::parse2(parser, mac.tokens.clone()).ok()
}

fn attempt(input: ParseStream<'_>, parser: impl FnOnce(ParseStream<'_>) -> syn::Result<Args>) -> Option<Args> {
    let fork = input.fork();
    let args = parser(&fork).ok()?;
    if !fork.is_empty() {
        return None;
    }
    input.advance_to(&fork);
    Some(args)
}

fn stmts(input: ParseStream<'_>) -> syn::Result<Args> {
    syn::Block::parse_within(input).map(Args::Stmts)
}

fn exprs(input: ParseStream<'_>) -> syn::Result<Args> {
    let mut exprs = Vec::new();
    while !input.is_empty() {
        exprs.push(input.parse()?);
        if input.is_empty() {
            break;
        }
        if input.peek(syn::Token![;]) && exprs.len() == 1 {
            input.parse::<syn::Token![;]>()?;
            let length = input.parse()?;
            return match exprs.pop() {
                Some(value) => Ok(Args::Repeat(Box::new([value, length]))),
                None => Err(input.error("expected a value")),
            };
        }
        input.parse::<syn::Token![,]>()?;
    }
    Ok(Args::Exprs(exprs))
}

/// Whether the first token starts an item or a `let`.
fn starts_statement(input: ParseStream<'_>) -> bool {
    input.peek(syn::Token![#])
        || input.peek(syn::Token![pub])
        || input.peek(syn::Token![fn])
        || input.peek(syn::Token![let])
        || input.peek(syn::Token![use])
        || input.peek(syn::Token![mod])
        || input.peek(syn::Token![impl])
        || input.peek(syn::Token![struct])
        || input.peek(syn::Token![enum])
        || input.peek(syn::Token![trait])
        || input.peek(syn::Token![static])
        || input.peek(syn::Token![type])
}

/// Whether there may be code among tokens: any group, which every call and every block has.
pub(super) fn may_hold_code(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => !group.stream().is_empty(),
        _ => false,
    })
}

impl Cx<'_> {
    /// A macro about which nothing is known.
    pub(super) fn unknown_macro(&mut self, mac: &Macro, is_stmt: bool) -> ValueId {
        let (values, opaque) = match parse(mac) {
            Some(Args::Exprs(exprs)) => (self.macro_args(&exprs), false),
            Some(Args::Repeat(pair)) => (self.exprs(pair.iter()), false),
            Some(Args::Stmts(stmts)) => {
                let value = self.macro_stmts(mac, &stmts, is_stmt);
                (vec![value], false)
            }
            None => self.pieces(mac),
        };
        self.macro_event(mac, values, opaque, false)
    }

    /// Expressions given to a macro: `name = value` names an argument, and a string may mention variables.
    pub(super) fn macro_args(&mut self, exprs: &[Expr]) -> Vec<ValueId> {
        let mut values = Vec::with_capacity(exprs.len());
        for expr in exprs {
            self.macro_arg(expr, &mut values);
        }
        values
    }

    fn macro_arg(&mut self, expr: &Expr, values: &mut Vec<ValueId>) {
        match expr {
            Expr::Assign(e) if is_name(&e.left) => values.push(self.expr(&e.right)),
            Expr::Lit(syn::ExprLit { lit: lit @ syn::Lit::Str(text), .. }) => {
                values.push(self.literal(lit));
                let span = self.token_span(text.span());
                for name in mentioned(self.slice(span)) {
                    if let Some(local) = self.lookup_name(name) {
                        values.push(self.body.read(local));
                    }
                }
            }
            expr => values.push(self.expr(expr)),
        }
    }

    /// What can be read of arguments in a syntax of their own: the pieces between separators that are
    /// expressions. `true` if there are others.
    fn pieces(&mut self, mac: &Macro) -> (Vec<ValueId>, bool) {
        let mut values = Vec::new();
        let mut understood = true;
        let mut piece: Vec<TokenTree> = Vec::new();
        let mut tokens = mac.tokens.clone().into_iter().peekable();
        loop {
            let token = tokens.next();
            let ends = match &token {
                None => true,
                Some(TokenTree::Punct(punct)) => match punct.as_char() {
                    ',' | ';' => true,
                    '=' => matches!(tokens.peek(), Some(TokenTree::Punct(p)) if p.as_char() == '>'),
                    _ => false,
                },
                Some(_) => false,
            };
            if !ends {
                piece.extend(token);
                continue;
            }
            if matches!(&token, Some(TokenTree::Punct(p)) if p.as_char() == '=') {
                tokens.next();
            }
            understood &= self.piece(std::mem::take(&mut piece), &mut values);
            if token.is_none() {
                break;
            }
        }
        if !understood {
            let span = self.mac_span(mac);
            self.skip(span, SkipReason::MacroBody);
        }
        (values, !understood)
    }

    /// Lowers one piece, `name =`, `name:`, `%` and `?` in front of it left out. `false` if it is no expression
    /// and may hold code.
    fn piece(&mut self, tokens: Vec<TokenTree>, values: &mut Vec<ValueId>) -> bool {
        let is_punct = |token: Option<&TokenTree>, chars: &str| matches!(token, Some(TokenTree::Punct(p)) if chars.contains(p.as_char()));
        let mut rest = tokens.as_slice();
        let is_path = is_punct(rest.get(1), ":") && is_punct(rest.get(2), ":");
        if matches!(rest.first(), Some(TokenTree::Ident(_))) && is_punct(rest.get(1), "=:") && !is_path {
            rest = &rest[2..];
        }
        while is_punct(rest.first(), "%?") {
            rest = &rest[1..];
        }
        if rest.is_empty() {
            return true;
        }
        let stream: TokenStream = rest.iter().cloned().collect();
        let holds_code = may_hold_code(&stream);
        match syn::parse2::<Expr>(stream) {
            Ok(expr) => {
                self.macro_arg(&expr, values);
                true
            }
            Err(_) => !holds_code,
        }
    }
}

/// `name` or `a.b` on the left of `=`.
fn is_name(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => path.qself.is_none() && path.path.segments.len() == 1,
        Expr::Field(field) => is_name(&field.base),
        _ => false,
    }
}

/// The identifiers that a format string mentions: `"{x} {y:?} {:w$}"` gives `x`, `y`, `w`.
fn mentioned(literal: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = literal;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        if let Some(escaped) = rest.strip_prefix('{') {
            rest = escaped;
            continue;
        }
        let Some(close) = rest.find('}') else {
            break;
        };
        let (argument, options) = rest[..close].split_once(':').unwrap_or((&rest[..close], ""));
        if is_identifier(argument.trim()) {
            names.push(argument.trim());
        }
        for option in options.split_inclusive('$') {
            if let Some(option) = option.strip_suffix('$') {
                let start = option
                    .rfind(|c: char| !c.is_alphanumeric() && c != '_')
                    .map_or(0, |at| at + option[at..].chars().next().map_or(1, char::len_utf8));
                if is_identifier(&option[start..]) {
                    names.push(&option[start..]);
                }
            }
        }
        rest = &rest[close + 1..];
    }
    names
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_')
}
