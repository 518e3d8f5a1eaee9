//! Local `macro_rules!`: matching and substitution, without hygiene.
//!
//! Substituted tokens keep their places in the invocation, the template's their places in the definition. What is
//! not understood (`${count(x)}`, `$$`) makes a rule fail, and a macro none of whose rules match is not expanded.

use std::rc::Rc;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::{ParseBuffer, ParseStream, Parser};

use super::{Cx, limits};
use crate::ir::{SkipReason, Span};

/// Expansions inside each other.
const RECURSION: usize = 32;

pub(super) struct Rules {
    rules: Vec<Rule>,
    /// The definition.
    span: Span,
}

/// An invocation being lowered.
pub(super) struct Expansion {
    /// The definition that template tokens come from.
    pub(super) template: Span,
    pub(super) invocation: Span,
}

struct Rule {
    matcher: Vec<Matcher>,
    template: Vec<Template>,
}

enum Matcher {
    Token(TokenTree),
    Group(Delimiter, Vec<Matcher>),
    Fragment { name: String, kind: String },
    Repeat { inner: Vec<Matcher>, separator: Vec<TokenTree>, once: bool, required: bool },
}

enum Template {
    Token(TokenTree),
    Group(Delimiter, proc_macro2::Span, Vec<Template>),
    Variable(String),
    Repeat { inner: Vec<Template>, separator: Vec<TokenTree> },
}

enum Binding {
    Leaf(TokenStream),
    Sequence(Vec<Binding>),
}

type Bindings = Vec<(String, Binding)>;

impl Cx<'_> {
    /// Remembers a `macro_rules!` for invocations further down.
    pub(super) fn define_macro(&mut self, name: String, tokens: &TokenStream, span: Span) {
        let rules = parse_rules(tokens.clone());
        self.rules.push((name, Rc::new(Rules { rules, span })));
    }

    /// Expands an invocation of a macro that this file defines and parses the result; `None` for other macros.
    /// While the result is lowered, an [`Expansion`] must be on the stack: [`Cx::expanding`].
    pub(super) fn expand<T>(
        &mut self,
        mac: &syn::Macro,
        parser: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
    ) -> Option<Option<(T, Expansion)>> {
        let name = local_name(&mac.path)?;
        let rules = self.rules.iter().rev().find(|(defined, _)| *defined == name).map(|(_, rules)| rules.clone())?;
        let invocation = self.mac_span(mac);
        if self.expansions.len() >= RECURSION {
            self.skip(invocation, SkipReason::TooDeep);
            return Some(None);
        }
        let Some(tokens) = rules.apply(&mac.tokens, &mut self.token_budget) else {
            self.skip(invocation, SkipReason::MacroExpansion);
            return Some(None);
        };
        let mut too_deep = false;
        let parsed = Parser::parse2(
            |input: ParseStream<'_>| {
                too_deep = !limits::allows(input.cursor());
                match too_deep {
                    true => Err(input.error("nested too deep")),
                    false => parser(input),
                }
            },
            tokens,
        );
        match parsed {
            Ok(parsed) => {
                let template = rules.span;
                Some(Some((parsed, Expansion { template, invocation })))
            }
            Err(_) => {
                let why = match too_deep {
                    true => SkipReason::TooDeep,
                    false => SkipReason::MacroExpansion,
                };
                self.skip(invocation, why);
                Some(None)
            }
        }
    }

    /// Lowers what an expansion gave.
    pub(super) fn expanding<T>(&mut self, expansion: Expansion, lower: impl FnOnce(&mut Self) -> T) -> T {
        self.expansions.push(expansion);
        let result = lower(self);
        self.expansions.pop();
        result
    }
}

/// The name of a macro that may be a local one: `name!`, `crate::name!`, `$crate::name!`.
fn local_name(path: &syn::Path) -> Option<String> {
    let mut segments = path.segments.iter();
    let first = segments.next()?;
    match segments.next() {
        None => Some(super::name(&first.ident)),
        Some(second) if first.ident == "crate" || first.ident == "self" => match segments.next() {
            None => Some(super::name(&second.ident)),
            Some(_) => None,
        },
        Some(_) => None,
    }
}

fn parse_rules(tokens: TokenStream) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut tokens = tokens.into_iter();
    while let Some(matcher) = tokens.next() {
        let TokenTree::Group(matcher) = matcher else {
            break;
        };
        // `=>`
        tokens.next();
        tokens.next();
        let Some(TokenTree::Group(template)) = tokens.next() else {
            break;
        };
        let parsed =
            parse_matcher(matcher.stream()).and_then(|matcher| Some((matcher, parse_template(template.stream())?)));
        if let Some((matcher, template)) = parsed {
            rules.push(Rule { matcher, template });
        }
        // `;`
        tokens.next();
    }
    rules
}

