//! What the source claims about pairing: `// sync: pairs with Queue::pop` at an operation, and the same as an attribute
//! of a function.
//!
//! A comment speaks of the operations on its line, or of those of the statement below it; where that has a fence or is
//! the head of a function, of the whole function. Only the `sync:` form is read, and only names that stand directly
//! behind "pairs with": the rest is prose.

use rustc_hash::FxHashMap;

use super::access::{Key, LocId, OpId, Orders};
use super::{Facts, Seen};
use crate::contract::Word;
use crate::finding::Site;
use crate::ir::{Attr, EventId, EventKind, ItemKind, Span};
use crate::resolve::{BodyId, DefId};
use crate::source::{Comment, FileId, SourceFile};

/// One claim: these operations pair with those partners.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The comment or attribute.
    pub site: Site,
    pub partners: Vec<PartnerName>,
    pub function: DefId,
    pub body: BodyId,
    /// What is said to pair; may be empty for a whole function, whose partner must exist all the same.
    pub acts: Vec<Act>,
    /// It is said of a fence or of the whole function rather than of single operations.
    pub whole: bool,
}

/// The name of a partner, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerName {
    pub name: String,
    pub span: Span,
}

/// An operation as somebody performs it.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    pub op: OpId,
    /// Where this body performs it: the operation, or the call that leads to it.
    pub at: (BodyId, EventId),
    pub location: Option<LocId>,
    pub orders: Orders,
}

/// The numbers of locations by what they are.
pub(super) type Locations<'f> = FxHashMap<&'f Key, LocId>;

/// Every claim of the analysed crates, in the order of files and positions.
pub(super) fn collect(facts: &Facts<'_>, locations: &Locations<'_>) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut bodies: Option<FxHashMap<FileId, Vec<BodyId>>> = None;
    for (i, file) in facts.sources.files.iter().enumerate() {
        if !may_claim(&file.text) || facts.program.files.get(i).is_none_or(Option::is_none) {
            continue;
        }
        let id = FileId(i as u32);
        let all = bodies.get_or_insert_with(|| bodies_by_file(facts));
        let Some(here) = all.get(&id) else { continue };
        let reader = Reader { facts, locations, file, id, bodies: here };
        for comment in file.comments().all() {
            let partners = names_in(comment, &file.text);
            if !partners.is_empty() {
                claims.extend(reader.claim(comment, partners));
            }
        }
    }
    claims.extend(facts.program.def_ids().flat_map(|def| in_attributes(facts, locations, def)));
    claims
}

/// Whether a text has the word that claims begin with, which isn't the module in `std::sync::atomic`.
fn may_claim(text: &str) -> bool {
    text.match_indices("sync:").any(|(at, word)| !text[at + word.len()..].starts_with(':'))
}

/// `#[pairs_with("Queue::pop")]` on a function.
fn in_attributes(facts: &Facts<'_>, locations: &Locations<'_>, function: DefId) -> Vec<Claim> {
    let d = facts.program.def(function);
    let marked = facts.program.annotations(function).filter(|a| a.word == Word::PairsWith).map(|a| a.attr);
    let claim = |attr: &Attr| {
        let body = facts.program.body_of(function)?;
        let written = facts.text(Site { file: d.file, span: attr.span });
        let start = attr.span.start + written.find(&attr.tokens).unwrap_or(0) as u32;
        let partners = read_names(&attr.tokens, start);
        let nested = facts.program.body_ids().filter(|b| facts.program.body(*b).owner == function);
        let acts = acts_of(facts, locations, &nested.collect::<Vec<_>>());
        let site = Site { file: d.file, span: attr.span };
        Some(Claim { site, partners, function, body, acts, whole: true })
    };
    if d.is_test { Vec::new() } else { marked.filter_map(claim).collect() }
}

fn bodies_by_file(facts: &Facts<'_>) -> FxHashMap<FileId, Vec<BodyId>> {
    let mut all: FxHashMap<FileId, Vec<BodyId>> = FxHashMap::default();
    for body in facts.program.body_ids() {
        all.entry(facts.program.body(body).file).or_default().push(body);
    }
    all
}

/// What the bodies of a function do, helpers included.
pub(super) fn acts_of(facts: &Facts<'_>, locations: &Locations<'_>, bodies: &[BodyId]) -> Vec<Act> {
    bodies.iter().flat_map(|b| facts.seen(*b).iter().map(|s| act(facts, locations, *b, s))).collect()
}

fn act(facts: &Facts<'_>, locations: &Locations<'_>, body: BodyId, seen: &Seen) -> Act {
    let by_place = || seen.place.location().and_then(|k| locations.get(&Key::of(k)).copied());
    let location = facts.op(seen.op).location.or_else(by_place);
    Act { op: seen.op, at: (body, seen.event), location, orders: seen.orders }
}

