//! Source text to [`ir::File`]: the only module that knows `syn`.
//!
//! [`lower`] parses one file, turns its items ([`items`]) and bodies ([`bodies`]) into owned data, drops the
//! syntax tree and forgets the thread's spans, so nothing of `syn` outlives the call. Macro arguments are parsed
//! again as what they look like ([`macros`]), local `macro_rules!` are expanded by substitution ([`rules`]).
//!
//! It resolves no name and reads no other file. What it does not understand it passes over and lists in
//! [`File::skipped`](ir::File::skipped); only text that is not Rust at all, of no edition, is an error.

mod attrs;
mod bodies;
mod edition;
mod items;
mod limits;
mod macros;
mod outline;
mod rules;
mod source;
mod types;

#[cfg(test)]
mod tests;

use std::rc::Rc;

use crate::ir::{self, BodyIdx, SkipReason, Skipped, Span};
use bodies::Builder;
pub use outline::outline;
use rules::{Expansion, Rules};
use source::Source;

/// The stack that the calling thread must have: parsing, lowering and dropping a tree recurse as deep as the
/// source nests, up to the limits of [`limits`], also in builds without optimisation.
pub const STACK: usize = 64 << 20;

/// Why a file could not be lowered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    Syntax { span: Span, message: String },
    TooDeep { span: Span },
}

impl ParseError {
    pub fn span(&self) -> Span {
        match self {
            ParseError::Syntax { span, .. } | ParseError::TooDeep { span } => *span,
        }
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ParseError::Syntax { message, .. } => f.write_str(message),
            ParseError::TooDeep { .. } => f.write_str("nested too deep"),
        }
    }
}

impl std::error::Error for ParseError {}

/// Lowers one file. `text` is the file as it is on disk: a byte order mark, a shebang line and CRLF are fine, and
/// every span refers to it.
///
/// Calls on one thread must not overlap with other uses of `proc_macro2` spans on that thread: all of them are
/// invalidated before this returns.
///
/// Without `tests`, modules under `#[cfg(test)]` come out empty.
pub fn lower(text: &str, tests: bool) -> Result<ir::File, ParseError> {
    if u32::try_from(text.len()).is_err() {
        return Err(ParseError::Syntax { span: Span::new(0, 0), message: "the file is larger than 4 GiB".to_owned() });
    }
    let spared = limits::check(text, tests)?;
    let source = Source::new(text, &spared);
    let result = parse(&source).map(|tree| {
        let mut cx = Cx::new(&source);
        cx.file(&tree);
        cx.finish()
    });
    proc_macro2::extra::invalidate_current_thread_spans();
    result
}

fn parse(source: &Source<'_>) -> Result<syn::File, ParseError> {
    let error = match syn::parse2(tokens(source)?) {
        Ok(tree) => return Ok(tree),
        Err(error) => error,
    };
    // Lexed anew: keeping the tokens for this would cost every file a copy.
    if let Ok(tree) = syn::parse2(edition::modernise(tokens(source)?)) {
        return Ok(tree);
    }
    let message = error.to_string();
    let at_end = message.starts_with("unexpected end of input") && error.span().byte_range().is_empty();
    let span = match at_end {
        true => source.end(),
        false => source.span(error.span(), error.span()),
    };
    Err(ParseError::Syntax { span, message })
}

fn tokens(source: &Source<'_>) -> Result<proc_macro2::TokenStream, ParseError> {
    source.code().parse().map_err(|error: proc_macro2::LexError| ParseError::Syntax {
        span: source.span(error.span(), error.span()),
        message: "unbalanced delimiter or malformed token".to_owned(),
    })
}

/// What lowering one file carries along.
struct Cx<'a> {
    source: &'a Source<'a>,
    file: ir::File,
    /// The body being built. Outside of bodies it is an empty one that nothing is added to.
    body: Builder,
    /// The bodies around it, outermost first.
    outer: Vec<Builder>,
    /// Attributes and conditions of macros around the current items (`cfg_if!`).
    item_cfg: ir::Cfg,
    /// `macro_rules!` seen so far, later ones shadow.
    rules: Vec<(String, Rc<Rules>)>,
    /// The invocations whose expansions are being lowered, outermost first.
    expansions: Vec<Expansion>,
    /// Tokens that expansions may still produce; bounds recursion that doubles.
    token_budget: usize,
    /// Names declared as `static mut` in this file: reading one is an access, reading another path a constant.
    static_muts: Vec<String>,
    /// Reused to look names up without allocating.
    scratch: String,
}

impl<'a> Cx<'a> {
    fn new(source: &'a Source<'a>) -> Self {
        Cx {
            source,
            file: ir::File::default(),
            body: Builder::outside(),
            outer: Vec::new(),
            item_cfg: ir::Cfg::always(),
            rules: Vec::new(),
            expansions: Vec::new(),
            token_budget: 400_000 + source.code().len() / 2,
            static_muts: Vec::new(),
            scratch: String::new(),
        }
    }

    fn file(&mut self, tree: &syn::File) {
        self.file.attrs = self.attrs(&tree.attrs);
        self.collect_static_muts(&tree.items);
        let items = self.items(&tree.items);
        self.file.items = items;
    }

    fn finish(self) -> ir::File {
        self.file
    }

    fn skip(&mut self, span: Span, why: SkipReason) {
        self.file.skipped.push(Skipped { span, why });
    }

    /// The range from the start of `lo` to the end of `hi`. Where macro substitution glued tokens of the
    /// invocation to tokens of the template, there is no such range and the invocation stands for it.
    fn span(&self, lo: proc_macro2::Span, hi: proc_macro2::Span) -> Span {
        let span = self.source.span(lo, hi);
        match self.expansions.as_slice() {
            [] => span,
            [outermost, ..] => {
                let region =
                    |at: u32| self.expansions.iter().rposition(|e| e.template.start <= at && at <= e.template.end);
                if span.start <= span.end && region(span.start) == region(span.end) {
                    span
                } else {
                    outermost.invocation
                }
            }
        }
    }

    fn token_span(&self, token: proc_macro2::Span) -> Span {
        self.span(token, token)
    }

    /// The source text of a range, empty where there is none.
    fn slice(&self, span: Span) -> &'a str {
        self.source.slice(span)
    }

    /// Takes the next body index, in source order of heads.
    fn reserve_body(&mut self) -> BodyIdx {
        let idx = BodyIdx(u32::try_from(self.file.bodies.len()).unwrap_or(u32::MAX));
        self.file.bodies.push(bodies::empty());
        idx
    }
}

/// An identifier without `r#`.
fn name(ident: &syn::Ident) -> String {
    let mut text = ident.to_string();
    if text.starts_with("r#") {
        text.drain(..2);
    }
    text
}