/// What follows the `)` of `$(…)`: a separator and `*`, `+` or `?`.
fn repetition(tokens: &mut std::iter::Peekable<proc_macro2::token_stream::IntoIter>) -> Option<(Vec<TokenTree>, char)> {
    let mut separator = Vec::new();
    loop {
        let token = tokens.next()?;
        if let TokenTree::Punct(punct) = &token
            && matches!(punct.as_char(), '*' | '+' | '?')
        {
            return Some((separator, punct.as_char()));
        }
        if separator.len() > 2 {
            return None;
        }
        separator.push(token);
    }
}

fn parse_matcher(stream: TokenStream) -> Option<Vec<Matcher>> {
    let mut out = Vec::new();
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        out.push(match token {
            TokenTree::Group(group) => Matcher::Group(group.delimiter(), parse_matcher(group.stream())?),
            TokenTree::Punct(punct) if punct.as_char() == '$' => match tokens.next()? {
                TokenTree::Group(group) => {
                    let inner = parse_matcher(group.stream())?;
                    let (separator, op) = repetition(&mut tokens)?;
                    Matcher::Repeat { inner, separator, once: op == '?', required: op == '+' }
                }
                TokenTree::Ident(name) => {
                    // `:` and the kind
                    tokens.next()?;
                    let kind = tokens.next()?.to_string();
                    Matcher::Fragment { name: name.to_string(), kind }
                }
                _ => return None,
            },
            token => Matcher::Token(token),
        });
    }
    Some(out)
}

fn parse_template(stream: TokenStream) -> Option<Vec<Template>> {
    let mut out = Vec::new();
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        out.push(match token {
            TokenTree::Group(group) => {
                Template::Group(group.delimiter(), group.span(), parse_template(group.stream())?)
            }
            TokenTree::Punct(punct) if punct.as_char() == '$' => match tokens.next()? {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                    let inner = parse_template(group.stream())?;
                    let (separator, _) = repetition(&mut tokens)?;
                    Template::Repeat { inner, separator }
                }
                TokenTree::Ident(name) if name == "crate" => Template::Token(TokenTree::Ident(name)),
                TokenTree::Ident(name) => Template::Variable(name.to_string()),
                _ => return None,
            },
            token => Template::Token(token),
        });
    }
    Some(out)
}

impl Rules {
    fn apply(&self, tokens: &TokenStream, budget: &mut usize) -> Option<TokenStream> {
        let found = Parser::parse2(
            |input: ParseStream<'_>| {
                for rule in &self.rules {
                    let attempt = input.fork();
                    let mut bindings = Vec::new();
                    if sequence(&rule.matcher, &attempt, &mut bindings).is_ok() && attempt.is_empty() {
                        // The rest was looked at in the fork.
                        input.parse::<TokenStream>()?;
                        return Ok((rule, bindings));
                    }
                }
                Err(input.error("no rule matches"))
            },
            tokens.clone(),
        );
        let (rule, bindings) = found.ok()?;
        let scope: Vec<(&str, &Binding)> = bindings.iter().map(|(n, b)| (&**n, b)).collect();
        let mut out = TokenStream::new();
        substitute(&rule.template, &scope, &mut out, budget)?;
        Some(out)
    }
}

fn sequence(matchers: &[Matcher], input: ParseStream<'_>, bindings: &mut Bindings) -> syn::Result<()> {
    for matcher in matchers {
        match matcher {
            Matcher::Token(expected) => token(expected, input)?,
            Matcher::Group(delimiter, inner) => {
                let content = group(*delimiter, input)?;
                sequence(inner, &content, bindings)?;
                if !content.is_empty() {
                    return Err(content.error("unexpected token"));
                }
            }
            Matcher::Fragment { name, kind } => {
                let tokens = fragment(kind, input)?;
                bindings.push((name.clone(), Binding::Leaf(tokens)));
            }
            Matcher::Repeat { inner, separator, once, required } => {
                let rounds = rounds(inner, separator, *once, input);
                if *required && rounds.is_empty() {
                    return Err(input.error("expected at least one"));
                }
                collect(inner, rounds, bindings);
            }
        }
    }
    Ok(())
}