struct Reader<'f, 'a> {
    facts: &'f Facts<'a>,
    locations: &'f Locations<'f>,
    file: &'f SourceFile,
    id: FileId,
    bodies: &'f [BodyId],
}

impl Reader<'_, '_> {
    fn claim(&self, comment: &Comment, partners: Vec<PartnerName>) -> Option<Claim> {
        let line = if comment.own_line { self.line_below(comment)? } else { comment.line };
        let site = Site { file: self.id, span: comment.span };
        if let Some(body) = self.function_headed(comment, line) {
            let function = self.facts.program.body(body).owner;
            let nested: Vec<BodyId> =
                self.bodies.iter().copied().filter(|b| self.facts.program.body(*b).owner == function).collect();
            let acts = acts_of(self.facts, self.locations, &nested);
            return Some(Claim { site, partners, function, body, acts, whole: true });
        }
        let body = self.innermost(comment.span)?;
        let function = self.facts.program.body(body).owner;
        let (acts, whole) = self.spoken_of(body, comment, self.below_attributes(line));
        (!acts.is_empty()).then_some(Claim { site, partners, function, body, acts, whole })
    }

    /// The first line of code below a comment; none if an empty line lies between.
    fn line_below(&self, comment: &Comment) -> Option<u32> {
        let mut line = comment.last_line + 1;
        loop {
            if self.file.line_text(line).trim().is_empty() {
                return None;
            }
            match self.file.comments().on_line(line).first() {
                Some(c) if c.own_line => line = c.last_line + 1,
                _ => return Some(line),
            }
        }
    }

    /// The first line from `line` on that is no attribute of the statement below it.
    fn below_attributes(&self, mut line: u32) -> u32 {
        while self.file.line_text(line).trim_start().starts_with("#[") {
            line += 1;
        }
        line
    }

    /// The function whose head stands on a line, or to whose documentation and attributes a comment belongs.
    fn function_headed(&self, comment: &Comment, line: u32) -> Option<BodyId> {
        let program = self.facts.program;
        self.bodies.iter().copied().find(|b| {
            let b = program.body(*b);
            let item = program.def(b.owner).item;
            let ItemKind::Fn(f) = &item.kind else { return false };
            let inside = item.span.contains(comment.span) && comment.span.end <= f.sig_span.start;
            let above = comment.own_line
                && self.file.lines().line(item.span.start) == line
                && !is_within(b.ir.span, comment.span);
            b.parent.is_none() && (inside || above)
        })
    }

    fn innermost(&self, span: Span) -> Option<BodyId> {
        let ir = |b: &BodyId| self.facts.program.body(*b).ir;
        let around = self.bodies.iter().copied().filter(|b| is_within(ir(b).span, span));
        around.min_by_key(|b| ir(b).span.end - ir(b).span.start)
    }

    /// The operations that a comment stands at, and whether it is about the whole body.
    fn spoken_of(&self, body: BodyId, comment: &Comment, line: u32) -> (Vec<Act>, bool) {
        let owner = self.facts.program.body(body).owner;
        let all = || self.bodies.iter().copied().filter(|b| self.facts.program.body(*b).owner == owner);
        let events: Vec<(BodyId, EventId)> = all()
            .flat_map(|b| (0..self.facts.program.body(b).ir.events.len() as u32).map(move |e| (b, EventId(e))))
            .collect();
        let on_line: Vec<_> = events.iter().copied().filter(|e| self.is_at(*e, comment, line)).collect();
        let is_fence = |(b, e): (BodyId, EventId)| matches!(self.facts.event(b, e).kind, EventKind::Fence { .. });
        let is_op = |(b, e): (BodyId, EventId)| matches!(self.facts.event(b, e).kind, EventKind::Atomic(_));
        let of = |at: &[(BodyId, EventId)]| -> Vec<Act> { at.iter().flat_map(|e| self.acts_at(*e)).collect() };
        if on_line.iter().any(|e| is_fence(*e)) {
            return (acts_of(self.facts, self.locations, &all().collect::<Vec<_>>()), true);
        }
        let direct: Vec<_> = on_line.iter().copied().filter(|e| is_op(*e)).collect();
        if !direct.is_empty() {
            return (of(&direct), false);
        }
        let here = of(&on_line);
        if !here.is_empty() || !comment.own_line {
            return (here, false);
        }
        // Further down in the statement that begins below the comment.
        let same_statement = |e: &(BodyId, EventId)| {
            let start = self.facts.event(e.0, e.1).span.start;
            let between = self.file.slice(Span::new(comment.span.end, start.max(comment.span.end)));
            start >= comment.span.end && !between.contains(';')
        };
        let first = events.into_iter().filter(|e| is_op(*e) && same_statement(e));
        let first = first.min_by_key(|e| self.facts.event(e.0, e.1).span.start);
        (of(&first.into_iter().collect::<Vec<_>>()), false)
    }