/// As many repetitions as there are.
fn rounds(inner: &[Matcher], separator: &[TokenTree], once: bool, input: ParseStream<'_>) -> Vec<Bindings> {
    let mut rounds = Vec::new();
    while !input.is_empty() {
        let attempt = input.fork();
        if !rounds.is_empty() && separator.iter().any(|s| token(s, &attempt).is_err()) {
            break;
        }
        let mut bindings = Vec::new();
        if sequence(inner, &attempt, &mut bindings).is_err() || attempt.cursor() == input.cursor() {
            break;
        }
        syn::parse::discouraged::Speculative::advance_to(input, &attempt);
        rounds.push(bindings);
        if once {
            break;
        }
    }
    rounds
}

/// Turns the bindings of each repetition into one sequence for each variable.
fn collect(inner: &[Matcher], rounds: Vec<Bindings>, bindings: &mut Bindings) {
    let mut names = Vec::new();
    variables(inner, &mut names);
    let first = bindings.len();
    bindings.extend(names.into_iter().map(|name| (name.to_owned(), Binding::Sequence(Vec::new()))));
    for round in rounds {
        for (name, binding) in round {
            let slot = bindings.iter_mut().skip(first).find(|(n, _)| *n == name);
            if let Some((_, Binding::Sequence(sequence))) = slot {
                sequence.push(binding);
            }
        }
    }
}

fn variables<'m>(matchers: &'m [Matcher], out: &mut Vec<&'m str>) {
    for matcher in matchers {
        match matcher {
            Matcher::Token(_) => {}
            Matcher::Group(_, inner) | Matcher::Repeat { inner, .. } => variables(inner, out),
            Matcher::Fragment { name, .. } => out.push(name),
        }
    }
}

fn token(expected: &TokenTree, input: ParseStream<'_>) -> syn::Result<()> {
    input.step(|cursor| {
        let matches = match cursor.token_tree() {
            Some((found, rest)) => match (expected, &found) {
                (TokenTree::Ident(a), TokenTree::Ident(b)) => (a == b).then_some(rest),
                (TokenTree::Punct(a), TokenTree::Punct(b)) => (a.as_char() == b.as_char()).then_some(rest),
                (TokenTree::Literal(a), TokenTree::Literal(b)) => (a.to_string() == b.to_string()).then_some(rest),
                _ => None,
            },
            None => None,
        };
        match matches {
            Some(rest) => Ok(((), rest)),
            None => Err(cursor.error("unexpected token")),
        }
    })
}

fn group<'i>(delimiter: Delimiter, input: ParseStream<'i>) -> syn::Result<ParseBuffer<'i>> {
    let content;
    match delimiter {
        Delimiter::Parenthesis => drop(syn::parenthesized!(content in input)),
        Delimiter::Bracket => drop(syn::bracketed!(content in input)),
        Delimiter::Brace => drop(syn::braced!(content in input)),
        Delimiter::None => return Err(input.error("unexpected group")),
    }
    Ok(content)
}

/// The tokens of one `$name:kind`.
fn fragment(kind: &str, input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let begin = input.cursor();
    match kind {
        "ident" => drop(input.call(Ident::parse_any)?),
        "lifetime" => drop(input.parse::<syn::Lifetime>()?),
        "tt" if input.peek(syn::Lifetime) => drop(input.parse::<syn::Lifetime>()?),
        "tt" => drop(input.parse::<TokenTree>()?),
        "literal" => {
            input.parse::<Option<syn::Token![-]>>()?;
            input.parse::<syn::Lit>()?;
        }
        "expr" | "expr_2021" => drop(input.parse::<syn::Expr>()?),
        "ty" => drop(input.parse::<syn::Type>()?),
        "path" => drop(input.parse::<syn::Path>()?),
        "pat" => drop(input.call(syn::Pat::parse_multi_with_leading_vert)?),
        "pat_param" => drop(input.call(syn::Pat::parse_single)?),
        "block" => drop(input.parse::<syn::Block>()?),
        "item" => drop(input.parse::<syn::Item>()?),
        "stmt" => statement(input)?,
        "meta" => drop(input.parse::<syn::Meta>()?),
        "vis" => drop(input.parse::<syn::Visibility>()?),
        _ => return Err(input.error("unknown fragment")),
    }
    let tokens = between(begin, input.cursor()).ok_or_else(|| input.error("fragment ends inside a group"))?;
    let is_single = begin.token_tree().is_some_and(|(_, next)| next == input.cursor());
    Ok(match kind {
        "expr" | "expr_2021" | "ty" if !is_single => {
            let span = begin.span();
            let mut group = Group::new(Delimiter::None, tokens);
            group.set_span(span);
            TokenTree::Group(group).into()
        }
        _ => tokens,
    })
}