    /// Whether an event stands at a comment's line: begins on the one below, or touches the one it is on.
    fn is_at(&self, (body, event): (BodyId, EventId), comment: &Comment, line: u32) -> bool {
        let span = self.facts.event(body, event).span;
        let lines = self.file.lines();
        let (first, last) = (lines.line(span.start), lines.line(span.end.saturating_sub(1)));
        if comment.own_line && !is_within(span, comment.span) { first == line } else { first <= line && line <= last }
    }

    fn acts_at(&self, (body, event): (BodyId, EventId)) -> Vec<Act> {
        let here = self.facts.seen(body).iter().filter(|s| s.event == event);
        here.map(|s| act(self.facts, self.locations, body, s)).collect()
    }
}

fn is_within(outer: Span, inner: Span) -> bool {
    outer.contains(inner)
}

/// The names behind "pairs with" in every line of a comment that has the `sync:` form.
fn names_in(comment: &Comment, text: &str) -> Vec<PartnerName> {
    let whole = &text[comment.span.start as usize..comment.span.end as usize];
    let mut names = Vec::new();
    let mut at = comment.span.start;
    for line in whole.split_inclusive('\n') {
        let inner = line.trim_start_matches(|c: char| c.is_whitespace() || "/*!".contains(c));
        if let Some(rest) = inner.strip_prefix("sync:")
            && let Some(claim) = rest.trim_start().strip_prefix("pairs with")
        {
            let start = at + (line.len() - claim.len()) as u32;
            names.extend(read_names(claim, start));
        }
        at += line.len() as u32;
    }
    names
}

/// Names separated by commas, "and" or "or"; `text` starts at byte `start` of the file.
pub(super) fn read_names(text: &str, start: u32) -> Vec<PartnerName> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "`[\"".contains(c));
        let Some(length) = path_length(rest) else { break };
        let at = start + (text.len() - rest.len()) as u32;
        let written = &rest[..length];
        let quoted = text[..text.len() - rest.len()].ends_with('`');
        rest = &rest[length..];
        let after = rest.strip_prefix("()").unwrap_or(rest);
        let called = after.len() != rest.len();
        rest = after.trim_start_matches(['`', ']', '"']);
        let next = rest.trim_start();
        let goes_on =
            ["and ", "or ", "& "].iter().find_map(|w| next.strip_prefix(w)).or_else(|| next.strip_prefix(','));
        let ends = next.is_empty() || next.starts_with(|c: char| !c.is_alphanumeric());
        // A lone word with more words behind it is prose: "pairs with the load in pop".
        if !written.contains("::") && !quoted && !called && !ends && goes_on.is_none() {
            break;
        }
        if matches!(written, "nothing" | "none" | "itself" | "no") {
            break;
        }
        names.push(PartnerName { name: written.to_owned(), span: Span::new(at, at + length as u32) });
        match goes_on {
            Some(more) => rest = more,
            None => break,
        }
    }
    names
}

/// How many bytes of a text are a path: `a::B<T>::c`.
fn path_length(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut end = 0;
    for (i, c) in text.char_indices() {
        let single = c == ':' && !text[i..].starts_with("::") && !text[..i].ends_with(':');
        match c {
            '<' => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            _ if single => break,
            c if c.is_alphanumeric() || c == '_' || c == ':' => {}
            _ => break,
        }
        end = i + c.len_utf8();
    }
    let starts = text.starts_with(|c: char| c.is_alphabetic() || "_<:".contains(c));
    (end > 0 && starts && depth == 0).then(|| text[..end].trim_end_matches(':').len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = read_names(text, 0).into_iter().map(|n| n.name).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn names_behind_pairs_with() {
        check(" Queue::pop", &["Queue::pop"]);
        check(" `Queue::pop` and `Queue::drop`, drain", &["Queue::pop", "Queue::drop", "drain"]);
        check(" Queue<T>::pop(), which frees", &["Queue<T>::pop"]);
        check(" pop", &["pop"]);
        check(" pop.", &["pop"]);
        check(" crate::queue::Queue::pop: the acquire load", &["crate::queue::Queue::pop"]);
        check(" Queue::pop //~ mark", &["Queue::pop"]);
        check(" the load in `pop`", &[]);
        check(" nothing", &[]);
        check("", &[]);
        check(" [`Queue::pop`]", &["Queue::pop"]);
    }
}