/// A statement without its semicolon.
fn statement(input: ParseStream<'_>) -> syn::Result<()> {
    if !input.peek(syn::Token![let]) {
        let attempt = input.fork();
        if attempt.parse::<syn::Item>().is_ok() {
            syn::parse::discouraged::Speculative::advance_to(input, &attempt);
            return Ok(());
        }
        input.parse::<syn::Expr>()?;
        return Ok(());
    }
    input.parse::<syn::Token![let]>()?;
    syn::Pat::parse_single(input)?;
    if input.peek(syn::Token![:]) {
        input.parse::<syn::Token![:]>()?;
        input.parse::<syn::Type>()?;
    }
    if input.peek(syn::Token![=]) {
        input.parse::<syn::Token![=]>()?;
        input.parse::<syn::Expr>()?;
    }
    Ok(())
}

fn between(begin: Cursor<'_>, end: Cursor<'_>) -> Option<TokenStream> {
    let mut tokens = Vec::new();
    let mut at = begin;
    while at != end {
        let (token, next) = at.token_tree()?;
        tokens.push(token);
        at = next;
    }
    Some(tokens.into_iter().collect())
}

fn substitute(
    template: &[Template],
    scope: &[(&str, &Binding)],
    out: &mut TokenStream,
    budget: &mut usize,
) -> Option<()> {
    for part in template {
        *budget = budget.checked_sub(1)?;
        match part {
            Template::Token(token) => out.extend([token.clone()]),
            Template::Group(delimiter, span, inner) => {
                let mut content = TokenStream::new();
                substitute(inner, scope, &mut content, budget)?;
                let mut group = Group::new(*delimiter, content);
                group.set_span(*span);
                out.extend([TokenTree::Group(group)]);
            }
            Template::Variable(name) => match find(scope, name) {
                Some(Binding::Leaf(tokens)) => {
                    *budget = budget.checked_sub(size(tokens, *budget))?;
                    out.extend(tokens.clone());
                }
                Some(Binding::Sequence(_)) => return None,
                // Not a variable: part of a macro that the template defines.
                None => return None,
            },
            Template::Repeat { inner, separator } => {
                repeat(inner, separator, scope, out, budget)?;
            }
        }
    }
    Some(())
}

fn repeat(
    inner: &[Template],
    separator: &[TokenTree],
    scope: &[(&str, &Binding)],
    out: &mut TokenStream,
    budget: &mut usize,
) -> Option<()> {
    let mut used = Vec::new();
    used_variables(inner, &mut used);
    let mut count = None;
    for name in &used {
        if let Some(Binding::Sequence(sequence)) = find(scope, name) {
            count = Some(count.map_or(sequence.len(), |n: usize| n.min(sequence.len())));
        }
    }
    for round in 0..count? {
        if round > 0 {
            out.extend(separator.iter().cloned());
        }
        let inner_scope: Vec<(&str, &Binding)> = used
            .iter()
            .filter_map(|name| match find(scope, name)? {
                Binding::Sequence(sequence) => Some((*name, sequence.get(round)?)),
                leaf => Some((*name, leaf)),
            })
            .collect();
        substitute(inner, &inner_scope, out, budget)?;
    }
    Some(())
}

fn find<'b>(scope: &[(&str, &'b Binding)], name: &str) -> Option<&'b Binding> {
    scope.iter().rev().find(|(bound, _)| *bound == name).map(|(_, binding)| *binding)
}

fn used_variables<'t>(template: &'t [Template], out: &mut Vec<&'t str>) {
    for part in template {
        match part {
            Template::Token(_) => {}
            Template::Variable(name) => {
                if !out.contains(&name.as_str()) {
                    out.push(name);
                }
            }
            Template::Group(_, _, inner) | Template::Repeat { inner, .. } => {
                used_variables(inner, out);
            }
        }
    }
}

/// The tokens in a stream, or a little more than `limit` if there are more.
fn size(tokens: &TokenStream, limit: usize) -> usize {
    let mut count = 0;
    for token in tokens.clone() {
        count += 1;
        if let TokenTree::Group(group) = token {
            count += size(&group.stream(), limit.saturating_sub(count));
        }
        if count > limit {
            break;
        }
    }
    count
}
